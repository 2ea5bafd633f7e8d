"""Take out when each word and phoneme is said: subtitles, a table of phonemes, and a picture of the alignment.

    flowdubber demo demo
    python examples/subtitles.py --video demo/demo.mp4 --script "place blue at f two now" \\
        --reference demo/demo_reference.wav --output outputs/subtitles

The aligner decides which phoneme each video frame shows before any sound is made, so these times are those of the dub by
construction. Written are `dubbed.mp4`, `dubbed.srt`, `phonemes.tsv`, and `alignment.png`: how much each frame's lips attend to each phoneme,
and the path that was taken. (Subtitles
alone are written by `flowdubber dub --srt FILE`; the words of many clips are in `dubs.jsonl` of `flowdubber dub --batch`.)
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from flowdubber_hf import FlowDubberPipeline, FlowDubberPipelineOutput
from flowdubber_hf.processing.audio import MEL_FRAME_RATE
from flowdubber_hf.processing.subtitles import srt


def phoneme_times(path: np.ndarray, phonemes: Sequence[str]) -> list[tuple[str, float, float]]:
    """Phoneme, start and end in seconds, from the `(phonemes, mel frames)` path; pauses that take no time are left out."""
    rows, frame = [], 0
    for index, held in groupby(path.argmax(axis=0)):
        length = len(list(held))
        rows.append((phonemes[index], frame / MEL_FRAME_RATE, (frame + length) / MEL_FRAME_RATE))
        frame += length
    return rows


def draw_alignment(dub: FlowDubberPipelineOutput, file: Path) -> None:
    """Phonemes from bottom to top, the clip's frames from left to right."""
    from matplotlib.figure import Figure

    attention, path, seconds = dub.alignments[0], dub.paths[0], dub.durations[0]
    figure = Figure(figsize=(8, 4), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    extent = (0, seconds, -0.5, len(path) - 0.5)
    axes.imshow(attention, aspect="auto", origin="lower", extent=extent, cmap="Blues", interpolation="nearest")
    times = (np.arange(path.shape[1]) + 0.5) / MEL_FRAME_RATE
    axes.step(times, path.argmax(axis=0), where="mid", color="tab:red", linewidth=1.5, label="path that was taken")
    axes.set_yticks(range(len(dub.phonemes[0])), dub.phonemes[0], fontsize=7)
    axes.set_xlabel("seconds of the clip")
    axes.set_ylabel("phonemes of the script")
    axes.legend(loc="upper left")
    figure.savefig(file)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Subtitles and alignment of a dub.")
    parser.add_argument("--video", required=True, help="the clip of the speaker")
    parser.add_argument("--script", required=True, help="the words to be spoken")
    parser.add_argument("--reference", required=True, help="at least 1 s of the voice")
    parser.add_argument("--output", type=Path, required=True, help="folder of the files")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    parser.add_argument("--guidance_scale", type=float, default=1.4, help="1 is none and costs half")
    args = parser.parse_args(argv)

    pipe = FlowDubberPipeline.from_pretrained(args.model)
    dub = pipe(
        script=args.script,
        video=args.video,
        reference_audio=args.reference,
        guidance_scale=args.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(0),
    )

    args.output.mkdir(parents=True, exist_ok=True)
    pipe.save_video(dub, args.output / "dubbed.mp4")
    (args.output / "dubbed.srt").write_text(srt(dub.words[0]), encoding="utf-8")
    rows = phoneme_times(dub.paths[0], dub.phonemes[0])
    table = "".join(f"{phoneme}\t{start:.2f}\t{end:.2f}\n" for phoneme, start, end in rows)
    (args.output / "phonemes.tsv").write_text(table, encoding="utf-8")
    if dub.alignments is not None and dub.alignments[0] is not None:
        draw_alignment(dub, args.output / "alignment.png")
    else:
        print("no picture of the alignment: a clip of more than 30 s is read in passes")
    print(srt(dub.words[0]))


if __name__ == "__main__":
    main()

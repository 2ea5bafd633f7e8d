"""The first picture of the README: some frames of a clip, and below them what the model says at that moment.

    flowdubber demo demo
    python examples/draw_dub.py --video demo/demo.mp4 --script "place blue at f two now" \\
        --reference demo/demo_reference.wav --picture docs/dub.png --clip docs/dub.mp4

`--clip` is the dub itself, small enough for a page. Needs matplotlib.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from flowdubber_hf import FlowDubberPipeline, FlowDubberPipelineOutput
from flowdubber_hf.processing.audio import log_mel
from flowdubber_hf.processing.video import iter_frames, transcode_video


CLIP_SIDE = 256  # pixels
FRAMES = 8


def draw_dub(dub: FlowDubberPipelineOutput, frames: Sequence[np.ndarray], file: Path) -> None:
    """Frames in a row, and below them the log-mel of the dub with its words."""
    from matplotlib.figure import Figure

    seconds = dub.durations[0]
    figure = Figure(figsize=(9, 3.6), dpi=80, layout="constrained")
    grid = figure.add_gridspec(2, FRAMES, height_ratios=(1, 1.7))
    for column in range(FRAMES):
        axes = figure.add_subplot(grid[0, column])
        axes.imshow(frames[int((column + 0.5) / FRAMES * len(frames))])
        axes.set_axis_off()
    axes = figure.add_subplot(grid[1, :])
    mel = log_mel(torch.from_numpy(np.asarray(dub.audios[0], dtype=np.float32))).numpy()
    axes.imshow(mel, aspect="auto", origin="lower", extent=(0, seconds, 0, len(mel)), cmap="magma")
    for word, start, end in dub.words[0]:
        axes.axvline(start, color="white", linewidth=0.8)
        axes.text((start + end) / 2, 0.9 * len(mel), word, color="white", ha="center", va="center")
    axes.set_yticks([])
    axes.set_xlabel("seconds of the clip; the words lie where the mouth says them")
    figure.savefig(file)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="A picture and a small clip of a dub.")
    parser.add_argument("--video", required=True, help="the clip of the speaker")
    parser.add_argument("--script", required=True, help="the words to be spoken")
    parser.add_argument("--reference", required=True, help="at least 1 s of the voice")
    parser.add_argument("--picture", type=Path, required=True, help="PNG to write")
    parser.add_argument("--clip", type=Path, required=True, help="MP4 to write")
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
    with tempfile.TemporaryDirectory() as folder:
        dubbed = pipe.save_video(dub, Path(folder) / "dubbed.mp4")
        transcode_video(dubbed, args.clip, max_side=CLIP_SIDE, overwrite=True)
    draw_dub(dub, list(iter_frames(args.video, "rgb24")), args.picture)


if __name__ == "__main__":
    main()

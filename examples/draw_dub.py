"""The first picture of the README: the clip in a loop and, beside it, what the model says at that moment.

    flowdubber demo demo
    python examples/draw_dub.py --video demo/demo.mp4 --script "place blue at f two now" \\
        --reference demo/demo_reference.wav --picture docs/dub.gif --clip docs/dub.mp4

`--clip` is the dub itself, with its sound, small enough for a page. Needs matplotlib.
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
from flowdubber_hf.drawing.figures import new_figure, to_pixels
from flowdubber_hf.drawing.speech import draw_mel
from flowdubber_hf.processing.audio import VIDEO_FRAME_RATE, log_mel
from flowdubber_hf.processing.video import iter_frames, transcode_video


CLIP_SIDE = 256  # pixels
STEP = 2  # every second frame of the clip: half the size, and smooth enough
FIGURE = (7.2, 2.4)  # inches, at 100 pixels each


def draw_dub(dub: FlowDubberPipelineOutput, frames: Sequence[np.ndarray], file: Path) -> None:
    """A looping GIF: the frames, and beside them the log-mel of the dub with its words and a line that moves with the time."""
    from PIL import Image

    seconds = dub.durations[0]
    figure = new_figure(*FIGURE)
    picture, axes = figure.subplots(1, 2, width_ratios=(1, 2))
    picture.set_axis_off()
    shown = picture.imshow(frames[0])
    mel = log_mel(torch.from_numpy(np.asarray(dub.audios[0], dtype=np.float32))).numpy()
    draw_mel(axes, mel, float(mel.min()), float(mel.max()))
    for word, start, end in dub.words[0]:
        axes.axvline(start, color="white", linewidth=0.8)
        axes.text((start + end) / 2, 0.9 * len(mel), word, color="white", ha="center", va="center", fontsize=8)
    axes.set_yticks([])
    axes.tick_params(labelsize=8)
    axes.set_xlabel("seconds", fontsize=8)
    now = axes.axvline(0, color="cyan", linewidth=2)
    pictures = []
    for index in range(0, len(frames), STEP):
        shown.set_data(frames[index])
        now.set_xdata([min(index / VIDEO_FRAME_RATE, seconds)] * 2)
        pictures.append(Image.fromarray(to_pixels(figure)))
    colours = pictures[len(pictures) // 2].quantize(255)  # one palette, so that only what moves is stored
    first, *others = (image.quantize(palette=colours, dither=Image.Dither.NONE) for image in pictures)
    first.save(
        file, format="GIF", save_all=True, append_images=others, duration=1000 * STEP // VIDEO_FRAME_RATE, loop=0
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="A looping picture and a small clip of a dub.")
    parser.add_argument("--video", required=True, help="the clip of the speaker")
    parser.add_argument("--script", required=True, help="the words to be spoken")
    parser.add_argument("--reference", required=True, help="at least 1 s of the voice")
    parser.add_argument("--picture", type=Path, required=True, help="GIF to write")
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

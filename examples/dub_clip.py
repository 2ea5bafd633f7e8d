"""Dub one clip: the whole of it in Python.

    flowdubber demo demo        # makes a small clip and a voice to try
    python examples/dub_clip.py --video demo/demo.mp4 --script "place blue at f two now" \\
        --reference demo/demo_reference.wav --output dubbed.mp4

`flowdubber dub` does the same and checks more. Here is what it comes down to.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from collections.abc import Sequence

import torch

from flowdubber_hf import FlowDubberPipeline


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Dub one clip.")
    parser.add_argument(
        "--video", required=True, help="the clip of the speaker, up to 10 minutes; its own sound is not used"
    )
    parser.add_argument("--script", required=True, help="the words to be spoken")
    parser.add_argument("--reference", required=True, help="at least 1 s of the voice")
    parser.add_argument("--output", required=True, help="the dubbed clip: .mp4, .mov, .mkv, or .wav for sound only")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    parser.add_argument("--steps", type=int, default=10, help="steps of the flow")
    parser.add_argument("--guidance_scale", type=float, default=1.4, help="1 is none and costs half")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same sound")
    args = parser.parse_args(argv)

    pipe = FlowDubberPipeline.from_pretrained(args.model)
    pipe.to("cuda" if torch.cuda.is_available() else "cpu")

    dub = pipe(
        script=args.script,
        video=args.video,
        reference_audio=args.reference,
        num_inference_steps=args.steps,
        guidance_scale=args.guidance_scale,
        generator=torch.Generator("cpu").manual_seed(args.seed),
    )

    for warning in dub.warnings[0]:  # a face that was lost for a while, a damaged file, ...
        print(f"warning: {warning}")
    for word, start, end in dub.words[0]:
        print(f"{start:5.2f} {end:5.2f}  {word}")
    pipe.save_video(dub, args.output)  # the clip's own pictures beside the new sound
    print(f"{len(dub.audios[0])} samples at {dub.sampling_rate} Hz, as long as the clip: {args.output}")


if __name__ == "__main__":
    main()

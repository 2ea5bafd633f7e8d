"""Dub many clips: several a call, shared out among the processes of `accelerate launch`.

    accelerate launch --num_processes 2 examples/dub_batch.py --batch jobs.jsonl --output dubs

(Without graphics cards that launcher starts one process; `torchrun --nproc_per_node 2 examples/dub_batch.py ...` starts two.)
`jobs.jsonl` has a line a clip, with paths relative to it:

    {"video": "one.mp4", "script": "bin blue at f two now", "reference": "voice.wav"}
    {"video": "two.mp4", "script": "set red by nine again", "reference": "voice.wav"}

For everyday use there is a command that also checks the listing first, goes on after a clip that fails and after a stop, and
knows what is done already: `flowdubber dub --batch jobs.jsonl --output dubs`. This script shows how to build such a thing into a
program of your own: the pipeline takes lists, and each clip has a generator of its own, so that its sound is the same whatever
clips stand beside it.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import PartialState

from flowdubber_hf import FlowDubberPipeline


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Dub many clips.")
    parser.add_argument("--batch", type=Path, required=True, help="lines of JSON with video, script and reference")
    parser.add_argument("--output", type=Path, required=True, help="folder of the dubs")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    parser.add_argument("--batch_size", type=int, default=4, help="clips a call")
    parser.add_argument("--guidance_scale", type=float, default=1.4, help="1 is none and costs half")
    parser.add_argument("--seed", type=int, default=0, help="of every clip")
    parser.add_argument("--overwrite", action="store_true", help="replace dubs that are there")
    args = parser.parse_args(argv)

    # This process: its number among those of the launcher, and the device that is its own.
    state = PartialState(cpu=not torch.cuda.is_available())
    jobs = [json.loads(line) for line in args.batch.read_text(encoding="utf-8").splitlines() if line.strip()]
    args.output.mkdir(parents=True, exist_ok=True)

    pipe = FlowDubberPipeline.from_pretrained(args.model).to(state.device)
    pipe.set_progress_bar_config(disable=not state.is_main_process)

    with state.split_between_processes(jobs) as mine:
        for start in range(0, len(mine), args.batch_size):
            group = mine[start : start + args.batch_size]
            dubs = pipe(
                script=[job["script"] for job in group],
                video=[args.batch.parent / job["video"] for job in group],
                reference_audio=[args.batch.parent / job["reference"] for job in group],
                guidance_scale=args.guidance_scale,
                generator=[torch.Generator("cpu").manual_seed(args.seed) for _ in group],
            )
            for index, job in enumerate(group):
                path = args.output / Path(job["video"]).with_suffix(".mp4").name
                pipe.save_video(dubs, path, overwrite=args.overwrite, index=index)
                print(f"process {state.process_index}: {path}")
    state.wait_for_everyone()


if __name__ == "__main__":
    main()

"""How many clips to dub at once: seconds a clip of the pipeline's own batches and of `flowdubber dub --batch --num-proc`.

    python examples/benchmark_batches.py --data ../shared/data/grid --threads 1

The same clips are dubbed by turns in batches of each size, files read and all; the processes dub them from a listing, each with its
own model, and their time includes loading it. Where other work shares the machine, compare the processor seconds: the clock then says little.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, mkdtemp

import torch

from benchmark_takes import Clip, clips_in
from flowdubber_hf.dubbing.loading import load_pipeline
from flowdubber_hf.pipelines.flowdubber import FlowDubberPipeline


Seconds = tuple[float, float]  # of the processor, of the clock


def batched(pipe: FlowDubberPipeline, clips: Sequence[Clip], size: int) -> Seconds:
    """All clips, so many in a call."""
    processor, clock = time.process_time(), time.perf_counter()
    for start in range(0, len(clips), size):
        scripts, videos, references = map(list, zip(*clips[start : start + size], strict=True))
        seeds = [torch.Generator().manual_seed(0) for _ in scripts]
        pipe(scripts, videos, references, generator=seeds)
    return time.process_time() - processor, time.perf_counter() - clock


def in_processes(model: str, clips: Sequence[Clip], num_proc: int, threads: int, folder: Path) -> Seconds:
    """All clips by the command, in so many processes."""
    rows = [
        {"video": str(video.absolute()), "script": script, "reference": str(voice.absolute())}
        for script, video, voice in clips
    ]
    made = Path(mkdtemp(dir=folder))  # what is there already would not be dubbed again
    listing = made / "listing.jsonl"
    named = [{**row, "output": f"{number}.wav"} for number, row in enumerate(rows)]
    listing.write_text("".join(json.dumps(row) + "\n" for row in named), encoding="utf-8")
    command = [sys.executable, "-m", "flowdubber_hf", "dub", "--batch", str(listing), "--model", model, "--quiet"]
    command += ["--output", str(made / "dubs"), "--num-proc", str(num_proc)]
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if len(list((made / "dubs").glob("*.wav"))) != len(clips):
        raise ValueError("not all clips were dubbed.")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.perf_counter() - clock


def table(title: str, found: dict[int, list[Seconds]], clips: int) -> list[str]:
    """Medians a clip, in Markdown."""
    rows = [f"| {title} | processor seconds a clip | seconds a clip | clips a second |", "|---|---|---|---|"]
    for size, runs in found.items():
        processor, clock = (median(column) / clips for column in zip(*runs, strict=True))
        rows.append(f"| {size} | {processor:.2f} | {clock:.2f} | {1 / clock:.2f} |")
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="a corpus; the drawn clip over and over where it is left out")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--sizes", type=int, nargs="*", default=[1, 2, 4, 8, 16], help="of batches")
    parser.add_argument("--processes", type=int, nargs="*", default=[1, 2], help="--num-proc")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="flowdubber-grid-tiny")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    sizes: dict[int, list[Seconds]] = {size: [] for size in arguments.sizes}
    processes: dict[int, list[Seconds]] = {number: [] for number in arguments.processes}
    with TemporaryDirectory() as folder:
        clips = clips_in(arguments.data, arguments.split, arguments.clips, Path(folder))
        pipe = load_pipeline(arguments.model, "cpu")
        pipe.set_progress_bar_config(disable=True)
        batched(pipe, clips[:1], 1)  # to warm up
        for _ in range(arguments.repeats):
            for size, runs in sizes.items():
                runs.append(batched(pipe, clips, size))
            for number, runs in processes.items():
                runs.append(in_processes(arguments.model, clips, number, arguments.threads, Path(folder)))
    lines = table("clips at once", sizes, len(clips)) if sizes else []
    lines += ["", *table("processes", processes, len(clips))] if processes else []
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

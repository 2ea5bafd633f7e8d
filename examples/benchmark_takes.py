"""What several takes of a dub cost beside one: processor seconds of the same clips in one run.

    OMP_NUM_THREADS=1 python examples/benchmark_takes.py --data ../shared/data/grid --takes 4

Each clip is read, dubbed once, then dubbed as often as asked for, as `flowdubber dub --best-of` does it, with and without the judges that
choose the take. Without `--data` the drawn clip of `flowdubber demo` is dubbed over and over.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from flowdubber_hf.demo import make_demo
from flowdubber_hf.dubbing import takes
from flowdubber_hf.dubbing.loading import load_pipeline
from flowdubber_hf.evaluation.clips import pair_clips, read_clips
from flowdubber_hf.pipelines.flowdubber import FlowDubberPipeline
from flowdubber_hf.sampling import DEFAULT_STEPS


Clip = tuple[str, Path, Path]  # script, video, reference


def seconds_of(pipe: FlowDubberPipeline, clip: Clip, count: int) -> tuple[float, float]:
    """Processor seconds of the best of so many takes of a clip, and those of them that the choosing took."""
    choosing = 0.0
    choose = takes.choose_sound

    def timed(*given):
        nonlocal choosing
        start = time.process_time()
        try:
            return choose(*given)
        finally:
            choosing += time.process_time() - start

    takes.choose_sound = timed
    try:
        start = time.process_time()
        takes.best_take(pipe, pipe.prepare(*clip), range(count), DEFAULT_STEPS)
        return time.process_time() - start, choosing
    finally:
        takes.choose_sound = choose


def clips_in(data: Path | None, split: str, count: int, folder: Path) -> list[Clip]:
    """Clips of a corpus with the next one's voice, or the drawn one again and again."""
    if data is None:
        drawn = make_demo(folder)
        return [(drawn.script, drawn.video, drawn.reference)] * count
    clips, recordings = read_clips(data, split)
    found = pair_clips(clips, 2, data, recordings).clips[:count]
    return [(clip.text, clip.video, clip.reference.path) for clip in found]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="a corpus; the drawn clip where it is left out")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--clips", type=int, default=6, help="the first one warms up and is not counted")
    parser.add_argument("--takes", type=int, default=4)
    parser.add_argument("--model", default="flowdubber-grid-tiny")
    arguments = parser.parse_args(argv)
    pipe = load_pipeline(arguments.model, "cpu")
    pipe.set_progress_bar_config(disable=True)
    with TemporaryDirectory() as folder:
        clips = clips_in(arguments.data, arguments.split, arguments.clips, Path(folder))
        rows = [(*seconds_of(pipe, clip, 1), *seconds_of(pipe, clip, arguments.takes)) for clip in clips][1:]
    one, _, several, choosing = (median(column) for column in zip(*rows, strict=True))
    sys.stdout.write(
        f"one take {one:.2f} s, {arguments.takes} takes {several:.2f} s, of which choosing {choosing:.2f} s: "
        f"{several / one:.2f} times one take, {(several - choosing) / one:.2f} without the choosing "
        f"(medians of {len(rows)} clips)\n"
    )


if __name__ == "__main__":
    main()

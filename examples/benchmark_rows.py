"""Two tables of the benchmarks that `flowdubber evaluate` does not make: speech without lips, and the cost of long clips."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import evaluate_durations
import evaluate_free_text
from flowdubber_hf.evaluation.clips import EvaluationClip, pair_clips, read_clips
from flowdubber_hf.evaluation.settings import EvaluateSettings
from flowdubber_hf.evaluation.speed import measure_command
from flowdubber_hf.processing.audio import SAMPLING_RATE
from made_clips import make_clips


SENTENCES_PER_CLIP = 5
TIMED_CALLS = 2
# Title, options of evaluate_free_text.py, and what stands in the titles of its rows behind the voice.
FREE_TEXT_ROWS = (
    ("lips of a drawn head", ["--diagnose"], ""),
    ("times at which it was drawn", ["--diagnose"], ", drawn times"),
    ('**no lips, `timing="cue"`**', ["--timing", "cue"], ""),
    ("no lips, over the whole clip", ["--without", "lips"], ""),
    ("five sentences in a clip, lips", ["--diagnose", "--sentences_per_clip", str(SENTENCES_PER_CLIP)], ""),
    (
        "five sentences in a clip, times at which they were drawn",
        ["--diagnose", "--sentences_per_clip", str(SENTENCES_PER_CLIP)],
        ", drawn times",
    ),
)


def free_text_arguments(args: argparse.Namespace, options: list[str]) -> argparse.Namespace:
    """The options of evaluate_free_text.py for a row; what it has made is found again by the next."""
    limit = [] if args.limit is None else ["--limit", str(args.limit)]
    given = ["--data", str(args.data), "--model", args.model, "--output", str(args.output / "free_text")]
    return evaluate_free_text.parse_arguments([*given, "--seed", str(args.seed), "--no_flite", *limit, *options])


def words_wrong(results: Mapping[str, Any], suffix: str) -> dict[str, float]:
    """Share of words that are wrong, by voice: of the dubs, or of the further rows whose titles end in `suffix`."""
    rows = results["others"] if suffix else results["voices"]
    return {name: rows[f"{name}{suffix}"]["words_wrong"] for name in results["voices"]}


def make_cue(args: argparse.Namespace) -> str:
    """Words of free text without lips beside those with them; with `--prepared`, how well durations are foretold."""
    (args.output / "free_text").mkdir(parents=True, exist_ok=True)
    measured: dict[tuple[str, ...], dict[str, Any]] = {}
    lines: list[str] = []
    for title, options, suffix in FREE_TEXT_ROWS:
        key = tuple(options)
        if key not in measured:
            print(f"== cue: {title}", flush=True)
            measured[key] = evaluate_free_text.evaluate(free_text_arguments(args, options))
        wrong = words_wrong(measured[key], suffix)
        if not lines:
            lines += [f"| words wrong ↓ | {' | '.join(wrong)} | mean |", "|---" * (len(wrong) + 2) + "|"]
        shares = [*wrong.values(), sum(wrong.values()) / len(wrong)]
        lines.append(f"| {title} | {' | '.join(f'{100 * share:.1f} %' for share in shares)} |")
    first = next(iter(measured.values()))
    head = (
        f"**Free text without lips**: {len(first['sentences'])} sentences, {first['date']}, torch {torch.__version__}."
    )
    text = "\n".join([head, "", *lines]) + "\n"
    if args.prepared:
        figures = evaluate_durations.measure([str(folder) for folder in args.prepared], args.model, limit=args.limit)
        text += "\nDurations of held-out speech, foretold by text and voice:\n\n" + evaluate_durations.table(figures)
    return text


@dataclass(frozen=True)
class Cost:
    """Of one clip.

    Attributes:
        seconds: of the clip.
        processor: processor seconds a second of it, the best call.
        stages: wall-clock seconds a second of each stage in that call.
    """

    seconds: float
    processor: float
    stages: Mapping[str, float]


def measure_cost(pipe: Any, clip: EvaluationClip, seed: int) -> Cost:
    """The best of `TIMED_CALLS` whole calls, from the files to the samples."""
    costs = []
    for _ in range(TIMED_CALLS):
        start = time.process_time()
        dub = pipe(
            script=clip.text,
            video=clip.video,
            reference_audio=clip.reference.path,
            generator=torch.Generator("cpu").manual_seed(seed),
        )
        spent, seconds = time.process_time() - start, len(dub.audios[0]) / SAMPLING_RATE
        costs.append(Cost(seconds, spent / seconds, {name: value / seconds for name, value in dub.timings.items()}))
    return min(costs, key=lambda cost: cost.processor)


def cost_table(short: Cost, long: Cost) -> str:
    """A row a clip and their ratio, as Markdown."""
    stages = [name for name in short.stages if name != "total"]
    lines = [f"| clip | processor s a second ↓ | {' | '.join(stages)} |", "|---" * (len(stages) + 2) + "|"]
    for cost in (short, long):
        cells = " | ".join(f"{cost.stages[name]:.3f}" for name in stages)
        lines.append(f"| {cost.seconds:.1f} s | {cost.processor:.3f} | {cells} |")
    ratios = " | ".join(f"{long.stages[name] / max(short.stages[name], 1e-9):.2f}" for name in stages)
    lines.append(f"| ratio | {long.processor / short.processor:.2f} | {ratios} |")
    return "\n".join(lines) + "\n"


def _first_clip(folder: Path, split: str) -> EvaluationClip:
    clips, recordings = read_clips(folder, split)
    return pair_clips(clips, 2, folder, recordings).clips[0]


def make_length(args: argparse.Namespace) -> str:
    """Processor seconds a second of a long clip and of a short one, in one run of one process."""
    pipe = evaluate_free_text.load_pipeline(args.model)
    grid = args.data / "grid"
    short = _first_clip(grid, "dev")
    long = _first_clip(make_clips("long", grid, args.output, args.limit), "long")
    measure_cost(pipe, short, args.seed)  # what only the first calls of a process cost is left out
    costs = [measure_cost(pipe, clip, args.seed) for clip in (short, long)]
    head = (
        f"**Length of the clip**: whole calls, the best of {TIMED_CALLS}; {torch.get_num_threads()} threads, torch "
        f"{torch.__version__}, {time.strftime('%Y-%m-%d')}. Stages in seconds of the clock."
    )
    return f"{head}\n\n{cost_table(*costs)}\n{longest_line(args)}"


def longest_line(args: argparse.Namespace) -> str:
    """A clip of nearly ten minutes by the command: memory, and where its words lie."""
    clip = _first_clip(make_clips("longest", args.data / "grid", args.output, args.limit), "longest")
    settings = EvaluateSettings(data=args.data, output=args.output, model=args.model, seed=args.seed)
    cold, report = measure_command(settings, clip)
    starts = [abs(said["start"] - start) for said, (_, start, _) in zip(report["words"], clip.words, strict=True)]
    return (
        f"`flowdubber dub` of {report['duration']:.0f} s with {len(starts)} words: peak memory {cold['peak_gb']:.2f} GB; word "
        f"starts {1000 * np.mean(starts):.0f} ms from the corpus' times (median {1000 * np.median(starts):.0f}, largest "
        f"{1000 * np.max(starts):.0f}).\n"
    )

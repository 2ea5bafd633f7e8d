"""Measures training: samples a second, the model's share of a step, peak memory and parameters, for the sizes `tiny` and `base`.

```bash
python examples/benchmark_training.py --preset tiny
python examples/benchmark_training.py --preset base --steps 1 --warm_up 1 --batch_size 2    # one real step on a CPU
python examples/benchmark_training.py --preset base --batch_size 32 --dataloader_num_workers 8    # on a GPU
```

Each stage runs through its own script (`train_aligner.py`, `train_dubber.py`, ...) in a process of its own, so that the memory
is its own, with random weights, and is stopped after `--warm_up` and `--steps` optimiser steps; the figures are those of its
`log.jsonl`. It runs where the script would: on the GPU if there is one, otherwise on the CPU. What counts as the model's is
a step but the time that it waits for data.

The clips are made (`training_stages.py`): 3 s each at 25 frames a second, a tone with noise as sound, random mouths, sentences of
GRID's form, random tokens. `--dataset` takes a prepared one instead, with whose lengths the figures change. `base` has the paper's sizes;
its language model is as large as Qwen2.5-0.5B (its vocabulary is filled with unused tokens, nothing is fetched).

Finished stages are kept under `--output` and not measured again; delete a file there to repeat it. `training.md` holds the
tables; `--docs .` writes them into docs/benchmarks.md. Needs `pip install ".[train]"`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.work.machine import describe_machine
from pages import insert, save_json
from training_stages import STAGES, count_parameters, make_dataset, read_steps, stage_options, summarize


PRESETS = ("tiny", "base")
NEVER = 10**9


# ----------------------------------------------------------------------------------------------------------------------
# Measuring
# ----------------------------------------------------------------------------------------------------------------------


def cpu_seconds(process: int) -> float | None:
    """Processor time that a process has taken so far, which others on the machine do not change; Linux only."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_until(command: Sequence[str], log: Path, steps: int, timeout: float) -> list[dict[str, Any]]:
    """Runs a training script until `log` has `steps` steps, stops it and returns them, each with the `cpu_seconds` that the
    process had taken in all when the step was seen.

    Raises:
        RuntimeError: it ended before, or took longer than `timeout` seconds.
    """
    output = log.parent.with_suffix(".output")
    started = time.monotonic()
    taken: list[float | None] = []
    with output.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        try:
            while len(found := read_steps(log)) < steps:
                taken += [cpu_seconds(process.pid)] * (len(found) - len(taken))
                if process.poll() is not None and len(read_steps(log)) < steps:
                    tail = output.read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise RuntimeError(f"{command[1]} ended with {process.returncode} before its steps:\n{tail}")
                if time.monotonic() - started > timeout:
                    raise RuntimeError(f"{command[1]} took longer than {timeout:.0f} s; give it more by --timeout.")
                time.sleep(0.02)
            taken += [cpu_seconds(process.pid)] * (len(found) - len(taken))
        finally:
            process.kill()
            process.wait()
    return [step | {"cpu_seconds": spent} for step, spent in zip(found[:steps], taken, strict=False)]


def stage_command(args: argparse.Namespace, stage: str, run: Path) -> list[str]:
    """The command line of a stage's script that trains in the folder `run` and never ends by itself."""
    work = args.output / "work"
    dataset = args.dataset or make_dataset(work / "dataset")
    common = {
        "dataset": dataset,
        "output_dir": run,
        "batch_size": batch_size(args, stage),
        "max_steps": NEVER,
        "logging_steps": 1,
        "validation_steps": NEVER,
        "save_steps": NEVER,
        "mixed_precision": args.mixed_precision,
        "dataloader_num_workers": args.dataloader_num_workers,
        "threads": args.threads,
    }
    options = [str(text) for name, value in common.items() for text in (f"--{name}", value)]
    options += stage_options(stage, args.preset, work, FeatureStore(dataset) if args.dataset is None else None)
    return [sys.executable, str(Path(__file__).with_name(f"{STAGES[stage].script}.py")), *options]


def batch_size(args: argparse.Namespace, stage: str) -> int:
    return args.batch_size or STAGES[stage].batch_size


def measure(args: argparse.Namespace, stage: str) -> dict[str, Any]:
    """Figures of a stage, or what an earlier run kept."""
    kept = args.output / f"{args.preset}-{stage}.json"
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    run = args.output / "work" / f"{args.preset}-{stage}-{os.getpid()}"
    command = stage_command(args, stage, run)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    steps = run_until(command, run / "log.jsonl", args.warm_up + args.steps, args.timeout)
    shutil.rmtree(run)
    result = summarize(steps, args.warm_up, batch_size(args, stage))
    result |= {"preset": args.preset, "stage": stage, "load_before": load, "machine": describe_device()}
    save_json(kept, result)
    return result


def describe_device() -> dict[str, Any]:
    found = describe_machine()
    return found | {"device": found["graphics"] or f"{found['processor']}, {found['cores']} cores"}


# ----------------------------------------------------------------------------------------------------------------------
# The report
# ----------------------------------------------------------------------------------------------------------------------


def millions(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count < 1e8 else f"{count / 1e6:.0f} M"


def speed_table(results: Sequence[Mapping[str, Any]], parameters: Mapping[str, Mapping[str, int]]) -> list[str]:
    lines = [
        "| stage | size | parameters | batch | s a step | processor s a step | samples a second | model's share "
        "| peak memory | steps |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results:
        cpu = row.get("cpu_seconds_per_step")
        count = sum(parameters[row["preset"]][part] for part in STAGES[row["stage"]].trained)
        lines.append(
            f"| {row['stage']} | {row['preset']} | {millions(count)} | {row['batch_size']} "
            f"| {row['seconds_per_step']:.2f} | {'-' if cpu is None else f'{cpu:.2f}'} "
            f"| {row['samples_per_second']:.2f} | {100 * row['model_share']:.0f} % "
            f"| {row['peak_memory_gb']:.2f} GB | {row['steps']} |"
        )
    return lines


def parameters_table(parameters: Mapping[str, Mapping[str, int]]) -> list[str]:
    names = [name for name in next(iter(parameters.values())) if name != "syncnet"]  # judges dubs, is no part of them
    rows = [
        f"| {name} | {' | '.join(millions(parameters[preset][name]) for preset in parameters)} |" for name in names
    ]
    total = " | ".join(millions(sum(counts[name] for name in names)) for counts in parameters.values())
    return [f"| part | {' | '.join(parameters)} |", "|---" * (1 + len(parameters)) + "|", *rows, f"| all | {total} |"]


def report(results: Sequence[Mapping[str, Any]], parameters: Mapping[str, Mapping[str, int]]) -> str:
    """Both tables as Markdown."""
    places = dict.fromkeys(f"{row['machine']['device']}, torch {row['machine']['torch']}" for row in results)
    loads = [row["load_before"] for row in results if row.get("load_before") is not None]
    busy = f"; load average before a stage {min(loads):.0f} to {max(loads):.0f}" if loads else ""
    lines = ["; ".join(places) + busy + ".", "", *speed_table(results, parameters), ""]
    return "\n".join([*lines, *parameters_table(parameters)]) + "\n"


def kept_results(output: Path) -> list[dict[str, Any]]:
    """All stages that this and earlier runs measured, in the order of the table."""
    paths = [output / f"{preset}-{stage}.json" for preset in PRESETS for stage in STAGES]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--preset", choices=PRESETS, default="tiny")
    parser.add_argument("--stages", nargs="*", choices=tuple(STAGES), default=list(STAGES), metavar="STAGE")
    parser.add_argument("--dataset", type=Path, help="prepared dataset in place of made clips")
    parser.add_argument("--batch_size", type=int, help="clips a step; 8 to 64 by stage where not given")
    parser.add_argument("--steps", type=int, default=10, help="optimiser steps that are measured")
    parser.add_argument("--warm_up", type=int, default=3, help="optimiser steps before them")
    parser.add_argument("--mixed_precision", default="auto", choices=("auto", "no", "bf16", "fp16"))
    parser.add_argument("--dataloader_num_workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="torch threads on a CPU; 0 leaves torch's choice")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds for one stage")
    parser.add_argument("--output", type=Path, default=Path("outputs/benchmark_training"))
    parser.add_argument("--docs", type=Path, help="repository whose docs/benchmarks.md takes the tables")
    args = parser.parse_args(arguments)
    if args.steps < 1 or args.warm_up < 0:
        parser.error("--steps must be at least 1 and --warm_up not negative.")
    return args


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    args.output = args.output.absolute()
    args.output.mkdir(parents=True, exist_ok=True)
    for stage in args.stages:
        result = measure(args, stage)
        print(f"{args.preset} {stage}: {result['seconds_per_step']:.2f} s a step, {result['peak_memory_gb']:.2f} GB")
    text = report(kept_results(args.output), {preset: count_parameters(preset) for preset in PRESETS})
    (args.output / "training.md").write_text(text, encoding="utf-8")
    if args.docs is not None:
        insert(args.docs / "docs" / "benchmarks.md", "figures training", text)
    print(text)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, RuntimeError, ImportError) as error:
        sys.stderr.write(f"benchmark_training.py: {error}\n")
        raise SystemExit(2) from None

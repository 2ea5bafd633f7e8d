"""How fast the model dubs: cold, warm, by stage, and how much memory it takes. These differ from run to run."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ..pipelines.flowdubber.loading import choose_device
from ..processing.audio import SAMPLING_RATE
from .clips import EvaluationClip
from .settings import EvaluateSettings
from .sounds import SoundMaker


WARM_UP_CALLS = 2
TIMED_CALLS = 5
COLD_LIMIT_SECONDS = 1800

# A process counts the memory of the one it was forked from as its own: a small one has to start the command.
_PEAK_OF_CHILD = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""


def measure_speed(settings: EvaluateSettings, clips: Sequence[EvaluationClip]) -> dict[str, Any]:
    """Times whole calls, from the files to the samples.

    Args:
        settings: of the dub; one take is timed, with as many threads as torch has by default (OMP_NUM_THREADS).
        clips: that are dubbed in turn.

    Returns:
        `real_time_factor`, the median over calls of seconds of work per second of sound; `best`; `stages`, the median factor of
        each; `first`, the factor of the first call in the process; `cold` with `seconds` and `peak_gb` (1e9 bytes) of
        `flowdubber dub` in a process of its own; on CUDA `device_peak_gb`.

    Raises:
        ValueError: no clip could be dubbed, or the cold command failed.
    """
    maker = SoundMaker(replace(settings, best_of=1))
    device = choose_device(settings.device)
    factors: list[float] = []
    stages: dict[str, list[float]] = {}
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    for number in range(WARM_UP_CALLS + TIMED_CALLS):
        start = time.perf_counter()
        made = maker.dub(clips[number % len(clips)])
        length = len(made.sound) / SAMPLING_RATE
        factors.append((time.perf_counter() - start) / length)
        if number >= WARM_UP_CALLS:
            for name, spent in made.timings.items():
                stages.setdefault(name, []).append(spent / length)
    warm = factors[WARM_UP_CALLS:]
    return {
        "real_time_factor": median(warm),
        "best": min(warm),
        "first": factors[0],
        "calls": len(warm),
        "stages": {name: median(values) for name, values in stages.items() if name != "total"},
        "threads": torch.get_num_threads(),
        "device": device,
        "load_before": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "cold": measure_command(settings, clips[0])[0],
        **({"device_peak_gb": torch.cuda.max_memory_allocated() / 1e9} if device.startswith("cuda") else {}),
    }


def measure_command(settings: EvaluateSettings, clip: EvaluationClip) -> tuple[dict[str, float], dict[str, Any]]:
    """`flowdubber dub` of a clip in a process of its own.

    Returns:
        `seconds` and `peak_gb` (1e9 bytes, resident), loading and writing included; and what the command reports as JSON.

    Raises:
        ValueError: the command failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = {
            "--video": clip.video,
            "--script": clip.text,
            "--reference": clip.reference.path,
            "--output": f"{folder}/dub.mp4",
            "--model": settings.model,
            "--steps": settings.steps,
            "--guidance-scale": settings.guidance_scale,
            "--device": settings.device,
            "--seed": settings.seed,
            "--json": f"{folder}/report.json",
        }
        command = [sys.executable, "-m", "flowdubber_hf", "dub"]
        command += [str(part) for option in options.items() for part in option]
        start = time.perf_counter()
        process = subprocess.run(
            [sys.executable, "-c", _PEAK_OF_CHILD, *command],
            capture_output=True,
            text=True,
            timeout=COLD_LIMIT_SECONDS,
            check=False,
        )
        seconds = time.perf_counter() - start
        if process.returncode:
            reason = process.stderr.strip().splitlines()[-1:] or ["no message"]
            raise ValueError(f"the timed command ended with code {process.returncode}: {reason[0]}")
        report = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return {"seconds": seconds, "peak_gb": int(process.stdout) * unit / 1e9}, report

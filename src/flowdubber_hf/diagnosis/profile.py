"""Where the time of a dub goes on this machine, stage by stage."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import torch

from ..demo import DEMO_SCRIPT
from ..pipelines.flowdubber import FlowDubberPipeline
from ..processing.audio import SAMPLING_RATE, VIDEO_FRAME_RATE
from ..sampling import DEFAULT_GUIDANCE_SCALE


#: What each stage of a call does, in their order.
STAGES = {
    "phonemes": "script to phonemes",
    "reference": "voice to style vector and tokens",
    "lips": "face, mouth pictures, lip encoder",
    "semantics": "language model",
    "alignment": "phonemes onto lips, fusion, prior",
    "flow": "solver on the vector field",
    "vocoder": "mel to sound",
}


@dataclass(frozen=True)
class StageCost:
    """Medians over the dubs that were measured.

    Attributes:
        stage: a name of `STAGES`, or `"total"`.
        seconds: by the clock.
        processor_seconds: of all threads.
    """

    stage: str
    seconds: float
    processor_seconds: float


class _Marks:
    """Time by clock and processor between the marks that are set."""

    def __init__(self, device: torch.device):
        self.device = device
        self.names: list[str] = []
        self.times: list[tuple[float, float]] = []

    def __call__(self, pipe: Any, name: str) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.names.append(name)
        self.times.append((time.perf_counter(), time.process_time()))

    def costs(self) -> dict[str, tuple[float, float]]:
        """Of each stage, and of the whole as `"total"`; the last mark is the end."""
        spent = np.diff(np.array(self.times), axis=0)
        costs = {
            name: tuple(sum(rows)) for name in STAGES if (rows := spent[[name == one for one in self.names[:-1]]]).size
        }
        return {**costs, "total": tuple(spent.sum(axis=0))}


def profile_dub(pipe: FlowDubberPipeline, frames: np.ndarray, voice: np.ndarray, repeats: int = 5) -> list[StageCost]:
    """
    Dubs a clip with the default settings, once to warm up and then `repeats` times.

    Args:
        pipe: on its device.
        frames (`np.ndarray` of shape `(F, H, W, 3)`): uint8, 25 a second.
        voice (`np.ndarray` of shape `(samples,)`): at 16 kHz.
        repeats: dubs that count.

    Returns:
        The stages that took part, in their order, then the whole.
    """
    pipe.set_progress_bar_config(disable=True)
    found = []
    for _ in range(repeats + 1):
        marks = _Marks(pipe.device)
        pipe(
            script=DEMO_SCRIPT,
            video=frames,
            fps=VIDEO_FRAME_RATE,
            reference_audio=voice,
            reference_sampling_rate=SAMPLING_RATE,
            guidance_scale=1.0 if pipe.semantic_model is None else DEFAULT_GUIDANCE_SCALE,
            generator=torch.Generator("cpu").manual_seed(0),
            callback_on_stage=marks,
        )
        marks(pipe, "end")
        found.append(marks.costs())
    counted = found[1:]
    return [
        StageCost(stage, *(float(median(costs[stage][kind] for costs in counted)) for kind in (0, 1)))
        for stage in counted[0]
    ]


def profile_lines(costs: Sequence[StageCost], duration: float) -> list[str]:
    """A table for people; `duration` is the clip's, in seconds."""
    whole = costs[-1]
    lines = [f"{'stage':<10} {'seconds':>8} {'processor':>10} {'share':>6}"]
    for cost in costs:
        share = cost.processor_seconds / max(whole.processor_seconds, 1e-9)
        told = f"{cost.stage:<10} {cost.seconds:8.3f} {cost.processor_seconds:10.3f} {share:6.0%}  {STAGES.get(cost.stage, '')}"
        lines.append(told.rstrip())
    factor = whole.seconds / duration
    return [
        *lines,
        f"a clip of {duration:.1f} s: real-time factor {factor:.2f} with {torch.get_num_threads()} threads",
    ]


__all__ = ["STAGES", "StageCost", "profile_dub", "profile_lines"]

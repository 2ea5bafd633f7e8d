"""The stages of training as the benchmarks run them, few made clips for each."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest
from accelerate.state import AcceleratorState, GradientState, PartialState

from support.training_runs import load_script


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
training_stages = load_script(EXAMPLES.parent, "training_stages")


def few_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clips to train on and two held out."""
    monkeypatch.setattr(training_stages, "NUM_SPEAKERS", 2)
    monkeypatch.setattr(training_stages, "CLIPS_PER_SPEAKER", 1)


def fresh_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process that was started in the examples' folder."""
    for state in (AcceleratorState, PartialState, GradientState):
        state._reset_state()
    monkeypatch.syspath_prepend(EXAMPLES)


def loss_falls(losses: Sequence[float]) -> bool:
    """Whether the usual loss of the last third of the steps is below that of the first: single batches differ."""
    third = len(losses) // 3
    return median(losses[-third:]) < median(losses[:third])

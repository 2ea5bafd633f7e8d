"""What a dub costs, stage by stage."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from flowdubber_hf.diagnosis import examine, profile
from flowdubber_hf.diagnosis.profile import StageCost, profile_dub, profile_lines


pytestmark = pytest.mark.slow


class Pipe:
    """Calls the stages in their order, the flow twice, while a clock moves on by known times."""

    device = torch.device("cpu")
    semantic_model = None

    def __init__(self, clock):
        self.clock, self.calls = clock, []

    def set_progress_bar_config(self, **options):
        pass

    def __call__(self, callback_on_stage, **given):
        self.calls.append(given)
        for name, seconds in (("phonemes", 1), ("flow", 4), ("vocoder", 2), ("flow", 1)):
            callback_on_stage(self, name)
            self.clock.now += seconds


@pytest.fixture
def pipe(monkeypatch):
    clock = SimpleNamespace(now=10.0)
    times = SimpleNamespace(perf_counter=lambda: clock.now, process_time=lambda: 2 * clock.now)
    monkeypatch.setattr(profile, "time", times)
    return Pipe(clock)


def test_costs_are_medians_by_stage(pipe):
    costs = profile_dub(pipe, np.zeros((75, 2, 2, 3), np.uint8), np.zeros(16000, np.float32), repeats=3)
    assert costs == [
        StageCost("phonemes", 1.0, 2.0),
        StageCost("flow", 5.0, 10.0),
        StageCost("vocoder", 2.0, 4.0),
        StageCost("total", 8.0, 16.0),
    ]
    assert len(pipe.calls) == 4
    assert {call["guidance_scale"] for call in pipe.calls} == {1.0}


def test_table():
    lines = profile_lines([StageCost("flow", 0.5, 0.75), StageCost("total", 1.5, 3.0)], 3.0)
    assert lines[1].split()[:4] == ["flow", "0.500", "0.750", "25%"]
    assert lines[2].split() == ["total", "1.500", "3.000", "100%"]
    assert "real-time factor 0.50" in lines[3]


def test_parts_dub_nothing(tmp_path):
    from flowdubber_hf.checkpoints.sources import bundled_checkpoints

    with pytest.raises(ValueError, match="no whole model"):
        examine(bundled_checkpoints()["flowdubber-grid-tiny"] / "vocoder", trials=False, profile=True)


def test_the_bundled_model():
    checkup = examine("flowdubber-grid-tiny", trials=False, profile=True)
    assert [cost.stage for cost in checkup.costs] == [*profile.STAGES, "total"]
    whole = checkup.costs[-1]
    # medians of parts do not add up to that of the whole
    assert all(0 <= cost.processor_seconds < whole.processor_seconds for cost in checkup.costs[:-1])
    assert checkup.duration == 3.0

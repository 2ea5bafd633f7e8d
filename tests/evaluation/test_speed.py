"""Speed: what is counted of the calls, and a cold command that fails."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from flowdubber_hf.evaluation import speed
from flowdubber_hf.evaluation.clips import EvaluationClip, Voice
from flowdubber_hf.evaluation.settings import EvaluateSettings


def clip(name: str) -> EvaluationClip:
    missing = Path("missing.mp4")
    return EvaluationClip(name, name, "anna", "bin blue", missing, missing, reference=Voice("v", "anna", missing))


def test_warm_calls_alone_count_and_clips_take_turns(monkeypatch):
    dubbed = []

    class Maker:
        def __init__(self, settings):
            assert settings.best_of == 1

        def dub(self, clip):
            dubbed.append(clip.name)
            return SimpleNamespace(sound=np.zeros(32000), timings={"lips": float(len(dubbed)), "total": 99.0})

    clock = iter(range(1000))
    monkeypatch.setattr(speed, "SoundMaker", Maker)
    monkeypatch.setattr(speed, "measure_command", lambda settings, clip: ({"seconds": 9.0, "peak_gb": 0.5}, {}))
    monkeypatch.setattr(speed, "time", SimpleNamespace(perf_counter=lambda: float(next(clock))))
    settings = EvaluateSettings(Path("data"), Path("out"), best_of=3)
    found = speed.measure_speed(settings, [clip("one"), clip("two")])
    calls = speed.WARM_UP_CALLS + speed.TIMED_CALLS
    assert dubbed == [("one", "two")[number % 2] for number in range(calls)]
    assert found["real_time_factor"] == found["best"] == found["first"] == 0.5  # a second of work for two of sound
    assert found["calls"] == speed.TIMED_CALLS
    middle = speed.WARM_UP_CALLS + (speed.TIMED_CALLS + 1) / 2
    assert found["stages"] == {"lips": middle / 2}
    assert found["cold"] == {"seconds": 9.0, "peak_gb": 0.5}


@pytest.mark.slow
def test_a_command_that_fails_says_why():
    with pytest.raises(ValueError, match=r"the timed command ended with code 2: .*missing\.mp4"):
        speed.measure_command(EvaluateSettings(Path("data"), Path("out")), clip("one"))

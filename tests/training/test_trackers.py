"""The log of a run and its trackers."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
from types import SimpleNamespace

import pytest

from flowdubber_hf.training.trackers import RunLog, check_trackers, track


def lines(log: RunLog) -> list[dict]:
    return [json.loads(line) for line in log.path.read_text().splitlines()]


def test_a_resumed_log_holds_no_step_twice(tmp_path):
    log = RunLog(tmp_path)
    log.write({"step": 1, "loss": 0.5})
    position = log.position
    log.write({"step": 2, "loss": 0.4})
    again = RunLog(tmp_path, position)
    again.write({"step": 2, "loss": 0.3})
    assert lines(again) == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.3}]
    beyond = RunLog(tmp_path, 10**9)
    assert lines(beyond) == lines(again)


def test_numbers_that_are_not_finite_become_null(tmp_path):
    log = RunLog(tmp_path)
    log.write({"step": 1, "loss": math.nan, "norm": math.inf, "name": "a"})
    assert lines(log) == [{"step": 1, "loss": None, "norm": None, "name": "a"}]


def test_only_the_main_process_writes(tmp_path):
    log = RunLog(tmp_path, active=False)
    log.write({"step": 1})
    assert not log.path.exists()


def test_missing_packages_are_told_with_the_line_that_installs_them():
    check_trackers([])
    check_trackers(["json"])
    with pytest.raises(ValueError, match=r"--report_to no_such_tracker: not installed: pip install no_such_tracker"):
        check_trackers(["json", "no_such_tracker"])


def test_trackers_get_the_finite_numbers():
    sent = []
    accelerator = SimpleNamespace(log=lambda values, step: sent.append((values, step)))
    track(accelerator, {"step": 7, "loss": 0.5, "norm": math.nan, "clip": "a"})
    assert sent == [({"loss": 0.5}, 7)]

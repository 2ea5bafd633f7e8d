# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The tables of the ablations: what they measure and how they are written."""

import importlib.util
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from flowdubber_hf.evaluation.settings import EvaluateSettings, check_settings


@pytest.fixture(scope="module")
def ablations(repository):
    """examples/evaluate_ablations.py as a module."""
    folder = str(repository / "examples")
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("evaluate_ablations", f"{folder}/evaluate_ablations.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


@pytest.fixture
def groups(ablations, tmp_path):
    (tmp_path / "speech").mkdir()
    return ablations.make_groups(tmp_path)


def test_every_condition_is_an_evaluation(groups):
    known = {item.name for item in fields(EvaluateSettings)}
    for group in groups.values():
        for condition in group.conditions:
            assert set(condition.changes) <= known
            check_settings(EvaluateSettings(data=Path("data"), output=Path("out"), **condition.changes))


def test_different_conditions_have_different_folders(groups):
    conditions = [condition for group in groups.values() for condition in group.conditions]
    folders = {condition.folder: dict(condition.changes) for condition in conditions}
    assert all(folders[condition.folder] == dict(condition.changes) for condition in conditions)
    assert sum(condition.folder == "defaults" for condition in conditions) > 3  # measured once, shown in many tables


def test_what_the_method_is_asked_for_is_there(groups):
    scales = [condition.changes.get("guidance_scale", 1.4) for condition in groups["guidance"].conditions]
    assert scales == pytest.approx([1.0, 1.2, 1.4, 1.8, 2.2])
    assert [condition.changes.get("steps", 10) for condition in groups["steps"].conditions] == [1, 2, 4, 8, 10, 16, 32]
    assert {part for condition in groups["parts"].conditions for part in condition.changes.get("without", ())} == {
        "semantics",
        "lips",
        "style",
    }
    settings = {condition.changes.get("setting", 2) for condition in groups["systems"].conditions}
    assert settings == {1, 2, 3}


def figure(value: float, low: float, high: float, missing: int = 0) -> dict:
    return {
        "title": "SIM",
        "unit": "",
        "better": "higher",
        "digits": 2,
        "value": value,
        "low": low,
        "high": high,
        "missing": [f"clip{number}" for number in range(missing)],
    }


def test_table_by_hand(ablations):
    conditions = (ablations.Condition("all"), ablations.Condition("less", {"steps": 1}))
    group = ablations.Group("Parts", conditions, ("ge2e", "wer"), intervals=True)
    summaries = [
        {"figures": {"ge2e": figure(0.9, 0.8, 1.0)}, "without_sound": {}},
        {"figures": {"ge2e": figure(0.5, 0.4, 0.6, missing=2)}, "without_sound": {"a": "no face"}},
    ]
    assert list(ablations.group_table(group, summaries)) == [
        "| Parts | SIM ↑ |",
        "|---|---|",
        "| all | 0.90 (0.80 to 1.00) |",
        "| less (1 clips without a sound) | 0.50 (0.40 to 0.60) [2 not had] |",
        "",
    ]


def test_unknown_groups_are_refused(ablations, tmp_path):
    with pytest.raises(ValueError, match=r"unknown nothing; choose from systems, zero_shot, parts"):
        ablations.main(["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--groups", "parts", "nothing"])

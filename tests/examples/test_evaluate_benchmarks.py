"""The tables of the benchmarks: what they measure and how they are written."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.evaluation.settings import EvaluateSettings, check_settings
from support.finished_evaluations import write_finished
from support.tiny_models import tiny_pipeline
from support.training_runs import load_script


@pytest.fixture(scope="module")
def benchmarks(repository):
    """examples/evaluate_benchmarks.py as a module."""
    return load_script(repository, "evaluate_benchmarks")


@pytest.fixture
def groups(benchmarks, tmp_path):
    (tmp_path / "speech").mkdir()
    return benchmarks.make_groups(tmp_path)


def test_every_condition_is_an_evaluation(groups):
    known = {item.name for item in fields(EvaluateSettings)}
    for group in groups.values():
        for condition in group.conditions:
            assert set(condition.changes) <= known
            check_settings(EvaluateSettings(data=Path("data"), output=Path("out"), **condition.changes))


def test_different_conditions_have_different_folders(groups):
    conditions = [condition for group in groups.values() for condition in group.conditions]
    folders = {condition.folder: (dict(condition.changes), condition.made) for condition in conditions}
    assert all(folders[condition.folder] == (dict(condition.changes), condition.made) for condition in conditions)
    assert sum(condition.folder == "defaults" for condition in conditions) > 3  # measured once, shown in many tables


def test_what_the_method_is_asked_for_is_there(groups):
    scales = [condition.changes.get("guidance_scale", 1.4) for condition in groups["guidance"].conditions]
    assert scales == pytest.approx([1.0, 1.2, 1.4, 1.8, 2.2])
    assert [condition.changes.get("steps", 4) for condition in groups["steps"].conditions] == [1, 2, 4, 8, 10, 16, 32]
    assert [condition.changes.get("steps", 4) for condition in groups["few"].conditions] == [10, 4, 2, 1]
    assert {part for condition in groups["parts"].conditions for part in condition.changes.get("without", ())} == {
        "semantics",
        "lips",
        "style",
    }
    settings = {condition.changes.get("setting", 2) for condition in groups["systems"].conditions}
    assert settings == {1, 2, 3}


def test_made_clips_have_recipes_and_stand_beside_truth_and_no_lips(benchmarks, groups):
    for name in ("faces", "joined", "film"):
        conditions = groups[name].conditions
        sounds = [condition.changes.get("sound", condition.changes.get("without")) for condition in conditions]
        assert sounds == ["truth", None, ("lips",)] * (len(conditions) // 3)
    made = {condition.made for group in groups.values() for condition in group.conditions}
    assert made == {None, *benchmarks.MADE} - {"long", "longest"}


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


def test_table_by_hand(benchmarks):
    conditions = (benchmarks.Condition("all"), benchmarks.Condition("less", {"steps": 1}))
    group = benchmarks.Group("Parts", conditions, ("ge2e", "wer"), intervals=True)
    summaries = [
        {"figures": {"ge2e": figure(0.9, 0.8, 1.0)}, "without_sound": {}},
        {"figures": {"ge2e": figure(0.5, 0.4, 0.6, missing=2)}, "without_sound": {"a": "no face"}},
    ]
    assert list(benchmarks.group_table(group, summaries)) == [
        "| Parts | SIM ↑ |",
        "|---|---|",
        "| all | 0.90 (0.80 to 1.00) |",
        "| less (without a sound: 1) | 0.50 (0.40 to 0.60) [2 not had] |",
        "",
    ]


def test_paired_table_by_hand(benchmarks):
    group = benchmarks.Group("Few", benchmarks.euler_steps(10, 1), ("ge2e", "wer"), intervals=True, paired=True)
    first = {"figures": {"ge2e": figure(0.9, 0.8, 1.0), "wer": figure(0.5, 0.4, 0.6)}, "without_sound": {}}
    difference = {
        "unit": "",
        "digits": 2,
        "difference": -0.1,
        "low": -0.15,
        "high": -0.05,
        "p": 0.0004,
        "missing": ["c1"],
    }
    pair = {"figures": {"ge2e": difference}}
    assert list(benchmarks.group_table(group, [first, first], [pair]))[2:] == [
        "| 10 Euler steps | 0.90 (0.80 to 1.00) | 0.50 (0.40 to 0.60) |",
        "| 1 Euler step | -0.100 (-0.150 to -0.050), p < 0.001 [1 not had] | - |",
        "",
    ]
    whole = {**first, "split": "dev", "clips": 3, "date": "2026-01-02", "machine": {"torch": "2.13"}}
    assert "clip by clip, with p of a paired sign-flip test." in benchmarks.report(group, [whole, whole], [pair])


def test_the_others_are_paired_with_the_first(benchmarks, tmp_path):
    group = benchmarks.Group("Few", benchmarks.euler_steps(10, 4, 1), paired=True)
    for condition, value in zip(group.conditions, (1.0, 2.0, 4.0), strict=True):
        write_finished(tmp_path / condition.folder, {"dnsmos": [value, value]})
    options = {
        "data": tmp_path,
        "output": tmp_path,
        "model": "it",
        "metrics": [],
        "seed": 0,
        "limit": None,
        "num_proc": 1,
    }
    pairs = benchmarks.pairs_with_first(group, argparse.Namespace(**options))
    assert [pair["figures"]["dnsmos"]["difference"] for pair in pairs] == [1.0, 3.0]


def test_unknown_groups_are_refused(benchmarks, tmp_path):
    with pytest.raises(ValueError, match=r"unknown nothing; choose from card, systems, zero_shot, faces"):
        benchmarks.main(["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--groups", "parts", "nothing"])


def summary(value: float, split: str, missing: int = 0) -> dict:
    names = ("wer_grammar", "word_sync_ms", "word_sync_steady_ms", "ge2e", "ge2e_trimmed", "dnsmos", "length_ms", "f0")
    return {
        "model": "it",
        "split": split,
        "setting": 2,
        "clips": 3,
        "date": "2026-01-02",
        "settings": {"seed": 7},
        "machine": {"torch": "2.13", "processor": "a processor"},
        "without_sound": {},
        "figures": {name: figure(value, 0, 1, missing) for name in names},
        "speed": {"threads": 2, "real_time_factor": 0.2, "cold": {"peak_gb": 0.75}},
    }


def test_card_by_hand(benchmarks):
    rows = [
        summary(0.5, "dev"),
        summary(0.25, "dev"),
        summary(0.75, "zero_shot", missing=1),
        summary(0.2, "zero_shot"),
    ]
    kept = benchmarks.card_figures(*rows, benchmarks.Delay(0.4, 0.39, 1))
    dub = kept["measured"]["dub"]
    assert (dub["date"], dub["seed"], dub["torch"], dub["clips"], dub["split"]) == ("2026-01-02", 7, "2.13", 3, "dev")
    assert "f0" not in dub["figures"] and dub["figures"]["ge2e"]["missing"] == 0
    assert json.loads(json.dumps(kept)) == kept
    table = benchmarks.figures_table(kept, unseen=False).splitlines()
    assert (
        table[2]
        == "| words wrong, PocketSphinx with GRID's grammar | <= 3.2 % | 0.50 (0.00 to 1.00) | 0.25 (0.00 to 1.00) |"
    )
    assert "| LSE-D of the bundled judge |  | - | - |" in table
    late = "| picture 0.40 s late: shift of the speech, median / mean | 0.34 to 0.46 s | 0.400 / 0.390 s (1 of 8 clips not found) | |"
    assert late in table
    assert table[-1] == "| peak memory of `flowdubber dub` | <= 2.5 GB | 0.75 GB | |"
    whole = benchmarks.figures_table(kept).splitlines()
    assert whole[2].endswith("| 0.75 (0.00 to 1.00) [1 not had] | 0.20 (0.00 to 1.00) |")
    assert len({line.count("|") for line in whole}) == 1


def test_other_tables_are_kept_beside_the_groups(benchmarks, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(benchmarks.OTHERS, "length", lambda args: f"a table of {args.model}\n")
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "benchmarks.md"
    page.write_text("<!-- figures length -->\n<!-- end figures length -->\n")
    options = ["--data", str(tmp_path), "--output", str(tmp_path / "out"), "--docs", str(tmp_path), "--model", "it"]
    benchmarks.main([*options, "--groups", "length"])
    assert "a table of it" in capsys.readouterr().out
    assert (tmp_path / "out" / "length.md").read_text() == "a table of it\n"
    assert page.read_text() == "<!-- figures length -->\na table of it\n<!-- end figures length -->\n"


def test_costs_are_compared_by_the_second(repository):
    rows = load_script(repository, "benchmark_rows")
    short, long = rows.Cost(3.0, 0.2, {"lips": 0.1, "total": 0.2}), rows.Cost(60.0, 0.3, {"lips": 0.2, "total": 0.3})
    assert rows.cost_table(short, long).splitlines() == [
        "| clip | processor s a second ↓ | lips |",
        "|---|---|---|",
        "| 3.0 s | 0.200 | 0.100 |",
        "| 60.0 s | 0.300 | 0.200 |",
        "| ratio | 1.50 | 2.00 |",
    ]


def test_report_stands_between_its_marks(benchmarks, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nold\n<!-- end figures -->\nafter\n")
    benchmarks.insert(page, "figures", "new\n")
    assert page.read_text() == "before\n<!-- figures -->\nnew\n<!-- end figures -->\nafter\n"
    with pytest.raises(ValueError, match="no section"):
        benchmarks.insert(page, "others", "new\n")


def test_the_repository_has_the_sections_that_the_figures_go_to(benchmarks, repository, groups):
    places = [("README.md", "figures"), ("README.md", "free text")]
    places += [("docs/benchmarks.md", f"figures {name}") for name in (*groups, *benchmarks.OTHERS)]
    for page, section in places:
        text = (repository / page).read_text(encoding="utf-8")
        assert f"<!-- {section} -->\n" in text, section
        assert f"<!-- end {section} -->" in text, section


@pytest.mark.slow
def test_a_group_is_measured_once(benchmarks, shared_data, tmp_path, capsys):
    for package in ("pocketsphinx", "jiwer", "matplotlib"):
        pytest.importorskip(package)
    model = tmp_path / "model"
    tiny_pipeline().save_pretrained(model)
    options = ["--data", str(shared_data), "--model", str(model), "--limit", "1", "--output", str(tmp_path / "out")]
    options += ["--metrics", "word-sync", "length", "--groups", "parts"]
    benchmarks.main(options)
    printed = capsys.readouterr().out
    assert "without DCA" in printed and "**Parts of the method**: 1 clips of `dev`" in printed
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")}
    assert len(kept) == 4
    benchmarks.main(options)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.wav")} == kept


@pytest.mark.slow
def test_a_late_picture_is_followed(benchmarks, shared_data, tmp_path, monkeypatch):
    """The pipeline of this test speaks when its picture begins to move."""
    pytest.importorskip("matplotlib")
    starts = []

    class Dub:
        def __init__(self, video):
            moving = np.abs(np.diff(video.astype(int), axis=0)).reshape(len(video) - 1, -1).any(axis=1)
            self.audios = [np.full(16, np.flatnonzero(moving)[0] / 25)]

    def align(sound, text):
        starts.append(float(sound[0]))
        return [benchmarks.functional.WordTime("bin", starts[-1], starts[-1] + 0.1)]

    monkeypatch.setattr(benchmarks, "load_pipeline", lambda settings: lambda video, **_: Dub(video))
    monkeypatch.setattr(benchmarks.functional, "align_words_steadily", align)
    settings = benchmarks.EvaluateSettings(
        data=shared_data / "grid", output=tmp_path / "out", limit=2, metrics=("length",)
    )
    delay = benchmarks.measure_delay(settings)
    assert (delay.median, delay.mean, delay.not_found) == (pytest.approx(0.4), pytest.approx(0.4), 0)
    assert len(starts) == 4

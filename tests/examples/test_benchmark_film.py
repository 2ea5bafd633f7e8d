"""What is measured of a whole film."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def benchmark(repository: Path) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(repository / "examples")
        return importlib.import_module("benchmark_film")


@pytest.fixture(scope="module")
def figures(benchmark: ModuleType) -> ModuleType:
    return importlib.import_module("film_figures")


def test_cuts_that_are_missing_or_too_many(figures: ModuleType):
    def score(*starts: float) -> float:
        shots = [{"start": 0}, *({"start": round(start * 1e6)} for start in starts)]
        return figures.cuts_f1({"shots": shots}, {"cuts": [50, 100]})

    assert score(2.0, 4.04) == 1.0
    assert score(2.0) == pytest.approx(2 / 3)
    assert score(2.0, 2.04, 4.0) == pytest.approx(0.8)
    assert score(2.0, 4.1) == 0.5


def test_speakers_by_where_their_faces_are(figures: ModuleType):
    true = {"text": "a", "words": [["a", 0, 1]]}
    boxes = [("one", (0, 0, 1, 1)), ("two", (0.5, 0, 1, 1)), ("off", None), ("off", None), ("one", (0, 0, 1, 1))]
    truth = {"cues": [{**true, "start": row, "kind": kind, "box": box} for row, (kind, box) in enumerate(boxes)]}
    truth["cues"].append({**true, "start": 9, "kind": "noise", "box": None, "words": []})
    tracks = ["t1a+t2a", "t1a", None, "t1a", None]
    cues = [{"text": "a", "start": row, "track": track} for row, track in enumerate(tracks)]
    cues[0] = {"text": "a", "start": 0, "parts": [{"track": None}, {"track": "t1a+t2a"}]}
    plan = {"film": {"width": 360}, "tracks": {"t1a": {"x": 90}}, "cues": [*cues, {"text": "a", "start": 9}]}
    found = figures.speakers_right(plan, truth)
    assert found == [("one", True), ("two", False), ("off", True), ("off", False), ("one", False)]


def test_a_slope_is_told_in_milliseconds_of_ten_minutes(figures: ModuleType):
    times = np.linspace(0, 720, 300)
    value, error = figures.slope(0.03 + times * 0.005 / 600, times)
    assert value == pytest.approx(5.0) and error == pytest.approx(0.0, abs=1e-6)
    noise = np.random.default_rng(0).normal(0, 0.03, 300)
    value, error = figures.slope(noise, times)
    assert abs(value) < 3 * error and 3 < error < 8


FOUND = {
    "date": "2026-11-28", "film_seconds": 60.0, "speech_seconds": 30.0, "cues": 8, "failed": 0, "wall": 30.0, "processor": 40.0,
    "memory": 1_300_000_000, "cuts_f1": 1.0, "cuts": 9, "speakers": [["one", True]] * 4, "speakers_mute": [["one", True], ["two", False]],
    "starts": {"words": 40, "film_ms": 31.0, "alone_ms": 30.0, "slope": 2.0, "slope_error": 3.0}, "lag_samples": 0, "lag_slope": 0.0,
    "inside": [True], "changed_outside": 0, "leakage": -38.0, "loudness": [-23.0, -23.1], "true_peak": -1.2, "length_error": 0,
    "kills": {"count": 5, "same": True, "stages": {"dubbing": 5}},
    "processes": {"two": {"same": False}, "minutes": 0.5},
    "redo": {"wall": 7.4, "processor": 7.0, "assembling": 3.0, "kept": True, "back": True},
    "lengths": [{"minutes": 12.0, "cues": 8, "memory": 8e8}, {"minutes": 120.0, "cues": 8, "memory": 8.5e8}],
}  # fmt: skip


def test_what_misses_its_mark_is_bold(benchmark: ModuleType):
    text = benchmark.table(FOUND, "A film")
    assert text.startswith("A film: 1.0 minutes, 8 cues dubbed, 0 failed")
    bold = [line for line in text.splitlines() if "**" in line]
    assert [line.split("**")[1] for line in bold] == [
        "50.0 % (1 of 2)",
        "-38 dB",
        "others",
        "1.30 GB",
        "0.80 and 0.85 GB (+6 %)",
    ]
    assert "| 5 times `kill -9` (5 dubbing): the film's bytes | the same |" in text
    assert "two processes (film of 0.5 minutes): the film's bytes" in text


def test_a_film_of_another_make_has_a_table_of_its_own(benchmark: ModuleType):
    other = {**FOUND, "minutes": 0.7, "cues_dubbed": 8, "kept": {"pictures": True, "rotation": False}}
    text = benchmark.table({**FOUND, "other": other}, "A film", "On a slow machine.")
    first, _, second = text.partition("A film of another make (")
    assert first.splitlines()[0].endswith("2026-11-28. On a slow machine.")
    assert "| as in the film | **pictures; not: rotation** | all |" in second and "0.7 minutes, 8 cues" in second
    assert first.count("| the actor under") == second.count("| the actor under") == 1


def test_cues_are_spread_over_a_film_that_is_repeated(benchmark: ModuleType, tmp_path: Path):
    row = {"kind": "one", "speaker": "s1", "text": "bin blue", "start": 1_000_000, "end": 3_000_000}
    cues = [{**row, "start": place * 10_000_000, "end": place * 10_000_000 + 2_000_000} for place in range(6)]
    truth = {"frames": 1500, "cues": [*cues, {**row, "kind": "long"}]}
    benchmark.spread_cues(truth, 3, 10, tmp_path / "cues.vtt")
    times = [line.split(" --> ")[0] for line in (tmp_path / "cues.vtt").read_text().splitlines() if "-->" in line]
    assert times == ["00:00:00.000", "00:03:20.000", "00:06:40.000"]


@pytest.mark.slow
def test_a_small_film_is_measured(benchmark: ModuleType, repository: Path, tmp_path: Path):
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "benchmarks.md"
    page.write_text(f"before\n<!-- {benchmark.SECTION} -->\n<!-- end {benchmark.SECTION} -->\nafter\n")
    given = ["--output", str(tmp_path / "out"), "--num-cues", "3", "--gap", "0.5", "--scale", "1", "--kills", "2"]
    given += ["--short-cues", "2"]
    benchmark.main([*given, "--docs", str(tmp_path)])
    found = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert found["cues"] == 3 and found["failed"] == 0 and found["cuts_f1"] == 1.0
    assert all(right for _, right in found["speakers"]) and found["inside"] == [True]
    assert (found["changed_outside"], found["length_error"], found["lag_samples"]) == (0, 0, 0)
    assert abs(found["loudness"][1] - found["loudness"][0]) < 0.3 and found["true_peak"] <= -1
    assert found["redo"]["kept"] and found["redo"]["back"]
    assert all(found["other"]["kept"].values()) and found["other"]["changed_outside"] == 0
    assert [row["minutes"] for row in found["lengths"]] == pytest.approx(
        [found["film_seconds"] / 60, found["film_seconds"] / 6]
    )
    assert found["kills"]["count"] == 2 and found["kills"]["same"]
    assert found["processes"]["two"]["same"] and found["processes"]["launched"]["same"]
    assert "| cuts found, F1 | 1.000" in page.read_text() and page.read_text().endswith("after\n")
    section = (repository / "docs" / "benchmarks.md").read_text()
    assert f"<!-- {benchmark.SECTION} -->" in section

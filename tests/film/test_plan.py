"""A film's plan: what is read by which mouth, what is wrong, what is kept."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowdubber_hf.film import BadFilm, FilmPlan, check_film, plan_film
from flowdubber_hf.film import stretches as stretches_module
from support.films import TEXT, film_folder, film_settings


pytestmark = pytest.mark.slow


folder = pytest.fixture(scope="module")(film_folder)


@pytest.fixture(scope="module")
def plan(folder: Path) -> FilmPlan:
    return plan_film(film_settings(folder))


def test_who_is_read_and_how(plan: FilmPlan) -> None:
    alone, pair, nobody, away, noise = plan.cues
    assert [cue.timing for cue in plan.cues] == ["lips", "lips", "cue", "lips", None]
    assert alone.parts[0].choice.by == "only" and pair.parts[0].choice.by == "sound"
    assert plan.tracks[pair.track]["x"] > 180 and plan.tracks[pair.track]["shot"] == 2
    assert nobody.track is None and nobody.parts[0].seen is None
    assert "+" in away.track and 0.6 < away.parts[0].seen < 0.9 and away.parts[0].shots == (5, 6, 7)
    assert noise.cue.skip and noise.cue.note == "a sound" and noise.window is None
    assert not any(cue.unsure or cue.error for cue in plan.cues) and plan.problems == ()


def test_windows(plan: FilmPlan) -> None:
    assert plan.cues[0].window == (120_000, 2_760_000)
    assert plan.cues[2].window == (6_400_000, 8_520_000)  # without a mouth: from the cue's own beginning
    assert plan.cues[0].parts[0].phonemes == 15 and plan.cues[0].parts[0].rate == pytest.approx(15 / 2.64, abs=0.01)


def test_mouths_of_the_plan(plan: FilmPlan) -> None:
    away = plan.cues[3].parts[0]
    crops, seen = plan.mouths(away)
    assert crops.shape == (away.window[1] - away.window[0], 96, 96) and seen.mean() == pytest.approx(away.seen)
    hidden = slice(280 - away.window[0], 295 - away.window[0])
    assert not seen[hidden].any() and not crops[hidden].any() and seen[: hidden.start].all()
    crops, seen = plan.mouths(plan.cues[2].parts[0])
    assert not seen.any() and len(crops) == 53


def test_files_of_the_plan(plan: FilmPlan) -> None:
    work = plan.settings.work_folder
    written = json.loads((work / "plan.json").read_text())
    row = written["cues"][1]
    assert row["track"] == plan.cues[1].track and row["window"] == list(plan.cues[1].window) and row["text"] == TEXT
    assert [len(row["candidates"]) for row in written["cues"][:4]] == [1, 2, 0, 1]
    assert len(written["shots"]) == 7 and sorted(path.name for path in work.iterdir()) == [
        "cues.jsonl",
        "plan.json",
        "shots",
        "shots.json",
        "sync.npz",
    ]
    assert (work / "cues.jsonl").read_text().count("\n") == 5


def test_another_plan_decodes_only_what_is_new(folder: Path, plan: FilmPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(stretches_module, "grid_frames", refuse)
    monkeypatch.setattr("flowdubber_hf.film.plan.find_shots", refuse)
    changed = folder / "changed.srt"
    changed.write_text((folder / "film.srt").read_text().replace(TEXT, "Set red by nine again.", 1))
    again = plan_film(film_settings(folder, cues=changed))
    assert [cue.id == old.id for cue, old in zip(again.cues, plan.cues, strict=True)] == [
        False,
        True,
        True,
        True,
        True,
    ]
    assert [cue.parts[0].mouths_hash for cue in again.cues[:4]] == [cue.parts[0].mouths_hash for cue in plan.cues[:4]]


def test_a_damaged_file_of_mouths_is_made_again(folder: Path, plan: FilmPlan) -> None:
    file = plan.settings.work_folder / "shots" / "1.npz"
    file.write_bytes(file.read_bytes()[:1000])
    assert plan_film(film_settings(folder)).cues[0].parts[0].mouths_hash == plan.cues[0].parts[0].mouths_hash


def native(folder: Path, *rows: dict) -> Path:
    base = {"text": TEXT, "speaker": "anna"}
    (folder / "cues.jsonl").write_text("\n".join(json.dumps(base | row) for row in rows))
    return folder / "cues.jsonl"


def test_faces_by_name_by_box_and_none(folder: Path, tmp_path: Path) -> None:
    times = {"start": 3_400_000, "end": 5_500_000}
    (tmp_path / "faces.jsonl").write_text(
        json.dumps({"track": "mine", "shot": 2, "first_frame": 75, "boxes": [[40, 100, 140, 200]] * 75})
    )
    for row, track in (
        ({"face": "mine"}, "mine"),
        ({"face": "none"}, None),
        ({"mouth_box": [70, 190, 110, 225]}, "m-one-2"),
    ):
        cues = native(tmp_path, {"id": "one"} | times | row)
        given = {"faces": tmp_path / "faces.jsonl"} if row.get("face") == "mine" else {}
        (tmp_path / "voices.toml").write_text(f'[anna]\nreference = "{folder}/anna.wav"\n')
        found = plan_film(
            film_settings(folder, cues=cues, voices=tmp_path / "voices.toml", work=tmp_path / "work", **given)
        )
        assert found.cues[0].track == track and found.cues[0].timing == ("lips" if track else "cue"), row


def test_lips_without_a_face_fail_that_cue_alone(folder: Path, tmp_path: Path) -> None:
    rows = [{"start": 6_400_000, "end": 8_500_000, "timing": "lips"}, {"start": 400_000, "end": 2_500_000}]
    found = plan_film(film_settings(folder, cues=native(tmp_path, *rows), work=tmp_path / "work"))
    assert [bool(cue.error) for cue in found.cues] == [False, True]
    errors = [str(problem) for problem in found.problems if problem.is_error]
    assert len(errors) == 1 and errors[0].startswith("cue 1 (line 1, 0:00:06.400): no speaking face is seen")


def test_two_equal_faces_are_doubtful(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowdubber_hf.film.mouths.is_silent", lambda sound: True)
    asked = []

    def score(text: str, crops: np.ndarray, seen: np.ndarray) -> float:
        asked.append((text, crops.shape[1:], len(crops) == len(seen)))
        return 0.5

    cues = native(tmp_path, {"start": 3_400_000, "end": 5_500_000})
    found = plan_film(film_settings(folder, cues=cues, work=tmp_path / "work"), path_score=score)
    assert asked == [(TEXT, (96, 96), True)] * 2
    assert found.cues[0].unsure and "margin 0.00; the one that moves most is taken" in found.cues[0].flags[0]
    assert found.tracks[found.cues[0].track]["x"] > 180
    assert [problem.is_error for problem in found.problems if problem.cue] == [False]
    # Without a score the movement of the mouths decides.
    assert plan_film(film_settings(folder, cues=cues, work=tmp_path / "work")).cues[0].parts[0].choice.by == "movement"


def test_everything_that_is_wrong_is_told_before_anything_is_decoded(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "voices.toml").write_text("[anna]\nreference = 'none.wav'\n[ben]\npan = 3\nreference = 'x'\n")
    cues = native(
        tmp_path,
        {"start": 400_000, "end": 2_500_000},
        {"start": 3_000_000, "end": 2_000_000},
        {"start": 90_000_000, "end": 91_000_000, "speaker": "carl"},
        {"start": 3_000_000, "end": 3_100_000, "mouth_box": [0, 0, 4000, 40], "timing": "lips"},
    )
    asked = film_settings(
        folder, cues=cues, voices=tmp_path / "voices.toml", work=tmp_path / "work", shots=tmp_path / "none.txt"
    )
    with pytest.raises(BadFilm) as caught:
        plan_film(asked)
    told = str(caught.value)
    for part in (
        "cue 2 (line 2, 0:00:03.000): ends before it begins",
        "begins after the film's end",
        'no voice "carl"; it has anna'.replace('"carl";', '"carl" in voices.toml;'),
        "phonemes a second, at most 25",
        "must lie inside the picture",
        "[ben] pan must be a number",
        "[anna] there is no recording",
        "shots: ",
    ):
        assert part in told, part
    assert not (tmp_path / "work").exists()


def test_files_that_are_missing_are_told_together(tmp_path: Path) -> None:
    found = check_film(film_settings(tmp_path))
    assert sorted(problem.where for problem in found.problems if problem.is_error) == ["cues", "film", "voices"]


def test_a_long_cue_is_planned_in_parts(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowdubber_hf.film.script.LONGEST_CUE", 6_000_000)
    monkeypatch.setattr("flowdubber_hf.film.script.LONGEST_PART", 4_000_000)
    cues = native(
        tmp_path, {"start": 400_000, "end": 8_500_000, "text": "One two three. Four five six. Seven eight nine."}
    )
    found = plan_film(film_settings(folder, cues=cues, work=tmp_path / "work")).cues[0]
    assert [part.text for part in found.parts] == ["One two three.", "Four five six.", "Seven eight nine."]
    assert all(a.window[1] <= b.window[0] for a, b in zip(found.parts, found.parts[1:], strict=False))
    assert len(found.as_row()["parts"]) == 3


def test_fast_cues_borrow_silence(folder: Path, tmp_path: Path) -> None:
    text = "Everybody in the village remembers the terrible winter of that year."
    cues = native(tmp_path, {"start": 6_400_000, "end": 8_000_000, "text": text})
    with pytest.raises(BadFilm, match="at most 25"):
        plan_film(film_settings(folder, cues=cues, work=tmp_path / "work"))
    found = plan_film(film_settings(folder, cues=cues, work=tmp_path / "work", borrow=0.7)).cues[0]
    assert found.error is None and found.window[1] > 8_600_000 and "at most 20" in found.flags[0]


def test_importing_the_package_is_light() -> None:
    code = "import sys, flowdubber_hf.film; print({'torch', 'cv2', 'av', 'numpy'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "set()"
    )


def test_settings_of_another_timing(folder: Path, plan: FilmPlan) -> None:
    found = plan_film(replace(plan.settings, timing="cue"))
    assert {cue.timing for cue in found.cues if cue.parts} == {"cue"} and not found.tracks


def test_voices_of_the_film_s_own_sound_are_heard(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "voices.toml").write_text("[anna]\nfrom = [[9.0, 10.0], [12.6, 14.0]]\n")
    cues = native(tmp_path, {"start": 400_000, "end": 2_500_000})
    with pytest.raises(BadFilm, match=r"\[anna\] what `from` names of the film's sound"):
        plan_film(film_settings(folder, cues=cues, voices=tmp_path / "voices.toml", work=tmp_path / "work"))

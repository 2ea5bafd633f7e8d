"""A film as clips to train with."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.cli import main
from flowdubber_hf.data import prepare as prepare_module
from flowdubber_hf.data.corpora import read_corpus
from flowdubber_hf.film import RunSettings, plan_film, run_film
from flowdubber_hf.film.faces import find_faces
from flowdubber_hf.film.training_clips import face_region, write_training_clips
from flowdubber_hf.processing.frames import iter_grid
from flowdubber_hf.processing.sound import load_audio
from support.films import TEXT, film_folder, film_settings, speech


pytestmark = pytest.mark.slow


folder = pytest.fixture(scope="module")(film_folder)


@pytest.fixture(scope="module")
def plan(folder: Path):
    return plan_film(film_settings(folder, voices=None, output=folder / "none.mkv", work=folder / "work"))


@pytest.fixture(scope="module")
def made(folder: Path, plan):
    return write_training_clips(plan, folder / "clips")


def test_lines_whose_speaker_is_seen_become_clips(made, plan, folder: Path) -> None:
    rows, left_out = made
    assert [(row["text"], row["speaker"]) for row in rows] == [(TEXT, "anna"), (TEXT, "ben")]
    assert set(left_out) == {"3", "4"} and "not seen" in left_out["3"] and "% of it only" in left_out["4"]
    assert [json.loads(line) for line in (folder / "clips" / "metadata.jsonl").read_text().splitlines()] == rows
    for row, cue in zip(rows, plan.cues, strict=False):
        first, stop = cue.parts[0].window
        sound = load_audio(folder / "clips" / row["audio"])
        assert len(sound) == 640 * (stop - first)
        said = speech()[640 * (first % 75) :][: len(sound)]
        assert np.corrcoef(sound[: len(said)], said)[0, 1] > 0.9


def test_each_clip_shows_one_face(made, plan, folder: Path) -> None:
    for row, cue in zip(made[0], plan.cues, strict=False):
        pictures = list(iter_grid(folder / "clips" / row["video"], "gray"))
        assert len(pictures) == cue.parts[0].window[1] - cue.parts[0].window[0]
        assert all(side % 2 == 0 for side in pictures[0].shape)
        (face,) = find_faces(lambda pictures=pictures: iter(pictures), len(pictures))
        assert face.seen.mean() > 0.9


def test_the_listing_is_a_corpus(made, folder: Path) -> None:
    corpus = read_corpus(folder / "clips")
    assert len(corpus.recordings) == 2 and not any(one.problem for one in corpus.recordings)


def test_a_region_follows_a_face_that_moves() -> None:
    still = np.array([[100, 100, 160, 160]], np.float32)
    x0, y0, x1, y1 = face_region(still)
    assert x0 < 100 and x1 > 160 and y0 < 50 and y1 > 160
    assert face_region(np.concatenate([still, still + np.float32([40, 0, 40, 0])]))[2] == pytest.approx(x1 + 40)


def test_without_voices_nothing_is_dubbed(plan) -> None:
    with pytest.raises(ValueError, match="without a table of voices"):
        run_film(plan, RunSettings(device="cpu"))


def test_the_command_prepares_the_clips(folder: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    given = []

    def note(settings):
        given.append(settings)
        raise ValueError("enough")

    monkeypatch.setattr(prepare_module, "prepare", note)
    command = ["prepare", str(folder / "film.mp4"), str(tmp_path / "data"), "--corpus", "film"]
    assert main([*command, "--cues", str(folder / "film.srt")]) == 2
    assert (given[0].input, given[0].corpus, given[0].name) == (tmp_path / "data.clips", "metadata", "film")
    assert (tmp_path / "data.clips" / "metadata.jsonl").is_file()
    assert "cue 3 is left out: its speaker is not seen." in capsys.readouterr().out
    assert main(command) == 2 and "needs --cues" in capsys.readouterr().err
    assert main(["prepare", str(folder), str(tmp_path / "other"), "--cues", "x.srt"]) == 2

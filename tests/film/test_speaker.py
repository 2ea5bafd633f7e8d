"""Faces in a shot, and which of them speaks."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.film.faces import (
    FaceTrack,
    cut_mouths,
    find_faces,
    fixed_place,
    is_continued,
    join_tracks,
    place_of_boxes,
)
from flowdubber_hf.film.shots import Shot
from flowdubber_hf.film.speaker import (
    MAX_OFFSET,
    STILL,
    Candidate,
    Judge,
    Places,
    candidates_of,
    decide,
    longest_run,
    movement,
    only,
)
from flowdubber_hf.film.stretches import MOST_PICTURES, Stretch, group_spans
from flowdubber_hf.metrics.sync import frames_needed, load_syncnet
from support.films import beside, elsewhere, speech, still_head
from support.video_files import head_frames


pytestmark = pytest.mark.slow


def grey(pictures: np.ndarray) -> np.ndarray:
    return pictures.mean(axis=3).round().astype(np.uint8)


@pytest.fixture(scope="module")
def two() -> list[FaceTrack]:
    """Tracks of two heads side by side, the left one still, from place 100 of the grid on."""
    pictures = grey(beside(still_head(), head_frames()))
    places = find_faces(lambda: iter(pictures), len(pictures))
    return sorted(cut_mouths(lambda: iter(pictures), places, 100), key=lambda track: track.centre)


def track(first: int, seen: str, level: int = 0, x: float = 100.0) -> FaceTrack:
    shown = np.array([sign == "x" for sign in seen])
    crops = np.zeros((len(seen), 96, 96), np.uint8) + (np.arange(96, dtype=np.uint8) + level)
    return FaceTrack(first, np.tile(np.array([x, 50, x + 60, 110], np.float32), (len(seen), 1)), shown, crops)


def test_all_faces_are_found(two: list[FaceTrack]) -> None:
    assert len(two) == 2 and all(one.first == 100 and one.stop == 175 and one.seen.all() for one in two)
    assert [round(one.centre[0] / 90) for one in two] == [1, 3]
    assert all(abs(one.centre[1] - 208) < 8 and not one.profile for one in two)


def test_a_track_is_as_long_as_its_face() -> None:
    pictures = np.concatenate([elsewhere(40), head_frames(), elsewhere(40)])
    (place,) = find_faces(lambda: iter(grey(pictures)), len(pictures))
    seen = np.flatnonzero(place.seen) + place.first
    assert 36 <= seen[0] <= 46 and 109 <= seen[-1] <= 120


def test_no_face_and_short_faces() -> None:
    assert find_faces(lambda: iter(grey(elsewhere(30))), 30) == []
    assert find_faces(lambda: iter(()), 0) == []
    short = np.concatenate([elsewhere(30), head_frames()[:5], elsewhere(30)])
    assert find_faces(lambda: iter(grey(short)), len(short)) == []


def test_small_faces() -> None:
    picture = np.full((40, 1080, 1440), 90, np.uint8)
    picture[:, 300:588, 700:1060] = grey(head_frames()[:40])
    (place,) = find_faces(lambda: iter(picture), 40)
    assert np.abs(place.centres.mean(axis=0) - (880, 508)).max() < 12


def test_boxes_and_mouth_boxes() -> None:
    place = fixed_place((10, 20, 30, 30), 4)
    assert place.centres.tolist() == [[20, 25]] * 4 and place.seen.all()
    place = place_of_boxes(np.array([[100.0, 100, 200, 200]]), 7)
    assert place.first == 7 and place.centres[0].tolist() == [150, 181] and 50 < place.sides[0] < 70


def test_movement_tells_speech_from_rest(two: list[FaceTrack]) -> None:
    still, speaks = (movement(one.crops, one.seen) for one in two)
    assert still < STILL < speaks
    assert movement(two[0].crops, np.zeros(75, bool)) == 0.0


def test_the_film_s_sound_tells_the_speaker(
    two: list[FaceTrack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(judge: Judge) -> list[float | None]:
        few = frames_needed(load_syncnet(), MAX_OFFSET) - 1
        asked = [(two[0].crops, speech()), (two[1].crops, speech()), (two[0].crops[:few], speech())]
        return [judge(*one) for one in (*asked, (two[0].crops, speech()[:6400]))]

    judge = Judge(tmp_path / "sync.npz")
    quiet, speaks, *short = found = answers(judge)
    assert speaks > quiet + 0.1 and short == [None, None]
    judge.save()
    monkeypatch.setattr("flowdubber_hf.film.speaker.sync_score", None)  # it is not asked again
    assert answers(Judge(tmp_path / "sync.npz")) == found


def test_candidates_are_seen_in_half_of_the_cue() -> None:
    tracks = {"a": track(0, "x" * 10), "b": track(5, "x" * 20), "c": track(5, "xx" + "." * 10 + "x" * 8)}
    found = candidates_of(tracks, (4, 14), (2, 20))
    assert [(name, share) for name, share, _ in found] == [("a", 0.6), ("b", 0.9)]
    assert [part for _, _, part in found] == [slice(2, 10), slice(0, 15)]


def candidates(*rows: tuple[str, float, float | None]) -> list[Candidate]:
    return [Candidate(name, 1.0, moves, evidence) for name, moves, evidence in rows]


def test_decisions() -> None:
    choice = decide(candidates(("a", 0.2, 0.1), ("b", 0.1, 0.5)), "sound", {})
    assert (choice.track, choice.by, choice.unsure) == ("b", "sound", False) and choice.margin == pytest.approx(0.4)
    assert [one.track for one in choice.candidates] == ["b", "a"]
    choice = decide(candidates(("a", 0.2, 0.31), ("b", 0.1, 0.3)), "sound", {})
    assert (choice.track, choice.unsure) == ("a", True)
    choice = decide(candidates(("a", 0.2, 0.31), ("b", 0.1, 0.3)), "sound", {"a": -0.15, "b": 0.15})
    assert (choice.track, choice.unsure) == ("b", False)
    choice = decide(candidates(("a", 0.2, None), ("b", 0.1, 0.9)), "sound", {})
    assert (choice.track, choice.by) == ("a", "movement")
    choice = decide(candidates(("a", 0.01, 0.1), ("b", 0.02, 0.12)), "sound", {})
    assert (choice.track, choice.unsure) == (None, True)


def test_the_only_face_has_to_move() -> None:
    still, speaks = candidates(("a", STILL / 2, None), ("a", STILL * 2, None))
    assert only(still, False).track is None and only(still, True).track == only(speaks, False).track == "a"


def test_speakers_keep_to_their_side() -> None:
    places = Places(288)
    left, right = {"x": 90, "y": 200, "side": 60}, {"x": 270, "y": 200, "side": 60}
    places.remember("anna", left | {"shot": 3})
    places.remember("ben", right | {"shot": 4})
    assert places.prior("anna", left | {"shot": 5}) > 0 > places.prior("ben", left | {"shot": 5})
    assert places.prior("ben", right | {"shot": 5}) > 0
    assert places.prior("anna", left | {"shot": 40}) == 0
    assert places.prior("anna", left | {"shot": 5, "side": 120}) == 0


def test_a_face_goes_on_behind_a_cut_away() -> None:
    one, other = track(0, "x" * 10), track(20, "xx.x", level=3)
    assert is_continued(one, other) and not is_continued(one, track(5, "xxxx"))
    assert not is_continued(one, track(20, "xxxx", x=160))
    moved = replace(other, crops=np.roll(other.crops, (4, -6), axis=(1, 2)))
    assert is_continued(one, moved)
    whole = join_tracks([other, one])
    assert (whole.first, whole.stop, whole.seen.sum()) == (0, 24, 13)
    assert not whole.seen[10:20].any() and whole.crops[21, 0, 0] == 3
    assert longest_run(whole.seen, slice(0, 24)) == slice(0, 10)


def test_stretches_hold_what_cues_touch() -> None:
    shots = [
        Shot(1, 0, 1, 0, 100),
        Shot(2, 1, 2, 100, 5000),
        Shot(3, 2, 3, 5000, 5100, True),
        Shot(4, 3, 4, 5100, 5103),
    ]
    spans = [(10, 60), (90, 160), (200, 260), (1000, 1900), (1850, 2400), (2380, 2600), (4990, 5103)]
    assert group_spans(shots, spans) == [
        Stretch("1", 1, 10, 100),
        Stretch("2-1", 2, 100, 260),
        Stretch("2-2", 2, 1000, 2400),
        Stretch("2-3", 2, 2380, 2600),
        Stretch("2-4", 2, 4990, 5000),
    ]
    assert all(one.stop - one.first <= MOST_PICTURES for one in group_spans(shots, spans))
    assert group_spans(shots, []) == []

"""Cuts, and pictures from any place of a film."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.film.shots import find_shots, one_shot, read_shots
from flowdubber_hf.film.source import film_sound, grid_frames, probe_film
from support.video_files import noise_frames, write_clip, write_sound


def scenes(*lengths: int) -> np.ndarray:
    """Scenes of noise of their own, numbered by seeds; a negative length is black."""
    parts = [noise_frames(abs(n), 96, 128, seed) * (n > 0) for seed, n in enumerate(lengths)]
    return np.concatenate(parts).astype(np.uint8)


@pytest.mark.parametrize("rate", [25, Fraction(24000, 1001), 50])
def test_cuts_are_found_to_the_frame(tmp_path: Path, rate: int | Fraction) -> None:
    lengths = (40, 30, -12, 25, 33)
    source = probe_film(write_clip(tmp_path / "a.mp4", scenes(*lengths), rate=rate))
    shots = find_shots(source)
    starts = np.cumsum((0, *lengths[:2], 12, 25))
    assert [round(shot.start * rate / 1_000_000) for shot in shots] == starts.tolist()
    assert [shot.black for shot in shots] == [False, False, True, False, False]
    assert shots[0].first == 0 and shots[-1].stop == source.num_grid
    assert all(a.stop == b.first and a.end == b.start for a, b in itertools.pairwise(shots))


def test_the_grid_of_a_shot_shows_that_shot(tmp_path: Path) -> None:
    pictures = np.concatenate([np.full((37, 64, 64, 3), 60, np.uint8), np.full((41, 64, 64, 3), 200, np.uint8)])
    source = probe_film(write_clip(tmp_path / "a.mp4", pictures, rate=Fraction(24000, 1001)))
    first, second = find_shots(source)
    for shot, level in ((first, 60), (second, 200)):
        shown = np.stack(list(grid_frames(source, shot.first, shot.stop)))
        assert len(shown) == shot.stop - shot.first and np.abs(shown.astype(int) - level).max() < 12


def test_movement_is_no_cut(tmp_path: Path) -> None:
    wide = noise_frames(1, 96, 400)[0]
    pictures = np.stack([wide[:, 3 * n : 3 * n + 128] for n in range(60)])
    assert len(find_shots(probe_film(write_clip(tmp_path / "a.mp4", pictures)))) == 1


def test_a_small_jump_in_a_quiet_picture_is_a_cut(tmp_path: Path) -> None:
    quiet = np.full((40, 96, 128, 3), 100, np.uint8)
    other = quiet.copy()
    other[:, :, :64] += 30
    assert len(find_shots(probe_film(write_clip(tmp_path / "a.mp4", np.concatenate([quiet, other]))))) == 2


def test_any_place_gives_what_decoding_all_gives(tmp_path: Path) -> None:
    for rate, gop in ((25, 100), (Fraction(24000, 1001), 30)):
        path = tmp_path / f"{gop}.mkv"
        source = probe_film(write_clip(path, scenes(50, 60), rate=rate, gop=gop))
        whole = np.stack(list(grid_frames(source, 0, source.num_grid)))
        for place in (1, 29, 49, 77, source.num_grid - 2):
            assert (np.stack(list(grid_frames(source, place, place + 2))) == whole[place : place + 2]).all(), (
                rate,
                place,
            )


def test_a_variable_rate_goes_by_times(tmp_path: Path) -> None:
    pictures = np.stack([np.full((64, 64, 3), level, np.uint8) for level in (50, 100, 150, 200)])
    source = probe_film(write_clip(tmp_path / "a.mkv", pictures, pts=(0, 40, 1000, 1040)))
    shown = [int(picture.mean()) for picture in grid_frames(source, 0, 26)]
    # The nearest in time: the second until the middle of the gap.
    assert abs(shown[0] - 50) < 4 and all(abs(level - 100) < 4 for level in shown[1:13])
    assert all(abs(level - 150) < 4 for level in shown[14:26])


def test_rotation_and_start(tmp_path: Path) -> None:
    source = probe_film(write_clip(tmp_path / "a.mp4", noise_frames(10, 48, 64), rotation=90))
    assert (source.width, source.height, source.rotation) == (48, 64, 90)
    assert next(iter(grid_frames(source, 0, 1))).shape == (64, 48)


def test_cuts_of_ones_own(tmp_path: Path) -> None:
    source = probe_film(write_clip(tmp_path / "a.mp4", noise_frames(100, 48, 64)))
    file = tmp_path / "cuts.txt"
    file.write_text("0\n25\n# a comment\n2.0\n00:00:03.2  # another\n")
    assert [shot.start for shot in read_shots(source, file)] == [0, 1_000_000, 2_000_000, 3_200_000]
    assert [shot.first for shot in read_shots(source, file)] == [0, 25, 50, 80]
    assert len(one_shot(source)) == 1 and one_shot(source)[0].stop == 100
    for text, message in (
        ("x", "line 1: neither"),
        ("30\n20", "line 2: 20 must lie"),
        ("400", "line 1: 400 must lie"),
    ):
        file.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_shots(source, file)


def test_sound_of_a_span(tmp_path: Path) -> None:
    sound = np.zeros(96_000, np.float32)
    sound[40_000:40_400] = 0.5
    source = probe_film(write_clip(tmp_path / "a.mkv", noise_frames(150, 48, 64), sound=sound))
    heard = film_sound(source, 2_300_000, 2_700_000)
    assert len(heard) == 6400
    place = np.flatnonzero(np.abs(heard) > 0.25)
    assert abs(place[0] - 3200) < 160 and abs(place[-1] - 3600) < 160
    assert not film_sound(source, 50_000_000, 51_000_000).any()


def test_what_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    for path, message in (
        (tmp_path / "none.mp4", "there is no film"),
        (tmp_path / "text.mp4", "cannot be read as a video"),
        (write_sound(tmp_path / "sound.m4a"), "has no video stream"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(ValueError, match=message):
            probe_film(path)

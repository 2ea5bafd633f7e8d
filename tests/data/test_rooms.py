"""Rooms: echoes that die away, nothing moved in time; levels."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.data.rooms import Room, at_level


def noise(samples=16000, seed=0):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32) * 0.1


def test_the_room_answers_a_click_as_long_as_it_says():
    response = Room(0.4, 10.0, 3).response()
    assert response.dtype == np.float32 and response[0] == 1.0
    assert np.array_equal(response, Room(0.4, 10.0, 3).response())
    assert not np.array_equal(response, Room(0.4, 10.0, 4).response())
    walls = np.square(response[1:])
    assert 10 * np.log10(walls.sum()) == pytest.approx(-10.0, abs=0.1)
    early, late = walls[800:1600].mean(), walls[4000:4800].mean()
    assert 10 * np.log10(early / late) == pytest.approx(60 * 0.2 / 0.4, abs=3)


def test_sound_in_a_room_has_its_length_and_its_times():
    click = np.zeros(8000, np.float32)
    click[1000] = 0.5
    heard = Room(0.3, 6.0, 0).sound(click)
    assert heard.shape == click.shape and heard.dtype == np.float32
    assert np.abs(heard[:1000]).max() < 1e-6
    assert heard[1000] == pytest.approx(0.5, abs=1e-4)
    assert np.abs(heard[1100:3000]).max() > 0.001


def test_a_room_without_walls_or_end_is_refused():
    for seconds in (0.0, 10.0):
        with pytest.raises(ValueError, match="60 dB"):
            Room(seconds, 10.0, 0).response()


def test_levels():
    sound = at_level(noise(), -26.0)
    assert 20 * np.log10(np.sqrt(np.mean(sound**2))) == pytest.approx(-26.0, abs=1e-3)
    assert np.abs(at_level(noise(), 0.0)).max() == pytest.approx(0.97)
    with pytest.raises(ValueError, match="silence"):
        at_level(np.zeros(100, np.float32), -20.0)

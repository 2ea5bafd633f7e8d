"""Loudness against signals whose loudness the recommendation itself gives, and the gains that follow from it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest

from flowdubber_hf.film.kept import Kept
from flowdubber_hf.film.levels import (
    BlockLevels,
    line_gains,
    momentary_loudness,
    parse_loudness,
    programme_gain,
    programme_loudness,
    take_loudness,
    takes_loudness,
    true_peak,
    window_loudness,
)
from flowdubber_hf.processing.encoding import to_sound_rate
from flowdubber_hf.processing.sound import load_audio
from flowdubber_hf.processing.wav import write_wav
from support.film_sounds import Array, tone, voice


RATE = 48000


@pytest.mark.parametrize(
    ("level", "layout", "expected"), [(-23, "stereo", -23), (-33, "stereo", -33), (-20, "mono", -23)]
)
def test_tones_of_the_recommendation(level, layout, expected):
    """EBU Tech 3341: a tone of 1 kHz at -23 dBFS in both channels is -23 LUFS; one channel alone is 3 dB less."""
    sound = tone(20, 1000, 10 ** (level / 20))
    blocks = [np.repeat(sound, 2 if layout == "stereo" else 1, axis=0)]
    assert programme_loudness(momentary_loudness(blocks, layout)) == pytest.approx(expected, abs=0.1)


def test_quiet_parts_do_not_count():
    """EBU Tech 3341, case 3: -36, -23 and -36 dBFS for 10, 60 and 10 seconds are -23 LUFS."""
    parts = [tone(seconds, 1000, 10 ** (level / 20)) for seconds, level in ((10, -36), (60, -23), (10, -36))]
    sound = np.repeat(np.concatenate(parts, axis=1), 2, axis=0)
    assert programme_loudness(momentary_loudness([sound], "stereo")) == pytest.approx(-23, abs=0.1)


def test_surrounds_count_more_and_the_low_channel_not():
    """EBU Tech 3341, case 6: -28, -28, -24, (nothing), -30, -30 dBFS in 5.1 are -23 LUFS."""
    levels = (-28, -28, -24, None, -30, -30)
    rows = [tone(20, 1000, 0 if level is None else 10 ** (level / 20))[0] for level in levels]
    rows[3] = tone(20, 50, 0.9)[0]
    assert programme_loudness(momentary_loudness([np.stack(rows)], "5.1")) == pytest.approx(-23, abs=0.1)


def test_silence_has_no_loudness():
    levels = momentary_loudness([np.zeros((1, 2 * RATE), np.float32)], "mono")
    assert np.isneginf(levels).all() and len(levels) == 20
    assert programme_loudness(levels) is None and window_loudness(levels, 0, 2_000_000) is None
    assert true_peak([np.zeros((1, RATE), np.float32)], "mono") == -math.inf
    assert take_loudness(np.zeros(RATE, np.float32)) is None


def test_windows_hear_their_own_time_only():
    sound = np.concatenate([tone(3, 1000, 0.02), tone(2, 1000, 0.2), tone(3, 1000, 0.02)], axis=1)
    levels = momentary_loudness([sound], "mono")
    loud, quiet = window_loudness(levels, 3_000_000, 5_000_000), window_loudness(levels, 500_000, 2_500_000)
    assert loud - quiet == pytest.approx(20, abs=0.05)
    assert window_loudness(levels, 3_900_000, 4_100_000) == pytest.approx(loud, abs=0.05)
    assert take_loudness(sound[0, 3 * RATE : 5 * RATE]) == pytest.approx(loud, abs=0.1)


def test_blocks_are_measured_as_the_whole_and_once(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    sound = (0.1 * generator.standard_normal((1, 25 * RATE)) * np.linspace(0.1, 1, 25 * RATE)).astype(np.float32)
    whole = momentary_loudness([sound], "mono")
    store = tmp_path / "levels.npz"
    levels, peak = BlockLevels(store).measure(Array(sound), "mono", peak=True)
    np.testing.assert_allclose(levels[3:], whole[3:], atol=0.003)
    assert peak == pytest.approx(true_peak([sound], "mono"), abs=0.02)

    import flowdubber_hf.film.levels as module

    measured = []
    original = module._metered
    monkeypatch.setattr(module, "_metered", lambda *given: measured.append(1) or original(*given))
    again = BlockLevels(store).measure(Array(sound), "mono", peak=True)
    assert not measured and np.array_equal(again[0], levels) and again[1] == peak
    sound[0, 15 * RATE] += 0.5
    changed, _ = BlockLevels(store).measure(Array(sound), "mono", peak=True)
    assert len(measured) == 1 and changed[150] > levels[150] and np.array_equal(changed[:100], levels[:100])
    store.write_bytes(b"damaged")
    np.testing.assert_array_equal(BlockLevels(store).measure(Array(sound), "mono", peak=True)[0], changed)
    assert len(measured) == 4


def test_lines_follow_the_film_within_bounds():
    assert line_gains([-20, -24, -22], [-30, -30, -30], "aba") == pytest.approx([10, 6, 8])
    # a shout 12 dB above the middle is held to 6, and reached in steps of 3
    assert line_gains([-24, -12, -12, -24], [-24] * 4, "aaaa", usual=-24) == pytest.approx([0, 3, 6, 3])
    # another speaker's first line may be anywhere in the range
    assert line_gains([-24, -12], [-24, -24], "ab", usual=-24) == pytest.approx([0, 6])
    # silence: as before, or as usual
    assert line_gains([None, -20, None], [-30, -30, -30], "aaa", usual=-22) == pytest.approx([8, 10, 10])
    assert line_gains([None], [-30], "a") == pytest.approx([7])
    assert line_gains([-23, -23], [None, -90], "ab") == [0, 30]
    assert line_gains([], [], "") == []


@pytest.mark.parametrize(("text", "value"), [("film", "film"), ("ebu", "ebu"), ("none", "none"), ("-16", -16.0)])
def test_choices_of_loudness(text, value):
    assert parse_loudness(text) == value


@pytest.mark.parametrize("text", ["loud", "3", "-70", "nan", ""])
def test_other_choices_are_refused(text):
    with pytest.raises(ValueError, match="loudness: give film, ebu, none or LUFS"):
        parse_loudness(text)


def test_gain_of_the_programme():
    assert programme_gain("film", -27.0, -25.0) == -2
    assert (
        programme_gain("film", None, -25.0)
        == programme_gain("ebu", -27.0, None)
        == programme_gain("none", -9, -9)
        == 0
    )
    assert programme_gain("ebu", -27.0, -25.0) == 2
    assert programme_gain(-16.0, None, -25.0) == 9


def test_takes_are_measured_once(tmp_path, monkeypatch):
    files = [write_wav(tmp_path / f"{number}.wav", voice(2, 110 + 40 * number, number)) for number in range(3)]
    files.append(write_wav(tmp_path / "silent.wav", np.zeros(16000, np.float32)))
    levels = takes_loudness(files, tmp_path)
    assert levels[3] is None
    alone = [take_loudness(to_sound_rate(load_audio(file), 16000)) for file in files[:3]]
    assert levels[:3] == pytest.approx(alone)
    changed = write_wav(files[1], 0.5 * voice(2, 150, 1), overwrite=True)
    measured = []
    monkeypatch.setattr("flowdubber_hf.film.levels.take_loudness", lambda sound: measured.append(len(sound)) or -20.0)
    again = takes_loudness(files, tmp_path)
    assert len(measured) == 1 and again[1] == -20.0 and [again[0], again[2], again[3]] == [levels[0], levels[2], None]
    assert changed == files[1]


@pytest.mark.parametrize("damage", [b"", b"PK damaged", None])
def test_kept_numbers_that_are_damaged_are_measured_again(tmp_path, damage):
    def row(value: float) -> np.ndarray:
        return np.array([value, value])

    file = tmp_path / "kept.npz"
    for name in ("a", "b"):
        kept = Kept(file)
        assert kept.of(name, 2, lambda: row(1.0)).tolist() == [1, 1]
        kept.save()
    assert Kept(file).of("b", 2, lambda: row(2.0)).tolist() == [1, 1]
    assert Kept(file).of("a", 2, lambda: row(2.0)).tolist() == [2, 2]  # it was not asked for, so it was forgotten
    if damage is None:
        np.savez(file, **{name: np.zeros(5) for name in np.load(file).files})
    else:
        file.write_bytes(damage)
    kept = Kept(file)
    assert kept.of("b", 2, lambda: row(3.0)).tolist() == [3, 3]
    kept.save()
    assert Kept(file).of("b", 2, lambda: row(4.0)).tolist() == [3, 3]

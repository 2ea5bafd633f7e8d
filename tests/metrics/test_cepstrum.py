"""Mel-cepstral distortion: steps by hand, and pymcd's figures of the same sounds."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
import wave
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.metrics import functional
from support.signals import glide


pytest.importorskip("pyworld")
pytest.importorskip("soxr")

# Of pymcd 0.2.1 with pysptk 1.0.1, pyworld 0.3.5 and fastdtw 0.3.4, the sounds written as 16 kHz floats.
PYMCD = {"plain": 25.811200210455258, "dtw": 20.491300156937527, "dtw_sl": 25.550880442601112}


@pytest.mark.parametrize("mode", PYMCD)
def test_figures_are_pymcds(mode):
    truth, sound = glide(0.5, 160, 700), glide(0.4, 220, 1200)
    assert functional.mel_cepstral_distortion(sound, truth, mode) == pytest.approx(PYMCD[mode], rel=1e-3)


def save(path: Path, sound: np.ndarray) -> str:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes((sound * 32768).astype("<i2").tobytes())
    return str(path)


@pytest.mark.parametrize("mode", PYMCD)
def test_figures_are_those_of_the_installed_pymcd(mode, tmp_path):
    pymcd = pytest.importorskip("pymcd.mcd")
    truth, sound = (np.round(part * 32768) / 32768 for part in (glide(0.5, 160, 700), glide(0.4, 220, 1200)))
    judge = pymcd.Calculate_MCD(MCD_mode=mode)
    expected = judge.calculate_mcd(save(tmp_path / "truth.wav", truth), save(tmp_path / "sound.wav", sound))
    assert functional.mel_cepstral_distortion(sound, truth, mode) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("mode", PYMCD)
def test_a_copy_has_no_distortion(mode):
    sound = glide(0.3, 160, 700)
    assert functional.mel_cepstral_distortion(sound, sound, mode) == 0.0


def test_twice_as_loud_changes_only_the_first_coefficient_by_ln_4():
    noise = 100 * np.random.default_rng(0).standard_normal(4410)  # far above the floor
    difference = functional.mel_cepstrum(2 * noise) - functional.mel_cepstrum(noise)
    assert difference.shape[1] == 14
    np.testing.assert_allclose(difference[:, 0], math.log(4), atol=1e-3)
    np.testing.assert_allclose(difference[:, 1:], 0.0, atol=1e-3)


def test_warping_takes_time_out_and_length_puts_it_back():
    truth = glide(0.4, 160, 700)
    late = np.concatenate([1e-3 * glide(0.2, 160, 700), truth])
    plain, warped, weighted = (functional.mel_cepstral_distortion(late, truth, mode) for mode in PYMCD)
    assert warped < 0.6 * plain
    assert weighted == pytest.approx(warped * 121 / 81)  # frames of 5 ms, both ends of the sound among them


def test_warping_finds_the_path_made_by_hand():
    first = np.array([[0.0], [1.0], [5.0]])
    second = np.array([[0.0], [0.0], [1.0], [5.0], [5.0]])
    assert functional.fast_dtw(first, second) == [(0, 0), (0, 1), (1, 2), (2, 3), (2, 4)]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 4), (2, 9), (40, 31), (31, 40)])
def test_a_path_visits_every_frame_in_order(rows, columns):
    generator = np.random.default_rng(0)
    path = np.array(functional.fast_dtw(generator.standard_normal((rows, 2)), generator.standard_normal((columns, 2))))
    assert path[0].tolist() == [0, 0]
    assert path[-1].tolist() == [rows - 1, columns - 1]
    steps = np.diff(path, axis=0)
    assert ((steps >= 0) & (steps <= 1)).all()
    assert (steps.sum(axis=1) > 0).all()


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="dtw_sl"):
        functional.mel_cepstral_distortion(glide(0.2, 160, 700), glide(0.2, 160, 700), "sl")

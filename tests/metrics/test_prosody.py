"""Melody and loudness on synthetic sounds whose course is known."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.metrics import functional
from support.signals import glide


def test_loudness_follows_a_copy_at_another_volume():
    sound = glide(0.4, 160, 700) * np.linspace(0.1, 1, 6400, dtype=np.float32)
    assert functional.energy_correlation(0.25 * sound, sound) == pytest.approx(1.0, abs=1e-3)


def test_loudness_that_runs_the_other_way_is_minus_one():
    tone = np.sin(0.5 * np.arange(8000)).astype(np.float32)
    ramp = 10 ** np.linspace(-2, 0, 8000, dtype=np.float32)  # straight in dB
    assert functional.energy_correlation(tone * ramp[::-1], tone * ramp) == pytest.approx(-1.0, abs=1e-2)


def test_levels_are_in_decibels_and_cut_off_60_below_the_loudest():
    sound = np.zeros(16000, np.float32)
    sound[8000:] = 0.5
    levels = functional.energy_contour(sound)
    assert len(levels) == (16000 - 640) // 160 + 1
    assert levels[-1] == pytest.approx(20 * np.log10(0.5), abs=1e-3)
    assert levels[0] == pytest.approx(levels[-1] - 60)


def test_a_constant_level_has_no_course():
    constant = np.full(8000, 0.5, np.float32)
    with pytest.raises(ValueError, match="does not change"):
        functional.energy_correlation(constant, glide(0.5, 160, 700))


def test_pitch_is_found_in_hertz():
    pytest.importorskip("pyworld")
    contour = functional.pitch_contour(glide(0.5, 160, 700))
    assert len(contour) == 51
    assert contour[10] == pytest.approx(200, abs=2)  # the glide's highest point, at 0.1 s
    assert contour[30] == pytest.approx(120, abs=2)


def test_the_same_melody_in_another_voice_is_the_same_melody():
    pytest.importorskip("pyworld")
    sound = glide(0.5, 160, 700)
    assert functional.f0_correlation(sound, sound) == pytest.approx(1.0)
    assert functional.f0_correlation(0.1 * glide(0.4, 240, 1200), sound) > 0.95


def test_a_melody_upside_down_is_minus_one():
    pytest.importorskip("pyworld")
    assert functional.f0_correlation(glide(0.5, 160, 700, swing=-40), glide(0.5, 160, 700)) < -0.9


def test_sounds_without_melody_do_not_compare():
    pytest.importorskip("pyworld")
    hiss = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    with pytest.raises(ValueError, match="voiced at once"):
        functional.f0_correlation(hiss, glide(0.5, 160, 700))


MEASURES = {
    "mel_cepstral_distortion": "pyworld",
    "f0_correlation": "pyworld",
    "energy_correlation": "numpy",
    "speaker_similarity": "resemblyzer",
}


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (np.zeros(8000, np.float32), "silent"),
        (np.zeros(0, np.float32), "too short"),
        (np.ones(1500, np.float32), "too short"),
        (np.ones((2, 8000), np.float32), "shape"),
        (np.full(8000, np.nan, np.float32), "finite"),
    ],
    ids=["silence", "nothing", "too short", "stereo", "not a number"],
)
def test_what_cannot_be_measured_is_refused_with_its_reason(measure, sound, reason):
    pytest.importorskip(MEASURES[measure])
    good = glide(0.5, 160, 700)
    for pair in ((sound, good), (good, sound)):
        with pytest.raises(ValueError, match=reason):
            getattr(functional, measure)(*pair)


@pytest.mark.parametrize("sound", [np.zeros(16000, np.float32), np.ones(100, np.float32)])
def test_dnsmos_refuses_silence_and_clicks(sound):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("speechmos.dnsmos")
    with pytest.raises(ValueError, match=r"silent|too short"):
        functional.dnsmos_p808(sound)

"""The synthetic voice."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.demo import demo_reference, demo_speech


def test_voice_is_a_voice() -> None:
    sound = demo_reference()
    assert sound.dtype == np.float32
    np.testing.assert_array_equal(sound, demo_reference())
    assert 0.4 < np.abs(sound).max() <= 0.5
    # "red": periodic at the pitch of a man; "s": mostly above 3 kHz.
    vowel, hiss = sound[int(0.62 * 16000) :][:1600], sound[int(0.2 * 16000) :][:1024]
    correlation = np.correlate(vowel, vowel, "full")[1599:]
    period = 100 + int(np.argmax(correlation[100:200]))
    assert correlation[period] > 0.6 * correlation[0]
    assert 90 <= 16000 / period <= 150
    power = np.abs(np.fft.rfft(hiss * np.hanning(1024))) ** 2
    assert power[192:].sum() > 5 * power[:192].sum()


def test_other_voices() -> None:
    plain, high = (np.abs(np.fft.rfft(sound)) for sound in (demo_reference(), demo_reference(pitch=1.7, tract=1.15)))
    frequencies = np.fft.rfftfreq(38400, 1 / 16000)
    loudest = [float(frequencies[np.argmax(spectrum)]) for spectrum in (plain, high)]
    assert loudest[1] > loudest[0]
    with pytest.raises(ValueError, match="pitch must lie"):
        demo_reference(pitch=4)
    assert demo_speech().shape == (48000,)

"""Which recordings tell a voice, what is said of bad ones, and that neither level nor offset makes another voice of one."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest
import torch

from flowdubber_hf.demo import demo_reference
from flowdubber_hf.models.style import FlowDubberStyleEncoder
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.references import check_reference, level_voice
from support.made_recordings import script_voice


pytestmark = pytest.mark.slow


TIME = np.arange(48000) / 16000


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, 48000)


def brown(seed: int = 0) -> np.ndarray:
    walk = np.cumsum(noise(seed))
    return 0.05 * (walk - np.convolve(walk, np.ones(800) / 800, "same"))


def with_silence(sound: np.ndarray, before: float, after: float) -> np.ndarray:
    hiss = np.random.default_rng(1).normal(0, 1e-4, round((before + after) * 16000) + len(sound))
    hiss[round(before * 16000) :][: len(sound)] += sound
    return hiss


def dev_voices(shared_data, count: int, split: str = "dev") -> list[np.ndarray]:
    lines = (shared_data / "grid" / "metadata.jsonl").read_text().splitlines()
    rows = [row for row in map(json.loads, lines) if row["split"] == split][:count]
    return [load_audio(shared_data / "grid" / row["file_name"]) for row in rows]


@pytest.mark.parametrize("pitch", [0.6, 1.0, 1.8])
def test_a_clean_voice_is_taken_without_a_word(pitch):
    assert check_reference(demo_reference(pitch)) == []
    assert check_reference(script_voice()) == []


@pytest.mark.parametrize("split", ["dev", "zero_shot"])
def test_real_voices_are_taken_without_a_word(shared_data, split):
    for sound in dev_voices(shared_data, 22, split):
        for gain in (0, -20, -46):
            assert check_reference(sound * 10 ** (gain / 20)) == []


def test_read_speech_of_many_people_is_taken(shared_data):
    lines = (shared_data / "speech" / "metadata.jsonl").read_text().splitlines()
    sounds = [load_audio(shared_data / "speech" / row["file_name"]) for row in map(json.loads, lines[::80])]
    remarks = [check_reference(sound) for sound in sounds if len(sound) >= 32000]
    assert len(remarks) > 20 and not any(remarks)


@pytest.mark.parametrize(
    "sound",
    [
        noise(),
        brown(),
        0.5 * np.sin(2 * np.pi * 200 * TIME),
        0.5 * ((150 * TIME) % 1 - 0.5),
        0.3 * np.sin(2 * np.pi * (100 * TIME + 100 * TIME**2)),
        sum(0.2 / k * np.sin(2 * np.pi * 50 * k * TIME) for k in (1, 2, 3, 5)),
        sum(
            0.1 * np.sin(2 * np.pi * pitch * TIME) * (1 + 0.5 * np.sin(12 * TIME))
            for pitch in (110, 220, 277, 330, 440)
        ),
        0.5 * (np.random.default_rng(2).random(48000) > 0.999),
        with_silence(script_voice()[9000:17000], 10, 9.5),
        noise() * np.abs(script_voice()) ** 0.5,  # whispered
    ],
    ids=["white", "brown", "tone", "saw", "sweep", "hum", "chord", "clicks", "half a second", "whisper"],
)
def test_what_holds_no_second_of_voice_is_refused(sound):
    with pytest.raises(ValueError, match="my file has not a second of voice in it"):
        check_reference(sound.astype(np.float32), "my file")


def test_silence_and_a_constant_are_refused():
    for sound in (np.zeros(48000), np.full(48000, 0.4), np.full(48000, 0.4) + 1e-6 * noise()):
        with pytest.raises(ValueError, match="silent"):
            check_reference(sound.astype(np.float32))
    with pytest.raises(ValueError, match="at least 1 s"):
        check_reference(script_voice()[:8000])


def test_two_seconds_of_voice_in_twenty_of_silence_are_enough():
    assert check_reference(with_silence(script_voice(), 10, 7)) == []


@pytest.mark.parametrize("decibels", [6, 12, 36])
def test_a_clipped_voice_is_told(shared_data, decibels):
    for sound in (script_voice(), *dev_voices(shared_data, 3)):
        clipped = np.clip(sound / np.abs(sound).max() * 10 ** (decibels / 20), -1, 1)
        assert "clipped" in " ".join(check_reference(clipped))
        assert "clipped" in " ".join(check_reference(0.1 * clipped))  # and made quieter afterwards


@pytest.mark.parametrize("decibels", [0, 5, 10])
def test_noise_and_music_under_a_voice_are_told(shared_data, decibels):
    music = sum(np.sin(2 * np.pi * pitch * TIME) for pitch in (110, 220, 277, 330, 440, 660))
    for sound in (script_voice(), *dev_voices(shared_data, 3)):
        for other in (noise(), music):
            below = other / other.std() * sound.std() * 10 ** (-decibels / 20)
            assert "noisy" in " ".join(check_reference(sound + below[: len(sound)]))


def test_usual_levels_stay_and_others_come_to_them(shared_data):
    for sound in dev_voices(shared_data, 10):
        levelled = level_voice(sound)
        gain = levelled.std() / sound.std()
        assert 0.8 < gain < 1.25
        for decibels in (-46, -20, 12):
            other = level_voice(sound * 10 ** (decibels / 20) + 0.1)
            assert abs(20 * np.log10(other.std() / levelled.std())) <= 1.6 + 1e-3
            assert abs(other.mean()) < 1e-4
    np.testing.assert_array_equal(level_voice(np.zeros(16000, np.float32)), 0)


def test_pauses_have_no_say_in_the_level():
    alone, among = (
        level_voice(0.01 * script_voice()).max(),
        level_voice(0.01 * with_silence(script_voice(), 5, 12)).max(),
    )
    assert among == pytest.approx(alone, rel=0.05)


def test_the_same_voice_at_any_level_has_the_same_style(shared_data):
    encoder = FlowDubberStyleEncoder.from_pretrained("flowdubber-grid-tiny", subfolder="style_encoder").eval()

    def style(sound: np.ndarray) -> torch.Tensor:
        with torch.no_grad():
            return encoder(torch.from_numpy(level_voice(sound.astype(np.float32)))[None]).style[0]

    for sound in (*dev_voices(shared_data, 6), *dev_voices(shared_data, 6, "zero_shot")):
        plain = style(sound)
        for decibels in (-46, -33, -20, -6, 6):
            assert float(plain @ style(sound * 10 ** (decibels / 20))) >= 0.98
        assert float(plain @ style(sound + 0.2)) > 0.999
        with torch.no_grad():
            before = encoder(torch.from_numpy(sound)[None]).style[0]
        assert float(plain @ before) > 0.97  # what the dubber learned with

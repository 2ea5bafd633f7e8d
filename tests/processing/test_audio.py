# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Sound in: the log-mel against a direct computation, resampling, reading, what is refused."""

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank

from flowdubber_hf.processing import audio
from flowdubber_hf.processing.video import write_wav


def tone(frequency: float, seconds: float, rate: int = 16000) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def test_the_mel_is_that_of_a_direct_computation():
    sound = np.random.default_rng(0).normal(0, 0.1, 1600)
    padded = np.pad(sound, 240, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)
    frames = np.stack([padded[start : start + 640] * window for start in range(0, len(padded) - 639, 160)])
    magnitude = np.sqrt(np.abs(np.fft.rfft(frames)) ** 2 + 1e-9)
    filters = mel_filter_bank(321, 80, 0.0, 8000.0, 16000, norm="slaney", mel_scale="slaney")
    expected = np.log(np.maximum(magnitude @ filters, 1e-5)).T
    found = audio.log_mel(torch.from_numpy(sound.astype(np.float32)))
    assert found.shape == (80, 10)
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-3)


def test_a_mel_frame_is_ten_milliseconds_and_a_batch_gives_what_single_sounds_give():
    sounds = torch.randn(3, 6400)
    together = audio.log_mel(sounds)
    assert together.shape == (3, 80, 40)
    torch.testing.assert_close(together[1], audio.log_mel(sounds[1]))


def test_a_mel_made_under_inference_mode_first_can_still_be_trained_through():
    audio._mel_filters.cache_clear()
    with torch.inference_mode():
        audio.log_mel(torch.zeros(1600))
    sound = torch.randn(1600, requires_grad=True)
    audio.log_mel(sound).sum().backward()
    assert sound.grad.abs().sum() > 0


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling_keeps_length_place_and_pitch(rate):
    found = audio.load_audio(tone(440, 0.5, rate), rate)
    assert found.shape == (8000,) and found.dtype == np.float32
    np.testing.assert_allclose(found[800:-800], tone(440, 0.5)[800:-800], atol=0.02)


def test_a_file_is_read_as_it_was_written(tmp_path):
    write_wav(tmp_path / "tone.wav", tone(440, 0.3), 16000)
    np.testing.assert_allclose(audio.load_audio(tmp_path / "tone.wav"), tone(440, 0.3), atol=1e-4)


def test_channels_are_averaged():
    np.testing.assert_allclose(audio.load_audio(np.stack([np.ones(10), np.zeros(10)]), 16000), 0.5)


@pytest.mark.parametrize(
    ("source", "rate", "message"),
    [
        ("missing.wav", None, "there is no file"),
        (np.zeros(10), None, "give the sampling rate"),
        (np.zeros(10), 5, "give the sampling rate"),
        (np.zeros((2, 2, 2)), 16000, "must have the shape"),
        (np.zeros(0), 16000, "must have the shape"),
        (np.array([0.0, np.nan]), 16000, "not finite"),
    ],
)
def test_bad_sound_is_refused(source, rate, message):
    with pytest.raises(ValueError, match=message):
        audio.load_audio(source, rate)


def test_a_text_file_is_not_sound(tmp_path):
    (tmp_path / "notes.wav").write_text("no sound")
    with pytest.raises(ValueError, match="cannot be read as sound"):
        audio.load_audio(tmp_path / "notes.wav")


def test_padding_marks_what_is_real():
    batch, mask = audio.pad_sounds([np.ones(3), np.ones(5)])
    assert (
        batch.sum(1).tolist() == [3, 5]
        and mask.sum(1).tolist() == [3, 5]
        and mask[0].tolist()[:4] == [True] * 3 + [False]
    )

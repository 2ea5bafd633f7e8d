"""Sound in: the log-mel against a direct computation, resampling, reading, what is refused."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io
import re
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
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


@pytest.mark.parametrize(
    ("kind", "scale", "offset"),
    [
        (np.int8, 127, 0),
        (np.int16, 32767, 0),
        (np.int32, 2**31 - 1, 0),
        (np.uint8, 127, 128),
        (np.float16, 1, 0),
        (np.float64, 1, 0),
    ],
)
@pytest.mark.parametrize("as_tensor", [False, True])
def test_samples_of_any_kind_are_brought_to_one_scale(kind, scale, offset, as_tensor):
    sound = tone(440, 0.1)
    given = (np.round(sound.astype(np.float64) * scale) if scale > 1 else sound) + offset
    given = given.astype(kind)
    found = audio.load_audio(torch.from_numpy(given) if as_tensor else given, 16000)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, sound, atol=0.01)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_may_stand_in_rows_or_columns(channels):
    rows = np.stack([tone(100 * (channel + 1), 0.1) for channel in range(channels)])
    for given in (rows, rows.T, torch.from_numpy(rows.T.copy())):
        np.testing.assert_allclose(audio.load_audio(given, 16000), rows.mean(axis=0), atol=1e-6)
    whole = np.round(rows * 32767).astype(np.int16)
    np.testing.assert_allclose(audio.load_audio(whole.T, 16000), rows.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize(
    ("source", "rate", "message"),
    [
        (np.zeros((40, 50)), 16000, "with at most 16 channels"),
        (np.zeros((2, 2)), 16000, "must have the shape"),
        (np.zeros((0, 2)), 16000, "must have the shape"),
        (np.zeros(100, np.int64), 16000, "whole numbers of 8, 16 or 32 bits"),
        (np.zeros(100, bool), 16000, "whole numbers of 8, 16 or 32 bits"),
        (np.zeros(100, complex), 16000, "whole numbers of 8, 16 or 32 bits"),
        (np.array(["a"]), 16000, "whole numbers of 8, 16 or 32 bits"),
        (tone(440, 0.1) * 32767, 16000, r"lies in \[-1, 1\], this one reaches 16383"),
        (tone(440, 0.1), "16000", "give the sampling rate"),
        (tone(440, 0.1), True, "give the sampling rate"),
    ],
)
def test_other_arrays_are_refused_with_a_reason(source, rate, message):
    with pytest.raises(ValueError, match=message):
        audio.load_audio(source, rate)


class Decoder:
    """What a decoder of torchcodec has that is used."""

    def __init__(self, samples: np.ndarray, rate: int):
        self._samples, self._rate = samples, rate

    def get_all_samples(self):
        return SimpleNamespace(data=torch.from_numpy(self._samples), sample_rate=self._rate)


SOUNDS = {
    "dictionary of datasets": lambda sound, rate: {"path": "a.wav", "array": sound, "sampling_rate": rate},
    "transformers' input": lambda sound, rate: {"raw": sound, "sampling_rate": rate},
    "transformers' output": lambda sound, rate: {"audio": sound[None], "sampling_rate": rate},
    "gradio": lambda sound, rate: (rate, np.round(sound * 32767).astype(np.int16)),
    "gradio, stereo": lambda sound, rate: (rate, np.round(np.stack([sound, sound], 1) * 32767).astype(np.int16)),
    "soundfile": lambda sound, rate: (sound, rate),
    "torchaudio": lambda sound, rate: (torch.from_numpy(sound)[None], rate),
    "list": lambda sound, rate: [rate, sound],
    "decoder": lambda sound, rate: Decoder(sound[None], rate),
    "decoded": lambda sound, rate: Decoder(sound[None], rate).get_all_samples(),
    "bfloat16": lambda sound, rate: (torch.from_numpy(sound).bfloat16(), rate),
}


@pytest.mark.parametrize("form", SOUNDS)
def test_sound_that_brings_its_rate(form):
    sound = tone(440, 0.2, 22050)
    given = SOUNDS[form](sound, 22050)
    expected = audio.load_audio(sound, 22050)
    np.testing.assert_allclose(audio.load_audio(given), expected, atol=5e-3)
    np.testing.assert_allclose(audio.load_audio(given, 22050), expected, atol=5e-3)
    with pytest.raises(ValueError, match="the sound itself says 22050 Hz, but a sampling rate of 16000 Hz"):
        audio.load_audio(given, 16000)


def test_a_sound_file_in_memory_gives_what_the_file_gives(tmp_path):
    write_wav(tmp_path / "a.wav", tone(440, 1.0), 16000)
    data = (tmp_path / "a.wav").read_bytes()
    expected = audio.load_audio(tmp_path / "a.wav")
    for given in (data, io.BytesIO(data), {"bytes": data, "path": None}, {"path": str(tmp_path / "a.wav")}):
        np.testing.assert_array_equal(audio.load_audio(given), expected)
    with (tmp_path / "a.wav").open("rb") as file:
        np.testing.assert_array_equal(audio.load_audio(file), expected)
    with pytest.raises(ValueError, match="the file given as bytes cannot be read as sound"):
        audio.load_audio(b"no sound")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (5, "got int"),
        (None, "got NoneType"),
        ([0.1, 0.2, 0.3], "got list"),
        ((16000, 22050), "got tuple"),
        ((16000, "a.wav"), "got str"),
        ({"array": np.zeros(100)}, '"array" and "sampling_rate"'),
        ({"sampling_rate": 16000}, '"array" and "sampling_rate"'),
        ((5, tone(440, 0.1)), "1000 to 768000"),
    ],
)
def test_what_is_no_sound_is_refused(source, message):
    with pytest.raises(ValueError, match=message):
        audio.load_audio(source)


def write_tracks(path, tracks, defaults):
    """Sounds `(samples,)` at 16 kHz as tracks of a file."""
    with av.open(str(path), "w") as container:
        streams = [
            container.add_stream("pcm_s16le" if path.suffix == ".mkv" else "aac", rate=16000, layout="mono")
            for _ in tracks
        ]
        for stream, is_default in zip(streams, defaults, strict=True):
            stream.disposition = int(is_default)
        for stream, sound in zip(streams, tracks, strict=True):
            whole = np.round(sound * 32767).astype(np.int16)
            for start in range(0, len(whole), 1024):
                part = whole[None, start : start + 1024]
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
                if stream.codec_context.format.name != "s16":
                    frame = av.AudioResampler("fltp", "mono", 16000).resample(frame)[0]
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("default", [0, 1, 2])
def test_of_several_tracks_the_one_that_players_take_is_read(tmp_path, suffix, default):
    pitches = (200, 500, 900)
    flags = [number == default for number in range(3)]
    path = write_tracks(tmp_path / f"a{suffix}", [tone(pitch, 1.0) for pitch in pitches], flags)
    spectrum = np.abs(np.fft.rfft(audio.load_audio(path)[:16000]))
    assert np.argmax(spectrum) == pitches[default]


def test_a_rate_and_a_layout_that_change_inside_a_file(tmp_path):
    """As a stream that goes over from one programme to the next."""
    parts = []
    for number, (rate, layout) in enumerate([(48000, "stereo"), (16000, "mono"), (44100, "stereo")]):
        with av.open(str(tmp_path / f"{number}.aac"), "w", format="adts") as container:
            stream = container.add_stream("aac", rate=rate, layout=layout)
            sound = np.tile(tone(300, 0.5, rate), (2 if layout == "stereo" else 1, 1))
            for start in range(0, sound.shape[1], 1024):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(sound[:, start : start + 1024]), "fltp", layout
                )
                frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        parts.append((tmp_path / f"{number}.aac").read_bytes())
    (tmp_path / "all.aac").write_bytes(b"".join(parts))
    sound = audio.load_audio(tmp_path / "all.aac")
    assert len(sound) / 16000 == pytest.approx(1.5, abs=0.3)
    for start in (0.15, 0.75, 1.3):  # the same pitch in each part, so each was read at its own rate
        part = sound[round(start * 16000) :][:3200]
        assert np.argmax(np.abs(np.fft.rfft(part * np.hanning(3200)))) == 60


def test_a_dub_leaves_a_decibel_of_headroom():
    loud = audio.with_headroom(torch.tensor([0.5, -2.0, 1.0]))
    torch.testing.assert_close(loud, torch.tensor([0.25, -1.0, 0.5]) * 10 ** (-1 / 20))
    quiet = torch.tensor([0.5, -0.89])
    assert torch.equal(audio.with_headroom(quiet), quiet)
    assert torch.equal(audio.with_headroom(torch.zeros(3)), torch.zeros(3))


def test_media_files_are_opened_in_one_place():
    """There is where playlists are refused and odd tags forgiven; what opens a file elsewhere does neither."""
    package = Path(audio.__file__).parents[1]
    places = [package, *(package.parents[1] / name for name in ("examples", "spaces"))]
    found = {
        path.name: len(re.findall(r"\bav\.open\(|\bopen as av_open|from av import .*\bopen\b|\bVideoCapture\(", text))
        for folder in places
        for path in folder.rglob("*.py")
        if "av" in (text := path.read_text(encoding="utf-8"))
    }
    assert {name: count for name, count in found.items() if count} == {"media.py": 2}

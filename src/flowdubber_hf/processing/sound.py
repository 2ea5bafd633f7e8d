"""Sound as it is recorded: files and arrays to 16 kHz mono, without torch; [`audio`] makes mels of it."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from .held import HeldFile, as_file
from .media import FrameReader, mono_parts, read_media, sound_stream


SAMPLING_RATE = 16000
HOP_LENGTH = 160
N_FFT = 640
NUM_MELS = 80
MEL_FLOOR = 1e-5
VIDEO_FRAME_RATE = 25
MEL_FRAME_RATE = SAMPLING_RATE // HOP_LENGTH
MEL_FRAMES_PER_VIDEO_FRAME = SAMPLING_RATE // HOP_LENGTH // VIDEO_FRAME_RATE
SAMPLES_PER_VIDEO_FRAME = SAMPLING_RATE // VIDEO_FRAME_RATE

MAX_AUDIO_SECONDS = 600.0
HEADROOM = 10 ** (-1 / 20)  # of full scale: the highest peak of a dub
_MAX_CHANNELS = 16
_SAMPLE_NAMES = (
    "array",
    "raw",
    "audio",
)  # of dictionaries, with "sampling_rate": of datasets, and of transformers' pipelines
_MAX_FLOAT_PEAK = (
    4.0  # what is decoded from lossy formats passes 1 a little; whole numbers that were made floats, a lot
)


def resample(waveform: np.ndarray, source_rate: int) -> np.ndarray:
    """Band-limited resampling of `(samples,)` float32 from `source_rate` Hz to 16 kHz, by FFmpeg's resampler.

    The result has round(samples * 16000 / source_rate) samples.
    """
    if source_rate == SAMPLING_RATE:
        return waveform.astype(np.float32, copy=False)
    # The resampler keeps a few milliseconds to itself when flushed: let them be silence.
    padded = np.pad(waveform.astype(np.float32, copy=False), (0, source_rate // 10))
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(padded[None]), "flt", "mono")
    frame.sample_rate = source_rate
    resampler = av.AudioResampler("flt", "mono", SAMPLING_RATE)
    pieces = [part.to_ndarray()[0] for source in (frame, None) for part in resampler.resample(source)]
    expected = round(len(waveform) * SAMPLING_RATE / source_rate)
    sound = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    return np.pad(sound[:expected], (0, max(0, expected - len(sound))))


def _decode(path: Path | HeldFile) -> np.ndarray:
    pieces: list[np.ndarray] = []
    samples = 0
    with read_media(path, "sound", "wav") as container:
        stream = sound_stream(container)
        if stream is None:
            raise ValueError(
                f"{path} has no sound in it; give a recording (wav, flac, ogg, mp3, m4a or a video with sound)."
            )
        if stream.codec_context is None:
            raise ValueError(f"{path} has a sound track of an unknown kind; convert it to wav and try again.")
        # A damaged packet costs its own milliseconds, not the file
        for part in mono_parts(FrameReader(container, stream), SAMPLING_RATE):
            pieces.append(part)
            samples += part.size
            if samples > MAX_AUDIO_SECONDS * SAMPLING_RATE:
                raise ValueError(f"{path} is longer than {MAX_AUDIO_SECONDS:.0f} s of sound; cut it first.")
    if not samples:
        raise ValueError(f"{path} holds no decodable sound.")
    return np.concatenate(pieces)


@dataclass(frozen=True)
class Sound:
    """Samples `(samples,)`, `(channels, samples)` or `(samples, channels)` of any kind that [`load_audio`] takes, and their
    rate in Hz."""

    samples: np.ndarray
    sampling_rate: float


def as_sound(source: Any, sampling_rate: float | None = None) -> Path | HeldFile | Sound:
    """Sound in whatever form as a file, or as samples with their rate; nothing is decoded yet.

    Args:
        source: as of [`load_audio`].
        sampling_rate: Hz of samples that do not tell it themselves.

    Raises:
        ValueError: none of these, no rate, or two that differ.
    """
    if isinstance(source, Sound):
        return source
    decoded = isinstance(source, Mapping) and any(name in source for name in _SAMPLE_NAMES)
    file = None if decoded else as_file(source)  # what `datasets` decoded tells the file's name too
    if file is not None:
        return file
    samples, own_rate = _with_rate(source)
    if not hasattr(samples, "shape"):
        raise ValueError(
            'sound is a path, the bytes of a file, an array, {"array", "sampling_rate"} or a pair (rate, array); '
            f"got {type(samples).__name__}."
        )
    if own_rate is not None and sampling_rate is not None and own_rate != sampling_rate:
        raise ValueError(
            f"the sound itself says {own_rate} Hz, but a sampling rate of {sampling_rate} Hz was given too; leave one out."
        )
    rate = sampling_rate if own_rate is None else own_rate
    if not _is_number(rate) or not 1000 <= rate <= 768000:
        raise ValueError(
            "give the sampling rate of the sound in Hz, 1000 to 768000 (sampling_rate=; reference_sampling_rate= of the "
            f"pipeline), got {rate!r}."
        )
    return Sound(_array(samples), float(rate))


def is_pair(value: Any) -> bool:
    """Whether something is samples and their rate side by side, as gradio, soundfile and torchaudio have them."""
    return isinstance(value, (list, tuple)) and len(value) == 2 and sum(map(_is_number, value)) == 1


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _with_rate(source: Any) -> tuple[Any, Any]:
    """Samples and the rate that comes with them, `None` where none does."""
    if hasattr(source, "get_all_samples"):  # an AudioDecoder of torchcodec, which `datasets` gives too
        source = source.get_all_samples()
    if hasattr(source, "sample_rate") and hasattr(source, "data"):  # its AudioSamples
        return source.data, source.sample_rate
    if isinstance(source, Mapping):
        name = next((name for name in _SAMPLE_NAMES if name in source), None)
        if name is None or "sampling_rate" not in source:
            raise ValueError(
                f'sound as a dictionary needs "array" and "sampling_rate", or "path" or "bytes"; got {sorted(map(str, source))}.'
            )
        return source[name], source["sampling_rate"]
    if is_pair(source):
        one, other = source
        return (other, one) if _is_number(one) else (one, other)
    return source, None


def _array(samples: Any) -> np.ndarray:
    if hasattr(samples, "detach"):  # a tensor of torch
        samples = samples.detach().cpu()
        samples = samples.float() if samples.is_floating_point() else samples  # numpy has no bfloat16
    return np.asarray(samples)


def load_audio(source: Any, sampling_rate: float | None = None) -> np.ndarray:
    """Reads sound as 16 kHz mono.

    Args:
        source: a path to anything FFmpeg decodes (of a video or a file with several tracks, the one that players take), the
            bytes of such a file, a file object or `{"path", "bytes"}`; or an array or tensor `(samples,)`,
            `(channels, samples)` or `(samples, channels)`: floats in [-1, 1], or whole numbers of 8, 16 or 32 bits, which are
            scaled. An array with its rate: `{"array", "sampling_rate"}`, a pair of both (as gradio, soundfile and
            torchaudio give them), a decoder of torchcodec (as `datasets` gives it).
        sampling_rate (`float`, *optional*): Hz of an array that does not come with it; ignored for files.

    Returns:
        `np.ndarray` of shape `(samples,)`, float32.

    Raises:
        ValueError: missing or unreadable file, no sound in it, not finite, or an array without a rate, of another type or
            shape, or far outside of its range.
    """
    given = as_sound(source, sampling_rate)
    if isinstance(given, Sound):
        sound = resample(_mono(_as_floats(given.samples)), round(given.sampling_rate))
    else:
        sound = _decode(given)
    if not np.isfinite(sound).all():
        raise ValueError("the sound holds values that are not finite (NaN or infinity).")
    return sound


def _as_floats(samples: np.ndarray) -> np.ndarray:
    """Samples of any shape as float32 with 1 as full scale."""
    kind = samples.dtype
    if np.issubdtype(kind, np.floating):
        peak = float(np.abs(samples[np.isfinite(samples)]).max(initial=0.0))
        if peak > _MAX_FLOAT_PEAK:
            raise ValueError(
                f"sound given as floats lies in [-1, 1], this one reaches {peak:g}; divide it by its full scale, or give the "
                "whole numbers that it was made of (int16)."
            )
        return samples.astype(np.float32)
    if kind == np.uint8:
        return ((samples.astype(np.float32) - 128.0) / 128.0).astype(np.float32)
    if kind in (np.int8, np.int16, np.int32):
        return (samples / -float(np.iinfo(kind).min)).astype(np.float32)
    raise ValueError(
        f"sound must be floats in [-1, 1] or whole numbers of 8, 16 or 32 bits (uint8, int8, int16, int32), got {kind}."
    )


def _mono(samples: np.ndarray) -> np.ndarray:
    """`(samples,)` of one channel, or the mean of several that stand in rows or in columns."""
    if samples.ndim == 1 and samples.size:
        return samples
    if samples.ndim == 2 and samples.size:
        rows, columns = samples.shape
        if rows <= _MAX_CHANNELS and rows < columns:
            return samples.mean(axis=0)
        if columns <= _MAX_CHANNELS and columns < rows:
            return samples.mean(axis=1)
    raise ValueError(
        f"sound must have the shape (samples,), (channels, samples) or (samples, channels) with at most {_MAX_CHANNELS} "
        f"channels, got {samples.shape}."
    )

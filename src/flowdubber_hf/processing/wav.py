"""Sound out: 16-bit WAV files."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import struct
import wave
from pathlib import Path

import numpy as np

from .outputs import new_file
from .sound import SAMPLING_RATE


def check_waveform(waveform: np.ndarray, sampling_rate: int) -> np.ndarray:
    """`(samples,)` float32 in [-1, 1] that can be written; louder samples are clipped.

    Raises:
        ValueError: another shape, no sample, values that are not finite, a rate out of range.
    """
    waveform = np.asarray(waveform, dtype=np.float32)
    if waveform.ndim != 1 or waveform.size == 0:
        raise ValueError(
            f"sound to write must have the shape (samples,) with at least one sample, got {waveform.shape}."
        )
    if not np.isfinite(waveform).all():
        raise ValueError("the sound holds values that are not finite (NaN or infinity).")
    if not 1000 <= sampling_rate <= 768000:
        raise ValueError(f"sampling_rate must lie between 1000 and 768000 Hz, got {sampling_rate}.")
    return np.clip(waveform, -1.0, 1.0)


def write_wav(
    path: str | Path,
    waveform: np.ndarray,
    sampling_rate: int = SAMPLING_RATE,
    overwrite: bool = False,
    comment: str | None = None,
) -> Path:
    """Writes `(samples,)` floats in [-1, 1] as 16-bit PCM, all or nothing; louder samples are clipped.

    Args:
        comment (*optional*): goes into the file's metadata (`ICMT`).

    Raises:
        ValueError: empty or not finite sound, the file exists, the folder cannot be written, a name not ending in .wav.
    """
    path = Path(path)
    pcm = np.round(check_waveform(waveform, sampling_rate) * 32767.0).astype("<i2")
    with new_file(path, (".wav",), overwrite) as temporary:
        with wave.open(str(temporary), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sampling_rate)
            file.writeframes(pcm.tobytes())
        if comment is not None:
            _append_wav_comment(temporary, comment)
    return path


def _append_wav_comment(path: Path, comment: str) -> None:
    """Adds a `LIST INFO` chunk behind the samples, where readers that expect these at a fixed place are not disturbed."""
    text = comment.encode("utf-8") + b"\0"
    text += b"\0" * (len(text) % 2)
    chunk = b"INFO" + struct.pack("<4sI", b"ICMT", len(text)) + text
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.write(struct.pack("<4sI", b"LIST", len(chunk)) + chunk)
        file.seek(4)
        file.write(struct.pack("<I", end + len(chunk)))  # the whole file but its first 8 bytes

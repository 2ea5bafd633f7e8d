"""Sound for the models: what [`sound`] reads, and the log-mel spectrogram that every part of the package shares.

The settings are those of the method's 16 kHz vocoder family: n_fft 640, window 640, hop 160, 80 Slaney mels from 0 to
8000 Hz, so one 25 fps video frame is exactly 640 samples and 4 mel frames.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from transformers.audio_utils import mel_filter_bank

from .sound import (
    HEADROOM,
    HOP_LENGTH,
    MAX_AUDIO_SECONDS,
    MEL_FLOOR,
    MEL_FRAME_RATE,
    MEL_FRAMES_PER_VIDEO_FRAME,
    N_FFT,
    NUM_MELS,
    SAMPLES_PER_VIDEO_FRAME,
    SAMPLING_RATE,
    VIDEO_FRAME_RATE,
    load_audio,
    resample,
)


__all__ = [
    "HEADROOM",
    "HOP_LENGTH",
    "MAX_AUDIO_SECONDS",
    "MEL_FLOOR",
    "MEL_FRAMES_PER_VIDEO_FRAME",
    "MEL_FRAME_RATE",
    "MEL_SETTINGS",
    "NUM_MELS",
    "N_FFT",
    "SAMPLES_PER_VIDEO_FRAME",
    "SAMPLING_RATE",
    "VIDEO_FRAME_RATE",
    "load_audio",
    "log_mel",
    "pad_sounds",
    "resample",
    "with_headroom",
]


# Settings that a checkpoint stores and that loading compares: a model trained on another mel is another model.
MEL_SETTINGS = {
    "sampling_rate": SAMPLING_RATE,
    "n_fft": N_FFT,
    "win_length": N_FFT,
    "hop_length": HOP_LENGTH,
    "num_mels": NUM_MELS,
    "fmin": 0.0,
    "fmax": 8000.0,
    "mel_floor": MEL_FLOOR,
}


@lru_cache(maxsize=2)
@torch.inference_mode(False)  # what is kept must serve training too
def _mel_filters() -> torch.Tensor:
    filters = mel_filter_bank(
        num_frequency_bins=N_FFT // 2 + 1,
        num_mel_filters=NUM_MELS,
        min_frequency=MEL_SETTINGS["fmin"],
        max_frequency=MEL_SETTINGS["fmax"],
        sampling_rate=SAMPLING_RATE,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(np.ascontiguousarray(filters.T, dtype=np.float32))


def log_mel(waveform: torch.Tensor) -> torch.Tensor:
    """Natural-log mel spectrogram.

    Args:
        waveform (`torch.Tensor` of shape `(samples,)` or `(batch, samples)`): 16 kHz sound in [-1, 1].

    Returns:
        `torch.Tensor` of shape `(80, frames)` or `(batch, 80, frames)`, float32, `frames = samples // 160`, floored at
        log(1e-5). Source: the method's sibling implementation (reflect padding of (n_fft - hop) / 2, no centring,
        sqrt(power + 1e-9)).
    """
    if waveform.shape[-1] < N_FFT:
        raise ValueError(f"a mel spectrogram needs at least {N_FFT} samples (40 ms), got {waveform.shape[-1]}.")
    batched = torch.atleast_2d(waveform.float())
    pad = (N_FFT - HOP_LENGTH) // 2
    padded = torch.nn.functional.pad(batched[:, None], (pad, pad), mode="reflect")[:, 0]
    window = torch.hann_window(N_FFT, device=padded.device)
    spectrum = torch.stft(padded, N_FFT, HOP_LENGTH, N_FFT, window, center=False, return_complex=True)
    magnitude = torch.sqrt(spectrum.real.square() + spectrum.imag.square() + 1e-9)
    mel = torch.log(torch.clamp(_mel_filters().to(padded.device) @ magnitude, min=MEL_FLOOR))
    return mel if waveform.ndim == 2 else mel[0]


def with_headroom(sound: torch.Tensor) -> torch.Tensor:
    """`(samples,)` sound made quieter where its peak leaves less than a decibel: what is encoded and played on must not clip."""
    peak = sound.abs().max().clamp(min=1e-9)
    return sound * (HEADROOM / peak).clamp(max=1.0)


def pad_sounds(sounds: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Right-pads `(samples,)` arrays to `(batch, samples)` float32 and gives the boolean mask of real samples."""
    length = max(len(sound) for sound in sounds)
    batch = torch.zeros(len(sounds), length)
    mask = torch.zeros(len(sounds), length, dtype=torch.bool)
    for row, sound in enumerate(sounds):
        batch[row, : len(sound)] = torch.as_tensor(sound)
        mask[row, : len(sound)] = True
    return batch, mask

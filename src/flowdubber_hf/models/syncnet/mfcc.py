"""Mel-frequency cepstral coefficients as the public SyncNet was trained on them: those of the package
`python_speech_features` with its defaults (25 ms windows without taper, 10 ms steps, pre-emphasis 0.97, 26 triangles on whole
bins of a 512-point transform, lifter 22, the first coefficient replaced by the log energy)."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import torch


SAMPLING_RATE, WINDOW, STEP, TRANSFORM, NUM_FILTERS, LIFTER = 16000, 400, 160, 512, 26, 22
PRE_EMPHASIS = 0.97
# The coefficients are of 16-bit samples; only the energy would show the difference.
SAMPLE_SCALE = 32768.0
_EPSILON = torch.finfo(torch.float64).eps


def _triangles() -> torch.Tensor:
    """`(26, 257)` filters between whole bins, evenly spaced in HTK mels from 0 to 8000 Hz."""
    top = 2595 * math.log10(1 + SAMPLING_RATE / 2 / 700)
    hertz = 700 * (10 ** (torch.linspace(0, top, NUM_FILTERS + 2, dtype=torch.float64) / 2595) - 1)
    edges = torch.floor((TRANSFORM + 1) * hertz / SAMPLING_RATE)
    low, middle, high = (edges[start : start + NUM_FILTERS, None] for start in range(3))
    bins = torch.arange(TRANSFORM // 2 + 1, dtype=torch.float64)
    rising = ((bins - low) / (middle - low)) * ((bins >= low) & (bins < middle))
    falling = ((high - bins) / (high - middle)) * ((bins >= middle) & (bins < high))
    return torch.nan_to_num(rising) + torch.nan_to_num(falling)


def _cosines(count: int) -> torch.Tensor:
    """`(26, count)` orthonormal cosine transform of type 2 with the lifter in it."""
    places = (torch.arange(NUM_FILTERS, dtype=torch.float64)[:, None] + 0.5) / NUM_FILTERS
    order = torch.arange(count, dtype=torch.float64)
    basis = math.sqrt(2 / NUM_FILTERS) * torch.cos(math.pi * places * order)
    basis[:, 0] /= math.sqrt(2)
    return basis * (1 + LIFTER / 2 * torch.sin(math.pi * order / LIFTER))


def mfcc(sound: torch.Tensor, count: int = 13) -> torch.Tensor:
    """`(batch, samples)` sound in [-1, 1] at 16 kHz to `(batch, count, frames)` float32, 100 frames a second.

    The last frame is filled up with zeros, so there are `ceil((samples - 400) / 160) + 1` of them.
    """
    sound = sound.double() * SAMPLE_SCALE
    sound = torch.cat([sound[:, :1], sound[:, 1:] - PRE_EMPHASIS * sound[:, :-1]], dim=1)
    frames = max(0, math.ceil((sound.shape[1] - WINDOW) / STEP)) + 1
    sound = torch.nn.functional.pad(sound, (0, (frames - 1) * STEP + WINDOW - sound.shape[1]))
    spectrum = torch.fft.rfft(sound.unfold(1, WINDOW, STEP), TRANSFORM)
    power = (spectrum.real.square() + spectrum.imag.square()) / TRANSFORM
    bands = (power @ _triangles().T.to(sound.device)).clamp(min=_EPSILON)
    coefficients = bands.log() @ _cosines(count).to(sound.device)
    energy = power.sum(dim=2).clamp(min=_EPSILON).log()
    return torch.cat([energy[..., None], coefficients[..., 1:]], dim=2).transpose(1, 2).float()


__all__ = ["mfcc"]

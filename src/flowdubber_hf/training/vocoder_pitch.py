"""F0 tracks to train the vocoder's pitch network on.

Boersma's method (1993), as in Praat: the autocorrelation of a windowed frame divided by that of the window, its highest
peaks as candidates, and the cheapest path through them. Written for batches: a corpus of hours takes about a minute.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import torch
from torch.nn import functional as F

from ..processing.audio import HOP_LENGTH, SAMPLING_RATE


WINDOW = 800  # 50 ms: three periods of 60 Hz
TRANSFORM = 2048
NUM_CANDIDATES = 6
BAND_LIMIT = 1500.0  # Hz
# Praat's defaults but for a stricter voicing threshold; costs are for steps of 10 ms.
VOICING_THRESHOLD = 0.55
SILENCE_THRESHOLD = 0.03
OCTAVE_COST = 0.01
OCTAVE_JUMP_COST = 0.35
VOICING_CHANGE_COST = 0.14


def _candidates(
    waveform: torch.Tensor, pitch_min: float, pitch_max: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """F0 in Hz and strength of the best peaks, each `(batch, frames, NUM_CANDIDATES)`, and the loudness `(batch, frames)`."""
    pad = (WINDOW - HOP_LENGTH) // 2
    frames = F.pad(waveform, (pad, pad)).unfold(-1, WINDOW, HOP_LENGTH)
    frames = frames - frames.mean(dim=-1, keepdim=True)
    loudness = frames.abs().amax(dim=-1)
    window = torch.hann_window(WINDOW, device=waveform.device)

    # Hiss above the first formants would otherwise hide weak voicing and fake it in fricatives.
    frequencies = torch.linspace(0, SAMPLING_RATE / 2, TRANSFORM // 2 + 1, device=waveform.device)
    band = torch.sigmoid((BAND_LIMIT - frequencies) / 100) * torch.sigmoid((frequencies - 45) / 5)

    def autocorrelation(signal: torch.Tensor, weight: torch.Tensor | float = 1.0) -> torch.Tensor:
        power = torch.fft.rfft(signal, TRANSFORM).abs().square() * weight
        correlation = torch.fft.irfft(power, TRANSFORM)
        return correlation / correlation[..., :1].clamp(min=1e-9)

    first, last = math.floor(SAMPLING_RATE / pitch_max), math.ceil(SAMPLING_RATE / pitch_min)
    correlation = autocorrelation(frames * window, band)[..., first - 1 : last + 2]
    correlation = correlation / autocorrelation(window)[first - 1 : last + 2]
    left, middle, right = correlation[..., :-2], correlation[..., 1:-1], correlation[..., 2:]
    peak = (middle > left) & (middle >= right)
    curve = (left - 2 * middle + right).clamp(max=-1e-9)
    shift = ((left - right) / (2 * curve)).clamp(-0.5, 0.5)
    lag = torch.arange(first, last + 1, device=waveform.device) + shift
    height = middle - (left - right) * shift / 4
    strength = height - OCTAVE_COST * torch.log2(pitch_min * lag / SAMPLING_RATE)
    strength, index = strength.masked_fill(~peak, -1.0).topk(NUM_CANDIDATES, dim=-1)
    return SAMPLING_RATE / lag.gather(-1, index), strength, loudness


def _best_path(strength: torch.Tensor, log_pitch: torch.Tensor) -> torch.Tensor:
    """Viterbi over `(batch, frames, states)`; the last state is unvoiced. Gives `(batch, frames)` state numbers."""
    unvoiced = torch.zeros(strength.shape[-1], dtype=torch.bool, device=strength.device)
    unvoiced[-1] = True
    change = VOICING_CHANGE_COST * (unvoiced[:, None] ^ unvoiced[None, :])
    both_voiced = (~unvoiced[:, None] & ~unvoiced[None, :]).float()
    score, pointers = strength[:, 0], []
    for frame in range(1, strength.shape[1]):
        jump = (log_pitch[:, frame - 1, :, None] - log_pitch[:, frame, None, :]).abs() * OCTAVE_JUMP_COST
        best, pointer = (score[:, :, None] - change - jump * both_voiced).max(dim=1)
        score = best + strength[:, frame]
        pointers.append(pointer)
    state = score.argmax(dim=-1)
    path = [state]
    for pointer in reversed(pointers):
        state = pointer.gather(1, state[:, None])[:, 0]
        path.append(state)
    return torch.stack(path[::-1], dim=1)


def track_pitch(
    waveform: torch.Tensor, pitch_min: float = 60.0, pitch_max: float = 500.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """F0 of 16 kHz sound at the centres of its mel frames.

    Args:
        waveform (`torch.Tensor` of shape `(batch, samples)`): zero padding on the right is fine.
        pitch_min (`float`): lowest F0 in Hz.
        pitch_max (`float`): highest F0 in Hz.

    Returns:
        F0 in Hz (arbitrary where not voiced) and voicing (bool), both `(batch, samples // 160)`.
    """
    pitch, strength, loudness = _candidates(waveform, pitch_min, pitch_max)
    relative = loudness / loudness.amax(dim=1, keepdim=True).clamp(min=1e-4)
    silence = (2 - relative / (SILENCE_THRESHOLD / (1 + VOICING_THRESHOLD))).clamp(min=0)
    strength = torch.cat([strength, (VOICING_THRESHOLD + silence)[..., None]], dim=-1)
    log_pitch = torch.log2(torch.cat([pitch, torch.ones_like(pitch[..., :1])], dim=-1))
    path = _best_path(strength, log_pitch)
    voiced = path < NUM_CANDIDATES
    chosen = pitch.gather(-1, path.clamp(max=NUM_CANDIDATES - 1)[..., None])[..., 0]
    return chosen, voiced


def fill_unvoiced(pitch: torch.Tensor, voiced: torch.Tensor, default: float = 120.0) -> torch.Tensor:
    """One track `(frames,)` with unvoiced gaps bridged linearly in log frequency; `default` Hz where nothing is voiced."""
    index = torch.nonzero(voiced)[:, 0]
    if not len(index):
        return torch.full_like(pitch, default)
    frames = torch.arange(len(pitch))
    right = torch.searchsorted(index, frames).clamp(max=len(index) - 1)
    left = (right - (index[right] > frames).long()).clamp(min=0)
    known = torch.log(pitch[index])
    span = (index[right] - index[left]).clamp(min=1)
    share = ((frames - index[left]) / span).clamp(0, 1)
    return torch.exp(known[left] * (1 - share) + known[right] * share)

"""Training losses of the vocoder.

The waveform loss is the spectral energy distance (Gritsenko et al., "A Spectral Energy Distance for Parallel Speech
Synthesis", 2020): twice the distance to the truth less the distance between two samples of the model. Without the second
term a distance of magnitudes prefers a steady buzz to noise, since noise never fits any one recording; with it the right
amount of noise is the optimum without an adversary ([`~training.vocoder_adversary`] can be added to it).
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from ..processing.audio import log_mel


# Window lengths in samples: 128 ms resolves harmonics, 8 ms resolves single pulses. Half a window from frame to frame.
WINDOWS = (2048, 1024, 512, 256, 128)
LOG_FLOOR = 1e-4


@dataclass(frozen=True)
class VocoderLossWeights:
    """Shares of the loss: `linear` magnitudes beside the log ones, `mel`, `pitch` classes and `voicing`."""

    linear: float = 0.5
    mel: float = 0.5
    pitch: float = 0.2
    voicing: float = 0.2


def magnitudes(waveform: torch.Tensor, window: int) -> torch.Tensor:
    """`(batch, frames, window // 2 + 1)` magnitudes of `(batch, samples)`; white noise of deviation s has about s."""
    weights = torch.hann_window(window, device=waveform.device)
    spectrum = torch.stft(waveform, window, window // 2, window, weights, center=False, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    return torch.sqrt(power / weights.square().sum() + 1e-12).transpose(1, 2)


class SpectralView:
    """What the distance compares of a `(batch, samples)` waveform: magnitudes at some resolutions and the log-mel."""

    def __init__(self, waveform: torch.Tensor, windows: Sequence[int] = WINDOWS):
        self.linear = [magnitudes(waveform, window) for window in windows]
        self.logarithmic = [torch.log(magnitude + LOG_FLOOR) for magnitude in self.linear]
        self.mel = log_mel(waveform)


def spectral_distance(first: SpectralView, second: SpectralView, level: SpectralView, weights: VocoderLossWeights):
    """Distance of two views, a scalar. `level` sets the loudness that linear differences are measured against."""
    total = weights.mel * (first.mel - second.mel).abs().mean()
    for index, truth in enumerate(level.linear):
        # A norm over frequency, not a sum, makes the distance see spectra as wholes.
        difference = first.logarithmic[index] - second.logarithmic[index]
        logarithmic = torch.sqrt(difference.square().mean(dim=-1) + 1e-6).mean()
        loudness = truth.mean(dim=(1, 2)) + 1e-3
        linear = ((first.linear[index] - second.linear[index]).abs().mean(dim=(1, 2)) / loudness).mean()
        total = total + (logarithmic + weights.linear * linear) / len(level.linear)
    return total


def energy_distance(
    truth: torch.Tensor,
    sample: torch.Tensor,
    other_sample: torch.Tensor,
    weights: VocoderLossWeights,
    windows: Sequence[int] = WINDOWS,
) -> torch.Tensor:
    """Spectral energy distance of waveforms `(batch, samples)`; the samples share their input and differ in noise.

    `windows` may be a random part of the resolutions, which is cheaper and the same on average.
    """
    with torch.no_grad():
        truth_view = SpectralView(truth, windows)
    first, second = SpectralView(sample, windows), SpectralView(other_sample, windows)
    to_truth = spectral_distance(first, truth_view, truth_view, weights)
    to_truth = to_truth + spectral_distance(second, truth_view, truth_view, weights)
    return to_truth - spectral_distance(first, second, truth_view, weights)


def pitch_targets(pitch: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Blurred class targets as in CREPE: `(batch, frames)` Hz to `(batch, classes, frames)`, one class step of deviation."""
    step = grid[1] - grid[0]
    distance = (torch.log(pitch)[:, None] - grid[None, :, None]) / step
    return torch.softmax(-0.5 * distance.square(), dim=1)


def pitch_loss(
    pitch_logits: torch.Tensor,
    voicing_logits: torch.Tensor,
    pitch: torch.Tensor,
    voiced: torch.Tensor,
    grid: torch.Tensor,
    weights: VocoderLossWeights,
) -> torch.Tensor:
    """Cross-entropies of the F0 classes, a tenth in bridged unvoiced frames, and of voicing; the mean of the rows' means.

    Args:
        pitch_logits (`torch.Tensor` of shape `(batch, classes, frames)`): scores of the F0 classes.
        voicing_logits (`torch.Tensor` of shape `(batch, frames)`): above 0 where voiced.
        pitch (`torch.Tensor` of shape `(batch, frames)`): F0 in Hz, gaps bridged.
        voiced (`torch.Tensor` of shape `(batch, frames)`): bool.
        grid (`torch.Tensor` of shape `(classes,)`): log F0 of the classes.
    """
    entropy = F.cross_entropy(pitch_logits, pitch_targets(pitch, grid), reduction="none")
    share = torch.where(voiced, 1.0, 0.1)
    voicing = F.binary_cross_entropy_with_logits(voicing_logits, voiced.float())
    of_rows = (entropy * share).sum(dim=1) / share.sum(dim=1)
    return weights.pitch * of_rows.mean() + weights.voicing * voicing

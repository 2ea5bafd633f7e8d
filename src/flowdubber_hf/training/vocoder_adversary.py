"""The vocoder's adversary: networks that learn to tell its sound from recordings, at several resolutions.

They read compressed complex spectrograms as EnCodec's do (Defossez et al., "High Fidelity Neural Audio Compression", 2022, section
3.4), with its hinge losses and relative feature matching. The energy distance of [`~training.vocoder_losses`] compares
magnitudes; the adversary hears phases too, and what neighbouring bins and frames have to do with each other.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm


ADVERSARY_WINDOWS = (1024, 512, 256)  # samples, a quarter of one from frame to frame
COMPRESSION = 0.3  # power of the magnitudes: quiet bins count too
SLOPE = 0.2


@dataclass
class AdversaryLosses:
    """Scalars, each a mean over the rows.

    Attributes:
        critic: what the adversary learns by; reaches its weights only.
        fooling: how surely it takes the made sound for made; reaches the sound only.
        features: relative distance of its inner layers between made sound and recording; reaches the sound only.
    """

    critic: torch.Tensor
    fooling: torch.Tensor
    features: torch.Tensor


def compressed_spectrum(waveform: torch.Tensor, window: int) -> torch.Tensor:
    """`(batch, 2, frames, window // 2 + 1)` real and imaginary parts of `(batch, samples)`, magnitudes to the power of 0.3."""
    weights = torch.hann_window(window, device=waveform.device)
    spectrum = torch.stft(waveform, window, window // 4, window, weights, center=False, return_complex=True)
    parts = torch.stack([spectrum.real, spectrum.imag], dim=1).transpose(2, 3) / weights.square().sum().sqrt()
    power = parts.square().sum(dim=1, keepdim=True)
    return parts * (power + 1e-8) ** ((COMPRESSION - 1) / 2)


class SpectrumCritic(nn.Module):
    """Scores each place of a spectrogram, above 0 for a recording.

    Args:
        window: of the transform, in samples.
        hidden_size: channels.
    """

    def __init__(self, window: int, hidden_size: int = 16):
        super().__init__()
        self.window = window

        def layer(inputs: int, outputs: int, kernel: tuple[int, int], stride: int = 1, dilation: int = 1) -> nn.Module:
            padding = (dilation * (kernel[0] // 2), kernel[1] // 2)
            return weight_norm(nn.Conv2d(inputs, outputs, kernel, (1, stride), padding, (dilation, 1)))

        self.layers = nn.ModuleList(
            [
                layer(2, hidden_size, (3, 9)),
                *(layer(hidden_size, hidden_size, (3, 9), stride=2, dilation=dilation) for dilation in (1, 2, 4)),
                layer(hidden_size, hidden_size, (3, 3)),
            ]
        )
        self.score = layer(hidden_size, 1, (3, 3))

    def forward(self, waveform: torch.Tensor) -> list[torch.Tensor]:
        """Inner layers `(batch, hidden_size, frames, bins)` of `(batch, samples)`, and last the scores `(batch, 1, frames, bins)`."""
        with torch.autocast(waveform.device.type, enabled=False):
            hidden_states = compressed_spectrum(waveform.float(), self.window)
        outputs = []
        for layer in self.layers:
            hidden_states = nn.functional.leaky_relu(layer(hidden_states), SLOPE)
            outputs.append(hidden_states)
        return [*outputs, self.score(hidden_states)]


class VocoderAdversary(nn.Module):
    """One [`SpectrumCritic`] a resolution.

    Both sides learn in one backward pass: the critics read the sound detached, and the sound is judged by critics whose weights
    are detached, so that one optimiser serves both and a step stays a step of the shared loop.
    """

    def __init__(self, hidden_size: int = 16):
        super().__init__()
        self.critics = nn.ModuleList(SpectrumCritic(window, hidden_size) for window in ADVERSARY_WINDOWS)

    def forward(self, truth: torch.Tensor, sound: torch.Tensor) -> AdversaryLosses:
        """
        Args:
            truth (`torch.Tensor` of shape `(batch, samples)`): recordings, at least as long as the widest window.
            sound (`torch.Tensor` of shape `(batch, samples)`): the vocoder's, from their mels.
        """
        total = AdversaryLosses(*(truth.new_zeros(()) for _ in range(3)))
        share = 1 / len(self.critics)
        for critic in self.critics:
            recorded, made = critic(truth), critic(sound.detach())
            hinge = (1 - recorded[-1].float()).relu().mean() + (1 + made[-1].float()).relu().mean()
            total.critic = total.critic + share * hinge
            frozen = {name: weight.detach() for name, weight in critic.named_parameters()}
            judged = functional_call(critic, frozen, (sound,))
            total.fooling = total.fooling - share * judged[-1].float().mean()
            distances = [
                relative_distance(theirs, own.detach()) for theirs, own in zip(judged[:-1], recorded[:-1], strict=True)
            ]
            total.features = total.features + share * torch.stack(distances).mean()
        return total


def relative_distance(made: torch.Tensor, recorded: torch.Tensor) -> torch.Tensor:
    """Mean difference of a layer `(batch, channels, frames, bins)` over the recording's mean size, row by row; their mean."""
    made, recorded = made.float(), recorded.float()
    size = recorded.abs().mean(dim=(1, 2, 3))
    return ((made - recorded).abs().mean(dim=(1, 2, 3)) / (size + 1e-3)).mean()

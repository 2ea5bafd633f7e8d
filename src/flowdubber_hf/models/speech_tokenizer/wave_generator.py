"""The wave generator: latents at 50 Hz to sound (the decoder of DAC)."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn

from .layers import initialised, masked


# How much a residual unit of the wave generator adds at first: twelve full ones would saturate the sound.
RESIDUAL_GAIN = 0.1


class FlowDubberSnake(nn.Module):
    """x + sin(alpha x)^2 / alpha with a learned alpha a channel; zero stays zero."""

    def __init__(self, channels: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        return hidden_states + torch.sin(self.alpha * hidden_states).square() / (self.alpha + 1e-9)


class FlowDubberResidualUnit(nn.Module):
    """FlowDubberSnake, dilated convolution, FlowDubberSnake, 1x1 convolution, as a residual."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.block = nn.Sequential(
            FlowDubberSnake(channels),
            initialised(nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation)),
            FlowDubberSnake(channels),
            initialised(nn.Conv1d(channels, channels, 1), std=RESIDUAL_GAIN * channels**-0.5),
        )

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        return hidden_states + self.block(masked(hidden_states, mask))


class FlowDubberUpsamplingBlock(nn.Module):
    """FlowDubberSnake, transposed convolution, three residual units."""

    def __init__(self, input_size: int, output_size: int, kernel_size: int, rate: int):
        super().__init__()
        self.rate = rate
        self.block = nn.Sequential(
            FlowDubberSnake(input_size),
            initialised(
                nn.ConvTranspose1d(input_size, output_size, kernel_size, rate, padding=(kernel_size - rate) // 2),
                # Each output sample sums kernel / rate taps of every input channel.
                std=(input_size * kernel_size / rate) ** -0.5,
            ),
            FlowDubberResidualUnit(output_size, 1),
            FlowDubberResidualUnit(output_size, 3),
            FlowDubberResidualUnit(output_size, 9),
        )

    def forward(
        self, hidden_states: torch.Tensor, mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """`(batch, input_size, length)` and its mask -> `(batch, output_size, rate * length)` and its mask."""
        snake, upsample, *units = self.block
        hidden_states = upsample(snake(masked(hidden_states, mask)))
        mask = None if mask is None else mask.repeat_interleave(self.rate, dim=2)
        for unit in units:
            hidden_states = unit(hidden_states, mask)
        return hidden_states, mask


class FlowDubberWaveGenerator(nn.Module):
    """Latents at 50 Hz to sound (the decoder of DAC): convolution, upsampling blocks, FlowDubberSnake, convolution, tanh."""

    def __init__(
        self,
        input_size: int,
        channels: int,
        rates: list[int] | tuple[int, ...],
        kernel_sizes: list[int] | tuple[int, ...],
    ):
        super().__init__()
        widths = [channels // 2**stage for stage in range(len(rates) + 1)]
        self.model = nn.Sequential(
            initialised(nn.Conv1d(input_size, channels, 7, padding=3)),
            *[
                FlowDubberUpsamplingBlock(widths[stage], widths[stage + 1], kernel_sizes[stage], rates[stage])
                for stage in range(len(rates))
            ],
            FlowDubberSnake(widths[-1]),
            initialised(nn.Conv1d(widths[-1], 1, 7, padding=3), std=RESIDUAL_GAIN * (widths[-1] * 7) ** -0.5),
            nn.Tanh(),
        )

    def forward(self, latents: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """`(batch, input_size, length)`, mask `(batch, 1, length)` -> `(batch, 320 * length)`."""
        first, *blocks, snake, last, squash = self.model
        hidden_states = first(masked(latents, mask))
        for block in blocks:
            hidden_states, mask = block(hidden_states, mask)
        return masked(squash(last(snake(masked(hidden_states, mask)))), mask)[:, 0]

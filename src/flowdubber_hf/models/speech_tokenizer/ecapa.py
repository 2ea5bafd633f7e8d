"""ECAPA-TDNN (Desplanques et al. 2020): mels to features of frames and an x-vector."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
import torch.nn.functional as F
from torch import nn

from .layers import initialised


class FlowDubberConvReluNorm(nn.Module):
    """Convolution, ReLU, batch norm."""

    def __init__(self, input_size: int, output_size: int, kernel_size: int = 1):
        super().__init__()
        self.conv = initialised(nn.Conv1d(input_size, output_size, kernel_size, padding=kernel_size // 2))
        self.bn = nn.BatchNorm1d(output_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, input_size, length)` -> `(batch, output_size, length)`."""
        return self.bn(F.relu(self.conv(hidden_states)))


class FlowDubberRes2Conv(nn.Module):
    """Dilated convolutions over `scale` groups of channels, each group seeing the previous one's result (Res2Net)."""

    def __init__(self, channels: int, dilation: int, scale: int = 8):
        super().__init__()
        self.width = channels // scale
        self.convs = nn.ModuleList(
            [
                initialised(nn.Conv1d(self.width, self.width, 3, padding=dilation, dilation=dilation))
                for _ in range(scale - 1)
            ]
        )
        self.bns = nn.ModuleList([nn.BatchNorm1d(self.width) for _ in range(scale - 1)])

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        groups = torch.split(hidden_states, self.width, dim=1)
        outputs = []
        current = torch.zeros_like(groups[0])
        for group, conv, norm in zip(groups, self.convs, self.bns, strict=False):
            current = norm(F.relu(conv(current + group)))
            outputs.append(current)
        return torch.cat([*outputs, groups[-1]], dim=1)


class FlowDubberSqueezeExcitation(nn.Module):
    """Scales each channel by a gate computed from the mean over time."""

    def __init__(self, channels: int, bottleneck_size: int):
        super().__init__()
        self.linear1 = initialised(nn.Linear(channels, bottleneck_size))
        self.linear2 = initialised(nn.Linear(bottleneck_size, channels))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        gate = torch.sigmoid(self.linear2(F.relu(self.linear1(hidden_states.mean(dim=2)))))
        return hidden_states * gate[..., None]


class FlowDubberSERes2Block(nn.Module):
    """1x1 convolution, Res2 convolution, 1x1 convolution and squeeze-excitation, as a residual."""

    def __init__(self, channels: int, dilation: int, bottleneck_size: int):
        super().__init__()
        self.se_res2block = nn.Sequential(
            FlowDubberConvReluNorm(channels, channels),
            FlowDubberRes2Conv(channels, dilation),
            FlowDubberConvReluNorm(channels, channels),
            FlowDubberSqueezeExcitation(channels, bottleneck_size),
        )

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        return hidden_states + self.se_res2block(hidden_states)


class FlowDubberAttentiveStatisticsPool(nn.Module):
    """Attention-weighted mean and standard deviation over time, the attention seeing the global ones."""

    def __init__(self, channels: int, bottleneck_size: int):
        super().__init__()
        self.linear1 = initialised(nn.Conv1d(channels * 3, bottleneck_size, 1))
        self.linear2 = initialised(nn.Conv1d(bottleneck_size, channels, 1))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, length)` -> `(batch, 2 * channels)`."""
        mean = hidden_states.mean(dim=2, keepdim=True)
        deviation = torch.sqrt(hidden_states.var(dim=2, keepdim=True) + 1e-7)
        context = torch.cat([hidden_states, mean.expand_as(hidden_states), deviation.expand_as(hidden_states)], dim=1)
        weight = torch.softmax(self.linear2(torch.tanh(self.linear1(context))), dim=2)
        mean = (weight * hidden_states).sum(dim=2)
        variance = (weight * hidden_states.square()).sum(dim=2) - mean.square()
        return torch.cat([mean, torch.sqrt(variance.clamp(min=1e-7))], dim=1)


class FlowDubberEcapaTdnn(nn.Module):
    """ECAPA-TDNN (Desplanques et al. 2020) with global-context attentive statistics."""

    def __init__(
        self, input_size: int, channels: int, output_channels: int, bottleneck_size: int, embedding_size: int
    ):
        super().__init__()
        self.layer1 = FlowDubberConvReluNorm(input_size, channels, kernel_size=5)
        self.layer2 = FlowDubberSERes2Block(channels, 2, bottleneck_size)
        self.layer3 = FlowDubberSERes2Block(channels, 3, bottleneck_size)
        self.layer4 = FlowDubberSERes2Block(channels, 4, bottleneck_size)
        self.conv = initialised(nn.Conv1d(channels * 3, output_channels, 1))
        self.pool = FlowDubberAttentiveStatisticsPool(output_channels, bottleneck_size)
        self.bn = nn.BatchNorm1d(output_channels * 2)
        self.linear = initialised(nn.Linear(output_channels * 2, embedding_size))

    def frame_features(self, mel: torch.Tensor) -> torch.Tensor:
        """`(batch, input_size, length)` -> `(batch, output_channels, length)`."""
        second = self.layer2(self.layer1(mel))
        third = self.layer3(second)
        fourth = self.layer4(third)
        return F.relu(self.conv(torch.cat([second, third, fourth], dim=1)))

    def embed(self, frames: torch.Tensor) -> torch.Tensor:
        """`(batch, output_channels, length)` -> x-vector `(batch, embedding_size)`."""
        return self.linear(self.bn(self.pool(frames)))

"""ConvNeXt backbones (Vocos): from features to latents and back. Convolutions over time see zeros where a mask is False."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
import torch.nn.functional as F
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from .layers import initialised, masked


# Every further resampling stage of BiCodec holds this many ConvNeXt blocks; at ratio 1 its three paths (convolution and
# two skips) are the identity and add up to three times the input.
BLOCKS_PER_STAGE = 2
IDENTITY_PATHS = 3.0


class FlowDubberAdaLayerNorm(nn.Module):
    """Layer norm over channels whose scale and shift are linear in a condition."""

    def __init__(self, condition_size: int, hidden_size: int):
        super().__init__()
        self.hidden_size = hidden_size
        self.scale = initialised(nn.Linear(condition_size, hidden_size), std=0.02, bias=1.0)  # a plain norm at first
        self.shift = nn.Linear(condition_size, hidden_size)

    def forward(self, hidden_states: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """`(batch, length, hidden_size)`, `(batch, condition_size)` -> `(batch, length, hidden_size)`."""
        normed = F.layer_norm(hidden_states, (self.hidden_size,), eps=1e-6)
        return normed * self.scale(condition)[:, None] + self.shift(condition)[:, None]


def _make_norm(hidden_size: int, condition_size: int | None) -> nn.Module:
    return (
        nn.LayerNorm(hidden_size, eps=1e-6)
        if condition_size is None
        else FlowDubberAdaLayerNorm(condition_size, hidden_size)
    )


def _apply_norm(norm: nn.Module, hidden_states: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
    return norm(hidden_states) if condition is None else norm(hidden_states, condition)


class FlowDubberConvNeXtBlock(GradientCheckpointingLayer):
    """Depthwise convolution, (adaptive) norm and a two-layer perceptron with a learned scale, as a residual."""

    def __init__(self, hidden_size: int, intermediate_size: int, condition_size: int | None, layer_scale: float):
        super().__init__()
        self.layer_scale = layer_scale
        self.dwconv = nn.Conv1d(hidden_size, hidden_size, 7, padding=3, groups=hidden_size)
        self.norm = _make_norm(hidden_size, condition_size)
        self.pwconv1 = nn.Linear(hidden_size, intermediate_size)
        self.pwconv2 = nn.Linear(intermediate_size, hidden_size)
        self.gamma = nn.Parameter(torch.ones(hidden_size))

    def forward(
        self, hidden_states: torch.Tensor, mask: torch.Tensor | None, condition: torch.Tensor | None
    ) -> torch.Tensor:
        """`(batch, hidden_size, length)` -> the same shape."""
        update = self.dwconv(masked(hidden_states, mask)).transpose(1, 2)
        update = _apply_norm(self.norm, update, condition)
        update = self.gamma * self.pwconv2(F.gelu(self.pwconv1(update)))
        return hidden_states + update.transpose(1, 2)


class FlowDubberVocosBackbone(nn.Module):
    """Convolution, norm, ConvNeXt blocks, norm; the length stays.

    Args:
        input_size, hidden_size, intermediate_size, num_layers: sizes.
        condition_size: of the condition of the adaptive norms; `None` for plain layer norms.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        intermediate_size: int,
        num_layers: int,
        condition_size: int | None = None,
    ):
        super().__init__()
        self.embed = nn.Conv1d(input_size, hidden_size, 7, padding=3)
        self.norm = _make_norm(hidden_size, condition_size)
        self.convnext = nn.ModuleList(
            [
                FlowDubberConvNeXtBlock(hidden_size, intermediate_size, condition_size, layer_scale=1 / num_layers)
                for _ in range(num_layers)
            ]
        )
        self.final_layer_norm = nn.LayerNorm(hidden_size, eps=1e-6)

    def forward(
        self, hidden_states: torch.Tensor, mask: torch.Tensor | None = None, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`(batch, input_size, length)` -> `(batch, length, hidden_size)`."""
        hidden_states = self.embed(masked(hidden_states, mask)).transpose(1, 2)
        hidden_states = _apply_norm(self.norm, hidden_states, condition).transpose(1, 2)
        for block in self.convnext:
            hidden_states = block(hidden_states, mask, condition)
        return self.final_layer_norm(hidden_states.transpose(1, 2))


class FlowDubberIdentitySampling(nn.Module):
    """BiCodec's resampling at ratio 1: no parameters."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, length, hidden_size)` -> `(batch, hidden_size, length)`."""
        return IDENTITY_PATHS * hidden_states.transpose(1, 2)


def _make_stages(count: int, hidden_size: int, intermediate_size: int) -> nn.ModuleList:
    return nn.ModuleList(
        [
            nn.ModuleList(
                [
                    FlowDubberIdentitySampling(),
                    FlowDubberVocosBackbone(hidden_size, hidden_size, intermediate_size, BLOCKS_PER_STAGE),
                ]
            )
            for _ in range(count)
        ]
    )


def _run_stages(stages: nn.ModuleList, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    for sampling, backbone in stages:
        hidden_states = backbone(sampling(hidden_states), mask)
    return hidden_states


class FlowDubberFeatureEncoder(nn.Module):
    """Features to latents: backbone, stages, projection."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        intermediate_size: int,
        num_layers: int,
        output_size: int,
        num_stages: int,
    ):
        super().__init__()
        self.encoder = FlowDubberVocosBackbone(input_size, hidden_size, intermediate_size, num_layers)
        self.downsample = _make_stages(num_stages, hidden_size, intermediate_size)
        self.project = nn.Linear(hidden_size, output_size)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """`(batch, input_size, length)` -> `(batch, output_size, length)`."""
        hidden_states = _run_stages(self.downsample, self.encoder(features, mask), mask)
        return self.project(hidden_states).transpose(1, 2)


class FlowDubberFeatureDecoder(nn.Module):
    """Latents to latents (prenet, conditioned) or to features (postnet)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        intermediate_size: int,
        num_layers: int,
        output_size: int,
        num_stages: int,
        condition_size: int | None = None,
    ):
        super().__init__()
        self.linear_pre = nn.Linear(input_size, hidden_size)
        self.downsample = _make_stages(num_stages, hidden_size, intermediate_size)
        self.vocos_backbone = FlowDubberVocosBackbone(
            hidden_size, hidden_size, intermediate_size, num_layers, condition_size
        )
        self.linear = nn.Linear(hidden_size, output_size)

    def forward(
        self, latents: torch.Tensor, mask: torch.Tensor | None = None, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`(batch, input_size, length)`, condition `(batch, condition_size)` -> `(batch, output_size, length)`."""
        hidden_states = _run_stages(self.downsample, self.linear_pre(latents.transpose(1, 2)), mask)
        hidden_states = self.vocos_backbone(hidden_states.transpose(1, 2), mask, condition)
        return self.linear(hidden_states).transpose(1, 2)

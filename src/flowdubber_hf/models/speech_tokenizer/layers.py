# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Building blocks of BiCodec: ConvNeXt backbones, ECAPA-TDNN, perceiver resampler and wave generator.

Parameter names are BiCodec's with weight normalisation folded (see `conversion.py`). Convolutions over time take a mask
`(batch, 1, length)` and see zeros where it is False, exactly as at the end of an unpadded sequence.
"""

import torch
import torch.nn.functional as F
from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer


# Every further resampling stage of BiCodec holds this many ConvNeXt blocks; at ratio 1 its three paths (convolution and
# two skips) are the identity and add up to three times the input.
BLOCKS_PER_STAGE = 2
IDENTITY_PATHS = 3.0

# How much a residual unit of the wave generator adds at first: twelve full ones would saturate the sound.
RESIDUAL_GAIN = 0.1


def initialised(layer: nn.Module, std: float | None = None, bias: float = 0.0) -> nn.Module:
    """Notes how a layer's weight (by default with 1 / sqrt(fan in)) and bias start; the model's `_init_weights` reads it.

    The small weights that suit a residual stream (0.02) would vanish in projections and in the narrow layers of a wave
    generator. The note is on the layer itself since loading initialises only modules that own parameters.
    """
    layer.initializer_std = std if std is not None else layer.weight[0].numel() ** -0.5
    layer.initializer_bias = bias
    return layer


def masked(hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Zeroes `(batch, channels, length)` where the `(batch, 1, length)` mask is False."""
    return hidden_states if mask is None else hidden_states * mask


class AdaLayerNorm(nn.Module):
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
    return nn.LayerNorm(hidden_size, eps=1e-6) if condition_size is None else AdaLayerNorm(condition_size, hidden_size)


def _apply_norm(norm: nn.Module, hidden_states: torch.Tensor, condition: torch.Tensor | None) -> torch.Tensor:
    return norm(hidden_states) if condition is None else norm(hidden_states, condition)


class ConvNeXtBlock(GradientCheckpointingLayer):
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


class VocosBackbone(nn.Module):
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
                ConvNeXtBlock(hidden_size, intermediate_size, condition_size, layer_scale=1 / num_layers)
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


class IdentitySampling(nn.Module):
    """BiCodec's resampling at ratio 1: no parameters."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, length, hidden_size)` -> `(batch, hidden_size, length)`."""
        return IDENTITY_PATHS * hidden_states.transpose(1, 2)


def _make_stages(count: int, hidden_size: int, intermediate_size: int) -> nn.ModuleList:
    return nn.ModuleList(
        [
            nn.ModuleList(
                [
                    IdentitySampling(),
                    VocosBackbone(hidden_size, hidden_size, intermediate_size, BLOCKS_PER_STAGE),
                ]
            )
            for _ in range(count)
        ]
    )


def _run_stages(stages: nn.ModuleList, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    for sampling, backbone in stages:
        hidden_states = backbone(sampling(hidden_states), mask)
    return hidden_states


class FeatureEncoder(nn.Module):
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
        self.encoder = VocosBackbone(input_size, hidden_size, intermediate_size, num_layers)
        self.downsample = _make_stages(num_stages, hidden_size, intermediate_size)
        self.project = nn.Linear(hidden_size, output_size)

    def forward(self, features: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """`(batch, input_size, length)` -> `(batch, output_size, length)`."""
        hidden_states = _run_stages(self.downsample, self.encoder(features, mask), mask)
        return self.project(hidden_states).transpose(1, 2)


class FeatureDecoder(nn.Module):
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
        self.vocos_backbone = VocosBackbone(hidden_size, hidden_size, intermediate_size, num_layers, condition_size)
        self.linear = nn.Linear(hidden_size, output_size)

    def forward(
        self, latents: torch.Tensor, mask: torch.Tensor | None = None, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`(batch, input_size, length)`, condition `(batch, condition_size)` -> `(batch, output_size, length)`."""
        hidden_states = _run_stages(self.downsample, self.linear_pre(latents.transpose(1, 2)), mask)
        hidden_states = self.vocos_backbone(hidden_states.transpose(1, 2), mask, condition)
        return self.linear(hidden_states).transpose(1, 2)


class ConvReluNorm(nn.Module):
    """Convolution, ReLU, batch norm."""

    def __init__(self, input_size: int, output_size: int, kernel_size: int = 1):
        super().__init__()
        self.conv = initialised(nn.Conv1d(input_size, output_size, kernel_size, padding=kernel_size // 2))
        self.bn = nn.BatchNorm1d(output_size)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, input_size, length)` -> `(batch, output_size, length)`."""
        return self.bn(F.relu(self.conv(hidden_states)))


class Res2Conv(nn.Module):
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


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate computed from the mean over time."""

    def __init__(self, channels: int, bottleneck_size: int):
        super().__init__()
        self.linear1 = initialised(nn.Linear(channels, bottleneck_size))
        self.linear2 = initialised(nn.Linear(bottleneck_size, channels))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        gate = torch.sigmoid(self.linear2(F.relu(self.linear1(hidden_states.mean(dim=2)))))
        return hidden_states * gate[..., None]


class SERes2Block(nn.Module):
    """1x1 convolution, Res2 convolution, 1x1 convolution and squeeze-excitation, as a residual."""

    def __init__(self, channels: int, dilation: int, bottleneck_size: int):
        super().__init__()
        self.se_res2block = nn.Sequential(
            ConvReluNorm(channels, channels),
            Res2Conv(channels, dilation),
            ConvReluNorm(channels, channels),
            SqueezeExcitation(channels, bottleneck_size),
        )

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        return hidden_states + self.se_res2block(hidden_states)


class AttentiveStatisticsPool(nn.Module):
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


class EcapaTdnn(nn.Module):
    """ECAPA-TDNN (Desplanques et al. 2020) with global-context attentive statistics."""

    def __init__(
        self, input_size: int, channels: int, output_channels: int, bottleneck_size: int, embedding_size: int
    ):
        super().__init__()
        self.layer1 = ConvReluNorm(input_size, channels, kernel_size=5)
        self.layer2 = SERes2Block(channels, 2, bottleneck_size)
        self.layer3 = SERes2Block(channels, 3, bottleneck_size)
        self.layer4 = SERes2Block(channels, 4, bottleneck_size)
        self.conv = initialised(nn.Conv1d(channels * 3, output_channels, 1))
        self.pool = AttentiveStatisticsPool(output_channels, bottleneck_size)
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


class PerceiverAttention(nn.Module):
    """Multi-head attention of latents to themselves and a context."""

    def __init__(self, size: int, num_heads: int, head_dim: int):
        super().__init__()
        self.num_heads = num_heads
        self.head_dim = head_dim
        self.to_q = initialised(nn.Linear(size, num_heads * head_dim, bias=False))
        self.to_kv = initialised(nn.Linear(size, 2 * num_heads * head_dim, bias=False))
        self.to_out = initialised(nn.Linear(num_heads * head_dim, size, bias=False))

    def _heads(self, projected: torch.Tensor) -> torch.Tensor:
        return projected.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)

    def forward(self, latents: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """`(batch, tokens, size)`, `(batch, length, size)` -> `(batch, tokens, size)`."""
        keys, values = self.to_kv(torch.cat([latents, context], dim=1)).chunk(2, dim=-1)
        attended = F.scaled_dot_product_attention(
            self._heads(self.to_q(latents)), self._heads(keys), self._heads(values)
        )
        return self.to_out(attended.transpose(1, 2).flatten(2))


class GatedGelu(nn.Module):
    """Halves the width: the first half times the GELU of the second."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(..., 2 * size)` -> `(..., size)`."""
        values, gate = hidden_states.chunk(2, dim=-1)
        return F.gelu(gate) * values


class ScaledUnitNorm(nn.Module):
    """Unit length times sqrt(size) times a learned gain."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.gamma = nn.Parameter(torch.ones(size))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(..., size)` -> the same shape."""
        return F.normalize(hidden_states, dim=-1) * self.size**0.5 * self.gamma


class PerceiverResampler(nn.Module):
    """A fixed number of latents that read a sequence by attention."""

    def __init__(
        self,
        context_size: int,
        size: int,
        num_latents: int,
        num_layers: int,
        num_heads: int,
        head_dim: int,
        mult: int = 4,
    ):
        super().__init__()
        inner = int(size * mult * 2 / 3)
        self.proj_context = initialised(nn.Linear(context_size, size))
        self.latents = nn.Parameter(torch.zeros(num_latents, size))
        self.layers = nn.ModuleList(
            [
                nn.ModuleList(
                    [
                        PerceiverAttention(size, num_heads, head_dim),
                        nn.Sequential(
                            initialised(nn.Linear(size, 2 * inner)),
                            GatedGelu(),
                            initialised(nn.Linear(inner, size)),
                        ),
                    ]
                )
                for _ in range(num_layers)
            ]
        )
        self.norm = ScaledUnitNorm(size)

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """`(batch, length, context_size)` -> `(batch, num_latents, size)`."""
        context = self.proj_context(context)
        latents = self.latents.expand(len(context), -1, -1)
        for attention, feed_forward in self.layers:
            latents = latents + attention(latents, context)
            latents = latents + feed_forward(latents)
        return self.norm(latents)


class Snake(nn.Module):
    """x + sin(alpha x)^2 / alpha with a learned alpha a channel; zero stays zero."""

    def __init__(self, channels: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        return hidden_states + torch.sin(self.alpha * hidden_states).square() / (self.alpha + 1e-9)


class ResidualUnit(nn.Module):
    """Snake, dilated convolution, Snake, 1x1 convolution, as a residual."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.block = nn.Sequential(
            Snake(channels),
            initialised(nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation)),
            Snake(channels),
            initialised(nn.Conv1d(channels, channels, 1), std=RESIDUAL_GAIN * channels**-0.5),
        )

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """`(batch, channels, length)` -> the same shape."""
        return hidden_states + self.block(masked(hidden_states, mask))


class UpsamplingBlock(nn.Module):
    """Snake, transposed convolution, three residual units."""

    def __init__(self, input_size: int, output_size: int, kernel_size: int, rate: int):
        super().__init__()
        self.rate = rate
        self.block = nn.Sequential(
            Snake(input_size),
            initialised(
                nn.ConvTranspose1d(input_size, output_size, kernel_size, rate, padding=(kernel_size - rate) // 2),
                # Each output sample sums kernel / rate taps of every input channel.
                std=(input_size * kernel_size / rate) ** -0.5,
            ),
            ResidualUnit(output_size, 1),
            ResidualUnit(output_size, 3),
            ResidualUnit(output_size, 9),
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


class WaveGenerator(nn.Module):
    """Latents at 50 Hz to sound (the decoder of DAC): convolution, upsampling blocks, Snake, convolution, tanh."""

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
                UpsamplingBlock(widths[stage], widths[stage + 1], kernel_sizes[stage], rates[stage])
                for stage in range(len(rates))
            ],
            Snake(widths[-1]),
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

"""The aligner's view of the mouth: a lip reader's trunk and how the shapes move."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn
from torch.nn import functional as F
from transformers.modeling_layers import GradientCheckpointingLayer

from flowdubber_hf.models.blocks import split_blocks
from flowdubber_hf.models.layers import TimeConv, real_positions
from flowdubber_hf.models.lip_reader.modeling_lip_reader import FlowDubberLipTrunk

from .configuration_aligner import FlowDubberAlignerConfig


LIP_BLOCK_FRAMES = 500  # that are read at once; a hundredth of a gigabyte a block of the bundled model's


class FlowDubberTemporalBlock(GradientCheckpointingLayer):
    """Dilated temporal convolution with a residual: how a mouth shape moves."""

    def __init__(self, hidden_size: int, dilation: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(hidden_size)
        self.conv = TimeConv(hidden_size, hidden_size, 3, dilation=dilation)
        self.out = nn.Linear(hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        update = F.silu(self.conv(self.norm(hidden_states), mask))
        return hidden_states + self.dropout(self.out(update))


def clip_statistics(lip_values: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation, `(B, 1, 1, 1)` each, over all pixels of each clip's frames in `mask` `(B, F)`."""
    variances, means = torch.var_mean(lip_values.float(), dim=(2, 3), correction=0)
    counted = torch.ones_like(means) if mask is None else mask.float()
    frames = counted.sum(1, keepdim=True).clamp(min=1)
    mean = (means * counted).sum(1, keepdim=True) / frames
    variance = ((variances + (means - mean).square()) * counted).sum(1, keepdim=True) / frames
    return mean[..., None, None], (variance[..., None, None] + 1e-5).sqrt()


class FlowDubberLipEncoder(FlowDubberLipTrunk):
    """A lip reader's stem and trunk, then temporal blocks: `(B, F, 88, 88)` to `(B, F, hidden_size)`.

    Clips of more than `LIP_BLOCK_FRAMES` frames are read piece by piece, with the same results.
    """

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__(
            config.lip_stem_size,
            config.lip_stem_stride,
            config.lip_stage_sizes,
            config.lip_blocks_per_stage,
            config.lip_activation,
        )
        self.by_clip = config.lip_normalization == "clip"
        self.projection = nn.Linear(config.lip_stage_sizes[-1], config.hidden_size)
        dilations = [2 ** (layer % 3) for layer in range(config.num_lip_layers)]
        self.temporal = nn.ModuleList(
            [FlowDubberTemporalBlock(config.hidden_size, dilation, config.hidden_dropout) for dilation in dilations]
        )
        self.norm = nn.LayerNorm(config.hidden_size)
        self.reach = self.stem.kernel_size[0] // 2 + sum(dilations)

    def forward(self, lip_values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        mask = real_positions(mask)
        mean, deviation = clip_statistics(lip_values, mask) if self.by_clip else (0.0, 1.0)
        pieces = []
        for block in split_blocks(lip_values.shape[1], LIP_BLOCK_FRAMES, self.reach):
            values, seen = lip_values[:, block.read], None if mask is None else mask[:, block.read]
            states = self._read(((values.float() - mean) / deviation).to(values.dtype), seen)
            pieces.append(states[:, block.kept])
        return torch.cat(pieces, dim=1)

    def _read(self, lip_values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        states = self.projection(super().forward(lip_values, mask))
        for block in self.temporal:
            states = block(states, mask)
        return self.norm(states)


__all__ = ["LIP_BLOCK_FRAMES", "FlowDubberLipEncoder", "clip_statistics"]

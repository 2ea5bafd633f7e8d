"""Lips and known phonemes joined, from video frames to mel frames; and the attention that the aligner's layers share."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn
from torch.nn import functional as F
from transformers.modeling_layers import GradientCheckpointingLayer

from flowdubber_hf.models.attention import dispatched_attention
from flowdubber_hf.models.layers import AttentionPlan, RotarySelfAttention, TimeConv, mask_sequence, real_positions
from flowdubber_hf.processing.audio import MEL_FRAMES_PER_VIDEO_FRAME

from .configuration_aligner import FlowDubberAlignerConfig


UPSAMPLING_SLOPE = 0.4


class FlowDubberAlignerAttention(RotarySelfAttention):
    """Rotary self-attention by the configured `attn_implementation`."""

    def __init__(self, config: FlowDubberAlignerConfig, num_heads: int, window: int | None):
        super().__init__(config.hidden_size, num_heads, config.hidden_dropout, window=window)
        self.config = config

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        return dispatched_attention(self, self.config, query, key, value, mask, self.dropout)


class FlowDubberFusionLayer(GradientCheckpointingLayer):
    """Conformer block: half feed-forward, attention, convolution, half feed-forward.

    The convolution module normalises each frame (LayerNorm), not the batch, so padding has no say.
    """

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        size, inner = config.hidden_size, config.hidden_size * config.fusion_feedforward_ratio
        self.first_norm = nn.LayerNorm(size)
        self.first_up, self.first_down = nn.Linear(size, inner), nn.Linear(inner, size)
        self.attention_norm = nn.LayerNorm(size)
        self.attention = FlowDubberAlignerAttention(config, config.num_fusion_heads, config.fusion_attention_window)
        self.conv_norm = nn.LayerNorm(size)
        self.conv_in = nn.Linear(size, 2 * size)
        self.conv = TimeConv(size, size, config.fusion_kernel_size, groups=size)
        self.conv_mid_norm = nn.LayerNorm(size)
        self.conv_out = nn.Linear(size, size)
        self.second_norm = nn.LayerNorm(size)
        self.second_up, self.second_down = nn.Linear(size, inner), nn.Linear(inner, size)
        self.norm = nn.LayerNorm(size)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, states: torch.Tensor, mask: torch.Tensor | None, plan: AttentionPlan) -> torch.Tensor:
        states = states + 0.5 * self.dropout(self.first_down(F.silu(self.first_up(self.first_norm(states)))))
        states = states + self.dropout(self.attention(self.attention_norm(states), plan))
        gated = F.glu(self.conv_in(self.conv_norm(states)), dim=-1)
        states = states + self.dropout(self.conv_out(F.silu(self.conv_mid_norm(self.conv(gated, mask)))))
        states = states + 0.5 * self.dropout(self.second_down(F.silu(self.second_up(self.second_norm(states)))))
        return self.norm(states)


class FlowDubberFusion(nn.Module):
    """F([C_lip, Up(LLM_p, z_p, tab)]): joins both streams and brings them from 25 to 100 frames a second."""

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        size = config.hidden_size
        self.up = nn.Linear(2 * size, 4 * size)
        self.down = nn.Linear(4 * size, size)
        self.layers = nn.ModuleList([FlowDubberFusionLayer(config) for _ in range(config.num_fusion_layers)])
        self.upsamplers = nn.ModuleList(
            [nn.ConvTranspose2d(1, 1, (3, 4), stride=(1, 2), padding=(1, 1)) for _ in range(2)]
        )  # twice by two: MEL_FRAMES_PER_VIDEO_FRAME
        # Inside a video frame the phonemes change too: what 25 states a second blur is added again at the mel rate.
        self.detail = nn.Linear(size, size, bias=False) if config.path_steps_per_frame > 1 else None

    def forward(self, expanded: torch.Tensor, lip_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Expanded phonemes `(B, 4F, C)` and lips `(B, F, C)` to `(B, 4F, C)`; mask `(B, F)`."""
        mask = real_positions(mask)
        by_frame = expanded.unflatten(1, (-1, MEL_FRAMES_PER_VIDEO_FRAME)).mean(2)
        states = self.down(F.silu(self.up(torch.cat([by_frame, lip_states], dim=-1))))
        plan = self.layers[0].attention.plan(states, mask) if self.layers else None
        for layer in self.layers:
            states = layer(states, mask, plan)
        # One-channel convolutions over the (feature, time) plane, as the sibling does; the skip keeps every feature's
        # own identity, which a single shared kernel blurs.
        for upsampler in self.upsamplers:
            states = mask_sequence(states, mask)
            smooth = upsampler(states.transpose(1, 2)[:, None])[:, 0].transpose(1, 2)
            states = states.repeat_interleave(2, dim=1) + F.leaky_relu(smooth, UPSAMPLING_SLOPE)
            mask = None if mask is None else mask.repeat_interleave(2, dim=1)
        if self.detail is not None:
            states = states + self.detail(expanded)
        return mask_sequence(states, mask)


__all__ = ["FlowDubberAlignerAttention", "FlowDubberFusion"]

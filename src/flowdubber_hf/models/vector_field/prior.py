"""The SATL mel prior: the aligner's fused sequence in the style of a voice."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools

import torch
from torch import nn

from flowdubber_hf.models.layers import AttentionPlan, ConvFeedForward, StyleAdaptiveLayerNorm, TimeConv, mask_sequence

from .attention import FlowDubberFieldAttention


class FlowDubberPriorLayer(nn.Module):
    """FFT block of the SATL mel decoder: self-attention and convolutional feed-forward, SALN after each."""

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        intermediate_size: int,
        kernel_size: int,
        style_size: int,
        dropout: float,
        window: int | None,
    ):
        super().__init__()
        self.attention = FlowDubberFieldAttention(hidden_size, num_heads, dropout, None, window)
        self.attention_norm = StyleAdaptiveLayerNorm(style_size, hidden_size)
        self.feed_forward = ConvFeedForward(hidden_size, intermediate_size, kernel_size, dropout)
        self.feed_forward_norm = StyleAdaptiveLayerNorm(style_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, states: torch.Tensor, mask: torch.Tensor | None, style: torch.Tensor, plan: AttentionPlan
    ) -> torch.Tensor:
        states = self.attention_norm(states + self.dropout(self.attention(states, plan)), style)
        return self.feed_forward_norm(states + self.dropout(self.feed_forward(states, mask)), style)


class FlowDubberPostNet(nn.Module):
    """Five convolutions that refine the prior, with one SALN shared by the first four.

    The sibling's BatchNorm is left out: SALN already normalises each frame, and batch statistics would let padding and
    other rows into a row's result.
    """

    def __init__(self, num_mels: int, hidden_size: int, style_size: int, dropout: float, num_layers: int = 5):
        super().__init__()
        sizes = [num_mels] + [hidden_size] * (num_layers - 1) + [num_mels]
        self.convs = nn.ModuleList([TimeConv(a, b, 5) for a, b in itertools.pairwise(sizes)])
        self.norm = StyleAdaptiveLayerNorm(style_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, mel: torch.Tensor, mask: torch.Tensor | None, style: torch.Tensor) -> torch.Tensor:
        states = mel
        for conv in self.convs[:-1]:
            states = self.dropout(torch.tanh(self.norm(conv(states, mask), style)))
        return self.convs[-1](states, mask)


class FlowDubberStylePrior(nn.Module):
    """SATL: fused sequence and style vector to the mel prior mu_SATL."""

    def __init__(
        self,
        num_mels: int,
        fused_size: int,
        hidden_size: int,
        num_layers: int,
        num_heads: int,
        intermediate_size: int,
        kernel_size: int,
        style_size: int,
        postnet_size: int,
        dropout: float,
        window: int | None,
    ):
        super().__init__()
        self.input = nn.Linear(fused_size, hidden_size)
        self.layers = nn.ModuleList(
            [
                FlowDubberPriorLayer(
                    hidden_size, num_heads, intermediate_size, kernel_size, style_size, dropout, window
                )
                for _ in range(num_layers)
            ]
        )
        self.gradient_checkpointing = False
        self.mel_linear = nn.Linear(hidden_size, num_mels)
        self.postnet = FlowDubberPostNet(num_mels, postnet_size, style_size, dropout)

    def forward(self, fused: torch.Tensor, style: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        states = self.input(fused)
        plan = self.layers[0].attention.plan(states, mask) if self.layers else None
        for layer in self.layers:
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                states = self._gradient_checkpointing_func(layer, states, mask, style, plan)
            else:
                states = layer(states, mask, style, plan)
        mel = self.mel_linear(states)
        return mask_sequence(mel + self.postnet(mel, mask, style), mask)


__all__ = ["FlowDubberPriorLayer", "FlowDubberStylePrior"]

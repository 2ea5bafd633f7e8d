"""The SATL mel prior: the aligner's fused sequence in the style of a voice."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from flowdubber_hf.models.layers import AttentionPlan, ConvFeedForward, StyleAdaptiveLayerNorm, TimeConv, mask_sequence

from .attention import FlowDubberFieldAttention


class FlowDubberVoiceAttention(nn.Module):
    """Each frame asks the voice tokens of the reference how the voice makes its sound; what it is told is added to it.

    Tokens of zeros, as where the voice is dropped, tell nothing. It begins at zero: a model that goes on from one without it starts
    where that ended.

    Args:
        hidden_size: of the frames, shared by the heads.
        num_heads: of the attention.
        num_tokens, token_size: of the voice.
        dropout: of what is added.

    Source: the time-varying timbre of NANSY++ (Choi et al. 2022, section 3.3), whose content asks learned timbre tokens.
    """

    def __init__(self, hidden_size: int, num_heads: int, num_tokens: int, token_size: int, dropout: float):
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(hidden_size)
        self.token_norm = nn.LayerNorm(token_size, bias=False)
        self.query = nn.Linear(hidden_size, hidden_size, bias=False)
        self.key = nn.Linear(token_size, hidden_size, bias=False)
        self.names = nn.Parameter(torch.randn(num_tokens, hidden_size) * hidden_size**-0.5)  # what a token is about
        self.value = nn.Linear(token_size, hidden_size, bias=False)
        self.told = nn.Linear(hidden_size, hidden_size, bias=False)
        nn.init.zeros_(self.told.weight)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """`(B, T, hidden_size)` and `(B, num_tokens, token_size)` to `(B, T, hidden_size)`."""
        tokens = self.token_norm(tokens)
        query, key, value = self.query(self.norm(states)), self.key(tokens) + self.names, self.value(tokens)
        query, key, value = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in (query, key, value))
        told = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return states + self.dropout(self.told(told))


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
        num_voice_tokens: int = 0,
        voice_token_size: int = 0,
    ):
        super().__init__()
        self.voice_attention = None
        if num_voice_tokens:
            voice = (num_heads, num_voice_tokens, voice_token_size, dropout)
            self.voice_attention = FlowDubberVoiceAttention(hidden_size, *voice)
        self.attention = FlowDubberFieldAttention(hidden_size, num_heads, dropout, None, window)
        self.attention_norm = StyleAdaptiveLayerNorm(style_size, hidden_size)
        self.feed_forward = ConvFeedForward(hidden_size, intermediate_size, kernel_size, dropout)
        self.feed_forward_norm = StyleAdaptiveLayerNorm(style_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        states: torch.Tensor,
        mask: torch.Tensor | None,
        style: torch.Tensor,
        plan: AttentionPlan,
        tokens: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if self.voice_attention is not None and tokens is not None:
            states = self.voice_attention(states, tokens)
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
    """SATL: fused sequence and style vector, with the voice tokens where it has them, to the mel prior mu_SATL."""

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
        num_voice_tokens: int = 0,
        voice_token_size: int = 0,
    ):
        super().__init__()
        voice = (num_voice_tokens, voice_token_size)
        self.input = nn.Linear(fused_size, hidden_size)
        self.layers = nn.ModuleList(
            [
                FlowDubberPriorLayer(
                    hidden_size, num_heads, intermediate_size, kernel_size, style_size, dropout, window, *voice
                )
                for _ in range(num_layers)
            ]
        )
        self.gradient_checkpointing = False
        self.mel_linear = nn.Linear(hidden_size, num_mels)
        self.postnet = FlowDubberPostNet(num_mels, postnet_size, style_size, dropout)

    def forward(
        self,
        fused: torch.Tensor,
        style: torch.Tensor,
        mask: torch.Tensor | None,
        tokens: torch.Tensor | None = None,
    ) -> torch.Tensor:
        states = self.input(fused)
        plan = self.layers[0].attention.plan(states, mask) if self.layers else None
        for layer in self.layers:
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                states = self._gradient_checkpointing_func(layer, states, mask, style, plan, tokens)
            else:
                states = layer(states, mask, style, plan, tokens)
        mel = self.mel_linear(states)
        return mask_sequence(mel + self.postnet(mel, mask, style), mask)


__all__ = ["FlowDubberPriorLayer", "FlowDubberStylePrior", "FlowDubberVoiceAttention"]

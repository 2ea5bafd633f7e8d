"""What a reference tells of its voice beside the style vector: learned with the sound that is made of it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn
from torch.nn import functional as F

from flowdubber_hf.models.layers import TimeConv


class FlowDubberVoiceEncoder(nn.Module):
    """Convolutions over a mel, then learned queries that each choose frames: weighted mean and spread of the frames, over time,
    become a vector that is added to the style.

    The style encoder was trained to tell speakers apart; this one to make them sound as they do. One vector is too little to
    carry what is said. It begins at zero: a model that goes on from one without it starts where that ended.

    With `num_tokens`, as many further queries each give the mean of the frames that they choose: voice tokens, how the voice makes
    some kind of sound, from which [`FlowDubberVoiceAttention`] takes what each phoneme needs.

    Args:
        num_mels: bins.
        hidden_size: channels.
        num_layers: convolutions behind the first, whose dilation doubles.
        num_heads: learned queries, which share the channels.
        style_size: of the result.
        dropout: of what the queries found.
        num_tokens: voice tokens.

    Raises:
        ValueError: channels that cannot be shared.
    """

    def __init__(
        self,
        num_mels: int,
        hidden_size: int,
        num_layers: int,
        num_heads: int,
        style_size: int,
        dropout: float,
        num_tokens: int = 0,
    ):
        super().__init__()
        if hidden_size < 0 or min(num_layers, num_tokens) < 0 or num_heads < 1 or hidden_size % num_heads:
            raise ValueError(
                f"`voice_hidden_size` ({hidden_size}) must be a multiple of `num_voice_heads` ({num_heads}), and "
                f"`num_voice_layers` ({num_layers}) and `num_voice_tokens` ({num_tokens}) not negative."
            )
        self.num_heads = num_heads
        self.entry = TimeConv(num_mels, hidden_size, 5)
        self.entry_norm = nn.LayerNorm(hidden_size)
        self.convs = nn.ModuleList(
            [TimeConv(hidden_size, hidden_size, 3, dilation=2**layer) for layer in range(num_layers)]
        )
        self.norms = nn.ModuleList([nn.LayerNorm(hidden_size) for _ in range(num_layers)])
        self.queries = nn.Linear(hidden_size, num_heads, bias=False)  # which no softmax over time would see
        self.found_norm = nn.LayerNorm(2 * hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.style = nn.Linear(2 * hidden_size, style_size)
        nn.init.zeros_(self.style.weight)
        nn.init.zeros_(self.style.bias)
        # A style vector has the length 1: steps of the optimiser that suit other layers would drown it.
        self.scale = style_size**-0.5
        self.tokens = nn.Linear(hidden_size, num_tokens, bias=False) if num_tokens else None

    def forward(self, mel: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """`(B, num_mels, T)` normalised mel and `(B, T)` bool mask to `(B, style_size + num_tokens * hidden_size)`, zeros in rows
        without a real frame."""
        states = F.silu(self.entry_norm(self.entry(mel.transpose(1, 2), mask)))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            states = states + F.silu(norm(conv(states, mask)))
        heard = self.scale * self.style(self.dropout(self.found_norm(self._pool(states, mask))))
        if self.tokens is not None:
            means = self._weights(self.tokens, states, mask).transpose(1, 2) @ states.float()
            heard = torch.cat([heard, means.flatten(1).to(heard.dtype)], dim=-1)
        return heard if mask is None else heard * mask.any(1, keepdim=True)

    @staticmethod
    def _weights(queries: nn.Linear, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """`(B, T, queries)` float32: how much of each query falls on each frame."""
        logits = queries(states).float()
        if mask is not None:
            logits = logits.masked_fill(~mask[..., None], torch.finfo(torch.float32).min)
        return logits.softmax(1)

    def _pool(self, states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """`(B, T, C)` to `(B, 2 C)`: mean and standard deviation of each query's channels, by its weights over time."""
        weights = self._weights(self.queries, states, mask)[..., None]
        channels = states.float().unflatten(-1, (self.num_heads, -1))
        mean = (weights * channels).sum(1)
        spread = (weights * (channels - mean[:, None]).square()).sum(1).clamp(min=1e-6).sqrt()
        return torch.cat([mean.flatten(1), spread.flatten(1)], dim=-1).to(states.dtype)


__all__ = ["FlowDubberVoiceEncoder"]

"""The perceiver resampler: a fixed number of latents read a sequence by attention."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ..attention import dispatched_attention
from .layers import initialised


class FlowDubberPerceiverAttention(nn.Module):
    """Multi-head attention of latents to themselves and a context, by the `attn_implementation` of `config`."""

    def __init__(self, size: int, num_heads: int, head_dim: int, config: Any):
        super().__init__()
        self.config = config
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
        query, key, value = (self._heads(states) for states in (self.to_q(latents), keys, values))
        attended = dispatched_attention(self, self.config, query, key, value)
        return self.to_out(attended.transpose(1, 2).flatten(2))


class FlowDubberGatedGelu(nn.Module):
    """Halves the width: the first half times the GELU of the second."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(..., 2 * size)` -> `(..., size)`."""
        values, gate = hidden_states.chunk(2, dim=-1)
        return F.gelu(gate) * values


class FlowDubberScaledUnitNorm(nn.Module):
    """Unit length times sqrt(size) times a learned gain."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size
        self.gamma = nn.Parameter(torch.ones(size))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """`(..., size)` -> the same shape."""
        return F.normalize(hidden_states, dim=-1) * self.size**0.5 * self.gamma


class FlowDubberPerceiverResampler(nn.Module):
    """A fixed number of latents that read a sequence by attention."""

    def __init__(
        self,
        context_size: int,
        size: int,
        num_latents: int,
        num_layers: int,
        num_heads: int,
        head_dim: int,
        config: Any,
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
                        FlowDubberPerceiverAttention(size, num_heads, head_dim, config),
                        nn.Sequential(
                            initialised(nn.Linear(size, 2 * inner)),
                            FlowDubberGatedGelu(),
                            initialised(nn.Linear(inner, size)),
                        ),
                    ]
                )
                for _ in range(num_layers)
            ]
        )
        self.norm = FlowDubberScaledUnitNorm(size)

    def forward(self, context: torch.Tensor) -> torch.Tensor:
        """`(batch, length, context_size)` -> `(batch, num_latents, size)`."""
        context = self.proj_context(context)
        latents = self.latents.expand(len(context), -1, -1)
        for attention, feed_forward in self.layers:
            latents = latents + attention(latents, context)
            latents = latents + feed_forward(latents)
        return self.norm(latents)

"""Layers that the aligner and the vector field share. Sequences are `(batch, time, channels)`; masks are boolean, True
on real positions. Every layer that looks along time zeroes the padding first, so padding never reaches a real position."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F


def mask_sequence(hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Zeroes the padding of `(B, T, C)` by a boolean `(B, T)` mask; `None` means nothing is padded."""
    return hidden_states if mask is None else hidden_states * mask[..., None].to(hidden_states.dtype)


def rotary_angles(length: int, head_dim: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosine and sine, each `(length, head_dim)`, of rotary position embeddings with base 10000."""
    frequencies = 10000.0 ** (-torch.arange(0, head_dim, 2, device=like.device, dtype=torch.float32) / head_dim)
    angles = torch.arange(length, device=like.device, dtype=torch.float32)[:, None] * frequencies
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def rotate(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Applies rotary positions to `(..., T, head_dim)`."""
    first, second = states.chunk(2, dim=-1)
    return states * cos + torch.cat([-second, first], dim=-1) * sin


def sinusoids(positions: torch.Tensor, size: int) -> torch.Tensor:
    """Sinusoidal embedding of any real positions: `(...,)` to `(..., size)`, cosines after sines, base 10000."""
    frequencies = torch.exp(
        -torch.arange(size // 2, device=positions.device, dtype=torch.float32) * (9.210340371976184 / (size // 2 - 1))
    )
    angles = positions.float()[..., None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class StyleAdaptiveLayerNorm(nn.Module):
    """SALN(x, s) = gamma(s) * LN(x) + beta(s), the affine part of the paper's style affine transformation layer (SATL).

    `[gamma - 1, beta]` is one linear map of the style: the 1 stands where the sibling starts the bias at (1..., 0...).
    """

    def __init__(self, style_size: int, hidden_size: int):
        super().__init__()
        self.hidden_size = hidden_size
        self.affine = nn.Linear(style_size, 2 * hidden_size)

    def forward(self, hidden_states: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        return self.apply_style(hidden_states, self.read_style(style))

    def read_style(self, style: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """gamma and beta, `(B, 1, hidden_size)` each, of styles `(B, style_size)`: the same at every step of a solver."""
        gamma, beta = self.affine(style)[:, None].chunk(2, dim=-1)
        return 1 + gamma, beta

    def apply_style(self, hidden_states: torch.Tensor, style: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """SALN of `(B, T, hidden_size)` by what [`read_style`] gave."""
        return torch.addcmul(style[1], style[0], F.layer_norm(hidden_states, (self.hidden_size,)))


def attention_mask(
    mask: torch.Tensor | None, length: int, window: int | None, device: torch.device
) -> torch.Tensor | None:
    """Boolean mask that broadcasts to `(B, heads, length, length)`: real keys no further than `window` positions away."""
    allowed = None if mask is None else mask[:, None, None]
    if window is None or window >= length:
        return allowed
    places = torch.arange(length, device=device)
    near = ((places[:, None] - places).abs() <= window)[None, None]
    if allowed is None:
        return near
    # A padded query may have no real key in reach; it looks at itself, and its result is never read.
    return (allowed & near) | torch.eye(length, dtype=torch.bool, device=device)


def block_mask(mask: torch.Tensor | None, rows: int, length: int, window: int, device: torch.device) -> torch.Tensor:
    """[`attention_mask`] for attention in blocks of two windows, `(rows * blocks, 1, 2 * window, 4 * window)`."""
    block = 2 * window
    behind = -length % block
    real = torch.ones(rows, length, dtype=torch.bool, device=device) if mask is None else mask
    near = F.pad(real, (window, behind + window)).unfold(1, block + 2 * window, block)[:, :, None]
    places = torch.arange(block, device=device)[:, None]
    keys = torch.arange(-window, block + window, device=device)
    # A padded query may have no real key in reach; it looks at itself, and its result is never read.
    allowed = near & ((keys - places).abs() <= window) | (keys == places)
    return allowed.flatten(0, 1)[:, None]


#: From how many windows on attention is computed in blocks: below, the masked product of everything is faster.
BLOCKS_FROM = 8


class AttentionPlan(NamedTuple):
    """What all attentions of one kind in a call have in common, made once by [`plan_attention`].

    Attributes:
        cos, sin (`torch.Tensor` of shape `(length, head_dim)`): rotary positions.
        mask (`torch.Tensor`, *optional*): added to the logits: 0 where a query may look, minus infinity elsewhere.
        in_blocks (`bool`): whether it is the mask of the attention in blocks.
    """

    cos: torch.Tensor
    sin: torch.Tensor
    mask: torch.Tensor | None
    in_blocks: bool

    def to(self, dtype: torch.dtype) -> "AttentionPlan":
        """In the products' precision, which autocast makes another than the states'."""
        if self.cos.dtype == dtype:
            return self
        mask = None if self.mask is None else self.mask.to(dtype)
        return AttentionPlan(self.cos.to(dtype), self.sin.to(dtype), mask, self.in_blocks)


def plan_attention(
    states: torch.Tensor, mask: torch.Tensor | None, head_dim: int, window: int | None
) -> AttentionPlan:
    """Tables and mask of all self-attentions with `head_dim` and `window` over `(B, T, C)` states and a `(B, T)` mask."""
    rows, length, _ = states.shape
    in_blocks = window is not None and length > BLOCKS_FROM * window
    if in_blocks:
        allowed = block_mask(mask, rows, length, window, states.device)
    else:
        allowed = attention_mask(mask, length, window, states.device)
    added = None if allowed is None else allowed.new_zeros(allowed.shape, dtype=states.dtype)
    if added is not None:
        added.masked_fill_(~allowed, -torch.inf)
    return AttentionPlan(*rotary_angles(length, head_dim, states), added, in_blocks)


class RotarySelfAttention(nn.Module):
    """Multi-head self-attention over time with rotary positions.

    With a `window` each position sees only its neighbourhood, so clips longer than any in training look the same to it.
    """

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        dropout: float,
        head_dim: int | None = None,
        window: int | None = None,
    ):
        super().__init__()
        self.window = window
        self.num_heads = num_heads
        self.head_dim = head_dim or hidden_size // num_heads
        self.dropout = dropout
        inner = self.num_heads * self.head_dim
        self.qkv = nn.Linear(hidden_size, 3 * inner)
        self.out = nn.Linear(inner, hidden_size)

    def plan(self, states: torch.Tensor, mask: torch.Tensor | None) -> AttentionPlan:
        """What this and all layers like it need for states `(B, T, C)`; `mask` is `(B, T)`."""
        return plan_attention(states, mask, self.head_dim, self.window)

    def forward(self, hidden_states: torch.Tensor, plan: AttentionPlan) -> torch.Tensor:
        batch, length, _ = hidden_states.shape
        qkv = self.qkv(hidden_states).view(batch, length, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        plan = plan.to(qkv.dtype)
        query, key = rotate(qkv[:2], plan.cos, plan.sin).unbind(0)
        if plan.in_blocks:
            attended = self._attend_in_blocks(query, key, qkv[2], plan.mask)
        else:
            attended = self.attend(query, key, qkv[2], plan.mask)
        return self.out(attended.transpose(1, 2).reshape(batch, length, -1))

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """The product itself, all `(B, heads, T, head_dim)`, with the mask added to its logits."""
        dropout = self.dropout if self.training else 0.0
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)

    def _attend_in_blocks(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        """Attention within the window in blocks of two windows, so that its cost is linear in the length.

        The result is that of the whole product: each block of queries is given all keys it can reach.
        """
        batch, _, length, _ = query.shape
        block = 2 * self.window
        count = -(-length // block)
        behind = count * block - length

        def reached(states: torch.Tensor) -> torch.Tensor:
            padded = F.pad(states, (0, 0, self.window, behind + self.window))
            return padded.unfold(2, 2 * block, block).movedim(2, 1).transpose(-1, -2).flatten(0, 1)

        queries = F.pad(query, (0, 0, 0, behind)).unflatten(2, (count, block)).movedim(2, 1).flatten(0, 1)
        attended = self.attend(queries, reached(key), reached(value), mask)
        return attended.unflatten(0, (batch, count)).movedim(1, 2).flatten(2, 3)[:, :, :length]


class ChannelsLastConv1d(nn.Conv1d):
    """`nn.Conv1d` that reads and writes channels last on processors: there `(B, T, C)` states are turned by no copy."""

    def _conv_forward(self, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if input.device.type != "cpu":
            return super()._conv_forward(input, weight, bias)
        # A picture one pixel high, whose convolutions keep the order of the memory that they are given.
        padding, dilation = (0, *self.padding), (1, *self.dilation)
        output = F.conv2d(
            input[:, :, None], weight[:, :, None], bias, (1, *self.stride), padding, dilation, self.groups
        )
        return output[:, :, 0]


def real_positions(mask: torch.Tensor | None) -> torch.Tensor | None:
    """The mask, or `None` where nothing is padded, so that no layer multiplies by ones; during training it stays."""
    return None if mask is None or (not torch.is_grad_enabled() and bool(mask.all())) else mask


class TimeConv(nn.Module):
    """Same-length 1-D convolution of `(B, T, C)` that never reads padding."""

    def __init__(self, in_size: int, out_size: int, kernel_size: int, dilation: int = 1, groups: int = 1):
        super().__init__()
        self.conv = ChannelsLastConv1d(
            in_size, out_size, kernel_size, padding=dilation * (kernel_size // 2), dilation=dilation, groups=groups
        )

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self.conv(mask_sequence(hidden_states, mask).transpose(1, 2)).transpose(1, 2)


class ConvFeedForward(nn.Module):
    """Position-wise feed-forward whose first map is a convolution, as in FastSpeech's FFT block."""

    def __init__(self, hidden_size: int, intermediate_size: int, kernel_size: int, dropout: float):
        super().__init__()
        self.conv = TimeConv(hidden_size, intermediate_size, kernel_size)
        self.out = nn.Linear(intermediate_size, hidden_size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        return self.out(self.dropout(F.relu(self.conv(hidden_states, mask))))

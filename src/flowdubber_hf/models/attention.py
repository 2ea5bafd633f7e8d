"""Attention by the function that `attn_implementation` names, for the models of this package that transformers loads."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS


def eager_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The product written out, as the library's own models have it; returns `(B, T, heads, head_dim)` and the weights."""
    logits = scaling * query @ key.transpose(-1, -2)
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        logits = logits.masked_fill(~attention_mask, -torch.inf)
    elif attention_mask is not None:
        logits = logits + attention_mask
    weights = logits.softmax(dim=-1, dtype=torch.float32).to(query.dtype)
    attended = nn.functional.dropout(weights, p=dropout, training=module.training) @ value
    return attended.transpose(1, 2).contiguous(), weights


def dispatched_attention(
    module: nn.Module,
    config: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None = None,
    dropout: float = 0.0,
) -> torch.Tensor:
    """
    Attention of all queries to all keys that the mask allows, by the function that was asked for: `"sdpa"` (the default), `"eager"` or
    one registered with transformers' `AttentionInterface`.

    Args:
        module: that attends.
        config: the model's, whose `attn_implementation` counts.
        query, key, value (`torch.Tensor` of shape `(B, heads, T, head_dim)`): with as many heads each.
        mask (`torch.Tensor`, *optional*): broadcasts to `(B, heads, T, keys)`: boolean, or added to the logits.
        dropout (`float`, *optional*): of the weights, while training.

    Returns:
        `torch.Tensor` of shape `(B, heads, T, head_dim)`.
    """
    # A part made on its own, outside any model, has no choice recorded.
    attend = ALL_ATTENTION_FUNCTIONS.get_interface(config._attn_implementation or "sdpa", eager_attention)
    attended, _ = attend(
        module,
        query,
        key,
        value,
        mask,
        dropout=dropout if module.training else 0.0,
        scaling=query.shape[-1] ** -0.5,
        is_causal=False,
    )
    return attended.transpose(1, 2)


__all__ = ["dispatched_attention", "eager_attention"]

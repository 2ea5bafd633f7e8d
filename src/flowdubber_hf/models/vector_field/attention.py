"""Attention of the vector field, by the backend that diffusers was told to use."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
from diffusers.models.attention import AttentionModuleMixin
from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn

from flowdubber_hf.models.layers import RotarySelfAttention


class FlowDubberFieldAttnProcessor:
    """The product of [`FlowDubberFieldAttention`], by the backend that `set_attention_backend` or the context manager
    `attention_backend` of diffusers chose."""

    _attention_backend: AttentionBackendName | None = None
    _parallel_config = None

    def __call__(
        self,
        attention: "FlowDubberFieldAttention",
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        """All `(B, heads, T, head_dim)`; the mask is added to the logits."""
        attended = dispatch_attention_fn(
            *(states.transpose(1, 2) for states in (query, key, value)),
            attn_mask=mask,
            dropout_p=attention.dropout if attention.training else 0.0,
            backend=self._attention_backend,
            parallel_config=self._parallel_config,
        )
        return attended.transpose(1, 2)


class FlowDubberFieldAttention(AttentionModuleMixin, RotarySelfAttention):
    """Rotary self-attention whose product is diffusers' to choose."""

    _default_processor_cls = FlowDubberFieldAttnProcessor
    _available_processors = [FlowDubberFieldAttnProcessor]
    _supports_qkv_fusion = False  # they are one product already

    def __init__(self, hidden_size: int, num_heads: int, dropout: float, head_dim: int | None, window: int | None):
        super().__init__(hidden_size, num_heads, dropout, head_dim, window)
        self.set_processor(FlowDubberFieldAttnProcessor())

    def attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        return self.processor(self, query, key, value, mask)


__all__ = ["FlowDubberFieldAttention", "FlowDubberFieldAttnProcessor"]

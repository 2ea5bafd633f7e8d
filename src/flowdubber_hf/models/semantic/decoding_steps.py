"""One more position of the language model's decoder.

A small model's step costs what the framework around its products costs, so [`PlainSteps`] computes it as plain tensor code
with joined weights and a cache of fixed size. Models whose layers are not the library's own take [`LibrarySteps`].
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional as F
from transformers import DynamicCache
from transformers.activations import ACT2FN
from transformers.masking_utils import create_causal_mask
from transformers.models.qwen2.modeling_qwen2 import (
    Qwen2Attention,
    Qwen2DecoderLayer,
    Qwen2MLP,
    Qwen2Model,
    Qwen2RMSNorm,
)


#: Weights of a matrix up to which a copy in the order that a single row's product reads best pays.
SMALL_MATRIX = 1 << 18
#: What a decoder may be made of for its step to be computed as plain tensor code.
PLAIN_MODULES = (Qwen2DecoderLayer, Qwen2Attention, Qwen2MLP, Qwen2RMSNorm, nn.Linear, nn.ModuleList)


def computes_plainly(decoder: Qwen2Model) -> bool:
    """Whether [`PlainSteps`] computes what the decoder's layers do.

    It does where every module in them is the library's own class with ordinary weights of one dtype on one device, nothing is hooked
    to it, attention is PyTorch's (`attn_implementation="sdpa"`) and no autocast is on. LoRA adapters that are not merged, quantised
    or offloaded weights and other attentions are left to [`LibrarySteps`].
    """
    modules = [module for layer in decoder.layers for module in layer.modules()] + [decoder.norm]
    # An activation has no weights, and the step takes the module itself.
    modules = [module for module in modules if type(module) is not type(ACT2FN[decoder.config.hidden_act])]
    weights = [weight for module in modules for weight in module.parameters(recurse=False)]
    kinds = {(weight.dtype, weight.device) for weight in weights}
    return (
        decoder.config._attn_implementation == "sdpa"
        and all(type(module) in PLAIN_MODULES for module in modules)
        and not any("forward" in vars(module) for module in modules)
        and not any(module._forward_hooks or module._forward_pre_hooks for module in modules)
        and all(type(weight) is nn.Parameter and weight.dtype.is_floating_point for weight in weights)
        and len(kinds) == 1
        and not torch.is_autocast_enabled(next(iter(kinds))[1].type)
    )


class Steps(Protocol):
    """One more position, again and again, by any way.

    Attributes:
        keeps_all_rows: whether [`keep`] must not be asked for.
    """

    keeps_all_rows: bool

    def __init__(
        self, decoder: Qwen2Model, cache: DynamicCache, attention_mask: torch.Tensor, max_new_tokens: int
    ): ...

    def __call__(self, tokens: torch.LongTensor, step: int) -> torch.Tensor: ...

    def keep(self, rows: torch.LongTensor) -> None: ...


class LibrarySteps:
    """One more position by the library's own layers.

    What `Qwen2Model.forward` does anew at every call is left out: the rotary table is made once, and there is no mask where no row is
    padded, for a single query may see the whole cache.

    Args:
        decoder: in eval mode.
        cache: with the prompts.
        attention_mask (`(batch, length)`): of the prompts, 0 on padding.
        max_new_tokens: steps that will be asked for at most.
    """

    keeps_all_rows = False

    def __init__(self, decoder: Qwen2Model, cache: DynamicCache, attention_mask: torch.Tensor, max_new_tokens: int):
        self.decoder, self.cache = decoder, cache
        self.mask = None if bool(attention_mask.all()) else attention_mask
        self.lengths = attention_mask.sum(dim=1)
        self.rotary = _rotary_table(decoder, attention_mask.shape[1] + max_new_tokens)

    def __call__(self, tokens: torch.LongTensor, step: int) -> torch.Tensor:
        """Token ids `(batch,)` of step 0, 1, ... to last hidden states `(batch, hidden_size)`."""
        hidden = self.decoder.embed_tokens(tokens[:, None])
        position_ids = (self.lengths + step)[:, None]
        mask = None
        if self.mask is not None:
            self.mask = F.pad(self.mask, (0, 1), value=1)
            mask = create_causal_mask(
                config=self.decoder.config,
                inputs_embeds=hidden,
                attention_mask=self.mask,
                cache=self.cache,
                position_ids=position_ids,
            )
        rotary = tuple(table[position_ids] for table in self.rotary)
        for layer in self.decoder.layers:
            hidden = layer(
                hidden,
                attention_mask=mask,
                position_ids=position_ids,
                cache=self.cache,
                use_cache=True,
                position_embeddings=rotary,
            )
        return self.decoder.norm(hidden)[:, 0]

    def keep(self, rows: torch.LongTensor) -> None:
        """Goes on with these rows alone."""
        self.cache.batch_select_indices(rows)
        self.lengths = self.lengths[rows]
        self.mask = None if self.mask is None else self.mask[rows]


class PlainSteps:
    """One more position as plain tensor code; the arguments are those of [`LibrarySteps`].

    Queries, keys and values are one product, turned by one table: the second half of a head's rotation is a permutation whose signs
    stand in the table of sines, and values are turned by nothing. Keys and values share a cache of the final size. Heads that share
    keys stand where other queries would, so that nothing is repeated.
    """

    keeps_all_rows = False

    def __init__(self, decoder: Qwen2Model, cache: DynamicCache, attention_mask: torch.Tensor, max_new_tokens: int):
        config = decoder.config
        self.embeddings, self.norm = decoder.embed_tokens.weight, _plain_norm(decoder.norm)
        self.heads, self.shared = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = decoder.layers[0].self_attn.head_dim
        self.prompt = attention_mask.shape[1]
        total = self.prompt + max_new_tokens
        padded = not bool(attention_mask.all())
        self.lengths = attention_mask.sum(dim=1) if padded else None
        self.mask = F.pad(attention_mask.bool(), (0, max_new_tokens), value=True)[:, None, None] if padded else None
        self.cos, self.sin, self.order = self._turning(decoder, total)
        self.layers = [_PlainLayer(layer) for layer in decoder.layers]
        self.caches = []
        for layer in cache.layers:
            whole = F.pad(torch.cat([layer.keys, layer.values], dim=1), (0, 0, 0, max_new_tokens))
            self.caches.append((whole, *whole.chunk(2, dim=1)))

    def _turning(self, decoder: Qwen2Model, total: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Tables of cosines and signed sines, `(total, heads and keys and values)`, and where each sine finds its factor."""
        cos, sin = _rotary_table(decoder, total)
        half, turned = self.head_dim // 2, self.heads + self.shared
        signed = torch.cat([-sin[:, :half], sin[:, half:]], dim=-1)
        values = self.shared * self.head_dim
        places = torch.arange((turned + self.shared) * self.head_dim, device=cos.device).unflatten(0, (-1, 2, half))
        order = torch.cat([places[:turned].flip(1).flatten(), places[turned:].flatten()])
        return (
            F.pad(cos.repeat(1, turned), (0, values), value=1.0),
            F.pad(signed.repeat(1, turned), (0, values)),
            order,
        )

    def __call__(self, tokens: torch.LongTensor, step: int) -> torch.Tensor:
        """Token ids `(batch,)` of step 0, 1, ... to last hidden states `(batch, hidden_size)`."""
        place = self.prompt + step
        at = slice(place, place + 1) if self.lengths is None else self.lengths + step
        mask = None if self.mask is None else self.mask[..., : place + 1]
        return self.pass_layers(tokens, (self.cos[at], self.sin[at]), place, place + 1, mask)

    def pass_layers(
        self,
        tokens: torch.LongTensor,
        turning: tuple[torch.Tensor, torch.Tensor],
        place: int | torch.Tensor,
        seen: int,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        """Last hidden states `(batch, hidden_size)`.

        Args:
            tokens (`(batch,)`): ids.
            turning: rows of the tables, one or `batch`.
            place: of the tokens in the cache, as [`store`] wants it.
            seen: places of the cache that are looked at, from the first.
            mask (`(1 or batch, 1, 1, seen)`): False on those that are not to be seen after all.
        """
        hidden = self.embeddings.index_select(0, tokens)
        rows, (cos, sin) = len(tokens), turning
        for layer, (cache, keys, values) in zip(self.layers, self.caches, strict=True):
            mixed = layer.project(layer.attention_norm(hidden))
            mixed = torch.addcmul(mixed * cos, mixed.index_select(1, self.order), sin).view(rows, -1, self.head_dim)
            self.store(cache, place, mixed[:, self.heads :])
            attended = F.scaled_dot_product_attention(
                mixed[:, : self.heads].view(rows, self.shared, -1, self.head_dim),
                keys.narrow(2, 0, seen),
                values.narrow(2, 0, seen),
                attn_mask=mask,
            )
            hidden = torch.addmm(hidden, attended.flatten(1), layer.out)
            states = layer.feed_forward_norm(hidden)
            hidden = torch.addmm(hidden, layer.activation(states.mm(layer.gate)).mul_(states.mm(layer.up)), layer.down)
        return self.norm(hidden)

    def store(self, cache: torch.Tensor, place: int, new: torch.Tensor) -> None:
        """Puts `(batch, keys and values, head_dim)` at a place of a layer's cache `(batch, keys and values, room, head_dim)`."""
        cache.select(2, place).copy_(new)

    def keep(self, rows: torch.LongTensor) -> None:
        """Goes on with these rows alone."""
        wholes = [cache.index_select(0, rows) for cache, _, _ in self.caches]
        self.caches = [(whole, *whole.chunk(2, dim=1)) for whole in wholes]
        if self.mask is not None:
            self.lengths, self.mask = self.lengths[rows], self.mask[rows]


def _plain_norm(norm: Qwen2RMSNorm) -> Callable[[torch.Tensor], torch.Tensor]:
    """The norm `(batch, hidden_size)` with its constants drawn together; in half precision the order of its roundings matters."""
    if norm.weight.dtype != torch.float32:
        return norm.forward
    size = norm.weight.shape[0]
    weight, epsilon = norm.weight * size**0.5, norm.variance_epsilon * size

    def normalize(states: torch.Tensor) -> torch.Tensor:
        return (states * torch.linalg.vecdot(states, states).add_(epsilon).rsqrt_()[:, None]).mul_(weight)

    return normalize


class _PlainLayer:
    """A layer's weights as products of a row want them: those of small models joined and copied, of large ones as they are."""

    def __init__(self, layer: Qwen2DecoderLayer):
        attention, mlp = layer.self_attn, layer.mlp
        self.attention_norm, self.feed_forward_norm = map(
            _plain_norm, (layer.input_layernorm, layer.post_attention_layernorm)
        )
        maps = attention.q_proj, attention.k_proj, attention.v_proj
        pairs = [(one.weight, one.bias) for one in maps]
        if sum(one.weight.numel() for one in maps) <= SMALL_MATRIX:
            pairs = [tuple(torch.cat(parts) for parts in zip(*pairs, strict=True))]
        self.maps = [(by_row(weight), bias) for weight, bias in pairs]
        self.out, self.gate, self.up, self.down = (
            by_row(one.weight) for one in (attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        )
        self.activation = mlp.act_fn.forward

    def project(self, states: torch.Tensor) -> torch.Tensor:
        """`(batch, hidden_size)` to queries, keys and values side by side."""
        parts = [torch.addmm(bias, states, weight) for weight, bias in self.maps]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def by_row(weight: torch.Tensor) -> torch.Tensor:
    return weight.t().contiguous() if weight.numel() <= SMALL_MATRIX else weight.t()


def _rotary_table(decoder: Qwen2Model, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, `(length, head_dim)` each."""
    weight = decoder.embed_tokens.weight
    cos, sin = decoder.rotary_emb(weight, torch.arange(length, device=weight.device)[None])
    return cos[0], sin[0]


__all__ = ["LibrarySteps", "PlainSteps", "Steps", "by_row", "computes_plainly"]

"""Writing speech tokens: prompts checked, tokens drawn, and one more position of the decoder at a time.

A small model's step costs what the framework around its products costs, so [`PlainSteps`] computes it as plain tensor code
with joined weights and a cache of fixed size. Models whose layers are not the library's own take [`LibrarySteps`].
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from diffusers.utils.accelerate_utils import apply_forward_hook
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
from transformers.utils import ModelOutput


#: Weights of a matrix up to which a copy in the order that a single row's product reads best pays.
SMALL_MATRIX = 1 << 18
#: Share of a batch that goes on from which on the rows that have ended are still computed: leaving them out copies the cache.
CROWDED = 0.75
#: What a decoder may be made of for its step to be computed as plain tensor code.
PLAIN_MODULES = (Qwen2DecoderLayer, Qwen2Attention, Qwen2MLP, Qwen2RMSNorm, nn.Linear, nn.ModuleList)


@dataclass
class FlowDubberSemanticOutput(ModelOutput):
    r"""
    semantic_tokens (`torch.LongTensor` of shape `(batch_size, speech_length)`):
        Codes of the speech tokenizer, 50 a second, 0 behind a row's end.
    hidden_states (`torch.Tensor` of shape `(batch_size, speech_length, hidden_size)`):
        Last hidden states at these tokens' positions, 0 behind a row's end.
    mask (`torch.BoolTensor` of shape `(batch_size, speech_length)`):
        True where a row has a token.
    """

    semantic_tokens: torch.LongTensor | None = None
    hidden_states: torch.Tensor | None = None
    mask: torch.BoolTensor | None = None


def sample_tokens(
    logits: torch.Tensor, uniform: torch.Tensor, temperature: float, top_k: int, top_p: float
) -> torch.Tensor:
    """Draws one index a row by inverting the cumulative distribution at `uniform`.

    Args:
        logits (`(batch, tokens)`): unnormalised log-probabilities.
        uniform (`(batch,)`): numbers in [0, 1), all the randomness there is.
        temperature (`float`): 0 takes the best token.
        top_k (`int`): only the so many best tokens are drawn, 0 = all.
        top_p (`float`): and of these only the fewest that together reach this probability; the best always stays.

    Returns:
        `torch.LongTensor` of shape `(batch,)`.
    """
    if temperature == 0:
        return logits.argmax(dim=-1)
    # Sorted by probability, so that rounding moves a draw to a neighbour of like probability and never to a dropped one.
    kept = top_k if 0 < top_k < logits.shape[-1] else logits.shape[-1]
    best, order = (logits.float() / temperature).topk(kept, dim=-1)
    probabilities = best.softmax(dim=-1)
    cumulative = probabilities.cumsum(dim=-1)
    inside = (cumulative - probabilities) < top_p
    total = (probabilities * inside).sum(dim=-1, keepdim=True)
    rank = (cumulative <= uniform[:, None].to(cumulative) * total).sum(dim=-1, keepdim=True)
    rank = torch.minimum(rank, inside.sum(dim=-1, keepdim=True) - 1)
    return order.gather(-1, rank)[:, 0]


def uniform_numbers(
    generator: torch.Generator | Sequence[torch.Generator] | None, rows: int, steps: int, device: torch.device
) -> torch.Tensor:
    """`(rows, steps)` uniform numbers, drawn at once: what a row draws depends on no other row and no row's length."""
    if isinstance(generator, (list, tuple)):
        if len(generator) != rows:
            raise ValueError(f"give one generator or one for each of the {rows} rows, got {len(generator)}.")
        return torch.cat([uniform_numbers(single, 1, steps, device) for single in generator])
    source = device if generator is None else generator.device
    return torch.rand(rows, steps, generator=generator, device=source).to(device)


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
        hidden = self.embeddings.index_select(0, tokens)
        rows, place = len(tokens), self.prompt + step
        at = slice(place, place + 1) if self.lengths is None else self.lengths + step
        cos, sin = self.cos[at], self.sin[at]
        mask = None if self.mask is None else self.mask[..., : place + 1]
        for layer, (cache, keys, values) in zip(self.layers, self.caches, strict=True):
            mixed = layer.project(layer.attention_norm(hidden))
            mixed = torch.addcmul(mixed * cos, mixed.index_select(1, self.order), sin).view(rows, -1, self.head_dim)
            cache.select(2, place).copy_(mixed[:, self.heads :])
            attended = F.scaled_dot_product_attention(
                mixed[:, : self.heads].view(rows, self.shared, -1, self.head_dim),
                keys.narrow(2, 0, place + 1),
                values.narrow(2, 0, place + 1),
                attn_mask=mask,
            )
            hidden = torch.addmm(hidden, attended.flatten(1), layer.out)
            states = layer.feed_forward_norm(hidden)
            hidden = torch.addmm(hidden, layer.activation(states.mm(layer.gate)).mul_(states.mm(layer.up)), layer.down)
        return self.norm(hidden)

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
        self.maps = [(_by_row(weight), bias) for weight, bias in pairs]
        self.out, self.gate, self.up, self.down = (
            _by_row(one.weight) for one in (attention.o_proj, mlp.gate_proj, mlp.up_proj, mlp.down_proj)
        )
        self.activation = mlp.act_fn.forward

    def project(self, states: torch.Tensor) -> torch.Tensor:
        """`(batch, hidden_size)` to queries, keys and values side by side."""
        parts = [torch.addmm(bias, states, weight) for weight, bias in self.maps]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def _by_row(weight: torch.Tensor) -> torch.Tensor:
    return weight.t().contiguous() if weight.numel() <= SMALL_MATRIX else weight.t()


def _rotary_table(decoder: Qwen2Model, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, `(length, head_dim)` each."""
    weight = decoder.embed_tokens.weight
    cos, sin = decoder.rotary_emb(weight, torch.arange(length, device=weight.device)[None])
    return cos[0], sin[0]


@dataclass
class _Stretch:
    """Steps that the same rows took together."""

    rows: torch.LongTensor
    tokens: list[torch.Tensor] = field(default_factory=list)
    states: list[torch.Tensor] = field(default_factory=list)
    running: list[torch.Tensor] = field(default_factory=list)


def _join(stretches: Sequence[_Stretch], rows: int) -> FlowDubberSemanticOutput:
    """What all rows wrote, zeros behind their ends."""

    def join(name: str) -> torch.Tensor:
        # Stacked in the order of time, each stretch's rows in their places.
        parts = []
        for stretch in stretches:
            values = torch.stack(getattr(stretch, name), dim=1)
            part = values.new_zeros(rows, *values.shape[1:])
            part[stretch.rows] = values
            parts.append(part)
        return torch.cat(parts, dim=1)

    mask = join("running")
    return FlowDubberSemanticOutput(
        semantic_tokens=join("tokens") * mask, hidden_states=join("states") * mask[..., None], mask=mask
    )


class SemanticGeneration:
    """What the semantic model adds to the library's generation; it has `config`, `model` and `lm_head`."""

    def _with_start_token(
        self, input_ids: torch.LongTensor, attention_mask: torch.Tensor
    ) -> tuple[torch.LongTensor, torch.Tensor]:
        """Appends `<|start_semantic_token|>` to rows that end with the global tokens, the others move to the right.

        The first token after a prompt without a transcript has just this one valid value, so nothing is sampled.
        """
        missing = (input_ids[:, -1] == self.config.end_global_token_id)[:, None]
        if not bool(missing.any()):
            return input_ids, attention_mask
        column = torch.zeros_like(input_ids[:, :1])
        start = torch.full_like(column, self.config.start_semantic_token_id)
        appended = torch.cat((input_ids, start), dim=1)
        shifted = torch.cat((column + self.config.pad_token_id, input_ids), dim=1)
        mask_column = torch.zeros_like(attention_mask[:, :1])
        appended_mask = torch.cat((attention_mask, mask_column + 1), dim=1)
        shifted_mask = torch.cat((mask_column, attention_mask), dim=1)
        return torch.where(missing, appended, shifted), torch.where(missing, appended_mask, shifted_mask)

    def _check_prompts(self, input_ids: torch.LongTensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        if input_ids.ndim != 2 or input_ids.shape[1] == 0:
            raise ValueError(f"input_ids must have the shape (batch, length), got {tuple(input_ids.shape)}.")
        limit = self.config.text_config.max_position_embeddings
        if input_ids.shape[1] >= limit:
            raise ValueError(
                f"the prompt has {input_ids.shape[1]} tokens, the model reads fewer than {limit}; shorten the reference."
            )
        if attention_mask is None:
            return torch.ones_like(input_ids)
        if attention_mask.shape != input_ids.shape:
            raise ValueError(
                f"attention_mask {tuple(attention_mask.shape)} and input_ids {tuple(input_ids.shape)} must be equal in shape."
            )
        attention_mask = attention_mask.to(input_ids.dtype)
        if not bool((attention_mask[:, -1] == 1).all()):
            raise ValueError("prompts must be padded on the left: the last position of every row must be a token.")
        return attention_mask

    @torch.no_grad()
    @apply_forward_hook
    def generate_semantics(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.Tensor | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        max_new_tokens: int | Sequence[int] = 3000,
        min_new_tokens: int = 1,
        temperature: float = 0.8,
        top_k: int = 50,
        top_p: float = 0.95,
    ) -> FlowDubberSemanticOutput:
        r"""
        Writes the script's semantic tokens behind prompts of [`build_prompt`] (as Spark-TTS does: sampling, end at the
        end-of-semantics token or `<|im_end|>`). A row's result does not depend on the rows beside it.

        Args:
            input_ids (`(batch, length)`): prompts, padded on the left.
            attention_mask (`(batch, length)`, *optional*): 0 on padding.
            generator: the only randomness; one for the batch or one for each row.
            max_new_tokens (`int` or one for each row): upper bound of the speech tokens, 50 a second.
            min_new_tokens (`int`): no end before so many; at least 1, for an empty row has no features.
            temperature (`float`): 0 takes the best token each time.
            top_k (`int`): sample among so many best, 0 = all.
            top_p (`float`): and among the fewest of them with this probability together.

        Returns:
            [`FlowDubberSemanticOutput`]: tokens, hidden states and mask of the rows, padded to the longest.

        Raises:
            ValueError: options out of range, right padding, wrong shapes.
        """
        limits = [max_new_tokens] * len(input_ids) if isinstance(max_new_tokens, int) else list(max_new_tokens)
        if len(limits) != len(input_ids):
            raise ValueError(
                f"give one max_new_tokens or one for each of the {len(input_ids)} rows, got {len(limits)}."
            )
        if not 1 <= min_new_tokens <= min(limits):
            raise ValueError(
                f"1 <= min_new_tokens <= max_new_tokens must hold, got {min_new_tokens} and {max_new_tokens}."
            )
        if temperature < 0 or top_k < 0 or not 0 < top_p <= 1:
            raise ValueError(
                f"temperature and top_k must not be negative and top_p lies in (0, 1], got {temperature}, {top_k}, {top_p}."
            )
        attention_mask = self._check_prompts(input_ids, attention_mask)
        input_ids, attention_mask = self._with_start_token(input_ids, attention_mask)
        uniform = uniform_numbers(generator, input_ids.shape[0], max(limits), input_ids.device)

        def draw(logits: torch.Tensor, rows: torch.LongTensor, step: int) -> torch.Tensor:
            return sample_tokens(logits, uniform[rows, step], temperature, top_k, top_p)

        # Nothing that is made inside needs what autograd keeps of each tensor; what is returned is made outside.
        with torch.inference_mode():
            stretches = self._write(input_ids, attention_mask, draw, min_new_tokens, limits)
        return _join(stretches, len(input_ids))

    def _write(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.Tensor,
        draw: Callable[[torch.Tensor, torch.LongTensor, int], torch.Tensor],
        min_new_tokens: int,
        limits: Sequence[int],
    ) -> list[_Stretch]:
        """What is written until all rows have ended or reached their limits."""
        first, size = self.config.semantic_token_offset, self.config.semantic_codebook_size
        device = input_ids.device
        stops = torch.tensor(self.config.stop_token_ids, device=device)
        # Only semantic and stop tokens are valid, so only their rows of the head are computed.
        head = _by_row(torch.cat((self.lm_head.weight[first : first + size], self.lm_head.weight[stops])))
        cache = DynamicCache(config=self.config.text_config)
        hidden = self.model(
            input_ids=input_ids,
            attention_mask=None if bool(attention_mask.all()) else attention_mask,
            position_ids=(attention_mask.cumsum(dim=1) - 1).clamp(min=0),
            cache=cache,
            use_cache=True,
        ).last_hidden_state[:, -1]
        steps = PlainSteps if computes_plainly(self.model) else LibrarySteps
        take_step = steps(self.model, cache, attention_mask, max(limits))
        ends = torch.tensor(limits, device=device)
        running = torch.ones(len(input_ids), dtype=torch.bool, device=device)
        stretch = _Stretch(torch.arange(len(input_ids), device=device))
        stretches = [stretch]
        for step in range(max(limits)):
            logits = torch.mm(hidden, head)
            choice = draw(logits[:, :size] if step < min_new_tokens else logits, stretch.rows, step)
            running = running & (choice < size) & (step < ends)
            going = int(running.sum())
            if not going:
                break
            if going <= CROWDED * len(running):
                kept = running.nonzero()[:, 0]
                take_step.keep(kept)
                choice, ends, running = choice[kept], ends[kept], running[kept]
                stretch = _Stretch(stretch.rows[kept])
                stretches.append(stretch)
            choice = choice * running
            hidden = take_step(choice + first, step)
            stretch.tokens.append(choice)
            stretch.states.append(hidden)
            stretch.running.append(running)
        return stretches


__all__ = [
    "FlowDubberSemanticOutput",
    "LibrarySteps",
    "PlainSteps",
    "SemanticGeneration",
    "computes_plainly",
    "sample_tokens",
]

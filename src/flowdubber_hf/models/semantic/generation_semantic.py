"""Writing speech tokens: prompts checked, tokens drawn, one more position of the decoder at a time (see [`decoding_steps`])."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from diffusers.utils.accelerate_utils import apply_forward_hook
from transformers import DynamicCache
from transformers.utils import ModelOutput

from .captured_steps import choose_steps
from .decoding_steps import by_row


#: Share of a batch that goes on from which on the rows that have ended are still computed: leaving them out copies the cache.
CROWDED = 0.75


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
    """What the semantic model adds to the library's generation; it has `config`, `model` and `lm_head`.

    Attributes:
        use_cuda_graphs (`bool`): whether a model on a CUDA device has its step recorded and replayed there, which writes the same
            tokens sooner. A model's own setting: `pipe.semantic_model.use_cuda_graphs = False` switches it off.
    """

    use_cuda_graphs: bool = True

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
        head = by_row(torch.cat((self.lm_head.weight[first : first + size], self.lm_head.weight[stops])))
        cache = DynamicCache(config=self.config.text_config)
        hidden = self.model(
            input_ids=input_ids,
            attention_mask=None if bool(attention_mask.all()) else attention_mask,
            position_ids=(attention_mask.cumsum(dim=1) - 1).clamp(min=0),
            cache=cache,
            use_cache=True,
        ).last_hidden_state[:, -1]
        take_step = choose_steps(self.model, self.use_cuda_graphs)(self.model, cache, attention_mask, max(limits))
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
            if going <= CROWDED * len(running) and not take_step.keeps_all_rows:
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
    "SemanticGeneration",
    "sample_tokens",
]

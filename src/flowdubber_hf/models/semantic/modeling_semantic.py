# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Semantic language model: script, voice and reference speech in, 50 Hz semantic speech tokens out (paper section 2).

A Qwen2 decoder with a tied head over text and speech tokens. Its last hidden states at the generated speech positions
are the knowledge that semantic-aware phoneme learning attends to.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    Cache,
    DynamicCache,
    GenerationMixin,
    PreTrainedModel,
    Qwen2Model,
)
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import slice_logits_to_keep
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention, Qwen2DecoderLayer
from transformers.processing_utils import Unpack
from transformers.utils import ModelOutput, TransformersKwargs, can_return_tuple

from flowdubber_hf.checkpoints.sources import BundledNames

from .configuration_semantic import FlowDubberSemanticConfig


# What the library calls a decoder's cache: `past_key_values` until transformers 5.24, which renamed it and drops the old name in 5.40.
CACHE = "cache" if "cache" in inspect.signature(Qwen2DecoderLayer.forward).parameters else "past_key_values"


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


def _uniform_numbers(
    generator: torch.Generator | Sequence[torch.Generator] | None, rows: int, steps: int, device: torch.device
) -> torch.Tensor:
    """`(rows, steps)` uniform numbers, drawn at once: what a row draws depends on no other row and no row's length."""
    if isinstance(generator, (list, tuple)):
        if len(generator) != rows:
            raise ValueError(f"give one generator or one for each of the {rows} rows, got {len(generator)}.")
        return torch.cat([_uniform_numbers(single, 1, steps, device) for single in generator])
    source = device if generator is None else generator.device
    return torch.rand(rows, steps, generator=generator, device=source).to(device)


class FlowDubberSemanticPreTrainedModel(BundledNames, PreTrainedModel):
    """Weights, loading and attention support of the semantic model."""

    config: FlowDubberSemanticConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    input_modalities = ("text", "audio")
    supports_gradient_checkpointing = True
    _no_split_modules = ["Qwen2DecoderLayer"]
    _skip_keys_device_placement = [CACHE]
    _supports_flash_attn = True
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {"hidden_states": Qwen2DecoderLayer, "attentions": Qwen2Attention}


class FlowDubberSemanticForConditionalGeneration(FlowDubberSemanticPreTrainedModel, GenerationMixin):
    """Qwen2 speech language model with the head tied to the embedding.

    `forward` and `generate` behave as those of any causal language model of the library. [`generate_semantics`] is what
    the pipeline uses: it writes semantic tokens only, draws all randomness from generators, and also gives the hidden
    states. [`semantic_features`] gives the same hidden states for known tokens.
    """

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config: FlowDubberSemanticConfig):
        super().__init__(config)
        self.model = Qwen2Model(config.text_config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.model.embed_tokens

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.model.embed_tokens = value

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.LongTensor | None = None,
        inputs_embeds: torch.FloatTensor | None = None,
        labels: torch.LongTensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        logits_vocabulary: torch.LongTensor | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> CausalLMOutputWithPast:
        r"""
        Args:
            input_ids (`(batch, length)`) or inputs_embeds (`(batch, length, hidden_size)`): exactly one of them.
            attention_mask (`(batch, length)`, *optional*): 0 on padding.
            labels (`(batch, length)`, *optional*): token ids, -100 where there is no loss; the loss shifts them itself.
                With `logits_to_keep`, the labels of the kept positions.
            logits_to_keep (`int` or tensor): compute logits for the last positions only; 0 = all.
            logits_vocabulary (`(size,)`, *optional*): compute logits for these token ids only; labels then count in it.
            kwargs: the decoder's, the cache among them (`cache`; before transformers 5.24 `past_key_values`).

        Returns:
            `CausalLMOutputWithPast`: loss, logits `(batch, length, vocab_size)`, cache.
        """
        outputs: BaseModelOutputWithPast = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        hidden_states = slice_logits_to_keep(outputs.last_hidden_state, logits_to_keep)
        if logits_vocabulary is None:
            logits = self.lm_head(hidden_states)
        else:
            logits = nn.functional.linear(hidden_states, self.lm_head.weight[logits_vocabulary])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1], **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            **{CACHE: getattr(outputs, CACHE)},
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

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

    def _decode_step(
        self,
        tokens: torch.LongTensor,
        attention_mask: torch.Tensor | None,
        position_ids: torch.LongTensor,
        rotary: tuple[torch.Tensor, torch.Tensor],
        cache: Cache,
    ) -> torch.Tensor:
        """Hidden states `(batch, hidden_size)` of one more token a row: `Qwen2Model.forward` for a single position.

        What that method does anew at every call is left out, since at the tiny size it costs as much as two layers: the
        rotary table `(positions, head_dim)` is made once, and there is no mask (None) where no row is padded, for a
        single query may see the whole cache.
        """
        hidden = self.model.embed_tokens(tokens[:, None])
        if attention_mask is not None:
            attention_mask = create_causal_mask(
                config=self.config.text_config,
                inputs_embeds=hidden,
                attention_mask=attention_mask,
                **{CACHE: cache},
                position_ids=position_ids[:, None],
            )
        cos, sin = (table[position_ids][:, None] for table in rotary)
        for layer in self.model.layers:
            hidden = layer(
                hidden,
                attention_mask=attention_mask,
                position_ids=position_ids[:, None],
                **{CACHE: cache},
                use_cache=True,
                position_embeddings=(cos, sin),
            )
        return self.model.norm(hidden)[:, 0]

    @torch.no_grad()
    def generate_semantics(
        self,
        input_ids: torch.LongTensor,
        attention_mask: torch.Tensor | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        max_new_tokens: int = 3000,
        min_new_tokens: int = 1,
        temperature: float = 0.8,
        top_k: int = 50,
        top_p: float = 0.95,
    ) -> FlowDubberSemanticOutput:
        r"""
        Writes the script's semantic tokens behind prompts of [`build_prompt`] (paper section 6.4: sampling, end at the
        end-of-semantics token or `<|im_end|>`). A row's result does not depend on the rows beside it.

        Args:
            input_ids (`(batch, length)`): prompts, padded on the left.
            attention_mask (`(batch, length)`, *optional*): 0 on padding.
            generator: the only randomness; one for the batch or one for each row.
            max_new_tokens (`int`): upper bound of the speech tokens, 50 a second.
            min_new_tokens (`int`): no end before so many; at least 1, for an empty row has no features.
            temperature (`float`): 0 takes the best token each time.
            top_k (`int`): sample among so many best, 0 = all.
            top_p (`float`): and among the fewest of them with this probability together.

        Returns:
            [`FlowDubberSemanticOutput`]: tokens, hidden states and mask of the rows, padded to the longest.

        Raises:
            ValueError: options out of range, right padding, wrong shapes.
        """
        if not 1 <= min_new_tokens <= max_new_tokens:
            raise ValueError(
                f"1 <= min_new_tokens <= max_new_tokens must hold, got {min_new_tokens} and {max_new_tokens}."
            )
        if temperature < 0 or top_k < 0 or not 0 < top_p <= 1:
            raise ValueError(
                f"temperature and top_k must not be negative and top_p lies in (0, 1], got {temperature}, {top_k}, {top_p}."
            )
        attention_mask = self._check_prompts(input_ids, attention_mask)
        input_ids, attention_mask = self._with_start_token(input_ids, attention_mask)
        rows = input_ids.shape[0]
        uniform = _uniform_numbers(generator, rows, max_new_tokens, input_ids.device)

        first, size = self.config.semantic_token_offset, self.config.semantic_codebook_size
        stops = torch.tensor(self.config.stop_token_ids, device=input_ids.device)
        # Only semantic and stop tokens are valid, so only their rows of the head are computed.
        head = torch.cat((self.lm_head.weight[first : first + size], self.lm_head.weight[stops]))

        padded = not bool(attention_mask.all())
        lengths = attention_mask.sum(dim=1)
        position_ids = (attention_mask.cumsum(dim=1) - 1).clamp(min=0)
        cache = DynamicCache(config=self.config.text_config)
        hidden = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask if padded else None,
            position_ids=position_ids,
            **{CACHE: cache},
            use_cache=True,
        ).last_hidden_state[:, -1]

        positions = torch.arange(input_ids.shape[1] + max_new_tokens, device=input_ids.device)
        cos, sin = self.model.rotary_emb(hidden, positions[None])
        rotary = cos[0], sin[0]
        running = torch.ones(rows, dtype=torch.bool, device=input_ids.device)
        tokens: list[torch.Tensor] = []
        states: list[torch.Tensor] = []
        masks: list[torch.Tensor] = []
        for step in range(max_new_tokens):
            logits = nn.functional.linear(hidden, head)
            if step < min_new_tokens:
                logits = logits[:, :size]
            choice = sample_tokens(logits, uniform[:, step], temperature, top_k, top_p)
            running = running & (choice < size)
            if not bool(running.any()):
                break
            choice = choice.where(running, choice.new_zeros(()))
            if padded:
                attention_mask = torch.cat((attention_mask, attention_mask.new_ones(rows, 1)), dim=1)
            hidden = self._decode_step(
                choice + first, attention_mask if padded else None, lengths + step, rotary, cache
            )
            tokens.append(choice)
            states.append(hidden)
            masks.append(running)
        mask = torch.stack(masks, dim=1)
        return FlowDubberSemanticOutput(
            semantic_tokens=torch.stack(tokens, dim=1) * mask,
            hidden_states=torch.stack(states, dim=1) * mask[..., None],
            mask=mask,
        )

    def semantic_features(
        self,
        input_ids: torch.LongTensor,
        semantic_tokens: torch.LongTensor,
        attention_mask: torch.Tensor | None = None,
        semantic_mask: torch.BoolTensor | None = None,
    ) -> FlowDubberSemanticOutput:
        r"""
        Teacher-forced counterpart of [`generate_semantics`]: the hidden states at given tokens behind given prompts.

        Args:
            input_ids (`(batch, length)`): prompts, padded on the left.
            semantic_tokens (`(batch, speech_length)`): codes, padded on the right.
            attention_mask (`(batch, length)`, *optional*): 0 on the prompts' padding.
            semantic_mask (`(batch, speech_length)`, *optional*): False on the codes' padding.

        Returns:
            [`FlowDubberSemanticOutput`]: the tokens, their hidden states and their mask.
        """
        attention_mask = self._check_prompts(input_ids, attention_mask)
        input_ids, attention_mask = self._with_start_token(input_ids, attention_mask)
        if semantic_mask is None:
            semantic_mask = torch.ones_like(semantic_tokens, dtype=torch.bool)
        size = self.config.semantic_codebook_size
        if bool(((semantic_tokens < 0) | (semantic_tokens >= size)).any()):
            raise ValueError(
                f"semantic tokens must lie in [0, {size}); the speech tokenizer does not belong to this model."
            )
        whole = torch.cat((input_ids, semantic_tokens + self.config.semantic_token_offset), dim=1)
        whole_mask = torch.cat((attention_mask, semantic_mask.to(attention_mask.dtype)), dim=1)
        hidden = self.model(
            input_ids=whole,
            attention_mask=whole_mask,
            position_ids=(whole_mask.cumsum(dim=1) - 1).clamp(min=0),
            use_cache=False,
        ).last_hidden_state[:, input_ids.shape[1] :]
        return FlowDubberSemanticOutput(
            semantic_tokens=semantic_tokens * semantic_mask,
            hidden_states=hidden * semantic_mask[..., None],
            mask=semantic_mask,
        )


AutoModel.register(FlowDubberSemanticConfig, FlowDubberSemanticForConditionalGeneration, exist_ok=True)
AutoModelForCausalLM.register(FlowDubberSemanticConfig, FlowDubberSemanticForConditionalGeneration, exist_ok=True)


__all__ = [
    "FlowDubberSemanticForConditionalGeneration",
    "FlowDubberSemanticOutput",
    "FlowDubberSemanticPreTrainedModel",
]

"""Semantic language model (the paper's LLM-based semantic-aware learning): from script, voice and reference speech to speech tokens.

It writes 50 semantic speech tokens a second. A Qwen2 decoder with a tied head over text and speech tokens. Its last hidden states at the generated speech positions
are the knowledge that semantic-aware phoneme learning attends to.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    GenerationMixin,
    PreTrainedModel,
    Qwen2Model,
)
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import slice_logits_to_keep
from transformers.models.qwen2.modeling_qwen2 import Qwen2Attention, Qwen2DecoderLayer
from transformers.processing_utils import Unpack
from transformers.utils import TransformersKwargs, can_return_tuple

from flowdubber_hf.checkpoints.sources import BundledNames

from .configuration_semantic import FlowDubberSemanticConfig
from .generation_semantic import FlowDubberSemanticOutput, SemanticGeneration


class FlowDubberSemanticPreTrainedModel(BundledNames, PreTrainedModel):
    """Weights, loading and attention support of the semantic model."""

    config: FlowDubberSemanticConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    input_modalities = ("text", "audio")
    supports_gradient_checkpointing = True
    _no_split_modules = ["Qwen2DecoderLayer"]
    _skip_keys_device_placement = ["cache"]
    _supports_flash_attn = True
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {"hidden_states": Qwen2DecoderLayer, "attentions": Qwen2Attention}


class FlowDubberSemanticForConditionalGeneration(
    SemanticGeneration, FlowDubberSemanticPreTrainedModel, GenerationMixin
):
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
            kwargs: the decoder's, the `cache` among them.

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
            cache=outputs.cache,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    @apply_forward_hook
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

"""The FlowDubber aligner: lips and phonemes in, frame-level knowledge for the mel prior out."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.utils import ModelOutput

from flowdubber_hf.checkpoints.sources import BundledNames
from flowdubber_hf.models.layers import (
    AttentionPlan,
    ConvFeedForward,
    StyleAdaptiveLayerNorm,
    TimeConv,
    mask_sequence,
    real_positions,
)
from flowdubber_hf.models.lip_reader import FlowDubberLipReader
from flowdubber_hf.processing.audio import MEL_FRAMES_PER_VIDEO_FRAME
from flowdubber_hf.processing.text import PAUSES

from .configuration_aligner import FlowDubberAlignerConfig
from .durations import FlowDubberDurationPredictor
from .fusion import FlowDubberAlignerAttention, FlowDubberFusion
from .lip_encoder import FlowDubberLipEncoder
from .searches import LEAST_TELLING, AlignerTiming, pauses_of
from .searches import telling as telling_of
from .semantic_durations import FlowDubberSemanticTie
from .semantic_knowledge import FlowDubberSemanticAttention, FlowDubberSemanticPath, SemanticKnowledge, ZeroLinear


@dataclass
class FlowDubberAlignerEncoding(ModelOutput):
    """
    What the lips and the phonemes know of each other, before the language model's knowledge joins.

    Args:
        phoneme_states (`torch.Tensor` of shape `(B, P, hidden_size)`): z_p, visually informed.
        lip_states (`torch.Tensor` of shape `(B, F, hidden_size)`): C_lip.
        similarities (`tuple` of two `torch.Tensor` of shape `(B, P, F)`): cosine similarities of the lip-to-phoneme and
            of the phoneme-to-lip attention, which the contrastive loss takes.
        alignment (`torch.Tensor` of shape `(B, P, F)`): log-probability of each phoneme in each frame.
        path (`torch.Tensor` of shape `(B, P, 4F)`): the 0/1 path of the monotonic search, or the one given, at the mel
            rate (100 a second).
        phoneme_mask (`torch.Tensor` of shape `(B, P)`), frame_mask (`(B, F)`): bool, real positions.
        seen_mask (`torch.Tensor` of shape `(B, F)`): bool, real frames that show the speaker; `None` without lips.
        telling (`torch.Tensor` of shape `(B,)`): how much the lips' evidence changes over time (see [`~models.aligner.searches.telling`]);
            `None` where nothing was weighed against it: a path was given, or there are no natural durations.
        optional_mask (`torch.Tensor` of shape `(B, P)`): bool, pauses that need not be made.
    """

    phoneme_states: torch.Tensor | None = None
    lip_states: torch.Tensor | None = None
    similarities: tuple[torch.Tensor, torch.Tensor] | None = None
    alignment: torch.Tensor | None = None
    path: torch.Tensor | None = None
    phoneme_mask: torch.Tensor | None = None
    frame_mask: torch.Tensor | None = None
    seen_mask: torch.Tensor | None = None
    telling: torch.Tensor | None = None
    optional_mask: torch.Tensor | None = None


@dataclass
class FlowDubberAlignerOutput(ModelOutput):
    """
    Args:
        fused (`torch.Tensor` of shape `(B, 4F, hidden_size)`): the sequence at the mel rate.
        ctc_logits (`torch.Tensor` of shape `(B, 4F, vocab_size)`): phoneme logits, blank 0.
        encoding (`FlowDubberAlignerEncoding`): alignment and path.
        knowledge (`SemanticKnowledge`, *optional*): what the language model gave, before any of it was dropped.
    """

    fused: torch.Tensor | None = None
    ctc_logits: torch.Tensor | None = None
    encoding: FlowDubberAlignerEncoding | None = None
    knowledge: SemanticKnowledge | None = None


class FlowDubberPhonemeLayer(GradientCheckpointingLayer):
    """Post-norm transformer layer with style-adaptive norms (SALN) and a convolutional feed-forward."""

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        self.attention = FlowDubberAlignerAttention(
            config, config.num_attention_heads, config.phoneme_attention_window
        )
        self.feed_forward = ConvFeedForward(config.hidden_size, config.intermediate_size, 3, config.hidden_dropout)
        self.attention_norm = StyleAdaptiveLayerNorm(config.style_size, config.hidden_size)
        self.feed_forward_norm = StyleAdaptiveLayerNorm(config.style_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(
        self, hidden_states: torch.Tensor, mask: torch.Tensor, style: torch.Tensor, plan: AttentionPlan
    ) -> torch.Tensor:
        hidden_states = self.attention_norm(hidden_states + self.dropout(self.attention(hidden_states, plan)), style)
        return self.feed_forward_norm(hidden_states + self.dropout(self.feed_forward(hidden_states, mask)), style)


class FlowDubberPhonemeEncoder(nn.Module):
    """Embedding, convolutional pre-net and style-adaptive transformer: `(B, P)` ids to z_p `(B, P, hidden_size)`."""

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        self.scale = config.hidden_size**0.5
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=0)
        self.prenet = nn.ModuleList(
            [TimeConv(config.hidden_size, config.hidden_size, 5) for _ in range(config.num_prenet_layers)]
        )
        self.prenet_norms = nn.ModuleList([nn.LayerNorm(config.hidden_size) for _ in range(config.num_prenet_layers)])
        self.layers = nn.ModuleList([FlowDubberPhonemeLayer(config) for _ in range(config.num_hidden_layers)])
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, input_ids: torch.Tensor, mask: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        states, mask = self.embedding(input_ids) * self.scale, real_positions(mask)
        for conv, norm in zip(self.prenet, self.prenet_norms, strict=True):
            states = states + self.dropout(F.relu(norm(conv(states, mask))))
        plan = self.layers[0].attention.plan(states, mask) if self.layers else None
        for layer in self.layers:
            states = layer(states, mask, style, plan)
        return mask_sequence(states, mask)


class FlowDubberContrastiveAttention(nn.Module):
    """Cross-attention whose logits are cosine similarities over tau.

    The softmax of these logits is the contrastive distribution itself, so the loss supervises the very map that carries
    the values. One head: every head would be given the same positives.
    """

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        self.tau = config.alignment_temperature
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(
        self, queries: torch.Tensor, keys: torch.Tensor, key_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries `(B, N, C)` and keys `(B, M, C)` to the attended `(B, N, C)` and the similarity `(B, N, M)`."""
        asked, answering = self.directions(queries, keys)
        similarity = asked @ answering.transpose(1, 2)
        logits = (similarity / self.tau).masked_fill(~key_mask[:, None], torch.finfo(similarity.dtype).min)
        attended = self.out(self.dropout(logits.softmax(-1)) @ self.value(keys))
        return self.norm(queries + attended), similarity

    def directions(self, queries: torch.Tensor, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Unit vectors whose products are the similarities."""
        return F.normalize(self.query(queries), dim=-1), F.normalize(self.key(keys), dim=-1)


class FlowDubberAlignerPreTrainedModel(BundledNames, PreTrainedModel):
    config: FlowDubberAlignerConfig
    base_model_prefix = "aligner"
    main_input_name = "input_ids"
    input_modalities = ("text", "video")
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_attention_backend = True
    _no_split_modules = ["FlowDubberLipEncoder", "FlowDubberPhonemeLayer", "FlowDubberFusionLayer"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, ZeroLinear):
            init.zeros_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.ConvTranspose2d):
            init.normal_(module.weight, std=0.1)
            init.zeros_(module.bias)
        elif isinstance(module, nn.PReLU):
            init.constant_(module.weight, 0.25)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=self.config.hidden_size**-0.5)
        elif isinstance(module, FlowDubberAlignerModel):
            init.normal_(module.null_knowledge, std=self.config.initializer_range)
            init.normal_(module.null_lips, std=self.config.initializer_range)


class FlowDubberAlignerModel(AlignerTiming, FlowDubberAlignerPreTrainedModel):
    r"""
    Lip encoder, phoneme encoder, dual contrastive aligning, monotonic search, semantic-aware phoneme learning, fusion.

    Example:
        >>> encoding = aligner.encode(input_ids, attention_mask, optional_mask, lip_values, lip_mask, style)
        >>> fused = aligner.fuse(encoding, semantic_features, semantic_mask).fused     # F([C_lip, Up(LLM_p, z_p, tab)])
        >>> fused_null = aligner.fuse(encoding).fused                                  # the language model's part dropped
    """

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__(config)
        self.lip_encoder = FlowDubberLipEncoder(config)
        self.phoneme_encoder = FlowDubberPhonemeEncoder(config)
        self.lip_to_phoneme = FlowDubberContrastiveAttention(config)
        self.phoneme_to_lip = FlowDubberContrastiveAttention(config)
        by_path = config.semantic_channel == "path"
        self.semantic_attention = None if by_path else FlowDubberSemanticAttention(config)
        self.semantic_path = FlowDubberSemanticPath(config) if by_path else None
        self.null_knowledge = nn.Parameter(torch.empty(config.hidden_size))
        self.null_lips = nn.Parameter(torch.empty(config.hidden_size))
        self.expansion = nn.Linear(2 * config.hidden_size, config.hidden_size)
        self.fusion = FlowDubberFusion(config)
        self.ctc_head = nn.Linear(config.hidden_size, config.vocab_size)
        self.duration_predictor = FlowDubberDurationPredictor(config) if config.num_duration_layers else None
        self.semantic_tie = FlowDubberSemanticTie(config) if config.duration_source == "semantics" else None
        self.post_init()

    def take_lip_reader(self, reader: FlowDubberLipReader) -> None:
        """
        Puts a lip reader's weights in the place of the lip encoder's stem and trunk. What stands behind them has to be trained
        on its features.

        Args:
            reader ([`FlowDubberLipReader`]): of the sizes that [`~FlowDubberAlignerConfig.lip_reader_settings`] gives.

        Raises:
            ValueError: its settings are not this aligner's, by name.
        """
        for name, value in FlowDubberAlignerConfig.lip_reader_settings(reader.config).items():
            if value != getattr(self.config, name):
                raise ValueError(
                    f"the lip reader does not fit this aligner: {name} is {getattr(self.config, name)} here and {value} there."
                )
        self.lip_encoder.load_state_dict({**self.lip_encoder.state_dict(), **reader.trunk.state_dict()})

    @apply_forward_hook
    def encode_lips(self, lip_values: torch.Tensor, seen_mask: torch.Tensor | None) -> torch.Tensor:
        """The lip encoder alone: normalised crops `(B, F, 88, 88)` and seen frames `(B, F)` to features `(B, F, hidden_size)`."""
        return self.lip_encoder(lip_values, seen_mask)

    @apply_forward_hook
    def encode(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        optional_mask: torch.Tensor | None = None,
        lip_values: torch.Tensor | None = None,
        lip_mask: torch.Tensor | None = None,
        style: torch.Tensor | None = None,
        lip_features: torch.Tensor | None = None,
        path: torch.Tensor | None = None,
        seen_mask: torch.Tensor | None = None,
        pause_ids: torch.Tensor | None = None,
        cue: bool = False,
        semantic_features: torch.Tensor | None = None,
        semantic_mask: torch.Tensor | None = None,
    ) -> FlowDubberAlignerEncoding:
        """
        Ties phonemes to lips.

        Args:
            input_ids (`torch.Tensor` of shape `(B, P)`): phoneme ids.
            attention_mask (`torch.Tensor` of shape `(B, P)`): True on real phonemes.
            optional_mask (`torch.Tensor` of shape `(B, P)`, *optional*): True on pauses that may take no frame.
            lip_values (`torch.Tensor` of shape `(B, F, 88, 88)`, *optional*): normalised grey mouth crops at 25 fps.
            lip_mask (`torch.Tensor` of shape `(B, F)`): True on real frames.
            style (`torch.Tensor` of shape `(B, style_size)`): the speaker's style vector.
            lip_features (`torch.Tensor` of shape `(B, F, hidden_size)`, *optional*): the lip encoder's output in place
                of `lip_values`. With neither (sound alone) a learned vector stands for the lips, and the timing is `path`, or
                natural durations in the frames of `lip_mask`.
            path (`torch.Tensor` of shape `(B, P, 4F)`, *optional*): a 0/1 alignment at the mel rate to use instead of
                searching one.
            seen_mask (`torch.Tensor` of shape `(B, F)`, *optional*): False on frames that do not show the speaker; their
                pictures are not read, they give the search no evidence, and the learned vector stands for their lips.
            pause_ids (`torch.Tensor` of shape `(B, P)`, *optional*): of each phoneme its index in
                [`~processing.text.PAUSES`], for the natural durations; by default what the phonemes themselves tell.
            cue (`bool`, *optional*, defaults to `False`): a clip that is never seen begins at once, at its natural tempo.
            semantic_features (`torch.Tensor` of shape `(B, L, semantic_hidden_size)`), semantic_mask (`(B, L)`), *optional*: the
                language model's states, which give the natural durations where `config.duration_source` says so.

        Returns:
            [`FlowDubberAlignerEncoding`].

        Raises:
            ValueError: no `style`, neither lips nor anything else to time by, or more phonemes than frames.
        """
        if style is None:
            raise ValueError("`style` is required: the phoneme encoder's norms are driven by it.")
        attention_mask, lip_mask = attention_mask.bool(), None if lip_mask is None else lip_mask.bool()
        optional = (
            pauses_of(input_ids, attention_mask) >= PAUSES.index("clause") if optional_mask is None else optional_mask
        )
        phonemes = self.phoneme_encoder(input_ids, attention_mask, style)
        if lip_features is None and lip_values is None:
            if path is None:
                pauses = pauses_of(input_ids, attention_mask) if pause_ids is None else pause_ids
                knowledge = (semantic_features, semantic_mask)
                durations = self.natural_durations(input_ids, attention_mask, pauses, style, *knowledge)
                path = self._natural_path(attention_mask, optional_mask, pauses, durations, lip_mask, cue)
            return self._encode_without_lips(phonemes, attention_mask, lip_mask, path, optional)
        pictures = lip_values if lip_features is None else lip_features
        if lip_mask is None:
            lip_mask = torch.ones(pictures.shape[:2], dtype=torch.bool, device=pictures.device)
        seen = lip_mask if seen_mask is None else lip_mask & seen_mask.bool()
        if lip_features is None:
            lip_features = self.lip_encoder(lip_values, seen)
        lip_states, lip_similarity = self.lip_to_phoneme(lip_features, phonemes, attention_mask)
        phoneme_states, phoneme_similarity = self.phoneme_to_lip(phonemes, lip_features, seen)
        if seen_mask is not None:
            lip_states = torch.where(seen[..., None], lip_states, self.null_lips.to(lip_states.dtype))
            # A clip that is never seen is as sound alone: nothing was asked of the lips.
            phoneme_states = torch.where(seen.any(1)[:, None, None], phoneme_states, phonemes)
        similarities = (lip_similarity.transpose(1, 2), phoneme_similarity)
        alignment = self._alignment(similarities, attention_mask, seen)
        telling = None
        if path is None:
            if pause_ids is None:
                pause_ids = pauses_of(input_ids, attention_mask)
            knowledge = (semantic_features, semantic_mask)
            durations = self.natural_durations(input_ids, attention_mask, pause_ids, style, *knowledge)
            heeded = None
            if durations is not None:
                telling = telling_of(alignment, attention_mask, seen)
                heeded = telling >= LEAST_TELLING
            path = self.search(alignment, attention_mask, lip_mask, optional_mask, pause_ids, durations, heeded, cue)
        return FlowDubberAlignerEncoding(
            phoneme_states=phoneme_states,
            lip_states=lip_states,
            similarities=similarities,
            alignment=alignment,
            path=path.to(phoneme_states.dtype),
            phoneme_mask=attention_mask,
            frame_mask=lip_mask,
            seen_mask=seen,
            telling=telling,
            optional_mask=optional,
        )

    def _encode_without_lips(
        self,
        phonemes: torch.Tensor,
        phoneme_mask: torch.Tensor,
        frame_mask: torch.Tensor | None,
        path: torch.Tensor,
        optional_mask: torch.Tensor,
    ) -> FlowDubberAlignerEncoding:
        if frame_mask is None:
            frame_mask = path[..., ::MEL_FRAMES_PER_VIDEO_FRAME].sum(1) > 0
        return FlowDubberAlignerEncoding(
            phoneme_states=phonemes,
            lip_states=self.null_lips.expand(*frame_mask.shape, -1),
            path=path.to(phonemes.dtype),
            phoneme_mask=phoneme_mask,
            frame_mask=frame_mask,
            optional_mask=optional_mask,
        )

    def _alignment(
        self, similarities: tuple[torch.Tensor, torch.Tensor], phoneme_mask: torch.Tensor, seen: torch.Tensor
    ) -> torch.Tensor:
        """The mean of both maps in the log domain, each frame normalised over its phonemes; all alike in unseen frames."""
        logits = (similarities[0] + similarities[1]) / (2 * self.config.alignment_temperature)
        logits = logits.masked_fill(~seen[:, None], 0.0)
        logits = logits.masked_fill(~phoneme_mask[:, :, None], torch.finfo(logits.dtype).min)
        return logits.log_softmax(dim=1)

    @apply_forward_hook
    def fuse(
        self,
        encoding: FlowDubberAlignerEncoding,
        semantic_features: torch.Tensor | None = None,
        semantic_mask: torch.Tensor | None = None,
        knowledge_drop: torch.Tensor | None = None,
        owners: torch.Tensor | None = None,
        phoneme_drop: torch.Tensor | None = None,
    ) -> FlowDubberAlignerOutput:
        """
        Brings the language model's knowledge to the phonemes, expands along the path and fuses with the lips.

        Args:
            encoding ([`FlowDubberAlignerEncoding`]): from `encode`.
            semantic_features (`torch.Tensor` of shape `(B, L, semantic_hidden_size)`, *optional*): hidden states of the
                language model at its speech positions; without them the learned null stands in (mu' of the guidance).
            semantic_mask (`torch.Tensor` of shape `(B, L)`, *optional*): True on real positions.
            knowledge_drop (`torch.Tensor` of shape `(B,)`, bool, *optional*): rows whose knowledge is dropped; training
                uses it so that the null is in distribution.
            owners (`torch.Tensor` of shape `(B, P, L)`, *optional*): 0/1, the true tokens of each phoneme; rows of zeros are
                searched for (`semantic_channel` `path` alone).
            phoneme_drop (`torch.Tensor` of shape `(B,)`, bool, *optional*): rows whose z_p is replaced by zeros behind the path, so
                that in training the sound has to be made of the knowledge.

        Returns:
            [`FlowDubberAlignerOutput`].
        """
        knowledge = self.know(encoding, semantic_features, semantic_mask, owners)
        expanded = self._expand(encoding, knowledge, knowledge_drop, phoneme_drop)
        fused = self.fuse_frames(expanded, encoding.lip_states, encoding.frame_mask)
        return FlowDubberAlignerOutput(
            fused=fused, ctc_logits=self.ctc_head(fused), encoding=encoding, knowledge=knowledge
        )

    def know(
        self,
        encoding: FlowDubberAlignerEncoding,
        semantic_features: torch.Tensor | None = None,
        semantic_mask: torch.Tensor | None = None,
        owners: torch.Tensor | None = None,
    ) -> SemanticKnowledge | None:
        """What the language model's states give to a script; `None` without them. The arguments are those of `fuse`."""
        if semantic_features is None:
            return None
        phonemes, features = encoding.phoneme_states, semantic_features.to(encoding.phoneme_states.dtype)
        if semantic_mask is None:
            semantic_mask = torch.ones(features.shape[:2], dtype=torch.bool, device=features.device)
        if self.semantic_path is None:
            return SemanticKnowledge(
                self.semantic_attention(phonemes, encoding.phoneme_mask, features, semantic_mask.bool())
            )
        return self.semantic_path(
            phonemes,
            encoding.phoneme_mask,
            encoding.optional_mask,
            encoding.path,
            features,
            semantic_mask.bool(),
            owners,
        )

    @apply_forward_hook
    def expand(
        self,
        encoding: FlowDubberAlignerEncoding,
        semantic_features: torch.Tensor | None = None,
        semantic_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The first half of `fuse`, whose arguments these are: phonemes and knowledge along the path, `(B, 4F, hidden_size)`."""
        return self._expand(encoding, self.know(encoding, semantic_features, semantic_mask))

    @apply_forward_hook
    def fuse_frames(
        self, expanded: torch.Tensor, lip_states: torch.Tensor, frame_mask: torch.Tensor | None
    ) -> torch.Tensor:
        """The second half: mel frames `(B, 4F, hidden_size)` and lips `(B, F, hidden_size)` to the fused `(B, 4F, hidden_size)`."""
        return self.fusion(expanded, lip_states, frame_mask)

    def _expand(
        self,
        encoding: FlowDubberAlignerEncoding,
        known: SemanticKnowledge | None,
        knowledge_drop: torch.Tensor | None = None,
        phoneme_drop: torch.Tensor | None = None,
    ) -> torch.Tensor:
        phonemes = encoding.phoneme_states
        knowledge = null = self.null_knowledge.expand_as(phonemes)
        kept = torch.ones(len(phonemes), 1, 1, dtype=torch.bool, device=phonemes.device)
        if knowledge_drop is not None:
            kept = ~knowledge_drop[:, None, None]
        if known is not None:
            # By the path the null is where knowledge begins: a phoneme of which nothing is known has it too.
            told = known.phonemes if known.frames is None else null + known.phonemes
            knowledge = torch.where(kept, told, null)
        if phoneme_drop is not None:
            phonemes = phonemes.masked_fill(phoneme_drop[:, None, None], 0.0)
        expanded = encoding.path.transpose(1, 2) @ self.expansion(torch.cat([knowledge, phonemes], dim=-1))
        return expanded if known is None or known.frames is None else expanded + known.frames * kept

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        optional_mask: torch.Tensor | None = None,
        lip_values: torch.Tensor | None = None,
        lip_mask: torch.Tensor | None = None,
        style: torch.Tensor | None = None,
        semantic_features: torch.Tensor | None = None,
        semantic_mask: torch.Tensor | None = None,
        lip_features: torch.Tensor | None = None,
        path: torch.Tensor | None = None,
        knowledge_drop: torch.Tensor | None = None,
        seen_mask: torch.Tensor | None = None,
    ) -> FlowDubberAlignerOutput:
        """`encode` followed by `fuse`; the arguments are theirs."""
        encoding = self.encode(
            input_ids, attention_mask, optional_mask, lip_values, lip_mask, style, lip_features, path, seen_mask
        )
        return self.fuse(encoding, semantic_features, semantic_mask, knowledge_drop)


__all__ = [
    "FlowDubberAlignerEncoding",
    "FlowDubberAlignerModel",
    "FlowDubberAlignerOutput",
    "FlowDubberAlignerPreTrainedModel",
]

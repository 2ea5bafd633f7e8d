"""Durations out of the language model's speech: a sharp, monotonic tie between phonemes and its states.

The speech that the language model writes has 50 tokens a second, so a tie of its tokens to the phonemes tells how long each
would last. It is the other source of natural durations, beside [`FlowDubberDurationPredictor`]; `duration_source` of the aligner's
configuration chooses."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
from torch import nn
from torch.nn import functional as F

from flowdubber_hf.models.layers import TimeConv, mask_sequence

from .alignment import dual_contrastive_loss, search_durations
from .configuration_aligner import FlowDubberAlignerConfig
from .durations import Durations


TOKENS_PER_SECOND = 50
_SURE = 4.0  # logit of a pause that the speech makes, or does not make


class FlowDubberSemanticTie(nn.Module):
    """Phonemes and language-model states to the cosine similarity of each pair, as the lips' attention has it."""

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        size = config.duration_hidden_size
        self.tau = config.alignment_temperature
        self.embedding = nn.Embedding(config.vocab_size, size, padding_idx=0)
        self.convs = nn.ModuleList([TimeConv(size, size, 5) for _ in range(2)])
        self.query = nn.Linear(size, size)
        self.state_norm = nn.LayerNorm(config.semantic_hidden_size)
        self.state = nn.Linear(config.semantic_hidden_size, size)
        self.state_conv = TimeConv(size, size, 5)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        semantic_features: torch.Tensor,
        semantic_mask: torch.Tensor,
    ) -> torch.Tensor:
        """
        Args:
            input_ids (`torch.Tensor` of shape `(B, P)`), attention_mask (`(B, P)`, bool): phonemes.
            semantic_features (`torch.Tensor` of shape `(B, L, semantic_hidden_size)`), semantic_mask (`(B, L)`, bool): the language
                model's states at its speech.

        Returns:
            `torch.Tensor` of shape `(B, P, L)`: similarities in [-1, 1].
        """
        phonemes = self.embedding(input_ids)
        for conv in self.convs:
            phonemes = phonemes + F.silu(conv(phonemes, attention_mask))
        states = self.state(self.state_norm(semantic_features))
        states = states + F.silu(self.state_conv(states, semantic_mask))
        query = F.normalize(self.query(mask_sequence(phonemes, attention_mask)), dim=-1)
        return query @ F.normalize(states, dim=-1).transpose(1, 2)

    def loss(
        self, similarity: torch.Tensor, owners: torch.Tensor, phoneme_mask: torch.Tensor, semantic_mask: torch.Tensor
    ):
        """[`dual_contrastive_loss`] with each token's own phoneme `owners` `(B, P, L)`, 0 or 1, as its positive."""
        return dual_contrastive_loss(similarity, owners, phoneme_mask, semantic_mask, self.tau)

    def durations(
        self,
        similarity: torch.Tensor,
        phoneme_mask: torch.Tensor,
        semantic_mask: torch.Tensor,
        optional: torch.Tensor,
        natural: Durations,
    ) -> Durations:
        """Lengths along the best monotonic path through the tokens; rows with fewer tokens than phonemes keep `natural`.

        Args:
            similarity (`torch.Tensor` of shape `(B, P, L)`): of `forward`.
            phoneme_mask (`(B, P)`), semantic_mask (`(B, L)`), optional (`(B, P)`, pauses that need not be made): bool.
            natural ([`Durations`]): of the text; gives the deviations, and what no token tells.
        """
        tokens = semantic_mask.sum(1)
        fits = (phoneme_mask & ~optional).sum(1) <= tokens
        mean, present = natural.mean.clone(), natural.present_logit.clone()
        rows = fits.nonzero()[:, 0]
        if len(rows):
            logits = (similarity / self.tau).masked_fill(~phoneme_mask[..., None], torch.finfo(similarity.dtype).min)
            lengths = phoneme_mask.sum(1)
            counts = search_durations(logits.log_softmax(1)[rows], lengths[rows], tokens[rows], optional[rows])
            there = counts > 0
            mean[rows] = torch.where(there, (counts.clamp(min=1) / TOKENS_PER_SECOND).log().to(mean.dtype), mean[rows])
            sure = torch.where(there, _SURE, -_SURE).to(present.dtype)
            present[rows] = torch.where(optional[rows], sure, present[rows])
        return Durations(mean, natural.deviation, present)


__all__ = ["TOKENS_PER_SECOND", "FlowDubberSemanticTie"]

"""Semantic-aware phoneme learning: how the language model's states reach the phonemes.

Two ways, chosen by `semantic_channel` of the aligner's configuration: an attention of several heads, or a taught tie with a
monotonic path, which keeps the place inside each phoneme."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from flowdubber_hf.models.attention import dispatched_attention
from flowdubber_hf.models.layers import TimeConv, mask_sequence, sinusoids
from flowdubber_hf.processing.text import OPTIONAL_PHONEME, SILENCE_PHONEME, phoneme_ids

from .alignment import durations_to_path, search_durations
from .configuration_aligner import FlowDubberAlignerConfig


@dataclass
class SemanticKnowledge:
    """
    What the language model gives to a script.

    Attributes:
        phonemes (`torch.Tensor` of shape `(B, P, hidden_size)`): LLM_p, a vector a phoneme.
        frames (`torch.Tensor` of shape `(B, 4F, hidden_size)`, *optional*): its states at the mel rate, resampled along the path.
        similarity (`torch.Tensor` of shape `(B, P, L)`, *optional*): cosine of each phoneme and each of its tokens.
        tokens (`torch.Tensor` of shape `(B, P, L)`, *optional*): 0/1 path, the tokens of each phoneme; no 1 in a row with fewer
            tokens than phonemes, of which nothing is known.
    """

    phonemes: torch.Tensor
    frames: torch.Tensor | None = None
    similarity: torch.Tensor | None = None
    tokens: torch.Tensor | None = None


def relative_places(mask: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Sinusoids of each position's place in its sequence, 0 to 1: `(B, N)` bool to `(B, N, C)` of `like`. Script and speech run at
    different tempos but in the same order."""
    places = torch.arange(mask.shape[1], device=mask.device) / mask.sum(1, keepdim=True).clamp(min=1)
    return sinusoids(100.0 * places, like.shape[-1]).to(like.dtype)


class FlowDubberSemanticAttention(nn.Module):
    """Phonemes ask the language model's states, each for one vector. Both sides carry the place in their sequence."""

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        self.config = config
        self.num_heads = config.num_semantic_heads
        self.projection = nn.Linear(config.semantic_hidden_size, config.hidden_size)
        self.projection_norm = nn.LayerNorm(config.hidden_size)
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(
        self,
        phoneme_states: torch.Tensor,
        phoneme_mask: torch.Tensor,
        semantic_features: torch.Tensor,
        semantic_mask: torch.Tensor,
    ) -> torch.Tensor:
        """`(B, P, C)` phonemes and `(B, L, D)` language-model states to LLM_p `(B, P, C)`."""
        knowledge = self.projection_norm(self.projection(semantic_features))
        query = self._heads(self.query(phoneme_states + relative_places(phoneme_mask, phoneme_states)))
        key = self._heads(self.key(knowledge + relative_places(semantic_mask, knowledge)))
        value = self._heads(self.value(knowledge))
        attended = dispatched_attention(self, self.config, query, key, value, semantic_mask[:, None, None])
        attended = attended.transpose(1, 2).flatten(2)
        return self.norm(phoneme_states + self.out(attended))

    def _heads(self, states: torch.Tensor) -> torch.Tensor:
        return states.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class ZeroLinear(nn.Linear):
    """A linear map whose weights begin at zero, and count tenfold: Adam moves all weights by like steps, and a new way beside trained
    ones would otherwise stay shut for thousands of them."""

    GAIN = 10.0

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """`(..., in)` to `(..., out)`."""
        return self.GAIN * super().forward(states)


class FlowDubberSemanticPath(nn.Module):
    """Phonemes find their own tokens in what the language model says, and take them with their place.

    The logits are cosines over tau, which `dual_contrastive_loss` teaches as it teaches the lips'; the house's search makes
    a monotonic path of them. Each phoneme gets the mean of its tokens by the attention (LLM_p), and each mel frame the states at its own
    place between the tokens of its phoneme. LLM_p has no part of the phoneme itself, so that nothing else can stand for it.

    Both outputs begin at zero: a model that goes on from one without this way starts where that ended.
    """

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        size = config.hidden_size
        self.tau = config.alignment_temperature
        self.projection = nn.Linear(config.semantic_hidden_size, size)
        self.projection_norm = nn.LayerNorm(size)
        self.context = TimeConv(size, size, 5)
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)
        self.phoneme_out = ZeroLinear(size, size)
        self.frame_out = ZeroLinear(size, size)

    def forward(
        self,
        phoneme_states: torch.Tensor,
        phoneme_mask: torch.Tensor,
        optional_mask: torch.Tensor,
        path: torch.Tensor,
        semantic_features: torch.Tensor,
        semantic_mask: torch.Tensor,
        owners: torch.Tensor | None = None,
    ) -> SemanticKnowledge:
        """
        Args:
            phoneme_states (`torch.Tensor` of shape `(B, P, C)`): z_p.
            phoneme_mask (`torch.Tensor` of shape `(B, P)`, bool), optional_mask (`(B, P)`, bool): real phonemes, and pauses that the
                speech need not make.
            path (`torch.Tensor` of shape `(B, P, 4F)`): 0/1, the dub's own timing.
            semantic_features (`torch.Tensor` of shape `(B, L, D)`), semantic_mask (`(B, L)`, bool): the language model's states.
            owners (`torch.Tensor` of shape `(B, P, L)`, *optional*): 0/1, the true tokens of each phoneme, in place of searched ones
                in the rows that have any.
        """
        states = self.projection_norm(self.projection(semantic_features))
        states = states + F.silu(self.context(states, semantic_mask))
        query = F.normalize(self.query(phoneme_states + relative_places(phoneme_mask, phoneme_states)), dim=-1)
        key = F.normalize(self.key(states + relative_places(semantic_mask, states)), dim=-1)
        similarity = query @ key.transpose(1, 2)
        tokens = self.search(similarity, phoneme_mask, optional_mask, semantic_mask)
        if owners is not None:
            tokens = torch.where(owners.sum((1, 2), keepdim=True) > 0, owners.to(tokens.dtype), tokens)
        value = self.value(states)
        attended = self.phoneme_out(token_weights(similarity, semantic_mask, self.tau) @ value)
        placed, reached = resample(value, tokens, path)
        return SemanticKnowledge(
            phonemes=attended * (tokens.sum((1, 2)) > 0)[:, None, None],
            frames=mask_sequence(self.frame_out(placed), reached),
            similarity=similarity,
            tokens=tokens,
        )

    @torch.no_grad()
    def search(
        self,
        similarity: torch.Tensor,
        phoneme_mask: torch.Tensor,
        optional_mask: torch.Tensor,
        semantic_mask: torch.Tensor,
    ) -> torch.Tensor:
        """The best monotonic path `(B, P, L)` through the tokens; zeros in rows with fewer tokens than phonemes."""
        logits = (similarity.float() / self.tau).masked_fill(~phoneme_mask[..., None], torch.finfo(torch.float32).min)
        phonemes, tokens = phoneme_mask.sum(1), semantic_mask.sum(1)
        optional = optional_mask & phoneme_mask
        counts = torch.zeros_like(phoneme_mask, dtype=torch.long)
        rows = ((phoneme_mask & ~optional).sum(1) <= tokens).nonzero()[:, 0]
        if len(rows):
            scores = logits.log_softmax(1)[rows]
            counts[rows] = search_durations(scores, phonemes[rows], tokens[rows], optional[rows])
        return durations_to_path(counts, similarity.shape[2]).to(similarity.dtype)


def token_weights(similarity: torch.Tensor, semantic_mask: torch.Tensor, tau: float) -> torch.Tensor:
    """The attention `(B, P, L)` of cosines over tau, each phoneme's over the real tokens of `semantic_mask` `(B, L)`."""
    logits = (similarity / tau).masked_fill(~semantic_mask[:, None], torch.finfo(similarity.dtype).min)
    return logits.softmax(-1)


def resample(values: torch.Tensor, tokens: torch.Tensor, path: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Token values on the dub's own clock: each mel frame takes those at its own place inside its phoneme, between two tokens in
    their proportion.

    Args:
        values (`torch.Tensor` of shape `(B, L, C)`): 50 a second of the language model's speech.
        tokens (`torch.Tensor` of shape `(B, P, L)`), path (`(B, P, 4F)`): 0/1, of each phoneme its tokens and its mel frames, both
            without gaps.

    Returns:
        `(B, 4F, C)`, and `(B, 4F)` bool: False in frames whose phoneme has no token, and on padding.
    """
    tokens, path = tokens.float(), path.float()  # bfloat16 cannot tell token 399 from 400
    owner = path.argmax(1)
    times = torch.arange(path.shape[2], device=path.device)

    def of_owner(of_phoneme: torch.Tensor) -> torch.Tensor:
        return of_phoneme.gather(1, owner).float()

    place = (times - of_owner(path.argmax(2)) + 0.5) / of_owner(path.sum(2)).clamp(min=1)
    count = of_owner(tokens.sum(2))
    # Behind a row's last token lies padding.
    last = (tokens.sum(1) * torch.arange(1, values.shape[1] + 1, device=path.device)).amax(1, keepdim=True) - 1
    position = torch.minimum(of_owner(tokens.argmax(2)) + place * count - 0.5, last).clamp(min=0)
    before = position.floor()
    share = (position - before)[..., None].to(values.dtype)
    after = torch.minimum(before + 1, last).clamp(min=0)

    def at(places: torch.Tensor) -> torch.Tensor:
        return values.gather(1, places.long()[..., None].expand(-1, -1, values.shape[2]))

    return at(before) * (1 - share) + at(after) * share, (path.sum(1) > 0) & (count > 0)


@torch.no_grad()
def own_word_share(
    similarity: torch.Tensor,
    owners: torch.Tensor,
    input_ids: torch.Tensor,
    phoneme_mask: torch.Tensor,
    semantic_mask: torch.Tensor,
    tau: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    How much of a phoneme's attention lies on the tokens of its own word, and how much would if it were spread evenly: means over the
    phonemes that the speech says.

    Args:
        similarity (`torch.Tensor` of shape `(B, P, L)`): of [`FlowDubberSemanticPath`].
        owners (`torch.Tensor` of shape `(B, P, L)`): 0/1, the tokens of each phoneme; rows of zeros count nothing.
        input_ids (`torch.Tensor` of shape `(B, P)`): phonemes; silences between them are the borders of words.
        phoneme_mask (`(B, P)`), semantic_mask (`(B, L)`): bool, real positions.
        tau (`float`): of the attention.

    Returns:
        two scalars in [0, 1], 0 where no phoneme counts.
    """
    silences = torch.tensor(phoneme_ids([SILENCE_PHONEME, OPTIONAL_PHONEME]), device=input_ids.device)
    silent = torch.isin(input_ids, silences)
    word = silent.cumsum(1)
    spoken = phoneme_mask & ~silent
    fellows = (word[:, :, None] == word[:, None]) & spoken[:, :, None] & spoken[:, None]
    own = (fellows.to(owners.dtype) @ owners) > 0
    counted = spoken & (owners.sum(2) > 0)
    shares = (token_weights(similarity, semantic_mask, tau) * own).sum(2)
    even = own.sum(2) / semantic_mask.sum(1, keepdim=True)
    count = counted.sum().clamp(min=1)
    return (shares * counted).sum() / count, (even * counted).sum() / count


__all__ = [
    "FlowDubberSemanticAttention",
    "FlowDubberSemanticPath",
    "SemanticKnowledge",
    "ZeroLinear",
    "own_word_share",
    "relative_places",
    "resample",
    "token_weights",
]

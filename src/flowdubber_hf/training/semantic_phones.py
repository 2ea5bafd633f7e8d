"""Cheap first stages for the semantic language model: phones in place of speech codes.

What is spoken, in which order and for how long is the hard part, and the forced alignments already tell it, before there
is a trained speech tokenizer. It is learned in this order:

1. `spelling`: each phoneme once. Every code asks for the text, so the model learns to read within a few hundred steps. At
   50 codes a second nine of ten only repeat the one before, and a small model lives off those for thousands of steps: its
   loss falls, and does not get worse when the text belongs to another clip.
2. `phones`: the state of a phoneme (its beginning, middle or end) every 20 ms: durations. It can be left out.
3. `tokens`: speech codes, each with the mean embedding of the states with which it occurs.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import random
from collections.abc import Iterable

import numpy as np
import torch

from ..data.features import AlignedPhonemes
from ..models.semantic import FlowDubberSemanticForConditionalGeneration
from ..models.semantic.spelling import NUM_PHONE_CODES, STATES, spelled
from .speech_tokenizer_data import frame_labels


def phone_codes(phones: AlignedPhonemes, num_tokens: int, token_rate: int) -> list[int]:
    """`num_tokens` codes below `NUM_PHONE_CODES`: 3 x the phoneme's class + the third of it in which the token lies."""
    labels = frame_labels(phones, num_tokens, token_rate)
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    lengths = np.diff(starts, append=num_tokens)
    places = np.arange(num_tokens) - np.repeat(starts, lengths)
    thirds = STATES * places // np.repeat(lengths, lengths)
    return (STATES * labels + thirds).tolist()


def spelled_codes(phones: AlignedPhonemes) -> list[int]:
    """3 x the class of each phoneme that is spoken, one code each; pauses between words too, where there is one."""
    spoken = phones.times[:, 1] > phones.times[:, 0]
    return spelled(phoneme for phoneme, kept in zip(phones.phonemes, spoken.tolist(), strict=True) if kept)


def voice_codes(speaker: str, count: int, codebook_size: int) -> list[int]:
    """Global tokens that stand for a speaker where there is no speech tokenizer: fixed by the name."""
    rng = random.Random(speaker)
    return [rng.randrange(codebook_size) for _ in range(count)]


@torch.no_grad()
def transfer_phone_embeddings(
    model: FlowDubberSemanticForConditionalGeneration, pairs: Iterable[tuple[list[int], list[int]]]
) -> None:
    """Gives every speech code the mean embedding of the phone codes that it occurs with, in place.

    Args:
        model: trained on phone codes.
        pairs: for clips, their speech codes and their phone codes, equally many.
    """
    size = model.config.semantic_codebook_size
    counts = torch.zeros(size, NUM_PHONE_CODES)
    for codes, states in pairs:
        counts.index_put_((torch.tensor(codes), torch.tensor(states)), torch.ones(len(codes)), accumulate=True)
    overall = counts.sum(dim=0, keepdim=True) / counts.sum()
    shares = torch.where(
        counts.any(dim=1, keepdim=True), counts / counts.sum(dim=1, keepdim=True).clamp(min=1), overall
    )
    table = model.get_input_embeddings().weight
    first = model.config.semantic_token_offset
    phone_embeddings = table[first : first + NUM_PHONE_CODES].clone()
    table[first : first + size] = shares.to(table) @ phone_embeddings

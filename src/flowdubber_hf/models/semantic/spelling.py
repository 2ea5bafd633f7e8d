"""Codes of a model that answers with its script, phoneme by phoneme, in place of speech."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Sequence

from flowdubber_hf.processing.phonemes import PHONEME_CLASSES, phoneme_class


STATES = 3  # of a phoneme, where its beginning, middle and end are told apart; spelling takes the first
NUM_PHONE_CODES = STATES * len(PHONEME_CLASSES)


def spelled(phonemes: Iterable[str]) -> list[int]:
    """The code of each phoneme."""
    return [STATES * phoneme_class(phoneme) for phoneme in phonemes]


def spelled_script(phonemes: Sequence[str], optional: Sequence[bool]) -> list[int]:
    """The codes of a script: of each phoneme that has to be said, and of the silence at both ends; one for each False of
    `optional`. Whether a pause is made inside nobody knows yet."""
    return spelled(phoneme for phoneme, spared in zip(phonemes, optional, strict=True) if not spared)


__all__ = ["NUM_PHONE_CODES", "STATES", "spelled", "spelled_script"]

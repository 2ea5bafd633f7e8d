"""How many phonemes a cue has, and where its sentences end: told without a model."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass
from functools import lru_cache

from ..processing.room import words_to_drop
from ..processing.text import Phonemization, phonemize
from .cue_formats.raw import MICROSECONDS


#: Longer cues are spoken in parts; a part ends with a sentence.
LONGEST_CUE, LONGEST_PART = 60 * MICROSECONDS, 30 * MICROSECONDS
_TITLES = frozenset(["mr", "mrs", "ms", "dr", "st", "prof", "jr", "sr", "no", "vs", "etc", "e.g", "i.e"])


@lru_cache(maxsize=4096)
def read_script(text: str, accent: str) -> Phonemization:
    """The phonemes of a text.

    Raises:
        ValueError: text that English speech cannot say.
    """
    return phonemize(text, accent)


def num_phonemes(script: Phonemization) -> int:
    """Phonemes that have to be said, silences aside."""
    return sum(len(one) for one in script.pronunciations)


def rate_of(script: Phonemization, span: int) -> float:
    """Phonemes a second in so many microseconds."""
    return num_phonemes(script) * MICROSECONDS / max(1, span)


def too_fast(script: Phonemization, span: int, most: float) -> str | None:
    """A sentence on more phonemes than can be said in a span; `None` where they fit."""
    rate = rate_of(script, span)
    if rate <= most:
        return None
    count = words_to_drop(script, span / MICROSECONDS)
    words = "1 word" if count == 1 else f"{count} words"
    return f"{rate:.0f} phonemes a second, at most {most:g}; drop about {words}, or give it more time."


@dataclass(frozen=True)
class Part:
    """A stretch of a cue's text and time."""

    text: str
    start: int
    end: int


def sentences(text: str) -> list[str]:
    """A text cut behind the ends of its sentences."""
    found, begin = [], 0
    for place, sign in enumerate(text):
        after = text[place + 1 : place + 2]
        if sign in ".!?…" and (not after or after.isspace()):
            last = text[begin:place].split()[-1:] or [""]
            if sign == "." and (
                last[0].casefold().lstrip("(\"'") in _TITLES or (len(last[0]) == 1 and last[0].isupper())
            ):
                continue
            found.append(text[begin : place + 1].strip())
            begin = place + 1
    rest = text[begin:].strip()
    return [one for one in [*found, rest] if one]


def split_cue(text: str, start: int, end: int, accent: str) -> list[Part]:
    """
    A cue in parts that can be spoken: itself up to a minute, else parts of at most half a minute that end with sentences, their time
    shared out by their phonemes.

    Raises:
        ValueError: a sentence alone is longer than a part.
    """
    if end - start <= LONGEST_CUE:
        return [Part(text, start, end)]
    said = sentences(text)
    weights = [num_phonemes(read_script(one, accent)) + 2 for one in said]
    length = (end - start) / sum(weights)
    longest = max(range(len(said)), key=weights.__getitem__)
    if weights[longest] * length > LONGEST_PART:
        raise ValueError(
            f"lasts {(end - start) / MICROSECONDS:.0f} s and has a stretch of {weights[longest] * length / MICROSECONDS:.0f} s "
            f'without the end of a sentence ("{said[longest][:40]}..."); put full stops, or divide the cue.'
        )
    groups: list[list[int]] = [[]]
    for place, weight in enumerate(weights):
        if groups[-1] and (sum(weights[one] for one in groups[-1]) + weight) * length > LONGEST_PART:
            groups.append([])
        groups[-1].append(place)
    parts, before = [], 0
    for group in groups:
        after = before + sum(weights[one] for one in group)
        text = " ".join(said[one] for one in group)
        parts.append(Part(text, start + round(before * length), start + round(after * length)))
        before = after
    return parts

"""When each phoneme of a clip is spoken: from given phone times, from given word times, or by forced alignment."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..processing.audio import SAMPLING_RATE
from ..processing.text import NO_WORDS, NOISE_PHONEME, Lexicon, assemble, phoneme_ids
from .forced_alignment import ScoredAlignment, align_with_score, contiguous_times
from .textgrid import Interval, read_textgrid


SILENCES = frozenset(["", "sil", "sp", "<eps>", "<sil>", "silence"])
_UNKNOWN = frozenset(["spn", "<unk>"])
_WORD_TIERS, _PHONE_TIERS = ("words", "word"), ("phones", "phone", "phonemes")


@dataclass(frozen=True)
class TimedPhonemes:
    """Phonemes of a clip with their times.

    Attributes:
        phonemes, word_index: see [`~data.features.AlignedPhonemes`].
        words: `(word, start, end)` as spoken, in seconds.
        times: `(start, end)` of each phoneme, contiguous over the clip.
        score: of the forced alignment (0 is the best), `None` where the times were given.
        differences: seconds between the forced and the given starts and ends of all words, where both are known.
        remarks: what the user should know.
    """

    phonemes: list[str]
    word_index: list[int]
    words: list[Interval]
    times: list[tuple[float, float]]
    score: float | None = None
    differences: list[float] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def check_intervals(intervals: Sequence[Interval], name: str) -> None:
    """Refuses intervals whose times are not finite, run backwards, overlap or begin before 0.

    Raises:
        ValueError: they do.
    """
    last = 0.0
    for label, start, end in intervals:
        if not (math.isfinite(start) and math.isfinite(end)):
            raise ValueError(f"the times of {name} {label!r} are not finite.")
        if start < last - 1e-3 or end < start:
            raise ValueError(f"{name} {label!r} from {start:g} to {end:g} s is out of order.")
        last = end


def textgrid_times(path: str | Path) -> tuple[list[Interval], list[Interval] | None]:
    """Words and, where it has such a tier, phones of a TextGrid (tiers `words` and `phones`, in any case; with several
    speakers the first one's).

    Raises:
        ValueError: no TextGrid, or no tier of words.
    """
    tiers = {name.lower().rpartition(" - ")[2]: tier for name, tier in reversed(read_textgrid(path).items())}
    words = next((tiers[name] for name in _WORD_TIERS if name in tiers), None)
    phones = next((tiers[name] for name in _PHONE_TIERS if name in tiers), None)
    if words is None:
        raise ValueError(f"{path} has no tier of words; its tiers are {', '.join(tiers) or 'none'}.")
    return [word for word in words if word[0].lower() not in SILENCES], phones


def given_phone_times(words: Sequence[Interval], phones: Sequence[Interval], seconds: float) -> TimedPhonemes:
    """Phonemes from times of words and phones, e.g. of the Montreal Forced Aligner.

    Args:
        words: without silences.
        phones: ARPAbet with stress ("AH0"); silences between words are left out or named `sil`, `sp` or nothing.
        seconds: length of the clip.

    Raises:
        ValueError: times out of order or beyond the clip, a word without phones, phones outside of words, another alphabet.
    """
    spoken = [phone for phone in phones if phone[0].lower() not in SILENCES]
    check_intervals(words, "word")
    check_intervals(spoken, "phone")
    if words and words[-1][2] > seconds + 0.1:
        raise ValueError(f"the words last until {words[-1][2]:.2f} s but the clip only {seconds:.2f} s.")
    of_words: list[list[Interval]] = [[] for _ in words]
    starts = [start for _, start, _ in words]
    for name, start, end in spoken:
        middle = (start + end) / 2
        index = int(np.searchsorted(starts, middle, side="right")) - 1
        if index < 0 or middle > words[index][2]:
            raise ValueError(f"the phone {name!r} at {start:.2f} s lies in no word.")
        of_words[index].append((NOISE_PHONEME if name.lower() in _UNKNOWN else name.upper(), start, end))
    empty = [word[0] for word, inside in zip(words, of_words, strict=True) if not inside]
    if empty:
        raise ValueError(f"the word {empty[0]!r} has no phones.")
    pronunciations = [[name for name, _, _ in inside] for inside in of_words]
    phoneme_ids(name for pronunciation in pronunciations for name in pronunciation)
    phonemization = assemble([word.lower() for word, _, _ in words], pronunciations)
    times = contiguous_times([[(start, end) for _, start, end in inside] for inside in of_words], seconds)
    return _timed(phonemization.phonemes, phonemization.word_index, phonemization.words, times)


def forced_phone_times(
    sound: np.ndarray,
    text: str,
    corpus_words: Sequence[Interval] | None = None,
    keep_given: bool = False,
    lexicon: Lexicon = NO_WORDS,
) -> TimedPhonemes:
    """Phonemes of a text by forced alignment.

    Args:
        sound: `(samples,)` at 16 kHz.
        text: what is said.
        corpus_words: given word times, to compare with.
        keep_given: let the words start and end at the given times; the alignment then only divides each word.
        lexicon: pronunciations that go before the package's own.

    Raises:
        ValueError: the text does not fit the sound, or (with `keep_given`) the given words are not those of the text.
    """
    seconds = len(sound) / SAMPLING_RATE
    aligned = align_with_score(sound, text, lexicon)
    result = _timed(*_parts(aligned), aligned.times, score=round(aligned.score, 3))
    if not corpus_words:
        if keep_given:
            raise ValueError("there are no word times to keep; use --times forced.")
        return result
    check_intervals(corpus_words, "word")
    if len(corpus_words) != len(result.words):
        reason = f"the corpus gives times of {len(corpus_words)} words, the text has {len(result.words)}"
        if keep_given:
            raise ValueError(f"{reason}; use --times forced.")
        result.remarks.append(f"{reason}: not compared")
        return result
    pairs = list(zip(result.words, corpus_words, strict=True))
    differences = [round(abs(mine[k] - given[k]), 4) for mine, given in pairs for k in (1, 2)]
    if keep_given:
        times = _moved(aligned, result, corpus_words, seconds)
        return _timed(*_parts(aligned), times, score=result.score, differences=differences)
    result.differences.extend(differences)
    return result


def _parts(aligned: ScoredAlignment) -> tuple[list[str], list[int], list[str]]:
    phonemization = aligned.phonemization
    return phonemization.phonemes, phonemization.word_index, phonemization.words


def _moved(
    aligned: ScoredAlignment, result: TimedPhonemes, corpus_words: Sequence[Interval], seconds: float
) -> list[tuple[float, float]]:
    """The forced times with each word stretched and moved to its given time."""
    phones: list[list[tuple[float, float]]] = []
    for index, ((_, start, end), (_, new_start, new_end)) in enumerate(zip(result.words, corpus_words, strict=True)):
        scale = (new_end - new_start) / max(end - start, 1e-6)
        inside = [
            time for time, word in zip(aligned.times, aligned.phonemization.word_index, strict=True) if word == index
        ]
        phones.append([(new_start + (a - start) * scale, new_start + (b - start) * scale) for a, b in inside])
    return contiguous_times(phones, seconds)


def _timed(
    phonemes: list[str], word_index: list[int], words: list[str], times: Sequence[tuple[float, float]], **measures
) -> TimedPhonemes:
    rounded = [(round(start, 4), round(end, 4)) for start, end in times]
    spans = []
    for index, word in enumerate(words):
        inside = [time for time, of in zip(rounded, word_index, strict=True) if of == index]
        spans.append((word, inside[0][0], inside[-1][1]))
    return TimedPhonemes(phonemes, word_index, spans, rounded, **measures)

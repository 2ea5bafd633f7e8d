"""Words that a visitor moves: times of words as times of phonemes, which the pipeline takes in place of the lips'."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..processing.audio import MEL_FRAME_RATE
from ..processing.text import Phonemization
from .limits import Problem


Row = Sequence[object]  # word, start and end in seconds, as a table on the page holds them


def rows_of(words: Sequence[tuple[str, float, float]]) -> list[list[str | float]]:
    """The table that a visitor edits."""
    return [[word, round(start, 2), round(end, 2)] for word, start, end in words]


def moved_frames(phonemes: Phonemization, frames: Sequence[int], rows: Sequence[Row]) -> tuple[int, ...]:
    """How long each phoneme lasts when the words lie where a table says; within a word they keep their proportions.

    Args:
        phonemes: of the script.
        frames: mel frames (100 a second) of each phoneme in the take whose words were moved.
        rows: word, start and end in seconds of each word, in the order of the script.

    Returns:
        Mel frames of each phoneme; the sum is that of `frames`.

    Raises:
        Problem: not a row for each word, no numbers, words that overlap, leave the clip or are too short for their phonemes.
    """
    total = int(sum(frames))
    spans = _spans(phonemes.words, rows, total)
    owner = np.asarray(phonemes.word_index)
    moved = np.zeros(len(owner), dtype=int)
    edges = [0, *(edge for span in spans for edge in span), total]
    gaps = [end - start for start, end in zip(edges[::2], edges[1::2], strict=True)]
    moved[_pauses(owner)] = gaps
    for index, (start, end) in enumerate(spans):
        own = np.flatnonzero(owner == index)
        if end - start < len(own):
            raise Problem(
                f'"{phonemes.words[index]}" has {len(own)} sounds, which take at least {len(own) / MEL_FRAME_RATE:.2f} s; '
                f"its row gives it {(end - start) / MEL_FRAME_RATE:.2f} s."
            )
        moved[own] = _shared(np.asarray(frames)[own], end - start)
    return tuple(moved.tolist())


def _spans(words: Sequence[str], rows: Sequence[Row], total: int) -> list[tuple[int, int]]:
    """Start and end of each word in mel frames, checked."""
    if len(rows) != len(words):
        raise Problem(f"The table needs a row for each of the {len(words)} words, and has {len(rows)}.")
    spans = []
    for word, row in zip(words, rows, strict=True):
        if len(row) != 3 or row[0] != word:
            raise Problem(
                f'The table\'s row of "{word}" must hold the word, its start and its end; only the times change.'
            )
        start, end = (_frame(word, value, total) for value in row[1:])
        spans.append((start, end))
    for (one, (_, end)), (other, (start, _)) in pairwise(zip(words, spans, strict=True)):
        if start < end:
            raise Problem(
                f'"{other}" would start at {start / MEL_FRAME_RATE:.2f} s, before "{one}" ends at {end / MEL_FRAME_RATE:.2f} s.'
            )
    return spans


def _frame(word: str, value: object, total: int) -> int:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = np.nan
    if not 0 <= seconds <= total / MEL_FRAME_RATE + 0.005:  # what rounding to 0.01 s may add
        raise Problem(f'The times of "{word}" must be seconds from 0 to {total / MEL_FRAME_RATE:.2f}, got {value!r}.')
    return min(total, round(seconds * MEL_FRAME_RATE))


def _pauses(owner: np.ndarray) -> list[int]:
    """The silence before the first word, those between words, that behind the last one."""
    return np.flatnonzero(owner < 0).tolist()


def _shared(frames: np.ndarray, total: int) -> np.ndarray:
    """`total` frames shared in the proportion of `frames`, at least one each."""
    weights = np.maximum(frames, 1).astype(float)
    exact = 1 + (total - len(frames)) * weights / weights.sum()
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts

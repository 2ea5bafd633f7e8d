"""What the pipeline says of a dub's timing: where its words lie, whether they fit, and what listeners would stumble over."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np

from ...models.aligner.modeling_aligner import LEAST_TELLING, FlowDubberAlignerEncoding
from ...processing.audio import MEL_FRAME_RATE
from ...processing.room import FAST_WORDS, FASTEST_PHONEMES_PER_SECOND, check_room, words_to_drop
from ...processing.text import Phonemization


FLAT_LIPS = (
    "the lips hardly move or cannot be seen, so that they do not tell when the words are said: they follow each other at a "
    "natural tempo. If this is the wrong mouth, choose another with --mouth-box x0,y0,x1,y1 (mouth_box= in Python)."
)


def path_words(path: np.ndarray, phonemization: Phonemization, duration: float) -> list[tuple[str, float, float]]:
    """When each word is spoken.

    Args:
        path (`np.ndarray` of shape `(P, 4F)`): 0/1, which phoneme each mel frame (100 a second) holds.
        phonemization: of the script.
        duration (`float`): length of the clip in seconds, which no word exceeds.

    Returns:
        `(word, start, end)` in seconds.
    """
    owner = np.asarray(phonemization.word_index)
    words = []
    for index, word in enumerate(phonemization.words):
        frames = np.flatnonzero(path[owner == index].any(axis=0))
        if frames.size:
            start, end = frames[0] / MEL_FRAME_RATE, (frames[-1] + 1) / MEL_FRAME_RATE
            words.append((word, float(start), float(min(end, duration))))
    return words


def even_frames(phonemization: Phonemization, num_mel_frames: int) -> np.ndarray:
    """The timing of an aligner without natural durations where no lips are read: obligatory phonemes share `num_mel_frames`
    evenly, pauses take none; `(P,)` int."""
    counted = ~np.asarray(phonemization.optional, dtype=bool)
    ends = np.rint(num_mel_frames * np.cumsum(counted) / counted.sum()).astype(np.int64)
    return np.diff(ends, prepend=0)


def hurried_words(phonemization: Phonemization, words: list[tuple[str, float, float]]) -> list[str]:
    """A warning for each run of words that is spoken faster than anybody follows: more than
    `FASTEST_PHONEMES_PER_SECOND` over `FAST_WORDS` words.

    Args:
        words: of [`path_words`], one for each word of the script.
    """
    counts = [len(pronunciation) for pronunciation in phonemization.pronunciations]
    if len(words) != len(counts):  # a word without time of its own cannot be counted
        return []
    size = min(FAST_WORDS, len(words))
    fast = np.zeros(len(words), dtype=bool)
    for first in range(len(words) - size + 1):
        seconds = words[first + size - 1][2] - words[first][1]
        if sum(counts[first : first + size]) > FASTEST_PHONEMES_PER_SECOND * seconds:
            fast[first : first + size] = True
    told = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], fast.astype(int), [0]])))
    for first, end in edges.reshape(-1, 2):
        seconds = max(words[end - 1][2] - words[first][1], 1 / MEL_FRAME_RATE)
        rate = sum(counts[first:end]) / seconds
        said = " ".join(word for word, _, _ in words[first:end])
        most = 60
        shown = said if len(said) <= most else said[: most - 3] + "..."
        told.append(
            f'"{shown}" at {words[first][1]:.2f} s is spoken at {math.ceil(rate)} phonemes a second, too fast to follow; '
            "shorten the script there or take a longer clip."
        )
    return told


def flat_lips(encoding: FlowDubberAlignerEncoding) -> list[list[str]]:
    """[`FLAT_LIPS`] for each row whose lips were read and told nothing."""
    if encoding.telling is None:
        return [[] for _ in encoding.path]
    return [[FLAT_LIPS] if value < LEAST_TELLING else [] for value in encoding.telling.tolist()]


__all__ = [
    "FASTEST_PHONEMES_PER_SECOND",
    "FLAT_LIPS",
    "check_room",
    "even_frames",
    "flat_lips",
    "hurried_words",
    "path_words",
    "words_to_drop",
]

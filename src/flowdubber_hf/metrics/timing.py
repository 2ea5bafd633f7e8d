"""When words are spoken: against the true sound's alignment, or against given times.

Two alignments compare only when they hold the same words (as [`normalize_words`] sees them) in the same order.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..processing.audio import SAMPLING_RATE
from .checks import check_sound
from .words import normalize_words


ONSET_FRAME_SAMPLES = 160
ONSET_RANGE_DB = 25.0
# A word of no length has no share of the time; one frame of the alignment is the least that a word lasts.
MIN_WORD_SECONDS = 0.01


class WordTime(NamedTuple):
    """A spoken word with its start and end in seconds."""

    word: str
    start: float
    end: float


class WordSync(NamedTuple):
    """How far word starts are from where they should be.

    Attributes:
        mean: of |start - start in the reference| over the words, in seconds; 0 is perfect.
        p95: 95th percentile of the same, in seconds, linear between neighbours: of six words it is almost the worst one.
    """

    mean: float
    p95: float


def _check_same_words(times: Sequence[WordTime], reference: Sequence[WordTime]) -> None:
    spoken, expected = ([normalize_words(time[0]) for time in words] for words in (times, reference))
    if not spoken or spoken != expected:
        raise ValueError("word times compare only between two alignments of the same words.")


def word_start_differences(times: Sequence[WordTime], reference: Sequence[WordTime]) -> np.ndarray:
    """Start minus start in the reference of each word, `(words,)` in seconds; positive where `times` is later, 0 is perfect.

    Args:
        times: `(word, start, end)` in seconds, of the dub.
        reference: the same of the true sound, or times that were given with the corpus.

    Raises:
        ValueError: no words, or others.
    """
    _check_same_words(times, reference)
    return np.array([time[1] for time in times], float) - np.array([time[1] for time in reference], float)


def word_sync(times: Sequence[WordTime], reference: Sequence[WordTime]) -> WordSync:
    """Mean and 95th percentile over the words of |start - start in the reference|, in seconds; 0 is perfect.

    Both from one aligner: [`align_words`] and [`align_words_steadily`] differ by a few hundredths of a second, and so do the
    times that a corpus ships. For the 95th percentile of many clips take [`word_start_differences`] of all of them together:
    percentiles do not average.

    Args:
        times: `(word, start, end)` in seconds, of the dub.
        reference: the same of the true sound, or times that were given with the corpus.

    Raises:
        ValueError: no words, or others.
    """
    differences = np.abs(word_start_differences(times, reference))
    return WordSync(float(differences.mean()), float(np.percentile(differences, 95)))


def mean_word_start_difference(times: Sequence[WordTime], reference: Sequence[WordTime]) -> float:
    """The mean of [`word_sync`]."""
    return word_sync(times, reference).mean


def speech_shift(times: Sequence[WordTime], reference: Sequence[WordTime]) -> float:
    """Median over the words of start - start in the reference, in seconds; positive where `times` is later."""
    return float(np.median(word_start_differences(times, reference)))


def _durations(times: Sequence[WordTime]) -> np.ndarray:
    return np.array([time[2] - time[1] for time in times], float)


def duration_error(times: Sequence[WordTime], reference: Sequence[WordTime]) -> float:
    """Mean over the words of |duration - duration in the reference|, in seconds; 0 is perfect. A shift costs nothing.

    Args:
        times: `(word, start, end)` in seconds, of the dub.
        reference: the same of the true sound.

    Raises:
        ValueError: no words, or others.
    """
    _check_same_words(times, reference)
    return float(np.abs(_durations(times) - _durations(reference)).mean())


def sync_kl(times: Sequence[WordTime], reference: Sequence[WordTime]) -> float:
    """Divergence of the rhythm: how the time of speaking is divided among the words, in nats; 0 is perfect, no upper bound.

    KL(p || q) = sum of p ln(p / q), where p are the words' shares of the sum of all words' durations in the reference and q
    those in the dub; a word counts as at least 10 ms. Neither a shift nor one speed for all words costs anything.

    Source: the duration divergence against the true sound that CoSyncDiT's paper introduces as Sync-KL. Its formula, units of
    speech and aligner are not published in code: figures of this function compare with each other, not with that paper's.

    Args:
        times: `(word, start, end)` in seconds, of the dub.
        reference: the same of the true sound.

    Raises:
        ValueError: other words, or only one: its share is always the whole.
    """
    _check_same_words(times, reference)
    if len(times) < 2:
        raise ValueError("the rhythm of one word cannot be told; two words or more are needed.")
    dub, truth = (np.maximum(_durations(words), MIN_WORD_SECONDS) for words in (times, reference))
    p, q = truth / truth.sum(), dub / dub.sum()
    return float(max(0.0, np.sum(p * np.log(p / q))))


def length_difference(sound: np.ndarray, num_samples: int) -> int:
    """Samples that `(samples,)` sound has more (positive) or fewer than the clip's `num_samples`; 0 is right."""
    return len(sound) - num_samples


def length_error(sound: np.ndarray, num_samples: int) -> float:
    """|length - length of the picture| in seconds; 0 is right.

    Args:
        sound: `(samples,)` at 16 kHz.
        num_samples: of the clip: 640 a video frame at 25 fps.
    """
    return abs(length_difference(sound, num_samples)) / SAMPLING_RATE


def speech_onset(sound: np.ndarray) -> float:
    """Start of speech in `(samples,)` 16 kHz sound, in seconds, by level alone.

    The first of three 10 ms frames in a row that are all within 25 dB of the loudest frame. Raises `ValueError` on silence and
    on sound without 30 ms of speech.
    """
    wave = check_sound(sound, 3 * ONSET_FRAME_SAMPLES / SAMPLING_RATE).astype(np.float64)
    frames = wave[: len(wave) // ONSET_FRAME_SAMPLES * ONSET_FRAME_SAMPLES].reshape(-1, ONSET_FRAME_SAMPLES)
    level = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)
    loud = level > level.max() - ONSET_RANGE_DB
    starts = np.flatnonzero(loud[:-2] & loud[1:-1] & loud[2:])
    if starts.size == 0:
        raise ValueError("the sound holds no 30 ms of speech: it has no onset.")
    return float(starts[0] * ONSET_FRAME_SAMPLES / SAMPLING_RATE)

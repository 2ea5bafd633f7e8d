"""Timing from a mouth that says something else: words in the stretches in which it moves, at their natural proportions.

After DubWise (arXiv 2406.08802): what is seen of a translated line is when its speaker talks, not which sounds."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..processing.audio import MEL_FRAMES_PER_VIDEO_FRAME
from ..processing.text import Phonemization
from .speaker import STILL


_SMOOTH = 5  # pictures over which the movement is averaged
_CLOSED, _SHORT = 6, 4  # pictures: pauses that are bridged, stretches that are left out
_SLOWEST = 1.5  # times as long as by nature
_STEPS = 40  # tries at shorter words until all fit


def speaking_spans(crops: np.ndarray, seen: np.ndarray) -> list[tuple[int, int]]:
    """The stretches in which a mouth moves; all of the clip where none can be told.

    Args:
        crops (`np.ndarray` of shape `(F, 96, 96)`, uint8): mouths, 25 a second.
        seen (`(F,)` bool): which of them are seen.

    Returns:
        First picture and one behind the last of each, in order and apart.
    """
    count = len(crops)
    values = crops.astype(np.float32)
    if not seen.any():
        return [(0, count)]
    values = (values - values[seen].mean()) / (values[seen].std() + 4.0)
    change = np.abs(np.diff(values[:, 30:76, 16:80], axis=0)).mean((1, 2)) * (seen[1:] & seen[:-1])
    smooth = np.convolve(np.concatenate([[0.0], change]), np.ones(_SMOOTH) / _SMOOTH, mode="same")
    moving = np.flatnonzero(smooth > STILL)
    if not moving.size:
        return [(0, count)]
    runs = np.split(moving, np.flatnonzero(np.diff(moving) > _CLOSED) + 1)
    spans = [(int(run[0]), int(run[-1]) + 1) for run in runs if run[-1] - run[0] + 1 >= _SHORT]
    return spans or [(0, count)]


def spread(
    phonemization: Phonemization, natural: np.ndarray, spans: Sequence[tuple[int, int]], num_frames: int
) -> np.ndarray:
    """Mel frames of each phoneme: words one after another in the spans, as long as by nature or in proportion to it.

    A word that has no room left in its span begins the next one; what does not fit there ends behind the last.

    Args:
        phonemization: of the script.
        natural (`(P,)` int): mel frames of each phoneme by nature.
        spans: pictures in which the mouth moves, as of [`speaking_spans`].
        num_frames: pictures of the clip.

    Returns:
        `(P,)` int64 with the sum `4 * num_frames`.
    """
    owner, rate = np.asarray(phonemization.word_index), MEL_FRAMES_PER_VIDEO_FRAME
    words = [np.flatnonzero(owner == word) for word in range(len(phonemization.words))]
    lengths = np.array([max(1, natural[word].sum()) for word in words], dtype=np.float64)
    room = [(rate * first, rate * stop) for first, stop in spans]
    total = rate * num_frames
    scale = min(_SLOWEST, sum(stop - first for first, stop in room) / lengths.sum())
    for _ in range(_STEPS):
        places = _places(lengths * scale, room)
        if places[-1][1] <= total:
            break
        scale *= 0.95
    else:
        places = _places(lengths * total / lengths.sum(), [(0, total)])
    frames = np.zeros(len(owner), dtype=np.int64)
    ends = np.rint([edge for place in places for edge in place]).astype(np.int64)
    for word, (first, stop) in zip(words, ends.reshape(-1, 2), strict=True):
        shares = np.cumsum(np.maximum(natural[word], 1)) * (stop - first) / np.maximum(natural[word], 1).sum()
        frames[word] = np.diff(np.rint(shares).astype(np.int64), prepend=0)
    for word, (before, after) in zip(words[1:], pairwise(ends.reshape(-1, 2)), strict=True):
        frames[word[0] - 1] += after[0] - before[1]  # the pause between two words
    frames[0] += ends[0]
    frames[-1] += total - ends[-1]
    return frames


def _places(lengths: np.ndarray, room: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    places, at = [], 0
    place = float(room[0][0])
    for length in lengths:
        if place + length / 2 > room[at][1] and at + 1 < len(room):
            at += 1
            place = max(place, float(room[at][0]))
        places.append((place, place + length))
        place += length
    return places

"""Timing from a mouth that says something else: words in the stretches in which it moves, at their natural proportions.

After DubWise (arXiv 2406.08802): what is seen of a translated line is when its speaker talks, not which sounds."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence

import numpy as np

from ..processing.audio import MEL_FRAMES_PER_VIDEO_FRAME
from ..processing.text import Phonemization
from .speaker import STILL


_SMOOTH = 5  # pictures over which the movement is averaged
_MOST = 0.15  # movement from one picture to the next that counts: a cut is no speech
_ENDS = 0.04  # movement below which a mouth that spoke has stopped: last syllables move it little
_CLOSED, _SHORT = 6, 7  # pictures: pauses that are bridged, stretches that are left out
_BEFORE, _AFTER = 3, 2  # pictures that it moves before it is heard, and after: the medians of 18 GRID clips
_FASTEST, _SLOWEST = 0.8, 1.5  # times as long as by nature
_HURRY = 3.0  # mel frames of a moving mouth without words that one of words without room is worth
_BREAKS = {"sentence": 0.0, "clause": 5.0, "word": 15.0}  # the same for a pause behind each of these


def speaking_spans(crops: np.ndarray, seen: np.ndarray) -> list[tuple[int, int]]:
    """The stretches in which a mouth moves; all of the clip where none can be told.

    Who spoke before a cut-away and moves behind it spoke through it.

    Args:
        crops (`np.ndarray` of shape `(F, 96, 96)`, uint8): mouths, 25 a second.
        seen (`(F,)` bool): which of them are seen.

    Returns:
        First picture and one behind the last of each, in order and apart.
    """
    shown = np.flatnonzero(seen)
    runs = [(int(shown[a]), int(shown[b - 1]) + 1) for a, b in _runs(_movement(crops, seen)[shown])]
    return runs or [(0, len(crops))]


def _movement(crops: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """`(F,)`: the mean change around each picture, of those alone that are seen beside the one before."""
    values = crops.astype(np.float32)
    if seen.any():
        values = (values - values[seen].mean()) / (values[seen].std() + 4.0)
    known = np.concatenate([[False], seen[1:] & seen[:-1]])
    change = np.concatenate([[0.0], np.abs(np.diff(values[:, 30:76, 16:80], axis=0)).mean((1, 2))])
    change, around = np.minimum(change, _MOST), np.ones(_SMOOTH)
    count = np.convolve(known, around, mode="same")
    return np.convolve(change * known, around, mode="same") / np.maximum(count, 1)


def _runs(movement: np.ndarray) -> list[tuple[int, int]]:
    """Where speech lies, of pictures that are seen: it begins with a clear movement and goes on while there is some, short pauses included."""
    found: list[tuple[int, int]] = []
    start, last = None, 0
    for place, value in enumerate([*movement, *[0.0] * (_CLOSED + 1)]):
        if value > (STILL if start is None else _ENDS):
            start, last = place if start is None else start, place
        elif start is not None and place - last > _CLOSED:
            found.append((start, last + 1))
            start = None
    return [(first + _BEFORE, stop - _AFTER) for first, stop in found if stop - first >= _SHORT]


def spread(
    phonemization: Phonemization,
    natural: np.ndarray,
    spans: Sequence[tuple[int, int]],
    num_frames: int,
    seen: np.ndarray | None = None,
) -> np.ndarray:
    """Mel frames of each phoneme: words shared out to the spans so that these are filled, at a tempo near their nature; pauses between
    spans fall behind sentences and clauses where they can.

    Args:
        phonemization: of the script.
        natural (`(P,)` int): mel frames of each phoneme by nature.
        spans: pictures in which the mouth moves, as of [`speaking_spans`]. Where they are too short for the words, these go on beside them.
        num_frames: pictures of the clip.
        seen (`(num_frames,)` bool, *optional*): pictures that show the mouth; words that need more room take it of others first.

    Returns:
        `(P,)` int64 with the sum `4 * num_frames`; no phoneme of a word is without a frame.
    """
    owner, rate = np.asarray(phonemization.word_index), MEL_FRAMES_PER_VIDEO_FRAME
    spoken = owner >= 0
    lengths = np.maximum(natural, spoken)
    first = np.array([np.flatnonzero(owner == word)[0] for word in range(len(phonemization.words))])
    last = np.array([np.flatnonzero(owner == word)[-1] + 1 for word in range(len(phonemization.words))])
    total = rate * num_frames
    needed = _FASTEST * lengths[first[0] : last[-1]].sum()
    room = [(rate * a, rate * b) for a, b in _widened(spans, num_frames, seen, needed / rate)]
    line = _Line(lengths, first, last, spoken, _break_costs(phonemization, last))
    groups = line.share_out(room, total) or [(0, total, 0, len(first))]
    frames = np.zeros(len(owner), dtype=np.int64)
    at = 0
    for number, (start, stop, begin, end) in enumerate(groups):
        limit = groups[number + 1][0] if number + 1 < len(groups) else total
        part = slice(first[begin], last[end - 1])
        wanted = np.clip(stop - start, _FASTEST * lengths[part].sum(), _SLOWEST * lengths[part].sum())
        length = int(max(spoken[part].sum(), min(round(wanted), limit - start)))
        frames[part] = _portioned(lengths[part], spoken[part], length)
        frames[part.start - 1] += start - at
        at = start + length
    frames[-1] += total - at
    return frames


def _portioned(lengths: np.ndarray, spoken: np.ndarray, length: int) -> np.ndarray:
    """`length` frames in proportion, at least one for each phoneme that is spoken."""
    weights = (lengths - spoken).astype(np.float64) + 1e-6
    ends = np.rint(np.cumsum(weights) * (length - spoken.sum()) / weights.sum()).astype(np.int64)
    return spoken + np.diff(ends, prepend=0)


def _widened(
    spans: Sequence[tuple[int, int]], num_frames: int, seen: np.ndarray | None, needed: float
) -> list[tuple[int, int]]:
    """Spans of at least so many pictures in all, or the whole clip: pictures beside them that are not seen are taken first."""
    taken = np.zeros(num_frames, dtype=bool)
    for start, stop in spans:
        taken[start:stop] = True
    hidden = np.zeros(num_frames, dtype=bool) if seen is None else ~seen
    while taken.sum() < needed and not taken.all():
        beside = taken.copy()
        beside[1:] |= taken[:-1]
        beside[:-1] |= taken[1:]
        unseen = beside & hidden & ~taken
        taken = taken | unseen if unseen.any() else beside
    edges = np.flatnonzero(np.diff(np.concatenate([[0], taken.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _break_costs(phonemization: Phonemization, last: np.ndarray) -> np.ndarray:
    """What a pause behind each word costs."""
    kinds = []
    for word, stop in enumerate(last):
        sentence = phonemization.phonemes[stop] == "sil"
        kinds.append("sentence" if sentence else "clause" if word in phonemization.clause_ends else "word")
    return np.array([_BREAKS[kind] for kind in kinds])


class _Line:
    """The words of a line and how long they are.

    Args:
        lengths (`(P,)`): mel frames of the phonemes by nature.
        first, last (`(W,)`): of each word's phonemes, and behind them.
        spoken (`(P,)` bool): phonemes of words.
        breaks (`(W,)`): what a pause behind each word costs.
    """

    def __init__(
        self, lengths: np.ndarray, first: np.ndarray, last: np.ndarray, spoken: np.ndarray, breaks: np.ndarray
    ):
        self._first, self._last, self._breaks = first, last, breaks
        self._until = np.concatenate([[0], np.cumsum(lengths)])
        self._least = np.concatenate([[0], np.cumsum(spoken)])

    def share_out(self, room: Sequence[tuple[int, int]], total: int) -> list[tuple[int, int, int, int]] | None:
        """Begin and end of each span that gets words, and its first word and one behind its last; `None` where no way fits."""
        count = len(self._first)
        tempo = sum(stop - start for start, stop in room) / self._length(0, count)
        usual = float(np.log(np.clip(tempo, _FASTEST, _SLOWEST)))
        costs, ways = [[0.0] + [np.inf] * count], []
        for number, (start, stop) in enumerate(room):
            limit = room[number + 1][0] if number + 1 < len(room) else total
            rows = [
                min(
                    (costs[-1][begin] + self._cost(begin, end, stop - start, limit - start, usual), begin)
                    for begin in range(end + 1)
                )
                for end in range(count + 1)
            ]
            costs.append([cost for cost, _ in rows])
            ways.append([begin for _, begin in rows])
        if not np.isfinite(costs[-1][count]):
            return None
        found, end = [], count
        for (start, stop), way in zip(reversed(room), reversed(ways), strict=True):
            if way[end] < end:
                found.append((start, stop, way[end], end))
            end = way[end]
        return found[::-1]

    def _length(self, begin: int, end: int) -> float:
        return float(self._until[self._last[end - 1]] - self._until[self._first[begin]])

    def _cost(self, begin: int, end: int, length: int, limit: int, usual: float) -> float:
        """Of some words in a span of so many mel frames, from which on so many are free: moving mouths without words, haste, uneven tempo."""
        if begin == end:
            return float(length)
        if self._least[self._last[end - 1]] - self._least[self._first[begin]] > limit:
            return float("inf")
        nature = self._length(begin, end)
        idle, short = max(0.0, length - _SLOWEST * nature), max(0.0, _FASTEST * nature - length)
        uneven = float(np.log(np.clip(length / nature, _FASTEST, _SLOWEST))) - usual
        pause = self._breaks[end - 1] if end < len(self._first) else 0.0
        return idle + _HURRY * short + nature * uneven**2 + float(pause)

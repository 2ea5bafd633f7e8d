"""Words where a mouth moves, whatever it says."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.film.activity import speaking_spans, spread
from flowdubber_hf.processing.text import phonemize


def mouths(moving: list[tuple[int, int]], count: int = 60) -> np.ndarray:
    """Still pictures, and noise where the mouth moves."""
    random = np.random.default_rng(0)
    crops = np.repeat(random.integers(60, 200, (1, 96, 96), dtype=np.uint8), count, axis=0)
    for first, stop in moving:
        crops[first:stop, 40:70, 20:76] = random.integers(0, 255, (stop - first, 30, 56), dtype=np.uint8)
    return crops


def test_stretches_in_which_a_mouth_moves():
    spans = speaking_spans(mouths([(10, 25), (40, 55)]), np.ones(60, bool))
    assert len(spans) == 2
    for (first, stop), (wanted, end) in zip(spans, [(10, 25), (40, 55)], strict=True):
        assert abs(first - wanted) <= 3 and abs(stop - end) <= 3


def test_a_still_or_unseen_mouth_tells_nothing():
    assert speaking_spans(mouths([]), np.ones(60, bool)) == [(0, 60)]
    assert speaking_spans(mouths([(10, 30)]), np.zeros(60, bool)) == [(0, 60)]


@pytest.mark.parametrize(
    ("spans", "count"),
    [([(10, 25), (40, 55)], 60), ([(0, 60)], 60), ([(50, 56)], 60), ([(2, 6), (8, 12), (20, 24)], 30)],
)
def test_words_lie_in_the_stretches(spans, count):
    script = phonemize("place blue at f two now")
    natural = np.where(np.array(script.word_index) < 0, 0, 8)
    frames = spread(script, natural, spans, count)
    assert frames.sum() == 4 * count and (frames >= 0).all()
    ends = np.cumsum(frames)
    owner = np.array(script.word_index)
    starts = [ends[np.flatnonzero(owner == word)[0]] - frames[np.flatnonzero(owner == word)[0]] for word in range(6)]
    assert starts == sorted(starts) and starts[0] >= 0
    if spans == [(10, 25), (40, 55)]:
        assert starts[0] == 40 and any(abs(start - 160) <= 1 for start in starts)
        inside = [40 <= start <= 100 or 160 <= start <= 220 for start in starts]
        assert all(inside)

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


def test_a_cut_away_belongs_to_speech_that_goes_on_behind_it():
    seen = np.ones(80, bool)
    seen[20:35] = False
    crops = mouths([(10, 20), (35, 50)], 80)
    crops[~seen] = 0
    ((first, stop),) = speaking_spans(crops, seen)
    assert abs(first - 10) <= 3 and abs(stop - 50) <= 3
    ((first, stop),) = speaking_spans(mouths([(10, 20)], 80), seen)  # it is still when it comes back
    assert abs(first - 10) <= 3 and stop <= 20
    before, behind = speaking_spans(mouths([(2, 10), (55, 70)], 80), seen)
    assert before[1] <= 13 and behind[0] >= 52


def test_a_cut_is_no_speech():
    crops = mouths([], 60)
    crops[30:] = np.random.default_rng(1).integers(60, 200, (96, 96), dtype=np.uint8)
    assert speaking_spans(crops, np.ones(60, bool)) == [(0, 60)]


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


def timed(text: str, spans: list[tuple[int, int]], count: int, seen: np.ndarray | None = None, each: int = 8):
    """Start and end of each word in mel frames."""
    script = phonemize(text)
    owner = np.array(script.word_index)
    frames = spread(script, np.where(owner < 0, 0, each), spans, count, seen)
    assert frames.sum() == 4 * count and (frames[owner >= 0] >= 1).all()
    ends = np.cumsum(frames)
    places = [np.flatnonzero(owner == word) for word in range(len(script.words))]
    return [(int(ends[place[0]] - frames[place[0]]), int(ends[place[-1]])) for place in places]


def test_a_pause_of_the_mouth_falls_between_two_sentences():
    words = timed("Set red by nine again. Lay blue now.", [(10, 38), (60, 80)], 90)
    assert words[4][1] <= 152 and words[5][0] == 240
    # The second stretch is longer than its sentence could fill: some of the first one's words go there.
    words = timed("Set red by nine again. Lay.", [(10, 20), (40, 80)], 90)
    assert [first >= 160 for first, _ in words].count(True) >= 3


def test_words_without_room_are_said_where_nothing_is_seen_first():
    seen = np.ones(100, bool)
    seen[30:60] = False
    words = timed("Place blue at f two now.", [(20, 30)], 100, seen)
    assert words[0][0] == 80 and 120 < words[-1][1] <= 240
    assert max(last for _, last in timed("Place blue at f two now.", [(20, 30)], 100)) <= 240


def test_every_phoneme_is_said_in_the_least_room():
    script = phonemize("Place blue at f two now.")
    count = -(-sum(len(word) for word in script.pronunciations) // 4)
    assert timed("Place blue at f two now.", [(2, 4)], count, each=30)[0][0] >= 0

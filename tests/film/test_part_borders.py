"""Long cues in parts that meet where the mouth rests."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.film.part_borders import REACH, moved_borders, resting_place


COUNT = 2 * REACH


def mouth(*rests: tuple[int, int]) -> np.ndarray:
    """A mouth that moves all the time but there."""
    random = np.random.default_rng(0)
    crops = np.repeat(random.integers(60, 200, (1, 96, 96), dtype=np.uint8), COUNT, axis=0)
    moves = np.ones(COUNT, bool)
    for first, stop in rests:
        moves[first:stop] = False
    crops[moves, 40:70, 20:76] = random.integers(0, 255, (moves.sum(), 30, 56), dtype=np.uint8)
    return crops


SEEN = np.ones(COUNT, bool)


@pytest.mark.parametrize(
    ("rests", "place"),
    [
        ([(90, 110)], 100),
        ([(20, 40), (90, 110)], 100),  # the nearer one
        ([(50, 62), (85, 121)], 103),  # the longer one, though it is further away
        ([], REACH),
    ],
)
def test_the_rest_at_which_a_sentence_ends(rests, place):
    assert abs(resting_place(mouth(*rests), SEEN, REACH) - place) <= 4


def test_what_is_not_seen_is_no_rest():
    seen = SEEN.copy()
    seen[80:120] = False
    crops = mouth((80, 120), (20, 40))
    assert abs(resting_place(crops, seen, REACH) - 30) <= 4
    assert resting_place(crops, np.zeros(COUNT, bool), REACH) == REACH


def test_borders_move_and_parts_keep_their_limits():
    late = mouth((90, 110)), SEEN  # 25 pictures behind the border
    moved = moved_borders([0, 400, 800, 1200], [late, None], 750, 50)
    assert moved[0] == 0 and abs(moved[1] - 425) <= 4 and moved[2:] == [800, 1200]
    assert moved_borders([0, 740, 1000], [late], 750, 50) == [0, 740, 1000]
    assert moved_borders([0, 400, 460], [late], 750, 50) == [0, 400, 460]

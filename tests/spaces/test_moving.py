"""Words moved in the table: phonemes keep their proportions, everything else is refused in a sentence."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.page.limits import Problem
from flowdubber_hf.page.moving import moved_frames, rows_of
from flowdubber_hf.processing.text import assemble


PHONEMES = assemble(["place", "at"], [["P", "L", "EY1", "S"], ["AE1", "T"]])
FRAMES = [50, 8, 8, 16, 8, 10, 20, 20, 60]  # sil, place, sp, at, sil: two seconds
ROWS = [["place", 0.5, 0.9], ["at", 1.0, 1.4]]


def test_the_table_as_it_was_changes_nothing():
    words = [("place", 0.5, 0.9), ("at", 1.0, 1.4)]
    assert rows_of(words) == ROWS
    assert moved_frames(PHONEMES, FRAMES, ROWS) == tuple(FRAMES)


def test_a_word_moved_takes_its_phonemes_with_it():
    assert moved_frames(PHONEMES, FRAMES, [["place", 0.1, 0.5], ["at", 1.0, 1.4]]) == (10, 8, 8, 16, 8, 50, 20, 20, 60)


def test_a_word_drawn_out_keeps_its_proportions():
    moved = moved_frames(PHONEMES, FRAMES, [["place", 0.2, 1.0], ["at", "1.0", 2]])
    assert sum(moved) == sum(FRAMES) == 200
    assert (moved[0], moved[5], moved[8]) == (20, 0, 0)  # no pause between them, no silence at the end
    np.testing.assert_allclose(moved[1:5], [16, 16, 32, 16], atol=1)
    assert moved[6:8] == (50, 50)


def test_as_short_as_a_word_can_be():
    moved = moved_frames(PHONEMES, FRAMES, [["place", 0.5, 0.54], ["at", 1.0, 1.02]])
    assert moved == (50, 1, 1, 1, 1, 46, 1, 1, 98)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROWS[0]], "a row for each of the 2 words, and has 1"),
        ([["place", 0.5, 0.9], ["in", 1.0, 1.4]], 'row of "at" must hold the word'),
        ([["place", 0.5], ROWS[1]], 'row of "place" must hold the word'),
        ([["place", 0.5, 0.53], ROWS[1]], '"place" has 4 sounds, which take at least 0.04 s'),
        ([["place", 0.9, 0.5], ROWS[1]], "at least 0.04 s"),
        ([["place", 0.5, 1.2], ROWS[1]], '"at" would start at 1.00 s, before "place" ends at 1.20 s'),
        ([ROWS[0], ["at", 1.0, 2.1]], 'times of "at" must be seconds from 0 to 2.00, got 2.1'),
        ([["place", -0.1, 0.9], ROWS[1]], "seconds from 0 to 2.00"),
        ([["place", "soon", 0.9], ROWS[1]], "got 'soon'"),
        ([["place", None, 0.9], ROWS[1]], "got None"),
        ([["place", float("nan"), 0.9], ROWS[1]], "got nan"),
    ],
)
def test_wrong_tables(rows, message):
    with pytest.raises(Problem) as refusal:
        moved_frames(PHONEMES, FRAMES, rows)
    assert message in str(refusal.value)

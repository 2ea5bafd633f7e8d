"""Windows of cues and what is seen in them."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools

import numpy as np
import pytest

from flowdubber_hf.film.faces import FaceTrack
from flowdubber_hf.film.source import GRID_STEP
from flowdubber_hf.film.windows import Span, choose_timing, cue_window, find_windows, mouths_in


def windows(
    *spans: tuple[float, float, str], extra: list[float] | None = None, num_grid: int = 1000
) -> list[tuple[float, float]]:
    given = [Span(round(start * 1e6), round(end * 1e6), speaker) for start, end, speaker in spans]
    more = None if extra is None else [round(one * 1e6) for one in extra]
    return [(a / 25, b / 25) for a, b in find_windows(given, num_grid, more)]


def test_a_quarter_of_a_second_of_the_gaps() -> None:
    assert windows((1, 2, "a")) == [(0.72, 2.28)]  # outwards to whole pictures
    assert windows((0.1, 2, "a")) == [(0.0, 2.28)]
    assert windows((39, 39.9, "a")) == [(38.72, 40.0)]


def test_never_over_the_next_cue_of_the_same_speaker() -> None:
    assert windows((1, 2, "a"), (2, 3, "a")) == [(0.72, 2.0), (2.0, 3.28)]
    assert windows((1, 2, "a"), (2.3, 3, "a")) == [(0.72, 2.16), (2.16, 3.28)]
    (_, first), (second, _) = windows((1, 2.013, "a"), (2.013, 3, "a"))
    assert first == second == 2.0
    # The border lies in the gap where a picture begins in it.
    assert windows((1, 2.01, "a"), (2.05, 3, "a"))[0][1] == 2.04


def test_gaps_end_at_others_cues() -> None:
    assert windows((1, 2, "a"), (2.1, 3, "b")) == [(0.72, 2.12), (2.0, 3.28)]
    assert windows((1, 3, "a"), (2, 4, "b")) == [(0.72, 3.0), (2.0, 4.28)]
    long_ago = windows((1, 9, "a"), (2, 3, "b"), (9.5, 11, "a"))
    assert long_ago[2] == (9.24, 11.28) and long_ago[0] == (0.72, 9.28)


def test_borrowed_time() -> None:
    assert windows((1, 2, "a"), (5, 6, "a"), extra=[1.0, 0])[0] == (0.72, 3.28)
    assert windows((1, 2, "a"), (2.5, 6, "b"), extra=[1.0, 0])[0] == (0.72, 2.52)
    assert windows((1, 2, "a"), (2.6, 6, "a"), extra=[1.0, 0])[0] == (0.72, 2.32)


def test_borders_of_one_speaker_never_cross() -> None:
    generator = np.random.default_rng(0)
    edges = np.sort(generator.integers(0, 39_000_000, 200))
    spans = [Span(int(a), int(b), "a") for a, b in edges.reshape(-1, 2) if b > a]
    found = find_windows(spans, 1000)
    assert all(a[1] <= b[0] or b[1] - b[0] == 1 for a, b in itertools.pairwise(found))


def test_unseen_cues_begin_at_their_time() -> None:
    assert cue_window(1_010_000, 2_000_000, (18, 57)) == (25, 50)
    assert cue_window(1_039_000, 2_010_000, (18, 57)) == (26, 51)


def test_mouths_of_a_window() -> None:
    crops = np.arange(10, dtype=np.uint8)[:, None, None] + np.zeros((10, 96, 96), np.uint8) + 1
    seen = np.array([True] * 4 + [False] + [True] * 5)
    track = FaceTrack(100, np.zeros((10, 4), np.float32), seen, crops)
    found, shown = mouths_in(track, (98, 107))
    assert shown.tolist() == [False, False, True, True, True, True, False, True, True]
    assert found[:, 0, 0].tolist() == [0, 0, 1, 2, 3, 4, 0, 6, 7]
    assert not mouths_in(track, (10, 20))[1].any()


def test_timing() -> None:
    assert choose_timing("auto", 0.6) == ("lips", None)
    timing, remark = choose_timing("auto", 0.41)
    assert timing == "cue" and "41 % of the window" in remark
    assert choose_timing("auto", None) == ("cue", None)
    assert choose_timing("lips", 0.3)[0] == "lips" and "30 %" in choose_timing("activity", 0.3)[1]
    for asked in ("lips", "activity"):
        with pytest.raises(ValueError, match=f"although its timing is `{asked}`"):
            choose_timing(asked, None)


def test_the_grid_is_that_of_the_models() -> None:
    assert GRID_STEP * 25 == 1_000_000

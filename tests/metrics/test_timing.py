"""Word starts, durations, rhythm and lengths, against cases worked out by hand."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest

from flowdubber_hf.metrics import functional
from flowdubber_hf.metrics.functional import WordTime


def words(*times: tuple[float, float]) -> list[WordTime]:
    return [WordTime(f"w{index}", *time) for index, time in enumerate(times)]


REFERENCE = words((0.1, 0.3), (0.5, 0.6), (0.9, 1.2))


def shifted(times: list[WordTime], seconds: float) -> list[WordTime]:
    return [WordTime(word, start + seconds, end + seconds) for word, start, end in times]


def test_a_copy_is_in_perfect_time():
    assert functional.word_sync(REFERENCE, REFERENCE) == (0.0, 0.0)
    assert functional.duration_error(REFERENCE, REFERENCE) == 0.0
    assert functional.sync_kl(REFERENCE, REFERENCE) == 0.0


def test_a_shift_of_200_ms_costs_200_ms_in_either_direction():
    for seconds in (0.2, -0.2):
        late = shifted(REFERENCE, seconds)
        assert functional.word_start_differences(late, REFERENCE) == pytest.approx([seconds] * 3)
        assert functional.word_sync(late, REFERENCE) == (pytest.approx(0.2), pytest.approx(0.2))
        assert functional.speech_shift(late, REFERENCE) == pytest.approx(seconds)
        assert functional.duration_error(late, REFERENCE) == pytest.approx(0.0)
        assert functional.sync_kl(late, REFERENCE) == pytest.approx(0.0)


def test_the_95th_percentile_is_linear_between_neighbours():
    times = words((0.1, 0.3), (0.6, 0.7), (1.2, 1.5))  # 0, 0.1 and 0.3 s late: 95 % lies nine tenths from 0.1 to 0.3
    sync = functional.word_sync(times, REFERENCE)
    assert sync.mean == pytest.approx(0.4 / 3)
    assert sync.p95 == pytest.approx(0.28)


def test_one_word_is_enough_for_its_start_and_its_duration_but_has_no_rhythm():
    times, reference = words((0.2, 0.5)), words((0.1, 0.3))
    assert functional.word_sync(times, reference) == (pytest.approx(0.1), pytest.approx(0.1))
    assert functional.duration_error(times, reference) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="one word"):
        functional.sync_kl(times, reference)


def test_rhythm_is_the_divergence_of_shares():
    # a quarter and three quarters of the time in the reference, halves in the dub
    found = functional.sync_kl(words((0, 0.2), (0.3, 0.5)), words((0, 0.1), (0.1, 0.4)))
    assert found == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))


def test_one_speed_for_all_words_keeps_the_rhythm():
    slow = [WordTime(word, 2 * start, 2 * end) for word, start, end in REFERENCE]
    assert functional.sync_kl(slow, REFERENCE) == pytest.approx(0.0, abs=1e-12)
    assert functional.duration_error(slow, REFERENCE) == pytest.approx(0.6 / 3)


def test_a_word_of_no_length_leaves_the_divergence_finite():
    found = functional.sync_kl(words((0, 0.5), (0.5, 0.5)), words((0, 0.1), (0.1, 0.2)))
    assert found == pytest.approx(0.5 * math.log(0.5 * 0.51 / 0.5) + 0.5 * math.log(0.5 * 0.51 / 0.01))


def test_given_words_are_compared_as_words():
    times = [WordTime("z", 0.1, 0.2), WordTime("two", 0.3, 0.4)]
    given = [WordTime("Zed", 0.1, 0.2), WordTime("2", 0.3, 0.4)]
    assert functional.word_sync(times, given) == (0.0, 0.0)


@pytest.mark.parametrize(
    "measure", [functional.word_sync, functional.word_start_differences, functional.duration_error, functional.sync_kl]
)
@pytest.mark.parametrize("times", [[], REFERENCE[:2], [*REFERENCE[:2], WordTime("other", 0.9, 1.2)]])
def test_other_words_do_not_compare(measure, times):
    with pytest.raises(ValueError, match="same words"):
        measure(times, REFERENCE)


@pytest.mark.parametrize(("samples", "seconds"), [(16000, 0.0), (15200, 0.05), (17600, 0.1), (0, 1.0)])
def test_length_error_is_in_seconds(samples, seconds):
    assert functional.length_error(np.zeros(samples, np.float32), 16000) == pytest.approx(seconds)

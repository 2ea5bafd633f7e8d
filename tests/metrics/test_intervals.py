"""Bootstrap intervals over clips, and whether differences of the same clips may be chance."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
import math

import numpy as np
import pytest

from flowdubber_hf.metrics import intervals
from flowdubber_hf.metrics.functional import bootstrap_interval, sign_flip_test


def test_the_interval_of_a_mean_is_that_of_the_normal_law():
    values = np.random.default_rng(1).standard_normal(400)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.02)
    assert high == pytest.approx(values.mean() + half, abs=0.02)


def test_weights_make_it_a_ratio_of_sums():
    # of the possible draws of two clips: both short (1/1), both long (2/10), one each (3/11)
    assert bootstrap_interval([1, 2], [1, 10]) == (pytest.approx(0.2), pytest.approx(1.0))


def test_the_same_values_give_the_same_interval_and_another_seed_another():
    values = np.random.default_rng(0).standard_normal(50)
    assert bootstrap_interval(values) == bootstrap_interval(values)
    assert bootstrap_interval(values) != bootstrap_interval(values, seed=1)


def test_a_wider_level_is_a_wider_interval():
    values = np.random.default_rng(0).standard_normal(50)
    narrow, wide = bootstrap_interval(values, level=0.5), bootstrap_interval(values, level=0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_without_spread_the_interval_is_the_value():
    assert bootstrap_interval([3.0]) == (3.0, 3.0)
    assert bootstrap_interval([2.0, 2.0, 2.0]) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("values", "weights", "reason"),
    [
        ([], None, "per clip"),
        ([1.0], [1.0, 2.0], "per clip"),
        ([1.0, math.nan], None, "not finite"),
        ([1.0, 2.0], [1.0, 0.0], "above 0"),
    ],
)
def test_what_has_no_interval_is_refused(values, weights, reason):
    with pytest.raises(ValueError, match=reason):
        bootstrap_interval(values, weights)


# ---------------------------------------------------------------------------------------------------------------------
# Differences


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1, 2, 3], 2 / 8),  # only all plus and all minus are 6 from 0
        ([3, 1, -1], 6 / 8),  # 3 + 1 + 1, 3 + 1 - 1, 3 - 1 + 1 and their opposites, not 3 - 1 - 1
        ([1, 1, -1], 1.0),
        ([0.1, 0.2, -0.3], 1.0),  # 0 but for rounding
        ([5], 1.0),  # of one clip nothing can be said
        ([0, 0], 1.0),
        ([0, 1, 0, 2, 3], 2 / 8),
    ],
)
def test_p_by_hand(differences, p):
    assert sign_flip_test(differences) == p


def test_p_of_few_clips_is_exact():
    values = np.random.default_rng(2).integers(-4, 6, 9) / 10  # with many equal sums
    signs = np.array(list(itertools.product([1, -1], repeat=len(values))))
    sums = (signs * np.round(10 * values)).sum(axis=1)
    assert sign_flip_test(values) == np.mean(abs(sums) >= abs(np.round(10 * values).sum()))


def test_drawn_signs_come_near_to_all_signs(monkeypatch):
    values = np.random.default_rng(0).standard_normal(15) + 0.8
    exact = sign_flip_test(values)
    monkeypatch.setattr(intervals, "EXACT_DIFFERENCES", 0)
    drawn = sign_flip_test(values)
    assert 0.02 < exact < 0.5
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9999))


def test_drawn_signs_are_the_same_every_time_and_never_0():
    values = np.random.default_rng(0).standard_normal(40)
    assert sign_flip_test(values) == sign_flip_test(values)
    assert sign_flip_test(values) != sign_flip_test(values, seed=1)
    assert sign_flip_test([1.0] * 40) == 1 / 10000
    assert sign_flip_test([1.0] * 40, draws=99) == 1 / 100


@pytest.mark.parametrize("clips", [12, 40])
def test_p_does_not_know_which_side_is_better_nor_the_unit(clips):
    values = np.random.default_rng(0).standard_normal(clips) + 0.3
    p = sign_flip_test(values)
    assert p < 1
    assert sign_flip_test(-values) == p
    assert sign_flip_test(1000 * values) == p


def test_without_an_effect_every_p_is_as_likely():
    generator = np.random.default_rng(0)
    found = np.array([sign_flip_test(generator.standard_normal(10)) for _ in range(1000)])
    for level in (0.05, 0.2, 0.5):
        assert np.mean(found <= level) == pytest.approx(level, abs=3 * math.sqrt(level * (1 - level) / 1000))


@pytest.mark.parametrize(
    ("differences", "options", "reason"),
    [
        ([], {}, "per clip"),
        ([[1.0]], {}, "per clip"),
        ([1.0, math.inf], {}, "not finite"),
        ([1.0], {"draws": 0}, "one draw"),
    ],
)
def test_what_has_no_p_is_refused(differences, options, reason):
    with pytest.raises(ValueError, match=reason):
        sign_flip_test(differences, **options)

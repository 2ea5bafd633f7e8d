"""Bootstrap intervals over clips."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest

from flowdubber_hf.metrics.functional import bootstrap_interval


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

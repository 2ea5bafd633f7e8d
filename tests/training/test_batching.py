"""Which clips a step takes: a pure function of seed and step, passes without repetition, like lengths together."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pickle

import numpy as np
import pytest

from flowdubber_hf.training.batching import BatchPlan, ClipGroup, dropout_seed, row_generator, rows_of_part


LENGTHS = np.random.default_rng(0).integers(10, 200, 100).tolist()


def test_a_step_is_the_same_however_one_gets_there():
    plan = BatchPlan([ClipGroup(LENGTHS, 0.75), ClipGroup([5, 6, 7], 0.25)], 8, seed=3)
    steps = {step: plan(step) for step in (9000, 0, 4095, 4096, 17)}
    fresh = pickle.loads(pickle.dumps(BatchPlan([ClipGroup(LENGTHS, 0.75), ClipGroup([5, 6, 7], 0.25)], 8, seed=3)))
    for step in sorted(steps):
        assert fresh(step)[0] == steps[step][0] and (fresh(step)[1] == steps[step][1]).all()
    other = BatchPlan([ClipGroup(LENGTHS, 0.75), ClipGroup([5, 6, 7], 0.25)], 8, seed=4)
    assert any((other(step)[1] != steps[step][1]).any() for step in (0, 17))


def test_a_pass_takes_each_clip_at_most_once():
    plan = BatchPlan([ClipGroup(LENGTHS)], 8, seed=0)
    for number in range(3):
        taken = np.concatenate([plan(step)[1] for step in range(12 * number, 12 * number + 12)])
        assert len(set(taken)) == 96
    everything = {clip for step in range(120) for clip in plan(step)[1]}
    assert everything == set(range(100))


def test_batches_hold_like_lengths():
    lengths = np.array(LENGTHS)
    plan = BatchPlan([ClipGroup(LENGTHS)], 8, seed=0)
    within = np.mean([np.ptp(lengths[plan(step)[1]]) for step in range(12)])
    assert within < 0.25 * np.ptp(lengths)


def test_groups_come_by_their_shares_and_alone():
    plan = BatchPlan([ClipGroup(LENGTHS, 3.0), ClipGroup([1, 2, 3], 1.0), ClipGroup([], 5.0)], 4, seed=0)
    drawn = [plan(step)[0] for step in range(2000)]
    assert set(drawn) == {0, 1}
    assert np.mean(drawn) == pytest.approx(0.25, abs=0.03)


def test_a_small_group_fills_a_batch_evenly():
    _, chosen = BatchPlan([ClipGroup([4, 5, 6])], 8, seed=0)(0)
    assert sorted(np.bincount(chosen)) == [2, 3, 3]


@pytest.mark.parametrize("groups, message", [([ClipGroup([])], "no clips"), ([ClipGroup([1], -1.0)], "no clips")])
def test_nothing_to_train_on_is_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        BatchPlan(groups, 2, seed=0)


def test_parts_divide_the_rows():
    assert sorted(row for part in range(4) for row in rows_of_part(8, part, 4)) == list(range(8))


def test_draws_differ_by_seed_step_row_and_use():
    keys = [(seed, step, row) for seed in range(3) for step in range(3) for row in range(3)]
    assert len({row_generator(*key).random() for key in keys} | {dropout_seed(*key) for key in keys}) == 2 * len(keys)
    assert row_generator(1, 2, 3).random() == row_generator(1, 2, 3).random()

"""Pieces of messages."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from flowdubber_hf.work.wording import did_you_mean, listed, nearest


def test_a_few_names_and_how_many_more():
    assert listed([]) == ""
    assert listed(["a", "b", "c"]) == "a, b, c"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert listed(["a", "b"], 1, quoted=True) == '"a" and 1 more'
    assert len(listed(["x" * 1000])) == 120


def test_the_nearest_name_if_one_is_near():
    assert nearest("lerning_rate", ["learning_rate", "seed"]) == "learning_rate"
    assert nearest("voice", ["learning_rate", "seed"]) is None
    assert did_you_mean("sed", iter(["learning_rate", "seed"])) == "; did you mean seed?"
    assert did_you_mean("voice", []) == ""
    assert nearest("sed", ["seed"], cutoff=0.99) is None

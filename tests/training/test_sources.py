"""Which clips a run draws, and how often from each source."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest
from accelerate import Accelerator

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.training.arguments import TrainingArguments
from flowdubber_hf.training.clip_choice import clips_of, parse_shares, source_shares
from support.training_runs import write_dataset


def test_shares(caplog):
    assert source_shares(["grid", "an4"], None) == {"an4": 1.0, "grid": 1.0}
    assert source_shares(["grid", "an4"], {"grid": 0.6, "librispeech": 0.4}) == {"grid": 0.6}
    assert "no clip of librispeech; the dataset has an4, grid" in caplog.text
    with pytest.raises(ValueError, match="no clip of librispeech to train on; the dataset has an4, grid"):
        source_shares(["grid", "an4"], {"librispeech": 1.0})


def test_options():
    assert parse_shares([], []) is None
    assert parse_shares(["grid", "an4"], []) == {"grid": 1.0, "an4": 1.0}
    assert parse_shares(["grid", "an4"], [0.6, 0.4]) == {"grid": 0.6, "an4": 0.4}
    with pytest.raises(ValueError, match="one share a source"):
        parse_shares(["grid"], [0.6, 0.4])
    with pytest.raises(ValueError, match="above 0"):
        parse_shares(["grid"], [0.0])


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.mark.parametrize(
    ("options", "training", "held_out"),
    [
        ({}, 8, {"grid/a/3", "grid/b/3"}),
        ({"exclude_speakers": ["b"]}, 5, {"grid/a/3"}),
        ({"speakers": ["a"]}, 3, {"grid/a/3"}),
        ({"speakers": ["c"]}, 2, {"grid/a/3", "grid/b/3"}),  # this speaker has no held-out clip
    ],
)
def test_speakers(dataset, tmp_path, options, training, held_out):
    arguments = TrainingArguments([str(dataset)], str(tmp_path), **options)
    found = clips_of(FeatureStore(dataset), arguments, Accelerator(cpu=True))
    assert len(found[0]) == training
    assert {clip.id for clip in found[1]} == held_out


def test_nobody_is_left(dataset, tmp_path):
    arguments = TrainingArguments([str(dataset)], str(tmp_path), speakers=["nobody"])
    with pytest.raises(ValueError, match="no clip to train on with audio"):
        clips_of(FeatureStore(dataset), arguments, Accelerator(cpu=True))

"""The stages that the benchmarks train: made clips, what the scripts are given, and every stage for a few steps."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
import pickle

import numpy as np
import pytest

from flowdubber_hf.data.features import COLUMNS, FeatureStore
from flowdubber_hf.processing.text import phonemize
from flowdubber_hf.training.checks import CHECKS
from flowdubber_hf.training.semantic_features import SemanticCache
from support.stages import few_clips, fresh_run, loss_falls, training_stages
from support.training_runs import load_script


@pytest.fixture
def clips(monkeypatch):
    few_clips(monkeypatch)
    return training_stages.MadeClips(training_stages.make_clips())


def test_made_clips_are_good_clips(clips, tmp_path):
    training = clips.clips("train", needs=tuple(CHECKS))
    assert len(training) == len(clips.clips("val")) == 2
    for clip in training:
        assert clip.num_frames == 75
        for check in CHECKS.values():
            check(clips, clip)
    states = training_stages.make_states(clips, tmp_path / "states", 12)
    assert SemanticCache(states).get(training[0].id).shape == (150, 12)


@pytest.mark.slow  # for the reading of English
def test_sounds_of_the_sentences_are_those_of_the_lexicon():
    sounds = training_stages.pronunciations()
    for sentence in training_stages.SENTENCES:
        spoken = phonemize(sentence)
        assert [list(sounds[word]) for word in sentence.split()] == [list(said) for said in spoken.pronunciations]


def test_clips_in_memory_are_those_of_the_dataset(clips, tmp_path):
    pytest.importorskip("pyarrow")
    written = FeatureStore(training_stages.make_dataset(tmp_path / "dataset"))
    for store in (clips, pickle.loads(pickle.dumps(clips))):
        assert [clip.id for clip in store.clips()] == [clip.id for clip in written.clips()]
        for clip in written.clips(needs=tuple(COLUMNS)):
            assert store[clip.id].text == clip.text and store[clip.id].num_samples == clip.num_samples
            assert store.phones(clip.id).phonemes == written.phones(clip.id).phonemes
            np.testing.assert_array_equal(store.phones(clip.id).times, written.phones(clip.id).times)
            np.testing.assert_array_equal(store.style(clip.id), written.style(clip.id))
            np.testing.assert_array_equal(store.tokens(clip.id)[0], written.tokens(clip.id)[0])
            np.testing.assert_allclose(store.audio(clip.id), written.audio(clip.id), atol=1e-4)
            assert store.crops(clip.id).shape == written.crops(clip.id).shape
            assert store.reference(clip.id) is written.reference(clip.id) is None
    with pytest.raises(ValueError, match="there is no clip made/999"):
        clips.audio("made/999")


@pytest.mark.slow
@pytest.mark.parametrize("stage", training_stages.STAGES)
def test_stages_train(clips, stage, monkeypatch, tmp_path, repository):
    """As `benchmark_gpu.py --training` does it on a card: its own script, in bf16, memory and speed."""
    fresh_run(monkeypatch)
    benchmark = load_script(repository, "benchmark_gpu")
    given = ["--training", "--device", "cpu", "--batch_size", "2", "--steps", "1", "--warm_up", "1"]
    arguments = benchmark.parse_arguments(given)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")  # also where there is a card
    figure = benchmark.train_stage(stage, "tiny", arguments, tmp_path)
    assert figure.precision == "bf16"
    assert len(figure.losses) == 2 and all(math.isfinite(loss) for loss in figure.losses)
    assert figure.samples > 0 and 0 < figure.share <= 1 and figure.memory > 1e6
    assert (tmp_path / f"tiny-{stage}" / "model").is_dir()
    assert benchmark.training_row(figure).startswith(f"| {stage} | tiny | 2 |")


@pytest.mark.slow
def test_a_loss_falls(clips, monkeypatch, tmp_path):
    """What `tests/gpu` asks of every stage, of the quickest one here."""
    fresh_run(monkeypatch)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    options = ["--learning_rate", "3e-4"]
    steps = training_stages.train_here("durations", "tiny", tmp_path, clips, 12, 4, "no", options=options)
    losses = [step["loss"] for step in steps]
    assert loss_falls(losses)
    assert not loss_falls(losses[::-1])


def test_devices_of_training(repository, monkeypatch):
    benchmark = load_script(repository, "benchmark_gpu")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "0")
    assert benchmark.training_device("cpu").type == "cpu"
    assert benchmark.os.environ["ACCELERATE_USE_CPU"] == "1"
    monkeypatch.setattr(benchmark, "choose_device", lambda name: name)
    assert benchmark.training_device("cuda:0").type == "cuda"
    for name in ("cuda:1", "mps"):
        with pytest.raises(ValueError, match=f"not on {name}; choose a card"):
            benchmark.training_device(name)

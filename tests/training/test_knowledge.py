"""Which states a training clip is shown, and what the run makes of the options that choose them."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from flowdubber_hf.data.dubbing import DubbingClips, collate
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.training.dubber import FlowDubberTrainingModel
from flowdubber_hf.training.dubber_run import DubberArguments, open_knowledge, with_channel
from flowdubber_hf.training.dubber_stage import VIDEO_NEEDS, DubberStage, LipFeatures
from flowdubber_hf.training.knowledge import ClipKnowledge
from flowdubber_hf.training.semantic_features import SemanticCache
from support.dubbing_dataset import write_dubbing_dataset
from support.tiny_models import tiny_aligner, tiny_vector_field


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(write_dubbing_dataset(tmp_path_factory.mktemp("data")))


def make_cache(folder, store: FeatureStore, codes: str, model: str = "one") -> SemanticCache:
    cache = SemanticCache(folder, {"model": model, "hidden_size": 32, "codes": codes})
    for number, clip in enumerate(store.clips()):
        length = 40 if codes == "spoken" else 30
        cache.write(clip.id, 0, np.random.default_rng(number).normal(size=(length, 32)))
    return cache


@pytest.fixture
def caches(store, tmp_path) -> tuple[SemanticCache, SemanticCache]:
    return make_cache(tmp_path / "sampled", store, "sampled"), make_cache(tmp_path / "spoken", store, "spoken")


def test_made_up_speech_sounds_and_true_speech_teaches(store, caches):
    sampled, spoken = caches
    knowledge, name = ClipKnowledge(store, sampled, spoken, 0.5), store.clips()[0].id
    drawn = [knowledge(name, np.random.default_rng(seed)) for seed in range(40)]
    assert {(len(one.states), one.first is None, one.sounding) for one in drawn} == {
        (30, True, True),
        (40, False, False),
    }
    assert len(knowledge(name, None).states) == 30  # in validation, as at test
    # `sil` ends, and speech with its margin of 0.1 s begins, where the times say.
    start = store.phones(name).times[1, 0]
    assert knowledge.taught(name).first == int(max(0.0, start - 0.1) * 50)
    assert ClipKnowledge(store, sampled).taught(name) is None
    alone = ClipKnowledge(store, spoken)(name, None)
    assert alone.first == knowledge.taught(name).first and alone.sounding


def test_a_spelled_script_belongs_to_its_phonemes(store, tmp_path):
    cache = SemanticCache(tmp_path / "spelled", {"model": "one", "hidden_size": 32, "codes": "spelled"})
    for clip in store.clips(needs=VIDEO_NEEDS):
        said = np.flatnonzero(~np.asarray(store.phones(clip.id).optional))
        cache.write(clip.id, 0, np.repeat(said[:, None], 32, axis=1))
    knowledge = ClipKnowledge(store, cache, cache)
    clips = DubbingClips(store, store.clips(needs=VIDEO_NEEDS)[:2], knowledge=knowledge)
    examples = [clips.dubbing_example(index, None, None) for index in range(2)]
    batch = collate(examples)
    assert batch["has_semantic"].all() and examples[0].semantic.first is None
    for owners, mask, states, optional in zip(
        batch["owners"], batch["semantic_mask"], batch["semantic_features"], batch["optional_mask"], strict=True
    ):
        assert (owners.sum(0) == mask).all() and (owners[optional] == 0).all()
        # Each state was written with its phoneme's place.
        torch.testing.assert_close(owners.argmax(0)[mask].float(), states[mask][:, 0])
    assert not knowledge.taught(clips.clips[0].id).sounding


def test_a_clip_without_states_has_none(store, caches, tmp_path):
    few = SemanticCache(tmp_path / "few", {"model": "one", "hidden_size": 32, "codes": "spoken"})
    knowledge = ClipKnowledge(store, caches[0], few, 1.0)
    assert len(knowledge(store.clips()[0].id, np.random.default_rng(0)).states) == 30  # the teacher lacks it
    assert ClipKnowledge(store, few)(store.clips()[0].id, None) is None


def test_options_open_the_caches_or_say_why_not(store, caches, tmp_path):
    sampled, spoken = caches
    options = {"dataset": ["data"], "output_dir": "out", "init_from": "flowdubber-grid-tiny"}

    def opened(**changes) -> ClipKnowledge | None:
        return open_knowledge(DubberArguments(**options, **changes), store)

    assert opened() is None
    both = opened(
        semantic_features=str(sampled.folder), semantic_teacher=str(spoken.folder), semantic_teacher_share=0.2
    )
    assert both.teacher.folder == spoken.folder and both.teacher_share == 0.2
    own = opened(semantic_features=str(spoken.folder))
    assert own.teacher is own.states and own.teacher_share == 0.0
    with pytest.raises(ValueError, match="give --semantic_features"):
        opened(semantic_teacher=str(spoken.folder))
    with pytest.raises(ValueError, match="another codes"):
        opened(semantic_features=str(sampled.folder), semantic_teacher=str(sampled.folder))
    other = make_cache(tmp_path / "other", store, "spoken", model="two")
    with pytest.raises(ValueError, match="another model"):
        opened(semantic_features=str(sampled.folder), semantic_teacher=str(other.folder))
    with pytest.raises(ValueError, match="--semantic_channel"):
        opened(semantic_channel="telepathy")
    with pytest.raises(ValueError, match="--phoneme_drop must be in"):
        opened(phoneme_drop=1.5)


@torch.no_grad()
def test_a_new_channel_starts_where_the_null_was(store, caches, tmp_path):
    torch.manual_seed(0)
    old = tiny_aligner().eval()
    new = with_channel(old, "path").eval()
    assert new.config.semantic_channel == "path" and old.config.semantic_channel == "attention"
    assert with_channel(new, "path") is new
    assert with_channel(old, "path", 7).semantic_path.projection.in_features == 7
    lips = LipFeatures(old, store, tmp_path / "lips", views=1)
    lips.prepare(old, store.clips(needs=VIDEO_NEEDS), Accelerator(cpu=True))
    field, figures = tiny_vector_field().eval(), {}
    knowledge = ClipKnowledge(store, *caches, 0.5)
    train, held_out = (
        DubbingClips(store, store.clips(split, needs=VIDEO_NEEDS), knowledge=knowledge) for split in ("train", "val")
    )
    for name, aligner in (("old", old), ("new", new)):
        model = FlowDubberTrainingModel(aligner, field)
        stage = DubberStage(
            model, [(train, 1.0)], held_out, lips, 4, 0, segment_frames=10, phoneme_drop=0.5, taught=knowledge.taught
        )
        figures[name] = stage.validate(model)
    for name in ("val_flow_null", "val_prior_null"):
        assert figures["new"][name] == pytest.approx(figures["old"][name], abs=1e-6)
    assert figures["new"]["val_flow"] == pytest.approx(figures["new"]["val_flow_null"], abs=1e-6)
    assert 0 < figures["new"]["val_own_word"] < 1 and 0 < figures["new"]["val_own_word_even"] < 1
    assert "val_own_word" not in figures["old"]
    batch = stage.batch(0, range(4))
    assert batch["phoneme_drop"].dtype == torch.bool and batch["owners"].shape[0] == 4

"""The dubber's stages: batches are a pure function of step and rows, what is dropped is dropped, lips are cached once."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from flowdubber_hf.data.dubbing import DubbingClips, KnownStates
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.training.dubber import FlowDubberTrainingModel
from flowdubber_hf.training.dubber_stage import (
    VIDEO_NEEDS,
    AlignerStage,
    DubberStage,
    LipFeatures,
    mel_statistics,
    set_dropout,
)
from support.dubbing_dataset import write_dubbing_dataset
from support.tiny_models import tiny_aligner, tiny_vector_field


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(write_dubbing_dataset(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def lips(store, tmp_path_factory) -> LipFeatures:
    torch.manual_seed(0)
    aligner = tiny_aligner()
    found = LipFeatures(aligner, store, tmp_path_factory.mktemp("lips"), views=1)
    found.prepare(aligner, store.clips(needs=VIDEO_NEEDS), Accelerator(cpu=True))
    return found


def knowledge(clip_id: str, generator) -> KnownStates | None:
    return None if clip_id.endswith("3") else KnownStates(np.ones((4, 32), np.float32))


@pytest.fixture
def stage(store, lips) -> DubberStage:
    torch.manual_seed(0)
    aligner = tiny_aligner()
    video, sound = (
        DubbingClips(store, store.clips("train", source), knowledge=knowledge) for source in ("made", "made-sound")
    )
    held_out = DubbingClips(store, store.clips("val"), knowledge=knowledge)
    model = FlowDubberTrainingModel(aligner, tiny_vector_field())
    return DubberStage(model, [(video, 0.5), (sound, 0.5)], held_out, lips, 4, 0, segment_frames=10)


def test_a_row_is_the_same_in_any_part_of_the_batch(stage):
    kinds = set()
    for step in range(6):
        whole = stage.batch(step, range(4))
        kinds.add("lips" in whole)
        for row in (0, 3):
            alone = stage.batch(step, [row])
            for name in ("noise", "flow_time", "segment_start", "knowledge_drop", "use_found_path", "style", "mel"):
                assert torch.equal(alone[name][0], whole[name][row]), name
        assert len(stage.names(step)) == 4
    assert kinds == {True, False}
    assert stage.batch(0, range(4))["noise"].shape == (4, 80, 40)


def test_clips_without_knowledge_count_as_dropped(stage):
    stage.knowledge_drop = 0.0
    for step in range(6):
        batch, names = stage.batch(step, range(4)), stage.names(step)
        assert batch["knowledge_drop"].tolist() == [name.endswith("3") for name in names]
    stage.knowledge_drop = 1.0
    assert stage.batch(0, range(4))["knowledge_drop"].all()


def test_validation_is_always_the_same(stage):
    model = stage.model.eval()
    with torch.no_grad():
        first, second = stage.validate(model), stage.validate(model)
    assert first == second and stage.best in first
    assert {"val_flow", "val_prior", "val_contrastive", "val_ctc", "val_flow_null", "val_prior_null"} < first.keys()
    assert first["val_loss"] == pytest.approx(first["val_flow"] + first["val_prior"])


def test_a_dropped_voice_is_zero(store):
    clips = store.clips("train", "made")
    for drop, zero in ((1.0, True), (0.0, False)):
        style = DubbingClips(store, clips, style_drop=drop).style(clips[0], np.random.default_rng(0))
        assert (style == 0).all() == zero
    assert (DubbingClips(store, clips, style_drop=1.0).style(clips[0], None) == store.style(clips[0].id)).all()


def test_a_swapped_voice_is_the_speakers(store):
    clips = store.clips("train", "made")
    swapped = DubbingClips(store, clips, style_swap=1.0)
    own = {clip.id for clip in clips if clip.speaker == clips[0].speaker}
    drawn = {swapped.style(clips[0], np.random.default_rng(n)).tobytes() for n in range(30)}
    assert drawn == {store.style(name).tobytes() for name in own}


def test_lip_features_are_those_of_the_encoder_and_kept(store, lips):
    torch.manual_seed(0)
    aligner, clip = tiny_aligner(), store.clips("val")[0]
    before = lips.path(clip.id).stat().st_mtime_ns
    lips.prepare(aligner, [clip], Accelerator(cpu=True))
    assert lips.path(clip.id).stat().st_mtime_ns == before
    stage = AlignerStage(aligner, [(DubbingClips(store, [clip]), 1.0)], DubbingClips(store, [clip]), 1, 0)
    crops = stage.held_out.alignment_example(0, None).lips
    with torch.no_grad():
        expected = aligner.eval().lip_encoder(crops[None], None)[0]
    torch.testing.assert_close(lips.get(clip.id, None), expected, atol=5e-3, rtol=5e-3)
    views = {lips.get(clip.id, np.random.default_rng(n)).numpy().tobytes() for n in range(20)}
    assert len(views) == 2
    other = LipFeatures(tiny_aligner(), store, lips.folder.parent, views=1)
    assert other.folder != lips.folder  # another encoder


def test_dropout_of_a_run_leaves_the_configuration(stage):
    configured = stage.model.aligner.config.hidden_dropout
    set_dropout(stage.model, 0.0)
    assert stage.model.aligner.config.hidden_dropout == configured > 0
    stage.model.train()
    batch = stage.batch(0, range(4))
    first, second = (stage.model(batch)["loss"] for _ in range(2))
    assert torch.equal(first, second)


def test_mel_statistics(store):
    mean, std = mel_statistics(DubbingClips(store, store.clips("train")))
    assert -12 < mean < 0 < std < 5

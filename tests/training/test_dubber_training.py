"""The joint losses at tiny size: every named loss is there, every trainable part moves, sound without video trains too."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest
import torch

from flowdubber_hf.data.dubbing import DubbingExample, KnownStates, collate
from flowdubber_hf.data.features import Clip
from flowdubber_hf.models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from flowdubber_hf.models.vector_field import FlowDubberVectorField
from flowdubber_hf.processing.text import phoneme_ids
from flowdubber_hf.training.dubber import (
    FlowDubberAligningModel,
    FlowDubberTrainingModel,
    LossWeights,
    alignment_error,
    choose_segment,
    spoken_frames,
    take_segments,
    true_owners,
)
from flowdubber_hf.training.dubber_stage import share_by_source
from flowdubber_hf.training.loop import enable_gradient_checkpointing


pytestmark = pytest.mark.slow


ALIGNER = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "intermediate_size": 32,
    "num_prenet_layers": 1,
    "lip_stem_size": 4,
    "lip_stem_stride": 4,
    "lip_stage_sizes": [4],
    "lip_blocks_per_stage": 1,
    "num_lip_layers": 1,
    "semantic_hidden_size": 12,
    "num_fusion_layers": 1,
    "fusion_feedforward_ratio": 1,
}
FIELD = {
    "fused_size": 32,
    "prior_hidden_size": 16,
    "num_prior_layers": 1,
    "prior_intermediate_size": 16,
    "prior_kernel_size": 3,
    "postnet_size": 16,
    "channels": [16, 16],
    "head_dim": 8,
    "feed_forward_ratio": 1,
}


def make_model(weights: LossWeights | None = None, **changes: str) -> FlowDubberTrainingModel:
    torch.manual_seed(0)
    aligner = FlowDubberAlignerModel(FlowDubberAlignerConfig(**ALIGNER, **changes))
    return FlowDubberTrainingModel(aligner, FlowDubberVectorField(**FIELD), weights)


def make_batch(video: bool, crops: bool = False) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    generator = np.random.default_rng(0)
    examples = []
    for phonemes, frames in ((5, 14), (7, 11)):
        lips = torch.randn(frames, 88, 88) if crops else torch.randn(frames, 32)
        owners = np.sort(np.concatenate([np.arange(phonemes), generator.integers(0, phonemes, frames - phonemes)]))
        examples.append(
            DubbingExample(
                phonemes=generator.integers(1, 73, phonemes),
                optional=np.arange(phonemes) == 2,
                frame_phonemes=owners,
                mel_phonemes=np.repeat(owners, 4),
                lips=lips if video else None,
                mel=torch.randn(80, 4 * frames),
                style=generator.normal(size=256).astype(np.float32),
                semantic=KnownStates(
                    generator.normal(size=(9, 12)).astype(np.float32), first=2 if phonemes == 5 else None
                ),
            )
        )
    batch = collate(examples)
    batch["use_found_path"] = torch.tensor([True, False])
    batch["knowledge_drop"] = torch.tensor([False, True])
    batch["phoneme_drop"] = torch.tensor([False, False])
    batch["segment_start"] = torch.tensor([3, 5])
    batch["noise"] = torch.randn(2, 80, 24)
    batch["flow_time"] = torch.tensor([0.2, 0.7])
    return batch


def row_of(batch: dict[str, torch.Tensor], row: int) -> dict[str, torch.Tensor]:
    return {name: value[row : row + 1] for name, value in batch.items()}


def test_joint_losses_move_every_part():
    model = make_model().train()
    model.aligner.lip_encoder.requires_grad_(False)
    before = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0)
    for video in (True, False):
        losses = model(make_batch(video))
        names = {"ctc", "prior", "flow", "loss"} | ({"contrastive"} if video else set())
        assert set(losses) == names and all(torch.isfinite(value) for value in losses.values())
        losses["loss"].backward()
    optimizer.step()
    after = dict(model.named_parameters())
    assert [name for name, value in before.items() if torch.equal(value, after[name])] == []


def test_the_path_has_a_loss_and_a_figure_of_its_own():
    model, batch = make_model(semantic_channel="path").train(), make_batch(True)
    losses = model(batch)
    assert {"semantic", "own_word"} < set(losses) and 0 < float(losses["own_word"]) <= 1
    model.weights = LossWeights(flow=0.0, prior=0.0, contrastive=0.0, ctc=0.0, semantic=1.0)
    model(batch)["loss"].backward()
    way = model.aligner.semantic_path
    assert way.query.weight.grad.abs().sum() > 0 and way.key.weight.grad.abs().sum() > 0
    # Dropped knowledge is still taught where its words are.
    model.eval()
    kept, batch["knowledge_drop"] = model(batch)["semantic"], torch.tensor([True, True])
    assert torch.equal(model(batch)["semantic"], kept)


@torch.no_grad()
def test_true_tokens_teach_and_searched_ones_stand_in_for_them():
    model, batch = make_model(semantic_channel="path").eval(), make_batch(True)
    batch["use_found_path"] = torch.tensor([False, False])
    assert true_owners(batch)[0].sum() == 9 and true_owners(batch)[1].sum() == 0  # the second speech is made up
    batch["use_found_path"] = torch.tensor([True, False])
    assert true_owners(batch).sum() == 0
    known = float(model(batch)["semantic"])
    batch["owners"] = batch["owners"].flip(1)
    assert float(model(batch)["semantic"]) != pytest.approx(known)


@torch.no_grad()
def test_dropped_phonemes_leave_the_sound_to_the_knowledge():
    model, batch = make_model(semantic_channel="path").eval(), make_batch(True)
    whole = float(model(batch)["prior"])
    batch["phoneme_drop"] = torch.tensor([False, True])  # whose knowledge is dropped: keeps its phonemes
    assert float(model(batch)["prior"]) == whole
    batch["phoneme_drop"] = torch.tensor([True, False])
    assert float(model(batch)["prior"]) != pytest.approx(whole)


def test_weights_are_those_of_the_paper():
    model = make_model(LossWeights(flow=2.0, prior=0.5, contrastive=0.0, ctc=0.0)).eval()
    losses = model(make_batch(True))
    torch.testing.assert_close(losses["loss"], 2 * losses["flow"] + 0.5 * losses["prior"])


@pytest.mark.parametrize("video", [True, False])
def test_each_loss_is_the_mean_of_the_rows_own(video):
    model, batch = make_model().eval(), make_batch(video)
    whole = model(batch)
    rows = [model(row_of(batch, row)) for row in range(2)]
    for name, value in whole.items():
        torch.testing.assert_close(value, (rows[0][name] + rows[1][name]) / 2, rtol=1e-4, atol=1e-5)


def test_aligning_loss_is_the_mean_of_the_rows_own():
    model = FlowDubberAligningModel(make_model().aligner).eval()
    batch = make_batch(True, crops=True)
    rows = [model(row_of(batch, row))["loss"] for row in range(2)]
    torch.testing.assert_close(model(batch)["loss"], sum(rows) / 2, rtol=1e-4, atol=1e-5)


def test_a_frozen_lip_encoder_keeps_its_statistics():
    model = make_model().train()
    assert model.aligner.lip_encoder.training
    model.aligner.lip_encoder.requires_grad_(False)
    model.train()
    assert not model.aligner.lip_encoder.training and model.vector_field.training


@pytest.mark.parametrize("joint", [True, False])
def test_gradient_checkpointing_changes_nothing(joint):
    found = []
    for checkpointing in (False, True):
        model = make_model() if joint else FlowDubberAligningModel(make_model().aligner)
        model.train()
        if checkpointing:
            enable_gradient_checkpointing(model)
        torch.manual_seed(1)
        loss = model(make_batch(True, crops=not joint))["loss"]
        loss.backward()
        found.append((loss.detach(), {n: p.grad for n, p in model.named_parameters() if p.grad is not None}))
    torch.testing.assert_close(found[0][0], found[1][0])
    assert found[0][1].keys() == found[1][1].keys()
    for name, gradient in found[0][1].items():
        torch.testing.assert_close(gradient, found[1][1][name], rtol=1e-4, atol=1e-6, msg=name)


def test_segments_lie_on_speech_and_inside_each_clip():
    generator = np.random.default_rng(0)
    spoken = np.zeros(20, bool)
    spoken[15] = True
    starts = {choose_segment(spoken, 6, generator) for _ in range(60)}
    assert starts == {10, 11, 12, 13, 14}
    assert {choose_segment(np.zeros(4, bool), 6, generator) for _ in range(9)} == {0}


def test_silences_are_not_speech():
    phonemes = np.array(phoneme_ids(["sil", "B", "sp", "IH1", "sil"]))
    assert spoken_frames(phonemes, np.array([0, 0, 1, 2, 3, 4])).tolist() == [False, False, True, False, True, False]


def test_segments_are_cut_from_each_row():
    sequence = torch.arange(20)[None].repeat(2, 1)
    assert take_segments(sequence, torch.tensor([3, 18]), 4).tolist() == [[3, 4, 5, 6], [18, 19, 19, 19]]


def test_alignment_error_of_a_perfect_path_is_zero(monkeypatch):
    model, batch = make_model().aligner.eval(), make_batch(True, crops=True)
    true = batch["path"]
    monkeypatch.setattr("flowdubber_hf.models.aligner.FlowDubberAlignerModel.search", lambda *arguments: true.clone())
    assert alignment_error(model, [batch])["start_error_ms"] == 0


def source_clips(source: str, count: int, video: bool) -> list[Clip]:
    names = [f"{source}/{video}/{n}" for n in range(count)]
    return [Clip(name, "train", "x", "a", source, 16000, 25 if video else 0) for name in names]


def test_shares_of_the_steps():
    clips = source_clips("grid", 6, True) + source_clips("heads", 2, True)
    clips += source_clips("heads", 3, False) + source_clips("an4", 1, False)

    def shares(*arguments) -> list[tuple]:
        parts = share_by_source(clips, *arguments)
        return [(part.clips[0].source, bool(part.clips[0].num_frames), pytest.approx(part.share)) for part in parts]

    plain = [("an4", False, 1 / 12), ("grid", True, 6 / 12), ("heads", False, 3 / 12), ("heads", True, 2 / 12)]
    assert shares() == plain
    a_fifth_sound = [("an4", False, 0.05), ("grid", True, 0.6), ("heads", False, 0.15), ("heads", True, 0.2)]
    assert shares(None, 0.2) == a_fifth_sound
    assert shares({"grid": 3.0, "heads": 1.0}) == [("grid", True, 3.0), ("heads", False, 0.6), ("heads", True, 0.4)]
    assert shares({"grid": 2.0, "lrs": 1.0}) == [("grid", True, 2.0)]
    with pytest.raises(ValueError, match="no clip of lrs to train on; the dataset has an4, grid, heads"):
        share_by_source(clips, {"lrs": 1.0})
    with pytest.raises(ValueError, match="no clips to train on"):
        share_by_source([])


def test_speakers_share_by_the_root_of_their_clips():
    clips = [replace(clip, speaker="ann") for clip in source_clips("grid", 9, True)]
    clips += [replace(clip, speaker="bob") for clip in source_clips("grid", 1, True)]
    clips += [replace(clip, speaker="cy") for clip in source_clips("heads", 4, True)]

    def shares(*arguments) -> dict[str, float]:
        parts = share_by_source(clips, *arguments, balance_speakers=True)
        assert all(len({clip.speaker for clip in part.clips}) == 1 for part in parts)
        assert sum(len(part.clips) for part in parts) == 14
        return {part.clips[0].speaker: pytest.approx(part.share) for part in parts}

    assert shares() == {"ann": 3 / 6, "bob": 1 / 6, "cy": 2 / 6}
    assert shares({"grid": 0.8, "heads": 0.2}) == {"ann": 0.6, "bob": 0.2, "cy": 0.2}

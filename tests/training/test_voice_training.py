"""References that the vector field hears itself: whose they are, that nothing else is drawn otherwise, and that they teach."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from flowdubber_hf.data.dubbing import DubbingClips, collate
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.processing.audio import log_mel
from flowdubber_hf.processing.references import level_voice
from flowdubber_hf.training.dubber import FlowDubberTrainingModel
from flowdubber_hf.training.dubber_run import DubberArguments, with_voice_encoder
from flowdubber_hf.training.dubber_stage import DubberStage
from support.dubbing_dataset import write_dubbing_dataset
from support.tiny_models import hearing_vector_field, tiny_aligner, tiny_vector_field


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(write_dubbing_dataset(tmp_path_factory.mktemp("data")))


def sounds(store: FeatureStore, **settings) -> DubbingClips:
    """Four clips of sound, of two speakers."""
    return DubbingClips(store, store.clips("train", "made-sound"), **settings)


def generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def is_part(part: torch.Tensor, store: FeatureStore, name: str) -> bool:
    """Whether a mel was made of some part of a clip's sound, but for its two edges."""
    sound, frames = level_voice(store.audio(name)), part.shape[1]
    return any(
        torch.allclose(
            log_mel(torch.from_numpy(sound[start : start + 160 * frames]))[:, 2:-2], part[:, 2:-2], atol=1e-3
        )
        for start in range(len(sound) - 160 * frames + 1)
    )


def test_another_clip_of_the_speaker_is_heard(store):
    for swap in (0.0, 1.0):
        clips = sounds(store, style_swap=swap)
        clip = clips.clips[0]
        (other,) = (name for name in clips.by_speaker[clip.speaker] if name != clip.id)
        heard = clips.dubbing_example(0, None, None, voice=True).voice_mel
        torch.testing.assert_close(heard, log_mel(torch.from_numpy(level_voice(store.audio(other)))))
    part = clips.voice_mel(clip, clip.id, generator(0))
    assert part.shape == (80, 100) and is_part(part, store, other)  # the clips last a second, no less is heard


def test_an_only_clip_is_heard_in_part(store):
    clip = sounds(store).clips[0]
    alone = DubbingClips(store, [clip])
    lengths = {alone.voice_mel(clip, clip.id, generator(seed)).shape[1] for seed in range(6)}
    assert lengths == {50}  # of 100 frames
    assert is_part(alone.voice_mel(clip, clip.id, generator(1)), store, clip.id)


def test_nothing_else_is_drawn_otherwise(store):
    clips = sounds(store, style_drop=0.3)
    dropped = 0
    for seed in range(12):
        plain_draws, hearing_draws = generator(seed), generator(seed)
        plain = clips.dubbing_example(seed % 4, plain_draws, None)
        hearing = clips.dubbing_example(seed % 4, hearing_draws, None, voice=True)
        assert plain.voice_mel is None and (plain.style == hearing.style).all()
        assert plain_draws.random() == hearing_draws.random()
        assert (hearing.voice_mel is None) == (not hearing.style.any())
        dropped += hearing.voice_mel is None
    assert 0 < dropped < 12


def test_dropped_voices_in_a_batch(store):
    heard = sounds(store).dubbing_example(0, None, None, voice=True)
    dropped = sounds(store, style_drop=1.0).dubbing_example(1, generator(0), None, voice=True)
    batch = collate([heard, dropped])
    assert batch["voice_mel"].shape == (2, 80, 100) and batch["voice_mask"].sum(1).tolist() == [100, 0]
    assert "voice_mel" not in collate([dropped]) and "voice_mel" not in collate(
        [sounds(store).dubbing_example(0, None, None)]
    )


def stage_of(store: FeatureStore, field) -> DubberStage:
    torch.manual_seed(0)
    clips = sounds(store)
    return DubberStage(FlowDubberTrainingModel(tiny_aligner(), field), [(clips, 1.0)], clips, None, 4, 0, 10)


def test_a_new_voice_encoder_changes_no_loss_and_then_learns(store):
    torch.manual_seed(1)
    field = tiny_vector_field()
    plain, hearing = stage_of(store, field), stage_of(store, with_voice_encoder(field))
    batch = hearing.batch(0, range(4))
    assert {"voice_mel", "voice_mask"} == set(batch) - set(plain.batch(0, range(4)))
    hearing.model.eval(), plain.model.eval()
    losses = hearing.model(batch)
    assert losses["loss"] == plain.model(plain.batch(0, range(4)))["loss"]
    losses["loss"].backward()
    last = hearing.model.vector_field.voice_encoder.style
    assert last.weight.grad.abs().sum() > 0
    with torch.no_grad():
        last.weight -= last.weight.grad
    hearing.model.zero_grad()
    hearing.model(batch)["loss"].backward()
    assert all(weight.grad.abs().sum() > 0 for weight in hearing.model.vector_field.voice_encoder.parameters())


def test_new_voice_tokens_change_no_loss_and_then_learn(store):
    field = hearing_vector_field()
    plain, asking = stage_of(store, field), stage_of(store, with_voice_encoder(field, 4))
    batch = asking.batch(0, range(4))
    asking.model.eval(), plain.model.eval()
    losses = asking.model(batch)
    torch.testing.assert_close(losses["loss"], plain.model(batch)["loss"])
    losses["loss"].backward()
    told = asking.model.vector_field.prior_decoder.layers[0].voice_attention.told
    assert told.weight.grad.abs().sum() > 0
    with torch.no_grad():
        told.weight -= told.weight.grad
    asking.model.zero_grad()
    asking.model(batch)["loss"].backward()
    assert asking.model.vector_field.voice_encoder.tokens.weight.grad.abs().sum() > 0


def test_what_is_heard_moves_the_losses_not_the_timing(store):
    stage = stage_of(store, hearing_vector_field())
    stage.model.eval()
    batch = stage.batch(0, range(4))
    other = {**batch, "voice_mel": batch["voice_mel"].flip(0), "voice_mask": batch["voice_mask"].flip(0)}
    first, second = stage.model(batch), stage.model(other)
    assert first["ctc"] == second["ctc"] and first["prior"] != second["prior"] and first["flow"] != second["flow"]
    row = {name: value[1:2] for name, value in batch.items()}
    alone = stage.batch(0, [1])
    assert torch.equal(alone["voice_mel"][0], row["voice_mel"][0, :, : alone["voice_mel"].shape[2]])


@pytest.mark.parametrize("given", [{"voice_tokens": 8}, {"voice_tokens": -1, "voice_encoder": True}])
def test_tokens_need_an_encoder_that_hears_them(given):
    with pytest.raises(ValueError, match="needs --voice_encoder true"):
        DubberArguments(dataset=["data"], output_dir="made", init_from="flowdubber-grid-tiny", **given)


def test_an_adapter_and_a_new_voice_encoder_exclude_each_other(tmp_path):
    with pytest.raises(ValueError, match="--voice_encoder without it"):
        DubberArguments(
            dataset=["data"],
            output_dir=str(tmp_path),
            init_from="flowdubber-grid-tiny",
            lora_rank=2,
            voice_encoder=True,
        )

"""A pipeline whose vector field hears the reference itself: in calls, in what is prepared, in what is saved."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest
import torch

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.processing.references import VOICE_PIECE_SAMPLES, voice_pieces
from flowdubber_hf.training.dubber_run import with_voice_encoder
from support.pipeline_calls import BOXES, FPS, SCRIPTS, batch_inputs, demo_voice, frames, generator, inputs
from support.tiny_models import hearing_vector_field, tiny_pipeline


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[0, 4], ids=["vector", "tokens"])
def pipe(request) -> FlowDubberPipeline:
    return tiny_pipeline(language_model=False, vector_field=hearing_vector_field(request.param))


def mel(pipe: FlowDubberPipeline, **changed) -> torch.Tensor:
    return pipe(**inputs(output_type="latent", guidance_scale=1.0, **changed)).audios


def test_a_new_voice_encoder_leaves_dubs_as_they_are():
    plain = tiny_pipeline(language_model=False)
    grown = tiny_pipeline(language_model=False, vector_field=with_voice_encoder(plain.vector_field).eval())
    assert torch.equal(mel(grown), mel(plain))
    assert plain.prepare_voice(demo_voice(), 16000).timbre is None


def test_what_is_heard_is_in_the_sound_not_in_the_timing(pipe):
    heard, other = pipe.prepare_voice(demo_voice(), 16000), pipe.prepare_voice(demo_voice(seed=1), 16000)
    assert heard.timbre.shape == (pipe.vector_field.voice_size,) and (heard.timbre - other.timbre).abs().max() > 1e-3
    field = pipe.vector_field
    try:
        with_ear, words = mel(pipe), pipe(**inputs(guidance_scale=1.0)).words
        pipe.vector_field = (
            type(field).from_config({**field.config, "voice_hidden_size": 0, "num_voice_tokens": 0}).eval()
        )
        pipe.vector_field.load_state_dict({n: v for n, v in field.state_dict().items() if "voice_" not in n})
        assert (mel(pipe) - with_ear).abs().max() > 1e-3 and pipe(**inputs(guidance_scale=1.0)).words == words
        without = mel(pipe, without=["style"])
    finally:
        pipe.vector_field = field
    assert torch.equal(mel(pipe, without=["style"]), without)


def test_batch_and_prepared_give_what_single_calls_give(pipe):
    given = batch_inputs(output_type="latent", guidance_scale=1.0)
    together = pipe(**given).audios
    alone = mel(pipe)
    torch.testing.assert_close(together[0, :, : alone.shape[2]], alone[0], atol=5e-5, rtol=1e-4)
    clip = pipe.prepare_clip(frames(20), fps=FPS, mouth_box=BOXES[0])
    ready = pipe.prepare(SCRIPTS[0], clip, pipe.prepare_voice(demo_voice(), 16000))
    options = {"num_inference_steps": 2, "guidance_scale": 1.0, "output_type": "latent"}
    assert torch.equal(pipe(ready, generator=generator(), **options).audios, alone)
    twice = pipe(ready.repeat(2), generator=[generator(), generator(1)], **options).audios
    torch.testing.assert_close(twice[:1], alone, atol=5e-5, rtol=1e-4)


def test_a_voice_heard_by_another_model_is_refused(pipe):
    deaf = tiny_pipeline(language_model=False).prepare_voice(demo_voice(), 16000)
    other = replace(deaf, timbre=torch.zeros(256 + 8))
    for heard in (deaf, other):
        call = {**inputs(guidance_scale=1.0), "reference_audio": heard, "reference_sampling_rate": None}
        with pytest.raises(ValueError, match="no voice encoder, or another one; prepare the voice"):
            pipe(**call)


def test_saved_and_loaded_in_half_precision(pipe, tmp_path):
    pipe.save_pretrained(tmp_path)
    loaded = FlowDubberPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert torch.equal(mel(loaded), mel(pipe))
    half = FlowDubberPipeline.from_pretrained(
        tmp_path, dtype={"vector_field": torch.bfloat16, "default": torch.float32}
    )
    heard = half.prepare_voice(demo_voice(), 16000).timbre
    assert torch.cosine_similarity(heard, pipe.prepare_voice(demo_voice(), 16000).timbre, dim=0) > 0.98


def test_long_references_are_heard_in_pieces(pipe, monkeypatch):
    sizes = []
    hear = type(pipe.vector_field).hear

    def noted(field, mel, mask=None):
        sizes.append(tuple(mel.shape))
        return hear(field, mel, mask)

    monkeypatch.setattr(type(pipe.vector_field), "hear", noted)
    sound = np.tile(demo_voice(2.0), 75)  # 150 s
    timbre = pipe._hear_timbre(sound)
    assert [size[0] for size in sizes] == [16, 16, 6] and {size[2] for size in sizes} == {394}
    parts = [pipe._hear_timbre(part) for part in voice_pieces(sound)]
    torch.testing.assert_close(timbre, torch.stack(parts).mean(0), atol=1e-4, rtol=1e-3)


def test_pieces_by_hand():
    assert voice_pieces(np.arange(5)).tolist() == [[0, 1, 2, 3, 4]]
    assert voice_pieces(np.zeros(VOICE_PIECE_SAMPLES)).shape == (1, VOICE_PIECE_SAMPLES)
    sound = np.arange(VOICE_PIECE_SAMPLES + 2)
    pieces = voice_pieces(sound)
    assert pieces.shape == (2, VOICE_PIECE_SAMPLES // 2 + 1) and pieces[1, -1] == sound[-1]

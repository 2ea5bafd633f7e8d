"""The colour of a reference: what it is by hand, what a dub takes of it, and that nothing else changes."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import pytest
import torch

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.pipelines.flowdubber.colour import LOUDER, colour_of, in_colour
from support.pipeline_calls import BOXES, FPS, SCRIPTS, batch_inputs, demo_voice, frames, generator, inputs
from support.tiny_models import tiny_pipeline


def test_by_hand():
    mel = torch.tensor([[0.0, 2.0, -9.0], [2.0, 4.0, -9.0]])  # the last frame is too quiet to count
    assert colour_of(mel).tolist() == [1.0, 3.0]
    assert colour_of(mel - 3).tolist() == [-2.0, 0.0]
    moved = in_colour(mel, torch.tensor([3.0, 1.0]), 0.5)  # 2 and -2 away, half of it; the level stays
    assert moved.tolist() == [[1.0, 3.0, -8.0], [1.0, 3.0, -10.0]]
    assert torch.equal(in_colour(mel, colour_of(mel) + 7, 1.0), mel)  # a louder voice is no other colour
    assert LOUDER == 4


@pytest.fixture(scope="module")
def pipe() -> FlowDubberPipeline:
    return tiny_pipeline(language_model=False)


def mel(pipe: FlowDubberPipeline, **changed) -> torch.Tensor:
    return pipe(**inputs(output_type="latent", guidance_scale=1.0, **changed)).audios


@pytest.mark.slow
def test_a_dub_comes_nearer_and_its_words_stay(pipe):
    voice = pipe.prepare_voice(demo_voice(), 16000)
    assert voice.colour.shape == (80,)

    def distance(dub: torch.Tensor) -> float:
        away = voice.colour - colour_of(pipe.vector_field.denormalize(dub[0]))
        return float((away - away.mean()).abs().mean())

    plain, half, whole = (mel(pipe, colour_match=share) for share in (None, 0.5, 1.0))
    assert torch.equal(plain, mel(pipe, colour_match=0.0))
    assert distance(plain) > 1.9 * distance(half) > 0 and distance(whole) < 0.1 * distance(plain)
    moved = (half - plain)[0]
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved), atol=1e-4, rtol=0)  # one filter for all frames
    given = inputs(guidance_scale=1.0)
    assert pipe(**given, colour_match=1.0).words == pipe(**given).words
    assert torch.equal(mel(pipe, colour_match=1.0, without=["style"]), mel(pipe, without=["style"]))


@pytest.mark.slow
def test_the_models_own_share_is_the_default(pipe):
    pipe.vector_field.register_to_config(sampling_colour_match=0.5)
    try:
        assert torch.equal(mel(pipe), mel(pipe, colour_match=0.5))
    finally:
        pipe.vector_field.register_to_config(sampling_colour_match=0.0)


@pytest.mark.slow
def test_batch_and_prepared_give_what_single_calls_give(pipe):
    together = pipe(**batch_inputs(output_type="latent", guidance_scale=1.0), colour_match=0.7).audios
    alone = mel(pipe, colour_match=0.7)
    torch.testing.assert_close(together[0, :, : alone.shape[2]], alone[0], atol=5e-5, rtol=1e-4)
    clip = pipe.prepare_clip(frames(20), fps=FPS, mouth_box=BOXES[0])
    ready = pipe.prepare(SCRIPTS[0], clip, pipe.prepare_voice(demo_voice(), 16000))
    options = {"num_inference_steps": 2, "guidance_scale": 1.0, "output_type": "latent", "colour_match": 0.7}
    assert torch.equal(pipe(ready, generator=generator(), **options).audios, alone)
    twice = pipe(ready.repeat(2), generator=[generator(), generator(1)], **options).audios
    torch.testing.assert_close(twice[:1], alone, atol=5e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_voice_without_its_colour_is_refused(pipe):
    voice = replace(pipe.prepare_voice(demo_voice(), 16000), colour=None)
    call = {**inputs(guidance_scale=1.0), "reference_audio": voice, "reference_sampling_rate": None}
    assert pipe(**call).audios
    with pytest.raises(ValueError, match="heard without its colour; prepare the voice"):
        pipe(**call, colour_match=0.5)

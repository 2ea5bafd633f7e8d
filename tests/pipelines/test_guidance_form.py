"""Guidance on the prior: one branch a step, near the two branches where knowledge moves the prior little."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.demo import DEMO_SCRIPT, demo_frames, demo_reference
from flowdubber_hf.models.vector_field import guide
from flowdubber_hf.processing.audio import SAMPLING_RATE, VIDEO_FRAME_RATE


@pytest.fixture(scope="module")
def pipe() -> FlowDubberPipeline:
    pipe = FlowDubberPipeline.from_pretrained("flowdubber-grid-tiny")
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def ready(pipe):
    sound = {"reference_audio": demo_reference(), "reference_sampling_rate": SAMPLING_RATE}
    return pipe.prepare(DEMO_SCRIPT, demo_frames(), fps=VIDEO_FRAME_RATE, **sound)


def dub(pipe, ready, **changed):
    """The mel, and rows and priors of the evaluations."""
    asked = []
    handle = pipe.vector_field.register_forward_pre_hook(lambda _, given: asked.append(given[2]))
    try:
        generator = torch.Generator().manual_seed(0)
        mel = pipe(ready, generator=generator, output_type="latent", num_inference_steps=4, **changed).audios
    finally:
        handle.remove()
    return mel, asked


def test_one_branch_whose_prior_is_guided(pipe, ready):
    two, both = dub(pipe, ready, guidance_scale=3.0)
    one, guided = dub(pipe, ready, guidance_scale=3.0, guidance_form="prior")
    assert [len(prior) for prior in both] == [2] * 4
    assert [len(prior) for prior in guided] == [1] * 4
    torch.testing.assert_close(guided[0], guide(*both[0].chunk(2), alpha=2.0))
    plain, _ = dub(pipe, ready, guidance_scale=1.0)
    assert (one - two).abs().mean() < (plain - two).abs().mean()
    assert not torch.equal(one, two)


def test_without_guidance_the_forms_are_one(pipe, ready):
    one, _ = dub(pipe, ready, guidance_scale=1.0)
    other, _ = dub(pipe, ready, guidance_scale=1.0, guidance_form="prior")
    assert torch.equal(one, other)


def test_unknown_forms_are_refused(pipe, ready):
    with pytest.raises(ValueError, match="`guidance_form` must be one of velocity, prior, got 'mel'"):
        pipe(ready, guidance_form="mel")

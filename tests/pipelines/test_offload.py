"""Offloading: every part is at hand when the pipeline uses it, whatever it calls of it first."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from accelerate.hooks import ModelHook, add_hook_to_module

from support.pipeline_calls import inputs
from support.tiny_models import hearing_vector_field, tiny_pipeline


class Away(ModelHook):
    """Stands for accelerate's `CpuOffload`: its model is at hand once it is called, and the one before it goes away then."""

    def __init__(self, before: "Away | None"):
        self.before, self.at_hand, self.times = before, False, 0

    def pre_forward(self, module, *args, **kwargs):
        if self.before is not None:
            self.before.at_hand = False
        self.at_hand, self.times = True, self.times + 1
        return args, kwargs


def offloaded(pipe):
    """The pipeline with hooks in its own order; modules that are computed while their part is away raise."""
    hooks, before = {}, None
    for name in pipe.model_cpu_offload_seq.split("->"):
        part = getattr(pipe, name)
        before = hooks[name] = Away(before)
        add_hook_to_module(part, before)

        def look(module, given, hook=before, name=name):
            assert hook.at_hand, f"{type(module).__name__} of {name} is computed while the part is away"

        for module in part.modules():
            if module is not part:
                module.register_forward_pre_hook(look)
    return hooks


@pytest.mark.parametrize("form", ["velocity", "prior"])
def test_a_call_brings_every_part(form):
    asked = {"guidance_form": form, "guidance_scale": 2.0, "output_type": "latent"}
    pipe = tiny_pipeline()
    expected = pipe(**inputs(**asked)).audios
    hooks = offloaded(pipe)
    torch.testing.assert_close(pipe(**inputs(**asked)).audios, expected, atol=5e-5, rtol=1e-4)
    pipe(**inputs(guidance_form=form))
    assert all(hook.times for hook in hooks.values())


def test_what_is_prepared_brings_its_parts():
    pipe = tiny_pipeline(vector_field=hearing_vector_field())
    offloaded(pipe)
    given = inputs()
    voice = pipe.prepare_voice(given["reference_audio"], given["reference_sampling_rate"])
    clip = pipe.prepare_mouths(np.random.default_rng(0).integers(0, 255, (20, 96, 96), dtype=np.uint8))
    assert torch.isfinite(pipe.prepare(given["script"], clip, voice).clips[0].features).all()


def test_a_long_clip_s_plan_brings_the_aligner(monkeypatch):
    monkeypatch.setattr("flowdubber_hf.pipelines.flowdubber.aligning.WHOLE_SECONDS", 0.1)
    pipe = tiny_pipeline()
    hooks = offloaded(pipe)
    seen = []
    plan = pipe.aligner.plan
    monkeypatch.setattr(pipe.aligner, "plan", lambda *args, **given: seen.append(plan(*args, **given)) or seen[-1])
    pipe(**inputs(output_type="latent"))
    assert len(seen) == 1 and hooks["aligner"].at_hand is False


def test_the_language_model_s_part_is_left_out_whole():
    """Without its knowledge neither it nor the speech tokenizer is run."""
    pipe = tiny_pipeline()
    hooks = offloaded(pipe)
    dub = pipe(**inputs(without=["semantics"], guidance_scale=1.0))
    assert hooks["speech_tokenizer"].times == hooks["semantic_model"].times == 0
    assert hooks["style_encoder"].times == 1
    assert "semantics" not in dub.timings
    ready = pipe.prepare(**{name: inputs()[name] for name in SOURCES}, without=["semantics"])
    assert hooks["speech_tokenizer"].times == 0
    with pytest.raises(ValueError, match="`reference_audio` was heard without the language model's tokens"):
        pipe(**inputs(reference_audio=ready.voices[0], reference_sampling_rate=None))


SOURCES = ("script", "video", "reference_audio", "fps", "reference_sampling_rate", "mouth_box")

"""Which of several takes is kept, and that takes side by side are those of their seeds."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from flowdubber_hf.demo import demo_reference
from flowdubber_hf.dubbing import takes
from flowdubber_hf.dubbing.takes import best_take, choose_take, voice_likeness
from support.pipeline_calls import BOXES, FPS, SCRIPTS, demo_voice, frames
from support.tiny_models import tiny_pipeline


pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("similarities", "wrong", "kept"),
    [
        ([0.7], [6], 0),
        ([0.7, 0.9], [0, 6], 1),  # of two, the more similar half is one: its words do not matter
        ([0.7, 0.9, 0.8], [0, 3, 1], 2),  # 0.9 and 0.8 stay; the second has fewer wrong words
        ([0.7, 0.9, 0.8, 0.6], [0, 2, 2, 0], 1),  # a tie in words goes to the more similar
        ([0.8, 0.8, 0.8], [1, 0, 0], 1),  # equal similarities count in their order
    ],
)
def test_the_best_take(similarities, wrong, kept):
    assert choose_take(similarities, wrong.__getitem__) == kept


def test_words_are_counted_only_in_the_better_half():
    asked = []
    choose_take([0.1, 0.4, 0.2, 0.3], lambda index: asked.append(index) or 0)
    assert set(asked) == {1, 3}


def test_no_take():
    with pytest.raises(ValueError, match="no take"):
        choose_take([], lambda index: 0)


@pytest.fixture(scope="module")
def pipe():
    torch.manual_seed(0)
    return tiny_pipeline()


@pytest.fixture(scope="module")
def ready(pipe):
    return pipe.prepare(
        SCRIPTS[0], frames(20), demo_voice(), fps=FPS, reference_sampling_rate=16000, mouth_box=BOXES[0]
    )


OPTIONS = {"semantic_max_new_tokens": 6, "guidance_scale": 1.4}


@pytest.fixture
def calls(pipe, monkeypatch):
    """Rows and steps of the pipeline's calls; the third of four takes is the best."""
    made = []
    call = type(pipe).__call__

    def note(self, script, **options):
        made.append((len(script), options["num_inference_steps"]))
        return call(self, script, **options)

    monkeypatch.setattr(type(pipe), "__call__", note)
    monkeypatch.setattr(takes, "voice_likeness", lambda pipe, sounds, voice: [0.5, 0.9, 0.8, 0.1])
    heard = iter((SCRIPTS[0][1:], SCRIPTS[0]))
    monkeypatch.setattr(takes.functional, "recognize_words", lambda sound, grammar: next(heard).split())
    return made


def test_takes_are_made_side_by_side(pipe, ready, calls):
    pytest.importorskip("jiwer")
    chosen = best_take(pipe, ready, range(5, 9), 4, **OPTIONS)
    assert calls == [(4, 4)]
    assert chosen.seed == 7 and [take["kept"] for take in chosen.takes] == [False, False, True, False]
    assert [take["wrong_words"] for take in chosen.takes] == [None, 1, 0, None]
    alone = pipe(ready, num_inference_steps=4, generator=torch.Generator("cpu").manual_seed(7), **OPTIONS)
    assert chosen.dub.words == alone.words and len(chosen.dub.audios) == len(chosen.dub.warnings) == 1
    assert chosen.dub.audios[0].shape == alone.audios[0].shape
    assert chosen.dub.timings["lips"] == ready.seconds["lips"]  # read once
    assert chosen.dub.timings["flow"] > 0 and chosen.dub.timings["total"] > ready.seconds["total"]


def test_the_mel_of_a_take_is_that_of_its_seed(pipe, ready):
    seeds = [torch.Generator("cpu").manual_seed(seed) for seed in range(3)]
    options = {**OPTIONS, "num_inference_steps": 3, "output_type": "latent"}
    together = pipe(ready.repeat(3), generator=seeds, **options).audios
    for seed in range(3):
        alone = pipe(ready, generator=torch.Generator("cpu").manual_seed(seed), **options).audios
        torch.testing.assert_close(together[seed : seed + 1], alone, atol=5e-5, rtol=1e-4)


def test_long_clips_are_made_in_turn(pipe, ready, calls, monkeypatch):
    pytest.importorskip("jiwer")
    monkeypatch.setattr(takes, "_TOGETHER_FRAMES", 3 * ready.num_mel_frames[0])
    told = []
    chosen = best_take(pipe, ready, range(4), 4, lambda *each: told.append(each) or {}, **OPTIONS)
    assert calls == [(3, 4), (1, 4)] and told == [(0, 2, 4), (1, 2, 4)] and chosen.seed == 2


def test_a_single_take_is_the_call_itself(pipe, ready):
    chosen = best_take(pipe, ready, [3], 2, **OPTIONS)
    alone = pipe(ready, num_inference_steps=2, generator=torch.Generator("cpu").manual_seed(3), **OPTIONS)
    np.testing.assert_array_equal(chosen.dub.audios[0], alone.audios[0])
    assert (chosen.seed, chosen.takes) == (3, [])


def test_no_seed(pipe, ready):
    with pytest.raises(ValueError, match="no seed"):
        best_take(pipe, ready, [], 2)


def test_likeness_is_that_of_the_voice(pipe, ready):
    heard = pipe.prepare_voice(demo_reference(1.0), 16000)
    sounds = [demo_reference(1.0), np.random.default_rng(0).normal(0, 0.1, 40000).astype(np.float32)]
    own, noise = voice_likeness(pipe, sounds, heard)
    assert own == pytest.approx(1, abs=1e-3) and own > noise
    with pytest.raises(ValueError, match="silent"):
        voice_likeness(pipe, [np.zeros(16000, dtype=np.float32)], heard)

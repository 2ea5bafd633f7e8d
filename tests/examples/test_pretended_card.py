"""Whatever a card runs finds all its tensors there: every stage's losses and validation, and a dub, on a card that is not there."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from importlib import import_module

import pytest
import torch

from flowdubber_hf.models.semantic import generation_semantic
from flowdubber_hf.models.semantic.captured_steps import StaticSteps
from flowdubber_hf.models.semantic.decoding_steps import LibrarySteps, PlainSteps
from flowdubber_hf.training import dubber_run
from support.pretend_card import CARD, OnCard, PretendCard, move
from support.stages import few_clips, fresh_run, training_stages
from support.tiny_models import tiny_pipeline
from support.training_runs import load_script


def test_what_a_card_refuses():
    with PretendCard():
        there, here = torch.ones(3, 4).to("cuda:0"), torch.ones(3, 4)
        assert there.device == CARD and (there.cpu() + here).sum() == 24
        made = (there.sum(0), torch.zeros(2, device=there.device), torch.tensor([1], device=CARD), here.to(there))
        assert all(isinstance(one, OnCard) for one in (*made, torch.quantile(there, 0.5), there[here[:, 0].long()]))
        for mixing in (lambda: there + here, lambda: there * torch.arange(4), lambda: torch.cat([here, there])):
            with pytest.raises(RuntimeError, match="all tensors on one device"):
                mixing()
        with pytest.raises(RuntimeError, match="all tensors on one device"):
            move(torch.nn.Linear(4, 2))(here)
        with pytest.raises(TypeError, match="to numpy"):
            there.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", training_stages.STAGES)
def test_stages(name, monkeypatch, tmp_path):
    """Losses of a batch as the loop moves it, and validation, of a model that alone was moved."""
    few_clips(monkeypatch)
    fresh_run(monkeypatch)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    found = {}

    def train(stage, arguments, *_, **__):
        batch = stage.batch(0, range(arguments.batch_size))
        with PretendCard():
            move(stage.model)
            for teacher in getattr(stage.model, "_teacher", ()):
                move(teacher)
            stage.model.train()
            losses = stage.model({key: value.to(CARD) for key, value in batch.items()})
            stage.model.eval()
            found.update({key: float(value) for key, value in losses.items()} | stage.validate(stage.model))
        return found

    script, store = import_module(training_stages.STAGES[name].script), None
    monkeypatch.setattr(dubber_run if script.__name__ == "train_dubber" else script, "train", train)
    store = training_stages.MadeClips(training_stages.make_clips())
    given = ["--dataset", "made", "--output_dir", str(tmp_path / "run"), "--batch_size", "2"]
    script.main([*given, *training_stages.stage_options(name, "tiny", tmp_path, store)], store)
    assert math.isfinite(found["loss"]) and any(key.startswith("val_") for key in found)


@pytest.mark.slow
def test_dubs(repository, monkeypatch):
    """Guided, with the language model's step in each of its forms."""
    benchmark = load_script(repository, "benchmark_gpu")
    pipe = tiny_pipeline()
    pipe.set_progress_bar_config(disable=True)
    expected = benchmark.plain_mel(pipe)
    with PretendCard():
        for part in ("style_encoder", "speech_tokenizer", "semantic_model", "aligner", "vector_field", "vocoder"):
            move(getattr(pipe, part))
        assert pipe.device == CARD
        assert (benchmark.plain_mel(pipe) - expected).abs().max() < 1e-3
        for steps in (PlainSteps, StaticSteps, LibrarySteps):
            monkeypatch.setattr(generation_semantic, "choose_steps", lambda *_, steps=steps: steps)
            sounds = benchmark.call(pipe, 2, semantic_max_new_tokens=6, num_inference_steps=1)
            assert [len(sound) for sound in sounds] == [48000, 48000]

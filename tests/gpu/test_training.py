"""On a card: every stage trains in bf16 by its own script, and its loss falls."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import pytest
import torch

from support.stages import EXAMPLES, few_clips, fresh_run, loss_falls, training_stages
from support.training_runs import load_script


pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a card")


@pytest.fixture
def train(monkeypatch, tmp_path):
    few_clips(monkeypatch)
    fresh_run(monkeypatch)
    benchmark = load_script(EXAMPLES.parent, "benchmark_gpu")

    def start(stage: str, precision: str, steps: int):
        given = ["--training", "--batch_size", "4", "--steps", str(steps), "--mixed_precision", precision]
        arguments = benchmark.parse_arguments(given)
        assert benchmark.training_device(arguments.device).type == "cuda"
        return benchmark.train_stage(stage, "tiny", arguments, tmp_path, ["--learning_rate", "3e-4"])

    return start


@pytest.mark.parametrize("stage", training_stages.STAGES)
def test_stages_train(train, stage):
    figure = train(stage, "bf16", 27)
    assert len(figure.losses) == 30 and all(map(math.isfinite, figure.losses))
    assert loss_falls(figure.losses), figure.losses
    assert figure.samples > 0 and 1e6 < figure.memory < 40e9


@pytest.mark.parametrize("stage", ["dubber", "semantic_lm"])
def test_half_precision_with_a_scaler(train, stage):
    """fp16 leaves out the steps in which its gradients were too large, and goes on."""
    figure = train(stage, "fp16", 12)
    assert all(map(math.isfinite, figure.losses))

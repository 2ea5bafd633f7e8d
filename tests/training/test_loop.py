# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The shared loop: a stopped and resumed run equals one that was not, checkpoints rotate, a bad loss stops the run."""

import json

import pytest
import torch
from accelerate import Accelerator

from flowdubber_hf.training.loop import LoopArguments, last_checkpoint, train


def run(folder, steps: int, stop: int | None = None, bad_at: int | None = None):
    """Trains a small regression; returns the final weights and the log."""
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    # The schedule's length is the planned one; a stop is an interruption, not a shorter plan.
    arguments = LoopArguments(
        features="",
        output_dir=str(folder),
        max_steps=steps,
        warmup_steps=2,
        save_every=2,
        log_every=1,
        validate_every=4,
    )

    def make_batch(step: int) -> dict[str, torch.Tensor]:
        if step == stop:
            raise KeyboardInterrupt
        return {"x": torch.randn(8, 3, generator=torch.Generator().manual_seed(step)), "step": torch.tensor(step)}

    def losses(model, batch):
        loss = (model(batch["x"]) - batch["x"].sum(1, keepdim=True)).square().mean()
        return {"loss": loss * float("nan") if batch["step"] == bad_at else loss}

    saved = {}
    train(
        Accelerator(cpu=True),
        model,
        arguments,
        make_batch,
        losses,
        lambda model: {"figure": 1.0},
        lambda model, record: saved.update({name: value.clone() for name, value in model.state_dict().items()}),
    )
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return saved, [row["loss"] for row in log if "figure" not in row]


def test_resumed_equals_uninterrupted(tmp_path):
    straight, losses = run(tmp_path / "straight", 9)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", 9, stop=5)
    assert last_checkpoint(tmp_path / "stopped").name == "checkpoint-4"
    resumed, resumed_losses = run(tmp_path / "stopped", 9)
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name
    assert resumed_losses[-5:] == losses[-5:]


def test_only_the_last_checkpoint_stays(tmp_path):
    run(tmp_path, 6)
    assert [path.name for path in tmp_path.glob("*checkpoint-*")] == ["checkpoint-6"]


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(RuntimeError, match="the loss is nan at step 3; the last checkpoint is kept"):
        run(tmp_path, 6, bad_at=3)
    assert last_checkpoint(tmp_path).name == "checkpoint-2"


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="at least 1"):
        LoopArguments(features="", output_dir="", max_steps=0)

"""A training stage of a few numbers, and a run of it in a folder."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import signal
from pathlib import Path

import torch
from torch import nn

from flowdubber_hf.training.arguments import TrainingArguments
from flowdubber_hf.training.batching import row_generator
from flowdubber_hf.training.loop import make_accelerator, train


class Regression:
    """A small stage with dropout and noise; `stop` raises, `kill` ends the process, `bad` makes a loss NaN."""

    best = "error"

    def __init__(self, seed: int = 0, dropout: float = 0.1, stop=None, kill=None, bad=None):
        torch.manual_seed(seed)
        self.seed, self.stop, self.kill, self.bad = seed, stop, kill, bad
        self.model = Model(dropout)

    def batch(self, step, rows):
        if step == self.stop:
            raise KeyboardInterrupt
        if step == self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        drawn = [torch.from_numpy(row_generator(self.seed, step, row).normal(size=4)).float() for row in rows]
        x = torch.stack(drawn)
        return {"x": x * float("nan") if step == self.bad else x}

    def names(self, step):
        return [f"clip-{step}", "other"]

    def validate(self, model):
        with torch.no_grad():
            return {"error": float((model.linear.weight - 1).square().sum())}

    def save(self, model, folder):
        torch.save(model.state_dict(), folder / "weights.pt")


class Model(nn.Module):
    def __init__(self, dropout: float):
        super().__init__()
        self.hidden, self.linear, self.dropout = nn.Linear(4, 4), nn.Linear(4, 1), nn.Dropout(dropout)

    def forward(self, batch):
        error = self.linear(self.dropout(self.hidden(batch["x"]))) - batch["x"].sum(1, keepdim=True)
        return {"loss": error.square().mean(), "size": error.abs().mean()}


def options(folder: Path, **changed) -> TrainingArguments:
    values = {
        "dataset": [],
        "output_dir": str(folder),
        "max_steps": 9,
        "batch_size": 8,
        "warmup_steps": 2,
        "learning_rate": 0.05,
        "save_steps": 2,
        "logging_steps": 3,
        "validation_steps": 4,
    }
    return TrainingArguments(**{**values, **changed})


def run(folder: Path, stage: Regression | None = None, name: str = "training", **changed) -> dict:
    arguments = options(folder, **changed)
    return train(stage or Regression(), arguments, make_accelerator(arguments), name=name)

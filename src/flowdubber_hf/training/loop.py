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
"""The training loop of the aligner and dubber scripts: Accelerate, EMA, a JSONL log, checkpoints that are complete or
absent, and batches that are a pure function of the step, so that a resumed run sees what the stopped one would have."""

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch.utils.data import DataLoader, Dataset


@dataclass
class LoopArguments:
    """Options every training script shares."""

    features: str = field(metadata={"help": "folder written by examples/prepare_features.py"})
    output_dir: str = field(metadata={"help": "where checkpoints, the log and the finished model go"})
    max_steps: int = field(default=3000, metadata={"help": "optimiser steps in all"})
    batch_size: int = field(default=16, metadata={"help": "clips a step, over all processes"})
    learning_rate: float = field(default=1e-3)
    warmup_steps: int = field(default=100)
    final_learning_rate: float = field(default=0.02, metadata={"help": "share of the learning rate left at the end"})
    weight_decay: float = field(default=0.01)
    max_grad_norm: float = field(default=1.0)
    ema_decay: float = field(default=0.998)
    mixed_precision: str = field(
        default="auto", metadata={"help": "auto (bf16 on a GPU, no on a CPU), no, bf16, fp16"}
    )
    save_every: int = field(default=200)
    log_every: int = field(default=20)
    validate_every: int = field(default=200)
    num_workers: int = field(default=0, metadata={"help": "processes that prepare batches"})
    threads: int = field(default=0, metadata={"help": "torch threads on a CPU; 0 leaves torch's choice"})
    seed: int = field(default=0)
    resume: bool = field(default=True, metadata={"help": "go on from the last checkpoint in output_dir"})

    def __post_init__(self):
        if self.max_steps < 1 or self.batch_size < 1:
            raise ValueError("`max_steps` and `batch_size` must be at least 1.")


class StepDataset(Dataset):
    """Item k is the whole batch of step k."""

    def __init__(self, make_batch: Callable[[int], dict[str, torch.Tensor]], num_steps: int):
        self.make_batch, self.num_steps = make_batch, num_steps

    def __len__(self) -> int:
        return self.num_steps

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        return self.make_batch(step)


def make_accelerator(arguments: LoopArguments) -> Accelerator:
    """bf16 where a GPU runs it, fp32 on a CPU (bf16 autocast is far slower there)."""
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    precision = arguments.mixed_precision
    if precision == "auto":
        precision = "bf16" if torch.cuda.is_available() else "no"
    return Accelerator(mixed_precision=precision)


def _learning_rate_factor(step: int, arguments: LoopArguments) -> float:
    if step < arguments.warmup_steps:
        return (step + 1) / arguments.warmup_steps
    done = (step - arguments.warmup_steps) / max(arguments.max_steps - arguments.warmup_steps, 1)
    floor = arguments.final_learning_rate
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint of `folder`, by its step."""
    found = [path for path in folder.glob("checkpoint-*") if path.name.split("-")[1].isdigit()]
    return max(found, key=lambda path: int(path.name.split("-")[1]), default=None)


def _save_checkpoint(accelerator: Accelerator, ema: EMAModel, folder: Path, step: int) -> None:
    """Writes to a hidden folder and renames it, then drops older checkpoints: what has the name is complete."""
    temporary, final = folder / f".checkpoint-{step}", folder / f"checkpoint-{step}"
    accelerator.save_state(str(temporary))
    if accelerator.is_main_process:
        torch.save(ema.state_dict(), temporary / "ema.pt")
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        for path in folder.glob("checkpoint-*"):
            if path != final:
                shutil.rmtree(path)
    accelerator.wait_for_everyone()


def train(
    accelerator: Accelerator,
    model: torch.nn.Module,
    arguments: LoopArguments,
    make_batch: Callable[[int], dict[str, torch.Tensor]],
    losses: Callable[[torch.nn.Module, dict[str, torch.Tensor]], dict[str, torch.Tensor]],
    validate: Callable[[torch.nn.Module], dict[str, float]],
    save: Callable[[torch.nn.Module, dict], None],
) -> dict:
    """
    Trains `model` and returns the last log record.

    Args:
        make_batch: step to this process' batch.
        losses: the wrapped model and a batch to named scalars, of which `loss` is minimised.
        validate: the unwrapped model, EMA weights in place, to named figures.
        save: writes the unwrapped model, EMA weights in place, with the last record; called at the end and at every
            validation.

    Raises:
        RuntimeError: the loss is no longer finite; the last checkpoint is kept.
    """
    folder = Path(arguments.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=arguments.learning_rate, betas=(0.9, 0.98), weight_decay=arguments.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _learning_rate_factor(step, arguments))
    model, optimizer = accelerator.prepare(model, optimizer)
    accelerator.register_for_checkpointing(schedule)
    ema = EMAModel(parameters, decay=arguments.ema_decay, use_ema_warmup=True, power=0.75, foreach=True)
    start = 0
    checkpoint = last_checkpoint(folder) if arguments.resume else None
    if checkpoint is not None:
        accelerator.load_state(str(checkpoint))
        ema.load_state_dict(torch.load(checkpoint / "ema.pt", weights_only=True))
        start = int(checkpoint.name.split("-")[1])
        accelerator.print(f"going on from step {start}")
    ema.to(accelerator.device)
    loader = DataLoader(
        StepDataset(make_batch, arguments.max_steps),
        batch_size=None,
        sampler=range(start, arguments.max_steps),
        num_workers=arguments.num_workers,
    )
    record: dict = {"step": start}
    began = last_time = time.time()
    sums: dict[str, float] = {}
    for step, batch in enumerate(loader, start=start):
        model.train()
        batch = {name: value.to(accelerator.device) for name, value in batch.items()}
        with accelerator.autocast():
            named = losses(model, batch)
        if not torch.isfinite(named["loss"]):
            raise RuntimeError(f"the loss is {named['loss'].item()} at step {step}; the last checkpoint is kept.")
        accelerator.backward(named["loss"])
        norm = accelerator.clip_grad_norm_(parameters, arguments.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        ema.step(parameters)
        for name, value in {**named, "gradient_norm": norm}.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        done = step + 1
        last = done == arguments.max_steps
        if done % arguments.log_every == 0 or last:
            count = (done - 1) % arguments.log_every + 1
            record = {"step": done, **{name: round(value / count, 5) for name, value in sums.items()}}
            record["learning_rate"] = schedule.get_last_lr()[0]
            record["seconds_per_step"] = round((time.time() - last_time) / count, 3)
            record["minutes"] = round((time.time() - began) / 60, 1)
            sums, last_time = {}, time.time()
            _log(accelerator, folder, record)
        if done % arguments.validate_every == 0 or last:
            _with_average(
                ema, parameters, accelerator.unwrap_model(model), validate, save, record, accelerator, folder
            )
            last_time = time.time()
        if done % arguments.save_every == 0 or last:
            _save_checkpoint(accelerator, ema, folder, done)
    return record


def _with_average(ema, parameters, model, validate, save, record, accelerator, folder) -> None:
    """Validates and saves with the averaged weights in place of the current ones."""
    ema.store(parameters)
    ema.copy_to(parameters)
    model.eval()
    with torch.no_grad():
        record.update(validate(model))
    if accelerator.is_main_process:
        save(model, record)
    _log(accelerator, folder, record)
    ema.restore(parameters)


def _log(accelerator: Accelerator, folder: Path, record: dict) -> None:
    if accelerator.is_main_process:
        with (folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(record) + "\n")
    accelerator.print(json.dumps(record))

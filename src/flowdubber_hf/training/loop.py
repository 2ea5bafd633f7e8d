"""The training loop of all stages on Accelerate.

Everything random is a pure function of (seed, step, row of the global batch): batches come from the stage with their
noise in them, and torch's own generator, which only dropout asks, is seeded anew for every part of a step. So a run that
was killed and resumed equals one that was not, and processes and accumulation steps only divide the same work.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import contextlib
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from multiprocessing import get_all_start_methods
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import (
    DistributedDataParallelKwargs,
    InitProcessGroupKwargs,
    ProjectConfiguration,
    broadcast,
)
from diffusers.training_utils import EMAModel
from diffusers.utils import logging as diffusers_logging
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm
from transformers.utils import logging as transformers_logging

from ..data.features import save_text
from ..work.files import replace_folder
from ..work.reading import read_json
from .arguments import TrainingArguments, changed_options
from .batching import dropout_seed, rows_of_part
from .checkpoints import find_checkpoint, load_checkpoint, prepare_folder, save_checkpoint, step_of
from .optimization import decay_groups, enable_gradient_checkpointing, make_schedule, with_common_statistics
from .progress import Window, peak_memory_gb
from .resumable import Resumable
from .samples import Samples, check_samples
from .trackers import RunLog, check_trackers, start_trackers, track


SUMMARY_NAME = "summary.json"
MODEL_FOLDER = "model"
BEST_FOLDER = "best"
SAMPLES_FOLDER = "samples"


class TrainingStage(Protocol):
    """What a stage gives the loop.

    Attributes:
        model: `model(batch)` returns named scalar losses, of which `loss` is minimised. Each is a mean over the rows of the
            batch of the row's own mean, or a sum divided by a count that the stage put into the batch: the count over the
            step's whole global batch times `len(rows) / batch_size`. Only parameters that require a gradient when
            [`train`] begins are trained.
        best: name of the validation figure whose lowest value chooses what lies in `output_dir/best`; `None` keeps none.
    """

    model: nn.Module
    best: str | None

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """The collated `rows` of the step's global batch; pure, all draws from
        [`~training.batching.row_generator`]. Runs in loader processes."""
        ...

    def names(self, step: int) -> list[str]:
        """Names of the clips of the step's global batch, by row; a run that stops names them."""
        ...

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures of the unwrapped model in evaluation mode, averaged weights in place; main process only."""
        ...

    def save(self, model: nn.Module, folder: Path) -> None:
        """Writes the parts into `folder` in `save_pretrained` form."""
        ...

    def samples(self, model: nn.Module) -> Samples:
        """Sounds and pictures of fixed validation clips, model as in `validate`; asked for where `--sample_steps` is set."""
        ...


class _Parts(Dataset):
    """Item k is a part of a step's batch: this process' k % accumulation-th of step k // accumulation."""

    def __init__(self, stage: TrainingStage, arguments: TrainingArguments, process: int, num_processes: int):
        self.make, self.batch_size = stage.batch, arguments.batch_size
        self.accumulation = arguments.gradient_accumulation_steps
        self.process, self.num_processes = process, num_processes
        self.length = arguments.max_steps * self.accumulation

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        step, micro = divmod(index, self.accumulation)
        part = self.process * self.accumulation + micro
        return self.make(step, rows_of_part(self.batch_size, part, self.num_processes * self.accumulation))


def make_accelerator(arguments: TrainingArguments, find_unused_parameters: bool = False) -> Accelerator:
    """
    Starts a run: the accelerator (bf16 where a GPU has it and fp32 on a CPU unless the options say otherwise), its output
    folder, checked and marked, and torch's seed.

    Args:
        find_unused_parameters: for models of which some batches use only a part.

    Raises:
        ValueError: the batch cannot be divided over the processes, a tracker is not installed, the output folder is not to
            be written to, or the checkpoint to go on from is not there.
    """
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    check_trackers(arguments.report_to)
    # One bar, the run's own: the libraries draw one for each part that is read or written.
    transformers_logging.disable_progress_bar()
    diffusers_logging.disable_progress_bar()
    precision = arguments.mixed_precision
    if precision == "auto":
        precision = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "no"
    accelerator = Accelerator(
        mixed_precision=precision,
        gradient_accumulation_steps=arguments.gradient_accumulation_steps,
        log_with=arguments.report_to or None,
        project_config=ProjectConfiguration(arguments.output_dir, str(Path(arguments.output_dir) / "trackers")),
        kwargs_handlers=[
            DistributedDataParallelKwargs(find_unused_parameters=find_unused_parameters),
            # The others wait while the main process prepares or validates.
            InitProcessGroupKwargs(timeout=timedelta(hours=6)),
        ],
    )
    parts = accelerator.num_processes * arguments.gradient_accumulation_steps
    if arguments.batch_size % parts:
        raise ValueError(
            f"--batch_size {arguments.batch_size} cannot be divided into {accelerator.num_processes} processes x "
            f"{arguments.gradient_accumulation_steps} accumulation steps; choose a multiple of {parts}."
        )
    prepare_folder(accelerator, arguments)
    torch.manual_seed(arguments.seed)
    return accelerator


class _Run:
    """The state of one call of [`train`]."""

    def __init__(
        self,
        stage: TrainingStage,
        arguments: TrainingArguments,
        accelerator: Accelerator,
        checkpoint: Path | None,
        name: str,
    ):
        self.stage, self.arguments, self.accelerator = stage, arguments, accelerator
        self.folder = Path(arguments.output_dir)
        if arguments.gradient_checkpointing:
            enable_gradient_checkpointing(stage.model)
        model = stage.model
        if accelerator.num_processes > 1:
            model = with_common_statistics(model, accelerator.device)
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(
            decay_groups(self.parameters, arguments.weight_decay),
            lr=arguments.learning_rate,
            betas=(arguments.adam_beta1, arguments.adam_beta2),
            fused=True,
        )
        self.schedule = make_schedule(optimizer, arguments)
        self.model, self.optimizer = accelerator.prepare(model, optimizer)
        self.resumable = Resumable(
            accelerator.unwrap_model(self.model), self.optimizer, self.schedule, accelerator.scaler
        )
        self.ema = None
        if arguments.use_ema:
            self.ema = EMAModel(
                self.parameters, decay=arguments.ema_decay, use_ema_warmup=True, power=0.75, foreach=True
            )
        state: dict[str, Any] = {"step": 0}
        if checkpoint is not None:
            state = load_checkpoint(accelerator, self.resumable, self.ema, checkpoint)
            self._report_resume(state, checkpoint)
        if self.ema is not None:
            self.ema.to(accelerator.device)
        self.step: int = state["step"]
        self.best: float = math.inf if state.get("best") is None else state["best"]
        self.seconds: dict[str, float] = state.get("seconds", {"data": 0.0, "model": 0.0})
        self.window = Window(state.get("window"))
        own = checkpoint is not None and checkpoint.parent.resolve() == self.folder.resolve()
        self.log = RunLog(self.folder, state["log_position"] if own else 0, accelerator.is_main_process)
        self.record: dict[str, Any] = state.get("record", {})
        self.name, self.ended, self.saved = name, self.finished, self.minutes

    def _report_resume(self, state: dict[str, Any], checkpoint: Path) -> None:
        self.accelerator.print(f"going on from step {state['step']} ({checkpoint})")
        for change in changed_options(state["arguments"], self.arguments):
            self.accelerator.print(f"another setting than before: {change}")

    def loader(self) -> Iterator[dict[str, torch.Tensor]]:
        """This process' parts from the present step on."""
        parts = _Parts(self.stage, self.arguments, self.accelerator.process_index, self.accelerator.num_processes)
        workers = self.arguments.dataloader_num_workers
        return iter(
            DataLoader(
                parts,
                batch_size=None,
                sampler=range(self.step * parts.accumulation, len(parts)),
                num_workers=workers,
                # Forked processes share the stage; others would have to pickle it with its model.
                multiprocessing_context="fork" if workers and "fork" in get_all_start_methods() else None,
                prefetch_factor=4 if workers else None,
                pin_memory=self.accelerator.device.type == "cuda",
            )
        )

    def train_step(self, batches: Iterator[dict[str, torch.Tensor]]) -> tuple[dict[str, float], float]:
        """One optimiser step; returns its mean figures over all processes and the seconds spent waiting for data.

        Raises:
            FloatingPointError: a loss or the gradient is not finite; the weights are still those of the step before.
        """
        accelerator, arguments = self.accelerator, self.arguments
        accumulation = arguments.gradient_accumulation_steps
        totals: dict[str, torch.Tensor] = {}
        norm, waited = torch.zeros((), device=accelerator.device), 0.0
        self.model.train()
        for micro in range(accumulation):
            started = time.perf_counter()
            batch = {name: value.to(accelerator.device, non_blocking=True) for name, value in next(batches).items()}
            waited += time.perf_counter() - started
            torch.manual_seed(
                dropout_seed(arguments.seed, self.step, accelerator.process_index * accumulation + micro)
            )
            with accelerator.accumulate(self.model):
                losses = self.model(batch)
                accelerator.backward(losses["loss"])
                for name, value in losses.items():
                    totals[name] = totals.get(name, 0) + value.detach().float() / accumulation
                if accelerator.sync_gradients:
                    norm = accelerator.clip_grad_norm_(self.parameters, arguments.max_grad_norm or math.inf)
                    values = self._gathered({**totals, "gradient_norm": norm.detach().float()})
                    self._check_finite(values)
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
        values["learning_rate"] = self.schedule.get_last_lr()[0]
        if not accelerator.optimizer_step_was_skipped:
            self.schedule.step()
            if self.ema is not None:
                self.ema.step(self.parameters)
        return values, waited

    def _gathered(self, values: dict[str, torch.Tensor]) -> dict[str, float]:
        """Means over the processes, in one transfer."""
        names = sorted(values)
        means = self.accelerator.reduce(torch.stack([values[name] for name in names]), "mean")
        return dict(zip(names, means.tolist(), strict=True))

    def _check_finite(self, values: dict[str, float]) -> None:
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if self.accelerator.scaler is not None and bad == ["gradient_norm"]:
            values.pop("gradient_norm")  # the gradient scaler of fp16 leaves such a step out and scales down
            return
        if bad:
            names = ", ".join(dict.fromkeys(self.stage.names(self.step)))
            raise FloatingPointError(
                f"step {self.step + 1}: {', '.join(f'{name} is {values[name]}' for name in bad)}. The run stops before "
                f"the weights change; the last checkpoint in {self.folder} is kept. Clips of this step: {names}."
            )

    def write(self, record: dict[str, Any]) -> None:
        """To the log and the trackers."""
        self.record.update(record)
        self.log.write(record)
        track(self.accelerator, record)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """The unwrapped model in evaluation mode with the averaged weights in place."""
        model = self.accelerator.unwrap_model(self.model)
        if self.ema is not None:
            self.ema.store(self.parameters)
            self.ema.copy_to(self.parameters)
        model.eval()
        try:
            with torch.no_grad():
                yield model
        finally:
            if self.ema is not None:
                self.ema.restore(self.parameters)

    def validate(self) -> None:
        """Figures, and the model in `output_dir/model` (and `best`)."""
        if self.accelerator.is_main_process:
            with self.averaged() as model:
                figures = self.stage.validate(model)
                self.write({"step": self.step, **figures})
                told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
                tqdm.write(f"held-out clips after {self.step} steps: {told}", file=sys.stderr)
                self._save(model, MODEL_FOLDER)
                if self.stage.best is not None and figures[self.stage.best] < self.best:
                    self.best = figures[self.stage.best]
                    self._save(model, BEST_FOLDER)
        self.accelerator.wait_for_everyone()

    def sample(self) -> None:
        """Sounds and pictures of fixed clips in `output_dir/samples` and in the trackers."""
        if self.accelerator.is_main_process:
            with self.averaged() as model:
                samples = self.stage.samples(model)
            samples.write(self.folder / SAMPLES_FOLDER / f"step-{self.step}")
            samples.log(self.accelerator, self.step)
        self.accelerator.wait_for_everyone()

    def _save(self, model: nn.Module, name: str) -> None:
        replace_folder(self.folder / name, lambda folder: self.stage.save(model, folder))

    def save_checkpoint(self) -> None:
        """The state after the present step."""
        state = {
            "step": self.step,
            "best": self.best if math.isfinite(self.best) else None,
            "seconds": self.seconds,
            "window": self.window.state(),
            "record": self.record,
            "arguments": vars(self.arguments),
        }
        if self.accelerator.is_main_process:
            state["log_position"] = self.log.position
        limit = self.arguments.save_total_limit
        save_checkpoint(self.accelerator, self.resumable, self.ema, self.folder, state, limit)

    @property
    def minutes(self) -> float:
        """Of all steps, those before a stop included."""
        return sum(self.seconds.values()) / 60

    @property
    def finished(self) -> bool:
        """Whether the steps, or the minutes that they may take, are used up."""
        limit = self.arguments.max_minutes
        return self.step >= self.arguments.max_steps or bool(limit and self.agreed(self.minutes >= limit))

    def agreed(self, answer: bool) -> bool:
        """What the main process says to a question that each would answer by its own clock."""
        if self.accelerator.num_processes == 1:
            return answer
        return bool(broadcast(torch.tensor([answer], device=self.accelerator.device))[0])

    def due(self, interval: int) -> bool:
        """Whether something that happens every `interval` steps, and at the end, happens now."""
        return self.step % interval == 0 or self.ended

    def due_to_save(self) -> bool:
        """Whether a checkpoint is written now: by steps, or since the last one is too long ago."""
        limit = self.arguments.save_minutes
        return self.due(self.arguments.save_steps) or bool(limit and self.agreed(self.minutes - self.saved >= limit))

    def run(self) -> None:
        """From the present step to the last."""
        arguments = self.arguments
        batches = self.loader()
        bar = tqdm(
            total=arguments.max_steps,
            initial=self.step,
            desc=self.name,
            unit="step",
            disable=not self.accelerator.is_main_process,
            mininterval=1.0,
        )
        while not self.ended:
            started = time.perf_counter()
            values, waited = self.train_step(batches)
            seconds = time.perf_counter() - started
            self.step += 1
            self.window.add({**values, "data_seconds": waited, "model_seconds": seconds - waited})
            self.seconds["data"] += waited
            self.seconds["model"] += seconds - waited
            self.ended = self.finished
            bar.update()
            if self.due(arguments.logging_steps):
                self.write_window()
                bar.set_postfix(loss=f"{self.record['loss']:.4g}")
            if self.due(arguments.validation_steps):
                self.validate()
            if arguments.sample_steps and self.due(arguments.sample_steps):
                self.sample()
            if self.due_to_save():
                self.save_checkpoint()
                self.saved = self.minutes
        bar.close()

    def write_window(self) -> None:
        """A line of the log: means over the steps since the last one."""
        means = self.window.means()
        speed = self.arguments.batch_size / (means["data_seconds"] + means["model_seconds"])
        self.write(
            {
                "step": self.step,
                **means,
                "samples_per_second": speed,
                "peak_memory_gb": peak_memory_gb(),
                "minutes": self.minutes,
            }
        )

    def summary(self) -> dict[str, Any]:
        """The run in figures."""
        seconds = sum(self.seconds.values())
        return {
            **self.record,
            "steps": self.step,
            "minutes": seconds / 60,
            "samples_per_second": self.step * self.arguments.batch_size / seconds,
            "model_share_of_time": self.seconds["model"] / seconds,
            **({f"best_{self.stage.best}": self.best} if math.isfinite(self.best) else {}),
        }


def train(
    stage: TrainingStage,
    arguments: TrainingArguments,
    accelerator: Accelerator,
    push: bool = True,
    name: str = "training",
) -> dict[str, Any]:
    """
    Trains `stage.model` and leaves in `output_dir`: `model/` (averaged weights), `best/` where the stage names a figure,
    `checkpoint-N/`, `log.jsonl` and `summary.json`.

    Args:
        accelerator: from [`make_accelerator`].
        push: send the model's folder where `--push_to_hub` asks for it; a script that makes more of it sends that itself.
        name: of the progress bar.

    Returns:
        `dict`: the last value of every figure, and the run's speed; read from `summary.json` where the run is finished.

    Raises:
        FloatingPointError: a loss or the gradient is no longer finite; the last checkpoint is kept.
        ValueError: `--sample_steps` with a stage that makes none, or without matplotlib.
    """
    checkpoint, path = find_checkpoint(arguments), Path(arguments.output_dir) / SUMMARY_NAME
    if checkpoint is not None and step_of(checkpoint) >= arguments.max_steps and path.is_file():
        accelerator.print(f"{arguments.output_dir} has all {arguments.max_steps} steps")
        summary = read_json(path)
        _push(stage, arguments, accelerator, summary, push)
        return summary
    if arguments.sample_steps:
        check_samples(stage)
    run = _Run(stage, arguments, accelerator, checkpoint, name)
    start_trackers(accelerator, arguments, run.step)
    run.run()
    accelerator.end_training()
    summary = run.summary()
    if accelerator.is_main_process:
        save_text(path, json.dumps(summary, indent=2) + "\n")
    accelerator.print(
        f"{summary['steps']} steps in {summary['minutes']:.1f} min, {summary['samples_per_second']:.1f} clips a second, "
        f"{100 * summary['model_share_of_time']:.0f} % of it the model's, peak memory {peak_memory_gb():.2f} GB"
    )
    _push(stage, arguments, accelerator, summary, push)
    return summary


def _push(
    stage: TrainingStage, arguments: TrainingArguments, accelerator: Accelerator, summary: dict[str, Any], push: bool
) -> None:
    if not push or not arguments.push_to_hub:
        return
    from .export import part_card, push_folder  # loads the pipeline, which few stages need

    folder = Path(arguments.output_dir) / (BEST_FOLDER if stage.best else MODEL_FOLDER)
    push_folder(folder, arguments, accelerator, part_card(arguments, summary, accelerator.num_processes))

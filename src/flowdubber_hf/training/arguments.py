"""Options that every training script shares, read from flags, from a YAML or JSON file, or from both."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from transformers import HfArgumentParser, SchedulerType

from ..work.faults import machine_fault
from ..work.interrupts import EXIT_INTERRUPTED, ending_at_second_interrupt
from ..work.reading import read_json, read_yaml
from ..work.wording import did_you_mean


TRACKERS = ("tensorboard", "wandb", "trackio")
PRECISIONS = ("auto", "no", "bf16", "fp16")
# Those that follow a figure and not the step cannot be planned ahead.
SCHEDULES = tuple(kind.value for kind in SchedulerType if kind.value not in ("reduce_lr_on_plateau", "greedy"))
SCHEDULES_WITH_FLOOR = ("cosine_with_min_lr", "cosine_warmup_with_min_lr")
CONFIG_SUFFIXES = (".yaml", ".yml", ".json")

Arguments = TypeVar("Arguments", bound="TrainingArguments")


@dataclass
class TrainingArguments:
    """Options every training script shares; counts of steps are counts of optimiser steps.

    Raises:
        ValueError: an option out of range, or two that contradict each other.
    """

    dataset: list[str] = field(metadata={"help": "one or more folders written by `flowdubber prepare`"})
    output_dir: str = field(metadata={"help": "where checkpoints, the log and the finished model go"})
    max_steps: int = field(default=3000, metadata={"help": "optimiser steps in all"})
    batch_size: int = field(default=16, metadata={"help": "clips a step, over all processes and accumulation steps"})
    gradient_accumulation_steps: int = field(default=1, metadata={"help": "parts in which a process takes its share"})
    gradient_checkpointing: bool = field(default=False, metadata={"help": "less memory for about a third more time"})
    learning_rate: float = field(default=1e-3, metadata={"help": "peak of the schedule"})
    lr_scheduler_type: str = field(
        default="cosine_with_min_lr", metadata={"help": f"schedule of transformers: {', '.join(SCHEDULES)}"}
    )
    warmup_steps: int = field(default=100, metadata={"help": "steps of linear rise"})
    min_learning_rate: float = field(default=0.0, metadata={"help": f"floor of {', '.join(SCHEDULES_WITH_FLOOR)}"})
    weight_decay: float = field(default=0.01, metadata={"help": "of AdamW"})
    adam_beta1: float = field(default=0.9, metadata={"help": "of AdamW"})
    adam_beta2: float = field(default=0.98, metadata={"help": "of AdamW"})
    max_grad_norm: float = field(default=1.0, metadata={"help": "gradients are scaled to this norm; 0 leaves them"})
    use_ema: bool = field(default=True, metadata={"help": "publish the exponential moving average of the weights"})
    ema_decay: float = field(default=0.998, metadata={"help": "of the average, reached gradually"})
    mixed_precision: str = field(
        default="auto", metadata={"help": "auto (bf16 on a GPU that has it, no on a CPU), no, bf16 or fp16"}
    )
    save_steps: int = field(default=200, metadata={"help": "steps between checkpoints"})
    save_minutes: float = field(
        default=0.0, metadata={"help": "minutes of training between checkpoints, too; 0: by steps alone"}
    )
    max_minutes: float = field(
        default=0.0, metadata={"help": "end after these minutes of training, if not by steps; 0: never"}
    )
    save_total_limit: int = field(default=2, metadata={"help": "checkpoints kept"})
    logging_steps: int = field(default=20, metadata={"help": "steps between lines of the log"})
    validation_steps: int = field(default=200, metadata={"help": "steps between validations"})
    sample_steps: int = field(
        default=0, metadata={"help": "steps between sounds and pictures of fixed validation clips; 0: none"}
    )
    dataloader_num_workers: int = field(default=0, metadata={"help": "processes that prepare batches"})
    threads: int = field(default=0, metadata={"help": "torch threads on a CPU; 0 leaves torch's choice"})
    seed: int = field(default=0, metadata={"help": "of weights, batches and everything drawn"})
    resume_from_checkpoint: str | None = field(
        default=None, metadata={"help": "latest (of output_dir, from the start where there is none) or a folder"}
    )
    report_to: list[str] = field(
        default_factory=list,
        metadata={"help": f"trackers beside log.jsonl: {', '.join(TRACKERS)}; all stay on this machine"},
    )
    report_online: bool = field(default=False, metadata={"help": "let wandb send the run to its server"})
    speakers: list[str] = field(
        default_factory=list, metadata={"help": "speakers to train on; all where none is named"}
    )
    exclude_speakers: list[str] = field(default_factory=list, metadata={"help": "speakers left out of training"})
    skip_bad_clips: bool = field(
        default=False,
        metadata={"help": "leave bad clips out and say so; otherwise they stop the run before it starts"},
    )
    push_to_hub: bool = field(default=False, metadata={"help": "send the finished model to the Hub"})
    hub_model_id: str | None = field(default=None, metadata={"help": "repository on the Hub, user/name"})
    hub_private: bool = field(default=True, metadata={"help": "make a new repository private"})

    def __post_init__(self):
        for name in ("max_steps", "batch_size", "gradient_accumulation_steps", "save_steps", "save_total_limit",
                     "logging_steps", "validation_steps"):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"--{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("warmup_steps", "min_learning_rate", "weight_decay", "max_grad_norm", "sample_steps",
                     "dataloader_num_workers", "threads", "seed", "save_minutes", "max_minutes"):  # fmt: skip
            if getattr(self, name) < 0:
                raise ValueError(f"--{name} must not be negative, got {getattr(self, name)}.")
        if self.learning_rate <= 0:
            raise ValueError(f"--learning_rate must be positive, got {self.learning_rate}.")
        for name in ("ema_decay", "adam_beta1", "adam_beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"--{name} must be in [0, 1), got {getattr(self, name)}.")
        choose_from("--mixed_precision", self.mixed_precision, PRECISIONS)
        choose_from("--lr_scheduler_type", self.lr_scheduler_type, SCHEDULES)
        for tracker in self.report_to:
            choose_from("--report_to", tracker, TRACKERS)
        if self.min_learning_rate and self.lr_scheduler_type not in SCHEDULES_WITH_FLOOR:
            raise ValueError(f"--min_learning_rate needs --lr_scheduler_type {' or '.join(SCHEDULES_WITH_FLOOR)}.")
        if self.min_learning_rate > self.learning_rate:
            raise ValueError("--min_learning_rate must not be above --learning_rate.")
        if self.batch_size % self.gradient_accumulation_steps:
            raise ValueError(
                f"--batch_size {self.batch_size} cannot be divided into {self.gradient_accumulation_steps} equal parts; "
                "choose a multiple of --gradient_accumulation_steps."
            )
        if self.push_to_hub and not self.hub_model_id:
            raise ValueError("--push_to_hub needs --hub_model_id user/name.")
        if self.mixed_precision == "fp16" and not torch.cuda.is_available():
            raise ValueError("--mixed_precision fp16 needs a GPU; use no or bf16.")
        both = sorted(set(self.speakers) & set(self.exclude_speakers))
        if both:
            raise ValueError(f"--speakers and --exclude_speakers both name {', '.join(both)}.")


def choose_from(option: str, value: str, choices: Sequence[str]) -> None:
    """Raises a ValueError that names the choices where `value` is none of them."""
    if value not in choices:
        raise ValueError(f"{option} {value!r} is not known; choose from {', '.join(choices)}.")


def read_config(path: str | Path) -> dict[str, Any]:
    """Options in a YAML or JSON file.

    Raises:
        ValueError: no such file, or it does not hold a mapping.
    """
    path = Path(path)
    return read_json(path) if path.suffix == ".json" else read_yaml(path)


def _as_default(action: Any, name: str, value: Any, path: str) -> Any:
    """A value of a file as the flag of the same text would give it."""
    if value is None:
        if action.required or action.default is not None:
            raise ValueError(f"{path}: {name} needs a value, got null.")
        return None

    def convert(item: Any) -> Any:
        try:
            return action.type(str(item)) if action.type else item
        except Exception as error:  # argparse takes any error of a type for a bad value, and so does this
            raise ValueError(f"{path}: {name} {item!r} is not of the right type.") from error

    if action.nargs == "+":
        return [convert(item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(value, (list, dict)):
        raise ValueError(f"{path}: {name} takes one value, got {value!r}.")
    return convert(value)


def parse_arguments(
    kind: type[Arguments], arguments: Sequence[str] | None = None, description: str | None = None
) -> Arguments:
    """
    Options of a training script: `script.py [config.yaml] [--flag value ...]`, where flags win over the file.

    Args:
        kind: a dataclass that extends [`TrainingArguments`].
        arguments: the command line without the script's name; `sys.argv`'s where not given.
        description: printed by `--help`.

    Raises:
        ValueError: an option is unknown, has a value of another type or is bad, or the file cannot be read.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = HfArgumentParser(kind, description=description, allow_abbrev=False)
    if arguments and arguments[0].endswith(CONFIG_SUFFIXES):
        path = arguments.pop(0)
        known = _option_names(kind)
        for name, value in read_config(path).items():
            if name not in known:
                raise ValueError(f"{path}: unknown option {name!r}{did_you_mean(str(name), known) or '.'}")
            # A switch that is on by default has two flags, --x and --no_x, with one place.
            actions = [action for action in parser._actions if action.dest == name]
            default = _as_default(actions[0], name, value, path)
            for action in actions:
                action.default, action.required = default, False
    parsed, unknown = parser.parse_args_into_dataclasses(arguments, return_remaining_strings=True)
    if unknown:
        raise ValueError(
            f"unknown option {unknown[0]}{did_you_mean(unknown[0].lstrip('-'), _option_names(kind)) or '.'}"
        )
    return parsed


def _option_names(kind: type) -> list[str]:
    return [entry.name for entry in dataclasses.fields(kind)]


def run_script(main: Callable[[], Any]) -> None:
    """Runs a script's `main` so that a mistake of the user's or a full disk ends in one line on stderr and exit code 2, Ctrl-C in
    one and 130."""
    name = Path(sys.argv[0]).name
    with ending_at_second_interrupt():
        try:
            main()
        except (ValueError, FloatingPointError) as error:
            sys.stderr.write(f"{name}: {error}\n")
            raise SystemExit(2) from None
        except KeyboardInterrupt:
            sys.stderr.write(f"{name}: stopped; finished checkpoints are kept.\n")
            raise SystemExit(EXIT_INTERRUPTED) from None
        except Exception as error:
            fault = machine_fault(error)
            if fault is None:
                raise
            sys.stderr.write(f"{name}: {getattr(error, 'filename', None) or 'a file'} cannot be written: {fault}.\n")
            raise SystemExit(2) from None


def changed_options(before: dict[str, Any], now: TrainingArguments) -> list[str]:
    """`name: old -> new` of the options that decide what a run computes and differ from an earlier run's."""
    ignored = {"output_dir", "resume_from_checkpoint", "report_to", "report_online", "threads", "save_steps", "save_minutes", "max_minutes",
               "save_total_limit", "dataloader_num_workers", "push_to_hub", "hub_model_id", "hub_private",
               "gradient_checkpointing", "sample_steps"}  # fmt: skip
    return [
        f"{name}: {before[name]} -> {value}"
        for name, value in dataclasses.asdict(now).items()
        if name in before and name not in ignored and before[name] != value
    ]

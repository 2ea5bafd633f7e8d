"""Where a run's figures go: always `log.jsonl`, and on request TensorBoard, Weights & Biases or Trackio by Accelerate."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
import os
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from ..extras import absent, pip_line
from .arguments import TrainingArguments


LOG_NAME = "log.jsonl"
TRACKER_FOLDER = "trackers"
_EXTRAS = {"tensorboard": "train", "wandb": "trackers", "trackio": "trackers"}  # others are installed by their names


class RunLog:
    """`log.jsonl`, one JSON object a line.

    Args:
        folder: of the run.
        position: bytes to keep of a log that is there; a resumed run gives the checkpoint's, so that no step stands twice.
        active: False on all processes but the main one, which then write nothing.
    """

    def __init__(self, folder: Path, position: int = 0, active: bool = True):
        self.path, self.active = folder / LOG_NAME, active
        if active:
            with self.path.open("ab") as log:
                log.truncate(min(position, log.tell()))

    @property
    def position(self) -> int:
        """Its length in bytes."""
        return self.path.stat().st_size

    def write(self, record: dict[str, Any]) -> None:
        """Appends a record; numbers that are not finite become null, which JSON has no other word for."""
        if self.active:
            finite = {
                name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in record.items()
            }
            with self.path.open("a", encoding="utf-8") as log:
                log.write(json.dumps(finite) + "\n")


def check_trackers(names: list[str]) -> None:
    """Raises a ValueError where a tracker's package is missing."""
    missing = absent(names)
    if missing:
        lines = [pip_line(_EXTRAS[name]) if name in _EXTRAS else f"pip install {name}" for name in missing]
        raise ValueError(f"--report_to {' '.join(missing)}: not installed: {' && '.join(dict.fromkeys(lines))}")


def start_trackers(accelerator: Accelerator, arguments: TrainingArguments, step: int) -> None:
    """Starts the trackers of `--report_to`, whose files lie in `output_dir/trackers`.

    wandb works offline unless `--report_online`; a later `wandb sync` can send the run. Trackio is local by nature.
    """
    if not arguments.report_to or not accelerator.is_main_process:
        return
    folder = Path(arguments.output_dir).absolute() / TRACKER_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TRACKIO_DIR", str(folder / "trackio"))
    name = Path(arguments.output_dir).absolute().name
    options = {
        "tensorboard": {"purge_step": step},
        "wandb": {"dir": str(folder), "name": name, "mode": "online" if arguments.report_online else "offline"},
        "trackio": {"name": name, "resume": "allow"},
    }
    config = {key: value for key, value in vars(arguments).items() if isinstance(value, (bool, int, float, str))}
    accelerator.init_trackers("flowdubber", config, {name: options[name] for name in arguments.report_to})


def track(accelerator: Accelerator, record: dict[str, Any]) -> None:
    """Sends the finite numbers of a log record to the trackers."""
    values = {
        name: value
        for name, value in record.items()
        if isinstance(value, (int, float)) and name != "step" and math.isfinite(value)
    }
    accelerator.log(values, step=record["step"])

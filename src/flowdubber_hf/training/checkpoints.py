"""Checkpoints of a run: each is complete or absent, whatever moment the process is killed at.

They hold safetensors and JSON only. Reading one runs no code, whoever wrote it.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from safetensors.torch import save_file

from ..checkpoints.complete import find_pickled, not_finite, read_tensors
from ..data.features import save_text
from ..work.files import UNFINISHED
from ..work.reading import read_json, require
from ..work.wording import listed
from .arguments import TrainingArguments
from .resumable import Resumable


# Its presence tells that a folder is a run's and may be written to again.
ARGUMENTS_NAME = "training_arguments.json"
STATE_NAME = "progress.json"
EMA_NAME = "ema.safetensors"
LATEST = "latest"
# Of the files of a checkpoint. The first, without a number, held pickles.
FORMAT = 2
# What the loop reads of a checkpoint's progress.
PROGRESS: dict[str, type | tuple[type, ...]] = {
    "step": int,
    "best": (int, float, type(None)),
    "seconds": dict,
    "window": dict,
    "record": dict,
    "arguments": dict,
    "log_position": int,
}


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints of `folder`, oldest first."""
    found = [path for path in folder.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return sorted(found, key=step_of)


def step_of(checkpoint: Path) -> int:
    """Optimiser steps that were done when `checkpoint` was written."""
    return int(checkpoint.name.split("-")[1])


def find_checkpoint(arguments: TrainingArguments) -> Path | None:
    """
    The checkpoint that `--resume_from_checkpoint` means, `None` where the run starts.

    Raises:
        ValueError: the named checkpoint is not there or cannot be gone on from, or the output folder holds newer ones.
    """
    folder, wanted = Path(arguments.output_dir), arguments.resume_from_checkpoint
    if wanted is None:
        return None
    present = checkpoints(folder)
    if wanted == LATEST:
        for newest in present[-1:]:
            read_progress(newest)  # refused before data and models are loaded
        return present[-1] if present else None
    path = Path(wanted)
    if not (path / STATE_NAME).is_file() or not re.fullmatch(r"checkpoint-\d+", path.name):
        raise ValueError(f"--resume_from_checkpoint {path} is no checkpoint; give `latest` or a folder checkpoint-N.")
    newer = [other.name for other in present if step_of(other) > step_of(path)]
    if newer:
        raise ValueError(
            f"--output_dir {folder} holds checkpoints after {path.name} ({', '.join(newer)}); remove them or name another "
            "--output_dir."
        )
    read_progress(path)
    return path


def check_folder(arguments: TrainingArguments) -> None:
    """Raises a ValueError where the output folder holds something that the options do not say to go on with."""
    folder = Path(arguments.output_dir)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--output_dir {folder} is a file.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / ARGUMENTS_NAME).is_file():
        raise ValueError(
            f"--output_dir {folder} holds files of something else than a training run; name another folder."
        )
    if arguments.resume_from_checkpoint is None:
        raise ValueError(
            f"--output_dir {folder} holds a run; add --resume_from_checkpoint latest to go on with it, or name another "
            "folder."
        )


def prepare_folder(accelerator: Accelerator, arguments: TrainingArguments) -> None:
    """Checks the output folder, clears what a killed run left half-done and marks the folder as a run's."""
    check_folder(arguments)
    find_checkpoint(arguments)
    accelerator.wait_for_everyone()  # all have looked before the main process writes
    if accelerator.is_main_process:
        folder = Path(arguments.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob(f"{UNFINISHED}*"):
            _recover(path)
        save_text(folder / ARGUMENTS_NAME, json.dumps(asdict(arguments), indent=2) + "\n")
    accelerator.wait_for_everyone()


def _recover(path: Path) -> None:
    """Removes what a killed run left under another name, or puts it back where its successor did not get to its place."""
    place = path.with_name(path.name.removeprefix(f"{UNFINISHED}removed-"))
    if place.name.startswith((UNFINISHED, "checkpoint-")) or place.exists():
        shutil.rmtree(path)
    else:
        path.rename(place)


def save_checkpoint(
    accelerator: Accelerator, run: Resumable, ema: EMAModel | None, folder: Path, state: dict[str, Any], limit: int
) -> None:
    """Writes `checkpoint-<step>` under another name and renames it, then removes all but the newest `limit`."""
    accelerator.wait_for_everyone()  # every process has done the step
    if accelerator.is_main_process:
        final = folder / f"checkpoint-{state['step']}"
        temporary = folder / f"{UNFINISHED}{final.name}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        progress = {**state, "format": FORMAT, "processes": accelerator.num_processes, **run.save(temporary)}
        if ema is not None:
            weights = {str(index): value.contiguous() for index, value in enumerate(ema.shadow_params)}
            save_file(weights, temporary / EMA_NAME)
            progress["ema_step"] = ema.optimization_step
        (temporary / STATE_NAME).write_text(json.dumps(progress) + "\n", encoding="utf-8")
        temporary.rename(final)
        for old in checkpoints(folder)[:-limit]:
            removed = old.with_name(f"{UNFINISHED}removed-{old.name}")
            old.rename(removed)
            shutil.rmtree(removed)
    accelerator.wait_for_everyone()


def read_progress(checkpoint: Path) -> dict[str, Any]:
    """The state that a checkpoint was saved with.

    Raises:
        ValueError: it is damaged, or of an earlier version of this package, whose checkpoints held pickles.
    """
    pickled = find_pickled(checkpoint)
    file = checkpoint / STATE_NAME
    state = read_json(file)
    if pickled or state.get("format") != FORMAT:
        told = f"it holds pickles ({listed(pickled)}), which can run code" if pickled else "it is of another version"
        raise ValueError(
            f"{checkpoint} cannot be gone on from: {told} when read, and nothing of it was. Start anew in another --output_dir; "
            f"the finished weights in {checkpoint.parent / 'model'} stay usable as a start (see docs/training.md)."
        )
    require(state, PROGRESS, file)
    window = require(state["window"], {"sums": dict, "counts": dict}, f"{file}: the window")
    require(state["seconds"], {"data": (int, float), "model": (int, float)}, f"{file}: the seconds")
    numbers = [*window["sums"].values(), *window["counts"].values()]
    if window["sums"].keys() != window["counts"].keys() or not all(type(value) in (int, float) for value in numbers):
        raise ValueError(f"{file}: the window of the log must hold a sum and a count of each figure; it is damaged.")
    if not 0 <= state["step"] < 2**62 or not 0 <= state["log_position"] < 2**62:
        raise ValueError(f"{file}: 'step' and 'log_position' must not be negative or absurd; it is damaged.")
    return state


def load_checkpoint(
    accelerator: Accelerator, run: Resumable, ema: EMAModel | None, checkpoint: Path
) -> dict[str, Any]:
    """Puts weights, optimiser, schedule and averages back and returns the state that was saved with them.

    Raises:
        ValueError: the checkpoint is damaged, of an earlier version or of another model, or has no average but the run wants one.
    """
    state = read_progress(checkpoint)
    if ema is not None:
        if not (checkpoint / EMA_NAME).is_file():
            raise ValueError(f"{checkpoint} was written without --use_ema; add --use_ema false.")
        _load_average(ema, checkpoint, require(state, {"ema_step": int}, checkpoint / STATE_NAME)["ema_step"])
    run.load(checkpoint, state)
    return state


def _load_average(ema: EMAModel, checkpoint: Path, step: int) -> None:
    file = checkpoint / EMA_NAME
    weights = read_tensors(file)
    names = [str(index) for index in range(len(ema.shadow_params))]
    expected = {name: tuple(value.shape) for name, value in zip(names, ema.shadow_params, strict=True)}
    if {name: tuple(value.shape) for name, value in weights.items()} != expected or not_finite(weights):
        raise ValueError(f"{file} does not hold the average of this run's weights; it is damaged or of another model.")
    ema.load_state_dict({"optimization_step": step, "shadow_params": [weights[name] for name in names]})

"""What a checkpoint keeps of model, optimiser, learning rates and gradient scaler, as safetensors and JSON.

No random states: the loop seeds everything drawn anew by (seed, step, row). Numbers of JSON come back bit for bit, since
Python writes as many digits as they need.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate.optimizer import AcceleratedOptimizer
from safetensors.torch import load_model, save_file, save_model
from torch import nn

from ..checkpoints.complete import not_finite, open_tensors, read_tensors, unlike
from ..work.reading import in_a_line, require
from ..work.wording import listed


MODEL_NAME = "model.safetensors"
OPTIMIZER_NAME = "optimizer.safetensors"
ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")
ADAM_SETTINGS = ("lr", "initial_lr", "eps", "weight_decay")
# A schedule is a function of its step; the function itself comes from the options.
SCHEDULE_STATE = ("last_epoch", "base_lrs", "_last_lr", "_step_count")


@dataclass(frozen=True)
class Resumable:
    """The objects of a run whose state a checkpoint keeps.

    Attributes:
        model: not wrapped for several processes.
        optimizer: of its parameters.
        schedule: of the optimiser's learning rates.
        scaler: of fp16 gradients, `None` elsewhere.
    """

    model: nn.Module
    optimizer: AcceleratedOptimizer
    schedule: torch.optim.lr_scheduler.LambdaLR
    scaler: Any = None

    def save(self, folder: Path) -> dict[str, Any]:
        """Writes the tensors into `folder` and returns the rest, for JSON."""
        save_model(self.model, str(folder / MODEL_NAME))
        state = self.optimizer.state_dict()
        tensors = {
            f"{index}.{name}": value.detach().cpu().contiguous()
            for index, values in state["state"].items()
            for name, value in values.items()
        }
        save_file(tensors, folder / OPTIMIZER_NAME)
        schedule = self.schedule.state_dict()
        return {
            "optimizer": state["param_groups"],
            "schedule": {name: schedule[name] for name in SCHEDULE_STATE},
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
        }

    def load(self, folder: Path, state: dict[str, Any]) -> None:
        """Puts everything back.

        Raises:
            ValueError: the files are damaged or not those of this model and optimiser; nothing was changed then but, in a
                rare case, the model.
        """
        require(state, {"optimizer": list, "schedule": dict, "scaler": (dict, type(None))}, folder)
        optimizer = self._optimizer_state(folder / OPTIMIZER_NAME, state["optimizer"])
        schedule = self._schedule_state(state["schedule"], folder)
        try:
            self._load_model(folder / MODEL_NAME)
            self.optimizer.load_state_dict(optimizer)
            self.schedule.load_state_dict({**self.schedule.state_dict(), **schedule})
            if self.scaler is not None and state["scaler"] is not None:
                self.scaler.load_state_dict(state["scaler"])
        except (RuntimeError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"{folder} cannot be gone on from ({in_a_line(error)}); it is damaged.") from error

    def _schedule_state(self, found: dict[str, Any], folder: Path) -> dict[str, Any]:
        own = self.schedule.state_dict()
        require(found, {name: type(own[name]) for name in SCHEDULE_STATE}, f"{folder}: the schedule")
        for name in ("base_lrs", "_last_lr"):
            if len(found[name]) != len(own[name]) or not all(isinstance(rate, float) for rate in found[name]):
                raise ValueError(f"{folder}: the schedule's {name} is {found[name]!r:.60}; the checkpoint is damaged.")
        return {name: found[name] for name in SCHEDULE_STATE}

    def _load_model(self, file: Path) -> None:
        with open_tensors(file) as tensors:
            shapes = {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
        problem = unlike(self.model, shapes)
        if problem:
            raise ValueError(f"{file} {problem}; it is damaged or of a model with other settings than this run's.")
        load_model(self.model, file)
        broken = not_finite(self.model.state_dict())
        if broken:
            raise ValueError(f"{file} holds weights that are not finite ({listed(broken)}); it is damaged.")

    def _optimizer_state(self, file: Path, groups: list[Any]) -> dict[str, Any]:
        """The optimiser's state as it takes it, compared with its parameters."""
        own = self.optimizer.state_dict()["param_groups"]
        if [isinstance(group, dict) and group.get("params") for group in groups] != [group["params"] for group in own]:
            raise ValueError(f"{file.parent} is of a run whose optimiser had other weights than this one's.")
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        shapes = {str(index): tuple(parameter.shape) for index, parameter in enumerate(parameters)}
        state: dict[int, dict[str, torch.Tensor]] = {}
        tensors = read_tensors(file)
        for key, value in tensors.items():
            index, _, name = key.partition(".")
            if name not in ADAM_STATE or tuple(value.shape) != (() if name == "step" else shapes.get(index)):
                raise ValueError(
                    f"{file}: {key[:80]!r} fits none of this run's weights; it is damaged or of another model."
                )
            state.setdefault(int(index), {})[name] = value
        if not_finite(tensors) or any(len(values) != len(ADAM_STATE) for values in state.values()):
            raise ValueError(f"{file} holds no whole and finite state of AdamW; it is damaged.")
        settings = [_settings(group, mine, file.parent) for group, mine in zip(groups, own, strict=True)]
        return {"state": state, "param_groups": settings}


def _settings(group: dict[str, Any], own: dict[str, Any], where: Path) -> dict[str, Any]:
    """An optimiser's own settings with the numbers of a checkpoint in place."""
    found = require(group, {"betas": list, **dict.fromkeys(ADAM_SETTINGS, (int, float))}, f"{where}: the optimiser")
    numbers = {name: float(found[name]) for name in ADAM_SETTINGS}
    betas = found["betas"]
    if len(betas) != 2 or not all(isinstance(beta, float) and 0 <= beta < 1 for beta in betas):
        raise ValueError(f"{where}: the optimiser's betas are {betas!r:.60}; the checkpoint is damaged.")
    if not all(math.isfinite(value) and value >= 0 for value in numbers.values()):
        raise ValueError(f"{where}: the optimiser's settings are {numbers}; the checkpoint is damaged.")
    return {**own, **numbers, "betas": tuple(betas)}

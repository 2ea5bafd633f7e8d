"""Midpoint (second-order Runge-Kutta) solver for flow matching, which diffusers does not have."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, SchedulerMixin
from diffusers.configuration_utils import register_to_config
from diffusers.utils import BaseOutput

from .flow_convention import flow_sigmas


@dataclass
class FlowMatchMidpointDiscreteSchedulerOutput(BaseOutput):
    """
    Args:
        prev_sample (`torch.Tensor`): the sample at the next of `timesteps`, same shape as the input.
    """

    prev_sample: torch.Tensor


class FlowMatchMidpointDiscreteScheduler(SchedulerMixin, ConfigMixin):
    """Midpoint rule: x(t + h) = x(t) + h v(x(t) + h/2 v(x(t), t), t + h/2). Two network evaluations a step.

    Interface of diffusers' `FlowMatchEulerDiscreteScheduler`; `timesteps` holds both points of every step, so N steps
    are 2N entries.

    Args:
        num_train_timesteps (`int`, defaults to 1000): `timesteps` are sigmas times this.
        shift (`float`, defaults to 1.0): sigma' = shift sigma / (1 + (shift - 1) sigma).
        invert_sigmas (`bool`, defaults to `True`): the method's convention (sigma is t, 0 -> 1, model output
            data - noise); `False` is diffusers' own (1 -> 0, noise - data).
        sway (`float`, defaults to 0.0): coefficient of the default grid, see `flow_sigmas`.
    """

    order = 2

    @register_to_config
    def __init__(
        self, num_train_timesteps: int = 1000, shift: float = 1.0, invert_sigmas: bool = True, sway: float = 0.0
    ):
        self.sigmas = torch.empty(0)
        self.timesteps = torch.empty(0)
        self.num_inference_steps: int | None = None
        self._step_index: int | None = None
        self._step_start: torch.Tensor | None = None

    @property
    def step_index(self) -> int | None:
        """Index into `timesteps` of the next call of `step`, `None` before the first."""
        return self._step_index

    @property
    def init_noise_sigma(self) -> float:
        """Standard deviation the initial noise is scaled by."""
        return 1.0

    def __len__(self) -> int:
        return self.config.num_train_timesteps

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        sigmas: list[float] | None = None,
    ) -> None:
        """Lays out the grid.

        Args:
            num_inference_steps (`int`, *optional*): number of steps N; not needed with `sigmas`.
            device (`str` or `torch.device`, *optional*): where `timesteps` and `sigmas` live.
            sigmas (`list[float]`, *optional*): N values falling from 1 (noise), the end point 0 left out.

        Raises:
            ValueError: neither given, lengths that disagree, or sigmas that do not fall within (0, 1].
        """
        if sigmas is None:
            if num_inference_steps is None:
                raise ValueError("give `num_inference_steps` or `sigmas`.")
            sigmas = flow_sigmas(num_inference_steps, self.config.sway)
        if num_inference_steps is not None and len(sigmas) != num_inference_steps:
            raise ValueError(
                f"`sigmas` has {len(sigmas)} values for {num_inference_steps} steps; give as many as steps."
            )
        grid = torch.tensor([*sigmas, 0.0], dtype=torch.float64)
        if not bool((grid[:-1] > grid[1:]).all()) or grid[0] > 1:
            raise ValueError("`sigmas` must fall strictly from at most 1 and stay above 0.")
        grid = self.config.shift * grid / (1 + (self.config.shift - 1) * grid)
        if self.config.invert_sigmas:
            grid = 1.0 - grid
        # starts and middles in turn, then the end point
        points = torch.stack([grid[:-1], (grid[:-1] + grid[1:]) / 2], dim=1).flatten()
        self.sigmas = torch.cat([points, grid[-1:]]).to(device=device, dtype=torch.float32)
        self.timesteps = self.sigmas[:-1] * self.config.num_train_timesteps
        self.num_inference_steps = len(sigmas)
        self._step_index = None
        self._step_start = None

    def step(
        self,
        model_output: torch.Tensor,
        timestep: float | torch.Tensor,
        sample: torch.Tensor,
        return_dict: bool = True,
    ) -> FlowMatchMidpointDiscreteSchedulerOutput | tuple[torch.Tensor]:
        """Moves the sample to the next of `timesteps`.

        Args:
            model_output (`torch.Tensor`): the velocity in the scheduler's convention, shape of `sample`.
            timestep (`float` or `torch.Tensor`): the current one of `timesteps`; read at the first step only.
            sample (`torch.Tensor`): the current sample.
            return_dict (`bool`, defaults to `True`): output object or a tuple of one.

        Returns:
            The middle of the step after an even call, its end after an odd one.

        Raises:
            ValueError: `set_timesteps` was not called, all steps were taken, or the timestep is not one of the grid.
        """
        if self.num_inference_steps is None:
            raise ValueError("call `set_timesteps` before `step`.")
        if self._step_index is None:
            self._step_index = self._index_for_timestep(timestep)
        index = self._step_index
        if index >= len(self.timesteps):
            raise ValueError("every step of the grid has been taken; call `set_timesteps` again.")
        if index % 2 == 0:
            self._step_start = sample.to(torch.float32)
            start = index
        else:
            if self._step_start is None:
                raise ValueError("a midpoint step begins at an even index of `timesteps`; call `set_timesteps` again.")
            start = index - 1
        width = self.sigmas[index + 1] - self.sigmas[start]
        # fp32, as diffusers' schedulers do: many small additions
        prev_sample = (self._step_start + width * model_output.to(torch.float32)).to(model_output.dtype)
        if index % 2 == 1:
            self._step_start = None
        self._step_index += 1
        return FlowMatchMidpointDiscreteSchedulerOutput(prev_sample=prev_sample) if return_dict else (prev_sample,)

    def _index_for_timestep(self, timestep: float | torch.Tensor) -> int:
        value = float(timestep)
        matches = (self.timesteps == torch.tensor(value, device=self.timesteps.device)).nonzero()
        if len(matches) == 0:
            raise ValueError(f"timestep {value} is not one of the scheduler's timesteps; pass them as they are.")
        return int(matches[0])

"""The method's flow-matching convention, and its translation to diffusers' schedulers.

The method (and its siblings Matcha-TTS and F5-TTS) integrates t from 0 (noise) to 1 (data) and predicts the velocity
v = data - noise. diffusers' flow-matching schedulers integrate sigma from 1 (noise) to 0 (data) and expect
noise - data = -v, unless their config says `invert_sigmas=True`, where sigma is t itself. Which of the two a scheduler
follows is read from its config in one place, `_is_inverted`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import inspect
import math
from collections.abc import Sequence

import torch
from diffusers import SchedulerMixin


def flow_sigmas(num_inference_steps: int, sway: float = 0.0) -> list[float]:
    """The grid of a solver as diffusers' `sigmas`, that is 1 - t, without the end point t = 1.

    Args:
        num_inference_steps (`int`): number of steps N.
        sway (`float`, *optional*, defaults to 0): coefficient s of F5-TTS's sway sampling,
            t' = t + s (cos(pi t / 2) - 1 + t), in [-1, 2 / (pi - 2)]. 0 is the uniform grid, -1 spends most steps
            near the noise.

    Returns:
        `list[float]` of length N, falling from 1. The uniform grid is `linspace(1, 1/N, N)`: schedulers' own default
        (down to 1/1000) wastes the last step.
    """
    if not isinstance(num_inference_steps, int) or isinstance(num_inference_steps, bool) or num_inference_steps < 1:
        raise ValueError(f"the number of steps must be a whole number of at least 1, got {num_inference_steps!r}.")
    # Beyond these ends t' is no longer monotonic (derivative 1 + s (1 - pi/2 sin) at t = 0 and t = 1).
    if not -1.0 <= sway <= 2.0 / (math.pi - 2.0):
        raise ValueError(f"the sway coefficient must lie in [-1, {2.0 / (math.pi - 2.0):.3f}], got {sway}.")
    times = (step / num_inference_steps for step in range(num_inference_steps))
    return [1.0 - (t + sway * (math.cos(math.pi * t / 2) - 1.0 + t)) for t in times]


def set_flow_timesteps(
    scheduler: SchedulerMixin, sigmas: Sequence[float], device: str | torch.device | None = None
) -> torch.Tensor:
    """Puts the grid `sigmas` (falling from 1, end point 0 left out) on the scheduler; returns its `timesteps`.

    A scheduler whose `set_timesteps` takes `sigmas` gets them. diffusers' Heun scheduler takes only a count and then
    spends its last step on sigma 0.001 -> 0, so its grid is laid out here the way it lays out its own.

    Raises:
        ValueError: the scheduler offers neither way.
    """
    if "sigmas" in inspect.signature(scheduler.set_timesteps).parameters:
        scheduler.set_timesteps(sigmas=list(sigmas), device=device)
    elif getattr(scheduler, "order", 1) == 2 and hasattr(scheduler, "sigmas"):
        scheduler.set_timesteps(len(sigmas), device=device)
        grid = torch.tensor(sigmas, dtype=torch.float32, device=device)
        shift = scheduler.config.get("shift", 1.0)
        grid = shift * grid / (1 + (shift - 1) * grid)
        # the first point is visited once, every later one as a corrector's and as a predictor's point
        visited = torch.cat([grid[:1], grid[1:].repeat_interleave(2)])
        scheduler.timesteps = visited * scheduler.config.num_train_timesteps
        scheduler.sigmas = torch.cat([visited, visited.new_zeros(1)])
    else:
        raise ValueError(
            f"{type(scheduler).__name__} takes no custom sigmas; use a flow-matching scheduler of diffusers."
        )
    return scheduler.timesteps


def solver_evaluations(scheduler: SchedulerMixin) -> int:
    """Number of network evaluations of the grid that is set."""
    return len(scheduler.timesteps)


def _is_inverted(scheduler: SchedulerMixin) -> bool:
    return bool(scheduler.config.get("invert_sigmas", False))


def flow_time(scheduler: SchedulerMixin, timestep: torch.Tensor) -> torch.Tensor:
    """The method's t in [0, 1] of one of `scheduler.timesteps`."""
    sigma = timestep / scheduler.config.num_train_timesteps
    return sigma if _is_inverted(scheduler) else 1.0 - sigma


def scheduler_output(scheduler: SchedulerMixin, velocity: torch.Tensor) -> torch.Tensor:
    """What `scheduler.step` expects for the velocity data - noise, any shape."""
    return velocity if _is_inverted(scheduler) else -velocity

"""From noise to a mel: the initial noise, the velocity under guidance, and the one loop of the solver.

The pipeline and training both sample here, so that what training shows is what the pipeline makes.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor

from ...sampling import DEFAULT_STEPS
from ...schedulers.flow_convention import flow_sigmas, flow_time, scheduler_output, set_flow_timesteps
from ..layers import real_positions
from .flow_matching import guide
from .modeling_vector_field import FlowDubberVectorField


TOGETHER_FRAMES = 6000  # mel frames of clips up to which the rows of a batch are computed at once


def initial_noise(
    num_frames: Sequence[int],
    num_mels: int,
    generators: torch.Generator | Sequence[torch.Generator] | None = None,
    device: str | torch.device = "cpu",
) -> torch.Tensor:
    """Standard normal noise, each row drawn at its own length so that it does not depend on the others.

    Args:
        num_frames: mel frames of each row.
        num_mels: channels.
        generators: one for all rows in turn, or one a row; the global one by default.
        device: of the result.

    Returns:
        `(B, num_mels, max(num_frames))` float32, zeros behind each row's end.
    """
    noise = torch.zeros(len(num_frames), num_mels, max(num_frames), device=device)
    of_rows = generators if isinstance(generators, (list, tuple)) else [generators] * len(num_frames)
    for row, (frames, generator) in enumerate(zip(num_frames, of_rows, strict=True)):
        noise[row, :, :frames] = randn_tensor(
            (num_mels, frames), generator=generator, device=torch.device(device), dtype=torch.float32
        )
    return noise


class GuidedVelocity:
    """The velocity of a vector field under one condition, or pushed away from a null one; both in one batch. What does not change
    between the steps is made once.

    Args:
        field: the model.
        times (`torch.Tensor` of shape `(steps,)`): at which it will be asked for, float32: the time embedding turns on their
            fourth digit.
        prior (`torch.Tensor` of shape `(B, 80, T)`): mu.
        style (`torch.Tensor` of shape `(B, style_size)`).
        mel_mask (`torch.Tensor` of shape `(B, T)`): True on real frames.
        prior_null (`torch.Tensor` of shape `(B, 80, T)`, *optional*): mu'; needed where the scale is not 1.
        guidance_scale (`float`, *optional*, defaults to 1): 1 + alpha; 1 computes the conditional branch alone.
        steps (`torch.Tensor` of shape `(steps,)`, *optional*): how far each step goes, see [`flow_steps`].
        guidance_form (`str`, *optional*, defaults to `"velocity"`): `"prior"` pushes the prior away from mu' once, in place of each
            velocity from its null branch, and so computes one branch.

    Raises:
        ValueError: a scale other than 1 without a null prior.
    """

    def __init__(
        self,
        field: FlowDubberVectorField,
        times: torch.Tensor,
        prior: torch.Tensor,
        style: torch.Tensor,
        mel_mask: torch.Tensor,
        prior_null: torch.Tensor | None = None,
        guidance_scale: float = 1.0,
        guidance_form: str = "velocity",
        steps: torch.Tensor | None = None,
    ):
        self.field, self.times, self.steps = field, times, steps
        self.style = style.to(prior.dtype)
        self.mel_mask = mel_mask
        self.prior_null, self.guidance_form = prior_null, guidance_form
        self._condition(prior, guidance_scale)

    def condition(self, prior: torch.Tensor, guidance_scale: float) -> None:
        """The prior and the scale from here on; they may be those of before.

        Raises:
            ValueError: a scale other than 1 without a null prior.
        """
        if prior is not self.prior or guidance_scale != self.guidance_scale:
            self._condition(prior, guidance_scale)

    def _condition(self, prior: torch.Tensor, guidance_scale: float) -> None:
        guided = guidance_scale != 1.0
        if guided and self.prior_null is None:
            raise ValueError("guidance needs the prior of the null branch; give `prior_null` or a scale of 1.")
        self.prior, self.guidance_scale = prior, guidance_scale
        if guided and self.guidance_form == "prior":
            prior, guided = guide(prior, self.prior_null, alpha=guidance_scale - 1.0), False
        self._branches = 2 if guided else 1
        priors = torch.cat([prior, self.prior_null]) if guided else prior
        styles, masks = self.style.repeat(self._branches, 1), self.mel_mask.repeat(self._branches, 1)
        # What a processor computes at once has to fit its memory; together is faster where it does.
        rows = len(priors) if prior.shape[2] <= TOGETHER_FRAMES else 1
        self._parts = []
        for part in zip(priors.split(rows), styles.split(rows), masks.split(rows), strict=True):
            real = real_positions(part[2])
            # Weights that diffusers brings group by group come when `forward` is called, and only then.
            grouped = hasattr(self.field, "_diffusers_hook")
            conditions = None if grouped else self.field.prepare(part[0], self.times, part[1], real, self.steps)
            self._parts.append((part[0], part[1], real, conditions))

    def __call__(self, latents: torch.Tensor, step: int) -> torch.Tensor:
        """`(B, 80, T)` state at a step -> `(B, 80, T)` velocity, float32."""
        states = latents.repeat(self._branches, 1, 1).to(self.prior.dtype)
        time, velocities = self.times[step], []
        length = None if self.steps is None else self.steps[step]
        for rows, (prior, style, mask, conditions) in zip(
            states.split(len(self._parts[0][0])), self._parts, strict=True
        ):
            at_step = None if conditions is None else conditions.at(step)
            velocities.append(
                self.field(rows, time, prior, style, mask, conditions=at_step, step=length).sample.float()
            )
        velocity = torch.cat(velocities)
        return velocity if self._branches == 1 else guide(*velocity.chunk(2), alpha=self.guidance_scale - 1.0)


def flow_times(scheduler: SchedulerMixin, timesteps: torch.Tensor) -> torch.Tensor:
    """The times in [0, 1] of a scheduler's grid, `(steps,)` float32."""
    return torch.stack([flow_time(scheduler, timestep) for timestep in timesteps])


def flow_steps(scheduler: SchedulerMixin, times: torch.Tensor) -> torch.Tensor | None:
    """How far each of a scheduler's steps goes from `times`, `(steps,)`; `None` where a step is more than one velocity times its
    length, so that a mean velocity would be wrong."""
    if not isinstance(scheduler, FlowMatchEulerDiscreteScheduler):
        return None
    return torch.diff(times, append=torch.ones_like(times[:1]))


def solve(
    scheduler: SchedulerMixin,
    timesteps: torch.Tensor,
    latents: torch.Tensor,
    velocity: Callable[[torch.Tensor, int], torch.Tensor],
    after_step: Callable[[int, torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> torch.Tensor:
    """Integrates a velocity over a scheduler's grid.

    Args:
        scheduler: a flow-matching scheduler of diffusers whose grid is set.
        timesteps: the grid, as [`~schedulers.set_flow_timesteps`] returns it.
        latents (`torch.Tensor`): the state at t = 0.
        velocity: of a state at a step.
        after_step (*optional*): `(index, timestep, latents)` to the latents to go on with.
        interrupted (*optional*): whether to stop before the next step.

    Returns:
        The state at the end, or where it was interrupted.
    """
    for index, timestep in enumerate(timesteps):
        if interrupted is not None and interrupted():
            break
        output = scheduler_output(scheduler, velocity(latents, index))
        latents = scheduler.step(output, timestep, latents, return_dict=False)[0]
        if after_step is not None:
            latents = after_step(index, timestep, latents)
    return latents


@torch.no_grad()
def sample_mels(
    vector_field: FlowDubberVectorField,
    prior: torch.Tensor,
    style: torch.Tensor,
    mel_mask: torch.Tensor,
    num_inference_steps: int = DEFAULT_STEPS,
    seed: int = 0,
) -> torch.Tensor:
    """Solves the flow without guidance by Euler's method from noise that depends on the seed and the row alone.

    Args:
        vector_field: the model.
        prior (`torch.Tensor` of shape `(B, 80, T)`): mu, normalised.
        style (`torch.Tensor` of shape `(B, style_size)`).
        mel_mask (`torch.Tensor` of shape `(B, T)`): True on real frames.
        num_inference_steps: of the solver.
        seed: of the noise; row k draws from `seed + k`.

    Returns:
        `(B, 80, T)` natural-log mel, float32.
    """
    generators = [torch.Generator().manual_seed(seed + row) for row in range(len(prior))]
    noise = initial_noise(mel_mask.sum(1).tolist(), prior.shape[1], generators, prior.device)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True)
    timesteps = set_flow_timesteps(scheduler, flow_sigmas(num_inference_steps), prior.device)
    times = flow_times(scheduler, timesteps)
    steps = flow_steps(scheduler, times)
    velocity = GuidedVelocity(vector_field, times, prior, style, mel_mask, steps=steps)
    latents = solve(scheduler, timesteps, vector_field.config.sampling_temperature * noise, velocity)
    return vector_field.denormalize(latents)


__all__ = ["GuidedVelocity", "flow_steps", "flow_times", "initial_noise", "sample_mels", "solve"]

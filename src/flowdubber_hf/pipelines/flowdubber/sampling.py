"""The flow from noise to the mel, guided by what the language model knows."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence

import torch
from diffusers import SchedulerMixin

from ...models.vector_field import FlowDubberVectorField
from ...models.vector_field.sampling import GuidedVelocity, flow_steps, flow_times, initial_noise, solve
from ...schedulers import set_flow_timesteps


class SamplingMixin:
    """The flow's part of [`FlowDubberPipeline`], with the state of its call that a callback may look at."""

    vector_field: FlowDubberVectorField
    scheduler: SchedulerMixin

    @property
    def guidance_scale(self) -> float:
        """w = 1 + alpha of the running or last call."""
        return self._guidance_scale

    @property
    def do_classifier_free_guidance(self) -> bool:
        """Whether the null stands in for the language model's knowledge beside it."""
        return self._guidance_scale != 1

    @property
    def guidance_form(self) -> str:
        """Whether the running or last call guides the `"velocity"`, in a second branch of each step, or the `"prior"`."""
        return self._guidance_form

    @property
    def num_timesteps(self) -> int:
        """Network evaluations of the running or last call."""
        return self._num_timesteps

    @property
    def interrupt(self) -> bool:
        """Set `pipe._interrupt = True` from a callback to skip the remaining steps."""
        return self._interrupt

    def prepare_latents(
        self,
        num_mel_frames: list[int],
        temperature: float,
        generator: torch.Generator | list[torch.Generator] | None,
        latents: torch.Tensor | None,
        device: torch.device,
    ) -> torch.Tensor:
        """Noise `(B, 80, T)` scaled by the temperature, each row drawn at its own length; given latents as they are.

        Raises:
            ValueError: given latents of another shape.
        """
        shape = (len(num_mel_frames), self.vector_field.config.num_mels, max(num_mel_frames))
        if latents is not None:
            if tuple(latents.shape) != shape:
                raise ValueError(f"`latents` must have the shape {shape} for these clips, got {tuple(latents.shape)}.")
            return latents.to(device, torch.float32)
        return temperature * initial_noise(num_mel_frames, shape[1], generator, device)

    def sample_mel(
        self,
        latents: torch.Tensor,
        prior: torch.Tensor,
        prior_null: torch.Tensor | None,
        style: torch.Tensor,
        mel_mask: torch.Tensor,
        sigmas: Sequence[float],
        callback: Callable | None,
        callback_inputs: Sequence[str],
    ) -> torch.Tensor:
        """Solves the flow from noise to the normalised mel, both `(B, 80, T)`."""
        timesteps = set_flow_timesteps(self.scheduler, sigmas, latents.device)
        self._num_timesteps = len(timesteps)
        times = flow_times(self.scheduler, timesteps)
        velocity = GuidedVelocity(
            self.vector_field,
            times,
            prior,
            style,
            mel_mask,
            prior_null,
            self.guidance_scale,
            self.guidance_form,
            flow_steps(self.scheduler, times),
        )
        with self.progress_bar(total=len(timesteps)) as progress:

            def after_step(index: int, timestep: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
                if callback is not None:
                    tensors = {"latents": latents, "prior": velocity.prior}
                    changed = callback(self, index, timestep, {name: tensors[name] for name in callback_inputs}) or {}
                    velocity.condition(changed.pop("prior", velocity.prior), self.guidance_scale)
                    latents = changed.pop("latents", latents)
                progress.update()
                return latents

            return solve(self.scheduler, timesteps, latents, velocity, after_step, lambda: self.interrupt)

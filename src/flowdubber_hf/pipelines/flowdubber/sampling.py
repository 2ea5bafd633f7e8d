"""The flow from noise to the mel, guided by what the language model knows."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence

import torch
from diffusers import SchedulerMixin
from diffusers.utils.torch_utils import randn_tensor

from ...models.vector_field import FlowDubberVectorField
from ...models.vector_field.sampling import GuidedVelocity
from ...schedulers import flow_time, scheduler_output, set_flow_timesteps


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
        """Whether the second branch, without the language model's knowledge, is evaluated."""
        return self._guidance_scale != 1

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
        noise = torch.zeros(shape, device=device)
        generators = generator if isinstance(generator, (list, tuple)) else [generator] * shape[0]
        for row, (frames, one) in enumerate(zip(num_mel_frames, generators, strict=True)):
            noise[row, :, :frames] = randn_tensor(
                (shape[1], frames), generator=one, device=device, dtype=torch.float32
            )
        return noise * temperature

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
        style = style.to(prior.dtype)
        # They stay float32: the time embedding turns on their fourth digit.
        times = torch.stack([flow_time(self.scheduler, timestep) for timestep in timesteps])

        def velocity_of(prior: torch.Tensor) -> GuidedVelocity:
            null = prior_null if self.do_classifier_free_guidance else None
            return GuidedVelocity(self.vector_field, times, prior, null, style, mel_mask)

        built_for, guided = self.do_classifier_free_guidance, velocity_of(prior)
        with self.progress_bar(total=len(timesteps)) as progress:
            for index, timestep in enumerate(timesteps):
                if self.interrupt:
                    continue
                velocity = guided(latents, index, self.guidance_scale - 1.0)
                output = scheduler_output(self.scheduler, velocity)
                latents = self.scheduler.step(output, timestep, latents, return_dict=False)[0]
                if callback is not None:
                    tensors = {"latents": latents, "prior": prior}
                    changed = callback(self, index, timestep, {name: tensors[name] for name in callback_inputs}) or {}
                    latents = changed.pop("latents", latents)
                    new_prior = changed.pop("prior", prior)
                    if new_prior is not prior or built_for != self.do_classifier_free_guidance:
                        prior, built_for = new_prior, self.do_classifier_free_guidance
                        guided = velocity_of(prior)
                progress.update()
        return latents

"""The velocity that a solver asks for at each step, guided, with what does not change between the steps made once."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch

from flowdubber_hf.models.layers import real_positions

from .flow_matching import guide
from .modeling_vector_field import FlowDubberVectorField


TOGETHER_FRAMES = 6000  # mel frames of clips up to which the rows of a batch are computed at once


class GuidedVelocity:
    """Velocities of a call; both branches of the guidance stand in one batch.

    Args:
        field: the vector field.
        times (`torch.Tensor` of shape `(steps,)`): at which it will be asked for, float32.
        prior (`torch.Tensor` of shape `(B, 80, T)`), prior_null (the same, *optional*): of the conditional branch and of the one
            without the language model's knowledge; without the latter there is one branch.
        style (`torch.Tensor` of shape `(B, style_size)`), mask (`(B, T)`, bool): of the rows.
    """

    def __init__(
        self,
        field: FlowDubberVectorField,
        times: torch.Tensor,
        prior: torch.Tensor,
        prior_null: torch.Tensor | None,
        style: torch.Tensor,
        mask: torch.Tensor,
    ):
        self.field, self.times = field, times
        self.branches = 1 if prior_null is None else 2
        priors = prior if prior_null is None else torch.cat([prior, prior_null])
        styles, masks = style.repeat(self.branches, 1), mask.repeat(self.branches, 1)
        # What a processor computes at once has to fit its memory; together is faster where it does.
        rows = len(priors) if prior.shape[2] <= TOGETHER_FRAMES else 1
        self.parts = []
        for part in zip(priors.split(rows), styles.split(rows), masks.split(rows), strict=True):
            real = real_positions(part[2])
            # Weights that diffusers brings group by group come when `forward` is called, and only then.
            grouped = hasattr(field, "_diffusers_hook")
            conditions = None if grouped else field.prepare(part[0], times, part[1], real)
            self.parts.append((part[0], part[1], real, conditions))

    def __call__(self, latents: torch.Tensor, step: int, alpha: float) -> torch.Tensor:
        """`(B, 80, T)` float32 at a step; `alpha` 0 is the plain conditional model."""
        states = latents.repeat(self.branches, 1, 1).to(self.parts[0][0].dtype)
        time, velocities = self.times[step], []
        for rows, (prior, style, mask, conditions) in zip(
            states.split(len(self.parts[0][0])), self.parts, strict=True
        ):
            at_step = None if conditions is None else conditions.at(step)
            velocities.append(self.field(rows, time, prior, style, mask, conditions=at_step).sample.float())
        velocity = torch.cat(velocities)
        return velocity if self.branches == 1 else guide(*velocity.chunk(2), alpha=alpha)


__all__ = ["TOGETHER_FRAMES", "GuidedVelocity"]

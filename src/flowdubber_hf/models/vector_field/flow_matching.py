"""Optimal-transport conditional flow matching and the paper's guidance, one short
function an equation."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import torch


SIGMA_MIN = 1e-4


def interpolate(x0: torch.Tensor, x1: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """phi_t = (1 - (1 - sigma_min) t) x0 + t x1, for `(B, 80, T)` noise and mel and `(B,)` times in [0, 1]."""
    t = t.view(-1, 1, 1)
    return (1 - (1 - SIGMA_MIN) * t) * x0 + t * x1


def velocity_target(x0: torch.Tensor, x1: torch.Tensor) -> torch.Tensor:
    """u = x1 - (1 - sigma_min) x0."""
    return x1 - (1 - SIGMA_MIN) * x0


def _mean_of_rows(cells: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over the rows of each row's own mean over the True frames of `(B, T)`: a row's weight does not hang on the
    length of the others, so a batch may be divided over processes."""
    sums = (cells * mask[:, None].to(cells.dtype)).sum((1, 2))
    return (sums / (mask.sum(1).clamp(min=1) * cells.shape[1])).mean()


def flow_matching_loss(velocity: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """L_flow: squared error of `(B, 80, T)` velocities, averaged over bins and the True frames of `(B, T)`, then rows."""
    return _mean_of_rows((velocity.float() - target) ** 2, mask)


def prior_loss(mel: torch.Tensor, prior: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """L_prior: mean over each row's real cells, then over rows, of 0.5 ((x1 - mu)^2 + log 2 pi)."""
    return _mean_of_rows(0.5 * ((mel - prior.float()) ** 2 + math.log(2 * math.pi)), mask)


def guide(velocity: torch.Tensor, velocity_null: torch.Tensor, alpha: float) -> torch.Tensor:
    """v~ = v(mu) + alpha (v(mu) - v(mu')): alpha 0 is the plain conditional model."""
    return velocity + alpha * (velocity - velocity_null)


__all__ = ["SIGMA_MIN", "flow_matching_loss", "guide", "interpolate", "prior_loss", "velocity_target"]

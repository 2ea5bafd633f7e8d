"""Batch normalisation over all processes on CPUs, where `nn.SyncBatchNorm` does not run."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch
import torch.distributed.nn.functional as differentiable
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class SynchronizedBatchNorm(_BatchNorm):
    """Normalises `(batch, channels, ...)` by the statistics of the batches of all processes together."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"batch normalisation needs (batch, channels, ...), got {input.dim()} dimensions.")

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """The same shape and dtype."""
        if not (self.training and torch.distributed.is_initialized()):
            return super().forward(input)
        self._check_input_dim(input)
        values = input.float()
        others = [dim for dim in range(input.dim()) if dim != 1]
        count = values.new_full((input.shape[1],), input.numel() / input.shape[1])
        sums = differentiable.all_reduce(torch.stack([values.sum(others), values.square().sum(others), count]))
        count, mean = sums[2], sums[0] / sums[2]
        variance = (sums[1] / count - mean.square()).clamp(min=0)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        shape = [1, -1] + [1] * (input.dim() - 2)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (values * scale.view(shape) + shift.view(shape)).to(input.dtype)


def synchronize_batch_norms(model: nn.Module) -> None:
    """Replaces the batch normalisations of `model`, in place; names and weights stay."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if not isinstance(child, _BatchNorm) or isinstance(child, SynchronizedBatchNorm):
                continue
            new = SynchronizedBatchNorm(child.num_features, child.eps, child.momentum)
            new.load_state_dict(child.state_dict())
            setattr(parent, name, new.train(child.training))

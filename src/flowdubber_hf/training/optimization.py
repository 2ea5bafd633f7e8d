"""How a model is set up to be trained: which weights decay, the learning rate's schedule, memory, norms over all processes."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import ModelMixin
from torch import nn
from transformers import PreTrainedModel, get_scheduler

from .arguments import SCHEDULES_WITH_FLOOR, TrainingArguments
from .synchronized_norm import synchronize_batch_norms


def enable_gradient_checkpointing(model: nn.Module) -> None:
    """Turns it on in every part that is a transformers or diffusers model.

    Raises:
        ValueError: no part has it.
    """
    found = False
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and module.supports_gradient_checkpointing:
            # Newer releases of transformers warn of the second name, older ones lack the first.
            enable = getattr(module, "activation_checkpointing_enable", module.gradient_checkpointing_enable)
            enable({"use_reentrant": False})
            found = True
        elif isinstance(module, ModelMixin) and module._supports_gradient_checkpointing:
            module.enable_gradient_checkpointing()
            found = True
    if not found:
        raise ValueError("--gradient_checkpointing: no part of this model has it.")


def with_common_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """Batch normalisation over the rows of all processes."""
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    synchronize_batch_norms(model)
    return model


def decay_groups(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and kernels decay, biases and the scales of norms do not."""
    kinds = ((weight_decay, [p for p in parameters if p.ndim > 1]), (0.0, [p for p in parameters if p.ndim <= 1]))
    return [{"params": group, "weight_decay": decay} for decay, group in kinds if group]


def make_schedule(optimizer: torch.optim.Optimizer, arguments: TrainingArguments) -> Any:
    """The schedule of the learning rate, step by step."""
    floor = {"min_lr": arguments.min_learning_rate} if arguments.lr_scheduler_type in SCHEDULES_WITH_FLOOR else None
    return get_scheduler(arguments.lr_scheduler_type, optimizer, arguments.warmup_steps, arguments.max_steps, floor)

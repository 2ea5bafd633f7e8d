"""What a CUDA graph does to a function, on any device: its operations are recorded once and replayed on the same memory."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


# They ask the device for numbers, or make shapes of them: no graph can hold them.
UNRECORDABLE = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "is_nonzero", "lift_fresh", "equal")


class Tape(TorchDispatchMode):
    """Records what runs under it. All that Python computed on the way, numbers and shapes, is fixed then, as in a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Callable, tuple, dict, Any]] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.operations.append((function, args, kwargs or {}, result))
        return result

    @property
    def names(self) -> list[str]:
        """Of the operations, without their namespace and kind."""
        return [function._schema.name.split("::")[1] for function, *_ in self.operations]

    def replay(self) -> None:
        """The same operations on the same tensors, each result into the place of the recorded one."""
        for function, args, kwargs, recorded in self.operations:
            for old, new in zip(tree_leaves(recorded), tree_leaves(function(*args, **kwargs)), strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)


class TapedGraph:
    """In the place of [`Recording`]: runs a function a few times, records it once, and from then on only replays."""

    warm_up = 3

    def __init__(self, device: torch.device):
        self.calls, self.tape = 0, None

    def __call__(self, function: Callable[[], None]) -> None:
        self.calls += 1
        if self.calls <= self.warm_up:
            function()
            return
        if self.tape is None:
            self.tape = Tape()
            with self.tape:
                function()
            assert not set(self.tape.names) & set(UNRECORDABLE), self.tape.names
        self.tape.replay()

"""A card that is not there: tensors that say they lie on it and are computed on the processor.

Under [`PretendCard`] an operation that mixes what lies on the card with what does not fails, as it would on a real one; so does
reading a tensor on the card as an array. Values are those of the processor.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map


CARD = torch.device("cuda", 0)
# They take an index, or what is copied, from anywhere.
MIXING = {"aten::index", "aten::index_put_", "aten::_index_put_impl_", "aten::copy_"}


class OnCard(torch.Tensor):
    """Says that it lies on the card; `inner` has its numbers."""

    @staticmethod
    def __new__(cls, inner: torch.Tensor):
        layout = {"strides": inner.stride(), "storage_offset": inner.storage_offset(), "dtype": inner.dtype}
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, **layout, device="cpu")

    def __init__(self, inner: torch.Tensor):
        self.inner = inner

    device = property(lambda self: CARD)
    is_cuda = property(lambda self: True)
    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {})

    def tolist(self) -> Any:
        return self.inner.tolist()

    def cpu(self) -> torch.Tensor:
        return self.inner.clone()

    def numpy(self) -> None:
        raise TypeError("can't convert cuda:0 device type tensor to numpy; use Tensor.cpu() first.")

    def to(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        if args and isinstance(args[0], torch.Tensor):
            args = (args[0].device, args[0].dtype)
        kwargs.pop("copy", None)
        device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)
        if device is not None and device.type == "cpu":
            return self.cpu().to(dtype or self.dtype)
        return self if dtype is None else super().to(dtype)


def on_card(values: Any) -> bool:
    return any(isinstance(value, OnCard) for value in tree_leaves(values))


def is_card(device: Any) -> bool:
    return device is not None and torch.device(device).type == CARD.type


def inner_of(value: Any) -> Any:
    return value.inner if isinstance(value, OnCard) else value


def compute(function: Any, args: tuple, kwargs: dict[str, Any], internal: bool = False) -> Any:
    """An operation on the numbers, its result where a card would have it.

    Args:
        internal: whether it is part of an operation on the card, where what is newly made lies on the card too.

    Raises:
        RuntimeError: tensors of both places.
    """
    name = function._schema.name
    if name == "aten::_fused_sdp_choice":
        return 0  # the plain form: others are of a real device
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
    carded = on_card(tensors)
    others = [tuple(one.shape) for one in tensors if one.dim() and not isinstance(one, OnCard)]
    if carded and others and name not in MIXING:
        raise RuntimeError(
            f"{name}: expected all tensors on one device, but those of shapes {others} are not on the card"
        )
    plain = tree_map(inner_of, kwargs)
    if plain.get("device") is not None:
        carded = carded or (internal and not tensors)
    elif name == "aten::index":
        carded = isinstance(args[0], OnCard)
    result = function(*tree_map(inner_of, args), **plain)
    known = {id(inner_of(one)): one for one in tensors}
    return tree_map(
        lambda one: known.get(id(one), OnCard(one) if carded else one) if isinstance(one, torch.Tensor) else one,
        result,
    )


class Operations(TorchDispatchMode):
    """Computes each operation, also one that asks for the card by name."""

    internal = False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return compute(function, args, kwargs or {}, self.internal)


class PretendCard(TorchFunctionMode):
    """Within it `cuda:0` can be used; gradients are not for it."""

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.entered = Operations(), ExitStack()

    def __enter__(self) -> "PretendCard":
        # A tensor of inference mode cannot wrap another.
        self.entered.enter_context(patch.object(torch, "inference_mode", torch.no_grad))
        # Nor can one take another's place as the data of a weight: modules that move get new weights.
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        self.entered.callback(torch.__future__.set_overwrite_module_params_on_conversion, False)
        self.entered.enter_context(torch.no_grad())
        self.entered.enter_context(self.operations)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self.entered.close()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)]
        if function in (torch.Tensor.to, torch.Tensor.cuda) and not isinstance(args[0], OnCard):
            if function is torch.Tensor.cuda:
                return OnCard(args[0].clone())
            if len(args) > 1 and isinstance(args[1], OnCard):
                return OnCard(args[0].to(args[1].dtype))
            moved = {name: value for name, value in kwargs.items() if name in ("device", "dtype")}
            device, dtype, *_ = torch._C._nn._parse_to(*args[1:], **moved)
            return OnCard(args[0].to(dtype or args[0].dtype).clone()) if is_card(device) else function(*args, **kwargs)
        if is_card(kwargs.get("device")) and function is not torch._C._nn._parse_to:  # made there
            made = function(*tree_map(inner_of, args), **{**tree_map(inner_of, kwargs), "device": "cpu"})
            return made if isinstance(made, OnCard) else OnCard(made)
        if function is torch.stft and tensors and all(isinstance(one, OnCard) for one in tensors):
            # It turns a tensor in place, which one that wraps another cannot follow.
            return OnCard(function(*tree_map(inner_of, args), **tree_map(inner_of, kwargs)))
        before, self.operations.internal = self.operations.internal, on_card((args, kwargs))
        try:
            return function(*args, **kwargs)
        finally:
            self.operations.internal = before


def move(module: nn.Module) -> nn.Module:
    """The module's weights on the card, in place, as `module.to("cuda")` would have it."""
    for part in module.modules():
        for names in (part._parameters, part._buffers):
            for name, value in names.items():
                if value is not None and not isinstance(value, OnCard):
                    moved = OnCard(value.detach().clone())
                    names[name] = nn.Parameter(moved, False) if names is part._parameters else moved
    return module

"""Whether the folder of a model is complete, safe to read and consistent: known from names, shapes and values, before and
after the libraries load it, which only warn where a tensor is missing and leave it random."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from ..work.reading import in_a_line, read_json
from ..work.wording import listed
from .sources import INDEX_FILE, weight_files


if TYPE_CHECKING:
    import torch


PICKLED_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")

Shapes = dict[str, tuple[int, ...]]


@contextmanager
def open_tensors(file: Path) -> Iterator[Any]:
    """`safe_open` of a file of tensors.

    Raises:
        ValueError: it is missing or damaged, also where that shows only when a tensor is read.
    """
    if not Path(file).is_file():
        raise ValueError(f"there is no file {file}.")
    try:
        with safe_open(file, framework="pt") as tensors:
            yield tensors
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{file} cannot be read as safetensors ({in_a_line(error)}); it is damaged, get it anew."
        ) from error


def read_tensors(file: Path) -> dict[str, "torch.Tensor"]:
    """All tensors of one safetensors file, on the CPU; raises as [`open_tensors`]."""
    with open_tensors(file) as tensors:
        return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118


def tensor_shapes(folder: Path, variant: str | None = None) -> Shapes:
    """Names and shapes of all tensors of a model; only the headers of its files are read.

    Raises:
        ValueError: a file is damaged, or holds a tensor that another holds too.
    """
    shapes: Shapes = {}
    for file in weight_files(folder, variant):
        with open_tensors(file) as tensors:
            for name in tensors.keys():  # noqa: SIM118
                if name in shapes:
                    raise ValueError(
                        f"{folder} holds the tensor {name!r} twice; remove the shards that are not meant."
                    )
                shapes[name] = tuple(tensors.get_slice(name).get_shape())
    return shapes


def read_index(folder: Path) -> dict[str, Any]:
    """`model_index.json` of a checkpoint.

    Raises:
        ValueError: missing or not a JSON object.
    """
    file = folder / INDEX_FILE
    if not file.is_file():
        raise ValueError(f"{folder} is no checkpoint: it has no {INDEX_FILE}.")
    return read_json(file)


def find_pickled(folder: Path) -> list[str]:
    """Files of a folder and below that hold pickled weights, as paths inside it."""
    return sorted(
        str(file.relative_to(folder)) for file in folder.rglob("*") if file.suffix.lower() in PICKLED_SUFFIXES
    )


def refuse_pickled(folder: Path) -> None:
    """Raises a ValueError where a folder holds pickled weights."""
    pickled = find_pickled(folder)
    if pickled:
        raise ValueError(
            f"{folder} holds pickled weights ({listed(pickled)}), which can run code when they are read; "
            "convert them to safetensors and remove them."
        )


def unlike(model: "torch.nn.Module", shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """What a model's own names and shapes and those of stored tensors do not have in common, in a few words; `None` where
    they are the same."""
    state = model.state_dict()
    # a tied tensor is stored under one of its names only
    stored = {_storage(tensor) for key, tensor in state.items() if key in shapes}
    missing = [key for key, tensor in state.items() if key not in shapes and _storage(tensor) not in stored]
    unknown = [key for key in shapes if key not in state]
    wrong = [key for key, tensor in state.items() if key in shapes and tuple(tensor.shape) != shapes[key]]
    for problem, keys in (("has wrong-shaped", wrong), ("lacks", missing), ("holds unknown", unknown)):
        if keys:
            return f"{problem} weights ({len(keys)}: {listed(keys)})"
    return None


def _storage(tensor: "torch.Tensor") -> int:
    """A number that tensors share if and only if they share their memory; works on the meta device too."""
    return tensor.untyped_storage()._cdata


def check_part(folder: Path, name: str, model: "torch.nn.Module", variant: str | None = None) -> None:
    """Refuses files that do not hold exactly the tensors of the model loaded from them, or values that are not finite.

    Args:
        folder: of the model.
        name: of the part, for messages.
        model: one on the meta device is compared by names and shapes alone.
        variant: that it was loaded from, see [`weight_files`].

    Raises:
        ValueError: naming the part and the tensors.
    """
    shapes = tensor_shapes(folder, variant)
    if not shapes:
        raise ValueError(f"{folder} holds no safetensors weights.")
    problem = unlike(model, shapes)
    if problem:
        raise ValueError(f"{folder} {problem}; weights and config.json of {name!r} do not belong together.")
    broken = [key for key in not_finite(model.state_dict()) if key in shapes]  # a tied one by its stored name
    if broken:
        raise ValueError(
            f"{folder}: weights of {name!r} are not finite ({len(broken)}: {listed(broken)}); the file is damaged or the "
            "training that wrote it failed."
        )


def not_finite(tensors: Mapping[str, "torch.Tensor"]) -> list[str]:
    """Names of tensors that hold NaN or infinity; those on the meta device hold nothing."""
    import torch

    return [
        name
        for name, tensor in tensors.items()
        if tensor.is_floating_point() and not tensor.is_meta and not torch.isfinite(tensor).all()
    ]


__all__ = [
    "PICKLED_SUFFIXES",
    "check_part",
    "find_pickled",
    "not_finite",
    "open_tensors",
    "read_index",
    "read_tensors",
    "refuse_pickled",
    "tensor_shapes",
    "unlike",
]

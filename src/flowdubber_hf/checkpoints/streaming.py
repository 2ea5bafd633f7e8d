"""Checkpoints larger than memory: known by their headers, converted tensor by tensor, written in shards."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors.torch import save_file
from tqdm.auto import tqdm
from transformers import GenerationConfig, PreTrainedModel

from ..work.wording import listed
from .complete import open_tensors
from .foreign import WEIGHT_NORM_ENDINGS, weight_from_norm
from .sources import weight_files


SHARD_BYTES = 500 * 10**6
WEIGHTS_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"


class StoredTensors(Mapping[str, torch.Tensor]):
    """The tensors of a folder's `model.safetensors`, or of the shards that its index names; one is read when asked for.

    Raises:
        ValueError: there is no such file, the index names files elsewhere, or a file is damaged.
    """

    def __init__(self, folder: Path):
        self._files: dict[str, Path] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        files = weight_files(folder)
        if not files:
            raise ValueError(f"{folder} has neither {WEIGHTS_NAME} nor {INDEX_NAME}.")
        for file in files:
            with open_tensors(file) as tensors:
                for name in tensors.keys():  # noqa: SIM118
                    if name in self._files:
                        raise ValueError(f"{folder} holds the tensor {name!r} twice.")
                    self._files[name] = file
                    self.shapes[name] = tuple(tensors.get_slice(name).get_shape())

    def __getitem__(self, name: str) -> torch.Tensor:
        with open_tensors(self._files[name]) as tensors:
            return tensors.get_tensor(name)

    def __contains__(self, name: object) -> bool:
        return name in self._files  # the default would read the tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Names and shapes, without reading what is stored."""
    if isinstance(tensors, StoredTensors):
        return tensors.shapes
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


@dataclass(frozen=True)
class Recipe:
    """How one tensor comes from a checkpoint's.

    Attributes:
        tensors: the checkpoint.
        names: of its tensors that are needed.
        make: of them; the only one as it is where not given.
    """

    tensors: Mapping[str, torch.Tensor]
    names: tuple[str, ...]
    make: Callable[..., torch.Tensor] | None = None

    def cook(self) -> torch.Tensor:
        """The tensor.

        Raises:
            ValueError: a value that is not finite.
        """
        found = [self.tensors[name] for name in self.names]
        for name, tensor in zip(self.names, found, strict=True):
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                raise ValueError(f"the tensor {name!r} has values that are not finite; the checkpoint is damaged.")
        return found[0] if self.make is None else self.make(*found)


def _folded(magnitude: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    return weight_from_norm(magnitude.float(), direction.float()).to(direction.dtype)


def plan_weights(
    model: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    what: str,
    names: Iterable[str] | None = None,
    public_name: Callable[[str], str] = str,
    unused: Sequence[str] = (),
) -> dict[str, Recipe]:
    """Where each tensor of a model comes from; nothing is read yet.

    A weight may be stored as the two halves of a weight normalisation, in PyTorch's old or new names; they are folded.

    Args:
        model: with the tensors wanted; may be on the meta device.
        tensors: the checkpoint, in public names.
        what: its name in errors.
        names: of the model's tensors that the checkpoint has to give; all where not given.
        public_name: a tensor's own name to its public one.
        unused: beginnings of public names that are left out on purpose.

    Raises:
        ValueError: tensors that are missing, unexpected or of another shape, by their public names.
    """
    shapes = shapes_of(tensors)
    recipes, taken = {}, set()
    lacking, misshapen = [], []
    state = model.state_dict()
    for name in state if names is None else names:
        recipe, expected = _recipe(tensors, public_name(name), tuple(state[name].shape))
        recipes[name] = recipe
        for part, shape in zip(recipe.names, expected, strict=True):
            taken.add(part)
            if part not in shapes:
                lacking.append(part)
            elif shapes[part] != shape:
                misshapen.append(f"{part} {shapes[part]} instead of {shape}")
    extra = [name for name in shapes if name not in taken and not name.startswith(tuple(unused))]
    problems = (("lacks", lacking), ("has unexpected", extra), ("has other shapes of", misshapen))
    told = [f"{problem} {listed(names)}" for problem, names in problems if names]
    if told:
        raise ValueError(f"{what}: the checkpoint {'; it '.join(told)}.")
    return recipes


def _recipe(
    tensors: Mapping[str, torch.Tensor], public: str, shape: tuple[int, ...]
) -> tuple[Recipe, list[tuple[int, ...]]]:
    """How a tensor is made and the shapes that its parts must have."""
    stem = public.removesuffix(".weight")
    for endings in WEIGHT_NORM_ENDINGS if stem != public else ():
        pair = tuple(stem + ending for ending in endings)
        if any(name in tensors for name in pair):
            magnitude = (*shape[:1], *[1] * (len(shape) - 1))
            return Recipe(tensors, pair, _folded), [magnitude, shape]
    return Recipe(tensors, (public,)), [shape]


def _as_stored(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    """A stand-in without values, for the size on the disk; where no dtype is given, as large as it may be."""
    stored = (dtype or torch.float32) if tensor.is_floating_point() else tensor.dtype
    return torch.empty(tensor.shape, dtype=stored, device="meta")


def write_weights(
    recipes: Mapping[str, Recipe],
    model: torch.nn.Module,
    folder: Path,
    dtype: torch.dtype | None = None,
    shard_bytes: int = SHARD_BYTES,
    progress: bool = False,
) -> None:
    """Writes a model's tensors as `from_pretrained` reads them, with no more than a shard of them in memory.

    Args:
        recipes: by the model's own names.
        model: whose tensors they are, for their sizes; may be on the meta device.
        folder: that gets `model.safetensors`, or shards and their index.
        dtype: of the stored floating-point numbers; as in the checkpoint where not given.
        shard_bytes: most of a shard, unless one tensor alone has more.
        progress: show a bar.

    Raises:
        ValueError: values that are not finite.
    """
    state = model.state_dict()
    split = split_torch_state_dict_into_shards(
        {name: _as_stored(state[name], dtype) for name in recipes},
        filename_pattern=WEIGHTS_NAME.replace(".", "{suffix}."),
        max_shard_size=shard_bytes,
    )
    total = 0
    with tqdm(total=len(recipes), desc=folder.name, unit="tensor", disable=not progress) as bar:
        for file, names in split.filename_to_tensors.items():
            made = {}
            for name in names:
                tensor = recipes[name].cook()
                made[name] = tensor.to(dtype if dtype and tensor.is_floating_point() else tensor.dtype).contiguous()
                total += made[name].nbytes
                bar.update()
            save_file(made, folder / file, metadata={"format": "pt"})
    if split.is_sharded:
        index = {"metadata": {"total_size": total}, "weight_map": split.tensor_to_filename}
        (folder / INDEX_NAME).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")


class PlannedModel:
    """A model whose weights still lie in another project's checkpoint; it is saved as a loaded one would be.

    Args:
        model: on the meta device.
        recipes: of all its tensors.
        generation_config: to save beside it.
        fixed_dtype: whether the weights stay as they are stored, whatever is asked for.
        left_out: what of the checkpoint is not needed, in words.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        recipes: Mapping[str, Recipe],
        generation_config: GenerationConfig | None = None,
        fixed_dtype: bool = False,
        left_out: Sequence[str] = (),
    ):
        self.model, self.recipes, self.generation_config = model, recipes, generation_config
        self.fixed_dtype, self.left_out = fixed_dtype, tuple(left_out)
        self.dtype: torch.dtype | None = None
        self.progress = False

    def num_parameters(self) -> int:
        """Numbers in the weights, buffers left out."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def to(self, dtype: torch.dtype) -> "PlannedModel":
        """Chooses what the weights are stored in."""
        if not self.fixed_dtype:
            self.dtype = dtype
        return self

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All tensors at once, for models that fit into memory."""
        return {name: recipe.cook() for name, recipe in self.recipes.items()}

    def save_pretrained(self, folder: Path) -> None:
        """Writes configuration and weights, see [`write_weights`]."""
        folder.mkdir(parents=True, exist_ok=True)
        config = copy.deepcopy(self.model.config)
        config.architectures = [type(self.model).__name__]
        if self.dtype is not None:
            config.dtype = self.dtype
        config.save_pretrained(folder)
        if self.generation_config is not None:
            self.generation_config.save_pretrained(folder)
        write_weights(self.recipes, self.model, folder, self.dtype, progress=self.progress)


__all__ = ["PlannedModel", "Recipe", "StoredTensors", "plan_weights", "shapes_of", "write_weights"]

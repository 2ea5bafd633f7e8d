"""Reading other projects' checkpoints: found, fetched, read as plain tensors, and matched name by name.

Public weights are mostly old pickles, which can run code when they are read as Python does. Here they are only ever read by
`torch.load(weights_only=True)`, which knows tensors, numbers, texts, lists and dictionaries and refuses the rest.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import fnmatch
import pickle
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..work.wording import listed
from . import complete
from .fetching import fetch


# Bounds on what is read; the largest public checkpoint of the method's parts has 2 GB.
MAX_CHECKPOINT_BYTES = 8 * 2**30
# What PyTorch calls the two halves of a normalised weight, by version: magnitude, direction.
WEIGHT_NORM_ENDINGS = (
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    (".weight_g", ".weight_v"),
)
# How many batches a batch norm has seen: no part of what the network computes, and old files lack it.
COUNTER = "num_batches_tracked"


# --------------------------------------------------------------------------------------------------- finding, fetching


def is_hub_id(source: str | Path) -> bool:
    """Whether a source is to be looked for on the Hub: `ORG/NAME` or `ORG/NAME@REVISION`, and nothing of that name is here."""
    return (
        re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w./-]+)?", str(source)) is not None and not Path(source).exists()
    )


def locate(source: str | Path, known: Sequence[str], file: str | None = None, beside: Sequence[str] = ()) -> Path:
    """The checkpoint file that a source stands for.

    Args:
        source: the file itself, a folder, or a Hub id, of which only that file and those `beside` it are fetched.
        known: how the file is called in public; patterns (`g_*`) serve in folders only. The first that fits a single file
            counts.
        file: its path inside the folder or repository, where `known` does not find it.
        beside: names of further files that are fetched too, where they are.

    Raises:
        ValueError: no such file, or several that fit.
    """
    if Path(source).is_file():
        return Path(source)
    if is_hub_id(source):
        wanted = [file] if file else [name for name in known if "*" not in name]
        folder = fetch(str(source), [pattern for name in (*wanted, *beside) for pattern in (name, f"*/{name}")])
        present = sorted(folder.rglob("*"))
    elif Path(source).is_dir():
        folder = Path(source)
        present = sorted(folder.iterdir())
    else:
        raise ValueError(f"there is no file or folder {source}.")
    if file:
        if not (folder / file).is_file():
            raise ValueError(f"{source} has no file {file!r}.")
        return folder / file
    for pattern in known:
        fits = [path for path in present if fnmatch.fnmatchcase(path.name, pattern) and path.is_file()]
        if len(fits) == 1:
            return fits[0]
        if fits:
            names = [str(path.relative_to(folder)) for path in fits]
            raise ValueError(f"{source} has several files that fit ({listed(names)}); name one with --file.")
    raise ValueError(f"{source} has no file {' or '.join(known)}; name the checkpoint with --file.")


# ------------------------------------------------------------------------------------------------------------- reading


def read_tensors(file: Path, within: Sequence[str] = ()) -> dict[str, torch.Tensor]:
    """The named tensors of a checkpoint, on the CPU, without the prefix that training on several devices adds.

    Args:
        file: `.safetensors`, or what `torch.save` wrote (never read as Python would: no code of it is run).
        within: names under which the tensors may lie (`generator`, `model_state_dict`); the first that is there counts,
            and where none is, the file itself must be the mapping.

    Raises:
        ValueError: missing, too large, damaged, of a kind that cannot be read safely, or not a mapping of names to plain
            tensors; the message says what to do.
    """
    size = _check_size(file, MAX_CHECKPOINT_BYTES)
    content = complete.read_tensors(file) if file.suffix == ".safetensors" else _read_pickled(file)
    if isinstance(content, dict):
        content = next((content[name] for name in within if name in content), content)
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{file} holds no mapping of names to tensors.")
    for name, tensor in content.items():
        if not isinstance(name, str) or not _is_plain(tensor):
            raise ValueError(
                f"{file} holds no mapping of names to plain tensors: {str(name)[:80]!r} is something else."
            )
        # A view can claim any shape for a few stored bytes.
        if tensor.numel() * tensor.element_size() > size:
            raise ValueError(f"{file} holds less data than its tensor {name!r} claims to have; it is damaged.")
    if all(name.startswith("module.") for name in content):
        content = {name.removeprefix("module."): tensor for name, tensor in content.items()}
    return {name: tensor.detach() for name, tensor in content.items()}


def _check_size(file: Path, most: int) -> int:
    if not file.is_file():
        raise ValueError(f"there is no file {file}.")
    size = file.stat().st_size
    if size > most:
        raise ValueError(f"{file} has {size / 2**20:.0f} MiB; more than {most / 2**20:.0f} MiB are not read.")
    return size


def _is_plain(tensor: Any) -> bool:
    return (
        isinstance(tensor, torch.Tensor)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
    )


class _Ignored:
    """Stands for a NumPy scalar or its type. Trainers leave their best score as one beside the weights; what it was is
    never read, so NumPy's own constructors get nothing from the file."""

    def __init__(self, *content: Any):
        pass

    def __setstate__(self, state: Any) -> None:
        pass


_NUMPY_SCALARS = [
    (_Ignored, name) for name in ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
]


def _read_pickled(file: Path) -> Any:
    archive = _is_archive(file)
    try:
        with torch.serialization.safe_globals(_NUMPY_SCALARS):
            # An archive's tensors stay on the disk until they are looked at.
            return torch.load(file, map_location="cpu", weights_only=True, mmap=archive)
    except pickle.UnpicklingError as error:
        foreign = re.search(r"GLOBAL (\S+) (?:was not an allowed|whose module)", str(error))
        if foreign:
            raise ValueError(
                f"{file} holds objects of the code {foreign[1]}, not only tensors, and reading those can run any program; "
                "it is refused. Where you trust its maker, load it with the project it comes from and save its tensors "
                "with safetensors.torch.save_file."
            ) from error
        raise ValueError(f"{file} cannot be read as plain tensors ({_reason(error)}).") from error
    except Exception as error:  # whatever a damaged file brings the reader to
        raise ValueError(f"{file} cannot be read as plain tensors ({_reason(error)}).") from error


def _is_archive(file: Path) -> bool:
    """Whether `torch.save` wrote an archive; refuses the two of `torch` that cannot be read without running them, and
    compressed ones."""
    with file.open("rb") as stream:
        start = stream.read(512)
    if start[257:262] == b"ustar":
        raise ValueError(
            f"{file} is in the tar format of PyTorch before 0.2, which cannot be read safely; save it again with a newer one."
        )
    if not start.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ValueError(f"{file} is a damaged archive ({error}).") from error
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise ValueError(
            f"{file} is a TorchScript program, not a file of tensors; save its state_dict() and give that."
        )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError(f"{file} is a compressed archive, which torch.save never writes; it is refused.")
    return True


def _reason(error: Exception) -> str:
    """What PyTorch found, without its advice to read the file unsafely."""
    told = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    return (told.splitlines() or [type(error).__name__])[0][:200]


# ------------------------------------------------------------------------------------------------------------ matching


def weight_from_norm(magnitude: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """The weight that a weight normalisation stands for: g v / |v|, the norm over all dimensions but the first."""
    dimensions = tuple(range(1, direction.ndim))
    return direction * (magnitude / direction.norm(dim=dimensions, keepdim=True))


def fold_weight_norm(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors with every weight-normalised pair, in PyTorch's old or new names, replaced by the weight it stands for.

    Raises:
        ValueError: half of a pair is missing, or the two do not fit.
    """
    folded = {}
    for name, tensor in tensors.items():
        pair = next((pair for pair in WEIGHT_NORM_ENDINGS if name.endswith(pair)), None)
        if pair is None:
            folded[name] = tensor
            continue
        half = pair.index(next(ending for ending in pair if name.endswith(ending)))
        stem = name.removesuffix(pair[half])
        other = stem + pair[1 - half]
        if other not in tensors:
            raise ValueError(f"the checkpoint has {name} but not {other}.")
        if half == 0:
            continue
        magnitude = tensors[other]
        if tuple(magnitude.shape) != (*tensor.shape[:1], *[1] * (tensor.ndim - 1)):
            raise ValueError(
                f"{other} has the shape {tuple(magnitude.shape)}, which is no magnitude for {name} with "
                f"{tuple(tensor.shape)}."
            )
        folded[stem + ".weight"] = weight_from_norm(magnitude.float(), tensor.float())
    return folded


def rename(name: str, rules: Sequence[tuple[str, str]]) -> str:
    """A name after the first rule (pattern, replacement) that fits its beginning, or as it is."""
    for pattern, replacement in rules:
        renamed, count = re.subn(rf"\A{pattern}", replacement, name)
        if count:
            return renamed
    return name


def check_names(
    model: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    what: str,
    public_names: Callable[[str], str] | None = None,
) -> None:
    """Refuses a checkpoint that does not hold each of a model's tensors, and no other, in the same shape.

    Args:
        model: in its own names; one on the meta device serves too, where its sizes come from outside.
        tensors: in public names.
        what: the checkpoint's name in errors.
        public_names: a parameter's or buffer's own name to its public one; the same where not given.

    Raises:
        ValueError: tensors that are missing, unexpected or of another shape or kind, by their public names.
    """
    own = {public_names(name) if public_names else name: value for name, value in model.state_dict().items()}
    problems = {
        "lacks": [name for name in own if name not in tensors and not name.endswith(COUNTER)],
        "has unexpected": [name for name in tensors if name not in own and not name.endswith(COUNTER)],
        "has other shapes of": [
            f"{name} {tuple(tensors[name].shape)} instead of {tuple(value.shape)}"
            for name, value in own.items()
            if name in tensors
            and (tensors[name].shape, tensors[name].is_floating_point()) != (value.shape, value.is_floating_point())
        ],
    }
    told = [f"{problem} {listed(names)}" for problem, names in problems.items() if names]
    if told:
        raise ValueError(f"{what}: the checkpoint {'; it '.join(told)}.")


def load_strictly(
    model: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    what: str,
    public_names: Callable[[str], str] | None = None,
) -> None:
    """Puts a checkpoint's tensors into a model, which must have each of them and no other, and sets it to evaluation mode.

    The arguments are those of [`check_names`].

    Raises:
        ValueError: as [`check_names`], or values that are not finite.
    """
    check_names(model, tensors, what, public_names)
    own = model.state_dict()
    public = {name: public_names(name) if public_names else name for name in own}
    found = {name: tensors[other] for name, other in public.items() if other in tensors}
    broken = [public[name] for name, tensor in found.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise ValueError(f"{what}: the checkpoint has values that are not finite in {listed(broken)}.")
    model.load_state_dict({**own, **found})
    model.eval()


__all__ = [
    "check_names",
    "fold_weight_norm",
    "is_hub_id",
    "load_strictly",
    "locate",
    "read_tensors",
    "rename",
    "weight_from_norm",
]

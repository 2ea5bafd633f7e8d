"""What is on the disk: which folder is which part, and whether its weights are whole, finite and of the declared kind."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ..checkpoints.complete import find_pickled, open_tensors, read_index
from ..checkpoints.fetching import fetch
from ..checkpoints.sources import INDEX_FILE, TEXT_SUFFIXES, local_checkpoint, weight_files
from ..models.parts import PART_CLASSES, TOKENIZER_FILE, identify_part
from ..pipelines.flowdubber import FlowDubberPipeline
from ..pipelines.flowdubber.parts import LANGUAGE_MODEL_PARTS
from ..work.wording import listed
from .findings import NOTE, OK, WRONG, Finding


PIPELINE, PARTS, PART = "pipeline", "parts", "part"


@dataclass(frozen=True)
class ModelFolder:
    """
    Attributes:
        kind: `pipeline` (with an index), `parts` (folders of parts side by side) or `part` (a part itself).
        folder: of the whole.
        parts: name of each part that is there to its folder.
    """

    kind: str
    folder: Path
    parts: Mapping[str, Path]


def open_model(name: str | Path) -> ModelFolder:
    """
    Args:
        name: bundled model, folder or Hub id.

    Raises:
        ValueError: no such model, or a folder that holds neither a pipeline nor parts.
    """
    folder = local_checkpoint(name) or _fetched(str(name))
    if (folder / INDEX_FILE).is_file():
        index = read_index(folder)
        present = [part for part in PART_CLASSES if isinstance(index.get(part), list) and index[part][0] is not None]
        return ModelFolder(PIPELINE, folder, {part: folder / part for part in present})
    found = identify_part(folder)
    if found:
        return ModelFolder(PART, folder, {found[0]: folder})
    parts: dict[str, Path] = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        found = identify_part(place)
        if found and found[0] in parts:
            raise ValueError(
                f"{parts[found[0]]} and {place} both hold the part {found[0]}; name the folder of one of them."
            )
        if found:
            parts[found[0]] = place
    model = parts.get("semantic_model")
    if model is not None and "tokenizer" not in parts and (model / TOKENIZER_FILE).is_file():
        parts["tokenizer"] = model
    if not parts:
        raise ValueError(f"{folder} holds neither a model ({INDEX_FILE}) nor parts of one (config.json).")
    return ModelFolder(PARTS, folder, parts)


def _fetched(name: str) -> Path:
    """A pipeline of the Hub, or everything of a repository of parts that loading may need."""
    if (fetch(name, [INDEX_FILE]) / INDEX_FILE).is_file():
        return Path(FlowDubberPipeline.download(name))
    return fetch(name, [*(f"*{suffix}" for suffix in TEXT_SUFFIXES), "*.safetensors"])


def missing_parts(model: ModelFolder) -> Iterator[Finding]:
    """Parts that a pipeline needs and that are not there."""
    absent = [name for name in PART_CLASSES if name not in model.parts]
    if model.kind == PART:
        return
    needed = [name for name in absent if name not in LANGUAGE_MODEL_PARTS]
    if needed:
        level = WRONG if model.kind == PIPELINE else NOTE
        yield Finding(
            "model",
            level,
            f"there is no {', no '.join(needed)}; a pipeline needs {'them' if len(needed) > 1 else 'it'}.",
        )
    language = [name for name in absent if name in LANGUAGE_MODEL_PARTS]
    if len(language) == len(LANGUAGE_MODEL_PARTS):
        yield Finding("model", NOTE, "there is no language model; the learned null stands for its knowledge.")
    elif language:
        level = WRONG if model.kind == PIPELINE else NOTE
        yield Finding(
            "model", level, f"the language model works only as a whole, and {', '.join(language)} is missing."
        )


def examine_files(name: str, folder: Path) -> Iterator[Finding]:
    """The files of a part: pickles, damage, sizes, dtypes, values that are not finite, matrices that are all zero."""
    if not folder.is_dir():
        yield Finding(name, WRONG, f"there is no folder {folder}.")
        return
    pickled = find_pickled(folder)
    if pickled:
        yield Finding(
            name, WRONG, f"{pickled[0]} is a pickle, which can run code when it is read; it is never loaded."
        )
    if name == "tokenizer":
        return
    try:
        files = weight_files(folder)
    except ValueError as error:
        yield Finding(name, WRONG, str(error))
        return
    if not files:
        yield Finding(name, WRONG, f"{folder} holds no safetensors weights.")
        return
    weights, dtypes, broken, empty = 0, set(), [], []
    for file in files:
        try:
            with open_tensors(file) as tensors:
                for key in tensors.keys():  # noqa: SIM118
                    tensor = tensors.get_tensor(key)
                    weights += tensor.numel()
                    dtypes.add(str(tensor.dtype).removeprefix("torch."))
                    if not torch.isfinite(tensor).all():
                        broken.append(key)
                    elif tensor.ndim > 1 and not tensor.any():
                        empty.append(key)
        except ValueError as error:
            yield Finding(name, WRONG, str(error))
            return
    size = sum(file.stat().st_size for file in files)
    values = {"weights": weights, "bytes": size, "dtypes": sorted(dtypes)}
    yield Finding(name, OK, f"{weights:,} weights, {size / 1e6:.1f} MB, {', '.join(sorted(dtypes))}.", values)
    if broken:
        yield Finding(
            name,
            WRONG,
            f"values that are not finite in {len(broken)} tensors ({listed(broken)}).",
            {"tensors": broken[:100]},
        )
    if empty:
        yield Finding(name, NOTE, f"{len(empty)} matrices are all zero ({listed(empty)}).", {"tensors": empty[:100]})

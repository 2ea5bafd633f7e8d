"""Where weights come from: a checkpoint inside the package by its name, a folder, or a repository of the Hub.

Only [`fetching`] imports the Hub's library, so that what lies here is found without it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib.resources
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..work.reading import read_json
from ..work.wording import nearest


INDEX_FILE = "model_index.json"
CONFIG_FILE = "config.json"
# What loading may need of a repository besides the weights; code and pickled weights are never fetched.
TEXT_SUFFIXES = (".json", ".txt", ".jinja")
WEIGHT_STEMS = ("model", "diffusion_pytorch_model")  # as transformers and diffusers name their files
# Options of `from_pretrained` that say how something is fetched.
FETCH_OPTIONS = ("revision", "cache_dir", "token", "local_files_only", "force_download")


# ---------------------------------------------------------------------------------------------------------------------
# Names


def bundled_checkpoints() -> dict[str, Path]:
    """Names and folders of the checkpoints inside the package: pipelines, and models that stand alone."""
    root = Path(str(importlib.resources.files("flowdubber_hf"))) / "pretrained"
    return {
        folder.name: folder
        for folder in sorted(root.glob("*"))
        if (folder / INDEX_FILE).is_file() or (folder / CONFIG_FILE).is_file()
    }


def local_checkpoint(name: str | Path) -> Path | None:
    """The folder that `name` stands for: a folder that exists or a bundled checkpoint; `None` for a Hub id.

    Raises:
        ValueError: `name` is a file, or a path that does not exist.
    """
    path = Path(name)
    if path.is_dir():
        return path
    bundled = bundled_checkpoints()
    if str(name) in bundled:
        return bundled[str(name)]
    if path.exists():
        raise ValueError(f"{name} is a file; give the folder of a checkpoint.")
    looks_like_a_path = path.is_absolute() or str(name).startswith((".", "~")) or str(name).count("/") > 1
    if looks_like_a_path or not str(name):
        raise ValueError(f"there is no folder {str(name)!r}; bundled checkpoints: {', '.join(bundled) or 'none'}.")
    near = nearest(str(name), bundled, 0.8) if "/" not in str(name) else None
    if near:
        raise ValueError(f"there is no checkpoint {str(name)!r}; did you mean the bundled {near}?")
    return None


def split_revision(name: str, revision: str | None = None) -> tuple[str, str | None]:
    """`"ORG/NAME@REVISION"` as repository and revision, for the places that take one word.

    Raises:
        ValueError: `revision` is given too and differs.
    """
    repo_id, _, inside = name.partition("@")
    if inside and revision and inside != revision:
        raise ValueError(f"{name} names the revision {inside}, but {revision} is asked for too; give one of them.")
    return repo_id, inside or revision


class BundledNames:
    """Lets the `from_pretrained` of a model take the name of a bundled checkpoint, with `subfolder=` in a pipeline."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """As the library's; the first argument may also be the name of a checkpoint inside the package."""
        name = pretrained_model_name_or_path
        if isinstance(name, str) and not Path(name).is_dir():
            name = bundled_checkpoints().get(name, name)
        return super().from_pretrained(name, *args, **kwargs)


# ---------------------------------------------------------------------------------------------------------------------
# Weight files


def weight_pattern(variant: str | None) -> re.Pattern[str]:
    """Names of the safetensors files of a variant, whole or in shards; of the plain files for `None`.

    Raises:
        ValueError: no variant has such a name.
    """
    if variant is not None and not re.fullmatch(r"\w+", variant):
        raise ValueError(f"a variant is a word like fp16, got {variant!r}.")
    dotted = "" if variant is None else rf"\.{variant}"
    return re.compile(rf"({'|'.join(WEIGHT_STEMS)}){dotted}(-\d{{5}}-of-\d{{5}})?\.safetensors")


def variants_of(names: Iterable[str]) -> list[str]:
    """The variants that safetensors files of these names belong to."""
    any_variant = re.compile(rf"(?:{'|'.join(WEIGHT_STEMS)})\.(\w+)(?:-\d{{5}}-of-\d{{5}})?\.safetensors")
    return sorted({match[1] for match in map(any_variant.fullmatch, names) if match})


def choose_weights(names: Collection[str], variant: str | None) -> list[str]:
    """Which of a part's files hold its weights: those of the variant, or the plain ones where it has none of that."""
    for wanted in dict.fromkeys((variant, None)):
        pattern = weight_pattern(wanted)
        chosen = sorted(name for name in names if pattern.fullmatch(name))
        if chosen:
            return chosen
    return []


def check_variant(names: Mapping[str, Collection[str]], variant: str | None, where: str | Path) -> None:
    """
    Refuses a variant that no part has, and parts that have only others.

    Args:
        names: the files of each part that is read.
        variant: that is asked for, `None` for the plain weights.
        where: they lie, for the message.

    Raises:
        ValueError: saying which variants there are.
    """
    found = variants_of(name for part in names.values() for name in part)
    others = f"it has {', '.join(found)}" if found else "it has plain weights only; leave `variant` out"
    pattern = weight_pattern(variant)
    if variant is not None and not any(pattern.fullmatch(name) for part in names.values() for name in part):
        raise ValueError(f"{where} holds no weights of the variant {variant!r}; {others}.")
    without = [part for part, files in names.items() if variants_of(files) and not choose_weights(files, variant)]
    if without:
        wanted = "plain weights" if variant is None else f"weights of the variant {variant!r}"
        raise ValueError(f"{where} holds no {wanted} of {', '.join(without)}; {others}: give it as `variant`.")


def weight_files(folder: Path, variant: str | None = None) -> list[Path]:
    """
    The safetensors files that loading reads from a part's folder, by the names that both libraries give them.

    Args:
        folder: of one model.
        variant: a part without files of the variant is read from its plain ones, as diffusers does.

    Returns:
        One file, the shards that an index names, or nothing.

    Raises:
        ValueError: a damaged index, shards that are missing, or both a whole file and shards.
    """
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    files = choose_weights(names, variant)
    pattern = weight_pattern(variant)
    used = variant if any(pattern.fullmatch(name) for name in files) else None
    suffix = ".safetensors.index.json" if used is None else f".safetensors.index.{used}.json"
    indices = [folder / f"{stem}{suffix}" for stem in WEIGHT_STEMS if f"{stem}{suffix}" in names]
    whole = [folder / name for name in files if "-of-" not in name]
    if len(whole) + len(indices) > 1:
        both = ", ".join(path.name for path in (*whole, *indices))
        raise ValueError(f"{folder} holds weights twice ({both}); remove those that are not meant.")
    if not indices and len(files) > len(whole):
        raise ValueError(f"{folder} holds shards of weights without their index *{suffix}.")
    return [folder / name for name in _shards(indices[0])] if indices else whole


def _shards(index: Path) -> list[str]:
    """The names of the files that an index of shards names, all of them there."""
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not all(isinstance(name, str) for name in weight_map.values()):
        raise ValueError(f"{index} is no index of safetensors shards; get it anew.")
    shards = sorted(set(weight_map.values()))
    for name in shards:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ValueError(f"{index} names {name!r}, which is no safetensors file beside it.")
        if not (index.parent / name).is_file():
            raise ValueError(f"{index.parent} lacks {name}, which {index.name} names.")
    return shards


# ---------------------------------------------------------------------------------------------------------------------
# Folders of models


def part_folder(name: str | Path, part: str, **options: Any) -> Path:
    """
    The folder of one model.

    Args:
        name: the model's own folder or Hub id, or those or the bundled name of a pipeline that has it as `part`.
        part: its name in a pipeline.
        options: see [`fetch`].

    Raises:
        ValueError: there is none.
    """
    folder = local_checkpoint(name)
    if folder is None:
        from .fetching import fetch, fetch_checkpoint  # and with it the Hub's library

        index = fetch(str(name), [INDEX_FILE, CONFIG_FILE], **options)
        if (index / INDEX_FILE).is_file():
            folder = fetch_checkpoint(str(name), [part], **options)
        else:
            texts = [f"*{suffix}" for suffix in TEXT_SUFFIXES]
            folder = fetch(str(name), [*texts, *(f"{stem}*.safetensors" for stem in WEIGHT_STEMS)], **options)
    return folder / part if (folder / INDEX_FILE).is_file() else folder

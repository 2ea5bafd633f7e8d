"""A pipeline as a folder that both `FlowDubberPipeline` and plain diffusers load from the Hub."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.complete import read_index
from ..checkpoints.sources import CONFIG_FILE, INDEX_FILE, choose_weights, part_folder, variants_of, weight_files
from ..pipelines.flowdubber import FlowDubberPipeline
from ..pipelines.flowdubber.opening import HUB_MODULES
from ..work.reading import parse_json, read_text
from .contents import CARD_NAME, NOT_SETTINGS, Contents, list_files, read_contents


PIPELINE_SHIM = "pipeline_flowdubber"
LIBRARIES = ("transformers", "diffusers")
SAMPLES = "samples"  # a folder of sounds and pictures that a card may show
# Names of the checkpoint in a card's examples; publishing puts the repository's name there.
PLACEHOLDER = "PATH-OF-THIS-FOLDER"
_PATH_KEYS = ("_name_or_path", "name_or_path")


def stage_for_hub(
    pipeline: FlowDubberPipeline | str | Path,
    folder: str | Path,
    *,
    card: str | Path | None = None,
    repo_id: str | None = None,
    variant: str | None = None,
    max_shard_size: int | str | None = None,
) -> Contents:
    """
    Writes a pipeline as it is published: weights and settings of the parts, an index that names one-line import files, those
    files, and the card. Nothing is sent.

    `FlowDubberPipeline.from_pretrained(folder)` loads it and runs none of its code;
    `DiffusionPipeline.from_pretrained(folder, trust_remote_code=True)` loads it through the import files, with this package
    installed.

    Args:
        pipeline: a pipeline, or the bundled name, folder or Hub id of one, whose weights are copied as they are stored.
        folder: to write; must not exist, or be empty.
        card: file of the card; the README.md beside the pipeline's own files by default.
        repo_id: where it will lie; the card's examples name it.
        variant, max_shard_size: as `save_pretrained` takes them, for a pipeline given as an object.

    Returns:
        The files, checked and with their sizes.

    Raises:
        ValueError: a folder that holds something; no card; a part whose class nobody else could import; whatever
            [`~hub.contents.read_contents`] refuses; a pipeline that does not load.
    """
    source, names = _source(pipeline)
    stored = not isinstance(pipeline, FlowDubberPipeline)
    if stored and (variant is not None or max_shard_size is not None):
        raise ValueError("variant and max_shard_size say how a loaded pipeline is written; give the pipeline itself.")
    text = _card_text(card, source, names, repo_id)
    with _new_folder(Path(folder)) as new:
        if stored:
            _copy_pipeline(source, new)
        else:
            pipeline.save_pretrained(new, variant=variant, max_shard_size=max_shard_size)
        (new / CARD_NAME).write_text(text, encoding="utf-8")
        publish_index(new)
        for file in new.rglob("*.json"):
            _drop_paths(file)
        contents = read_contents(new)
        for stored_variant in _variants(new):
            # in half precision: what is asked is whether it loads, and that takes half the memory
            FlowDubberPipeline.from_pretrained(new, dtype=torch.float16, variant=stored_variant)
    return replace(contents, folder=Path(folder))


def stage_model_for_hub(
    model: str | Path, folder: str | Path, *, card: str | Path | None = None, repo_id: str | None = None
) -> Contents:
    """
    Writes one model, such as a vocoder or a judge, as it is published: its files without paths of this machine, and the card.

    Args:
        model: bundled name, folder or Hub id of a model that `save_pretrained` wrote.
        folder, card, repo_id: as in [`stage_for_hub`].

    Raises:
        ValueError: no model, damaged weights, no card, or whatever [`~hub.contents.read_contents`] refuses.
    """
    source = part_folder(model, "")
    if not any(source.rglob(CONFIG_FILE)):
        raise ValueError(f"{source} holds neither a pipeline ({INDEX_FILE}) nor a model ({CONFIG_FILE}).")
    text = _card_text(card, source, [PLACEHOLDER, str(model).partition("@")[0], source.name], repo_id)
    with _new_folder(Path(folder)) as new:
        _copy_files(source, new)
        (new / CARD_NAME).write_text(text, encoding="utf-8")
        for file in new.rglob("*.json"):
            _drop_paths(file)
        contents = read_contents(new)
        for part in {file.parent for file in new.rglob("*.safetensors")}:
            for variant in (None, *variants_of(file.name for file in part.iterdir())):
                weight_files(part, variant)
    return replace(contents, folder=Path(folder))


def _variants(folder: Path) -> list[str | None]:
    """The variants that a pipeline's folder can be loaded in, `None` for the plain weights."""
    names = [[file.name for file in part.iterdir()] for part in folder.iterdir() if part.is_dir()]
    plain = all(choose_weights(files, None) or not variants_of(files) for files in names)
    return [*([None] if plain else []), *variants_of(name for files in names for name in files)]


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill that takes the place of `folder` when it is whole."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} exists and is not empty; choose another folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        new = Path(temporary) / folder.name
        new.mkdir()
        yield new
        if folder.is_dir():
            folder.rmdir()
        os.replace(new, folder)


def _source(pipeline: FlowDubberPipeline | str | Path) -> tuple[Path | None, list[str]]:
    """The folder that a pipeline lies in, if any, and the names that its card may call it by."""
    names = [PLACEHOLDER]
    if isinstance(pipeline, FlowDubberPipeline):
        origin = pipeline.config.get("_name_or_path")
        source = Path(origin) if origin and Path(origin).is_dir() else None
    else:
        source = Path(FlowDubberPipeline.download(pipeline))
        names.append(str(pipeline).partition("@")[0])
    return source, names if source is None else [*names, source.name]


def _card_text(card: str | Path | None, source: Path | None, names: list[str], repo_id: str | None) -> str:
    file = Path(card) if card is not None else source and source / CARD_NAME
    if file is None or not file.is_file():
        raise ValueError(
            f"there is no card {file or CARD_NAME}, which says what the model was trained on, its licence and its limits; "
            "write one, or name one (--card)."
        )
    text = file.read_text(encoding="utf-8")
    if repo_id is None:
        return text
    called = "|".join(map(re.escape, names))
    return re.sub(rf'(from_pretrained\(")(?:{called})(")', rf"\g<1>{repo_id}\g<2>", text)


def _copy_pipeline(source: Path, folder: Path) -> None:
    """The files of a pipeline; its import files are written anew."""
    parts = {name for name, entry in read_index(source).items() if isinstance(entry, list) and entry[0] is not None}
    known = parts | {SAMPLES}
    strangers = [path.name for path in sorted(source.iterdir()) if path.is_dir() and path.name not in known]
    if strangers:
        raise ValueError(
            f"{source} holds folders that its index does not name ({', '.join(strangers)}); move them away."
        )
    _copy_files(source, folder)


def _copy_files(source: Path, folder: Path) -> None:
    """Everything that belongs but code; of a snapshot in the cache of the Hub, made of links, the files themselves."""
    is_snapshot = source.parent.name == "snapshots"
    paths, _ = list_files(source, root=source.parents[1] if is_snapshot else None)
    for name, path in paths.items():
        if path.suffix != ".py":
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)


def publish_index(folder: Path) -> dict[str, Any]:
    """
    Rewrites the index of a saved pipeline to the published form and writes the import files that it names.

    Returns:
        The new index.

    Raises:
        ValueError: a part that is not there, or whose class is neither of transformers, nor of diffusers, nor of this
            package.
    """
    shims = {module: shim for shim, module in HUB_MODULES.items()}
    index = read_index(folder)
    index["_class_name"] = [PIPELINE_SHIM, FlowDubberPipeline.__name__]
    index.pop("_name_or_path", None)
    _write_shim(folder / f"{PIPELINE_SHIM}.py", FlowDubberPipeline.__name__)
    for name, entry in index.items():
        if name.startswith("_") or not isinstance(entry, list) or entry[0] is None:
            continue
        module, class_name = entry
        if not (folder / name).is_dir():
            raise ValueError(f"the checkpoint lacks the part {name!r}, which its {INDEX_FILE} names.")
        if module in LIBRARIES:
            continue
        shim = module if module in HUB_MODULES else shims.get(module)
        if shim is None:
            raise ValueError(
                f"the part {name} is a {class_name} of the module {module}, which others do not have; publish it with a part "
                "of transformers, diffusers or this package."
            )
        index[name] = [shim, class_name]
        _write_shim(folder / name / f"{shim}.py", class_name)
    (folder / INDEX_FILE).write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return index


def _write_shim(file: Path, class_name: str) -> None:
    file.write_text(f"from flowdubber_hf import {class_name}\n", encoding="utf-8")


def _drop_paths(file: Path) -> None:
    """Takes the folders that a part was loaded from out of its settings."""
    if file.name in NOT_SETTINGS:
        return
    settings = parse_json(read_text(file), f"{file.name} of {file.parent.name}")
    kept = _without_paths(settings)
    if kept != settings:
        file.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _without_paths(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items() if key not in _PATH_KEYS}
    return [_without_paths(inner) for inner in value] if isinstance(value, list) else value

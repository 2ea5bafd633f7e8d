"""Models by the name that they have in a pipeline, opened by one rule wherever they are needed: their class is known, their
files are complete, safe to read and finite, and nothing is built before names and shapes were compared."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast, SpeechT5HifiGan

from ..checkpoints.complete import check_part, refuse_pickled, tensor_shapes
from ..checkpoints.sources import CONFIG_FILE, bundled_checkpoints, part_folder
from ..work.reading import MAX_CONFIG_BYTES, in_a_line, read_json
from .aligner import FlowDubberAlignerModel
from .lip_reader import FlowDubberLipReader
from .semantic import FlowDubberSemanticForConditionalGeneration
from .speech_tokenizer import FlowDubberSpeechTokenizer
from .style import FlowDubberStyleEncoder
from .syncnet import FlowDubberSyncNet
from .utmos import FlowDubberUtmos
from .vector_field import FlowDubberVectorField
from .vocoder import FlowDubberVocoder


# Parts that a folder can hold, by name; the first class is the package's own.
PART_CLASSES: Mapping[str, tuple[Any, ...]] = {
    "style_encoder": (FlowDubberStyleEncoder,),
    "aligner": (FlowDubberAlignerModel,),
    "vector_field": (FlowDubberVectorField,),
    "vocoder": (FlowDubberVocoder, SpeechT5HifiGan),
    "speech_tokenizer": (FlowDubberSpeechTokenizer,),
    "semantic_model": (FlowDubberSemanticForConditionalGeneration,),
    "tokenizer": (PreTrainedTokenizerFast,),
}
# What stands beside a pipeline: a source of weights for an aligner, judges of dubs.
COMPANION_CLASSES: Mapping[str, tuple[Any, ...]] = {
    "lip_reader": (FlowDubberLipReader,),
    "syncnet": (FlowDubberSyncNet,),
    "utmos": (FlowDubberUtmos,),
}
TOKENIZER_FILE = "tokenizer.json"
# Settings that say how many modules there are; each has a tensor at least.
_COUNTS = re.compile(r"(?!max_)(\w+_)?(layers|blocks|labels)(_per_stage)?")


def _kinds() -> dict[str, tuple[str, Any]]:
    """What a folder's config.json calls its model (`model_type`, or diffusers' `_class_name`) to the part and its class."""
    kinds = {}
    for name, classes in {**PART_CLASSES, **COMPANION_CLASSES}.items():
        for part in classes:
            if hasattr(part, "config_class"):
                kinds[part.config_class.model_type] = name, part
            elif issubclass(part, torch.nn.Module):
                kinds[part.__name__] = name, part
    return kinds


def identify_part(folder: str | Path) -> tuple[str, Any] | None:
    """Which part a folder holds and the class that loads it; `None` if none of this package's.

    Raises:
        ValueError: its config.json is not valid.
    """
    folder = Path(folder)
    if (folder / CONFIG_FILE).is_file():
        config = read_json(folder / CONFIG_FILE)
        found = _kinds().get(str(config.get("model_type") or config.get("_class_name")))
        if found:
            return found
    return ("tokenizer", PreTrainedTokenizerFast) if (folder / TOKENIZER_FILE).is_file() else None


def class_of(class_name: Any) -> type[torch.nn.Module] | None:
    """The model of this package, or of transformers, that an index calls so; `None` for others and for what is no model."""
    known = [part for classes in {**PART_CLASSES, **COMPANION_CLASSES}.values() for part in classes]
    return next((part for part in known if part.__name__ == class_name and issubclass(part, torch.nn.Module)), None)


def bundled_checkpoint(name: str) -> str:
    """The folder of a checkpoint inside the package, for the `from_pretrained` of other libraries, which do not know this package's names:
    `AutoModel.from_pretrained(bundled_checkpoint("flowdubber-grid-tiny"), subfolder="aligner")`. The auto classes of
    transformers know the package's models from then on.

    Raises:
        ValueError: there is none of that name.
    """
    bundled = bundled_checkpoints()
    if name not in bundled:
        raise ValueError(f"no checkpoint {name!r} is bundled; there are {', '.join(bundled)}.")
    return str(bundled[name])


def load_part(name: str, source: str | Path, training: bool = False) -> Any:
    """
    A part from its folder, in float32 and evaluation mode.

    Args:
        name: of `PART_CLASSES` or `COMPANION_CLASSES`.
        source: folder or Hub id with config.json and safetensors, or those or the bundled name of a pipeline that has the
            part.
        training: keep what only training needs (the speech tokenizer's mel head).

    Raises:
        ValueError: there is no such part, or `source` does not hold it whole: another part, pickled weights, tensors that
            are missing, unknown, of another shape or not finite.
    """
    known = {**PART_CLASSES, **COMPANION_CLASSES}
    if name not in known:
        raise ValueError(f"a pipeline has no part {name!r}; it has {', '.join(PART_CLASSES)}.")
    try:
        folder = part_folder(source, name)
    except ValueError as error:
        raise ValueError(f"the part {name}: {error}") from error
    found = identify_part(folder)
    if name == "tokenizer" and (folder / TOKENIZER_FILE).is_file():
        found = name, PreTrainedTokenizerFast  # a language model's folder may hold its tokenizer too
    if found is None or found[0] != name:
        raise ValueError(f"{folder} does not hold the part {name}{_instead(folder, found)}.")
    part = open_part(found[1], folder, name)
    if name == "speech_tokenizer" and not training:
        part.drop_postnet()  # training's; dubbing never asks it
    return part


def _instead(folder: Path, found: tuple[str, Any] | None) -> str:
    """What a folder holds in place of what was looked for."""
    if found is not None:
        return f", but the part {found[0]}"
    if not (folder / CONFIG_FILE).is_file():
        return f": it has no {CONFIG_FILE}"
    config = read_json(folder / CONFIG_FILE)
    return f", but a model of the type {str(config.get('model_type') or config.get('_class_name'))[:80]!r}"


def open_part(part: Any, folder: Path, name: str) -> Any:
    """A model or tokenizer of a class, checked before and after it is loaded; raises as [`load_part`]."""
    refuse_pickled(folder)
    check_settings(folder)
    options = {}
    if issubclass(part, torch.nn.Module):
        check_stored(part, folder, name)
        options = {"dtype": torch.float32, "use_safetensors": True}
    try:
        model = part.from_pretrained(folder, **options)
    except Exception as error:  # of whatever kind the library's readers raise: one sentence for all
        raise ValueError(f"{folder} does not hold the part {name} ({in_a_line(error)}); get it anew.") from error
    if isinstance(model, torch.nn.Module):
        check_part(folder, name, model)
        model.eval()
    return model


def check_settings(folder: Path) -> None:
    """Refuses settings that are no bounded JSON, before a library reads them; large files are vocabularies, which have readers
    of their own."""
    for file in sorted(folder.glob("*.json")):
        if file.stat().st_size <= MAX_CONFIG_BYTES:
            read_json(file)


def check_stored(part: type[torch.nn.Module], folder: Path, name: str, variant: str | None = None) -> None:
    """Compares a model, built without memory from its config.json, with the names and shapes that its files have.

    Raises:
        ValueError: the config is wrong, or model and files do not belong together.
    """
    config = read_json(folder / CONFIG_FILE)
    stored = len(tensor_shapes(folder, variant))
    for place, count in _counts(config):
        if count > stored:
            raise ValueError(
                f"{folder / CONFIG_FILE}: {place} is {count}, but the files hold only {stored} tensors; weights and config.json "
                f"of {name!r} do not belong together."
            )
    try:
        with torch.device("meta"):
            if issubclass(part, PreTrainedModel):
                model = part(part.config_class.from_pretrained(folder))
            else:
                model = part.from_config(part.load_config(folder))
    except Exception as error:  # whatever wrong settings bring a constructor to
        raise ValueError(
            f"{folder / CONFIG_FILE} describes no {name} ({in_a_line(error)}); correct it, or get it anew."
        ) from error
    check_part(folder, name, model, variant)


def _counts(value: Any, place: str = "") -> Iterator[tuple[str, int]]:
    """Places and values of [`_COUNTS`]."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        where = f"{place}.{key}" if place else key
        if isinstance(inner, dict):
            yield from _counts(inner, where)
        elif isinstance(inner, int) and _COUNTS.fullmatch(key):
            yield where, inner


__all__ = [
    "COMPANION_CLASSES",
    "PART_CLASSES",
    "TOKENIZER_FILE",
    "bundled_checkpoint",
    "check_settings",
    "check_stored",
    "class_of",
    "identify_part",
    "load_part",
    "open_part",
]

"""Where a checkpoint comes from, and whether it is complete, safe to read and consistent."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ...checkpoints.complete import check_part, read_index, refuse_pickled, tensor_shapes
from ...checkpoints.sources import INDEX_FILE, check_variant
from ...models.parts import check_settings, check_stored, class_of
from ...processing.audio import HOP_LENGTH, MEL_SETTINGS, NUM_MELS, SAMPLING_RATE
from ...processing.text import PHONEMES


STYLE_SIZE = 256  # GE2E-compatible voice vectors


def choose_device(name: str) -> str:
    """The device of a name that torch knows; `auto` takes the graphics card of this process where there is one.

    Raises:
        ValueError: a device that cannot be used here.
    """
    if name == "auto":
        return f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=torch.device(name))
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"--device {name} cannot be used here ({str(error).splitlines()[0]}); try cpu.") from error
    return name


def check_folder(folder: Path, required: Iterable[str], optional: Iterable[str], given: Iterable[str] = ()) -> None:
    """Refuses a checkpoint folder with missing parts or pickled weights, before anything of it is loaded.

    Args:
        folder: the checkpoint.
        required, optional: names of the parts.
        given: parts that the caller passes as objects and that are not read from the folder.

    Raises:
        ValueError: naming what is missing or refused.
    """
    index, given = read_index(folder), set(given)
    refuse_pickled(folder)
    optional = set(optional)
    for name in (*required, *optional):
        entry = index.get(name)
        absent = not (isinstance(entry, list) and len(entry) == 2 and entry[0] is not None)
        if name in given or (absent and name in optional):
            continue
        if absent:
            raise ValueError(f"{folder / INDEX_FILE} names no part {name!r}; this checkpoint is incomplete.")
        if not (folder / name).is_dir() or not any((folder / name).iterdir()):
            raise ValueError(f"{folder} lacks the part {name!r} (there is no folder {name}/ or it is empty).")


def check_weight_files(folder: Path, parts: Iterable[str], variant: str | None = None) -> None:
    """Refuses, before anything is loaded or takes memory: damaged settings or weights, weights that do not belong to their
    settings, and a variant that the checkpoint does not have.

    Args:
        folder: the checkpoint.
        parts: names of those that are read from it.
        variant: that is asked for, `None` for the plain weights.

    Raises:
        ValueError: saying which file, part or variant.
    """
    index = read_index(folder)
    folders = {name: folder / name for name in parts if (folder / name).is_dir()}
    names = {name: [path.name for path in part.iterdir()] for name, part in folders.items()}
    check_variant(names, variant, folder)
    for name, part in folders.items():
        check_settings(part)
        entry = index.get(name)
        known = class_of(entry[1]) if isinstance(entry, list) and len(entry) == 2 else None
        if known is not None:
            check_stored(known, part, name, variant)
        else:
            tensor_shapes(part, variant)  # one of somebody else's is only looked at for damage


def check_weights(folder: Path, models: Mapping[str, torch.nn.Module], variant: str | None = None) -> None:
    """Refuses files that do not hold exactly the tensors of the models loaded from them.

    The libraries only warn about a tensor that is missing and leave it random, which would dub noise.

    Args:
        folder: the checkpoint.
        models: name of the part to the model; one on the meta device is compared by names and shapes alone.
        variant: that they were loaded from, see [`weight_files`].

    Raises:
        ValueError: naming the part and the tensors.
    """
    for name, model in models.items():
        check_part(folder / name, name, model, variant)


def _setting(part: Any, name: str) -> Any:
    """A setting of a part's config (an object of transformers or a dict of diffusers) or, where it has no config, of the part
    itself; `None` where it has none."""
    config = getattr(part, "config", part)
    return config.get(name) if isinstance(config, Mapping) else getattr(config, name, None)


def _common_settings(parts: Mapping[str, Any]) -> Iterator[tuple[str, Any, str, Any]]:
    """Pairs (whose, value, whose, value) that must be equal; a value is `None` where a part does not have the setting."""

    def pair(part: str, name: str, other: str, other_name: str) -> tuple[str, Any, str, Any]:
        return (
            f"{part}.{name}",
            _setting(parts.get(part), name),
            f"{other}.{other_name}",
            _setting(parts.get(other), other_name),
        )

    def house(part: str, name: str, value: Any) -> tuple[str, Any, str, Any]:
        return f"{part}.{name}", _setting(parts.get(part), name), f"the package's {name}", value

    for part in ("style_encoder", "speech_tokenizer"):
        yield house(part, "sampling_rate", SAMPLING_RATE)
    for name, value in MEL_SETTINGS.items():
        yield house("vocoder", name, value)
    rates = _setting(parts.get("vocoder"), "upsample_rates")  # SpeechT5HifiGan names the two so
    yield (
        "the product of vocoder.upsample_rates",
        None if rates is None else math.prod(rates),
        "the package's hop_length",
        HOP_LENGTH,
    )
    yield house("vocoder", "model_in_dim", NUM_MELS)
    yield house("vector_field", "num_mels", NUM_MELS)
    for part in ("vector_field", "speech_tokenizer"):
        yield house(part, "mel_settings", MEL_SETTINGS)
    yield house("aligner", "vocab_size", len(PHONEMES))
    yield house("style_encoder", "style_size", STYLE_SIZE)
    yield pair("aligner", "style_size", "style_encoder", "style_size")
    yield pair("aligner", "lip_crop_size", "lip_feature_extractor", "input_size")
    yield pair("aligner", "lip_image_mean", "lip_feature_extractor", "image_mean")
    yield pair("aligner", "lip_image_std", "lip_feature_extractor", "image_std")
    yield pair("vector_field", "style_size", "aligner", "style_size")
    yield pair("vector_field", "fused_size", "aligner", "hidden_size")
    yield pair("aligner", "semantic_hidden_size", "semantic_model", "hidden_size")
    yield pair("speech_tokenizer", "codebook_size", "semantic_model", "semantic_codebook_size")
    yield pair("speech_tokenizer", "num_global_tokens", "semantic_model", "num_global_tokens")
    levels = _setting(parts.get("speech_tokenizer"), "fsq_levels")
    codes = None if levels is None else math.prod(levels)
    known = _setting(parts.get("semantic_model"), "global_codebook_size")
    yield "the product of speech_tokenizer.fsq_levels", codes, "semantic_model.global_codebook_size", known


def disagreements(components: Mapping[str, Any]) -> list[str]:
    """In a sentence each, where settings of parts (name to object, `None` or absent where there is none) disagree with each other
    or with the package's mel and phonemes."""
    return [
        f"parts disagree: {name} is {found}, but {other} is {value}; they were not trained together."
        for name, found, other, value in _common_settings(components)
        if found is not None and value is not None and found != value
    ]


def check_components(components: Mapping[str, Any]) -> None:
    """Refuses parts whose settings disagree with each other or with the package's mel and phonemes.

    Args:
        components: name to object, `None` for absent optional parts.

    Raises:
        ValueError: naming both settings and their values, or the optional parts of which some are missing.
    """
    language = {name: components.get(name) for name in ("tokenizer", "speech_tokenizer", "semantic_model")}
    absent = [name for name, part in language.items() if part is None]
    if absent and len(absent) < len(language):
        raise ValueError(
            f"the language model works only as a whole, but {', '.join(absent)} is missing; give all or none."
        )
    for told in disagreements(components):
        raise ValueError(told)

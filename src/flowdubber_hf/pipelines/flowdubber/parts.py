# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Parts of a pipeline as folders of their own: trained, converted, put together."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerFast, SpeechT5HifiGan

from ...models.aligner import FlowDubberAlignerModel
from ...models.complete import check_part, refuse_pickled
from ...models.foreign import read_json
from ...models.lip_reader import FlowDubberLipReader
from ...models.semantic import FlowDubberSemanticForConditionalGeneration
from ...models.sources import CONFIG_FILE, part_folder
from ...models.speech_tokenizer import FlowDubberSpeechTokenizer
from ...models.style import FlowDubberStyleEncoder
from ...models.syncnet import FlowDubberSyncNet
from ...models.utmos import FlowDubberUtmos
from ...models.vector_field import FlowDubberVectorField
from ...models.vocoder import FlowDubberVocoder
from ...processing.lips import FlowDubberLipFeatureExtractor
from .pipeline_flowdubber import FlowDubberPipeline


LANGUAGE_MODEL_PARTS = ("speech_tokenizer", "semantic_model", "tokenizer")
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


def load_part(name: str, source: str | Path) -> Any:
    """
    A part from its folder, in float32 and evaluation mode.

    Args:
        name: of `PART_CLASSES` or `COMPANION_CLASSES`.
        source: folder or Hub id with config.json and safetensors, or those or the bundled name of a pipeline that has the
            part.

    Raises:
        ValueError: there is no such part, or `source` does not hold it whole: another part, pickled weights, tensors that
            are missing, unknown or of another shape.
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
        instead = "" if found is None else f", but the part {found[0]}"
        raise ValueError(f"{folder} does not hold the part {name}{instead}.")
    refuse_pickled(folder)
    options = {} if name == "tokenizer" else {"torch_dtype": torch.float32, "use_safetensors": True}
    try:
        part = found[1].from_pretrained(folder, **options)
    except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
        raise ValueError(f"{folder} does not hold the part {name}: {error}") from error
    if not isinstance(part, torch.nn.Module):
        return part
    check_part(folder, name, part)
    if name == "speech_tokenizer":
        part.drop_postnet()  # training's; dubbing never asks it
    return part.eval()


def build_pipeline(parts: Mapping[str, Any], base: str | Path | None = None) -> FlowDubberPipeline:
    """
    A pipeline of loaded parts, the others from `base`.

    Args:
        parts: by name, objects (`None` leaves an optional part out), or what [`load_part`] takes.
        base: bundled name, folder or Hub id of the pipeline that gives what `parts` does not; without one everything but the language
            model's three must be given.

    Raises:
        ValueError: a part is missing, or two do not fit each other.
    """
    loaded = {name: load_part(name, part) if isinstance(part, (str, Path)) else part for name, part in parts.items()}
    if base is not None:
        return FlowDubberPipeline.from_pretrained(base, **loaded)
    given = {name for name, part in loaded.items() if part is not None}
    missing = [name for name in PART_CLASSES if name not in given and name not in LANGUAGE_MODEL_PARTS]
    if missing:
        raise ValueError(f"the pipeline lacks {', '.join(missing)}; give each a folder, or a base pipeline.")
    return FlowDubberPipeline(
        lip_feature_extractor=FlowDubberLipFeatureExtractor(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True),
        **{**dict.fromkeys(LANGUAGE_MODEL_PARTS), **loaded},
    )


__all__ = ["COMPANION_CLASSES", "LANGUAGE_MODEL_PARTS", "PART_CLASSES", "build_pipeline", "identify_part", "load_part"]

"""Parts of a pipeline as folders of their own: trained, converted, put together."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffusers import FlowMatchEulerDiscreteScheduler

from ...models.parts import COMPANION_CLASSES, PART_CLASSES, identify_part, load_part
from ...processing.lips import FlowDubberLipFeatureExtractor
from .pipeline_flowdubber import FlowDubberPipeline


LANGUAGE_MODEL_PARTS = ("speech_tokenizer", "semantic_model", "tokenizer")


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

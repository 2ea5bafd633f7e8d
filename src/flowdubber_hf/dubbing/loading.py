"""Which model dubs: its files, what can be known of it without torch, and the pipeline itself."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..checkpoints.complete import read_index
from ..checkpoints.sources import CONFIG_FILE, local_checkpoint
from ..processing.text import ACCENTS
from ..work.reading import MAX_CONFIG_BYTES, read_json


if TYPE_CHECKING:
    from ..pipelines.flowdubber import FlowDubberPipeline


@dataclass(frozen=True)
class ModelFacts:
    """What a checkpoint's settings show, without torch.

    Attributes:
        accents: that its phonemes may follow: the model's own, or all where it is not known yet.
        has_language_model: `None` where it is not known yet.
    """

    accents: tuple[str, ...] = ACCENTS
    has_language_model: bool | None = None


def model_facts(folder: Path | None) -> ModelFacts:
    """What the settings in a checkpoint's folder say; `None` is one that still has to be fetched.

    Raises:
        ValueError: its settings cannot be read.
    """
    if folder is None:
        return ModelFacts()
    has_language_model = (read_index(folder).get("semantic_model") or [None])[0] is not None
    settings = folder / "aligner" / CONFIG_FILE
    accent = read_json(settings, MAX_CONFIG_BYTES).get("phoneme_accent", "us") if settings.is_file() else None
    return ModelFacts((accent,) if accent in ACCENTS else ACCENTS, has_language_model)


def model_folder(name: str) -> Path:
    """The files of a checkpoint, fetched from the Hub where the name is of neither a folder nor a bundled one; torch is imported
    only there.

    Raises:
        ValueError: there is no such checkpoint.
    """
    folder = local_checkpoint(name)
    if folder is None:
        from ..pipelines.flowdubber import FlowDubberPipeline

        folder = Path(FlowDubberPipeline.download(name))
    read_index(folder)
    return folder


def load_pipeline(model: str, device: str) -> "FlowDubberPipeline":
    """The model on its device, without the libraries' own bars and remarks.

    Args:
        model: bundled name, folder or Hub id.
        device: a name that torch knows, or `auto`.

    Raises:
        ValueError: no such model or device.
    """
    from ..libraries import quiet_libraries
    from ..pipelines.flowdubber import FlowDubberPipeline
    from ..pipelines.flowdubber.loading import choose_device

    quiet_libraries()
    device = choose_device(device)
    return FlowDubberPipeline.from_pretrained(model).to(device)

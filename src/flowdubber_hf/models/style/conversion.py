"""Resemblyzer's speaker encoder (`pretrained.pt`) as [`FlowDubberStyleEncoder`].

The weights (Resemble AI, Apache-2.0) come inside the `resemblyzer` package and stay under that licence: the GE2E encoder
trained by Corentin Jemine on LibriSpeech-other, VoxCeleb1 and VoxCeleb2.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from importlib.util import find_spec
from pathlib import Path

from ...checkpoints.foreign import load_strictly, locate, read_tensors
from .configuration_style import FlowDubberStyleEncoderConfig
from .modeling_style import FlowDubberStyleEncoder


KNOWN_FILES = ("pretrained.pt", "encoder.pt", "*.pt")
PACKAGE = "resemblyzer"
# Scale and offset of the training loss, which inference does not use.
UNUSED = ("similarity_weight", "similarity_bias")


def packaged_checkpoint() -> Path:
    """The weights inside the installed `resemblyzer` package, found without importing it; raises `ValueError` without it."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            f"{PACKAGE} is not installed; pip install --no-deps {PACKAGE}, or name the file {KNOWN_FILES[0]}."
        )
    return Path(next(iter(spec.submodule_search_locations))) / KNOWN_FILES[0]


def convert_style_encoder(source: str | Path, file: str | None = None) -> FlowDubberStyleEncoder:
    """
    Args:
        source: the checkpoint, a folder, a Hub id, or `"resemblyzer"` for the file inside the installed package.
        file: its name in there, see [`~models.foreign.locate`].

    Raises:
        ValueError: no such file, or it is not Resemblyzer's encoder; the message names what differs.
    """
    packaged = str(source) == PACKAGE and not Path(source).exists()
    path = packaged_checkpoint() if packaged else locate(source, KNOWN_FILES, file)
    tensors = {name: value for name, value in read_tensors(path, ("model_state",)).items() if name not in UNUSED}
    model = FlowDubberStyleEncoder(FlowDubberStyleEncoderConfig())
    load_strictly(model, tensors, f"{path} is not Resemblyzer's encoder")
    return model


__all__ = ["convert_style_encoder", "packaged_checkpoint"]

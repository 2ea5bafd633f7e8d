"""Low-rank adaptation (LoRA) of the vector field."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..models.vector_field import FlowDubberVectorField
from ..pipelines.flowdubber import FlowDubberPipeline
from .semantic_adapters import Adapter, import_peft


LORA_FOLDER = "lora"
ADAPTABLE = ("qkv", "out", "up", "down", "affine", "time")
#: Attention, feed-forward, and the affine maps through which the style vector of a voice acts.
DEFAULT_MODULES = ADAPTABLE[:5]


@dataclass
class VectorFieldAdapter(Adapter):
    """Low-rank matrices beside layers of a vector field, prior and U-Net; arguments and errors as of [`Adapter`]."""

    target_modules: Sequence[str] = DEFAULT_MODULES
    adaptable: ClassVar[tuple[str, ...]] = ADAPTABLE

    def attach(self, model: FlowDubberVectorField) -> None:
        """Puts the matrices into `model`, in place, and freezes the rest. They start as no change at all."""
        model.requires_grad_(False)
        model.add_adapter(self.config())
        self._wrapped = model

    def merged(self) -> FlowDubberVectorField:
        """A copy of the model with the matrices added to its weights, which is an ordinary model again."""
        plain = copy.deepcopy(self._wrapped)
        plain.fuse_lora()
        plain.unload_lora()
        return plain

    def save(self, folder: Path) -> None:
        """Writes the matrices alone, as `FlowDubberPipeline.load_lora_weights` reads them."""
        matrices = import_peft().get_peft_model_state_dict(self._wrapped, adapter_name="default")
        FlowDubberPipeline.save_lora_weights(folder, matrices, self.alpha)


__all__ = ["DEFAULT_MODULES", "LORA_FOLDER", "VectorFieldAdapter"]

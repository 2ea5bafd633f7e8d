"""Low-rank adaptation (LoRA) of the semantic language model through PEFT."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from ..extras import require_extra
from ..models.semantic import FlowDubberSemanticForConditionalGeneration


ADAPTER_FOLDER = "adapter"
TARGET_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass
class Adapter:
    """Low-rank matrices beside linear layers of a language model, the only weights that are then trained.

    Args:
        rank: of the matrices.
        alpha: the product of the matrices is multiplied by `alpha / rank`.
        dropout: of what they read.
        target_modules: names of the layers, any of `adaptable`.

    Raises:
        ValueError: a setting out of range, or a layer that cannot be adapted.
        ImportError: PEFT is not installed.
    """

    rank: int
    alpha: float = 16.0
    dropout: float = 0.0
    target_modules: Sequence[str] = TARGET_MODULES
    adaptable: ClassVar[tuple[str, ...]] = TARGET_MODULES
    _wrapped: Any = field(default=None, init=False, repr=False)

    def __post_init__(self):
        if self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise ValueError(
                "LoRA needs a rank of at least 1, an alpha above 0 and a dropout in [0, 1), got "
                f"{self.rank}, {self.alpha} and {self.dropout}."
            )
        unknown = sorted(set(self.target_modules) - set(self.adaptable))
        if unknown or not self.target_modules:
            raise ValueError(
                f"LoRA can adapt {', '.join(self.adaptable)}, not {', '.join(unknown) or 'nothing'}; of the other layers the "
                "plain weights are read."
            )
        import_peft()

    def attach(self, model: FlowDubberSemanticForConditionalGeneration) -> None:
        """Puts the matrices into `model`, in place, and freezes the rest. They start as no change at all."""
        self._wrapped = import_peft().get_peft_model(model, self.config())

    def config(self) -> Any:
        """PEFT's `LoraConfig` of these settings."""
        return import_peft().LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=list(self.target_modules),
            bias="none",
        )

    def merged(self) -> FlowDubberSemanticForConditionalGeneration:
        """A copy of the model with the matrices added to its weights, which is an ordinary model again."""
        return copy.deepcopy(self._wrapped).merge_and_unload()

    def save(self, folder: Path) -> None:
        """Writes the matrices alone, `adapter_config.json` and `adapter_model.safetensors`."""
        for config in self._wrapped.peft_config.values():
            config.base_model_name_or_path = None  # a path of the machine that trained
        self._wrapped.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)  # an empty form; the model's card tells of the adapter


def import_peft() -> Any:
    """PEFT, or an `ImportError` that says how to install it."""
    return require_extra("train", "peft", what="LoRA")

"""Low-rank adapters (LoRA) of the vector field, loaded into a pipeline and written from one, as those of diffusers' pipelines."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY, LORA_WEIGHT_NAME_SAFE, LoraBaseMixin
from safetensors.torch import save_file

from ...checkpoints.complete import open_tensors
from ...checkpoints.fetching import fetch
from ...checkpoints.sources import local_checkpoint
from ...extras import require_extra
from ...work.files import replacing
from ...work.reading import in_a_line, parse_json
from ...work.wording import listed


VECTOR_FIELD = "vector_field"
_PREFIX = f"{VECTOR_FIELD}."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"

State = dict[str, torch.Tensor]


class VectorFieldLoraMixin(LoraBaseMixin):
    """`load_lora_weights` and `save_lora_weights` of [`FlowDubberPipeline`]; `set_adapters`, `fuse_lora`, `unload_lora_weights`
    and the like are those of diffusers."""

    _lora_loadable_modules = [VECTOR_FIELD]  # noqa: RUF012 - diffusers reads a plain list

    def load_lora_weights(
        self,
        pretrained_model_name_or_path_or_dict: str | Path | Mapping[str, torch.Tensor],
        adapter_name: str | None = None,
        weight_name: str = LORA_WEIGHT_NAME_SAFE,
        **kwargs: Any,
    ) -> None:
        """Puts the matrices of an adapter beside the weights of the vector field, in place.

        Args:
            pretrained_model_name_or_path_or_dict: the file, its folder, a Hub id, or its tensors by name.
            adapter_name (*optional*): for `set_adapters`; `default_0`, `default_1`, ... by default.
            weight_name (*optional*): of the file in its folder, `pytorch_lora_weights.safetensors` by default.
            kwargs: `subfolder`, and of a Hub id `revision`, `cache_dir`, `token`, `local_files_only`, `force_download`.

        Raises:
            ValueError: PEFT is not installed; no such file, a damaged one, or one of another model.
        """
        _peft()
        source = pretrained_model_name_or_path_or_dict
        if isinstance(source, Mapping):
            name, state, alpha = "the adapter", dict(source), None
        else:
            name = _adapter_file(source, weight_name, **kwargs)
            state, alpha = _read(name)
        state = _of_the_vector_field(state, name, self.vector_field)
        rank = _rank(state, name)
        config = {"r": rank, "lora_alpha": rank if alpha is None else alpha, "target_modules": sorted(_modules(state))}
        try:
            self.vector_field.load_lora_adapter(
                state, prefix=None, adapter_name=adapter_name, metadata=config, _pipeline=self
            )
        except Exception as error:  # of whatever kind the libraries raise: one sentence for all
            raise ValueError(f"{name} cannot be loaded into the vector field ({in_a_line(error)}).") from error

    @classmethod
    def save_lora_weights(
        cls,
        save_directory: str | Path,
        vector_field_lora_layers: Mapping[str, torch.Tensor],
        lora_alpha: float,
        weight_name: str = LORA_WEIGHT_NAME_SAFE,
    ) -> Path:
        """Writes an adapter as [`~VectorFieldLoraMixin.load_lora_weights`] reads it.

        Args:
            save_directory: created if missing; a file of that name in it is replaced.
            vector_field_lora_layers: its matrices, of `peft.get_peft_model_state_dict(pipe.vector_field)`.
            lora_alpha: their product counts this divided by the rank.

        Returns:
            The file.
        """
        file = Path(save_directory) / weight_name
        state = {_PREFIX + key: value.detach().cpu().contiguous() for key, value in vector_field_lora_layers.items()}
        settings = {
            _PREFIX + "r": _rank(vector_field_lora_layers, file),
            _PREFIX + "lora_alpha": lora_alpha,
            _PREFIX + "target_modules": sorted(_modules(vector_field_lora_layers)),
        }
        with replacing(file) as temporary:
            save_file(state, temporary, {"format": "pt", LORA_ADAPTER_METADATA_KEY: json.dumps(settings)})
        return file

    def fuse_lora(self, components: list[str] | None = None, **kwargs: Any) -> None:
        """As of diffusers: adds the matrices to the weights, for speed; `lora_scale`, `safe_fusing`, `adapter_names`."""
        super().fuse_lora(components=components or self._lora_loadable_modules, **kwargs)

    def unfuse_lora(self, components: list[str] | None = None, **kwargs: Any) -> None:
        """As of diffusers: takes them out of the weights again."""
        super().unfuse_lora(components=components or self._lora_loadable_modules, **kwargs)


def _peft() -> None:
    try:
        require_extra("train", "peft", what="LoRA")
    except ImportError as error:
        raise ValueError(str(error)) from error


def _adapter_file(source: str | Path, weight_name: str, subfolder: str | None = None, **options: Any) -> Path:
    """The safetensors file of an adapter."""
    inside = f"{subfolder}/{weight_name}" if subfolder else weight_name
    if not inside.endswith(".safetensors"):
        raise ValueError(f"an adapter is read from a .safetensors file, got {inside}.")
    if Path(source).is_file():
        return Path(source)
    folder = local_checkpoint(source)
    file = (fetch(str(source), [inside], **options) if folder is None else folder) / inside
    if not file.is_file():
        raise ValueError(f"{source} holds no {inside}; name the file with weight_name= and subfolder=.")
    return file


def _read(file: Path) -> tuple[State, float | None]:
    """Tensors of an adapter's file, and the alpha that its header tells."""
    with open_tensors(file) as tensors:
        told = (tensors.metadata() or {}).get(LORA_ADAPTER_METADATA_KEY)
        state = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    settings = {} if told is None else parse_json(told, f"the header of {file}")
    alpha = settings.get(f"{_PREFIX}lora_alpha") if isinstance(settings, dict) else math.nan
    if alpha is not None and not (isinstance(alpha, (int, float)) and math.isfinite(alpha)):
        raise ValueError(f"the header of {file} tells no usable lora_alpha; get the file anew.")
    return state, alpha


def _of_the_vector_field(state: State, name: Any, model: torch.nn.Module) -> State:
    """The tensors by their names in the vector field; each a finite half of a pair beside a weight that fits it."""
    strange = [key for key in state if not key.startswith(_PREFIX) or not key.endswith((_DOWN, _UP))]
    if strange or not state:
        raise ValueError(
            f"{name} is no adapter of a vector field: its tensors are {listed(strange) or 'none'}, not "
            f"{_PREFIX}...{_DOWN} and ...{_UP}."
        )
    state = {key.removeprefix(_PREFIX): value for key, value in state.items()}
    # An adapter that is loaded already stands between a layer's name and its weight.
    weights = {key.replace(".base_layer.", "."): value for key, value in model.state_dict().items()}
    for module in sorted(_modules(state)):
        down, up = state.get(module + _DOWN), state.get(module + _UP)
        weight = weights.get(f"{module}.weight")
        fits = (
            down is not None
            and up is not None
            and weight is not None
            and (up.shape[0], *down.shape[1:]) == tuple(weight.shape)
            and up.shape[1] == down.shape[0]
        )
        if not fits:
            raise ValueError(f"{name} does not fit this vector field at {module}; it was trained beside another one.")
        if not (down.isfinite().all() and up.isfinite().all()):
            raise ValueError(f"{name} holds values that are not finite at {module}; get it anew.")
    return state


def _modules(state: Mapping[str, torch.Tensor]) -> set[str]:
    return {key.removesuffix(_DOWN).removesuffix(_UP) for key in state}


def _rank(state: Mapping[str, torch.Tensor], name: Any) -> int:
    ranks = {value.shape[0] for key, value in state.items() if key.endswith(_DOWN)}
    if len(ranks) != 1:
        raise ValueError(f"all matrices of {name} must have one rank, found {sorted(ranks) or 'none'}.")
    return ranks.pop()


__all__ = ["VectorFieldLoraMixin"]

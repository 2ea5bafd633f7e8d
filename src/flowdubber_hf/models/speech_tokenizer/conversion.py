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
"""BiCodec's parameter names to this package's: the same, with weight normalisation folded into plain weights."""

import torch


# (magnitude, direction) endings of the two ways in which PyTorch stores weight normalisation.
WEIGHT_NORM_ENDINGS = (
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    (".weight_g", ".weight_v"),
)
# Constants that this package computes itself.
COMPUTED_PREFIXES = ("mel_transformer.", "speaker_encoder.quantizer.layers.", "speaker_encoder.quantizer.scales")


def fold_weight_norm(magnitude: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """g v / |v|, the norm over all dimensions but the first."""
    dimensions = tuple(range(1, direction.ndim))
    return direction * (magnitude / direction.norm(dim=dimensions, keepdim=True))


def convert_bicodec_state_dict(state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Renames the tensors of BiCodec's `model.safetensors` for [`FlowDubberSpeechTokenizer`] with its default config.

    Args:
        state_dict: as loaded from the file.

    Returns:
        The tensors of everything but `wav2vec2.` (a checkpoint of its own).

    Raises:
        ValueError: a weight-normalised tensor without its other half.
    """
    converted = {}
    for name, tensor in state_dict.items():
        if name.startswith(COMPUTED_PREFIXES):
            continue
        ending = next((pair for pair in WEIGHT_NORM_ENDINGS if name.endswith(pair)), None)
        if ending is None:
            converted[name] = tensor
        elif name.endswith(ending[1]):
            stem = name.removesuffix(ending[1])
            if stem + ending[0] not in state_dict:
                raise ValueError(f"the checkpoint has {name} but not {stem + ending[0]}.")
            converted[stem + ".weight"] = fold_weight_norm(state_dict[stem + ending[0]], tensor)
    return converted


__all__ = ["convert_bicodec_state_dict", "fold_weight_norm"]

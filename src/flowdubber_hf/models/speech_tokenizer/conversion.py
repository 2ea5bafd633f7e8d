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

from collections.abc import Mapping

import torch

from ..foreign import fold_weight_norm


# Constants that this package computes itself.
COMPUTED_PREFIXES = ("mel_transformer.", "speaker_encoder.quantizer.layers.", "speaker_encoder.quantizer.scales")


def convert_bicodec_state_dict(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Renames the tensors of BiCodec's `model.safetensors` for [`FlowDubberSpeechTokenizer`] with its default config.

    Args:
        state_dict: as loaded from the file.

    Returns:
        The tensors of everything but `wav2vec2.` (a checkpoint of its own).

    Raises:
        ValueError: a weight-normalised tensor without its other half.
    """
    return fold_weight_norm(
        {name: tensor for name, tensor in state_dict.items() if not name.startswith(COMPUTED_PREFIXES)}
    )


__all__ = ["convert_bicodec_state_dict"]

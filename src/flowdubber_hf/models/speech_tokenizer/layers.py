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
"""What all layers of the speech tokenizer share: how they start, and masks over time.

Parameter names are BiCodec's with weight normalisation folded (see `conversion.py`). Convolutions over time take a mask
`(batch, 1, length)` and see zeros where it is False, exactly as at the end of an unpadded sequence.
"""

import torch
from torch import nn


def initialised(layer: nn.Module, std: float | None = None, bias: float = 0.0) -> nn.Module:
    """Notes how a layer's weight (by default with 1 / sqrt(fan in)) and bias start; the model's `_init_weights` reads it.

    The small weights that suit a residual stream (0.02) would vanish in projections and in the narrow layers of a wave
    generator. The note is on the layer itself since loading initialises only modules that own parameters.
    """
    layer.initializer_std = std if std is not None else layer.weight[0].numel() ** -0.5
    layer.initializer_bias = bias
    return layer


def masked(hidden_states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Zeroes `(batch, channels, length)` where the `(batch, 1, length)` mask is False."""
    return hidden_states if mask is None else hidden_states * mask

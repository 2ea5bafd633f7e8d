"""What all layers of the speech tokenizer share: how they start, and masks over time.

Parameter names are BiCodec's with weight normalisation folded (see `conversion.py`). Convolutions over time take a mask
`(batch, 1, length)` and see zeros where it is False, exactly as at the end of an unpadded sequence.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

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

"""The visual front end of lip-reading networks (Martinez et al., "Lipreading using Temporal Convolutional Networks", arXiv
2001.08702): a 3-D convolution over five frames, then ResNet-18 on every frame."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.utils import ModelOutput

from flowdubber_hf.checkpoints.sources import BundledNames

from .configuration_lip_reader import FlowDubberLipReaderConfig


@dataclass
class FlowDubberLipReaderOutput(ModelOutput):
    """
    Args:
        lip_features (`torch.Tensor` of shape `(B, F, feature_size)`): one a video frame; padded frames say nothing.
    """

    lip_features: torch.Tensor | None = None


def make_activation(name: str, channels: int) -> nn.Module:
    """`prelu` (a slope a channel), `relu` or `silu`."""
    return nn.PReLU(channels) if name == "prelu" else {"relu": nn.ReLU, "silu": nn.SiLU}[name]()


class FlowDubberLipBlock(GradientCheckpointingLayer):
    """ResNet basic block on `(N, C, H, W)`."""

    def __init__(self, in_size: int, out_size: int, stride: int, activation: str):
        super().__init__()
        self.conv1 = nn.Conv2d(in_size, out_size, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_size)
        self.relu1 = make_activation(activation, out_size)
        self.conv2 = nn.Conv2d(out_size, out_size, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_size)
        self.relu2 = make_activation(activation, out_size)
        self.downsample = None
        if stride != 1 or in_size != out_size:
            self.downsample = nn.ModuleList(
                [nn.Conv2d(in_size, out_size, 1, stride=stride, bias=False), nn.BatchNorm2d(out_size)]
            )

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        residual = hidden_states
        for layer in self.downsample or ():
            residual = layer(residual)
        hidden_states = self.relu1(self.bn1(self.conv1(hidden_states)))
        return self.relu2(self.bn2(self.conv2(hidden_states)) + residual)


class FlowDubberLipTrunk(nn.Module):
    """3-D convolution stem and residual trunk on every frame: `(B, F, 88, 88)` to `(B, F, stage_sizes[-1])`."""

    def __init__(
        self, stem_size: int, stem_stride: int, stage_sizes: Sequence[int], blocks_per_stage: int, activation: str
    ):
        super().__init__()
        stride = stem_stride
        self.stem = nn.Conv3d(1, stem_size, (5, 7, 7), stride=(1, stride, stride), padding=(2, 3, 3), bias=False)
        self.stem_pool = nn.MaxPool2d(3, stride=2, padding=1) if stride == 2 else nn.Identity()
        self.stem_norm = nn.BatchNorm3d(stem_size)
        self.stem_act = make_activation(activation, stem_size)
        self.trunk = nn.ModuleList()
        size = stem_size
        for stage, out_size in enumerate(stage_sizes):
            for block in range(blocks_per_stage):
                stride = 2 if stage > 0 and block == 0 else 1
                self.trunk.append(FlowDubberLipBlock(size, out_size, stride, activation))
                size = out_size

    def forward(self, lip_values: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """`mask` `(B, F)` is True on real frames; the stem sees zeros in place of the others."""
        batch, frames = lip_values.shape[:2]
        if mask is not None:
            lip_values = lip_values * mask[..., None, None].to(lip_values.dtype)
        states = self.stem_act(self.stem_norm(self.stem(lip_values[:, None])))
        states = self.stem_pool(states.transpose(1, 2).flatten(0, 1))
        for block in self.trunk:
            states = block(states)
        return states.mean(dim=(2, 3)).view(batch, frames, -1)


class FlowDubberLipReader(BundledNames, PreTrainedModel):
    """Mouth crops to lip features, one a video frame.

    It is no part of a pipeline by itself: an aligner takes its weights over
    ([`~flowdubber_hf.FlowDubberAlignerModel.take_lip_reader`]) and is trained on what it sees.

    Example:

    ```python
    reader = FlowDubberLipReader.from_pretrained(folder)
    features = reader(lip_values).lip_features  # (1, F, 88, 88) of FlowDubberLipFeatureExtractor -> (1, F, 512)
    ```
    """

    config: FlowDubberLipReaderConfig
    base_model_prefix = "lip_reader"
    main_input_name = "lip_values"
    input_modalities = ("video",)
    supports_gradient_checkpointing = True
    _no_split_modules = ["FlowDubberLipBlock"]

    def __init__(self, config: FlowDubberLipReaderConfig):
        super().__init__(config)
        self.trunk = FlowDubberLipTrunk(
            config.stem_size, config.stem_stride, config.stage_sizes, config.blocks_per_stage, config.activation
        )
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.PReLU):
            init.constant_(module.weight, 0.25)

    def forward(
        self, lip_values: torch.Tensor, lip_mask: torch.Tensor | None = None, **kwargs
    ) -> FlowDubberLipReaderOutput:
        """
        Args:
            lip_values (`torch.Tensor` of shape `(B, F, 88, 88)`): normalised grey mouth crops at 25 fps.
            lip_mask (`torch.Tensor` of shape `(B, F)`, *optional*): True on real frames.

        Returns:
            [`FlowDubberLipReaderOutput`]

        Raises:
            ValueError: crops of another shape.
        """
        size = self.config.crop_size
        if lip_values.ndim != 4 or tuple(lip_values.shape[2:]) != (size, size):
            raise ValueError(f"mouth crops must have the shape (B, F, {size}, {size}), got {tuple(lip_values.shape)}.")
        mask = None if lip_mask is None else lip_mask.bool()
        return FlowDubberLipReaderOutput(lip_features=self.trunk(lip_values, mask))


__all__ = ["FlowDubberLipReader", "FlowDubberLipReaderOutput"]

"""Configuration of the lip reader."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


ACTIVATIONS = ("prelu", "relu", "silu")


@strict
class FlowDubberLipReaderConfig(PreTrainedConfig):
    r"""
    Settings of [`FlowDubberLipReader`]. The defaults are those of the ResNet-18 trained on LRW that dubbing models of the
    same family use.

    Args:
        crop_size (`int`, defaults to 88): side of the grey mouth crops in pixels.
        image_mean (`float`, defaults to 0.421), image_std (`float`, defaults to 0.165): the crops enter as
            `(pixel / 255 - mean) / std`.
        stem_size (`int`, defaults to 64): channels of the 3-D convolution stem (5 x 7 x 7).
        stem_stride (`int`, defaults to 2): its stride over the picture; 2 is followed by a max-pool of 2, 4 does both at once.
        stage_sizes (`list[int]`, defaults to `[64, 128, 256, 512]`): channels of the residual stages; the last is the width of the
            features.
        blocks_per_stage (`int`, defaults to 2): residual blocks in a stage (2 is ResNet-18).
        activation (`str`, defaults to `"prelu"`): `prelu`, `relu` or `silu` (which lip-reading code calls swish).

    Raises:
        ValueError: settings that contradict each other.
    """

    model_type = "flowdubber_lip_reader"

    crop_size: int = 88
    image_mean: float | int = 0.421
    image_std: float | int = 0.165
    stem_size: int = 64
    stem_stride: int = 2
    stage_sizes: list[int] | tuple[int, ...] = (64, 128, 256, 512)
    blocks_per_stage: int = 2
    activation: str = "prelu"

    def __post_init__(self, **kwargs):
        self.stage_sizes = list(self.stage_sizes)
        super().__post_init__(**kwargs)

    @property
    def feature_size(self) -> int:
        """Width of the features."""
        return self.stage_sizes[-1]

    def validate_sizes(self) -> None:
        """Raises `ValueError` for sizes that make no network."""
        if not self.stage_sizes or min(self.stage_sizes, default=0) < 1:
            raise ValueError(f"`stage_sizes` needs at least one stage, all positive, got {self.stage_sizes}.")
        if min(self.crop_size, self.stem_size, self.blocks_per_stage) < 1 or not self.image_std > 0:
            raise ValueError("`crop_size`, `stem_size`, `blocks_per_stage` and `image_std` must be positive.")
        if self.stem_stride not in (2, 4):
            raise ValueError(f"`stem_stride` must be 2 or 4, got {self.stem_stride}.")
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"`activation` must be one of {', '.join(ACTIVATIONS)}, got {self.activation!r}.")


__all__ = ["FlowDubberLipReaderConfig"]

"""Configuration of the UTMOS strong learner."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import ClassVar

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig, Wav2Vec2Config
from transformers.configuration_utils import SubConfigSpec


# The network is only ever evaluated: nothing is masked, no layer is skipped, and the mask vector does not exist.
EVALUATION_SETTINGS = {
    "apply_spec_augment": False,
    "mask_time_prob": 0.0,
    "mask_feature_prob": 0.0,
    "layerdrop": 0.0,
}


@strict
class FlowDubberUtmosConfig(PreTrainedConfig):
    r"""
    Settings of [`FlowDubberUtmos`]. The defaults are those of the public `utmos22_strong` weights.

    Args:
        wav2vec2_config ([`Wav2Vec2Config`] or `dict`, *optional*): the network that listens; wav2vec2-base by default.
            Settings that only matter in training are switched off where a `dict` or nothing is given.
        domain_size (`int`, *optional*, defaults to 128): width of the vector that stands for the listening test.
        judge_size (`int`, *optional*, defaults to 128): width of the vector that stands for the listener.
        lstm_size (`int`, *optional*, defaults to 512): width of the LSTM in each direction.
        projection_size (`int`, *optional*, defaults to 2048): width between the two last linear layers.
        sampling_rate (`int`, *optional*, defaults to 16000): Hz of the input.
        initializer_range (`float`, *optional*, defaults to 0.02): standard deviation of fresh weights.

    Raises:
        ValueError: sizes that are not positive.
    """

    model_type = "flowdubber_utmos"
    sub_configs_defaults: ClassVar[dict] = {"wav2vec2_config": SubConfigSpec(Wav2Vec2Config)}

    wav2vec2_config: dict | PreTrainedConfig | None = None
    domain_size: int = 128
    judge_size: int = 128
    lstm_size: int = 512
    projection_size: int = 2048
    sampling_rate: int = 16000
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs):
        if not isinstance(self.wav2vec2_config, PreTrainedConfig):
            self.wav2vec2_config = {**EVALUATION_SETTINGS, **(self.wav2vec2_config or {})}
        super().__post_init__(**kwargs)

    @property
    def min_samples(self) -> int:
        """Samples of the shortest sound with one frame: 400 (25 ms) for wav2vec2-base."""
        samples = 1
        layers = zip(self.wav2vec2_config.conv_kernel, self.wav2vec2_config.conv_stride, strict=True)
        for kernel, stride in reversed(list(layers)):
            samples = (samples - 1) * stride + kernel
        return samples

    def validate_sizes(self) -> None:
        """Every width must be positive."""
        sizes = (self.domain_size, self.judge_size, self.lstm_size, self.projection_size, self.sampling_rate)
        if min(sizes) < 1:
            raise ValueError(f"sizes must be positive, got {sizes}.")


__all__ = ["FlowDubberUtmosConfig"]

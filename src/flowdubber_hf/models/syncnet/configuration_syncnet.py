"""Configuration of the lip-sync judge."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig


MEL_FRAMES_PER_FRAME = 4
AUDIO_FEATURES = ("log_mel", "mfcc")
# What a layer is where its settings leave something out.
LAYER_DEFAULTS: dict[str, Any] = {"stride": [1, 1], "padding": [0, 0], "pool": [1, 1], "pool_padding": [0, 0]}

_LIP_LAYERS = (
    {"channels": 16, "kernel": [3, 5], "stride": [1, 2]},
    {"channels": 32, "kernel": [1, 3], "stride": [1, 2]},
    {"channels": 40, "kernel": [1, 3]},
    {"channels": 56, "kernel": [1, 4]},
    {"channels": 64, "kernel": [3, 1]},
    {"channels": 64, "kernel": [3, 1]},
    {"channels": 64, "kernel": [5, 1]},
)
_AUDIO_LAYERS = (
    {"channels": 16, "kernel": [5, 4], "stride": [2, 2]},
    {"channels": 24, "kernel": [3, 3], "stride": [2, 2]},
    {"channels": 32, "kernel": [3, 3], "stride": [2, 1]},
    {"channels": 48, "kernel": [8, 1]},
    {"channels": 48, "kernel": [1, 4]},
    {"channels": 48, "kernel": [1, 5]},
)


def complete_layer(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer's settings with the defaults filled in; the pool's stride is its size unless it is given."""
    layer = {**LAYER_DEFAULTS, **layer}
    return {"pool_stride": layer["pool"], **layer}


def _after(size: int, kernel: int, stride: int, padding: int) -> int:
    """Positions behind a convolution or a pool; 0 where it does not fit."""
    return max(0, (size + 2 * padding - kernel) // stride + 1)


def output_sizes(layers: list[dict[str, Any]], sizes: list[int]) -> list[int]:
    """What a stack of layers leaves of an input of the given sizes, one for each entry of a kernel."""
    for layer in map(complete_layer, layers):
        for kernel, stride, padding in (("kernel", "stride", "padding"), ("pool", "pool_stride", "pool_padding")):
            sizes = [_after(*size) for size in zip(sizes, layer[kernel], layer[stride], layer[padding], strict=True)]
    return sizes


@strict
class FlowDubberSyncNetConfig(PreTrainedConfig):
    r"""
    Settings of [`FlowDubberSyncNet`]. The defaults are the bundled model's; [`syncnet_v2_config`] gives the public one's.

    A stack of layers is a list of dicts, each a convolution, a batch norm, a ReLU and a max-pool, with `channels`, `kernel`
    and, where they differ from `[1, 1]`, `[0, 0]`, `[1, 1]`, the pool's own size and `[0, 0]`: `stride`, `padding`, `pool`,
    `pool_stride`, `pool_padding`. Pairs are (time, side of the picture) for lips and (feature, time) for sound.

    Args:
        window_frames (`int`, *optional*, defaults to 11): video frames that an embedding sees, 25 a second.
        embedding_size (`int`, *optional*, defaults to 48): width of the common space.
        hidden_size (`int`, *optional*, defaults to 64): width of the layer before it.
        normalize_embeddings (`bool`, *optional*, defaults to `True`): embeddings have length 1, so distances lie in 0..2.
        crop_size (`int`, *optional*, defaults to 96): side of the pictures that the model is given, in pixels.
        crop_channels (`int`, *optional*, defaults to 1): 1 for grey, 3 for red, green, blue.
        crop_reduction (`int`, *optional*, defaults to 3): pictures are made smaller by this, by means over squares.
        normalize_clips (`bool`, *optional*, defaults to `True`): from each pixel, and from each bin of the sound, its mean
            over the clip is taken, and what is left gets deviation 1: what stays of a face or a voice is its movement.
        lip_layers (`list[dict]`, *optional*): stack over the pictures; leaves one position a window.
        audio_features (`str`, *optional*, defaults to `"log_mel"`): the package's log-mel, or `"mfcc"`, 13 coefficients as
            `python_speech_features` computes them; both 100 a second.
        audio_size (`int`, *optional*, defaults to 80): number of features.
        audio_range (`float`, *optional*, defaults to 7.0): log-mels this much below the clip's loudest are raised to there,
            so that a silent recording and digital silence look alike; not for `mfcc`.
        audio_layers (`list[dict]`, *optional*): stack over the sound; leaves one position a window.
        pad_offsets (`bool`, *optional*, defaults to `False`): how distances at an offset treat the ends of a clip: `True` as
            the public program, embeddings of zeros where there is no sound; `False` leaves those pairs out.
        initializer_range (`float`, *optional*, defaults to 0.02): standard deviation of fresh weights.

    Raises:
        ValueError: settings that contradict each other.
    """

    model_type = "flowdubber_syncnet"

    window_frames: int = 11
    embedding_size: int = 48
    hidden_size: int = 64
    normalize_embeddings: bool = True
    crop_size: int = 96
    crop_channels: int = 1
    crop_reduction: int = 3
    normalize_clips: bool = True
    lip_layers: list[dict] | tuple[dict, ...] = _LIP_LAYERS
    audio_features: str = "log_mel"
    audio_size: int = 80
    audio_range: float | int = 7.0
    audio_layers: list[dict] | tuple[dict, ...] = _AUDIO_LAYERS
    pad_offsets: bool = False
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs):
        self.lip_layers = [dict(layer) for layer in self.lip_layers]
        self.audio_layers = [dict(layer) for layer in self.audio_layers]
        super().__post_init__(**kwargs)

    @property
    def input_size(self) -> int:
        """Side of the pictures that the network sees."""
        return self.crop_size // self.crop_reduction

    @property
    def window_features(self) -> int:
        """Frames of the sound that an embedding sees, 100 a second."""
        return MEL_FRAMES_PER_FRAME * self.window_frames

    @property
    def audio_pads_time(self) -> bool:
        """Whether the sound's layers pad time, so that windows must be cut before and not behind them."""
        return any(complete_layer(layer)["padding"][1] or complete_layer(layer)["pool_padding"][1]
                   for layer in self.audio_layers)  # fmt: skip

    def validate_layers(self) -> None:
        """A window must come out as one position, and the next window as the next."""
        if self.audio_features not in AUDIO_FEATURES:
            raise ValueError(
                f"audio_features must be one of {', '.join(AUDIO_FEATURES)}, got {self.audio_features!r}."
            )
        if self.crop_channels not in (1, 3):
            raise ValueError(f"crop_channels must be 1 (grey) or 3 (colour), got {self.crop_channels}.")
        sizes = (self.window_frames, self.embedding_size, self.hidden_size, self.crop_reduction, self.audio_size)
        if min(sizes) < 1 or self.crop_size % self.crop_reduction or self.audio_range <= 0:
            raise ValueError(
                "sizes and audio_range must be positive and crop_reduction must divide crop_size, got "
                f"{sizes}, {self.audio_range} and {self.crop_size}."
            )
        if not self.lip_layers or not self.audio_layers:
            raise ValueError("lip_layers and audio_layers need at least one layer each.")
        lips = output_sizes(self.lip_layers, [self.window_frames, self.input_size])
        sound = output_sizes(self.audio_layers, [self.audio_size, self.window_features])
        if lips != [1, 1] or sound != [1, 1]:
            raise ValueError(
                f"a window of {self.window_frames} frames must come out as one position; lip_layers leave {lips} "
                f"(time, side) and audio_layers {sound} (feature, time)."
            )
        next_lips = output_sizes(self.lip_layers, [self.window_frames + 1, self.input_size])
        next_sound = output_sizes(self.audio_layers, [self.audio_size, self.window_features + MEL_FRAMES_PER_FRAME])
        if next_lips[0] != 2 or (next_sound[1] != 2 and not self.audio_pads_time):
            raise ValueError(
                f"layers must move one position a video frame ({MEL_FRAMES_PER_FRAME} frames of sound); one frame more "
                f"leaves {next_lips[0]} and {next_sound[1]}."
            )
        if any(complete_layer(layer)[name][0] for layer in self.lip_layers for name in ("padding", "pool_padding")):
            raise ValueError("lip_layers must not pad time: a window would look beyond itself.")


def syncnet_v2_config(**overrides: Any) -> FlowDubberSyncNetConfig:
    """Sizes of the public SyncNet (`syncnet_v2`, joonson/syncnet_python): 224 x 224 colour faces, five frames at a time, and
    20 frames of 13 MFCCs.

    Args:
        overrides: fields of [`FlowDubberSyncNetConfig`].
    """
    widths = {"kernel": [1, 3], "padding": [0, 1]}
    settings = {
        "window_frames": 5,
        "embedding_size": 1024,
        "hidden_size": 512,
        "normalize_embeddings": False,
        "crop_size": 224,
        "crop_channels": 3,
        "crop_reduction": 1,
        "normalize_clips": False,
        "lip_layers": [
            {"channels": 96, "kernel": [5, 7], "stride": [1, 2], "pool": [1, 3], "pool_stride": [1, 2]},
            {"channels": 256, "kernel": [1, 5], "stride": [1, 2], "padding": [0, 1], "pool": [1, 3],
             "pool_stride": [1, 2], "pool_padding": [0, 1]},
            {"channels": 256, **widths},
            {"channels": 256, **widths},
            {"channels": 256, **widths, "pool": [1, 3], "pool_stride": [1, 2]},
            {"channels": 512, "kernel": [1, 6]},
        ],
        "audio_features": "mfcc",
        "audio_size": 13,
        "audio_layers": [
            {"channels": 64, "kernel": [3, 3], "padding": [1, 1]},
            {"channels": 192, "kernel": [3, 3], "padding": [1, 1], "pool": [3, 3], "pool_stride": [1, 2]},
            {"channels": 384, "kernel": [3, 3], "padding": [1, 1]},
            {"channels": 256, "kernel": [3, 3], "padding": [1, 1]},
            {"channels": 256, "kernel": [3, 3], "padding": [1, 1], "pool": [3, 3], "pool_stride": [2, 2]},
            {"channels": 512, "kernel": [5, 4]},
        ],
        "pad_offsets": True,
    }  # fmt: skip
    return FlowDubberSyncNetConfig(**{**settings, **overrides})


__all__ = ["FlowDubberSyncNetConfig", "syncnet_v2_config"]

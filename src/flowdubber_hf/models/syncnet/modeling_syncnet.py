"""A judge of lip-sync: embeddings of mouths and of sound that are near each other where the two were recorded together.

The two-stream network of SyncNet (Chung and Zisserman, 2016, "Out of time"), in the sizes of a configuration: those of the
public `syncnet_v2`, with its own way of preparing pictures and sound, or small ones on this package's mouth crops and
log-mel. Layers that do not pad time run once over a whole clip, which is the same as window by window.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from flowdubber_hf.checkpoints.sources import BundledNames

from ...processing.audio import SAMPLES_PER_VIDEO_FRAME, log_mel
from .configuration_syncnet import FlowDubberSyncNetConfig, complete_layer
from .mfcc import mfcc


@dataclass
class FlowDubberSyncNetOutput(ModelOutput):
    """
    Args:
        lip_embeddings (`torch.Tensor` of shape `(batch, windows, embedding_size)`): window i begins at video frame i.
        audio_embeddings (`torch.Tensor` of shape `(batch, windows, embedding_size)`): of the sound at the same times.
    """

    lip_embeddings: torch.Tensor | None = None
    audio_embeddings: torch.Tensor | None = None


class FlowDubberSyncNetLayer(nn.Module):
    """Convolution, batch norm, ReLU and max-pool; over (time, height, width) of pictures or (feature, time) of sound."""

    def __init__(self, in_channels: int, layer: dict[str, Any], pictures: bool):
        super().__init__()
        layer = complete_layer(layer)

        def sizes(name: str) -> tuple[int, ...]:
            first, second = layer[name]
            return (first, second, second) if pictures else (first, second)

        convolution, norm, pool = (
            (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d) if pictures else (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d)
        )
        channels = layer["channels"]
        self.conv = convolution(in_channels, channels, sizes("kernel"), sizes("stride"), sizes("padding"))
        self.norm = norm(channels)
        self.pool = (
            nn.Identity()
            if max(layer["pool"]) == 1
            else pool(sizes("pool"), sizes("pool_stride"), sizes("pool_padding"))
        )

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return self.pool(F.relu(self.norm(self.conv(hidden_states))))


class FlowDubberSyncNetBranch(nn.Module):
    """One of the two streams: layers, then two linear maps at each position in time."""

    def __init__(self, config: FlowDubberSyncNetConfig, pictures: bool):
        super().__init__()
        layers = config.lip_layers if pictures else config.audio_layers
        channels = [config.crop_channels if pictures else 1, *(layer["channels"] for layer in layers)]
        self.layers = nn.ModuleList(
            FlowDubberSyncNetLayer(size, layer, pictures) for size, layer in zip(channels, layers, strict=False)
        )
        self.hidden = nn.Linear(channels[-1], config.hidden_size)
        self.norm = nn.BatchNorm1d(config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.embedding_size)
        self.normalize = config.normalize_embeddings

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """`(batch, channels, time, height, width)` or `(batch, 1, features, time)` to `(batch, positions, size)`."""
        hidden_states = inputs
        for layer in self.layers:
            hidden_states = layer(hidden_states)
        hidden_states = hidden_states.flatten(2).transpose(1, 2)  # all but time has size 1
        hidden_states = self.norm(self.hidden(hidden_states).transpose(1, 2)).transpose(1, 2)
        embeddings = self.out(F.relu(hidden_states))
        return F.normalize(embeddings.float(), dim=-1) if self.normalize else embeddings


def _standardize(values: torch.Tensor, time: int) -> torch.Tensor:
    """`(batch, ...)` with the mean over time taken from every place, and deviation 1 over all of a row."""
    values = values - values.mean(dim=time, keepdim=True)
    return values / values.flatten(1).std(dim=1).clamp(min=1e-3).view(-1, *[1] * (values.ndim - 1))


class FlowDubberSyncNet(BundledNames, PreTrainedModel):
    """Mouths and sound to embeddings whose distance tells whether they belong together.

    Example:

    ```python
    model = FlowDubberSyncNet.from_pretrained(folder)
    out = model(model.prepare_frames(mouths), model.prepare_sound(sound))  # (1, F, 96, 96) uint8, (1, samples) at 16 kHz
    distances = (out.lip_embeddings - out.audio_embeddings).norm(dim=-1)  # (1, F - 10), small where in sync
    ```
    """

    config: FlowDubberSyncNetConfig
    base_model_prefix = "syncnet"
    main_input_name = "pixel_values"
    input_modalities = ("video", "audio")
    supports_gradient_checkpointing = False
    # Weights may be stored in half precision but must run in float32: distances between neighbouring offsets are small.
    _keep_in_fp32_modules_strict = ("lips", "audio")

    def __init__(self, config: FlowDubberSyncNetConfig):
        super().__init__(config)
        self.lips = FlowDubberSyncNetBranch(config, pictures=True)
        self.audio = FlowDubberSyncNetBranch(config, pictures=False)
        self.post_init()

    def shrink_frames(self, frames: torch.Tensor) -> torch.Tensor:
        """Pictures at the network's size: `(batch, F, 96, 96)` or `(batch, F, 224, 224, 3)` of 0..255, as `config` says, to
        `(batch, channels, F, side, side)` float32 of 0..255.

        Raises:
            ValueError: pictures of another shape.
        """
        config = self.config
        shape = (config.crop_size, config.crop_size) + ((3,) if config.crop_channels == 3 else ())
        if frames.ndim != 2 + len(shape) or tuple(frames.shape[2:]) != shape:
            what = "colour faces" if config.crop_channels == 3 else "grey mouth crops"
            raise ValueError(
                f"this model takes {what} of the shape (batch, frames, {', '.join(map(str, shape))}), "
                f"got {tuple(frames.shape)}."
            )
        values = frames.float()
        values = values.permute(0, 4, 1, 2, 3) if config.crop_channels == 3 else values[:, None]
        step = config.crop_reduction
        return values if step == 1 else F.avg_pool3d(values, (1, step, step))

    def normalize_frames(self, values: torch.Tensor) -> torch.Tensor:
        """Network input from what [`~FlowDubberSyncNet.shrink_frames`] gives."""
        return _standardize(values, time=2) if self.config.normalize_clips else values

    def prepare_frames(self, frames: torch.Tensor) -> torch.Tensor:
        """Network input `(batch, channels, F, side, side)` from the pictures of whole clips; see
        [`~FlowDubberSyncNet.shrink_frames`]."""
        return self.normalize_frames(self.shrink_frames(frames))

    def sound_features(self, sound: torch.Tensor) -> torch.Tensor:
        """`(batch, samples)` sound in [-1, 1] at 16 kHz to `(batch, features, frames)`, 100 frames a second."""
        return mfcc(sound, self.config.audio_size) if self.config.audio_features == "mfcc" else log_mel(sound)

    def normalize_features(self, features: torch.Tensor) -> torch.Tensor:
        """Network input `(batch, 1, features, frames)` from what [`~FlowDubberSyncNet.sound_features`] gives."""
        if self.config.audio_features == "log_mel":
            features = torch.maximum(features, features.amax(dim=(1, 2), keepdim=True) - self.config.audio_range)
        return (_standardize(features, time=2) if self.config.normalize_clips else features)[:, None]

    def prepare_sound(self, sound: torch.Tensor) -> torch.Tensor:
        """Network input `(batch, 1, features, frames)` from `(batch, samples)` of whole clips, [-1, 1] at 16 kHz.

        Raises:
            ValueError: sound of another shape, or shorter than a window.
        """
        needed = self.config.window_frames * SAMPLES_PER_VIDEO_FRAME
        if sound.ndim != 2 or sound.shape[1] < needed:
            raise ValueError(f"sound must have the shape (batch, {needed} samples or more), got {tuple(sound.shape)}.")
        return self.normalize_features(self.sound_features(sound))

    def embed_sound(self, input_features: torch.Tensor) -> torch.Tensor:
        """`(batch, 1, features, frames)` to `(batch, windows, embedding_size)`."""
        config = self.config
        if not config.audio_pads_time:
            return self.audio(input_features)
        windows = input_features.unfold(3, config.window_features, 4).transpose(2, 3).flatten(0, 2)
        batch = len(input_features)
        return self.audio(windows[:, None]).view(batch, -1, config.embedding_size)

    def forward(
        self, pixel_values: torch.Tensor, input_features: torch.Tensor, **kwargs: Any
    ) -> FlowDubberSyncNetOutput:
        """
        Args:
            pixel_values (`torch.Tensor` of shape `(batch, channels, F, side, side)`): of `prepare_frames`.
            input_features (`torch.Tensor` of shape `(batch, 1, features, frames)`): of `prepare_sound`.

        Returns:
            [`FlowDubberSyncNetOutput`]; both have the windows that lie wholly in pictures and sound, the sound's may be one
            less (MFCCs).

        Raises:
            ValueError: fewer frames than a window.
        """
        if pixel_values.shape[2] < self.config.window_frames:
            raise ValueError(
                f"{pixel_values.shape[2]} frames are fewer than the {self.config.window_frames} of a window."
            )
        return FlowDubberSyncNetOutput(
            lip_embeddings=self.lips(pixel_values), audio_embeddings=self.embed_sound(input_features)
        )


__all__ = ["FlowDubberSyncNet", "FlowDubberSyncNetOutput"]

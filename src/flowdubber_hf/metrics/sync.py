"""LSE-D and LSE-C: how well mouths and sound go together, by a lip-sync judge ([`FlowDubberSyncNet`]).

Sound is compared with the mouths at offsets of up to 15 video frames to each side. LSE-D is the least mean distance over
the offsets (lower is better), LSE-C the median of the mean distances minus the least (higher is better): a judge that sees
no difference between offsets is not confident. As SyncNet (Chung and Zisserman, 2016) and Wav2Lip (Prajwal et al., 2020)
compute them; figures of different judges do not compare.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ..models.parts import load_part
from ..models.syncnet import FlowDubberSyncNet
from ..processing.audio import SAMPLES_PER_VIDEO_FRAME, VIDEO_FRAME_RATE


DEFAULT_SYNCNET = "syncnet-grid-tiny"
MAX_OFFSET = 15


@dataclass(frozen=True)
class LipSync:
    """What a judge says about a clip.

    Attributes:
        distance: LSE-D, mean distance at the best offset; lower is better.
        confidence: LSE-C, median over the offsets minus `distance`, never negative; higher is better.
        offset: the best one in video frames of 40 ms; positive where the sound is late. (SyncNet's own program prints it
            with the opposite sign.)
        distances: `(2 * max_offset + 1,)` mean distances, the sound `max_offset` frames early first.
    """

    distance: float
    confidence: float
    offset: int
    distances: np.ndarray = field(repr=False)


def load_syncnet(name: str | Path = DEFAULT_SYNCNET) -> FlowDubberSyncNet:
    """A judge in evaluation mode and float32.

    Args:
        name: a bundled one, a folder written by `save_pretrained`, or a Hub id.

    Raises:
        ValueError: there is none of that name, or its weights are not whole.
    """
    try:
        return load_part("syncnet", name)
    except ValueError as error:
        raise ValueError(f"there is no judge of lip-sync {str(name)!r}: {error}") from error


def offset_distances(
    lips: torch.Tensor, sound: torch.Tensor, max_offset: int = MAX_OFFSET, pad: bool = False
) -> torch.Tensor:
    """
    Mean distances at each offset of the sound against the mouths.

    Args:
        lips, sound (`torch.Tensor` of shape `(windows, size)`): embeddings; of the longer one the end is not used.
        max_offset: in windows to each side.
        pad: compare with zeros where there is no sound, as the public program; otherwise such pairs are left out.

    Returns:
        `torch.Tensor` of shape `(2 * max_offset + 1,)`: entry `max_offset + k` compares the mouths at time t with the sound at
        t + k, so that it is small where the sound is k frames late.

    Raises:
        ValueError: fewer windows than `2 * max_offset`.
    """
    windows = min(len(lips), len(sound))
    if windows < max(1, 2 * max_offset):
        raise ValueError(
            f"offsets of up to {max_offset} need at least {max(1, 2 * max_offset)} windows, got {windows}."
        )
    lips, sound = lips[:windows].float(), sound[:windows].float()
    means = []
    for offset in range(-max_offset, max_offset + 1):
        first, last = max(0, -offset), windows - max(0, offset)
        # PyTorch's pairwise distance with its small constant: the public program's.
        distances = torch.nn.functional.pairwise_distance(lips[first:last], sound[first + offset : last + offset])
        if pad:
            missing = torch.cat([lips[:first], lips[last:]])
            distances = torch.cat(
                [distances, torch.nn.functional.pairwise_distance(missing, torch.zeros_like(missing))]
            )
        means.append(distances.mean())
    return torch.stack(means)


def frames_needed(model: FlowDubberSyncNet, max_offset: int = MAX_OFFSET) -> int:
    """Least length of a clip in video frames: at the outermost offset there are as many pairs as the offset is long."""
    lost = 1 if model.config.audio_features == "mfcc" else 0  # the last MFCC window is a frame short
    return max(1, 2 * max_offset) + model.config.window_frames - 1 + lost


@torch.no_grad()
def embed_clip(
    model: FlowDubberSyncNet, mouths: np.ndarray | torch.Tensor, sound: np.ndarray | torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings `(windows, size)` of the mouths and of the sound of one clip, on the CPU.

    Args:
        mouths: uint8, `(F, 96, 96)` grey at 25 fps for the bundled model, `(F, 224, 224, 3)` RGB for the public one.
        sound: `(samples,)` at 16 kHz in [-1, 1]; what is longer than the pictures, or they than it, is cut.

    Raises:
        ValueError: another shape, or a clip shorter than a window.
    """
    frames, sound = torch.as_tensor(mouths), torch.as_tensor(sound)
    if sound.ndim != 1 or not sound.is_floating_point():
        raise ValueError(f"sound must be floats of the shape (samples,), got {sound.dtype} {tuple(sound.shape)}.")
    count = min(len(frames), len(sound) // SAMPLES_PER_VIDEO_FRAME)
    if count < model.config.window_frames:
        raise ValueError(
            f"{len(frames)} frames with {len(sound)} samples of sound are shorter than a window of "
            f"{model.config.window_frames} frames."
        )
    sound = sound[: count * SAMPLES_PER_VIDEO_FRAME].float()
    pixel_values, input_features = model.prepare_frames(frames[None, :count]), model.prepare_sound(sound[None])
    out = model(pixel_values.to(model.device), input_features.to(model.device))
    return out.lip_embeddings[0].float().cpu(), out.audio_embeddings[0].float().cpu()


def lip_sync(
    model: FlowDubberSyncNet,
    mouths: np.ndarray | torch.Tensor,
    sound: np.ndarray | torch.Tensor,
    *,
    max_offset: int = MAX_OFFSET,
) -> LipSync:
    """
    LSE-D, LSE-C and the best offset of a clip.

    Args:
        model: of [`load_syncnet`].
        mouths: uint8 at 25 fps, as the model takes them: `(F, 96, 96)` grey mouth crops of `processing.lips` for models
            trained here, `(F, 224, 224, 3)` RGB faces for the public one.
        sound: `(samples,)` at 16 kHz in [-1, 1], from the same start.
        max_offset: video frames searched to each side.

    Returns:
        [`LipSync`].

    Raises:
        ValueError: pictures or sound that do not fit the model, or a clip shorter than [`frames_needed`]: 40 frames (1.6 s)
            for the bundled model and 15 offsets.
    """
    if max_offset < 1:
        raise ValueError(f"max_offset must be at least 1, got {max_offset}.")
    needed = frames_needed(model, max_offset)
    count = min(len(mouths), len(sound) // SAMPLES_PER_VIDEO_FRAME)
    if count < needed:
        raise ValueError(
            f"lip-sync over {max_offset} offsets to each side needs at least {needed} video frames with sound "
            f"({needed / VIDEO_FRAME_RATE:.2f} s), got {count}; give a longer clip or a smaller max_offset."
        )
    lips, voice = embed_clip(model, mouths, sound)
    distances = offset_distances(lips, voice, max_offset, model.config.pad_offsets)
    best = int(distances.argmin())
    return LipSync(
        distance=float(distances[best]),
        confidence=float(distances.median() - distances[best]),
        offset=best - max_offset,
        distances=distances.numpy(),
    )


def area_under_curve(lower: torch.Tensor, higher: torch.Tensor) -> float:
    """How often a value of `lower` lies below one of `higher`, ties counted half: the area under the ROC curve, 0.5 at
    chance.

    Args:
        lower, higher (`torch.Tensor` of any shape): for example distances of pairs in sync, and of others.

    Raises:
        ValueError: one of them is empty.
    """
    if not lower.numel() or not higher.numel():
        raise ValueError("the area under the curve needs values of both kinds.")
    ordered = higher.flatten().double().sort().values
    values = lower.flatten().double()
    above = len(ordered) - torch.searchsorted(ordered, values, right=True)
    equal = torch.searchsorted(ordered, values, right=True) - torch.searchsorted(ordered, values)
    return float((above + 0.5 * equal).double().mean() / len(ordered))


__all__ = [
    "DEFAULT_SYNCNET",
    "MAX_OFFSET",
    "LipSync",
    "area_under_curve",
    "embed_clip",
    "frames_needed",
    "lip_sync",
    "load_syncnet",
    "offset_distances",
]

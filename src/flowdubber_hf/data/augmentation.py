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
"""What makes a lip encoder trained on few faces less at home with just those: random changes of mouth crops in place,
size, tilt, light and sharpness, lost frames, silence cut away, another tempo."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from ..processing.lips import FlowDubberLipFeatureExtractor


# The pipeline's own settings, so that training sees what dubbing will.
_LIPS = FlowDubberLipFeatureExtractor()


def normalize_crops(crops: np.ndarray) -> torch.Tensor:
    """Grey crops `(F, 96, 96)` uint8 to the model's `(F, 88, 88)` float32, as at inference."""
    return _LIPS.normalize(crops)


def augment_crops(crops: np.ndarray, generator: np.random.Generator) -> torch.Tensor:
    """One random view of `(F, 96, 96)` uint8 crops: `(F, 88, 88)` float32, normalised.

    One shift, scale, tilt, flip and light for the clip, with a little jitter of the place from frame to frame as a real
    tracker has it; now and then blur, noise, or up to three frames that hold the one before.
    """
    frames, size = crops.shape[0], crops.shape[-1]
    values = torch.from_numpy(np.ascontiguousarray(crops))[:, None].float() / 255
    angle = math.radians(generator.uniform(-8, 8))
    scale = _LIPS.input_size / size * generator.uniform(0.82, 1.18)
    flip = -1.0 if generator.random() < 0.5 else 1.0
    shift = generator.uniform(-0.09, 0.09, 2) + generator.normal(0, 0.008, (frames, 2))
    theta = torch.zeros(frames, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale * flip * math.cos(angle), -scale * math.sin(angle)
    theta[:, 1, 0], theta[:, 1, 1] = scale * flip * math.sin(angle), scale * math.cos(angle)
    theta[:, :, 2] = torch.from_numpy(shift).float()
    grid = F.affine_grid(theta, [frames, 1, _LIPS.input_size, _LIPS.input_size], align_corners=False)
    values = F.grid_sample(values, grid, padding_mode="border", align_corners=False)[:, 0]
    values = values.clamp(0, 1) ** generator.uniform(0.7, 1.4)
    values = (values - 0.5) * generator.uniform(0.7, 1.3) + 0.5 + generator.uniform(-0.12, 0.12)
    if generator.random() < 0.3:
        values = F.avg_pool2d(values, 3, stride=1, padding=1, count_include_pad=False)
    if generator.random() < 0.3:
        values = values + torch.from_numpy(generator.normal(0, 0.03, values.shape).astype(np.float32))
    if generator.random() < 0.2:
        values = values[hold_frames(frames, generator)]
    return (values - _LIPS.image_mean) / _LIPS.image_std


def hold_frames(frames: int, generator: np.random.Generator) -> np.ndarray:
    """Frame indices `(F,)` in which one to three frames repeat the one before them, as when a face was lost."""
    index = np.arange(frames)
    for start in generator.integers(1, max(frames - 3, 2), size=generator.integers(1, 3)):
        index[start : start + generator.integers(1, 4)] = start - 1
    return index


def cut_silence(frame_phonemes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Frame indices of the clip without a random part of the silence before and after speech, at least one frame of
    each left, so that nothing but the lips can tell when speech starts.

    `frame_phonemes` `(F,)` tells which phoneme, by its index, each frame belongs to; the first and last are silence.
    """
    lead = int((frame_phonemes == frame_phonemes[0]).sum())
    tail = int((frame_phonemes == frame_phonemes[-1]).sum())
    return np.arange(generator.integers(0, lead), len(frame_phonemes) - generator.integers(0, tail))


def change_tempo(frames: int, spread: float, generator: np.random.Generator) -> np.ndarray:
    """Frame indices of the clip played at a random tempo within 1 +- `spread`; their number changes with it."""
    tempo = generator.uniform(1 - spread, 1 + spread)
    return np.minimum(np.rint(np.arange(round(frames / tempo)) * tempo).astype(int), frames - 1)

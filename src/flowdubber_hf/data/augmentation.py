"""What makes a lip encoder trained on few faces less at home with just those: random changes of mouth crops in place,
size, tilt, light and sharpness, drawn hair and hands, lost frames, silence cut away or drawn out, another tempo."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

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

    Hair and things before the face are drawn over the crops first (see [`draw_hair`], [`draw_occluder`]). Then one shift,
    scale, tilt, flip and light for the clip, with a little jitter of the place from frame to frame as a real tracker has
    it; now and then a small or blurred picture, noise, or up to three frames that hold the one before.
    """
    frames, size = crops.shape[0], crops.shape[-1]
    values = torch.from_numpy(np.ascontiguousarray(crops)).float() / 255
    if generator.random() < 0.4:
        values = draw_hair(values, generator)
    if generator.random() < 0.2:
        values = draw_occluder(values, generator)
    if generator.random() < 0.5:
        values = shade(values, generator)
    values = values[:, None]
    if generator.random() < 0.25:  # a face that is small in its film
        small = int(generator.integers(22, 64))
        values = F.interpolate(values, (small, small), mode="area")
        values = F.interpolate(values, (size, size), mode="bilinear", align_corners=False)
    angle = math.radians(generator.uniform(-10, 10))
    scale = _LIPS.input_size / size * generator.uniform(0.78, 1.25)
    flip = -1.0 if generator.random() < 0.5 else 1.0
    wide = generator.uniform(0.9, 1.1)
    shift = generator.uniform(-0.1, 0.1, 2) + generator.normal(0, 0.008, (frames, 2))
    theta = torch.zeros(frames, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale * wide * flip * math.cos(angle), -scale * math.sin(angle)
    theta[:, 1, 0], theta[:, 1, 1] = scale * wide * flip * math.sin(angle), scale * math.cos(angle)
    theta[:, :, 2] = torch.from_numpy(shift).float()
    grid = F.affine_grid(theta, [frames, 1, _LIPS.input_size, _LIPS.input_size], align_corners=False)
    values = F.grid_sample(values, grid, padding_mode="border", align_corners=False)[:, 0]
    values = values.clamp(0, 1) ** generator.uniform(0.5, 1.8)
    values = (values - 0.5) * generator.uniform(0.5, 1.3) + 0.5 + generator.uniform(-0.2, 0.2)
    if generator.random() < 0.3:
        values = F.avg_pool2d(values, 3, stride=1, padding=1, count_include_pad=False)
    if generator.random() < 0.3:
        values = values + torch.from_numpy(generator.normal(0, 0.03, values.shape).astype(np.float32))
    if generator.random() < 0.2:
        values = values[hold_frames(frames, generator)]
    return (values - _LIPS.image_mean) / _LIPS.image_std


def _places(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """x and y of a square crop's pixels, -1 to 1, `(1, size)` and `(size, 1)`; the mouth lies around the middle."""
    ticks = (torch.arange(size) + 0.5) / size * 2 - 1
    return ticks[None], ticks[:, None]


def _inside(distance: torch.Tensor, edge: float) -> torch.Tensor:
    """1 inside (distance below 0), 0 outside, with a soft border of about `edge`."""
    return torch.sigmoid(-distance / edge)


def draw_hair(values: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Draws a moustache, a beard or both over grey crops `(F, S, S)` from 0 to 1: the shape of a mouth that hair hides in part.

    Dark or light, thin or thick, straight or hanging down beside the mouth; one for the clip, moving a little with the lips'
    place from frame to frame.
    """
    frames, size, _ = values.shape
    x, y = _places(size)
    kind = generator.integers(3)  # moustache, beard, both
    cover = torch.zeros(size, size)
    if kind != 1:
        thickness, width = generator.uniform(0.05, 0.14), generator.uniform(0.3, 0.6)
        middle = generator.uniform(-0.3, -0.12) + generator.uniform(0.0, 0.5) * x.square()
        edge = generator.uniform(0.02, 0.06)
        cover = _inside((y - middle).abs() - thickness, edge) * _inside(x.abs() - width, edge)
        if generator.random() < 0.5:  # hanging down beside the mouth
            side = (x.abs() - width * generator.uniform(0.85, 1.1)).abs() - thickness * generator.uniform(0.7, 1.2)
            down = (y - generator.uniform(-0.05, 0.15)).abs() - generator.uniform(0.15, 0.4)
            cover = torch.maximum(cover, _inside(side, edge) * _inside(down, edge))
    if kind != 0:
        edge = generator.uniform(0.03, 0.1)
        hole = torch.sqrt(
            (x / generator.uniform(0.5, 0.75)).square() + ((y + 0.05) / generator.uniform(0.3, 0.45)).square()
        )
        face = torch.sqrt((x / generator.uniform(0.8, 1.3)).square() + (y / generator.uniform(0.9, 1.4)).square())
        beard = _inside(1 - hole, edge) * _inside(face - 1, edge) * _inside(generator.uniform(-0.1, 0.25) - y, edge)
        cover = torch.maximum(cover, beard)
    hairs = torch.from_numpy(generator.normal(0, 1, (1, 1, size, size // 3)).astype(np.float32))
    hairs = F.interpolate(hairs, (size, size), mode="bilinear", align_corners=False)[0, 0]
    colour = generator.uniform(0.02, 0.25) if generator.random() < 0.8 else generator.uniform(0.5, 0.85)
    hair = (colour + generator.uniform(0.02, 0.08) * hairs).clamp(0, 1)
    cover = cover * generator.uniform(0.5, 0.95)
    sway = np.rint(np.cumsum(generator.normal(0, 0.15, frames))).clip(-2, 2).astype(int)
    covers = {int(move): torch.roll(cover, int(move), 0) for move in np.unique(sway)}
    covers = torch.stack([covers[int(move)] for move in sway])
    return values * (1 - covers) + hair * covers


def draw_occluder(values: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Draws a thing before the face (a hand, a cup, a microphone) over a span of crops `(F, S, S)`: an oval or a bar of one
    shade, which comes, stays and goes, often over a part of the mouth alone."""
    frames, size, _ = values.shape
    x, y = _places(size)
    start = int(generator.integers(frames))
    end = min(frames, start + int(generator.integers(4, 40)))
    steps = torch.linspace(0, 1, end - start)[:, None, None]
    at_x = generator.uniform(-0.9, 0.9) + steps * generator.uniform(-0.5, 0.5)
    at_y = generator.uniform(-0.3, 1.0) + steps * generator.uniform(-0.5, 0.5)
    wide, high = generator.uniform(0.15, 0.7, 2)
    turn = generator.uniform(0, math.pi)
    along = (x - at_x) * math.cos(turn) + (y - at_y) * math.sin(turn)
    across = (y - at_y) * math.cos(turn) - (x - at_x) * math.sin(turn)
    if generator.random() < 0.5:
        distance = torch.sqrt((along / wide).square() + (across / high).square()) - 1
    else:
        distance = across.abs() / high - 1
    cover = _inside(distance, 0.08)
    shade_of = generator.uniform(0, 1) + 0.2 * generator.uniform(-1, 1) * x
    covered = values.clone()
    covered[start:end] = values[start:end] * (1 - cover) + shade_of.clamp(0, 1) * cover
    return covered


def shade(values: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
    """Light from one side over crops `(F, S, S)`, now and then changing within the clip as coloured lamps do in grey."""
    frames, size, _ = values.shape
    x, y = _places(size)
    turn, depth = generator.uniform(0, 2 * math.pi), generator.uniform(0, 0.6)
    light = 1 + depth * (x * math.cos(turn) + y * math.sin(turn))
    if generator.random() < 0.3:
        speed, phase = generator.uniform(0.02, 0.4), generator.uniform(0, 2 * math.pi)
        flicker = 1 + generator.uniform(0.05, 0.35) * torch.sin(speed * torch.arange(frames) + phase)
        light = light * flicker[:, None, None]
    return (values * light).clamp(0, 1)


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


def unseen_spans(frames: int, generator: np.random.Generator) -> np.ndarray:
    """`(F,)` bool: False in one or two random spans of 0.1 to 0.8 s, as where a film shows something else."""
    seen = np.ones(frames, dtype=bool)
    for _ in range(generator.integers(1, 3)):
        start = int(generator.integers(frames))
        seen[start : start + int(generator.integers(3, 20))] = False
    return seen


def pause_frames(silence: np.ndarray, length: int) -> np.ndarray:
    """Frame indices `(length,)` of a mouth at rest, to and fro through the frames of a silence `(n,)`."""
    there_and_back = np.concatenate([silence, silence[-2:0:-1]])
    return there_and_back[np.arange(length) % len(there_and_back)]

"""Training of the lip-sync judge: cuts of clips, the contrastive loss, and the stage that the shared loop runs."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import default_collate

from ..data.augmentation import hold_frames
from ..data.features import Clip, FeatureStore
from ..metrics.sync import MAX_OFFSET, area_under_curve
from ..models.syncnet import FlowDubberSyncNet
from ..processing.audio import MEL_FRAMES_PER_VIDEO_FRAME
from .batching import row_generator


# How the audio of the next window looks is nearly how that of this one does: neither right nor wrong.
NEIGHBOURS = 1
# Shifts from which on sound counts as out of sync, in video frames.
MIN_SHIFT = 3
MAX_SCALE = 50.0
VALIDATION_SEED, VALIDATION_BATCH = 1, 8
_CACHED_CLIPS = 4096  # 0.2 MB each


@dataclass(frozen=True)
class SyncNetSettings:
    """Of the cuts.

    Args:
        num_frames: video frames a cut.
        num_swapped: cuts of other clips' sound that each cut is compared with.
        speaker_balance: how often a speaker comes grows with the number of its clips to this power: 1 draws clips alike, 0
            speakers.
        augmentation: strength of the random changes of pictures and sound; 0 leaves them, 1 is the usual.
    """

    num_frames: int = 50
    num_swapped: int = 2
    speaker_balance: float = 0.5
    augmentation: float = 1.0

    def __post_init__(self):
        if self.num_frames < 2 or self.num_swapped < 1:
            raise ValueError(
                f"`num_frames` and `num_swapped` must be at least 2 and 1, got {self.num_frames}, {self.num_swapped}."
            )
        if not 0 <= self.speaker_balance <= 1 or self.augmentation < 0:
            raise ValueError(
                "`speaker_balance` must lie in 0 .. 1 and `augmentation` must not be negative, got "
                f"{self.speaker_balance} and {self.augmentation}."
            )


def augment_pictures(values: torch.Tensor, strength: float, random: np.random.Generator) -> torch.Tensor:
    """One random view of a cut's pictures `(channels, F, side, side)` of 0..255: place, size, tilt and side of the face and
    light for the whole cut, a little jitter of the place, noise, blur and frames that hold the one before."""
    frames, side = values.shape[1], values.shape[-1]
    angle = math.radians(random.uniform(-8, 8) * strength)
    scale = 1 - strength * random.uniform(-0.12, 0.2)
    flip = -1.0 if random.random() < 0.5 else 1.0
    shift = strength * (random.uniform(-0.1, 0.1, 2) + random.normal(0, 0.008, (frames, 2)))
    theta = torch.zeros(frames, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = scale * flip * math.cos(angle), -scale * math.sin(angle)
    theta[:, 1, 0], theta[:, 1, 1] = scale * flip * math.sin(angle), scale * math.cos(angle)
    theta[:, :, 2] = torch.from_numpy(shift).float()
    grid = F.affine_grid(theta, [frames, values.shape[0], side, side], align_corners=False)
    pictures = F.grid_sample(values.transpose(0, 1), grid, padding_mode="border", align_corners=False) / 255
    pictures = pictures.clamp(0, 1) ** math.exp(strength * random.uniform(-0.4, 0.4))
    if random.random() < 0.3 * strength:
        pictures = F.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
    if random.random() < 0.5 * strength:
        noise = random.standard_normal(pictures.shape, dtype=np.float32)
        pictures = pictures + random.uniform(0, 0.02) * torch.from_numpy(noise)
    if random.random() < 0.2 * strength:
        pictures = pictures[hold_frames(frames, random)]
    return 255 * pictures.transpose(0, 1)


def augment_features(features: torch.Tensor, strength: float, random: np.random.Generator) -> torch.Tensor:
    """One random view of a cut's log-mel `(bins, frames)`: a shorter or longer throat (bins moved in proportion), a noise
    floor, another room's and microphone's colour, and noise."""
    bins, frames = features.shape
    places = torch.arange(bins) * math.exp(strength * random.uniform(-0.2, 0.2))
    low = places.floor().clamp(max=bins - 1).long()
    high = (low + 1).clamp(max=bins - 1)
    part = (places.clamp(max=bins - 1) - low)[:, None]
    features = features[low] * (1 - part) + features[high] * part
    floor = features.max() - random.uniform(3.5, 9.0)
    if random.random() < 0.7 * strength:
        features = torch.maximum(features, floor)
    points = torch.from_numpy(random.normal(0, 0.5 * strength, 6).astype(np.float32))
    colour = F.interpolate(points[None, None], bins, mode="linear", align_corners=True)[0, 0]
    noise = torch.from_numpy(random.standard_normal((bins, frames), dtype=np.float32))
    return features + colour[:, None] + strength * random.uniform(0, 0.3) * noise


class SyncNetCuts:
    """Random cuts of clips with video, each with sound of other clips.

    Args:
        store: the prepared dataset.
        clips: to cut from, all at least `settings.num_frames` long.
        model: whose pictures and sound features are made.
        settings: of the cuts.

    Raises:
        ValueError: fewer than two clips, or clips that are too short.
    """

    def __init__(
        self, store: FeatureStore, clips: Sequence[Clip], model: FlowDubberSyncNet, settings: SyncNetSettings
    ):
        self.clips = [clip for clip in clips if clip.num_frames >= settings.num_frames]
        if len(self.clips) < 2:
            raise ValueError(
                f"{len(self.clips)} of {len(clips)} clips have the {settings.num_frames} frames of a cut and two are needed; "
                "give more clips or choose a smaller --num_frames."
            )
        self.store, self.settings = store, settings
        self.config = model.config
        self.shrink, self.features = model.shrink_frames, model.sound_features
        speakers = sorted({clip.speaker for clip in self.clips})
        self.by_speaker = [[clip for clip in self.clips if clip.speaker == speaker] for speaker in speakers]
        weights = np.array([len(group) for group in self.by_speaker], float) ** settings.speaker_balance
        self.edges = np.cumsum(weights) / weights.sum()
        self.whole = lru_cache(maxsize=_CACHED_CLIPS)(self._whole)

    def _whole(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures `(channels, F, side, side)` uint8 and features `(size, 4F)` of a clip; decoding takes longer than a step."""
        crops = torch.from_numpy(self.store.crops(name))
        sound = torch.from_numpy(self.store.audio(name))
        pictures = self.shrink(crops[None])[0].round().to(torch.uint8)
        return pictures, self.features(sound[None])[0][:, : len(crops) * MEL_FRAMES_PER_VIDEO_FRAME]

    def choose(self, random: np.random.Generator) -> list[Clip]:
        """The clip of a row and those whose sound it is compared with, of the same speaker where there are others: the
        first draws of its generator."""
        group = self.by_speaker[
            int(np.searchsorted(self.edges, random.random(), side="right").clip(max=len(self.edges) - 1))
        ]
        first = group[random.integers(len(group))]
        others = [clip for clip in (group if len(group) > 1 else self.clips) if clip.id != first.id]
        return [first, *(others[index] for index in random.integers(len(others), size=self.settings.num_swapped))]

    def draw(self, random: np.random.Generator, augment: bool = True) -> dict[str, torch.Tensor]:
        """One cut: `frames` `(channels, num_frames, side, side)` of 0..255, `features` `(1 + num_swapped, size, 4 * num_frames)`,
        its own first. Half of the other sounds are cut at the same place of their clip, so that place alone tells nothing."""
        settings = self.settings
        clip, *others = self.choose(random)
        length, strength = settings.num_frames, settings.augmentation if augment else 0.0
        start = int(random.integers(clip.num_frames - length + 1))
        pictures, _ = self.whole(clip.id)
        frames = pictures[:, start : start + length].float()
        sounds = []
        for index, other in enumerate([clip, *others]):
            free = int(random.integers(other.num_frames - length + 1))
            same = index == 0 or (random.random() < 0.5 and start + length <= other.num_frames)
            first = MEL_FRAMES_PER_VIDEO_FRAME * (start if same else free)
            sounds.append(self.whole(other.id)[1][:, first : first + MEL_FRAMES_PER_VIDEO_FRAME * length])
        if strength:
            frames = augment_pictures(frames, strength, random)
            if self.config.audio_features == "log_mel":
                sounds = [augment_features(sound, strength, random) for sound in sounds]
        return {"frames": frames, "features": torch.stack(sounds)}


class SyncNetObjective(nn.Module):
    """The judge with its contrastive loss: of the windows of sound of a clip and of other clips, which one belongs to this
    window of mouths, and of its mouths, which to this window of sound. Cosines are scaled by a learned factor.

    Args:
        model: what is trained.
    """

    def __init__(self, model: FlowDubberSyncNet):
        super().__init__()
        self.model = model
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def embed(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Lips `(rows, windows, size)` and sounds `(rows, 1 + num_swapped, windows, size)`, of length 1."""
        features = batch["features"]
        rows, sounds = features.shape[:2]
        out = self.model(
            self.model.normalize_frames(batch["frames"]), self.model.normalize_features(features.flatten(0, 1))
        )
        windows = min(out.lip_embeddings.shape[1], out.audio_embeddings.shape[1])
        audio = out.audio_embeddings[:, :windows].unflatten(0, (rows, sounds))
        return F.normalize(out.lip_embeddings[:, :windows].float(), dim=-1), F.normalize(audio.float(), dim=-1)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`loss`, in nats, a mean over rows.

        Args:
            batch: of [`SyncNetStage.batch`].
        """
        lips, sounds = self.embed(batch)
        rows, windows = lips.shape[:2]
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        cosines = scale * torch.einsum("rid,rkjd->rikj", lips, sounds)
        places = torch.arange(windows, device=lips.device)
        apart = (places[:, None] - places).abs()
        near = (apart > 0) & (apart <= NEIGHBOURS)
        own = cosines[:, :, 0].masked_fill(near, -torch.inf)
        target = places.expand(rows, windows).flatten()
        to_sound = F.cross_entropy(torch.cat([own, cosines[:, :, 1:].flatten(2)], dim=2).flatten(0, 1), target)
        to_lips = F.cross_entropy(own.transpose(1, 2).flatten(0, 1), target)
        return {"loss": 0.5 * (to_sound + to_lips)}


class SyncNetStage:
    """What the shared loop needs of the judge, see [`~training.loop.TrainingStage`]. A row is a cut.

    Args:
        model: to train.
        store: the prepared dataset.
        clips: with video, to train on.
        held_out: with video, to validate on.
        settings: of the cuts.
        batch_size: rows of a step's global batch.
        seed: of all draws.
    """

    best = "val_confusion"

    def __init__(
        self,
        model: FlowDubberSyncNet,
        store: FeatureStore,
        clips: Sequence[Clip],
        held_out: Sequence[Clip],
        settings: SyncNetSettings,
        batch_size: int,
        seed: int = 0,
    ):
        if settings.num_frames <= model.config.window_frames:
            raise ValueError(
                f"a cut of {settings.num_frames} frames holds no two windows of {model.config.window_frames}."
            )
        self.model = SyncNetObjective(model)
        self.batch_size, self.seed = batch_size, seed
        self.cuts = SyncNetCuts(store, clips, model, settings)
        self.held_out = SyncNetCuts(store, held_out, model, settings)

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Cuts of a step's rows, see [`SyncNetCuts.draw`]."""
        return default_collate([self.cuts.draw(row_generator(self.seed, step, row)) for row in rows])

    def names(self, step: int) -> list[str]:
        """Clips that the step's rows are cut from, with those that lend their sound."""
        chosen = (self.cuts.choose(row_generator(self.seed, step, row)) for row in range(self.batch_size))
        return [clip.id for clips in chosen for clip in clips]

    @torch.no_grad()
    def validate(self, model: SyncNetObjective) -> dict[str, float]:
        """`val_loss` on one fixed cut a clip, and `val_confusion`: how often such a cut's distance in sync is above one with
        the sound shifted by 3 to 15 frames (`val_confusion_shifted`) or another clip's (`val_confusion_swapped`), 0.5 at
        chance, the mean of the two."""
        generators = [row_generator(VALIDATION_SEED, 0, row) for row in range(len(self.held_out.clips))]
        in_sync, shifted, swapped, total = [], [], [], 0.0
        for first in range(0, len(generators), VALIDATION_BATCH):
            items = [
                self.held_out.draw(random, augment=False) for random in generators[first : first + VALIDATION_BATCH]
            ]
            batch = {name: value.to(model.model.device) for name, value in default_collate(items).items()}
            total += float(model(batch)["loss"]) * len(items)
            lips, sounds = (part.cpu() for part in model.embed(batch))
            distances = torch.cdist(lips[:, None], sounds)  # rows, sounds, windows, windows
            windows = lips.shape[1]
            places = torch.arange(windows)
            apart = (places[:, None] - places).abs()
            in_sync.append(distances[:, 0].diagonal(dim1=1, dim2=2).flatten())
            shifted.append(distances[:, 0][:, (apart >= MIN_SHIFT) & (apart <= MAX_OFFSET)].flatten())
            swapped.append(distances[:, 1:].diagonal(dim1=2, dim2=3).flatten())
        wrong = {
            "shifted": 1 - area_under_curve(torch.cat(in_sync), torch.cat(shifted)),
            "swapped": 1 - area_under_curve(torch.cat(in_sync), torch.cat(swapped)),
        }
        return {
            "val_loss": total / len(generators),
            "val_confusion": sum(wrong.values()) / 2,
            **{f"val_confusion_{name}": value for name, value in wrong.items()},
        }

    def save(self, model: SyncNetObjective, folder: Path) -> None:
        """Writes the judge as `from_pretrained` loads it."""
        model.model.save_pretrained(folder)

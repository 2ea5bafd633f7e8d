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
"""Training examples of the vocoder: random cuts of real sound with their F0 tracks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.utils.data import Dataset

from ..data.features import Clip, FeatureStore
from ..processing.audio import HOP_LENGTH, N_FFT
from .vocoder_pitch import fill_unvoiced, track_pitch


def load_pitch_tracks(
    store: FeatureStore, clips: Sequence[Clip], cache: Path, pitch_min: float, pitch_max: float, batch_size: int = 16
) -> dict[str, torch.Tensor]:
    """F0 tracks by clip id, each `(2, frames)` float32: Hz with gaps bridged, and voicing 0 or 1.

    Tracks are read from `cache` (safetensors) where it has them and are added to it where it has not.
    """
    tracks = load_file(cache) if cache.is_file() else {}
    missing = sorted((clip for clip in clips if clip.id not in tracks), key=lambda clip: clip.num_samples)
    for start in range(0, len(missing), batch_size):
        sounds = {clip.id: torch.from_numpy(store.audio(clip.id)) for clip in missing[start : start + batch_size]}
        padded = torch.nn.utils.rnn.pad_sequence(list(sounds.values()), batch_first=True)
        pitch, voiced = track_pitch(padded, pitch_min, pitch_max)
        for row, (name, sound) in enumerate(sounds.items()):
            frames = len(sound) // HOP_LENGTH
            known = voiced[row, :frames]
            tracks[name] = torch.stack([fill_unvoiced(pitch[row, :frames], known), known.float()])
    if missing:
        cache.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: track.contiguous() for name, track in tracks.items()}, cache)
    return tracks


class VocoderDataset(Dataset):
    """Random cuts, `grid_share` of them from clips with video.

    Each item is a dict of `waveform` `(frames * 160,)`, `pitch` `(frames,)` in Hz and `voiced` `(frames,)` bool.

    Args:
        store: the feature folder.
        clips: to cut from; shorter ones than a cut are padded with silence.
        tracks: of [`load_pitch_tracks`].
        num_frames: mel frames a cut.
        length: items an epoch.
        grid_share: chance of a clip from GRID, whatever their number.
        seed: item `i` is the same on every run.
    """

    def __init__(
        self,
        store: FeatureStore,
        clips: Sequence[Clip],
        tracks: dict[str, torch.Tensor],
        num_frames: int,
        length: int,
        grid_share: float = 0.5,
        seed: int = 0,
    ):
        if num_frames * HOP_LENGTH < N_FFT:
            raise ValueError(f"a cut needs at least {N_FFT // HOP_LENGTH} frames, got {num_frames}.")
        self.store, self.tracks = store, tracks
        self.num_frames, self.length, self.grid_share, self.seed = num_frames, length, grid_share, seed
        self.groups = {
            "grid": [clip for clip in clips if clip.source == "grid"],
            "speech": [clip for clip in clips if clip.source != "grid"],
        }
        if not clips:
            raise ValueError("there are no clips to train the vocoder on; prepare the stage audio first.")

    def __len__(self) -> int:
        return self.length

    def _choose(self, random: np.random.Generator) -> Clip:
        from_grid = random.random() < self.grid_share
        group = self.groups["grid" if from_grid else "speech"] or self.groups["speech" if from_grid else "grid"]
        return group[random.integers(len(group))]

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        random = np.random.default_rng((self.seed, index))
        clip = self._choose(random)
        sound = torch.from_numpy(self.store.audio(clip.id))
        track = self.tracks[clip.id]
        start = int(random.integers(max(1, track.shape[1] - self.num_frames + 1)))
        track = track[:, start : start + self.num_frames]
        sound = sound[start * HOP_LENGTH : (start + track.shape[1]) * HOP_LENGTH]
        # Other loudness is other input: the network must not learn one microphone's level.
        gain = 10 ** (random.uniform(-10, 5) / 20)
        sound = sound * min(gain, 0.99 / max(float(sound.abs().max()), 1e-4))
        missing = self.num_frames - track.shape[1]
        if missing:
            sound = torch.nn.functional.pad(sound, (0, missing * HOP_LENGTH))
            track = torch.cat([track, torch.stack([track[0, -1:], torch.zeros(1)]).expand(2, missing)], dim=1)
        return {"waveform": sound, "pitch": track[0], "voiced": track[1] > 0.5}


def soften_mel(mel: torch.Tensor, generator: torch.Generator | None = None, strength: float = 1.0) -> torch.Tensor:
    """Makes true mels `(batch, frames, bins)` look like generated ones: blurred by chance over time and bins, with a
    little noise. A third of the rows stay as they are."""
    batch = mel.shape[0]

    def chance(high: float) -> torch.Tensor:
        return (torch.rand(batch, 1, 1, generator=generator) * high * strength).to(mel)

    over_time = torch.nn.functional.pad(mel.transpose(1, 2), (1, 1), mode="replicate").transpose(1, 2)
    over_bins = torch.nn.functional.pad(mel, (1, 1), mode="replicate")
    time_share, bin_share = chance(0.25), chance(0.2)
    soft = mel + time_share * (0.5 * (over_time[:, :-2] + over_time[:, 2:]) - mel)
    soft = soft + bin_share * (0.5 * (over_bins[..., :-2] + over_bins[..., 2:]) - mel)
    noise = torch.randn(mel.shape, generator=generator).to(mel)
    soft = soft + chance(0.15) * noise
    return torch.where((torch.rand(batch, 1, 1, generator=generator) < 1 / 3).to(mel.device), mel, soft)

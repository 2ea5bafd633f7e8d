"""Training examples of the vocoder: random cuts of real sound with their F0 tracks, and what is drawn for each of them."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from ..checkpoints.complete import read_tensors
from ..data.features import Clip, FeatureStore
from ..processing.audio import HOP_LENGTH, NUM_MELS
from ..work.files import replacing
from .vocoder_losses import WINDOWS
from .vocoder_pitch import fill_unvoiced, track_pitch


SAMPLES = 2  # of one mel in a training step, see [`~training.vocoder_losses.energy_distance`]


def load_pitch_tracks(
    store: FeatureStore, clips: Sequence[Clip], cache: Path, pitch_min: float, pitch_max: float, batch_size: int = 16
) -> dict[str, torch.Tensor]:
    """F0 tracks by clip id, each `(2, frames)` float32: Hz with gaps bridged, and voicing 0 or 1.

    Tracks are read from `cache` (safetensors) where it has them and are added to it where it has not.
    """
    tracks = _known_tracks(cache, clips)
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
        with replacing(cache) as temporary:
            save_file({name: track.contiguous() for name, track in tracks.items()}, temporary)
    return tracks


def _known_tracks(cache: Path, clips: Sequence[Clip]) -> dict[str, torch.Tensor]:
    """Those of the cache that have a clip's length; none where it cannot be read, and they are made anew."""
    try:
        found = read_tensors(cache)
    except ValueError:
        return {}
    shapes = {clip.id: (2, clip.num_samples // HOP_LENGTH) for clip in clips}
    return {
        name: track
        for name, track in found.items()
        if (name not in shapes or tuple(track.shape) == shapes[name]) and track.isfinite().all()
    }


class VocoderCuts:
    """Random cuts of clips, `video_share` of them from clips with video.

    Args:
        store: the prepared dataset.
        clips: to cut from; shorter ones than a cut are padded with silence.
        tracks: of [`load_pitch_tracks`].
        num_frames: mel frames a cut.
        video_share: chance of a clip with video, whatever their number.

    Raises:
        ValueError: no clips, or cuts too short for a spectrum.
    """

    def __init__(
        self,
        store: FeatureStore,
        clips: Sequence[Clip],
        tracks: dict[str, torch.Tensor],
        num_frames: int,
        video_share: float = 0.5,
    ):
        if num_frames * HOP_LENGTH < WINDOWS[0]:
            raise ValueError(f"a cut needs at least {WINDOWS[0] // HOP_LENGTH + 1} mel frames, got {num_frames}.")
        if not clips:
            raise ValueError("there are no clips to train the vocoder on; prepare the dataset first.")
        self.store, self.tracks, self.num_frames, self.video_share = store, tracks, num_frames, video_share
        self.with_video = [clip for clip in clips if clip.num_frames]
        self.sound_only = [clip for clip in clips if not clip.num_frames]

    def choose(self, random: np.random.Generator) -> Clip:
        """The clip of a row: the first draw of its generator."""
        video = random.random() < self.video_share
        group = (self.with_video if video else self.sound_only) or self.sound_only or self.with_video
        return group[random.integers(len(group))]

    def draw(self, random: np.random.Generator) -> dict[str, torch.Tensor]:
        """One cut: `waveform` `(num_frames * 160,)` in [-1, 1], `pitch` `(num_frames,)` in Hz, `voiced` bool."""
        clip = self.choose(random)
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


def draw_sources(random: np.random.Generator, num_frames: int) -> dict[str, torch.Tensor]:
    """What makes the two samples of a row differ: `noise` `(2, num_frames * 160)` and `phase` `(2,)` in cycles."""
    noise = random.standard_normal((SAMPLES, num_frames * HOP_LENGTH), dtype=np.float32)
    return {"noise": torch.from_numpy(noise), "phase": torch.from_numpy(random.random(SAMPLES, dtype=np.float32))}


def draw_softening(random: np.random.Generator, num_frames: int) -> dict[str, torch.Tensor]:
    """How [`soften_mel`] treats a row: `soften` `(3,)` and `soften_noise` `(num_frames, 80)`. A third stay as they are."""
    shares = random.random(3, dtype=np.float32) * np.float32([0.25, 0.2, 0.15]) * (random.random() >= 1 / 3)
    noise = random.standard_normal((num_frames, NUM_MELS), dtype=np.float32)
    return {"soften": torch.from_numpy(shares), "soften_noise": torch.from_numpy(noise)}


def soften_mel(mel: torch.Tensor, shares: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Makes true mels look like generated ones: blurred over time and bins, with a little noise.

    Args:
        mel (`torch.Tensor` of shape `(batch, frames, bins)`): natural logarithms.
        shares (`torch.Tensor` of shape `(batch, 3)`): of the blur over time, of that over bins, and of the noise.
        noise (`torch.Tensor` of shape `(batch, frames, bins)`): of deviation 1.
    """
    over_time = torch.nn.functional.pad(mel.transpose(1, 2), (1, 1), mode="replicate").transpose(1, 2)
    over_bins = torch.nn.functional.pad(mel, (1, 1), mode="replicate")
    time_share, bin_share, noise_share = shares[:, :, None, None].unbind(dim=1)
    soft = mel + time_share * (0.5 * (over_time[:, :-2] + over_time[:, 2:]) - mel)
    soft = soft + bin_share * (0.5 * (over_bins[..., :-2] + over_bins[..., 2:]) - mel)
    return soft + noise_share * noise

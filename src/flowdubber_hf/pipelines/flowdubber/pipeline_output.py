"""What a dub consists of."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from diffusers.utils import BaseOutput


@dataclass
class FlowDubberPipelineOutput(BaseOutput):
    """
    Output of `FlowDubberPipeline`; every list has one entry for each clip of the call.

    Args:
        audios (`list[np.ndarray]`, `list[torch.Tensor]` or `torch.Tensor`):
            `(samples,)` float32 each, exactly `round(duration * sampling_rate)` samples. With `output_type="latent"` the
            normalised mel latents of shape `(batch, num_mels, mel_frames)`, right-padded.
        sampling_rate (`int`): of `audios`, in Hz.
        words (`list[list[tuple[str, float, float]]]`): word, start and end in seconds of the clip, from the alignment that
            was used (25 frames a second).
        durations (`list[float]`): length of each clip in seconds.
        phonemes (`list[list[str]]`): the phonemes of each script, the rows of `alignments`.
        alignments (`list[np.ndarray | None]` or `None`): `(phonemes, frames)` float32 lip-to-phoneme attention of each clip;
            `None` if the call left out the lips, and for clips so long that they were read in passes.
        phoneme_frames (`list[np.ndarray]`): `(phonemes,)` whole numbers, for how many mel frames (100 a second) each phoneme
            lasts; a call takes them back as `phoneme_frames`.
        warnings (`list[list[str]]`): what the user should know about each clip (lost faces, damaged packets).
        timings (`dict[str, float]`): seconds spent in each stage, and in all (`total`).
        videos (`list[Path | None]`): the file each clip was read from, `None` for frames.
        mouths (`list[np.ndarray]`): `(frames, 96, 96)` uint8, the grey mouth pictures that the lips were read from.
    """

    audios: list[np.ndarray] | list[torch.Tensor] | torch.Tensor
    sampling_rate: int
    words: list[list[tuple[str, float, float]]]
    durations: list[float]
    phonemes: list[list[str]]
    alignments: list[np.ndarray | None] | None
    phoneme_frames: list[np.ndarray]
    warnings: list[list[str]]
    timings: dict[str, float]
    videos: list[Path | None] = field(default_factory=list)
    mouths: list[np.ndarray] = field(default_factory=list)

    @property
    def paths(self) -> list[np.ndarray]:
        """`(phonemes, 4 * frames)` bool each, `phoneme_frames` drawn as the monotonic path at the mel rate."""
        return [frames_to_path(frames) for frames in self.phoneme_frames]

    def only(self, row: int) -> "FlowDubberPipelineOutput":
        """The output of one clip of the call."""
        alone = {
            name: value[row : row + 1] for name, value in vars(self).items() if isinstance(value, (list, torch.Tensor))
        }
        return replace(self, **alone)


def frames_to_path(frames: np.ndarray) -> np.ndarray:
    """Frames of each phoneme `(P,)` to the 0/1 path `(P, sum)`, bool."""
    owners = np.repeat(np.arange(len(frames)), frames)
    return owners == np.arange(len(frames))[:, None]

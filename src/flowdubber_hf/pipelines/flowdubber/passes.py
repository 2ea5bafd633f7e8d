"""Long clips in passes: pieces of script and picture that the aligner and the language model read at a time.

The whole script is laid over the whole clip first; a pass ends in the middle of a pause, where nobody hears it. What is made of
the passes is joined before the fusion, so that the mel and the sound run through the whole clip."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from accelerate.utils import send_to_device

from ...models.aligner.alignment import durations_to_path
from ...models.aligner.modeling_aligner import FlowDubberAlignerEncoding
from ...models.blocks import split_blocks
from ...models.vocoder import FlowDubberVocoder
from ...processing.audio import MEL_FRAMES_PER_VIDEO_FRAME, VIDEO_FRAME_RATE
from ...processing.text import Phonemization


WHOLE_SECONDS = 30.0  # clips up to this length are one pass
_LEAST_SECONDS, _WANTED_SECONDS, _MOST_SECONDS = 4.0, 12.0, 20.0  # of a pass
_SEAM_FRAMES = 2  # video frames that a pause needs to be a seam
_GROUP_CELLS = 40_000_000  # phonemes times mel frames that are computed at once: 160 MB
_VOCODER_FRAMES, _VOCODER_REACH = 2000, 40  # mel frames; HiFi-GAN sees about 20 to each side
_WINDOW_MARGIN = 3  # video frames beside the words of a pass whose timing is natural


@dataclass(frozen=True)
class Pass:
    """A piece of a clip with the words that are said in it.

    Attributes:
        clip: its row in the call.
        phonemization: of these words, with silence at both ends.
        first: place of its first phoneme in the clip's whole phonemization; a pause between two passes belongs to both.
        start, stop: its video frames.
        spoken: where its words lie in these frames, from the plan; `None` where the lips tell.
    """

    clip: int
    phonemization: Phonemization
    first: int
    start: int
    stop: int
    spoken: tuple[int, int] | None = None

    @property
    def num_frames(self) -> int:
        return self.stop - self.start


def whole_clip(clip: int, phonemization: Phonemization, num_frames: int) -> Pass:
    return Pass(clip, phonemization, 0, 0, num_frames)


def split_clip(clip: int, phonemization: Phonemization, frames: np.ndarray, natural: bool) -> list[Pass]:
    """The passes of a long clip.

    Args:
        clip: its row.
        phonemization: of the whole script.
        frames (`(P,)` int): video frames of each phoneme.
        natural: whether the lips say nothing, so that words stay where the plan has them.
    """
    ends = np.cumsum(frames)
    middles = ends - frames // 2
    seams = _choose_seams(phonemization, frames, middles)
    borders = [(0, 0), *((place, int(middles[place])) for place in seams), (len(frames) - 1, int(ends[-1]))]
    passes = []
    for (first, start), (last, stop) in pairwise(borders):
        spoken = (int(ends[first]), int(ends[last] - frames[last])) if natural else None
        passes.append(Pass(clip, phonemization.part(first, last), first, start, stop, spoken))
    return passes


def _choose_seams(phonemization: Phonemization, frames: np.ndarray, middles: np.ndarray) -> list[int]:
    """Pauses at which a new pass begins: ends of sentences before clauses before words, the longest of a kind."""
    kinds = phonemization.pauses
    pauses = [place for place in range(1, len(kinds) - 1) if kinds[place] and frames[place] >= _SEAM_FRAMES]
    seconds = {place: middles[place] / VIDEO_FRAME_RATE for place in pauses}
    total, start, seams = frames.sum() / VIDEO_FRAME_RATE, 0.0, []
    while total - start > _MOST_SECONDS:

        def within(least: float, most: float, kind: str | None = None, start: float = start) -> list[int]:
            reached = (place for place in pauses if start + least < seconds[place] <= start + most)
            return [place for place in reached if kind in (None, kinds[place])]

        choices = (
            within(_LEAST_SECONDS, _WANTED_SECONDS, "sentence"),
            within(_WANTED_SECONDS, _MOST_SECONDS, "sentence")[:1],
            within(_LEAST_SECONDS, _WANTED_SECONDS, "clause"),
            within(_LEAST_SECONDS, _MOST_SECONDS),
            within(_MOST_SECONDS, total)[:1],
        )
        fitting = next(filter(None, choices), None)
        if fitting is None:
            break
        seams.append(max(fitting, key=lambda place: frames[place]))
        start = seconds[seams[-1]]
    return seams


def shifted(passes: Sequence[Pass], by: int) -> list[Pass]:
    """The same passes of clips that stand so many rows further down."""
    return [replace(one, clip=one.clip + by) for one in passes]


def group_passes(passes: Sequence[Pass]) -> list[list[Pass]]:
    """Passes in their order, as many at a time as fit the memory."""
    groups: list[list[Pass]] = []
    for one in passes:
        alike = groups and (groups[-1][0].spoken is None) == (one.spoken is None)
        grown = [*groups[-1], one] if alike else [one]
        phonemes = max(len(each.phonemization.phonemes) for each in grown)
        frames = MEL_FRAMES_PER_VIDEO_FRAME * max(each.num_frames for each in grown)
        if len(grown) > 1 and len(grown) * phonemes * frames <= _GROUP_CELLS:
            groups[-1] = grown
        else:
            groups.append([one])
    return groups


def narrowed(one: Pass) -> tuple[int, int]:
    """Video frames around the words of a pass whose timing is natural."""
    start, stop = one.spoken
    least = len(one.phonemization.phonemes) - sum(one.phonemization.optional)
    start, stop = max(one.start, start - _WINDOW_MARGIN), min(one.stop, stop + _WINDOW_MARGIN)
    return (start, stop) if stop - start >= least else (one.start, one.stop)


def joined_frames(passes: Sequence[Pass], counts: Sequence[np.ndarray], num_phonemes: int) -> np.ndarray:
    """Mel frames of each phoneme of a clip, `(P,)`, from those of its passes."""
    total = np.zeros(num_phonemes, dtype=np.int64)
    for one, frames in zip(passes, counts, strict=True):
        total[one.first : one.first + len(frames)] += frames
    return total


def given_frames(one: Pass, frames: np.ndarray) -> np.ndarray:
    """A pass's mel frames of each phoneme, `(P,)`, out of those of its clip: a pause at its ends is cut there."""
    size = len(one.phonemization.phonemes)
    ends = np.cumsum(frames)[one.first : one.first + size]
    start, stop = (MEL_FRAMES_PER_VIDEO_FRAME * place for place in (one.start, one.stop))
    return np.diff(np.clip(ends, start, stop), prepend=start)


def paths_of(frames: Sequence[np.ndarray], passes: Sequence[Pass]) -> torch.Tensor:
    """The 0/1 paths `(passes, P, 4F)` of mel frames `(P,)` each."""
    counts = [torch.as_tensor(row) for row in frames]
    longest = MEL_FRAMES_PER_VIDEO_FRAME * max(one.num_frames for one in passes)
    return durations_to_path(torch.nn.utils.rnn.pad_sequence(counts, batch_first=True), longest)


def vocode(vocoder: torch.nn.Module, spectrogram: torch.Tensor) -> torch.Tensor:
    """Sound `(1, samples)` of a mel `(1, T, 80)`; ours reads a long one piece by piece itself, others are given pieces that
    overlap by more than their reach."""
    if isinstance(vocoder, FlowDubberVocoder) or spectrogram.shape[1] <= _VOCODER_FRAMES:
        return vocoder(spectrogram)
    sounds = []
    for block in split_blocks(spectrogram.shape[1], _VOCODER_FRAMES, _VOCODER_REACH):
        sound = vocoder(spectrogram[:, block.read])
        hop = sound.shape[-1] // (block.read.stop - block.read.start)
        last = block.place.stop == spectrogram.shape[1]
        sounds.append(sound[..., block.kept.start * hop : None if last else block.kept.stop * hop])
    return torch.cat(sounds, dim=-1)


@dataclass
class Timing:
    """The passes of a call with what the aligner knows of each, in groups that were computed together."""

    groups: list[tuple[list[Pass], FlowDubberAlignerEncoding]]

    @property
    def passes(self) -> list[Pass]:
        return [one for passes, _ in self.groups for one in passes]

    def to(self, device: torch.device) -> "Timing":
        """The same on a device."""

        groups = [(passes, send_to_device(encoding, device)) for passes, encoding in self.groups]
        return Timing(groups)

    def join(self, values: Sequence[torch.Tensor], num_frames: Sequence[int], rate: int) -> torch.Tensor:
        """Sequences of the passes, `(n, rate * frames, C)` a group, to those of the clips, `(B, rate * F, C)`, zero on padding."""
        joined = values[0].new_zeros(len(num_frames), rate * max(num_frames), values[0].shape[-1])
        for (passes, _), rows in zip(self.groups, values, strict=True):
            for one, row in zip(passes, rows, strict=True):
                joined[one.clip, rate * one.start : rate * one.stop] = row[: rate * one.num_frames]
        return joined

    def phoneme_frames(self, num_phonemes: Sequence[int]) -> list[np.ndarray]:
        """Mel frames of each phoneme of each clip, `(P,)` each."""
        counts: list[list[np.ndarray]] = [[] for _ in num_phonemes]
        of_clip: list[list[Pass]] = [[] for _ in num_phonemes]
        for passes, encoding in self.groups:
            for one, path in zip(passes, encoding.path, strict=True):
                frames = path.float().sum(1)[: len(one.phonemization.phonemes)]
                counts[one.clip].append(frames.round().long().cpu().numpy())
                of_clip[one.clip].append(one)
        return [joined_frames(*row) for row in zip(of_clip, counts, num_phonemes, strict=True)]

    def maps(self, num_clips: int) -> list[np.ndarray | None] | None:
        """Each clip's alignment `(P, F)`, `None` for one of several passes; `None` if nothing was aligned."""
        if self.groups[0][1].alignment is None:
            return None
        maps: list[np.ndarray | None] = [None] * num_clips
        alone = np.bincount([one.clip for one in self.passes], minlength=num_clips) == 1
        for passes, encoding in self.groups:
            for one, alignment in zip(passes, encoding.alignment, strict=True):
                if alone[one.clip]:
                    size = len(one.phonemization.phonemes), one.num_frames
                    maps[one.clip] = alignment[: size[0], : size[1]].float().exp().cpu().numpy()
        return maps


__all__ = [
    "WHOLE_SECONDS",
    "Pass",
    "Timing",
    "given_frames",
    "group_passes",
    "narrowed",
    "paths_of",
    "shifted",
    "split_clip",
    "vocode",
    "whole_clip",
]

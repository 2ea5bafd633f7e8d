"""What the pipeline says of a dub's timing: where its words lie, whether they fit, and what listeners would stumble over."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...models.aligner.searches import LEAST_TELLING
from ...processing.audio import MEL_FRAME_RATE, VIDEO_FRAME_RATE
from ...processing.room import FAST_WORDS, FASTEST_PHONEMES_PER_SECOND, check_room, words_to_drop
from ...processing.text import Phonemization
from .passes import Pass, Timing
from .pipeline_output import FlowDubberPipelineOutput
from .prepared import PreparedDub


FLAT_LIPS = (
    "the lips hardly move or cannot be seen, so that they do not tell when the words are said: they follow each other at a "
    "natural tempo. If this is the wrong mouth, choose another with --mouth-box x0,y0,x1,y1 (mouth_box= in Python)."
)


def spoken_words(frames: np.ndarray, phonemization: Phonemization, duration: float) -> list[tuple[str, float, float]]:
    """When each word is spoken.

    Args:
        frames (`np.ndarray` of shape `(P,)`): mel frames (100 a second) of each phoneme.
        phonemization: of the script.
        duration (`float`): length of the clip in seconds, which no word exceeds.

    Returns:
        `(word, start, end)` in seconds.
    """
    owner, ends = np.asarray(phonemization.word_index), np.cumsum(frames)
    words = []
    for index, word in enumerate(phonemization.words):
        places = np.flatnonzero((owner == index) & (frames > 0))
        if places.size:
            start = (ends[places[0]] - frames[places[0]]) / MEL_FRAME_RATE
            words.append((word, float(start), float(min(ends[places[-1]] / MEL_FRAME_RATE, duration))))
    return words


def checked_frames(phonemization: Phonemization, frames: Any, num_mel_frames: int) -> np.ndarray:
    """Given mel frames of each phoneme, `(P,)`.

    Raises:
        ValueError: not one number a phoneme, or another sum than the clip's mel frames.
    """
    counts = np.asarray(frames)
    if len(counts) != len(phonemization.ids) or int(counts.sum()) != num_mel_frames:
        raise ValueError(
            f"`phoneme_frames` needs {len(phonemization.ids)} numbers with the sum {num_mel_frames} for this script and "
            f"clip ({' '.join(phonemization.phonemes)}), got {len(counts)} with the sum {int(counts.sum())}."
        )
    return counts


def even_frames(phonemization: Phonemization, num_mel_frames: int) -> np.ndarray:
    """The timing of an aligner without natural durations where no lips are read: obligatory phonemes share `num_mel_frames`
    evenly, pauses take none; `(P,)` int."""
    counted = ~np.asarray(phonemization.optional, dtype=bool)
    ends = np.rint(num_mel_frames * np.cumsum(counted) / counted.sum()).astype(np.int64)
    return np.diff(ends, prepend=0)


def hurried_words(phonemization: Phonemization, words: list[tuple[str, float, float]]) -> list[str]:
    """A warning for each run of words that is spoken faster than anybody follows: more than
    `FASTEST_PHONEMES_PER_SECOND` over `FAST_WORDS` words.

    Args:
        words: of [`spoken_words`], one for each word of the script.
    """
    counts = [len(pronunciation) for pronunciation in phonemization.pronunciations]
    if len(words) != len(counts):  # a word without time of its own cannot be counted
        return []
    size = min(FAST_WORDS, len(words))
    fast = np.zeros(len(words), dtype=bool)
    for first in range(len(words) - size + 1):
        seconds = words[first + size - 1][2] - words[first][1]
        if sum(counts[first : first + size]) > FASTEST_PHONEMES_PER_SECOND * seconds:
            fast[first : first + size] = True
    told = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], fast.astype(int), [0]])))
    for first, end in edges.reshape(-1, 2):
        seconds = max(words[end - 1][2] - words[first][1], 1 / MEL_FRAME_RATE)
        rate = sum(counts[first:end]) / seconds
        said = " ".join(word for word, _, _ in words[first:end])
        most = 60
        shown = said if len(said) <= most else said[: most - 3] + "..."
        told.append(
            f'"{shown}" at {words[first][1]:.2f} s is spoken at {math.ceil(rate)} phonemes a second, too fast to follow; '
            "shorten the script there or take a longer clip."
        )
    return told


def describe(
    ready: PreparedDub,
    aligned: Timing,
    audios: Any,
    sampling_rate: int,
    remarks: Mapping[int, str],
    timings: dict[str, float],
) -> FlowDubberPipelineOutput:
    """What a call returns.

    Args:
        ready: what was read.
        aligned: when each phoneme is spoken.
        audios: sounds, or latents.
        sampling_rate: of the sounds, in Hz.
        remarks: on the sound of a row.
        timings: seconds spent in each stage.
    """
    frames = aligned.phoneme_frames([len(one.phonemes) for one in ready.phonemizations])
    durations = [clip.duration for clip in ready.clips]
    words = [spoken_words(*row) for row in zip(frames, ready.phonemizations, durations, strict=True)]
    rows = zip(ready.phonemizations, ready.clips, ready.voices, flat_lips(aligned, len(ready)), words, strict=True)
    warnings = [
        [
            *phonemes.warnings,
            *clip.warnings,
            *voice.warnings,
            *([remarks[row]] if row in remarks else []),
            *still,
            *hurried_words(phonemes, said),
        ]
        for row, (phonemes, clip, voice, still, said) in enumerate(rows)
    ]
    return FlowDubberPipelineOutput(
        audios=audios,
        sampling_rate=sampling_rate,
        words=words,
        durations=durations,
        phonemes=[list(one.phonemes) for one in ready.phonemizations],
        alignments=aligned.maps(len(ready)),
        phoneme_frames=frames,
        warnings=warnings,
        timings=timings,
        videos=[clip.source for clip in ready.clips],
        mouths=[clip.crops for clip in ready.clips],
    )


def flat_lips(timing: Timing, num_clips: int) -> list[list[str]]:
    """[`FLAT_LIPS`] for each clip whose lips were read and told nothing, or that they did so in some of its passes."""
    flat: list[list[Pass]] = [[] for _ in range(num_clips)]
    passes = [0] * num_clips
    for group, encoding in timing.groups:
        told = [LEAST_TELLING] * len(group) if encoding.telling is None else encoding.telling.tolist()
        for one, value in zip(group, told, strict=True):
            passes[one.clip] += 1
            if value < LEAST_TELLING:
                flat[one.clip].append(one)
    return [_flat(found, count) for found, count in zip(flat, passes, strict=True)]


def _flat(passes: list[Pass], count: int) -> list[str]:
    if not passes:
        return []
    if len(passes) == count:
        return [FLAT_LIPS]
    spans = ", ".join(f"{one.start / VIDEO_FRAME_RATE:.0f}-{one.stop / VIDEO_FRAME_RATE:.0f} s" for one in passes)
    return [f"{spans}: {FLAT_LIPS}"]


__all__ = [
    "FASTEST_PHONEMES_PER_SECOND",
    "FLAT_LIPS",
    "check_room",
    "checked_frames",
    "describe",
    "even_frames",
    "flat_lips",
    "hurried_words",
    "spoken_words",
    "words_to_drop",
]

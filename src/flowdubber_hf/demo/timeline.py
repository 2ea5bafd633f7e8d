"""What the drawn head says and when: the demo's own words, and any English text at an average tempo."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from ..processing.audio import VIDEO_FRAME_RATE
from ..processing.text import phonemize


DEMO_SCRIPT = "place blue at f two now"
DEMO_REFERENCE_SCRIPT = "set red by nine again"
DEMO_SECONDS = 3.0


# Word, phonemes with seconds. The rest of the three seconds is silence before and after.
_DEMO_START = 0.52
_DEMO_WORDS = (
    ("place", (("P", 0.08), ("L", 0.07), ("EY1", 0.15), ("S", 0.11))),
    ("blue", (("B", 0.07), ("L", 0.07), ("UW1", 0.17))),
    ("at", (("AE1", 0.09), ("T", 0.07))),
    ("f", (("EH1", 0.14), ("F", 0.13))),
    ("two", (("T", 0.09), ("UW1", 0.17))),
    ("now", (("N", 0.09), ("AW1", 0.32))),
)
_REFERENCE_START = 0.15
_REFERENCE_WORDS = (
    ("set", (("S", 0.13), ("EH1", 0.13), ("T", 0.09))),
    ("red", (("R", 0.10), ("EH1", 0.15), ("D", 0.09))),
    ("by", (("B", 0.08), ("AY1", 0.20))),
    ("nine", (("N", 0.10), ("AY1", 0.22), ("N", 0.11))),
    ("again", (("AH0", 0.08), ("G", 0.08), ("EH1", 0.18), ("N", 0.14))),
)
_REFERENCE_SECONDS = 2.4


@dataclass(frozen=True)
class Segment:
    """A phoneme, the word it belongs to (`None` on silence) and when it is said, in seconds."""

    phoneme: str
    word: str | None
    start: float
    end: float


def spoken_segments(words: tuple, start: float, seconds: float) -> list[Segment]:
    """Words that follow each other, with silence before `start` and after the last one up to `seconds`.

    Args:
        words: pairs of a word and its phonemes, each phoneme with its seconds.
    """
    segments, time = [Segment("sil", None, 0.0, start)], start
    for word, phonemes in words:
        for phoneme, duration in phonemes:
            segments.append(Segment(phoneme, word, round(time, 3), round(time + duration, 3)))
            time += duration
    return [*segments, Segment("sil", None, round(time, 3), seconds)]


def demo_segments() -> list[Segment]:
    """The demo's script on its 3 seconds."""
    return spoken_segments(_DEMO_WORDS, _DEMO_START, DEMO_SECONDS)


def reference_segments() -> list[Segment]:
    """What the demo's voice says, on its 2.4 seconds."""
    return spoken_segments(_REFERENCE_WORDS, _REFERENCE_START, _REFERENCE_SECONDS)


def as_timeline(segments: list[Segment]) -> list[dict]:
    """Segments as what is written into files: `phoneme`, `word`, `start`, `end`."""
    return [{"phoneme": part.phoneme, "word": part.word, "start": part.start, "end": part.end} for part in segments]


def demo_timeline() -> list[dict]:
    """Phonemes of the demo's script with `word`, `start` and `end` in seconds."""
    return as_timeline(demo_segments())


# Mean seconds of each phoneme in 2,845 transcribed utterances of the training data (GRID, AN4, speechocean762) by forced
# alignment, each utterance first brought to 12 phonemes a second. An unstressed vowel has an entry of its own where at
# least 50 were met.
DURATIONS = {
    "B": 0.060, "CH": 0.105, "D": 0.065, "DH": 0.060, "F": 0.090, "G": 0.085, "HH": 0.075, "JH": 0.085, "K": 0.080,
    "L": 0.060, "M": 0.080, "N": 0.080, "NG": 0.100, "P": 0.085, "R": 0.060, "S": 0.100, "SH": 0.105, "T": 0.075,
    "TH": 0.080, "V": 0.060, "W": 0.085, "Y": 0.075, "Z": 0.105, "ZH": 0.085,
    "AA": 0.100, "AE": 0.090, "AH": 0.065, "AH0": 0.070, "AO": 0.100, "AW": 0.165, "AY": 0.110, "EH": 0.080, "ER": 0.095,
    "ER0": 0.100, "EY": 0.115, "IH": 0.070, "IH0": 0.055, "IY": 0.105, "IY0": 0.085, "OW": 0.120, "OW0": 0.080,
    "OY": 0.155, "UH": 0.070, "UW": 0.100,
}  # fmt: skip


_SILENCE_SECONDS = 0.3  # before the first word; after the last one at least as long, to a whole video frame


def of_phoneme(table: dict, phoneme: str) -> Any:
    """Entry of a phoneme, with its stress if the table has one, otherwise without."""
    return table[phoneme] if phoneme in table else table[phoneme.rstrip("012")]


def text_segments(text: str, accent: str) -> list[Segment]:
    """Segments of any English text; see [`speech_timeline`]."""
    spoken = phonemize(text, accent)
    words = tuple(
        (word, tuple((phoneme, of_phoneme(DURATIONS, phoneme)) for phoneme in pronunciation))
        for word, pronunciation in zip(spoken.words, spoken.pronunciations, strict=True)
    )
    speech = sum(duration for _, phonemes in words for _, duration in phonemes)
    frames = ceil(round((speech + 2 * _SILENCE_SECONDS) * VIDEO_FRAME_RATE, 6))
    return spoken_segments(words, _SILENCE_SECONDS, frames / VIDEO_FRAME_RATE)


def speech_timeline(text: str, accent: str = "us") -> list[dict]:
    """When a talker of average speed would say each phoneme of a text.

    Every phoneme lasts its mean duration (12 phonemes a second on average), words follow each other without a pause, and
    0.3 s of silence stand before and after them, the last one drawn out to a whole video frame.

    Args:
        text: English, as for [`~processing.text.phonemize`].
        accent: `us` or `gb`.

    Returns:
        `phoneme`, `word` (`None` on silence), `start` and `end` in seconds, without gaps.

    Raises:
        ValueError: text that cannot be said.
    """
    return as_timeline(text_segments(text, accent))


def smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing of `(n, ...)` over its first axis, edges held."""
    radius = max(1, int(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, [(radius, radius)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    return np.apply_along_axis(np.convolve, 0, padded, kernel / kernel.sum(), mode="valid")

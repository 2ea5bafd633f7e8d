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
"""The demo input that the project makes itself: a drawn talking head, a synthetic voice, a script. No recording is used.

The head's mouth follows the script's phonemes on a known timeline, which is written beside the video, so that the timing
of a dub can be checked; [`make_talking_head`] draws the same head saying any English text. The voice is made by a harmonic
source through the resonances of the vocal tract, with shaped noise for the fricatives and bursts: enough to carry pitch,
timbre and words, though nobody would take it for a person.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..work.files import replace_file, replacing
from .audio import SAMPLING_RATE, VIDEO_FRAME_RATE
from .encoding import write_silent_video
from .outputs import check_output, new_file
from .text import OPTIONAL_PHONEME, PHONEMES, SILENCE_PHONEME, phonemize
from .wav import write_wav


DEMO_SCRIPT = "place blue at f two now"
DEMO_REFERENCE_SCRIPT = "set red by nine again"
DEMO_SECONDS = 3.0
DEMO_WIDTH, DEMO_HEIGHT = 360, 288

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
class DemoFiles:
    """What [`make_demo`] wrote.

    Attributes:
        video: silent clip of the head, mp4, 360 x 288, 25 frames a second, 3 s.
        reference: the voice, wav, 16 kHz, 2.4 s.
        script: the words that the mouth says.
        reference_script: the words of the reference.
        timeline: json file of `(phoneme, word, start_s, end_s)` of the script.
    """

    video: Path
    reference: Path
    script: str
    reference_script: str
    timeline: Path


@dataclass(frozen=True)
class _Segment:
    phoneme: str
    word: str | None
    start: float
    end: float


def _segments(words: tuple, start: float, seconds: float) -> list[_Segment]:
    segments, time = [_Segment("sil", None, 0.0, start)], start
    for word, phonemes in words:
        for phoneme, duration in phonemes:
            segments.append(_Segment(phoneme, word, round(time, 3), round(time + duration, 3)))
            time += duration
    return [*segments, _Segment("sil", None, round(time, 3), seconds)]


def _timeline(segments: list[_Segment]) -> list[dict]:
    return [{"phoneme": part.phoneme, "word": part.word, "start": part.start, "end": part.end} for part in segments]


def demo_timeline() -> list[dict]:
    """Phonemes of the demo's script with `word`, `start` and `end` in seconds."""
    return _timeline(_segments(_DEMO_WORDS, _DEMO_START, DEMO_SECONDS))


# Mean seconds of each phoneme in 2,845 transcribed utterances of the training data (GRID, AN4, speechocean762) by forced
# alignment, each utterance first brought to 12 phonemes a second. An unstressed vowel has an entry of its own where at
# least 50 were met.
_DURATIONS = {
    "B": 0.060, "CH": 0.105, "D": 0.065, "DH": 0.060, "F": 0.090, "G": 0.085, "HH": 0.075, "JH": 0.085, "K": 0.080,
    "L": 0.060, "M": 0.080, "N": 0.080, "NG": 0.100, "P": 0.085, "R": 0.060, "S": 0.100, "SH": 0.105, "T": 0.075,
    "TH": 0.080, "V": 0.060, "W": 0.085, "Y": 0.075, "Z": 0.105, "ZH": 0.085,
    "AA": 0.100, "AE": 0.090, "AH": 0.065, "AH0": 0.070, "AO": 0.100, "AW": 0.165, "AY": 0.110, "EH": 0.080, "ER": 0.095,
    "ER0": 0.100, "EY": 0.115, "IH": 0.070, "IH0": 0.055, "IY": 0.105, "IY0": 0.085, "OW": 0.120, "OW0": 0.080,
    "OY": 0.155, "UH": 0.070, "UW": 0.100,
}  # fmt: skip
_RESTING = {OPTIONAL_PHONEME: SILENCE_PHONEME}  # the mouth of a pause is that of silence
_SILENCE_SECONDS = 0.3  # before the first word; after the last one at least as long, to a whole video frame


def _of_phoneme(table: dict, phoneme: str) -> Any:
    """Entry of a phoneme, with its stress if the table has one, otherwise without."""
    return table[phoneme] if phoneme in table else table[phoneme.rstrip("012")]


def _text_segments(text: str, accent: str) -> list[_Segment]:
    spoken = phonemize(text, accent)
    words = tuple(
        (word, tuple((phoneme, _of_phoneme(_DURATIONS, phoneme)) for phoneme in pronunciation))
        for word, pronunciation in zip(spoken.words, spoken.pronunciations, strict=True)
    )
    speech = sum(duration for _, phonemes in words for _, duration in phonemes)
    frames = ceil(round((speech + 2 * _SILENCE_SECONDS) * VIDEO_FRAME_RATE, 6))
    return _segments(words, _SILENCE_SECONDS, frames / VIDEO_FRAME_RATE)


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
    return _timeline(_text_segments(text, accent))


# ----------------------------------------------------------------------------------------------------------------------
# The voice
# ----------------------------------------------------------------------------------------------------------------------

_FRAME = 80  # samples between control points: 5 ms
_BANDWIDTHS = np.array([70.0, 90.0, 130.0, 200.0, 280.0])
_UPPER_FORMANTS = (3500.0, 4500.0)


@dataclass(frozen=True)
class _Sound:
    """Targets of a stretch of speech: formants 1 to 3 in Hz, strength of voice and noise, noise's centre and width in Hz."""

    formants: tuple[float, float, float]
    voice: float = 0.0
    noise: float = 0.0
    centre: float = 4000.0
    width: float = 1500.0


_REST = _Sound((500, 1500, 2500))
# Each phoneme is a run of (sound, share of its duration): diphthongs glide, stops close and then burst.
_SOUNDS: dict[str, tuple[tuple[_Sound, float], ...]] = {
    "sil": ((_REST, 1.0),),
    "P": ((_Sound((400, 1000, 2300)), 0.6), (_Sound((450, 1200, 2400), 0.0, 0.35, 1000, 1200), 0.4)),
    "B": ((_Sound((250, 1000, 2300), 0.12), 0.75), (_Sound((400, 1100, 2300), 0.4, 0.15, 900, 900), 0.25)),
    "T": ((_Sound((400, 1700, 2600)), 0.5), (_Sound((400, 1750, 2600), 0.0, 0.55, 4200, 1800), 0.5)),
    "D": ((_Sound((250, 1700, 2600), 0.12), 0.7), (_Sound((400, 1750, 2600), 0.3, 0.3, 3800, 1600), 0.3)),
    "G": ((_Sound((250, 1900, 2300), 0.12), 0.65), (_Sound((350, 2000, 2300), 0.3, 0.3, 2000, 900), 0.35)),
    "S": ((_Sound((400, 1650, 2600), 0.0, 0.6, 5600, 1500), 1.0),),
    "F": ((_Sound((400, 1200, 2400), 0.0, 0.08, 3000, 6000), 1.0),),
    "L": ((_Sound((360, 1100, 2700), 0.6), 1.0),),
    "R": ((_Sound((350, 1150, 1600), 0.6), 1.0),),
    "N": ((_Sound((270, 1500, 2500), 0.45), 1.0),),
    "EH1": ((_Sound((570, 1800, 2500), 1.0), 1.0),),
    "AE1": ((_Sound((690, 1700, 2450), 1.0), 1.0),),
    "AH0": ((_Sound((600, 1250, 2450), 0.8), 1.0),),
    "UW1": ((_Sound((320, 1000, 2250), 0.9), 1.0),),
    "EY1": ((_Sound((510, 1900, 2550), 1.0), 0.5), (_Sound((370, 2150, 2700), 0.9), 0.5)),
    "AY1": ((_Sound((730, 1200, 2500), 1.0), 0.5), (_Sound((400, 2000, 2600), 0.9), 0.5)),
    "AW1": ((_Sound((740, 1300, 2500), 1.0), 0.55), (_Sound((420, 950, 2400), 0.9), 0.45)),
}


def _smooth(values: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian smoothing of `(n, ...)` over its first axis, edges held."""
    radius = max(1, int(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, [(radius, radius)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    return np.apply_along_axis(np.convolve, 0, padded, kernel / kernel.sum(), mode="valid")


def _controls(segments: list[_Segment], seconds: float, pitch: float, tract: float) -> dict[str, np.ndarray]:
    """Control tracks every 5 ms; `pitch` and `tract` multiply the pitch and the resonances."""
    times = np.arange(round(seconds * SAMPLING_RATE / _FRAME)) * _FRAME / SAMPLING_RATE
    rows = np.zeros((len(times), 7))
    for part in segments:
        start = part.start
        for sound, share in _SOUNDS[part.phoneme]:
            end = start + share * (part.end - part.start)
            row = (*sound.formants, sound.voice, sound.noise, sound.centre, sound.width)
            rows[(times >= start - 1e-9) & (times < end)] = row
            start = end
    speech = (times >= segments[0].end) & (times < segments[-1].start)
    progress = np.cumsum(speech) / max(1, speech.sum())
    return {
        "formants": _smooth(rows[:, :3], 4.0) * tract,
        "voice": _smooth(rows[:, 3:4], 2.2)[:, 0],
        "noise": _smooth(rows[:, 4:5], 1.4)[:, 0],
        "band": rows[:, 5:7],
        "pitch": pitch * (128.0 - 32.0 * progress + 9.0 * np.sin(2 * np.pi * 2.1 * times)),
    }


def _tract(frequencies: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Complex response of the vocal tract: five resonances in a row. Both arguments broadcast; formants on the last axis."""
    upper = np.broadcast_to(_UPPER_FORMANTS, (*formants.shape[:-1], len(_UPPER_FORMANTS)))
    poles = np.concatenate([formants, upper], axis=-1)
    f = frequencies[..., None]
    return np.prod(poles**2 / (poles**2 - f**2 + 1j * f * _BANDWIDTHS), axis=-1)


def _voice(tracks: dict[str, np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """Sum of the harmonics of the pitch, each as strong and as delayed as the tract makes it."""
    frames = len(tracks["pitch"])
    points = np.arange(frames) * _FRAME
    samples = np.arange(frames * _FRAME)
    flutter = _smooth(generator.normal(0.0, 1.0, frames), 2.0)
    pitch = np.interp(samples, points, tracks["pitch"] * (1.0 + 0.012 * flutter))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLING_RATE
    sound = np.zeros(len(samples))
    for number in range(1, int(7600 / tracks["pitch"].min()) + 1):
        frequency = number * tracks["pitch"]
        tilt = (1.0 + (frequency / 300.0) ** 2) ** -0.5 * np.exp(-frequency / 5000.0)  # glottis and lips together
        response = _tract(frequency, tracks["formants"]) * tilt * tracks["voice"] * (frequency < 7600)
        real, imaginary = np.interp(samples, points, response.real), np.interp(samples, points, response.imag)
        sound += real * np.cos(number * phase) - imaginary * np.sin(number * phase)
    return sound


def _noise(tracks: dict[str, np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """White noise shaped every 5 ms: friction through its band, breath through the tract."""
    frames, size = len(tracks["noise"]), 4 * _FRAME
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLING_RATE)
    centre, width = tracks["band"][:, :1], tracks["band"][:, 1:]
    friction = tracks["noise"][:, None] * np.exp(-0.5 * ((frequencies - centre) / width) ** 2)
    breath = np.abs(_tract(frequencies[None], tracks["formants"][:, None])) * np.exp(-frequencies / 4000.0)
    shape = friction + 0.015 * tracks["voice"][:, None] * breath + 4e-4
    white = generator.normal(0.0, 1.0, frames * _FRAME + size)
    window = np.hanning(size + 1)[:-1] * 0.5  # four-fold overlap adds up to one
    sound = np.zeros(frames * _FRAME + size)
    for frame in range(frames):
        part = slice(frame * _FRAME, frame * _FRAME + size)
        sound[part] += np.fft.irfft(np.fft.rfft(white[part]) * shape[frame], size) * window
    return sound[size // 2 : size // 2 + frames * _FRAME]


def _speak(words: tuple, start: float, seconds: float, pitch: float = 1.0, tract: float = 1.0) -> np.ndarray:
    """Synthetic speech `(samples,)` float32 at 16 kHz, peak 0.5."""
    if not (0.5 <= pitch <= 2.5 and 0.8 <= tract <= 1.3):
        raise ValueError(f"pitch must lie between 0.5 and 2.5 and tract between 0.8 and 1.3, got {pitch} and {tract}.")
    generator = np.random.default_rng(0)
    tracks = _controls(_segments(words, start, seconds), seconds, pitch, tract)
    sound = _voice(tracks, generator) + _noise(tracks, generator)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def demo_reference(pitch: float = 1.0, tract: float = 1.0) -> np.ndarray:
    """The demo's voice saying "set red by nine again": `(38400,)` float32 at 16 kHz, the same at every call.

    Args:
        pitch (`float`, defaults to 1.0): multiplies the pitch, which falls from about 130 to 95 Hz; 0.5 to 2.5.
        tract (`float`, defaults to 1.0): multiplies the resonances; above 1 for the shorter vocal tracts of women and
            children, 0.8 to 1.3.

    Raises:
        ValueError: out of these ranges.
    """
    return _speak(_REFERENCE_WORDS, _REFERENCE_START, _REFERENCE_SECONDS, pitch, tract)


def demo_speech(pitch: float = 1.0, tract: float = 1.0) -> np.ndarray:
    """The same voice saying the demo's script in time with the head's mouth: `(48000,)` float32 at 16 kHz.

    Args:
        pitch, tract: as for [`demo_reference`].
    """
    return _speak(_DEMO_WORDS, _DEMO_START, DEMO_SECONDS, pitch, tract)


# ----------------------------------------------------------------------------------------------------------------------
# The head
# ----------------------------------------------------------------------------------------------------------------------

_SCALE = 2  # drawn at twice the size and reduced, which smooths all edges
_HEAD_X, _HEAD_Y = 180.0, 150.0  # centre of the face, pixels of the finished picture
_MOUTH_Y = 204.0
_SKIN = np.array([214.0, 172.0, 150.0])
_LIP = np.array([184.0, 122.0, 112.0])
_MOUTH_WINDOW = (
    slice(184, 276),
    slice(108, 252),
)  # rows and columns of the finished picture that change while speaking


_BLINK_EVERY = 55  # frames
_BLINKS = (9, 10)  # of these, with closed eyes


@dataclass(frozen=True)
class _Mouth:
    """Shape of the mouth, 0 to 1 each: jaw opening, width (0.5 at rest, below when rounded), upper teeth, lips pressed."""

    opening: float
    width: float = 0.5
    teeth: float = 0.5
    press: float = 0.0


_PRESSED = (_Mouth(0.0, 0.48, 0.0, 1.0),)
_LIP_TO_TEETH = (_Mouth(0.10, 0.55, 1.0, 0.3),)
_HISS = (_Mouth(0.15, 0.70, 1.0),)
_HUSH = (_Mouth(0.18, 0.22, 0.9),)
_TONGUE_TO_TEETH = (_Mouth(0.22, 0.55, 0.8),)
_BACK_OF_TONGUE = (_Mouth(0.28, 0.52, 0.5),)

# A diphthong is a run of shapes.
_MOUTHS: dict[str, tuple[_Mouth, ...]] = {
    SILENCE_PHONEME: (_Mouth(0.0, 0.5, 0.0, 0.1),),
    **dict.fromkeys(("P", "B", "M"), _PRESSED),
    **dict.fromkeys(("F", "V"), _LIP_TO_TEETH),
    **dict.fromkeys(("S", "Z"), _HISS),
    **dict.fromkeys(("SH", "ZH", "CH", "JH"), _HUSH),
    **dict.fromkeys(("TH", "DH"), _TONGUE_TO_TEETH),
    **dict.fromkeys(("K", "G", "NG"), _BACK_OF_TONGUE),
    "T": (_Mouth(0.18, 0.60, 0.9),),
    "D": (_Mouth(0.20, 0.58, 0.9),),
    "N": (_Mouth(0.24, 0.55, 0.6),),
    "L": (_Mouth(0.32, 0.55, 0.6),),
    "R": (_Mouth(0.22, 0.25, 0.3),),
    "HH": (_Mouth(0.34, 0.52, 0.5),),
    "W": (_Mouth(0.14, 0.0, 0.0),),
    "Y": (_Mouth(0.26, 0.72, 0.8),),
    "AA": (_Mouth(0.90, 0.50, 0.5),),
    "AE": (_Mouth(0.75, 0.70, 0.7),),
    "AH": (_Mouth(0.60, 0.55, 0.5),),
    "AH0": (_Mouth(0.42, 0.52, 0.5),),
    "AO": (_Mouth(0.72, 0.25, 0.3),),
    "EH": (_Mouth(0.58, 0.68, 0.7),),
    "ER": (_Mouth(0.36, 0.30, 0.4),),
    "IH": (_Mouth(0.42, 0.65, 0.7),),
    "IY": (_Mouth(0.32, 0.82, 0.9),),
    "UH": (_Mouth(0.34, 0.16, 0.1),),
    "UW": (_Mouth(0.22, 0.02, 0.0),),
    "EY": (_Mouth(0.55, 0.70, 0.7), _Mouth(0.32, 0.80, 0.9)),
    "AY": (_Mouth(0.90, 0.55, 0.6), _Mouth(0.38, 0.75, 0.9)),
    "AW": (_Mouth(0.95, 0.50, 0.5), _Mouth(0.35, 0.08, 0.1)),
    "OW": (_Mouth(0.55, 0.22, 0.2), _Mouth(0.26, 0.04, 0.0)),
    "OY": (_Mouth(0.66, 0.20, 0.3), _Mouth(0.38, 0.72, 0.9)),
}


def _mouth_track(segments: list[_Segment], seconds: float) -> np.ndarray:
    """Opening, width, teeth and press of the mouth in every video frame `(F, 4)`; lips move before the sound is heard."""
    rate = 200
    rows = np.zeros((round(seconds * rate), 4))
    for part in segments:
        shapes = _of_phoneme(_MOUTHS, part.phoneme)
        edges = np.linspace(part.start, part.end, len(shapes) + 1)
        for mouth, (start, end) in zip(shapes, pairwise(edges), strict=True):
            row = (mouth.opening, mouth.width, mouth.teeth, mouth.press)
            rows[round(start * rate) : round(end * rate)] = row
    rows = _smooth(rows, 0.026 * rate)
    times = (np.arange(round(seconds * VIDEO_FRAME_RATE)) + 0.5) / VIDEO_FRAME_RATE + 0.01
    return rows[np.minimum((times * rate).astype(int), len(rows) - 1)]


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """x and y of all pixels of the large picture, in pixels of the finished one."""
    y, x = np.mgrid[0 : DEMO_HEIGHT * _SCALE, 0 : DEMO_WIDTH * _SCALE]
    return ((x + 0.5) / _SCALE).astype(np.float32), ((y + 0.5) / _SCALE).astype(np.float32)


def _blob(x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float, soft: float) -> np.ndarray:
    """Ellipse with an edge about `soft` pixels wide: 1 inside, 0 outside."""
    radius = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
    return np.clip((1.0 - radius) * min(rx, ry) / soft + 0.5, 0.0, 1.0)


def _paint(picture: np.ndarray, mask: np.ndarray, colour: np.ndarray | tuple[float, ...]) -> None:
    picture += mask[..., None] * (np.asarray(colour, dtype=np.float32) - picture)


def _shade(picture: np.ndarray, mask: np.ndarray, strength: float) -> None:
    picture *= 1.0 + strength * mask[..., None]


def _face_outline(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The face: wide at the cheeks, narrower at the chin."""
    below = np.clip((y - _HEAD_Y) / 96.0, 0.0, 1.0)
    half_width = 67.0 - 8.0 * below**2
    power = 2.0 + 0.6 * below
    radius = (np.abs(x - _HEAD_X) / half_width) ** power + (np.abs(y - _HEAD_Y) / 96.0) ** power
    radius **= 1.0 / power
    return np.clip((1.0 - radius) * 22.0 + 0.5, 0.0, 1.0)


@lru_cache(maxsize=2)
def _head(eyes_open: bool) -> tuple[np.ndarray, np.ndarray]:
    """The picture without its mouth, float RGB: the mouth's window at the large size, and all at the finished size."""
    picture = _draw_head(eyes_open)
    rows, columns = _large(_MOUTH_WINDOW)
    return picture[rows, columns].copy(), _reduce(picture)


def _large(window: tuple[slice, slice]) -> tuple[slice, slice]:
    rows, columns = window
    return slice(rows.start * _SCALE, rows.stop * _SCALE), slice(columns.start * _SCALE, columns.stop * _SCALE)


def _reduce(picture: np.ndarray) -> np.ndarray:
    size = (picture.shape[1] // _SCALE, picture.shape[0] // _SCALE)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _draw_head(eyes_open: bool) -> np.ndarray:
    x, y = _grid()
    picture = np.empty((*x.shape, 3), np.float32)
    picture[:] = np.array([92.0, 108.0, 132.0], np.float32)
    _shade(picture, _blob(x, y, 180, 110, 260, 220, 200), 0.25)
    _paint(picture, _blob(x, y, 180, 330, 150, 78, 6), (52, 62, 84))  # shoulders
    _paint(picture, _blob(x, y, 180, 240, 34, 50, 3), _SKIN * 0.78)  # neck
    _paint(picture, _blob(x, y, 180, 118, 76, 88, 6), (62, 46, 38))  # hair
    for side in (-1, 1):
        _paint(picture, _blob(x, y, 180 + side * 67, 158, 9, 18, 3), _SKIN * 0.85)  # ears
    face = _face_outline(x, y)
    _paint(picture, face, _SKIN)
    skin = face * np.clip(
        1.0 - ((x - _HEAD_X) / 78.0) ** 2 * 0.45 - np.clip((y - 190) / 120, 0, 1) ** 2 * 0.5, 0.4, 1.0
    )
    picture *= 1.0 - face[..., None] + skin[..., None]
    hair = _blob(x, y, 180, 118, 76, 88, 6)
    _paint(picture, hair * np.clip((98.0 + 10.0 * np.cos((x - 180) / 30.0) - y) / 7.0, 0.0, 1.0), (62, 46, 38))
    for side in (-1, 1):
        _draw_eye(picture, x, y, 180.0 + side * 28.0, side, eyes_open)
        _shade(picture, _blob(x, y, 180 + side * 36, 182, 20, 18, 22), 0.07)  # cheeks
        _shade(picture, _blob(x, y, 180 + side * 13, 158, 6, 26, 9), -0.10)  # sides of the nose
        _shade(picture, _blob(x, y, 180 + side * 13, 178, 6, 7, 5), -0.12)  # wings of the nose
        _paint(picture, 0.7 * _blob(x, y, 180 + side * 7.0, 184, 4.6, 2.6, 3), (92, 58, 50))  # nostrils
        _shade(picture, _blob(x, y, 180 + side * 34, 206, 5, 16, 9), -0.06)  # folds beside the mouth
    _shade(picture, _blob(x, y, 180, 160, 5, 28, 7), 0.10)
    _shade(picture, _blob(x, y, 180, 177, 9, 8, 8), 0.08)  # tip of the nose
    _shade(picture, _blob(x, y, 180, 190, 14, 4, 5), -0.12)
    _shade(picture, _blob(x, y, 180, 222, 18, 5.0, 8), -0.12)
    _shade(picture, _blob(x, y, 180, 234, 16, 9.0, 14), 0.06)  # chin
    _shade(picture, _blob(x, y, 180, 258, 40, 10.0, 14), -0.25)  # shadow on the neck
    return picture


def _draw_eye(picture: np.ndarray, x: np.ndarray, y: np.ndarray, cx: float, side: int, eyes_open: bool) -> None:
    _shade(picture, _blob(x, y, cx, 138, 21, 12, 14), -0.30)
    brow = _blob(x, y - 0.10 * side * (x - cx), cx + side, 123, 19, 3.4, 3)
    _paint(picture, 0.85 * brow, (60, 44, 36))
    if not eyes_open:
        _paint(picture, 0.8 * _blob(x, y, cx, 143, 12, 2.0, 2), (84, 58, 50))
        return
    white = _blob(x, y, cx, 140, 12.5, 6.0, 2)
    _paint(picture, white, (226, 222, 216))
    _paint(picture, white * _blob(x, y, cx, 140, 5.6, 5.8, 2), (70, 52, 40))
    _paint(picture, white * _blob(x, y, cx, 140, 2.6, 2.6, 1.5), (18, 14, 12))
    _paint(picture, _blob(x, y, cx + 2, 138, 1.3, 1.3, 1), (250, 250, 250))
    lid = _blob(x, y, cx, 139, 14.0, 7.5, 2) * np.clip((137.0 - y) / 2.0, 0.0, 1.0)
    _paint(picture, 0.85 * lid, (54, 38, 32))


def _drop_jaw(view: np.ndarray, x: np.ndarray, y: np.ndarray, drop: float) -> np.ndarray:
    """Moves what lies below the mouth down by `drop` pixels, fading out under the chin and to the sides."""
    side = np.exp(-(((x - _HEAD_X) / 52.0) ** 4))
    amount = np.clip((y - _MOUTH_Y) / 14.0, 0.0, 1.0) * np.clip((272.0 - y) / 26.0, 0.0, 1.0) * side * drop
    columns = ((x - x[0, 0]) * _SCALE).astype(np.float32)
    rows = ((y - amount - y[0, 0]) * _SCALE).astype(np.float32)
    return cv2.remap(view, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _curve(x: np.ndarray, half: float, height: float, power: float) -> np.ndarray:
    """A lip's edge: `height` in the middle, 0 at the corners."""
    return height * np.clip(1.0 - np.abs((x - _HEAD_X) / half) ** power, 0.0, None)


def _draw_mouth(
    view: np.ndarray, x: np.ndarray, y: np.ndarray, opening: float, width: float, teeth: float, press: float
) -> None:
    half = 17.0 + 15.0 * width
    gap_top, gap_bottom = 3.0 * opening, 17.0 * opening
    inner_top = _MOUTH_Y - _curve(x, half * 0.86, gap_top, 2.2)
    inner_bottom = _MOUTH_Y + _curve(x, half * 0.86, gap_bottom, 2.4)
    thick = (1.0 - 0.55 * press) * (1.0 + 0.35 * (0.5 - width))
    bow = 1.4 * np.exp(-(((x - _HEAD_X) / 4.5) ** 2))  # the notch of the upper lip
    outer_top = inner_top - np.clip(_curve(x, half, 7.0 * thick, 1.8) - bow, 0.0, None)
    outer_bottom = inner_bottom + _curve(x, half, 9.0 * thick, 2.2)
    lips = 0.9 * cv2.GaussianBlur(_between(y, outer_top, outer_bottom) * (np.abs(x - _HEAD_X) < half), (0, 0), 2.0)
    light = np.where(y < _MOUTH_Y, 0.88, 1.0 + 0.12 * np.exp(-(((y - inner_bottom - 4.0) / 3.0) ** 2)))
    view += lips[..., None] * (_LIP * light[..., None] - view)
    cavity = cv2.GaussianBlur(_between(y, inner_top, inner_bottom) * (np.abs(x - _HEAD_X) < half * 0.86), (0, 0), 1.2)
    _paint(view, cavity, (66, 34, 34))
    tongue = cavity * _blob(x, y, _HEAD_X, _MOUTH_Y + gap_bottom + 2.0, half * 0.6, 6.0, 4)
    _paint(view, 0.8 * tongue, (140, 72, 74))
    row = _between(y, inner_top, inner_top + 5.0 * min(1.0, 4.0 * opening)) * (np.abs(x - _HEAD_X) < half * 0.62)
    row = cv2.GaussianBlur(row, (0, 0), 1.2)
    _paint(view, np.minimum(cavity, row) * min(0.85, teeth), (206, 196, 182))
    seam = np.exp(-(((y - _MOUTH_Y) / 1.1) ** 2)) * (np.abs(x - _HEAD_X) < half) * max(0.0, 1.0 - 6.0 * opening)
    _paint(view, 0.75 * seam, (96, 50, 50))


def _between(y: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Soft mask of top < y < bottom."""
    return np.clip(np.minimum(y - top, bottom - y) + 0.25, 0.0, 1.0)


def demo_frames() -> np.ndarray:
    """The talking head `(75, 288, 360, 3)` uint8 RGB at 25 frames a second, the same at every call."""
    return _head_frames(_segments(_DEMO_WORDS, _DEMO_START, DEMO_SECONDS))


def _head_frames(segments: list[_Segment]) -> np.ndarray:
    track = _mouth_track(segments, segments[-1].end)
    generator = np.random.default_rng(0)
    x, y = (values[_large(_MOUTH_WINDOW)] for values in _grid())
    frames = []
    for index, shape in enumerate(track):
        window, picture = _head(index % _BLINK_EVERY not in _BLINKS)
        view = _drop_jaw(window, x, y, 15.0 * shape[0])
        _draw_mouth(view, x, y, *shape)
        picture = picture.copy()
        picture[_MOUTH_WINDOW] = _reduce(view)
        time = index / VIDEO_FRAME_RATE
        sway = (1.6 * np.sin(2 * np.pi * 0.4 * time), 1.2 * np.sin(2 * np.pi * 0.55 * time + 1.0))
        matrix = np.array([[1, 0, sway[0]], [0, 1, sway[1]]], np.float32)
        size = (DEMO_WIDTH, DEMO_HEIGHT)
        picture = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        picture += generator.normal(0.0, 1.5, (DEMO_HEIGHT, DEMO_WIDTH, 1)).astype(np.float32)
        frames.append(np.clip(np.round(picture), 0, 255).astype(np.uint8))
    return np.stack(frames)


def talking_head_frames(timeline: Sequence[dict]) -> np.ndarray:
    """The head with its mouth following given times.

    Args:
        timeline: `phoneme`, `start` and `end` in seconds, without gaps from 0, as [`speech_timeline`] returns or as a
            recording was aligned.

    Returns:
        `(F, 288, 360, 3)` uint8 RGB at 25 frames a second, F the last end rounded to whole frames.

    Raises:
        ValueError: no phonemes, an unknown one, or times that do not follow each other.
    """
    segments = [
        _Segment(_RESTING.get(part["phoneme"], part["phoneme"]), part.get("word"), part["start"], part["end"])
        for part in timeline
    ]
    known = {*PHONEMES} - {"<pad>", "spn"}
    if not segments or any(part.phoneme not in known for part in segments):
        raise ValueError("the timeline needs phonemes of the inventory (ARPAbet, `sil`, `sp`).")
    if segments[0].start != 0 or any(a.end != b.start or b.end < b.start for a, b in pairwise(segments)):
        raise ValueError("the times of the timeline must start at 0 and follow each other without gaps.")
    return _head_frames(segments)


def make_talking_head(
    text: str, path: str | Path, accent: str = "us", overwrite: bool = False, timeline: Sequence[dict] | None = None
) -> list[dict]:
    """Draws the head saying a text: a silent mp4, 360 x 288, 25 frames a second, the same bytes every time.

    Args:
        text: English, as for [`~processing.text.phonemize`].
        path: of the video, `.mp4`; written whole or not at all.
        accent: `us` or `gb`.
        overwrite (`bool`, *optional*, defaults to `False`): replace the file.
        timeline (*optional*): when the phonemes are said, as for [`talking_head_frames`], in place of average durations.

    Returns:
        What the mouth says when, as [`speech_timeline`].

    Raises:
        ValueError: text that cannot be said, a wrong timeline; the file is there already or cannot be written.
    """
    path = Path(path)
    timeline = speech_timeline(text, accent) if timeline is None else list(timeline)
    frames = talking_head_frames(timeline)
    with new_file(path, (".mp4",), overwrite) as temporary:
        write_silent_video(temporary, frames)
    return timeline


def make_demo(folder: str | Path, overwrite: bool = False) -> DemoFiles:
    """Writes the demo input: `demo.mp4`, `demo_reference.wav` and `demo_timeline.json`.

    Args:
        folder: made if it is not there.
        overwrite (`bool`, *optional*, defaults to `False`): replace files of these names.

    Raises:
        ValueError: the folder cannot be made or written, or a file is there already.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("demo.mp4", "demo_reference.wav", "demo_timeline.json"):
            check_output(folder / name, (".mp4", ".wav", ".json"), overwrite)
        files = DemoFiles(
            video=folder / "demo.mp4",
            reference=write_wav(folder / "demo_reference.wav", demo_reference(), overwrite=True),
            script=DEMO_SCRIPT,
            reference_script=DEMO_REFERENCE_SCRIPT,
            timeline=folder / "demo_timeline.json",
        )
        with replacing(files.video) as temporary:
            write_silent_video(temporary, demo_frames())
        replace_file(files.timeline, (json.dumps(demo_timeline(), indent=1) + "\n").encode())
    except OSError as error:
        raise ValueError(f"the demo cannot be written to {folder} ({error.strerror or error}).") from error
    return files

"""What each speaker says over the whole film, as sound of exactly the film's length: takes brought to 48 kHz once, placed by the sample."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import math
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..processing.encoding import to_sound_rate
from ..processing.long_wav import RATE, channel_names
from ..processing.sound import MAX_AUDIO_SECONDS, SAMPLING_RATE, load_audio
from .background import exact


EDGE_FADE = 5 * RATE // 1000  # samples
_MOST_GAIN = 40.0  # decibels


@dataclass(frozen=True)
class Line:
    """A take in its place.

    Attributes:
        sound: a wav file, or `(samples,)` float32 in [-1, 1], at 16 kHz.
        start: of its first sample, microseconds from the first picture.
        speaker: whose stem it goes into.
        gain_db: decibels.
        pan: -1 left, 0 middle, 1 right; middle is the centre channel where the layout has one.
    """

    sound: Path | np.ndarray
    start: int
    speaker: str
    gain_db: float = 0.0
    pan: float = 0.0

    @property
    def place(self) -> int:
        """Its first sample at 48 kHz."""
        return round(self.start * RATE / 1_000_000)

    @property
    def most_samples(self) -> int:
        """Samples at 48 kHz that it has at most, by the file's header."""
        if isinstance(self.sound, np.ndarray):
            return -(-len(self.sound) * RATE // SAMPLING_RATE)
        try:
            with wave.open(str(self.sound)) as file:
                return -(-file.getnframes() * RATE // file.getframerate()) + 1
        except (wave.Error, EOFError, OSError, ZeroDivisionError):
            return round(MAX_AUDIO_SECONDS * RATE)  # of another kind, or there is none, which reading it tells

    @property
    def key(self) -> str:
        """Text that is another one where the take or its place is another one."""
        if isinstance(self.sound, np.ndarray):
            take = hashlib.sha256(np.ascontiguousarray(self.sound)).hexdigest()
        else:
            found = self.sound.stat()
            take = f"{self.sound.absolute()} {found.st_size} {found.st_mtime_ns}"
        return f"{take} {self.start} {self.gain_db!r} {self.pan!r}"


def pan_weights(layout: str, pan: float = 0.0) -> np.ndarray:
    """`(channels,)` float32: how much of a voice each channel has, as loud together wherever it stands.

    Args:
        layout: FFmpeg's name of the channels.
        pan: -1 left, 0 middle, 1 right.

    Raises:
        ValueError: out of range.
    """
    if not -1 <= pan <= 1:
        raise ValueError(f"pan lies between -1 (left) and 1 (right), got {pan:g}.")
    names = channel_names(layout)
    weights = dict.fromkeys(names, 0.0)
    if not {"FL", "FR"} <= set(names):
        weights["FC" if "FC" in names else names[0]] = 1.0
    elif "FC" in names and pan >= 0:
        weights["FC"], weights["FR"] = _power(pan)
    elif "FC" in names:
        weights["FC"], weights["FL"] = _power(-pan)
    else:
        weights["FL"], weights["FR"] = _power((pan + 1) / 2)
    return np.array([weights[name] for name in names], np.float32)


def _power(part: float) -> tuple[float, float]:
    """Weights of two channels of which the second has a part of the way, their squares together 1."""
    return math.cos(part * math.pi / 2), math.sin(part * math.pi / 2)


def placed_sound(line: Line, layout: str) -> np.ndarray:
    """`(channels, samples)` float32 at 48 kHz in exact steps: a take with its edges faded, its gain and its place among the channels.

    Raises:
        ValueError: the file cannot be read, or a gain that is none.
    """
    if not abs(line.gain_db) <= _MOST_GAIN:
        raise ValueError(f"a gain lies between -{_MOST_GAIN:g} and {_MOST_GAIN:g} dB, got {line.gain_db:g}.")
    sound = load_audio(line.sound, None if isinstance(line.sound, Path) else SAMPLING_RATE)
    sound = to_sound_rate(sound, SAMPLING_RATE)
    edge = min(EDGE_FADE, len(sound) // 2)
    ramp = (np.arange(edge) + 0.5) / max(1, edge)
    sound[:edge] *= ramp
    sound[len(sound) - edge :] *= ramp[::-1]
    gain = 10 ** (line.gain_db / 20)
    return exact(sound * gain * pan_weights(layout, line.pan)[:, None])


@dataclass
class Stem:
    """All lines of a speaker as one sound; lines of one speaker that overlap are added.

    Args:
        lines: in any order.
        layout: FFmpeg's name of the channels.
        samples: of the film.
    """

    lines: Sequence[Line]
    layout: str
    samples: int
    _held: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.channels = len(channel_names(self.layout))
        self.lines = sorted(self.lines, key=lambda line: line.place)
        self._lengths = [line.most_samples for line in self.lines]

    def _near(self, start: int, stop: int) -> list[int]:
        """Numbers of the lines that may be heard there."""
        return [
            number
            for number, line in enumerate(self.lines)
            if line.place < stop and line.place + self._lengths[number] > start
        ]

    def key(self, start: int, stop: int) -> str:
        """Of the lines that may be heard there."""
        return f"{self.layout} {[self.lines[number].key for number in self._near(start, stop)]}"

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` float32; what reaches beyond the film is cut. Takes are held while they are read from front to
        back."""
        sound = np.zeros((self.channels, stop - start), np.float32)
        held: dict[int, np.ndarray] = {}
        for number in self._near(start, stop):
            at, take = self.lines[number].place, self._held.get(number)
            if take is None:
                take = placed_sound(self.lines[number], self.layout)
            first, last = max(start, at), min(stop, at + take.shape[1], self.samples)
            if last > first:
                sound[:, first - start : last - start] += take[:, first - at : last - at]
            if at + take.shape[1] > stop:
                held[number] = take
        self._held = held
        return sound


def stems_of(lines: Sequence[Line], layout: str, samples: int) -> dict[str, Stem]:
    """A stem for each speaker, by name in order."""
    speakers = sorted({line.speaker for line in lines})
    return {name: Stem([line for line in lines if line.speaker == name], layout, samples) for name in speakers}

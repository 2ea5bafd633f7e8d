"""What is heard beside the dub: the film's own sound outside the speech, quieter under it, another track, or nothing.

Outside of the windows of speech the film's sound passes bit for bit. Inside, all sound is brought to steps of 2^-22 of full scale
(132 dB below it), as voices are: sums of such numbers are exact in 32-bit floats, so that stems add up to the mix bit for bit in
whatever order they are added.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..processing.long_wav import RATE
from .sound import FilmClock, Sound, samples_of, sound_length, store_sound


FADE = 60 * RATE // 1000  # samples of a cross-fade
LOWEST_DUCK, HIGHEST_DUCK = -60.0, 0.0
_DUCK = -18.0  # decibels
_STEPS = 2.0**22
_SILENT = 10 ** (-70 / 20)

#: Stretches of samples, first and one behind the last.
Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class BackgroundChoice:
    """What a user asked for.

    Attributes:
        kind: `gaps`, `duck`, `file`, `separate` or `none`.
        duck_db: of `duck`, how much quieter the film's sound is under the speech.
        file: of `file`, the music and effects.
    """

    kind: str
    duck_db: float = _DUCK
    file: Path | None = None


def parse_background(text: str) -> BackgroundChoice:
    """`gaps`, `duck`, `duck=-18`, `separate`, `none`, or the name of a file.

    Raises:
        ValueError: a level that is none or out of range.
    """
    name, _, level = text.partition("=")
    if name == "duck":
        try:
            value = float(level) if level else _DUCK
        except ValueError:
            value = math.nan
        if not LOWEST_DUCK <= value <= HIGHEST_DUCK:
            raise ValueError(
                f"background: duck=LEVEL takes decibels from {LOWEST_DUCK:g} to {HIGHEST_DUCK:g}, got {level!r}."
            )
        return BackgroundChoice("duck", value)
    if text in ("gaps", "separate", "none"):
        return BackgroundChoice(text)
    return BackgroundChoice("file", file=Path(text))


def exact(sound: np.ndarray) -> np.ndarray:
    """Float32 in steps of 2^-22, of which any few add up without rounding while they stay below 4."""
    # A factor that is a power of two changes no digit, so that 32 bits are enough.
    return np.rint(np.asarray(sound, np.float32) * np.float32(_STEPS)) * np.float32(1 / _STEPS)


def joined(spans: Iterable[tuple[int, int]], samples: int, pause: int = 2 * FADE) -> list[tuple[int, int]]:
    """Spans in order and inside of the film; those that are less than `pause` apart become one, since a bed that comes and goes in
    a tenth of a second is worse than none."""
    whole: list[tuple[int, int]] = []
    for start, stop in sorted((max(0, start), min(stop, samples)) for start, stop in spans):
        if stop <= start:
            continue
        if whole and start - whole[-1][1] < pause:
            whole[-1] = (whole[-1][0], max(stop, whole[-1][1]))
        else:
            whole.append((start, stop))
    return whole


def fade_weights(start: int, stop: int, spans: Spans, inside: float = 0.0) -> np.ndarray:
    """`(stop - start,)` float32: 1 outside of joined spans, `inside` within them, half a cosine of 60 ms before and after."""
    weights = np.ones(stop - start, np.float32)
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(FADE) + 0.5) / FADE)).astype(np.float32)
    up = inside + (1 - inside) * ramp
    for first, last in spans:
        if last + FADE <= start or first - FADE >= stop:
            continue
        _put(weights, first - FADE - start, up[::-1])
        _put(weights, last - start, up)
        weights[max(0, first - start) : max(0, last - start)] = inside
    return weights


def _put(weights: np.ndarray, at: int, values: np.ndarray) -> None:
    """Values at a place that may lie partly outside."""
    first, last = max(0, at), min(len(weights), at + len(values))
    if last > first:
        weights[first:last] = values[first - at : last - at]


def _near(start: int, stop: int, spans: Spans) -> list[tuple[int, int]]:
    """Spans that, with their cross-fades, reach into a stretch."""
    return [(first, last) for first, last in spans if first - FADE < stop and last + FADE > start]


class FilmBackground:
    """The film's own sound, quieter or silent within the speech.

    Args:
        film: its sound.
        spans: of speech, as [`joined`] gives them.
        inside: factor within the spans; 0 leaves no trace of the actor.
    """

    def __init__(self, film: Sound, spans: Spans, inside: float = 0.0):
        self._film, self._spans, self._inside = film, spans, inside
        self.channels, self.samples = film.channels, film.samples

    def key(self, start: int, stop: int) -> str:
        """Of the film and the spans there."""
        return f"{self._film.key(start, stop)} {_near(start, stop, self._spans)} {self._inside}"

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` float32."""
        sound = self._film.read(start, stop)
        for first, last in _near(start, stop, self._spans):
            begin, end = max(start, first - FADE), min(stop, last + FADE)
            here = sound[:, begin - start : end - start]
            here[:] = exact(here * fade_weights(begin, end, self._spans, self._inside))
        return sound


class OwnBackground:
    """A track of music and effects that the user has, as it is.

    Args:
        track: its sound.
        spans: of speech, where it is brought to exact steps.
    """

    def __init__(self, track: Sound, spans: Spans):
        self._track, self._spans = track, spans
        self.channels, self.samples = track.channels, track.samples

    def key(self, start: int, stop: int) -> str:
        """Of the track and the spans there."""
        return f"{self._track.key(start, stop)} {_near(start, stop, self._spans)}"

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` float32."""
        sound = self._track.read(start, stop)
        for first, last in _near(start, stop, self._spans):
            here = sound[:, max(start, first - FADE) - start : min(stop, last + FADE) - start]
            here[:] = exact(here)
        return sound


class SeparatedBackground:
    """The film's own sound, and within the speech what a separator left of it.

    Args:
        film: its sound.
        parts: first sample and sound without the speech of each region, in order and apart. A region is wider than its speech by
            more than a cross-fade on each side.
    """

    def __init__(self, film: Sound, parts: Sequence[tuple[int, Sound]]):
        self._film, self._parts = film, parts
        self.channels, self.samples = film.channels, film.samples

    def key(self, start: int, stop: int) -> str:
        """Of the film and the regions there."""
        parts = [f"{at} {part.key(0, 0)}" for at, part in self._parts if at < stop and at + part.samples > start]
        return f"{self._film.key(start, stop)} {parts}"

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` float32."""
        sound = self._film.read(start, stop)
        for at, part in self._parts:
            first, last = max(start, at), min(stop, at + part.samples)
            if last <= first:
                continue
            # The cross-fades lie at the ends of the region, inside of it; at the ends of the film there are none.
            begin = at + FADE if at > 0 else at
            end = at + part.samples - FADE if at + part.samples < self.samples else at + part.samples
            weights = fade_weights(first, last, [(begin, end)])
            here = slice(first - start, last - start)
            mixed = sound[:, here] * weights + part.read(first - at, last - at) * (1 - weights)
            sound[:, here] = np.where(weights == 1, sound[:, here], exact(mixed))
        return sound


def check_own_background(path: str | Path, clock: FilmClock) -> None:
    """Says before the work whether a track of music and effects fits the film; decodes it for that.

    Raises:
        ValueError: it cannot be read, has no sound, or is longer or shorter than the film by more than a picture.
    """
    samples = sound_length(path)
    if abs(samples - clock.samples) > max(1, samples_of(clock.frame)):
        raise ValueError(
            f"background: {path} lasts {samples / RATE:.3f} s and the film {clock.samples / RATE:.3f} s; give a track of the same "
            "length, to a picture."
        )


def silent_background(track: Sound, block: int = 10 * RATE) -> bool:
    """Whether a track has no sample above -70 dB of full scale."""
    return all(
        np.abs(track.read(start, min(start + block, track.samples))).max(initial=0) <= _SILENT
        for start in range(0, track.samples, block)
    )


def open_own_background(path: str | Path, target: Path, clock: FilmClock, layout: str, spans: Spans) -> OwnBackground:
    """A track of music and effects, decoded into a wav file of the work folder; its first sample goes with the first picture."""
    return OwnBackground(store_sound(path, target, clock, layout, own_clock=True), spans)


def seconds_without_bed(spans: Spans) -> float:
    """How long nothing but the dub is heard where the film's sound is left out."""
    return sum(stop - start for start, stop in spans) / RATE

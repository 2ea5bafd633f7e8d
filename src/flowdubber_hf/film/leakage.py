"""How much of the actor is still to be heard under the dub: the part of the film's own speech in the mix, by least squares."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..processing.long_wav import BLOCK, RATE
from .kept import Kept
from .sound import Sound


LEAKAGE_LIMIT = -40.0  # dB; what is more can be heard
_LEAST_POWER = 1e-9  # -90 dB of full scale: the film is silent there
_LONGEST = 60 * RATE  # samples of a window that are looked at


class Leak(NamedTuple):
    """Of a window.

    Attributes:
        start, stop: its samples.
        level: decibels that the film's speech in the mix lies under that of the film; `None` where the film is silent, or the mix has
            none at all.
        heard: more than is allowed.
    """

    start: int
    stop: int
    level: float | None
    heard: bool


class _Fit:
    """The mix explained by the dub and the film's speech, of which it takes piece after piece: a window may last a minute."""

    def __init__(self) -> None:
        self._power, self._known_in_mix = np.zeros((2, 2)), np.zeros(2)
        self._film, self._samples = 0.0, 0

    def add(self, film: np.ndarray, mix: np.ndarray, dub: np.ndarray, own: np.ndarray | None = None) -> None:
        """Pieces as of [`leakage`]; each begins with the last sample of the one before it."""
        speech, heard, voices = (
            np.diff(sound.astype(np.float64)).ravel() for sound in (film if own is None else film - own, mix, dub)
        )
        known = np.stack([speech, voices])
        self._power += known @ known.T
        self._known_in_mix += known @ heard
        self._film += float((film[:, 1:].astype(np.float64) ** 2).sum())
        self._samples += speech.size

    def level(self, has_own: bool) -> float | None:
        if not self._samples or self._power[0, 0] / self._samples < _LEAST_POWER:
            # A background that is the film's own sound hides nothing of it.
            return 0.0 if has_own and self._samples and self._film / self._samples >= _LEAST_POWER else None
        used = slice(0, 2 if self._power[1, 1] else 1)
        part = np.linalg.lstsq(self._power[used, used], self._known_in_mix[used], rcond=1e-12)[0][0]
        if has_own and part < 0:  # a background that the film does not have: it is what the film lacks
            return None
        return None if abs(part) < 1e-9 else 20 * math.log10(abs(part))


def leakage(film: np.ndarray, mix: np.ndarray, dub: np.ndarray, own: np.ndarray | None = None) -> float | None:
    """The part of the film's speech in a mix, in decibels; `None` where the film is silent or there is no such part.

    The mix is explained by the dub, which is known, and by the film's speech; without the former, two voices that say the same at the
    same time would seem one. All are differentiated first, or the few strong low tones would decide.

    Args:
        film: `(channels, samples)` of the film's own sound.
        mix: the same of what is heard in its place.
        dub: of all voices in the mix.
        own: of a background that did not come from gaps in the film's sound; then its speech is what the film has beside it.
    """
    fit = _Fit()
    fit.add(film, mix, dub, own)
    return fit.level(own is not None)


def find_leaks(
    film: Sound,
    mix: Sound,
    dub: Sound,
    windows: Sequence[tuple[int, int]],
    own: Sound | None = None,
    limit: float = LEAKAGE_LIMIT,
    folder: Path | None = None,
) -> list[Leak]:
    """[`leakage`] of each window of speech.

    Args:
        film, mix, dub, own: as there, of the whole film; the mix before or after its gain, which a few decibels do not matter for.
        windows: first sample and one behind the last of each.
        limit: decibels.
        folder (*optional*): where measurements are kept.
    """
    kept = Kept(None if folder is None else folder / "leaks.npz")
    sounds = [film, mix, dub, *([] if own is None else [own])]

    def measured(start: int, last: int) -> np.ndarray:
        fit = _Fit()
        for place in range(start, last, BLOCK):
            fit.add(*(sound.read(max(start, place - 1), min(place + BLOCK, last)) for sound in sounds))
        level = fit.level(own is not None)
        return np.array([-math.inf if level is None else level])

    found = []
    for start, stop in windows:
        last = min(stop, start + _LONGEST)
        key = f"{start} {last} {[sound.key(start, last) for sound in sounds]}"
        (level,) = kept.of(key, 1, partial(measured, start, last)).tolist()
        found.append(Leak(start, stop, level if math.isfinite(level) else None, level > limit))
    kept.save()
    return found

"""How much of the actor is still to be heard under the dub: the part of the film's own speech in the mix, by least squares."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .kept import Kept
from .sound import Sound


LEAKAGE_LIMIT = -40.0  # dB; what is more can be heard
_LEAST_POWER = 1e-9  # -90 dB of full scale: the film is silent there
_LONGEST = 60 * 48000  # samples of a window that are held at a time


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
    speech = np.diff((film if own is None else film - own).astype(np.float64)).ravel()
    if not speech.size or np.mean(speech**2) < _LEAST_POWER:
        return _same_sound(film, own)
    heard, voices = (np.diff(sound.astype(np.float64)).ravel() for sound in (mix, dub))
    known = np.stack([speech, voices]) if np.any(voices) else speech[None]
    power = known @ known.T
    part = np.linalg.lstsq(power, known @ heard, rcond=1e-12)[0][0]
    if own is not None and part < 0:  # a background that the film does not have: it is what the film lacks
        return None
    return None if abs(part) < 1e-9 else 20 * math.log10(abs(part))


def _same_sound(film: np.ndarray, own: np.ndarray | None) -> float | None:
    """A background that is the film's own sound hides nothing of it."""
    if own is None or np.mean(film.astype(np.float64) ** 2) < _LEAST_POWER:
        return None
    return 0.0


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
        level = leakage(*(sound.read(start, last) for sound in sounds))
        return np.array([-math.inf if level is None else level])

    found = []
    for start, stop in windows:
        last = min(stop, start + _LONGEST)
        key = f"{start} {last} {[sound.key(start, last) for sound in sounds]}"
        (level,) = kept.of(key, 1, partial(measured, start, last)).tolist()
        found.append(Leak(start, stop, level if math.isfinite(level) else None, level > limit))
    kept.save()
    return found

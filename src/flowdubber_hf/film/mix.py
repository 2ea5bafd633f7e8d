"""Stems and background into one sound of exactly the film's length, ten seconds at a time, and the same again as it goes into the film.

Before the gain the mix is the sum of what is in it, bit for bit, in whatever order it is added (see [`background`]). The gain, and a
limiter where a peak would be too high, come last and change the mix alone.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..processing.encoding import SoundTrack, TrackParts
from ..processing.long_wav import BLOCK, write_long_wav
from .levels import BlockLevels, programme_gain, programme_loudness
from .limiter import CEILING, CONTEXT, LOSSY_MARGINS, limit
from .sound import Sound


BACKGROUND, MIX = "background", "mix"
_HEARD, _MOST_MADE_UP = 0.1, 6.0  # decibels that a limiter takes: from which on and up to which they are made up for


class Mix:
    """The sum of several sounds of one length and layout.

    Args:
        parts: by name.

    Raises:
        ValueError: none, or they differ in length or channels.
    """

    def __init__(self, parts: Mapping[str, Sound]):
        shapes = {(part.channels, part.samples) for part in parts.values()}
        if len(shapes) != 1:
            raise ValueError(f"what is mixed has the same length and channels, got {sorted(shapes)}.")
        self._parts = dict(parts)
        ((self.channels, self.samples),) = shapes

    def key(self, start: int, stop: int) -> str:
        """Of all parts."""
        return " + ".join(part.key(start, stop) for part in self._parts.values())

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` float32."""
        first, *others = self._parts.values()
        sound = first.read(start, stop)
        for part in others:
            sound += part.read(start, stop)
        return sound


def blocks_of(sound: Sound) -> Iterator[np.ndarray]:
    """`(channels, n)` float32 pieces of ten seconds."""
    for start in range(0, sound.samples, BLOCK):
        yield sound.read(start, min(start + BLOCK, sound.samples))


@dataclass(frozen=True)
class Finish:
    """How a mix goes into the film.

    Attributes:
        gain_db: decibels.
        ceiling: dBTP that no peak passes.
    """

    gain_db: float = 0.0
    ceiling: float = CEILING


class Finished:
    """A mix with its gain, and limited where that is needed.

    Args:
        mix: any sound.
        finish: how.
    """

    def __init__(self, mix: Sound, finish: Finish):
        self._mix, self._finish = mix, finish
        self.channels, self.samples = mix.channels, mix.samples

    def key(self, start: int, stop: int) -> str:
        """Of the mix there and around."""
        return f"{self._mix.key(start - CONTEXT, stop + CONTEXT)} {self._finish}"

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` float32 in [-1, 1]."""
        first, last = max(0, start - CONTEXT), min(self.samples, stop + CONTEXT)
        sound = self._mix.read(first, last)
        if self._finish.gain_db:
            sound = sound * np.float32(10 ** (self._finish.gain_db / 20))
        outside = ((0, 0), (first - (start - CONTEXT), stop + CONTEXT - last))
        return limit(np.pad(sound, outside), self._finish.ceiling)


@dataclass(frozen=True)
class MixLevels:
    """What was measured and decided.

    Attributes:
        film, mix, output: loudness of the film's own sound, of the mix before its gain, and after gain and limiter, LUFS; `None` for
            silence.
        finish: gain and ceiling.
        true_peak: of the output, dBTP; `None` for silence.
        momentary: of the output, as of `momentary_loudness`.
    """

    film: float | None
    mix: float | None
    output: float | None
    finish: Finish
    true_peak: float | None
    momentary: np.ndarray


def ceiling_for(codec: str) -> float:
    """dBTP for the sound that an encoder gets, so that what is decoded stays under -1."""
    return CEILING - LOSSY_MARGINS.get(codec, 0.0)


def finish_mix(
    mix: Sound,
    layout: str,
    choice: str | float = "film",
    film: float | None = None,
    codec: str = "aac",
    folder: Path | None = None,
) -> tuple[Finished, MixLevels]:
    """Measures a mix and brings it to the loudness that was asked for.

    Args:
        mix: before the gain.
        layout: of its channels.
        choice: as of `parse_loudness`.
        film: loudness of the film's own sound, LUFS.
        codec: of the track that it goes into.
        folder (*optional*): where measurements are kept, so that blocks that did not change are not measured again.

    Returns:
        The sound for the film, and its levels. The limiter takes loudness away; where that is more than a tenth of a decibel, the gain is raised
        once to make up for it.
    """
    before = programme_loudness(_kept(folder, "mix").measure(mix, layout)[0])
    finish = Finish(_stepped(programme_gain(choice, film, before)), ceiling_for(codec))
    momentary, peak = _measured(mix, layout, finish, folder, "output")
    lost = programme_gain(choice, film, programme_loudness(momentary))
    if _HEARD < lost < _MOST_MADE_UP:
        finish = Finish(_stepped(finish.gain_db + lost), finish.ceiling)
        momentary, peak = _measured(mix, layout, finish, folder, "louder")
    levels = MixLevels(film, before, programme_loudness(momentary), finish, peak, momentary)
    return Finished(mix, finish), levels


def _stepped(gain: float) -> float:
    """In tenths of a decibel: a line that is made anew changes the loudness by less, and no other place of the film by it."""
    return round(gain, 1)


def _kept(folder: Path | None, name: str) -> BlockLevels:
    return BlockLevels(None if folder is None else folder / f"{name}-levels.npz")


def _measured(
    mix: Sound, layout: str, finish: Finish, folder: Path | None, name: str
) -> tuple[np.ndarray, float | None]:
    return _kept(folder, name).measure(Finished(mix, finish), layout, peak=True)


def sound_track(
    sound: Sound,
    codec: str,
    layout: str,
    language: str | None = "eng",
    title: str | None = None,
    folder: Path | None = None,
) -> SoundTrack:
    """A finished mix as a track of the film; what was encoded of it is kept in a folder, if one is given."""
    parts = None if folder is None else TrackParts(sound.read, sound.key, folder)
    return SoundTrack(lambda: blocks_of(sound), sound.samples, codec, layout, language, title, quick=True, parts=parts)


def write_stems(
    folder: Path, stems: Mapping[str, Sound], background: Sound, layout: str, comment: str | None = None
) -> dict[str, Path]:
    """A wav file a speaker, `background.wav` and `mix.wav`, which is their sum; all as long as the film, before the gain.

    Args:
        folder: made where missing; files of these names are replaced.
        stems: by the speaker's name.
        background: beside them.
        layout: of all channels.
        comment (*optional*): goes into each file's metadata.

    Returns:
        The files by name.

    Raises:
        ValueError: two speakers whose names give one file name, or a file cannot be written.
    """
    names = {name: file_name(name) for name in stems}
    taken = [*names.values(), BACKGROUND, MIX]
    if len(set(taken)) < len(taken):
        raise ValueError(f"the speakers {', '.join(names)} give the same file name twice; rename one of them.")
    folder.mkdir(parents=True, exist_ok=True)
    sounds = {names[name]: sound for name, sound in stems.items()}
    sounds |= {BACKGROUND: background, MIX: Mix({**stems, "": background})}
    return {
        name: write_long_wav(folder / f"{name}.wav", blocks_of(sound), sound.samples, layout, True, comment)
        for name, sound in sounds.items()
    }


def file_name(speaker: str) -> str:
    """A speaker's name as a file's, without what disks do not take."""
    kept = "".join(letter if letter.isalnum() or letter in "-_ " else "_" for letter in speaker.lower())
    return kept.strip(" ")[:60] or "speaker"

"""A separator of the user's choice, called as a program for each stretch of speech: the film's sound in, the same without voices out.

The command is split into words as a shell would, and run without one: what stands in a file's name is never carried out. Results are
kept by what went in, so that a film that is dubbed again, or whose neighbouring line moved, is not separated again.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from ..processing.long_wav import RATE, LongWav, write_long_wav
from .background import SeparatedBackground, joined
from .sound import Sound, sound_blocks, sound_length


PADDING = RATE // 2  # samples before and after the speech
_TOLERANCE = RATE // 20  # samples by which a separator's output may differ: encoders' paddings
_LAST_LINE = 300  # characters of what a separator said last


class SeparationFailed(ValueError):
    """A separator did not do its work; nothing that was done before is lost."""


def parse_separator(command: str) -> list[str]:
    """A command such as `demucs-one {input} {output}` as words.

    Raises:
        ValueError: quotes without an end, no `{input}` or `{output}`, or no such program.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ValueError(f"separator: {command!r} cannot be split into words ({error}).") from error
    for place in ("{input}", "{output}"):
        if sum(place in word for word in words[1:]) != 1:
            raise ValueError(f"separator: the command must have {place} in one of its words, got {command!r}.")
    if shutil.which(words[0]) is None:
        raise ValueError(f"separator: there is no program {words[0]!r}; install it, or give its path.")
    return words


def speech_regions(spans: Iterable[tuple[int, int]], samples: int) -> list[tuple[int, int]]:
    """Spans of speech with half a second before and after, joined where they touch."""
    return joined(((start - PADDING, stop + PADDING) for start, stop in spans), samples, pause=1)


def separate(
    film: Sound,
    layout: str,
    regions: Sequence[tuple[int, int]],
    command: Sequence[str],
    folder: Path,
    on_progress: Callable[[int, int], None] | None = None,
    timeout: float | None = None,
) -> SeparatedBackground:
    """The background of a film with its speech separated away, region by region.

    Args:
        film: its sound.
        layout: of its channels.
        regions: as [`speech_regions`] gives them; each is held in memory while it is written.
        command: as [`parse_separator`] gives it.
        folder: of what was separated, now and before.
        on_progress (*optional*): called with the number of regions that are done, and of all.
        timeout (*optional*): seconds that a region may take.

    Raises:
        SeparationFailed: the program failed, was too slow, or wrote no sound of the same length; with its last line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[tuple[int, Sound]] = []
    for number, (start, stop) in enumerate(regions):
        sound = film.read(start, stop)
        kept = folder / f"{_key(command, layout, sound)}.wav"
        if not _is_whole(kept, sound):
            _separate_one(sound, layout, command, kept, start, timeout)
        parts.append((start, LongWav(kept)))
        if on_progress is not None:
            on_progress(number + 1, len(regions))
    return SeparatedBackground(film, parts)


def _key(command: Sequence[str], layout: str, sound: np.ndarray) -> str:
    """A name for what goes in."""
    digest = hashlib.sha256("\0".join((*command, layout)).encode())
    digest.update(np.ascontiguousarray(sound))
    return digest.hexdigest()[:32]


def _is_whole(path: Path, sound: np.ndarray) -> bool:
    try:
        kept = LongWav(path)
    except ValueError:
        return False
    return (kept.channels, kept.samples) == sound.shape


def _separate_one(
    sound: np.ndarray, layout: str, command: Sequence[str], target: Path, start: int, timeout: float | None
) -> None:
    where = f"separator, at {start / RATE:.1f} s of the film:"
    with tempfile.TemporaryDirectory(prefix=".separating-", dir=target.parent) as folder:
        given, made = Path(folder).absolute() / "input.wav", Path(folder).absolute() / "output.wav"
        write_long_wav(given, [sound], sound.shape[1], layout)
        _run([_filled(word, {"{input}": str(given), "{output}": str(made)}) for word in command], where, timeout)
        if not made.is_file():
            raise SeparationFailed(f"{where} {command[0]} wrote no file to {{output}}.")
        try:
            length = sound_length(made)
            pieces = list(sound_blocks(made, None, sound.shape[1], layout))
        except ValueError as error:
            raise SeparationFailed(f"{where} {error}") from error
        if abs(length - sound.shape[1]) > _TOLERANCE:
            raise SeparationFailed(
                f"{where} {command[0]} wrote {length / RATE:.3f} s of sound in place of {sound.shape[1] / RATE:.3f} s."
            )
        write_long_wav(target, pieces, sound.shape[1], layout, overwrite=True)


def _filled(word: str, names: dict[str, str]) -> str:
    for place, name in names.items():
        word = word.replace(place, name)
    return word


def _run(command: Sequence[str], where: str, timeout: float | None) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SeparationFailed(f"{where} {command[0]} took longer than {timeout:g} s.") from error
    except OSError as error:
        raise SeparationFailed(f"{where} {command[0]} cannot be run ({error.strerror or error}).") from error
    if done.returncode:
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
        last = lines[-1].strip()[-_LAST_LINE:] if lines else "it said nothing"
        raise SeparationFailed(f"{where} {command[0]} failed with code {done.returncode}: {last}")

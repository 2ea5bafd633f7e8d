"""The stretches of shots that cues touch: each is decoded once, all faces in it are followed, and their mouths are kept in a file.

A stretch holds a minute of picture at most, so that memory does not grow with a shot's length. Its file is good as long as film, range
and faces of one's own are the same: another plan of the film does not decode it again.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import string
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..processing.frames import MAX_GREY_SIDE
from ..work.files import replacing
from ..work.hashing import hash_json
from .faces import FaceTrack, Pictures, Place, cut_mouths, find_faces
from .shots import Shot
from .source import FilmSource, grid_frames


_FORM = 1  # of the files
MOST_PICTURES = 1500
_JOINED = 50  # pictures between two spans that are decoded rather than sought past
_LEAST_PICTURES = 5
_HOLD_BYTES = 192_000_000
_ARRAYS = ("boxes", "seen", "crops")


@dataclass(frozen=True)
class Stretch:
    """Pictures `first` to `stop` of the film's grid, inside one shot; `name` is the shot's number, with another behind it where the
    shot has several."""

    name: str
    shot: int
    first: int
    stop: int


def group_spans(shots: Sequence[Shot], spans: Sequence[tuple[int, int]]) -> list[Stretch]:
    """The stretches that hold all of `spans`, ranges of the grid, as far as something is seen there."""
    found, place = [], 0
    spans = sorted(spans)
    for shot in shots:
        while place < len(spans) and spans[place][1] <= shot.first:
            place += 1
        if shot.black or shot.stop - shot.first < _LEAST_PICTURES:
            continue
        inside = [(max(a, shot.first), min(b, shot.stop)) for a, b in _until(spans[place:], shot.stop)]
        ranges = list(_joined([(a, b) for a, b in inside if b > a]))
        for number, (first, stop) in enumerate(ranges, 1):
            if stop - first >= _LEAST_PICTURES:
                name = f"{shot.number}" if len(ranges) == 1 else f"{shot.number}-{number}"
                found.append(Stretch(name, shot.number, first, stop))
    return found


def _until(spans: Sequence[tuple[int, int]], stop: int) -> Iterator[tuple[int, int]]:
    for span in spans:
        if span[0] >= stop:
            return
        yield span


def _joined(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ranges that lie near each other as one, none longer than a stretch may be unless a span is."""
    begun: tuple[int, int] | None = None
    for first, stop in spans:
        if begun is None:
            begun = first, stop
        elif first - begun[1] <= _JOINED and max(begun[1], stop) - begun[0] <= MOST_PICTURES:
            begun = begun[0], max(begun[1], stop)
        else:
            yield begun
            begun = first, stop
    if begun is not None:
        yield begun


class _Held:
    """A stretch's pictures, kept after the first decoding where they fit into the memory, else decoded again."""

    def __init__(self, source: FilmSource, stretch: Stretch):
        self._source, self._stretch = source, stretch
        self._kept: list[np.ndarray] | None = None

    def __call__(self) -> Iterator[np.ndarray]:
        if self._kept is not None:
            yield from self._kept
            return
        kept, room = [], _HOLD_BYTES
        for picture in grid_frames(self._source, self._stretch.first, self._stretch.stop):
            room -= picture.size
            if room >= 0:
                kept.append(picture)
            else:
                kept = []
            yield picture
        self._kept = kept if len(kept) == self._stretch.stop - self._stretch.first else None


def mouths_file(folder: Path, name: str) -> Path:
    return folder / "shots" / f"{name}.npz"


def load_stretch(folder: Path, name: str) -> dict[str, FaceTrack]:
    """The tracks of a stretch that was read before.

    Raises:
        ValueError: its file is not there, or damaged.
    """
    known = _load(mouths_file(folder, name), None)
    if known is None:
        raise ValueError(f"{mouths_file(folder, name)} is missing or damaged; plan the film again.")
    return known


def read_stretch(
    source: FilmSource,
    stretch: Stretch,
    folder: Path,
    given: Mapping[str, Place] | None = None,
    only_given: bool = False,
) -> dict[str, FaceTrack]:
    """
    The tracks of a stretch by their names, from its file where that is still good.

    Args:
        folder: of the plan's work.
        given: places of one's own in the stretch. Names of found ones are the stretch's with a letter: `t31b`.
        only_given: no others are looked for.
    """
    given = dict(given or {})
    about = {name: [place.first, place.centres.tolist(), place.sides.tolist()] for name, place in given.items()}
    key = hash_json([_FORM, source.identity, stretch.first, stretch.stop, about, only_given])
    file = mouths_file(folder, stretch.name)
    known = _load(file, key)
    if known is not None:
        return known
    pictures: Pictures = _Held(source, stretch)
    scale = min(1.0, MAX_GREY_SIDE / max(source.width, source.height))
    if not only_given:
        found = find_faces(pictures, stretch.stop - stretch.first, scale)
        given |= {f"t{stretch.name}{_letters(number)}": place for number, place in enumerate(found)}
    tracks = dict(zip(given, cut_mouths(pictures, list(given.values()), stretch.first, scale), strict=True))
    _save(file, key, tracks)
    return tracks


def _letters(number: int) -> str:
    """a to z, then za, zb and so on."""
    return "z" * (number // 25) + string.ascii_lowercase[number % 25]


def _save(file: Path, key: str, tracks: Mapping[str, FaceTrack]) -> None:
    arrays = {f"{name} {array}": getattr(track, array) for name, track in tracks.items() for array in _ARRAYS}
    places = np.array([[track.first, track.profile] for track in tracks.values()], np.int64).reshape(-1, 2)
    with replacing(file) as temporary, temporary.open("wb") as target:
        np.savez(target, key=np.array(key), names=np.array(list(tracks), dtype=str), places=places, **arrays)


def _load(file: Path, key: str | None) -> dict[str, FaceTrack] | None:
    """The tracks of a file; `None` where there is none, it is of something else, or damaged."""
    try:
        with np.load(file, allow_pickle=False) as held:
            if key is not None and str(held["key"]) != key:
                return None
            return {
                str(name): FaceTrack(int(first), *(held[f"{name} {array}"] for array in _ARRAYS), bool(profile))
                for name, (first, profile) in zip(held["names"], held["places"], strict=True)
            }
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None

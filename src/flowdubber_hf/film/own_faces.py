"""Faces of one's own: tracks that another program followed, in place of those that would be looked for."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..work.reading import parse_json, read_text
from .cue_formats.raw import MICROSECONDS
from .faces import Place, place_of_boxes
from .source import GRID_STEP, FilmSource
from .stretches import Stretch


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_FIELDS = ("track", "shot", "first_frame", "boxes")
MAX_BOXES = 2_000_000


@dataclass(frozen=True)
class OwnTrack:
    """A face's boxes `(n, 4)` on the film's grid from place `first` on, in pixels of the upright picture."""

    name: str
    first: int
    boxes: np.ndarray


def read_faces(source: FilmSource, file: str | Path) -> dict[str, OwnTrack]:
    """
    Tracks of a file: a line `{"track": "t3", "shot": 12, "first_frame": 311, "boxes": [[x0, y0, x1, y1], ...]}` each, a box for every
    frame of the film from that one on. `shot` is for people and not read.

    Raises:
        ValueError: it cannot be read, or a line is not like that.
    """
    tracks: dict[str, OwnTrack] = {}
    total = 0
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{file}, line {number}"
        track = _track(source, parse_json(line, where, finite=True), where)
        total += len(track.boxes)
        if track.name in tracks or total > MAX_BOXES:
            raise ValueError(
                f"{where}: "
                + (f'the track "{track.name}" is there already.' if track.name in tracks else "too many boxes.")
            )
        tracks[track.name] = track
    if not tracks:
        raise ValueError(f"{file} holds no track.")
    return tracks


def _track(source: FilmSource, row: Any, where: str) -> OwnTrack:
    if not isinstance(row, dict) or set(row) - set(_FIELDS) or not {"track", "first_frame", "boxes"} <= set(row):
        raise ValueError(f'{where}: a track has "track", "first_frame" and "boxes".')
    name, first = row["track"], row["first_frame"]
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == "none":
        raise ValueError(f"{where}: track must be a name of letters and digits, not `none`.")
    if isinstance(first, bool) or not isinstance(first, int) or not 0 <= first < 2**31:
        raise ValueError(f"{where}: first_frame must be the number of a frame, from 0.")
    try:
        boxes = np.array(row["boxes"], np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where}: boxes must be lists of four numbers.") from error
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise ValueError(f"{where}: boxes must be lists of four numbers x0, y0, x1, y1.")
    if not ((boxes[:, 0] < boxes[:, 2]) & (boxes[:, 1] < boxes[:, 3])).all() or np.abs(boxes).max() > 2 * max(
        source.width, source.height
    ):
        raise ValueError(f"{where}: a box must lie in the picture, left before right and top before bottom.")
    return _on_grid(source, name, first, boxes)


def _on_grid(source: FilmSource, name: str, first: int, boxes: np.ndarray) -> OwnTrack:
    frame = float(MICROSECONDS / source.frame_rate)
    start = round(first * frame / GRID_STEP)
    stop = max(start + 1, round((first + len(boxes)) * frame / GRID_STEP))
    places = np.rint(np.arange(start, stop) * GRID_STEP / frame).astype(int) - first
    return OwnTrack(name, start, boxes[np.clip(places, 0, len(boxes) - 1)])


def places_in(tracks: Mapping[str, OwnTrack], stretch: Stretch) -> dict[str, Place]:
    """What of the tracks lies in a stretch."""
    found = {}
    for name, track in tracks.items():
        first, stop = max(track.first, stretch.first), min(track.first + len(track.boxes), stretch.stop)
        if first < stop:
            boxes = track.boxes[first - track.first : stop - track.first]
            found[name] = place_of_boxes(boxes, first - stretch.first)
    return found

"""Shots of a film: FFmpeg's scene change detector on reduced pictures, and a rule for black ones; memory does not grow with the film."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.filter import Graph

from ..work.reading import read_text
from .cue_formats.raw import MICROSECONDS, read_clock
from .source import GRID_STEP, FilmSource, timed_frames


#: Of FFmpeg's detector, in percent of full scale; its own default.
THRESHOLD = 10.0
# A smaller jump is a cut too where the picture was quiet before: landscapes of one brightness follow each other so.
_JUMP, _JUMP_OF_QUIET, _QUIET_FRAMES, _LEAST_QUIET = 4.0, 8.0, 8, 0.3
_SIDE = 160  # pixels of the shorter side of the pictures that are compared
_BLACK, _BLACK_SHARE = 32, 0.98  # grey level below which a pixel is black, and share of them in a black picture
MAX_SHOTS = 200_000


@dataclass(frozen=True)
class Shot:
    """A stretch without a cut.

    Attributes:
        number: from 1.
        start, end: microseconds.
        first, stop: places of the 25 fps grid that show it; none (`first == stop`) where it lasts less than one.
        black: nothing is seen in it.
    """

    number: int
    start: int
    end: int
    first: int
    stop: int
    black: bool = False


@dataclass(frozen=True)
class _Cut:
    """The first frame of a shot, the time of the frame before it, and whether the shot is black."""

    time: int
    before: int
    black: bool = False


def find_shots(source: FilmSource, progress: Callable[[int], None] | None = None) -> list[Shot]:
    """All shots of a film; it is decoded once.

    Args:
        source: of [`~film.source.probe_film`].
        progress: called with the time that was reached, now and then.

    Raises:
        ValueError: nothing decodes, or there is no end of cuts.
    """
    watcher, cuts, before, black = _Watcher(), [], None, None
    for time, frame in timed_frames(source):
        is_cut, is_black = watcher.look(frame)
        if before is None or is_cut or is_black != black:
            cuts.append(_Cut(max(0, time), max(0, time) if before is None else before, is_black))
        before, black = time, is_black
        if progress is not None:
            progress(time)
        if len(cuts) > MAX_SHOTS:
            raise ValueError(f"{source.path} has more than {MAX_SHOTS} cuts; give --shots none, or a file of them.")
    if not cuts:
        raise ValueError(f"{source.path}: no picture of it decodes.")
    return _shots(source, cuts)


def one_shot(source: FilmSource) -> list[Shot]:
    """The whole film as one shot."""
    return _shots(source, [_Cut(0, 0)])


def read_shots(source: FilmSource, file: str | Path) -> list[Shot]:
    """Shots of a file: the number of the first frame of each, or its time, a line.

    Raises:
        ValueError: it cannot be read, or a line is neither, or not after the one before.
    """
    frame = MICROSECONDS / source.frame_rate
    cuts, last = [_Cut(0, 0)], 0
    for number, line in enumerate(read_text(file).splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            time = round(int(words[0]) * frame) if words[0].isdigit() and len(words[0]) < 10 else _time(words[0])
        except ValueError as error:
            raise ValueError(f"{file}, line {number}: neither the number of a frame nor a time; {error}") from error
        if time == 0:
            continue
        if not last < time < source.duration:
            raise ValueError(f"{file}, line {number}: {words[0]} must lie after the line before and inside the film.")
        cuts.append(_Cut(time, time - round(frame)))
        last = time
    return _shots(source, cuts)


def _time(text: str) -> int:
    if ":" not in text:
        seconds, _, fraction = text.partition(".")
        text = f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}.{fraction or 0}"
    return read_clock(text)


def _shots(source: FilmSource, cuts: list[_Cut]) -> list[Shot]:
    firsts = [0, *((cut.before + cut.time + 1) // (2 * GRID_STEP) + 1 for cut in cuts[1:])]
    ends = [cut.time for cut in cuts[1:]] + [max(source.duration, cuts[-1].time)]
    stops = [*firsts[1:], max(source.num_grid, firsts[-1])]
    return [
        Shot(number, 0 if number == 1 else cut.time, end, min(first, stop), stop, cut.black)
        for number, (cut, end, first, stop) in enumerate(zip(cuts, ends, firsts, stops, strict=True), 1)
    ]


class _Watcher:
    """Frames in their order through the detector; a change of their size or format begins a new one."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._kind: tuple[Any, ...] = ()
        self._changes: deque[float] = deque(maxlen=_QUIET_FRAMES)

    def look(self, frame: av.VideoFrame) -> tuple[bool, bool]:
        """Whether a frame begins a shot, and whether it is black."""
        kind = (frame.width, frame.height, frame.format.name)
        if kind != self._kind:
            self._graph, self._kind = _graph(frame), kind
        self._graph.push(frame)
        pictures = list(_pulled(self._graph))
        if not pictures:
            return False, False
        picture = pictures[-1]
        grey = np.frombuffer(picture.planes[0], np.uint8).reshape(-1, picture.planes[0].line_size)
        grey = grey[: picture.height, : picture.width]
        return self._is_cut(picture), float((grey < _BLACK).mean()) >= _BLACK_SHARE

    def _is_cut(self, picture: av.VideoFrame) -> bool:
        change, score = (float(picture.metadata.get(f"lavfi.scd.{name}", 0.0)) for name in ("mafd", "score"))
        found = "lavfi.scd.time" in picture.metadata
        if len(self._changes) == _QUIET_FRAMES:
            quiet = max(_LEAST_QUIET, sum(self._changes) / _QUIET_FRAMES)
            found |= score >= max(_JUMP, _JUMP_OF_QUIET * quiet)
        if found:
            self._changes.clear()
        else:
            self._changes.append(change)
        return found


def _graph(frame: av.VideoFrame) -> Graph:
    scale = min(1.0, _SIDE / min(frame.width, frame.height))
    size = f"{max(2, round(frame.width * scale))}:{max(2, round(frame.height * scale))}"
    graph = Graph()
    nodes = [
        graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base),
        graph.add("scale", f"{size}:flags=area"),
        graph.add("format", "gray"),
        graph.add("scdet", f"threshold={THRESHOLD}"),
        graph.add("buffersink"),
    ]
    for first, second in pairwise(nodes):
        first.link_to(second)
    graph.configure()
    return graph


def _pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return

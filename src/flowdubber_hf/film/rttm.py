"""Who speaks when, from a file of a diarizer (RTTM, ten columns), and what that says of a cue."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ..work.reading import read_text
from .cue_formats.raw import MAX_TIME, MICROSECONDS
from .speech import speaker_key


LEAST_SHARE = 0.6  # of a cue that its speaker has


@dataclass(frozen=True)
class Speech:
    """A stretch of one speaker's speech, in microseconds."""

    start: int
    end: int
    speaker: str


def read_rttm(file: str | Path) -> list[Speech]:
    """The stretches of an RTTM file, in the order of their beginnings.

    Raises:
        ValueError: it cannot be read, or a line of it is no RTTM.
    """
    found = []
    for number, line in enumerate(read_text(file).splitlines(), 1):
        columns = line.split()
        if not columns or columns[0].startswith(";") or columns[0] != "SPEAKER":
            continue
        try:
            start, seconds = float(columns[3]), float(columns[4])
            speaker = columns[7]
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"{file}, line {number}: no RTTM; a line has ten columns, SPEAKER FILE 1 START SECONDS <NA> <NA> NAME <NA> <NA>."
            ) from error
        if not (math.isfinite(start) and math.isfinite(seconds) and start >= 0 and seconds >= 0):
            raise ValueError(f"{file}, line {number}: start and length must be seconds from 0 on.")
        begin = min(round(start * MICROSECONDS), MAX_TIME)
        found.append(Speech(begin, min(begin + round(seconds * MICROSECONDS), MAX_TIME), speaker_key(speaker)))
    if not found:
        raise ValueError(f"{file} holds no line of SPEAKER; give an RTTM file.")
    return sorted(found, key=lambda one: (one.start, one.end))


def shares(speeches: list[Speech], start: int, end: int) -> list[tuple[str, float]]:
    """Which part of a span each speaker has, the largest first."""
    held: dict[str, int] = defaultdict(int)
    for one in speeches:
        held[one.speaker] += max(0, min(end, one.end) - max(start, one.start))
    total = max(1, end - start)
    return sorted(((name, span / total) for name, span in held.items() if span), key=lambda pair: (-pair[1], pair[0]))


def runs(speeches: list[Speech], start: int, end: int) -> list[Speech]:
    """Speakers of a span in turn: what is heard in it, cut to it, a speaker's neighbouring stretches as one."""
    joined: list[Speech] = []
    for one in speeches:
        first, last = max(start, one.start), min(end, one.end)
        if first >= last:
            continue
        if joined and joined[-1].speaker == one.speaker:
            joined[-1] = Speech(joined[-1].start, max(last, joined[-1].end), one.speaker)
        else:
            joined.append(Speech(first, last, one.speaker))
    return joined

"""When each cue may sound: its own time and a little of the gaps around it, on the 25 fps grid, never over the same speaker's next."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .faces import FaceTrack
from .source import GRID_STEP


#: Microseconds of a gap that a window may take before and behind its cue: subtitles lead and lag speech.
MARGIN = 250_000
#: Of a window's pictures that must show the speaker for the lips to be read.
LEAST_SEEN = 0.6


@dataclass(frozen=True)
class Span:
    """A stretch of speech as its cue has it, microseconds; spans of one speaker do not overlap."""

    start: int
    end: int
    speaker: str | None


def find_windows(spans: Sequence[Span], num_grid: int, extra: Sequence[int] | None = None) -> list[tuple[int, int]]:
    """
    The window of each span, as places of the grid.

    Args:
        spans: in the order of their beginnings.
        num_grid: whole pictures of the film.
        extra: microseconds that each may take beyond the margin of the gap behind it.
    """
    extra = [0] * len(spans) if extra is None else extra
    latest, own, found = 0, {}, []
    for place, span in enumerate(spans):
        first = 0 if span.speaker not in own else _border(own[span.speaker], span.start)
        low = max(span.start - MARGIN, min(latest, span.start))
        high, stop = _end(spans, place, extra[place], num_grid)
        first = min(max(first, low // GRID_STEP), num_grid - 1)
        found.append((first, max(first + 1, min(stop, -(-high // GRID_STEP)))))
        latest = max(latest, span.end)
        own[span.speaker] = max(own.get(span.speaker, 0), span.end)
    return found


def _end(spans: Sequence[Span], place: int, extra: int, num_grid: int) -> tuple[int, int]:
    """Until when a span may last, and the place of the grid that its speaker's next one forbids to pass."""
    span = spans[place]
    high, stop = span.end + MARGIN + extra, num_grid
    reach = high + MARGIN  # in which the next one's own margin may lie
    for following in range(place + 1, len(spans)):
        other = spans[following]
        if other.start >= reach:
            break
        if other.end > span.end:  # what ends inside the span leaves the gap behind it alone
            high = min(high, max(other.start, span.end))
        if other.speaker == span.speaker and other.start >= span.end:
            stop = min(stop, _border(span.end, other.start))
    return high, stop


def _border(end: int, start: int) -> int:
    """Place of the grid between two cues of one speaker: the middle of the gap, inside it where it holds one."""
    middle = round((start + end) / (2 * GRID_STEP))
    least, most = -(-end // GRID_STEP), start // GRID_STEP
    return min(max(middle, least), most) if least <= most else middle


def cue_window(start: int, end: int, window: tuple[int, int]) -> tuple[int, int]:
    """The window of what is said unseen: it begins with its cue, without the margin before it."""
    first = min(max(window[0], round(start / GRID_STEP)), window[1] - 1)
    return first, max(first + 1, min(window[1], -(-end // GRID_STEP)))


def mouths_in(track: FaceTrack, window: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A track's mouths in a window `(F, 96, 96)` uint8, and the pictures of it that show them `(F,)` bool; the others are black."""
    count = window[1] - window[0]
    crops = np.zeros((count, *track.crops.shape[1:]), np.uint8)
    seen = np.zeros(count, bool)
    first, stop = max(window[0], track.first), min(window[1], track.stop)
    if first < stop:
        crops[first - window[0] : stop - window[0]] = track.crops[first - track.first : stop - track.first]
        seen[first - window[0] : stop - window[0]] = track.seen[first - track.first : stop - track.first]
        crops[~seen] = 0
    return crops, seen


def choose_timing(asked: str, seen: float | None) -> tuple[str, str | None]:
    """
    Where the times of a window's words come from.

    Args:
        asked: `auto`, `lips`, `activity` or `cue`.
        seen: share of the window's pictures that show the speaker; `None` where nobody was chosen.

    Returns:
        `lips`, `activity` or `cue`, and what one should know, if anything.

    Raises:
        ValueError: a mouth is asked for and there is none.
    """
    if asked == "cue":
        return "cue", None
    if asked == "auto":
        if seen is None:
            return "cue", None
        few = f"the speaker is seen in {seen:.0%} of the window only; natural durations tell the times."
        return ("lips", None) if seen >= LEAST_SEEN else ("cue", few.replace("%", " %"))
    if not seen:
        raise ValueError(
            f"no speaking face is seen, although its timing is `{asked}`; give --timing auto, or a mouth_box."
        )
    few = f"the speaker is seen in {seen:.0%} of the window only.".replace("%", " %")
    return asked, None if seen >= LEAST_SEEN else few

"""What is planned of a cue: the window of each of its parts, the mouth that is read, and what is doubtful."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import asdict, dataclass
from typing import Any

from .cues import Cue
from .source import GRID_STEP
from .speaker import Choice


@dataclass(frozen=True)
class PlannedSpan:
    """A cue, or a part of a long one.

    Attributes:
        text: that is said in it.
        start, end: as the cue has them, microseconds.
        window: places of the film's 25 fps grid, first and behind the last; the dub has as many pictures.
        timing: `lips`, `activity` or `cue`.
        choice: who says it, and who else was seen.
        stretch: name of the file of mouths that holds the track; `None` without one.
        seen: share of the window's pictures that show the speaker.
        mouths_hash: of the mouths and of which of them are seen, so that others are another dub.
        shots: numbers of those that the window touches.
        phonemes: that are said.
        rate: of them, a second of the window.
        flags: what one should know, a sentence each.
        error: why it cannot be dubbed.
    """

    text: str
    start: int
    end: int
    window: tuple[int, int]
    timing: str
    choice: Choice
    stretch: str | None
    seen: float | None
    mouths_hash: str | None
    shots: tuple[int, ...]
    phonemes: int
    rate: float
    flags: tuple[str, ...] = ()
    error: str | None = None

    @property
    def track(self) -> str | None:
        """Name of the face that is read."""
        return self.choice.track

    @property
    def microseconds(self) -> tuple[int, int]:
        """The window as times of the film."""
        return self.window[0] * GRID_STEP, self.window[1] * GRID_STEP

    def as_row(self) -> dict[str, Any]:
        choice = self.choice
        row: dict[str, Any] = {"shots": list(self.shots), "track": self.track, "chosen_by": choice.by}
        row |= {"margin": _rounded(choice.margin), "unsure": choice.unsure, "seen": _rounded(self.seen)}
        row |= {"timing": self.timing, "window": list(self.microseconds), "phonemes": self.phonemes, "rate": self.rate}
        row["candidates"] = [
            {name: _rounded(value) for name, value in asdict(one).items()} for one in choice.candidates
        ]
        row |= {"mouths": self.mouths_hash, "flags": list(self.flags)}
        return row | ({"error": self.error} if self.error else {})


@dataclass(frozen=True)
class CuePlan:
    """A cue and its parts in their order: one, or several where it is longer than a pass; none where it is skipped."""

    cue: Cue
    parts: tuple[PlannedSpan, ...]

    @property
    def id(self) -> str:
        return self.cue.id

    @property
    def window(self) -> tuple[int, int] | None:
        """Microseconds from the first part's beginning to the last one's end."""
        return (self.parts[0].microseconds[0], self.parts[-1].microseconds[1]) if self.parts else None

    @property
    def timing(self) -> str | None:
        return self.parts[0].timing if self.parts else None

    @property
    def track(self) -> str | None:
        return next((part.track for part in self.parts if part.track), None)

    @property
    def unsure(self) -> bool:
        return any(part.choice.unsure for part in self.parts)

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(flag for part in self.parts for flag in part.flags))

    @property
    def error(self) -> str | None:
        """Why it cannot be dubbed."""
        return next((part.error for part in self.parts if part.error), None)

    def as_row(self) -> dict[str, Any]:
        row = self.cue.as_row() | {"number": self.cue.number, "line": self.cue.line}
        if len(self.parts) == 1:
            return row | self.parts[0].as_row()
        return row | {"parts": [{"text": part.text, **part.as_row()} for part in self.parts]}


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value

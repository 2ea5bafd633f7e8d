"""What is wrong with a film, its cues and its voices: collected, so that all of it is told at once, and placed."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


MAX_SHOWN = 50


def clock(microseconds: int) -> str:
    """A time of the film as people read it.

    >>> clock(3_661_500_000)
    '1:01:01.500'
    """
    milliseconds = abs(microseconds) // 1000
    hours, minutes = milliseconds // 3_600_000, milliseconds // 60_000 % 60
    sign = "-" if microseconds < 0 else ""
    return f"{sign}{hours}:{minutes:02}:{milliseconds // 1000 % 60:02}.{milliseconds % 1000:03}"


@dataclass(frozen=True)
class FilmProblem:
    """One thing that is wrong or doubtful.

    Attributes:
        message: what it is and what to do.
        cue: number of the cue in its file, from 1.
        id: of that cue.
        line: in the cue file.
        time: of the film, in microseconds.
        where: what it belongs to where it is no cue's: `film`, `cues`, `voices`, the name of a file.
        is_error: whether the film cannot be dubbed like that; else a warning.
    """

    message: str
    cue: int | None = None
    id: str | None = None
    line: int | None = None
    time: int | None = None
    where: str = "cues"
    is_error: bool = True

    def __str__(self) -> str:
        inside = [f"line {self.line}"] if self.line is not None else []
        inside += [clock(self.time)] if self.time is not None else []
        if self.cue is None:
            return ": ".join([self.where, *inside, self.message])
        place = f" ({', '.join(inside)})" if inside else ""
        return f"cue {self.cue}{place}: {self.message}"

    def as_row(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class BadFilm(ValueError):
    """A film that cannot be dubbed as it was asked for, told before anything was begun.

    Attributes:
        problems: all errors; the message shows the first ones.
    """

    def __init__(self, problems: Iterable[FilmProblem]):
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:MAX_SHOWN]]
        more = len(self.problems) - MAX_SHOWN
        super().__init__("\n".join([*lines, f"... and {more} more problems."] if more > 0 else lines))


def in_order(problems: Iterable[FilmProblem]) -> list[FilmProblem]:
    """Errors first, each kind in the order of the cue file; what belongs to no cue comes before."""
    return sorted(problems, key=lambda one: (not one.is_error, one.cue or 0, one.line or 0))


def raise_errors(problems: Iterable[FilmProblem]) -> None:
    """Raises [`BadFilm`] with all errors, if there is one."""
    errors = [one for one in in_order(problems) if one.is_error]
    if errors:
        raise BadFilm(errors)

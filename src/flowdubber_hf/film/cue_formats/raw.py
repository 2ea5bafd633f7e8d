"""What the readers of cue files give: a cue as it stands in the file."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


MICROSECONDS = 1_000_000
#: No film lasts as long; times above it are mistakes of a file.
MAX_TIME = 100 * 3600 * MICROSECONDS


@dataclass(frozen=True)
class Turn:
    """What one speaker says inside a cue; `speaker` is `None` where the markup names nobody."""

    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class RawCue:
    """A cue as its file has it.

    Attributes:
        line: of the file, from 1.
        start, end: microseconds.
        turns: of the speakers that the file's markup names; one without a name where it names none.
        italic: all of it is written so, which is how voices from elsewhere are marked.
        silent: why the file's own markup says that it is no speech (a comment, a drawing).
        given: further fields of native cues.
        literal: the text is what is said, with nothing to be read out of it: of native cues.
    """

    line: int
    start: int
    end: int
    turns: tuple[Turn, ...]
    italic: bool = False
    silent: str | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    literal: bool = False


@dataclass(frozen=True)
class Mistake:
    """A line of a cue file that cannot be read."""

    line: int
    message: str


_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,6}))?")


def read_clock(text: str) -> int:
    """`[hours:]minutes:seconds[.fraction]` in microseconds.

    Raises:
        ValueError: other text, or minutes or seconds of 60 and more.
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text.strip()!r:.40} is no time; write it like 00:01:02.400.")
    hours, minutes, seconds, fraction = found.groups(default="0")
    if int(minutes) > 59 or int(seconds) > 59:
        raise ValueError(f"{text.strip()!r:.40} is no time: minutes and seconds end at 59.")
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * MICROSECONDS + int(fraction.ljust(6, "0"))

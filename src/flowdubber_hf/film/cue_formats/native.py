"""The package's own cue files: a line of JSON a cue, times in microseconds, all that can be said of a cue."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import difflib
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from ...work.reading import parse_json
from .raw import MAX_TIME, Mistake, RawCue, Turn


TIMINGS = ("auto", "lips", "activity", "cue")
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def read_native(text: str) -> Iterator[RawCue | Mistake]:
    """Cues of a native file; each mistake names its field."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield _cue(number, parse_json(line, "the line", finite=True))
        except ValueError as error:
            yield Mistake(number, str(error))


def _cue(number: int, row: Any) -> RawCue:
    if not isinstance(row, dict):
        raise ValueError("the line is no JSON object.")
    given = {}
    for name, value in row.items():
        if name not in _READERS:
            near = difflib.get_close_matches(name, _READERS, 1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"fields are {', '.join(_READERS)}."
            raise ValueError(f"there is no field {name!r:.40}; {hint}")
        if value is not None:
            try:
                given[name] = _READERS[name](value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
    missing = [name for name in ("start", "end", "text") if name not in given]
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing)}.")
    start, end, text, speaker = (given.pop(name, None) for name in ("start", "end", "text", "speaker"))
    return RawCue(number, start, end, (Turn(text, speaker),), given=given, literal=True)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, got {value!r:.40}.")
    return value


def _named(value: Any) -> str:
    if not _text(value).strip() or len(value) > 80:
        raise ValueError("must be a name of at most 80 letters.")
    return value.strip()


def _id(value: Any) -> str:
    if not ID.fullmatch(_text(value)):
        raise ValueError(
            f"must be letters, digits, - and _, 64 at most, since files are named by it; got {value!r:.40}."
        )
    return value


def _time(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_TIME:
        raise ValueError(f"must be whole microseconds from 0 to 100 hours, got {value!r:.40}.")
    return value


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}, got {value!r:.40}.")
        return value

    return read


def _gain(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 40:
        raise ValueError(f"must be decibels between -40 and 40, got {value!r:.40}.")
    return float(value)


def _skip(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {value!r:.40}.")
    return value


def _timing(value: Any) -> str:
    if value not in TIMINGS:
        raise ValueError(f"must be one of {', '.join(TIMINGS)}, got {value!r:.40}.")
    return value


def _box(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError(f"must be a list of four numbers x0, y0, x1, y1, got {value!r:.40}.")
    if any(isinstance(one, bool) or not isinstance(one, (int, float)) or not math.isfinite(one) for one in value):
        raise ValueError(f"must be four numbers, got {value!r:.40}.")
    x0, y0, x1, y1 = map(float, value)
    if not (x0 < x1 and y0 < y1):
        raise ValueError("must have x0 < x1 and y0 < y1, in pixels of the upright picture.")
    return x0, y0, x1, y1


_READERS: dict[str, Callable[[Any], Any]] = {
    "id": _id,
    "start": _time,
    "end": _time,
    "text": _text,
    "speaker": _named,
    "voice": _named,
    "timing": _timing,
    "face": _named,
    "mouth_box": _box,
    "seed": _whole(0, 2**62),
    "best_of": _whole(1, 64),
    "gain_db": _gain,
    "skip": _skip,
    "note": _text,
}

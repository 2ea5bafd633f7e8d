"""SubStation Alpha (ASS, SSA), by pysubs2: names, italics, comments, drawings."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
import warnings
from collections.abc import Iterator
from typing import Any

from ...extras import require_extra
from ...work.reading import in_a_line
from .raw import Mistake, RawCue, Turn


_EVENT = re.compile(r"\s*(Dialogue|Comment):", re.IGNORECASE)
_TIME = re.compile(r"\s*\d{1,3}:\d{1,2}:\d{1,2}[.:]\d{1,3}\s*")
# pysubs2 reads fields by their place and not by the line that names them.
_FIELDS = ("start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text")


def read_substation(text: str, format: str) -> Iterator[RawCue | Mistake]:
    """Cues of an ASS or SSA file.

    Args:
        format: `ass` or `ssa`.

    Raises:
        ImportError: the extra `film` is not installed.
        ValueError: its fields stand in another order, or its styles cannot be read.
    """
    pysubs2 = require_extra("film", "pysubs2", what="reading ASS and SSA")
    lines, events = text.split("\n"), []
    inside = False
    for number, line in enumerate(lines):
        if line.strip().startswith("["):
            inside = line.strip().casefold() == "[events]"
        elif inside and line.strip().casefold().startswith("format:"):
            _check_fields(line, number + 1)
        elif _EVENT.match(line):
            problem = _event_problem(line)
            if problem:
                yield Mistake(number + 1, problem)
                lines[number] = ""
            else:
                lines[number] = line.strip().replace("dialogue:", "Dialogue:").replace("comment:", "Comment:")
                events.append(number + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            script = pysubs2.SSAFile.from_string("\n".join(lines), format_=format)
    except Exception as error:  # whatever a value of a style brings the library to
        raise ValueError(f"its styles or events cannot be read ({in_a_line(error)}).") from error
    if len(script.events) != len(events):
        raise ValueError(f"{len(events)} events are written, and {len(script.events)} could be read; export it again.")
    for number, event in zip(events, script.events, strict=True):
        yield _cue(number, event, script.styles)


def _check_fields(line: str, number: int) -> None:
    names = tuple(name.strip().casefold() for name in line.partition(":")[2].split(","))
    if names[1:] != _FIELDS and names[1:] != tuple("actor" if name == "name" else name for name in _FIELDS):
        raise ValueError(f"line {number}: the fields of its events stand in an unusual order; save it with Aegisub.")


def _event_problem(line: str) -> str | None:
    fields = line.partition(":")[2].split(",", len(_FIELDS))
    if len(fields) <= len(_FIELDS):
        return f"an event has {len(_FIELDS) + 1} fields with commas between them, this one {len(fields)}."
    wrong = next((value for value in fields[1:3] if not _TIME.fullmatch(value)), None)
    return None if wrong is None else f"{wrong.strip()!r:.40} is no time; write it like 0:01:02.40."


def _cue(number: int, event: Any, styles: Any) -> RawCue:
    from pysubs2.formats.substation import parse_tags
    from pysubs2.ssastyle import SSAStyle

    style = styles.get(event.style, SSAStyle())
    parts = [(part, one) for part, one in parse_tags(event.text, style, styles) if part.strip()]
    silent = "a comment" if event.is_comment else "a drawing" if any(one.drawing for _, one in parts) else None
    text = event.plaintext.strip()
    return RawCue(
        number,
        event.start * 1000,
        event.end * 1000,
        (Turn(text, event.name.strip() or None),),
        italic=bool(parts) and all(one.italic for _, one in parts),
        silent=silent,
    )

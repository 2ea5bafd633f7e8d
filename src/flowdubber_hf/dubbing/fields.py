"""The fields of a job as they come from outside, in a line of a listing or in a request: read by one rule."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..work.wording import did_you_mean
from .jobs import BadJobs, DubJob, Problem, parse_mouth_box


FIELDS = tuple(field.name for field in fields(DubJob))


class Cell(str):
    """A value of CSV, which has only text."""


def read_fields(
    row: Any, what: str, required: Collection[str], output: Callable[[Any], Path] | None = None
) -> dict[str, Any]:
    """The fields of [`DubJob`] that an object of JSON, or a row of [`Cell`]s, has; null counts as none.

    Args:
        row: from outside.
        what: holds it, for messages: "the line".
        required: names of the fields that must be there.
        output (*optional*): reads that field, where not every path will do.

    Raises:
        BadJobs: naming everything that is wrong.
    """
    if not isinstance(row, dict):
        raise BadJobs([Problem(f"{what} is no JSON object.")])
    problems = [Problem(f"there is no such field{_near(name)}.", str(name)) for name in row if name not in FIELDS]
    values = {}
    for name, read in {**_READERS, "output": output or path_value}.items():
        if row.get(name) is not None:
            try:
                values[name] = read(row[name])
            except ValueError as error:
                problems.append(Problem(str(error), name))
        elif name in required:
            problems.append(Problem(f"{what} needs it.", name))
    if problems:
        raise BadJobs(problems)
    return values


def _near(name: Any) -> str:
    return did_you_mean(str(name).replace("-", "_"), FIELDS, 0.5) or f" (fields: {', '.join(FIELDS)})"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be a text, got {value!r:.80}.")
    return str(value)


def path_value(value: Any) -> Path:
    """The path of a file; raises `ValueError` for anything else."""
    text = _text(value)
    if not text or "\0" in text:
        raise ValueError(f"must be the path of a file, got {text!r:.80}.")
    return Path(text)


def _whole(value: Any) -> int:
    if isinstance(value, Cell):
        with suppress(ValueError):
            value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, got {value!r:.80}.")
    return value


def _number(value: Any) -> float:
    if isinstance(value, Cell):
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"must be a number, got {value!r:.80}.")
    return float(value)


def _box(value: Any) -> tuple[float, float, float, float]:
    if isinstance(value, Cell):
        return parse_mouth_box(value.strip("[]() "))
    if not isinstance(value, list) or len(value) != 4:
        raise ValueError(f"must be a list of four numbers x0, y0, x1, y1, got {value!r:.80}.")
    x0, y0, x1, y1 = map(_number, value)
    return x0, y0, x1, y1


def _yes_or_no(value: Any) -> bool:
    if isinstance(value, Cell):
        value = {"true": True, "false": False}.get(value.strip().lower(), value)
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {value!r:.80}.")
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "video": path_value,
    "script": _text,
    "reference": path_value,
    "reference_text": _text,
    "lexicon": path_value,
    "mouth_box": _box,
    "steps": _whole,
    "guidance_scale": _number,
    "style_guidance_scale": _number,
    "colour_match": _number,
    "temperature": _number,
    "seed": _whole,
    "best_of": _whole,
    "timing": _text,
    "turn": _whole,
    "transcode": _yes_or_no,
    "keep_sound": _yes_or_no,
}

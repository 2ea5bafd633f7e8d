"""Praat's TextGrid files, which the Montreal Forced Aligner and others write: interval tiers by name."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
import re
from collections.abc import Iterator
from pathlib import Path

from ..work.reading import read_bytes


Interval = tuple[str, float, float]  # label, start and end in seconds

MAX_TEXTGRID_BYTES = 10_000_000
# Praat reads only what stands free: quoted texts, numbers and flags. Keys ("xmin =") and indices ("[1]") are decoration.
_TOKEN = re.compile(r'"((?:[^"]|"")*)"|<(\w+)>|(?<![\w\[.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\].])')


def read_textgrid(path: str | Path) -> dict[str, list[Interval]]:
    """Interval tiers of a TextGrid in the long or the short text format, UTF-8 or UTF-16; point tiers are left out.

    Raises:
        ValueError: missing, too large, or no TextGrid.
    """
    path = Path(path)
    data = read_bytes(path, MAX_TEXTGRID_BYTES)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return dict(_tiers(_tokens(data.decode(encoding))))
    except (StopIteration, RuntimeError, ValueError) as error:
        raise ValueError(f"{path} is no TextGrid in Praat's text format ({error or 'it ends too early'}).") from error


def _tokens(text: str) -> Iterator[str | float]:
    for match in _TOKEN.finditer(text):
        quoted, flag, number = match.groups()
        if number is not None:
            yield _finite(number)
        else:
            yield flag if flag is not None else quoted.replace('""', '"')


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:20]} is too large")
    return number


def _tiers(tokens: Iterator[str | float]) -> Iterator[tuple[str, list[Interval]]]:
    if (_text(tokens), _text(tokens)) != ("ooTextFile", "TextGrid"):
        raise ValueError("its head is another")
    _number(tokens), _number(tokens), _text(tokens)  # start, end, <exists>
    for _ in range(int(_number(tokens))):
        kind, name = _text(tokens), _text(tokens)
        _number(tokens), _number(tokens)
        count = int(_number(tokens))
        if kind == "IntervalTier":
            rows = [(_number(tokens), _number(tokens), _text(tokens)) for _ in range(count)]
            yield name, [(label.strip(), start, end) for start, end, label in rows]
        else:
            for _ in range(count):
                _number(tokens), _text(tokens)


def _number(tokens: Iterator[str | float]) -> float:
    token = next(tokens)
    if not isinstance(token, float):
        raise ValueError(f"a number is missing before {token!r}")
    return token


def _text(tokens: Iterator[str | float]) -> str:
    token = next(tokens)
    if not isinstance(token, str):
        raise ValueError(f"a text is missing before {token:g}")
    return token

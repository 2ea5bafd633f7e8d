"""Text that comes from outside, read by one rule: size, depth, digits and types are bounded, and whatever is wrong is one
`ValueError` that says the file, the place and what to do.

What a parser raises else (`RecursionError`, `KeyError` of YAML's tags, an integer of five thousand digits) ends here.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any


MAX_TEXT_BYTES = 64 * 2**20
MAX_CONFIG_BYTES = 2**20  # of what people write themselves: YAML and TOML, whose parsers are slow
MAX_DEPTH = 50
MAX_REASON = 200  # characters of a library's reason in a sentence of ours
MAX_DIGITS = 40  # of a whole number; tokenizers write ten to the thirtieth for "no limit"


def read_bytes(file: str | Path, most: int = MAX_TEXT_BYTES) -> bytes:
    """A file of bounded size.

    Raises:
        ValueError: missing, no plain file, too large, or it cannot be read.
    """
    file = Path(file)
    try:
        if not file.is_file():
            raise ValueError(f"{file} cannot be read: there is no such file.")
        with file.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror or error}).") from error
    if len(data) > most:
        raise ValueError(
            f"{file} is larger than {most / 2**20:.0f} MiB, which are the most that is read of such a file."
        )
    return data


def read_text(file: str | Path, most: int = MAX_TEXT_BYTES) -> str:
    """A text in UTF-8, with or without a byte order mark; raises as [`read_bytes`]."""
    try:
        return read_bytes(file, most).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error


def parse_json(text: str | bytes, where: str | Path, finite: bool = False) -> Any:
    """A value of JSON.

    Args:
        where: the file, and the line in it, for messages.
        finite: refuse `NaN` and infinities, which are no JSON but which Python writes.

    Raises:
        ValueError: not JSON, deeper than `MAX_DEPTH`, a whole number of more than `MAX_DIGITS` digits, or half a character.
    """

    def whole(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise ValueError(f"a whole number of {len(digits)} digits")
        return int(digits)

    def number(digits: str) -> float:
        value = float(digits)
        if finite and not math.isfinite(value):
            raise ValueError(f"the number {digits:.20}, which is not finite")
        return value

    try:
        value = json.loads(text, parse_int=whole, parse_float=number, parse_constant=number)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{where} is not valid JSON ({error.msg}, line {error.lineno}, column {error.colno}); correct it there."
        ) from error
    except RecursionError as error:
        raise ValueError(f"{where} is nested too deeply; at most {MAX_DEPTH} levels of JSON are read.") from error
    except ValueError as error:  # also bytes that are no UTF-8
        raise ValueError(f"{where} is not valid JSON: it holds {in_a_line(error)}.") from error
    return check_value(value, where)


def check_value(value: Any, where: str | Path) -> Any:
    """The same value, of bounded depth and with texts that can be written; raises a `ValueError` else."""
    level = [value]
    for _ in range(MAX_DEPTH):
        deeper = []
        for item in level:
            if isinstance(item, str):
                _check_text(item, where)
            elif isinstance(item, dict):
                for key in item:
                    if isinstance(key, str):
                        _check_text(key, where)
                deeper += item.values()
            elif isinstance(item, (list, tuple, set)):
                deeper += item
        if not deeper:
            return value
        level = deeper
    raise ValueError(f"{where} is nested too deeply; at most {MAX_DEPTH} levels are read.")


def _check_text(text: str, where: str | Path) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where} holds half a character (\\u{ord(text[error.start]):04x}); write the character itself."
        ) from error


def read_json(file: str | Path, most: int = MAX_TEXT_BYTES, finite: bool = False) -> dict[str, Any]:
    """A JSON object; raises as [`read_text`] and [`parse_json`], and where it is none."""
    return check_mapping(parse_json(read_text(file, most), file, finite), file, "a JSON object")


def read_toml(file: str | Path) -> dict[str, Any]:
    """A table of TOML.

    Raises:
        ValueError: it cannot be read, is no TOML, or is not bounded as [`parse_json`] says.
    """
    return _parsed(tomllib.loads, read_text(file, MAX_CONFIG_BYTES), file, "TOML")


def read_yaml(file: str | Path) -> dict[str, Any]:
    """A mapping of YAML, empty for an empty file.

    Raises:
        ValueError: it cannot be read, is no YAML or no mapping, refers to itself, or is not bounded as [`parse_json`] says.
    """
    return parse_yaml(read_text(file, MAX_CONFIG_BYTES), file)


def parse_yaml(text: str, where: str | Path) -> dict[str, Any]:
    """As [`read_yaml`], of a text that is at hand."""
    import yaml  # comes with transformers; nothing else here needs it

    def parse(text: str) -> Any:
        # A few lines of references to references stand for more than any memory holds.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ValueError("references (*name) are not read; write the values out")
        value = yaml.safe_load(text)
        return {} if value is None else value

    return check_mapping(_parsed(parse, text, where, "YAML"), where, "names with values")


def _parsed(parse: Callable[[str], Any], text: str, file: str | Path, kind: str) -> Any:
    try:
        value = parse(text)
    except RecursionError as error:
        raise ValueError(f"{file} is nested too deeply; at most {MAX_DEPTH} levels are read.") from error
    except Exception as error:  # parsers raise whatever a value brings their constructors to
        raise ValueError(f"{file} is not valid {kind} ({_reason(error)}); correct it there.") from error
    _check_digits(value, file)
    return check_value(value, file)


def _check_digits(value: Any, file: str | Path) -> None:
    values = [value]
    seen = 0
    while values and seen < MAX_CONFIG_BYTES:
        item = values.pop()
        seen += 1
        if isinstance(item, dict):
            values += item.values()
        elif isinstance(item, list):
            values += item
        elif isinstance(item, int) and abs(item) >= 10**MAX_DIGITS:
            raise ValueError(f"{file} holds a whole number of more than {MAX_DIGITS} digits.")


def _reason(error: Exception) -> str:
    """A parser's reason and place in one line."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"{getattr(error, 'problem', None) or 'damaged'}, line {mark.line + 1}, column {mark.column + 1}"
    if isinstance(error, ValueError):
        return in_a_line(error)
    return f"a value that cannot be read: {in_a_line(error)}"


def in_a_line(error: BaseException) -> str:
    """An error's message in one line of bounded length, for a sentence that says where it happened."""
    words = " ".join(str(error).split()) or type(error).__name__
    words = words.rstrip(".:")
    return words if len(words) <= MAX_REASON else f"{words[: MAX_REASON - 3]}..."


def check_mapping(value: Any, where: str | Path, kind: str = "a mapping") -> dict[str, Any]:
    """A value that must be a mapping of texts; raises a `ValueError` else."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"{where} must hold {kind}.")
    return value


def read_array(file: str | Path, dimensions: int, mapped: bool = False) -> Any:
    """Numbers of a `.npy` file, `np.ndarray`.

    Args:
        dimensions: that it must have.
        mapped: leave them on the disk until they are looked at.

    Raises:
        ValueError: there is none, or it is damaged; never unpickles.
    """
    import numpy as np

    try:
        array = np.load(file, mmap_mode="r" if mapped else None, allow_pickle=False)
    except Exception as error:  # its reader parses Python's own notation
        raise ValueError(
            f"{file} cannot be read as numbers ({in_a_line(error)}); remove it and make it anew."
        ) from error
    if not isinstance(array, np.ndarray) or array.ndim != dimensions or array.dtype.kind not in "fiu":
        raise ValueError(f"{file} does not hold numbers in {dimensions} dimensions; remove it and make it anew.")
    return array


def require(record: Any, kinds: dict[str, type | tuple[type, ...]], where: str | Path) -> dict[str, Any]:
    """A mapping whose named values are of the kinds; others are left as they are.

    Raises:
        ValueError: naming what is missing or of another kind.
    """
    check_mapping(record, where)
    for name, kind in kinds.items():
        if name not in record:
            raise ValueError(f"{where} lacks {name!r}; it is damaged or of another version.")
        allowed = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(record[name], allowed) or (isinstance(record[name], bool) and bool not in allowed):
            raise ValueError(
                f"{where}: {name!r} must be {' or '.join(_word(one) for one in allowed)}, got {record[name]!r:.60}."
            )
    return record


def _word(kind: type) -> str:
    words = {int: "a whole number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return words.get(kind, "null" if kind is type(None) else kind.__name__)

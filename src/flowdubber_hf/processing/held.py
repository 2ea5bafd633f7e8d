"""Media files that a caller holds: a path, or the file's bytes in one of the forms that libraries give them in."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any


MAX_HELD_BYTES = 1 << 30


@dataclass(frozen=True)
class HeldFile:
    """A media file in memory, for which its name stands in messages."""

    data: bytes = field(repr=False)
    name: str = "the file given as bytes"

    def __str__(self) -> str:
        return self.name

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.data)


def as_file(value: Any) -> Path | HeldFile | None:
    """The media file that `value` stands for; `None` where it stands for something else.

    Args:
        value: a path, the file's bytes, a file object that was opened for reading bytes, or `{"path": ..., "bytes": ...}`, as
            `datasets` gives files that are not to be decoded.

    Raises:
        ValueError: bytes that are none or too many, text in place of bytes, or a dictionary with neither path nor bytes.
    """
    if isinstance(value, (HeldFile, Path)):
        return value
    if isinstance(value, (str, PathLike)):
        return Path(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _held(bytes(value))
    if hasattr(value, "read"):
        return _read(value)
    if isinstance(value, Mapping) and {"path", "bytes"} & set(value):
        data, path = value.get("bytes"), value.get("path")
        if data is None and path is None:
            raise ValueError('neither "path" nor "bytes" of the dictionary holds anything; give one of them.')
        return as_file(path if data is None else data)
    return None


def _held(data: bytes) -> HeldFile:
    if not data:
        raise ValueError("the file given as bytes is empty; give what the whole file holds.")
    if len(data) > MAX_HELD_BYTES:
        raise ValueError(
            f"more than {MAX_HELD_BYTES >> 30} GiB were given as bytes; give a file of that size by its path."
        )
    return HeldFile(data)


def _read(file: Any) -> HeldFile:
    data = file.read(MAX_HELD_BYTES + 1)
    if not isinstance(data, bytes):
        raise ValueError(f'the file object gives {type(data).__name__} in place of bytes; open it with "rb".')
    if not data:
        raise ValueError("the file object has nothing left to read; go back to its start with .seek(0).")
    return _held(data)

"""Which outputs a film's runs wrote themselves: those may be written anew, others not without being asked."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..work.records import read_record, write_record


OUTPUTS_NAME = "outputs.json"
_BEGUN = "begun"


def is_own(folder: Path, file: str | Path) -> bool:
    """Whether a file is as a run of this work folder left it, by size and time, also one that was killed right then."""
    noted = read_record(folder / OUTPUTS_NAME).get(str(Path(file).resolve()))
    return noted == _BEGUN or noted == _stamp(Path(file))


def check_outputs(folder: Path, output: str | Path, subtitles: str | Path | None, overwrite: bool) -> None:
    """Refuses to write over a file that no earlier run of this work folder wrote, unless that is allowed.

    Raises:
        ValueError: naming the file.
    """
    for name, file in (("output", output), ("subtitles", subtitles)):
        if file is not None and not overwrite and Path(file).exists() and not is_own(folder, file):
            raise ValueError(f"{name}: {file} exists; allow overwriting, or choose another name.")


def begin_own(folder: Path, files: Iterable[str | Path]) -> None:
    """Remembers what is about to be written."""
    _note(folder, {str(Path(file).resolve()): _BEGUN for file in files})


def note_own(folder: Path, files: Iterable[str | Path]) -> None:
    """Remembers what was just written."""
    _note(folder, {str(Path(file).resolve()): _stamp(Path(file)) for file in files})


def _note(folder: Path, noted: dict[str, Any]) -> None:
    write_record(folder / OUTPUTS_NAME, {**read_record(folder / OUTPUTS_NAME), **noted})


def _stamp(file: Path) -> list[int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]

"""Which outputs a film's runs wrote themselves: those may be written anew, others not without being asked."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable
from pathlib import Path

from ..work.records import read_record, write_record


OUTPUTS_NAME = "outputs.json"


def is_own(folder: Path, file: str | Path) -> bool:
    """Whether a file is as a run of this work folder left it, by size and time."""
    return read_record(folder / OUTPUTS_NAME).get(str(Path(file).resolve())) == _stamp(Path(file))


def note_own(folder: Path, files: Iterable[str | Path]) -> None:
    """Remembers what was just written."""
    noted = {str(Path(file).resolve()): _stamp(Path(file)) for file in files}
    write_record(folder / OUTPUTS_NAME, {**read_record(folder / OUTPUTS_NAME), **noted})


def _stamp(file: Path) -> list[int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]

"""`--json FILE`: what a command did, or why it could not, for programs to read."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..processing.outputs import check_target
from ..version import __version__
from ..work.files import replace_file


_OPENING = '{\n  "flowdubber": '


def is_standard_output(target: Path | None) -> bool:
    """Whether the report goes to standard output, which then holds nothing else."""
    return target is not None and str(target) == "-"


def make_report(
    command: str | None, exit_code: int, error: Mapping[str, Any] | None, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields that all commands have, then the command's own."""
    return {"flowdubber": __version__, "command": command, "exit_code": exit_code, "error": error, **fields}


def write_report(target: Path, report: Mapping[str, Any]) -> None:
    """Writes a report whole or not at all, or prints it; of the processes of `accelerate launch` only the first does."""
    if os.environ.get("RANK", "0") != "0":
        return
    text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
    if is_standard_output(target):
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        replace_file(target, text.encode())


def check_report_target(target: Path, arguments: argparse.Namespace | None = None) -> None:
    """Refuses a file that a report should not or could not replace; a report of an earlier run may be replaced.

    Args:
        target: of `--json`.
        arguments: of the command, whose files are spared, and whose `--overwrite` allows other files to be replaced.

    Raises:
        ValueError: saying what is wrong with it.
    """
    if is_standard_output(target):
        return
    given = {name: value for name, value in vars(arguments or argparse.Namespace()).items() if name != "json"}
    for name, value in given.items():
        if isinstance(value, (str, Path)) and _is_same(target, value):
            raise ValueError(f"--json and --{name.replace('_', '-')} are the same file; choose two names.")
    check_target(target, "--json", given.get("overwrite") is True or _is_report(target))


def file_stamp(target: Path) -> tuple[int, ...] | None:
    """What tells whether a file was written meanwhile; `None` where there is none."""
    try:
        found = target.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _is_same(target: Path, other: str | Path) -> bool:
    try:
        return target.resolve() == Path(other).resolve()
    except (OSError, ValueError):  # not everything that is given is a path
        return False


def _is_report(file: Path) -> bool:
    try:
        with file.open(encoding="utf-8") as content:
            return content.read(len(_OPENING)) == _OPENING
    except (OSError, UnicodeDecodeError):
        return False

"""Work that goes on where it stopped: what is known of each piece, in a file of its own, beside the key of all that it depends on.

A piece is done if its record has the key that is due and the output is the one that was written. A record that cannot be read
counts as none, so that the work is done again."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .faults import machine_fault
from .files import replace_file
from .hashing import hash_file
from .reading import read_json, require


def read_record(file: str | Path, kinds: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What an earlier run wrote; empty where there is nothing, it cannot be read, or a field is missing or of another kind.

    Args:
        file: of the record.
        kinds (*optional*): type or types of the fields that it must have.
    """
    try:
        record = read_json(file)
        return record if kinds is None else require(record, dict(kinds), file)
    except ValueError:
        return {}


def write_record(file: Path, record: Mapping[str, Any]) -> None:
    """Keeps what is known, whole or not at all."""
    replace_file(file, json.dumps(record, ensure_ascii=False).encode())


def digest_of(file: Path) -> str | None:
    """Of what a file holds; `None` where there is none."""
    try:
        return hash_file(file)
    except OSError:
        return None


@dataclass(frozen=True)
class Piece:
    """A piece of work with an output.

    Attributes:
        key: of all that the output depends on.
        record: file of what is known of it.
        output: file that it makes.
    """

    key: str
    record: Path
    output: Path

    @property
    def is_done(self) -> bool:
        """Whether an earlier run finished it, and the output is still what that run wrote."""
        known = read_record(self.record)
        return (
            known.get("key") == self.key
            and isinstance(known.get("row"), dict)
            and known.get("digest") == digest_of(self.output)
        )

    @property
    def is_own(self) -> bool:
        """Whether the output that is there was written by a run of this folder, also by one that was killed right then."""
        known = read_record(self.record)
        return known.get("begun", False) or known.get("digest") == digest_of(self.output)

    def row(self) -> dict[str, Any] | None:
        """What the run that finished it told; `None` where none did."""
        known = read_record(self.record)
        row = known.get("row") if known.get("key") == self.key else None
        return row if isinstance(row, dict) else None

    def problem(self) -> str | None:
        """Why the last run could not finish it; `None` where it does not say."""
        return str(read_record(self.record).get("problem") or "") or None

    def begin(self) -> str | None:
        """Notes that the output is about to be written; returns the digest of one that may stay where this fails."""
        before = read_record(self.record).get("digest")
        write_record(self.record, {"key": self.key, "begun": True, "digest": before})
        return before

    def finish(self, row: Mapping[str, Any]) -> None:
        """Notes what was made."""
        write_record(self.record, {"key": self.key, "row": dict(row), "digest": hash_file(self.output)})

    def attempt(self, make: Callable[[], Mapping[str, Any]]) -> str | None:
        """Makes the output and notes what is told of it; returns why it could not be made, which is noted too.

        Args:
            make: writes the output and tells what was made.

        Raises:
            ImportError: as `make`.
            ValueError: the machine is to blame, so that other pieces would fail too.
        """
        before = self.begin()
        try:
            row = make()
        except ImportError:
            raise
        except Exception as error:  # whatever one piece provokes must not end the work on the others
            fault = machine_fault(error)
            if fault:
                raise ValueError(f"{self.output} cannot be written: {fault}; what is finished is kept.") from error
            problem = " ".join(str(error).split()) or type(error).__name__
            problem = problem if isinstance(error, ValueError) else f"{type(error).__name__}: {problem}"
            self.fail(problem, before)
            return problem
        self.finish(row)
        return None

    def fail(self, problem: str, digest: str | None = None, begun: bool = False) -> None:
        """Notes why nothing was made."""
        known = {"key": self.key, "problem": problem, "digest": digest} | ({"begun": True} if begun else {})
        write_record(self.record, known)


__all__ = ["Piece", "digest_of", "read_record", "write_record"]

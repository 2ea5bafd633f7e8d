"""Listings of clips to dub: a line of JSON, or a row of CSV, a clip."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ..dubbing.fields import Cell, path_value, read_fields
from ..dubbing.jobs import OUTPUT_SUFFIXES, BadJobs, DubJob, Problem
from ..work.reading import parse_json


MAX_LISTING_BYTES = 64_000_000
REQUIRED = ("video", "script", "reference")


@dataclass(frozen=True)
class ListedJob:
    """A job and the line that it stands in."""

    line: int
    job: DubJob


def place(listing: Path, line: int, message: str, field: str | None = None) -> Problem:
    """A problem of a line of the listing."""
    return Problem(message, field, line, f"{listing} line {line}")


def read_jobs(listing: Path, folder: Path, given: Mapping[str, Any], suffix: str = ".mp4") -> list[ListedJob]:
    """
    The jobs of a listing.

    Args:
        listing: `.csv` with a header, or lines of JSON objects. Fields are those of [`DubJob`]; `video` is obligatory, and so are
            `script` and `reference` where `given` has none. Paths are relative to the listing's folder.
        folder: of the outputs. `output` is relative to it; the clip's name with another ending where a line has none.
        given: fields for lines that do not have them.
        suffix: of outputs without a name.

    Raises:
        BadJobs: naming line and field of everything that is wrong.
        ValueError: the file cannot be read or has no line.
    """
    jobs: list[ListedJob] = []
    problems: list[Problem] = []
    for line, row in _rows(listing):
        try:
            jobs.append(ListedJob(line, _job(row, listing, folder, given, suffix)))
        except BadJobs as error:
            problems += [place(listing, line, problem.message, problem.field) for problem in error.problems]
    problems += _double_outputs(listing, jobs)
    if problems:
        bad = {problem.line for problem in problems}
        raise BadJobs(
            sorted(problems, key=lambda problem: problem.line), others=[job for job in jobs if job.line not in bad]
        )
    if not jobs:
        raise ValueError(f"{listing} lists no clip.")
    return jobs


def _double_outputs(listing: Path, jobs: list[ListedJob]) -> Iterator[Problem]:
    first: dict[Path, int] = {}
    for item in jobs:
        line = first.setdefault(item.job.output, item.line)
        if line != item.line:
            message = f"{item.job.output.name} is the output of line {line} already; give the lines an output each."
            yield place(listing, item.line, message, "output")
    for item in jobs:
        above = next((first[folder] for folder in item.job.output.parents if folder in first), None)
        if above is not None:
            message = f"{item.job.output.parent} would be a folder, and is the output of line {above}; choose another."
            yield place(listing, item.line, message, "output")


# ---------------------------------------------------------------------------------------------------------------------
# Lines


def _rows(listing: Path) -> Iterator[tuple[int, Any]]:
    """Numbers of lines and what they hold: an object, or a sentence on why there is none."""
    try:
        if not listing.is_file():
            raise ValueError(f"--batch {listing} cannot be read: there is no such file.")
        if listing.stat().st_size > MAX_LISTING_BYTES:
            raise ValueError(f"{listing} is larger than {MAX_LISTING_BYTES // 1_000_000} MB; divide it.")
        with listing.open(encoding="utf-8-sig", newline="") as lines:
            yield from _csv_rows(lines) if listing.suffix.lower() == ".csv" else _json_rows(lines)
    except OSError as error:
        raise ValueError(f"--batch {listing} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"--batch {listing} is no text in UTF-8 ({error.reason}).") from error


def _json_rows(lines: Any) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = parse_json(line, "the line")
            except ValueError as error:
                row = str(error)
            yield number, row


def _csv_rows(lines: Any) -> Iterator[tuple[int, Any]]:
    rows = csv.DictReader(lines)
    try:
        for row in rows:
            if None in row:
                yield rows.line_num, "the row has more cells than the header."
            else:
                yield rows.line_num, {key: Cell(value) for key, value in row.items() if value not in (None, "")}
    except csv.Error as error:
        yield rows.line_num, f"the row is no CSV ({error})."


def _job(row: Any, listing: Path, folder: Path, given: Mapping[str, Any], suffix: str) -> DubJob:
    """Raises `BadJobs` with all that is wrong with the line itself."""
    if isinstance(row, str):
        raise BadJobs([Problem(row)])
    values = read_fields(row, "the line", [name for name in REQUIRED if name not in given], _output)
    for name in ("video", "reference", "lexicon"):
        if name in values:
            values[name] = listing.parent / values[name]
    values["output"] = folder / values.get("output", Path(values["video"].name).with_suffix(suffix))
    return DubJob(**{**given, **values})


def _output(value: Any) -> Path:
    path = PurePosixPath(path_value(value).as_posix())
    if path.is_absolute() or ".." in path.parts or Path(value).is_absolute():
        raise ValueError(f"must be a path inside of --output, got {str(value)!r:.80}.")
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        raise ValueError(f"must end in one of {', '.join(OUTPUT_SUFFIXES)}, got {str(value)!r:.80}.")
    return Path(path)

"""Your own clips: a folder with a listing in it."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...work.reading import parse_json
from ..textgrid import Interval
from .recording import (
    AUDIO_SUFFIXES,
    MAX_ID_LENGTH,
    Corpus,
    Dropped,
    Recording,
    check_id,
    check_relative,
    check_split,
    check_text,
    checked_intervals,
    slug,
    stem_of,
    with_source,
)


def read_metadata(folder: Path, name: str, follow_links: bool = False) -> Corpus:
    """Your own clips: `metadata.jsonl` or `metadata.csv` beside them.

    Columns (only a file is obligatory):

    | column | meaning |
    |---|---|
    | `video`, `audio` or `file_name` | path relative to the folder; with both, the sound is taken from `audio` |
    | `text` | what is said; leave it out, or null, where there is no transcript |
    | `speaker` | who speaks; without it all clips are one speaker's |
    | `split` | `train` (default), `val`, `dev`, `test`, `zero_shot`, ... |
    | `source` | name of the corpus; `--name` or the folder's name by default |
    | `words`, `phones` | lists of [name, start s, end s]; phones in ARPAbet with stress |
    | `textgrid` | path of a TextGrid with the tiers words and phones |
    | `reference` | another clip (its path or id) whose voice is to be used |
    | `mouth_box` | x0, y0, x1, y1 around the lips in pixels, where no face would be found |
    | `id` | name of the clip; the path without its suffix by default |

    Further columns are ignored. In csv, lists are written as JSON.
    """
    recordings = []
    for where, row in _metadata_rows(folder):
        try:
            recordings.append(_metadata_recording(row, name) if isinstance(row, dict) else _no_row(row))
        except Dropped as problem:
            file = _first(row, "video", "file_name", "audio") if isinstance(row, dict) else None
            known = isinstance(file, str) and file.isprintable()
            recordings.append(Recording(f"{where} ({file[:MAX_ID_LENGTH]})" if known else where, problem=problem))
    return Corpus("metadata", "other", "A folder of clips with a listing.", tuple(recordings))


def _no_row(row: Any) -> Recording:
    raise Dropped("bad line", f"the line is no row of columns: {str(row)[:80]}")


def _metadata_rows(folder: Path) -> Iterator[tuple[str, Any]]:
    listing = folder / "metadata.jsonl"
    if listing.is_file():
        with listing.open(encoding="utf-8-sig", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield f"{listing.name}:{number}", parse_json(line, "the line")
                    except ValueError as error:
                        yield f"{listing.name}:{number}", str(error)
        return
    listing = folder / "metadata.csv"
    with listing.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines)
        try:
            for row in rows:
                yield f"{listing.name}:{rows.line_num}", {key: value for key, value in row.items() if key}
        except csv.Error as error:
            yield f"{listing.name}:{rows.line_num}", str(error)


def _first(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _string(row: Mapping[str, Any], *names: str) -> str | None:
    value = _first(row, *names)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise Dropped("bad line", f"{names[0]} must be a string, got {value!r}.")
    return value


def _metadata_recording(row: Mapping[str, Any], name: str) -> Recording:
    video, audio, either = (_string(row, key) for key in ("video", "audio", "file_name"))
    if either is not None:
        if either.lower().endswith(AUDIO_SUFFIXES):
            audio = audio or either
        else:
            video = video or either
    if not video and not audio:
        raise Dropped("bad line", "the line names no file; give a column video, audio or file_name.")
    source = slug(_string(row, "source") or name)
    textgrid = _string(row, "textgrid")
    for path in filter(None, (video, audio, textgrid)):
        check_relative(path)
    return Recording(
        id=check_id(with_source(source, _string(row, "id") or stem_of(video or audio), "/")),
        split=check_split(_string(row, "split") or "train"),
        speaker=with_source(source, _string(row, "speaker") or source, "-"),
        source=source,
        text=check_text(row.get("text")),
        video=video,
        audio=audio,
        words=_intervals(row, "words"),
        phones=_intervals(row, "phones"),
        textgrid=textgrid,
        reference=_string(row, "reference"),
        mouth_box=_box(_list(row, "mouth_box")),
    )


def _list(row: Mapping[str, Any], name: str) -> list | None:
    value = _first(row, name)
    if isinstance(value, str):
        try:
            value = parse_json(value, name)
        except ValueError as error:
            raise Dropped("bad line", str(error)) from error
    if value is not None and not isinstance(value, list):
        raise Dropped("bad line", f"{name} must be a list, got {value!r:.80}.")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Dropped("bad times", f"{value!r} is no number.")
    return float(value)


def _intervals(row: Mapping[str, Any], name: str) -> tuple[Interval, ...] | None:
    values = _list(row, name)
    if values is None:
        return None
    intervals = []
    for value in values:
        if isinstance(value, dict):
            value = [value.get(name.rstrip("s")), value.get("start"), value.get("end")]
        if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str):
            raise Dropped("bad times", f"{name} must be a list of [name, start, end], got {value!r:.80}.")
        intervals.append((value[0], _number(value[1]), _number(value[2])))
    return checked_intervals(intervals, name)


def _box(values: list | None) -> tuple[float, ...] | None:
    if values is None:
        return None
    if len(values) != 4 or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
        raise Dropped("bad line", f"mouth_box must be four numbers x0, y0, x1, y1, got {values}.")
    return tuple(float(value) for value in values)

"""What was done with a film, as rows that JSON and tables have: one a cue, and what was measured of the whole."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..version import __version__
from ..work.files import replace_file
from .assemble import Assembled
from .plan import FilmPlan
from .problems import clock
from .run import DubbedCue, DubbedFilm


REPORT_NAME = "report.json"
_COLUMNS = (
    "number",
    "id",
    "start",
    "end",
    "speaker",
    "text",
    "timing",
    "seed",
    "words_wrong",
    "ge2e",
    "lse_d",
    "problem",
    "flags",
)


def cue_row(cue: DubbedCue, output: Assembled | None = None) -> dict[str, Any]:
    """What is known of a cue: its plan, its take, what the judges and the mix say of it.

    Args:
        cue: of a run.
        output: of the same run.
    """
    row = cue.plan.as_row() | {
        "seed": cue.seed,
        "take": None if cue.file is None else str(cue.file),
        "made": cue.made,
        "words": [list(word) for word in cue.words],
        "checks": dict(cue.checks or {}),
        "flags": list(cue.flags),
        "problem": cue.problem,
    }
    if output is not None and cue.plan.id in output.line_levels:
        leak = output.leaks[cue.plan.id]
        row["levels"] = output.line_levels[cue.plan.id] | {"leakage_db": leak.level}
        if leak.heard:
            row["flags"].append(f"the actor is heard under the dub ({leak.level:.0f} dB).")
    return row


def worst_first(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cues in the order in which somebody should look at them: those without a take, then by flags and words heard wrong."""

    def badness(row: dict[str, Any]) -> tuple[int, float, int, int]:
        checks = row.get("checks") or {}
        wrong = (checks.get("words_wrong") or 0) / max(1, checks.get("words") or 1)
        return (-(row["problem"] is not None), -wrong, -len(row["flags"]), row["start"])

    return sorted(rows, key=badness)


def film_report(done: DubbedFilm) -> dict[str, Any]:
    """Of a whole run, of types that JSON has."""
    plan, output = done.plan, done.output
    rows = [cue_row(cue, output) for cue in done.cues]
    report: dict[str, Any] = {
        "version": __version__,
        "film": str(plan.source.path),
        "output": None if output is None else str(output.path),
        "work": str(plan.settings.work_folder),
        "model": plan.settings.model,
        "duration": plan.source.duration,
        "shots": len(plan.shots),
        "cues": rows,
        "skipped": [
            {"number": one.cue.number, "text": one.cue.text, "note": one.cue.note}
            for one in plan.cues
            if not one.parts
        ],
        "totals": _totals(rows),
        "voices": {
            name: {"consent": voice.consent, "reference": str(voice.reference) if voice.reference else None}
            for name, voice in plan.voices.items()
        },
        "problems": [problem.as_row() for problem in plan.problems],
        "seconds": dict(done.seconds or {}),
    }
    if output is not None:
        levels = output.levels
        report["sound"] = {
            "loudness_of_the_film": levels.film,
            "loudness": levels.output,
            "true_peak": levels.true_peak,
            "gain_db": levels.finish.gain_db,
            "seconds_without_bed": output.without_bed,
        }
        report["stems"] = {name: str(file) for name, file in output.stems.items()}
        report["subtitles"] = None if output.subtitles is None else str(output.subtitles)
        report["warnings"] = list(output.warnings)
    return report


def _totals(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    heard = [row["checks"] for row in rows if row["checks"].get("words_wrong") is not None]
    return {
        "cues": len(rows),
        "dubbed": sum(row["problem"] is None for row in rows),
        "failed": sum(row["problem"] is not None for row in rows),
        "flagged": sum(bool(row["flags"]) for row in rows),
        "timing": {
            name: sum(row.get("timing", _timing(row)) == name for row in rows) for name in ("lips", "activity", "cue")
        },
        "words": sum(one["words"] for one in heard),
        "words_wrong": sum(one["words_wrong"] for one in heard),
    }


def _timing(row: dict[str, Any]) -> str | None:
    """Of a cue in several parts, that of its first."""
    return row["parts"][0]["timing"] if row.get("parts") else None


def write_report(path: Path, report: dict[str, Any], plan: FilmPlan) -> None:
    """Writes a report; the ending chooses JSON, a table (.csv) or a page for people (.html).

    Args:
        path: of the file.
        report: of [`film_report`].
        plan: of the same run, whose mouths the page shows.

    Raises:
        ValueError: another ending.
        OSError: it cannot be written.
    """
    kind = path.suffix.lower()
    if kind == ".json":
        replace_file(path, (json.dumps(report, ensure_ascii=False, indent=1) + "\n").encode())
    elif kind == ".csv":
        replace_file(path, _table(report).encode())
    elif kind == ".html":
        from .report_page import report_page

        replace_file(path, report_page(report, plan).encode())
    else:
        raise ValueError(f"a report ends in .json, .csv or .html, got {path.name}.")


def _table(report: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in worst_first(report["cues"]):
        plain = row | row["checks"] | {"timing": row.get("timing", _timing(row)), "flags": " ".join(row["flags"])}
        writer.writerow(plain | {name: clock(row[name]) for name in ("start", "end")})
    return text.getvalue()


__all__ = ["REPORT_NAME", "cue_row", "film_report", "worst_first", "write_report"]

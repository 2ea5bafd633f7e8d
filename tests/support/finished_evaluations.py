"""Folders as `flowdubber evaluate` leaves them, written from values that a test chooses."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path
from typing import Any

from flowdubber_hf.evaluation.scorers import registry
from flowdubber_hf.evaluation.summary import summarize_columns


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> None:
    """clips.jsonl."""
    (folder / "clips.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def finished_rows(values: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Lines of clips.jsonl of the clips c0, c1, ..., from one list a value; a field of the line itself may be among them."""
    lines = []
    for number, items in enumerate(zip(*values.values(), strict=True)):
        row = {"clip": f"c{number}", "id": f"it/c{number}", "text": f"say {number}", "reference": f"it/r{number}"}
        row |= {"own_reference": False, "problem": None}
        lines.append(row | dict(zip(values, items, strict=True)))
    return lines


def write_finished(folder: Path, values: dict[str, list[Any]], setting: int = 2, **summary: Any) -> Path:
    """A finished evaluation whose clips have the values; its figures are those that the values suffice for."""
    folder.mkdir(parents=True)
    rows = finished_rows(values)
    write_rows(folder, rows)
    scorers = {
        name: [column for column in scorer.columns if {*(column.of or (column.name,))} <= {*values}]
        for name, scorer in registry().items()
    }
    columns = [column for chosen in scorers.values() for column in chosen]
    whole = {
        "name": folder.name,
        "model": "it",
        "weights": "w",
        "split": "dev",
        "setting": setting,
        "clips": len(rows),
        "without_sound": {},
        "settings": {"sound": "dub", "steps": 10, "seed": 0},
        "metrics": {name: None for name, chosen in scorers.items() if chosen},
        "figures": summarize_columns(columns, rows, setting),
    }
    (folder / "summary.json").write_text(json.dumps(whole | summary))
    return folder

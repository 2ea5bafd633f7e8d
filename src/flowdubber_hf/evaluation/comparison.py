"""Finished evaluations beside each other: one table of all, and whether what differs from the first of them may be chance.

The clips are the same, so a difference is formed of each clip and summed up over those that both evaluations have. What makes one clip
harder than another falls out, so pairs show differences that the intervals of two separate figures hide.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..metrics import functional
from ..work.reading import parse_json, read_json, read_text, require
from ..work.wording import listed
from .run import CLIPS_NAME, PAIRING_NAME, SUMMARY_NAME
from .scorers import LOWER, ZERO, Column, registry
from .summary import LEVEL, Row, check_summary, counted_rows, heading, paper_table


MAX_VALUE = 1e12  # of a clip: a larger one is damaged, and sums of such would not be finite
PAIRED = ("mean", "ratio")  # summaries that are sums over clips, so that differences of clips add up to theirs
P_NOTE = (
    "Differences are this minus the baseline, formed of each clip, with 95 % bootstrap intervals over clips. p: how often chance alone "
    "makes a difference at least as large (paired sign-flip test, two-sided). Of twenty figures without any difference, one is below 0.05."
)
_ROW: dict[str, Any] = {
    "clip": str, "id": str, "text": str, "reference": str, "own_reference": bool, "problem": (str, type(None)),
}  # fmt: skip


@dataclass(frozen=True)
class Finished:
    """A finished evaluation.

    Attributes:
        folder: `--output` of it.
        summary: content of its summary.json, checked.
    """

    folder: Path
    summary: dict[str, Any]

    @cached_property
    def rows(self) -> dict[str, Row]:
        """The lines of its clips.jsonl by the clip's id.

        Raises:
            ValueError: there is none, or it is damaged.
        """
        file = self.folder / CLIPS_NAME
        rows: dict[str, Row] = {}
        for number, line in enumerate(read_text(file).split("\n"), 1):
            if not line.strip():
                continue
            where = f"{file}:{number}"
            row = _check_values(require(parse_json(line, where, finite=True), _ROW, where), where)
            if row["id"] in rows:
                raise ValueError(f"{where}: the clip {row['id']} is there twice; evaluate again.")
            rows[row["id"]] = row
        return rows

    @property
    def title(self) -> str:
        """As in the first column of tables."""
        return f"{self.summary['name']}, setting {self.summary['setting']}"


def read_finished(folder: Path) -> Finished:
    """The evaluation of a folder; raises a `ValueError` where there is no summary.json or it is damaged."""
    file = folder / SUMMARY_NAME
    if not file.is_file():
        raise ValueError(f"{folder} holds no finished evaluation (no {SUMMARY_NAME}).")
    return Finished(folder, check_summary(read_json(file, finite=True), file))


@lru_cache(maxsize=1)
def _known_columns() -> dict[str, tuple[str, Column]]:
    """By the figure's name: the scorer that gives it, and the column."""
    return {column.name: (name, column) for name, scorer in registry().items() for column in scorer.columns}


def _check_values(row: dict[str, Any], where: str) -> dict[str, Any]:
    """The same line, whose values of clips are numbers or `None`, and above 0 where something is divided by them."""
    for _, column in _known_columns().values():
        if column.summary not in PAIRED:
            continue
        for name in column.of or (column.name,):
            value = row.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > MAX_VALUE:
                raise ValueError(f"{where}: {name!r} must be a number or null, got {value!r:.60}; evaluate again.")
            if column.summary == "ratio" and name == column.of[1] and value <= 0:
                raise ValueError(f"{where}: {name!r} must be above 0, got {value}; evaluate again.")
    return row


# ---------------------------------------------------------------------------------------------------------------------
# Pairs


def pair_evaluations(baseline: Finished, other: Finished) -> dict[str, Any]:
    """What an evaluation differs by from another on the clips that both have.

    Another split, setting, model or seed is what is compared, and told in `changed`.

    Returns:
        `baseline` and `name`, the titles; `clips` in common, and those that are `only_baseline` and `only_here`, by id; `changed`, option
        to both its values; `figures`, by column: `title`, `unit`, `better`, `digits`, `baseline` and `value` over the pairs, their
        `difference` with `low`, `high` and `p`, the number of `clips`, and the ids of those that are `missing`, which one of the two has
        no value of; `not_compared`, column to reason.

    Raises:
        ValueError: no clip in common, another script of a clip, another reference of it in the same setting, or a damaged file.
    """
    for one in (baseline, other):
        require(one.summary, {"split": str, "settings": dict, "metrics": dict}, one.folder / SUMMARY_NAME)
    pairs = _match(baseline, other)
    figures: dict[str, Any] = {}
    not_compared: dict[str, str] = {}
    known = _known_columns()
    for name in baseline.summary["figures"]:
        if name not in other.summary["figures"]:
            continue
        if name not in known:
            not_compared[name] = "unknown to this version"
            continue
        scorer, column = known[name]
        judges = [one.summary["metrics"].get(scorer) for one in (baseline, other)]
        if judges[0] != judges[1]:
            not_compared[name] = f"measured by {_shown(judges[0])} and by {_shown(judges[1])}"
        elif column.summary in PAIRED:
            counted = [pair for pair in pairs if _counted(column, pair, baseline, other)]
            figure = _paired_figure(column, counted)
            if figure is None:
                not_compared[name] = "no clip has it in both"
            else:
                figures[name] = figure
    return {
        "baseline": baseline.title,
        "name": other.title,
        "clips": len(pairs),
        "only_baseline": [key for key in baseline.rows if key not in other.rows],
        "only_here": [key for key in other.rows if key not in baseline.rows],
        "changed": _changed(baseline.summary, other.summary),
        "figures": figures,
        "not_compared": not_compared,
    }


def _match(baseline: Finished, other: Finished) -> list[tuple[Row, Row]]:
    """The lines of the clips that both have, in the baseline's order; refuses what is no pair."""
    pairs = [(row, other.rows[key]) for key, row in baseline.rows.items() if key in other.rows]
    if not pairs:
        splits = " and ".join(f"{len(one.rows)} of {one.summary['split']}" for one in (baseline, other))
        raise ValueError(
            f"{baseline.folder} and {other.folder} have no clip in common (they have {splits}); evaluate the same split of the same data."
        )
    texts = [first["id"] for first, second in pairs if first["text"] != second["text"]]
    if texts:
        raise ValueError(
            f"{baseline.folder} and {other.folder} have other scripts for {len(texts)} of {len(pairs)} clips ({listed(texts)}); evaluate the "
            "same clips."
        )
    voices = [first["id"] for first, second in pairs if first["reference"] != second["reference"]]
    if voices and baseline.summary["setting"] == other.summary["setting"]:
        raise ValueError(
            f"{baseline.folder} and {other.folder} take other references for {len(voices)} of {len(pairs)} clips ({listed(voices)}); evaluate "
            f"one of them again with --pairing {baseline.folder / PAIRING_NAME}."
        )
    return pairs


def _counted(column: Column, pair: tuple[Row, Row], *evaluations: Finished) -> bool:
    return all(counted_rows(column, [row], one.summary["setting"]) for row, one in zip(pair, evaluations, strict=True))


def _parts(column: Column, row: Row) -> tuple[float, float] | None:
    """What a clip adds to the figure's numerator and denominator; `None` where it has no value."""
    values = [row.get(name) for name in column.of or (column.name,)]
    numbers = [float(value) for value in values if value is not None]
    if len(numbers) < len(values):
        return None
    if column.summary == "ratio":
        return 100 * numbers[0], numbers[1]
    return (abs(numbers[0]) if column.better == ZERO else numbers[0]), 1.0


def _paired_figure(column: Column, pairs: Sequence[tuple[Row, Row]]) -> dict[str, Any] | None:
    """A figure of two evaluations over the clips of which both have it; `None` without any."""
    parts = [(_parts(column, first), _parts(column, second)) for first, second in pairs]
    missing = [row["id"] for (row, _), pair in zip(pairs, parts, strict=True) if None in pair]
    both = np.asarray(
        [pair for pair in parts if None not in pair]
    )  # (clips, 2 evaluations, numerator and denominator)
    if not len(both):
        return None
    sizes = both[:, 0, 1]
    if (sizes != both[:, 1, 1]).any():
        raise ValueError(
            f"{CLIPS_NAME}: {column.of[1]} differ though the scripts are the same; evaluate both with one version."
        )
    differences = both[:, 1, 0] - both[:, 0, 0]
    low, high = functional.bootstrap_interval(differences, sizes, level=LEVEL)
    distance = column.better == ZERO
    return {
        "title": f"{column.title}, distance from 0" if distance else column.title,
        "unit": column.unit,
        "better": LOWER if distance else column.better,
        "digits": column.digits,
        **{name: float(both[:, at, 0].sum() / sizes.sum()) for at, name in enumerate(("baseline", "value"))},
        "difference": float(differences.sum() / sizes.sum()),
        "low": low,
        "high": high,
        "p": functional.sign_flip_test(differences),
        "clips": len(both),
        "missing": missing,
    }


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What was chosen otherwise, as far as both say it; weights only where the model's name does not tell them apart."""

    def told(summary: Mapping[str, Any]) -> dict[str, Any]:
        named = {name: summary.get(name) for name in ("model", "weights", "split", "setting")}
        return {**named, **summary["settings"]}

    first, second = told(before), told(after)
    changed = {name: [first[name], second[name]] for name in first if name in second and first[name] != second[name]}
    if "model" in changed:
        changed.pop("weights", None)
    return changed


# ---------------------------------------------------------------------------------------------------------------------
# Tables


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def format_difference(figure: Mapping[str, Any]) -> str:
    """A difference with its sign and unit, one digit finer than the figure; of percentages in points."""
    unit = {"": "", "%": " points"}.get(figure["unit"], f" {figure['unit']}")
    return f"{figure['difference']:+z.{figure['digits'] + 1}f}{unit}"


def format_bounds(figure: Mapping[str, Any]) -> str:
    """The interval of a difference."""
    return " to ".join(f"{figure[name]:+z.{figure['digits'] + 1}f}" for name in ("low", "high"))


def format_p(p: float) -> str:
    """A p-value, as in tables."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def paired_table(pair: Mapping[str, Any]) -> list[str]:
    """What [`pair_evaluations`] returned, as Markdown lines: what was paired, and a row a figure."""
    apart = [(pair["only_baseline"], "the baseline"), (pair["only_here"], "this one")]
    counts = [f"{len(clips)} only in {whose}" for clips, whose in apart if clips]
    changed = [f"{name} {_shown(first)} → {_shown(second)}" for name, (first, second) in pair["changed"].items()]
    lines = [
        f"**{pair['name']}** against the baseline {pair['baseline']}: {pair['clips']} clips in common"
        f"{f' ({listed(counts)})' if counts else ''}; changed: {', '.join(changed) or 'nothing'}."
    ]
    if pair["figures"]:
        lines += [
            "",
            "| figure | baseline | this | difference | 95 % interval | p | clips | not had |",
            "|---" * 8 + "|",
        ]
        lines += [_line(figure) for figure in pair["figures"].values()]
    reasons = [f"{name}: {reason}" for name, reason in pair["not_compared"].items()]
    if reasons or not pair["figures"]:
        lines += ["", f"Not compared: {'; '.join(reasons) or 'they have no figure of single clips in common'}."]
    return lines


def _line(figure: Mapping[str, Any]) -> str:
    unit = f" {figure['unit']}" if figure["unit"] else ""
    values = [f"{figure[name]:.{figure['digits']}f}{unit}" for name in ("baseline", "value")]
    difference, interval, p = format_difference(figure), format_bounds(figure), format_p(figure["p"])
    counts = [str(figure["clips"]), str(len(figure["missing"]) or "")]
    return f"| {' | '.join([heading(figure), *values, difference, interval, p, *counts])} |"


@dataclass(frozen=True)
class Comparison:
    """Several evaluations beside each other.

    Attributes:
        table: the papers' table, a row each, as Markdown.
        pairs: each but the first against the first, as [`pair_evaluations`] returns it with the `folder`; where they cannot be paired,
            `folder` and the `problem`.
    """

    table: str
    pairs: tuple[dict[str, Any], ...]

    @property
    def text(self) -> str:
        """The table, and one for each pair."""
        parts = [self.table]
        for pair in self.pairs:
            problem = pair.get("problem")
            parts.append(f"Not paired: {problem}" if problem else "\n".join(paired_table(pair)))
        if any(pair.get("figures") for pair in self.pairs):
            parts.append(P_NOTE)
        return "\n\n".join(parts)


def compare(folders: Sequence[Path]) -> Comparison:
    """Finished evaluations in one table, and all but the first against the first.

    Raises:
        ValueError: a folder without summary.json, or a damaged one. What cannot be paired is no error: it is told beside the table.
    """
    first, *others = (read_finished(folder) for folder in folders)
    pairs = []
    for other in others:
        try:
            found = pair_evaluations(first, other)
        except ValueError as error:
            found = {"problem": str(error)}
        pairs.append({"folder": str(other.folder), **found})
    return Comparison("\n".join(paper_table([one.summary for one in (first, *others)])), tuple(pairs))

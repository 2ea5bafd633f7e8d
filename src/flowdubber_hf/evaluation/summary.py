"""From the values of all clips to figures with 95 % intervals, and their tables.

Intervals are bootstraps over clips: the clips are drawn again with replacement, the figure is formed of each draw, and the
middle 95 % of the draws are the interval. They say how much the figure depends on which clips were taken, and nothing about
another seed, speaker or corpus.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..metrics import functional
from ..work.reading import require
from ..work.wording import listed
from .scorers import HIGHER, LOWER, Column


LEVEL = 0.95
RESAMPLES = 2000
ARROWS = {HIGHER: "↑", LOWER: "↓"}
# The figures of the method's papers, in their order; the command's first table has those of them that were measured.
PAPER_COLUMNS = (
    "lse_c",
    "lse_d",
    "word_sync_steady_ms",
    "wavlm",
    "ge2e",
    "wer",
    "wer_grammar",
    "wer_open",
    "utmos",
    "dnsmos",
    "mcd_dtw_sl",
)

Row = Mapping[str, Any]


def _percentile_of_all(lists: Sequence[Sequence[float]]) -> float:
    return float(np.percentile(np.abs(np.concatenate([np.asarray(part, float) for part in lists])), 95))


def _largest(values: Sequence[float]) -> float:
    return max(values, key=abs)


def _resampled(items: Sequence[Any], statistic: Callable[[Sequence[Any]], float]) -> tuple[float, float]:
    """The bootstrap interval over clips of a figure that is no mean and no ratio of sums."""
    generator = np.random.default_rng(0)
    draws = [
        statistic([items[index] for index in generator.integers(0, len(items), len(items))]) for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(draws, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def _figure(column: Column, rows: Sequence[Row]) -> dict[str, Any]:
    """Value, interval and number of clips of a column over rows that all have what it needs; `None` without any."""
    if not rows:
        return {"value": None, "low": None, "high": None, "clips": 0}
    if column.summary == "ratio":
        wrong, words = ([row[name] for row in rows] for name in column.of)
        value = 100 * sum(wrong) / sum(words)
        low, high = (100 * bound for bound in functional.bootstrap_interval(wrong, words, level=LEVEL))
    elif column.summary == "p95":
        lists = [row[column.of[0]] for row in rows]
        value, (low, high) = _percentile_of_all(lists), _resampled(lists, _percentile_of_all)
    elif column.summary == "largest":
        value = low = high = _largest([row[column.name] for row in rows])
    else:
        values = [row[column.name] for row in rows]
        value = float(np.mean(values))
        low, high = functional.bootstrap_interval(values, level=LEVEL)
    return {"value": value, "low": float(low), "high": float(high), "clips": len(rows)}


def _has(column: Column, row: Row) -> bool:
    return all(row.get(name) is not None for name in column.of or (column.name,))


def counted_rows(column: Column, rows: Sequence[Row], setting: int) -> list[Row]:
    """The clips that a figure is of: all, but for a voice's figures in settings 2 and 3 those that are no reference of their own."""
    return [row for row in rows if setting == 1 or not (column.voice and row["own_reference"])]


def summarize_columns(columns: Sequence[Column], rows: Sequence[Row], setting: int) -> dict[str, dict[str, Any]]:
    """Every figure with its interval.

    Args:
        columns: that were measured.
        rows: of clips.jsonl.
        setting: 1 to 3; in 2 and 3 a clip that is its own reference is left out of the voice's figures and given as `own`.

    Returns:
        By column: `title`, `unit`, `better`, `digits`, `value`, `low`, `high`, `clips` that it is made of, and `missing`, the
        names of those that do not have it.
    """
    summary = {}
    for column in columns:
        chosen = counted_rows(column, rows, setting)
        having = [row for row in chosen if _has(column, row)]
        figure = {
            "title": column.title,
            "unit": column.unit,
            "better": column.better,
            "digits": column.digits,
            **_figure(column, having),
            "missing": [row["clip"] for row in chosen if not _has(column, row)],
        }
        left_out = [row for row in rows if row["own_reference"]] if len(chosen) < len(rows) else []
        own = [row for row in left_out if _has(column, row)]
        if own:
            figure["own"] = _figure(column, own)
        summary[column.name] = figure
    return summary


def format_figure(figure: Mapping[str, Any]) -> str:
    """A figure with its unit and interval, as in tables."""
    if figure["value"] is None:
        return "-"
    digits, unit = figure["digits"], f" {figure['unit']}" if figure["unit"] else ""
    value = f"{figure['value']:.{digits}f}{unit}"
    return value if figure["low"] == figure["high"] else f"{value} ({_interval(figure)})"


def _interval(figure: Mapping[str, Any]) -> str:
    low, high = (f"{figure[name]:.{figure['digits']}f}" for name in ("low", "high"))
    return f"{low} to {high}"


def heading(figure: Mapping[str, Any]) -> str:
    """A figure's title, and which way is better."""
    return f"{figure['title']} {ARROWS.get(figure['better'], '→ 0')}"


_NUMBER = (int, float, type(None))
_FIGURE: dict[str, Any] = {
    "title": str, "better": (str, type(None)), "unit": (str, type(None)), "digits": int, "value": _NUMBER, "low": _NUMBER,
    "high": _NUMBER,
}  # fmt: skip


def check_summary(summary: dict[str, Any], file: Path) -> dict[str, Any]:
    """A summary that [`paper_table`] can show; raises a `ValueError` else."""
    require(summary, {"name": str, "setting": (int, str, type(None)), "clips": int, "figures": dict}, file)
    for name, figure in summary["figures"].items():
        found = require(figure, _FIGURE, f"{file}: the figure {name}")
        if not 0 <= found["digits"] <= 12 or (found["value"] is not None and None in (found["low"], found["high"])):
            raise ValueError(f"{file}: the figure {name} is damaged; evaluate again.")
    return summary


def paper_table(summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The papers' table: one row a system, one column a figure, as Markdown lines.

    Args:
        summaries: contents of summary.json; a figure that one of them lacks is "-".
    """
    figures = {name: figure for summary in summaries for name, figure in summary["figures"].items()}
    names = [name for name in PAPER_COLUMNS if name in figures] or list(figures)
    lines = [
        f"| system | clips | {' | '.join(heading(figures[name]) for name in names)} |",
        f"|---|---|{'---|' * len(names)}",
    ]
    for summary in summaries:
        cells = [format_figure(summary["figures"][name]) if name in summary["figures"] else "-" for name in names]
        lines.append(f"| {summary['name']}, setting {summary['setting']} | {summary['clips']} | {' | '.join(cells)} |")
    return lines


def figures_table(summary: Mapping[str, Any]) -> list[str]:
    """Every figure of one evaluation, a row each, as Markdown lines."""
    lines = ["| figure | value | 95 % interval | clips | not had |", "|---|---|---|---|---|"]
    for figure in summary["figures"].values():
        value = format_figure({**figure, "low": 0, "high": 0})
        interval = "" if figure["value"] is None or figure["low"] == figure["high"] else _interval(figure)
        lines.append(
            f"| {heading(figure)} | {value} | {interval} | {figure['clips']} | {len(figure['missing']) or ''} |"
        )
        if "own" in figure:
            own = {**figure, **figure["own"]}
            value = format_figure({**own, "low": 0, "high": 0})
            lines.append(f"| the same, clips that are their own reference | {value} | | {own['clips']} | |")
    return lines


def write_tables(summary: Mapping[str, Any]) -> str:
    """Content of table.md."""
    machine = summary["machine"]
    missing, skipped = summary["without_sound"], summary["skipped"]
    notes = [
        f"{summary['clips']} clips of `{summary['split']}`; reference: {summary['pairing']} ({summary['own_references']} "
        f"clips are their own). Values are over all clips, with 95 % bootstrap intervals over clips. {machine['processor']}, "
        f"Python {machine['python']}, torch {machine['torch']}, flowdubber_hf {machine['flowdubber_hf']}, {summary['date']}."
    ]
    if missing:
        notes.append(f"Without a sound, in no figure: {len(missing)} clips ({listed(list(missing), 5)}).")
    if skipped:
        notes.append(f"Not evaluated: {len(skipped)} clips ({listed(list(skipped), 5)}).")
    parts = [paper_table([summary]), [""], figures_table(summary), ["", *notes]]
    speed = summary.get("speed")
    if speed:
        parts.append(["", *speed_lines(speed)])
    return "\n".join(line for part in parts for line in part) + "\n"


def speed_lines(speed: Mapping[str, Any]) -> list[str]:
    """The measured speed as Markdown lines."""
    stages = ", ".join(f"{name} {share:.3f}" for name, share in speed["stages"].items())
    cold = speed["cold"]
    return [
        f"- Warm real-time factor: {speed['real_time_factor']:.2f} (median of {speed['calls']} calls, best "
        f"{speed['best']:.2f}, {speed['threads']} threads, {speed['device']}); by stage: {stages}.",
        f"- Cold, `flowdubber dub` of one clip in a process of its own: {cold['seconds']:.1f} s with loading, peak memory "
        f"{cold['peak_gb']:.2f} GB.",
    ]

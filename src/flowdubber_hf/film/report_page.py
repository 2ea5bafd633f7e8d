"""A report as one page without outside files: cues worst first, the mouth that was read beside those that were not, what to do again."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import base64
import shlex
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .mouths import Mouths
from .plan import FilmPlan
from .planned import CuePlan, PlannedSpan
from .problems import clock
from .report import worst_first


_SIDE = 72  # pixels of a thumbnail
_MOST_REJECTED = 3
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c22; --soft: #8888881a }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem }
h1 { font-size: 1.4rem } table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid var(--line); padding: .45rem .5rem; text-align: left; vertical-align: top }
th { font-weight: 600 } .number { text-align: right; font-variant-numeric: tabular-nums }
figure { display: inline-block; margin: 0 .3rem 0 0; text-align: center; font-size: .75rem }
figure img { border-radius: 4px; display: block } figure.left img { opacity: .45; filter: grayscale(1) }
.problem, .flags { color: var(--bad) } code { background: var(--soft); border-radius: 4px; padding: .1rem .3rem }
dl { display: grid; grid-template-columns: max-content auto; gap: .2rem 1rem } dt { font-weight: 600 } dd { margin: 0 }
@media (max-width: 50rem) { thead { display: none } td { display: block; border: 0 } tr { border-bottom: 1px solid var(--line) } }
"""


def report_page(report: dict[str, Any], plan: FilmPlan) -> str:
    """The page as HTML.

    Args:
        report: of `film_report`.
        plan: of the same run.
    """
    mouths = Mouths.stored(plan.settings.work_folder)
    plans = {one.id: one for one in plan.cues}
    rows = "".join(_row(row, plans[row["id"]], plan, mouths) for row in worst_first(report["cues"]))
    title = f"Dub of {Path(report['film']).name}"
    heads = "".join(f"<th>{name}</th>" for name in ("Cue", "Said", "Mouth", "Heard", "Voice", "Lips", "Look at"))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1><dl>{''.join(_facts(report))}</dl>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{_skipped(report)}</body></html>\n"
    )


def _facts(report: dict[str, Any]) -> Iterator[str]:
    totals, sound = report["totals"], report.get("sound", {})
    timing = ", ".join(f"{count} by {name}" for name, count in totals["timing"].items() if count)
    yield _fact(
        "Cues",
        f"{totals['dubbed']} of {totals['cues']} dubbed ({timing}), {totals['flagged']} with something to look at",
    )
    if totals["words"]:
        yield _fact("Words", f"{totals['words_wrong']} of {totals['words']} heard wrong by the recogniser")
    if sound:
        before, after = (_decibels(sound[name], "LUFS") for name in ("loudness_of_the_film", "loudness"))
        yield _fact("Loudness", f"{before} before, {after} now, peaks at {_decibels(sound['true_peak'], 'dBTP')}")
        yield _fact("Without a bed", f"{sound['seconds_without_bed']:.1f} s")
    for name, voice in report["voices"].items():
        yield _fact(f"Voice {name}", voice["consent"] or "no line of consent")
    for warning in report.get("warnings", ()):
        yield _fact("Output", warning)


def _fact(name: str, text: str) -> str:
    return f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"


def _decibels(value: float | None, unit: str) -> str:
    return "silent" if value is None else f"{value:.1f} {unit}"


def _row(row: dict[str, Any], cue: CuePlan, plan: FilmPlan, mouths: Mouths) -> str:
    checks = row["checks"]
    wrong = "" if checks.get("words_wrong") is None else f"{checks['words_wrong']} of {checks['words']} wrong"
    heard = f"{escape(checks.get('heard') or '')}<br><small>{wrong}</small>"
    voice = "" if checks.get("ge2e") is None else f"{checks['ge2e']:.2f}"
    lips = "" if checks.get("lse_d") is None else f"{checks['lse_d']:.2f}"
    if checks.get("lse_d_original") is not None:
        lips += f"<br><small>film {checks['lse_d_original']:.2f}</small>"
    number = row["number"]
    again = f"<details><summary>do it again</summary><code>{escape(_again(plan, number))}</code></details>"
    notes = "".join(f'<div class="flags">{escape(flag)}</div>' for flag in row["flags"])
    if row["problem"]:
        notes = f'<div class="problem">{escape(row["problem"])}</div>' + notes
    speaker = escape(row.get("speaker") or "")
    cells = [
        f'<td class="number">{number}<br><small>{clock(row["start"])}</small></td>',
        f"<td><b>{speaker}</b> {escape(row['text'])}<br><small>{cue.timing}, seed {row['seed']}</small></td>",
        f"<td>{''.join(_thumbnails(cue, plan, mouths))}</td>",
        f"<td>{heard}</td>",
        f'<td class="number">{voice}</td>',
        f'<td class="number">{lips}</td>',
        f"<td>{notes}{again}</td>",
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _again(plan: FilmPlan, number: int) -> str:
    """The line to copy that makes another take of a cue."""
    given = plan.settings
    options = {"--cues": given.cues, "--voices": given.voices, "--output": given.output}
    options |= {"--work": given.work} if given.work is not None else {}
    options["--redo"] = number
    words = [str(word) for option in options.items() for word in option]
    return shlex.join(["flowdubber", "film", str(given.film), *words])


def _thumbnails(cue: CuePlan, plan: FilmPlan, mouths: Mouths) -> Iterator[str]:
    part = next((one for one in cue.parts if one.choice.candidates or one.track), None)
    if part is None:
        yield "nobody is seen"
        return
    names = [part.track] if part.track else []
    names += [one.track for one in part.choice.candidates if one.track not in names][:_MOST_REJECTED]
    scores = {one.track: one.score for one in part.choice.candidates}
    for name in names:
        picture = _picture(name, part, plan, mouths)
        if picture is not None:
            chosen = name == part.track
            caption = ("read" if chosen else "not read") + (
                f", {scores[name]:.2f}" if len(scores) > 1 and name in scores else ""
            )
            yield _figure(picture, caption, chosen)


def _picture(name: str, part: PlannedSpan, plan: FilmPlan, mouths: Mouths) -> np.ndarray | None:
    """The middle one of the pictures that show a mouth in a window."""
    homes = mouths_home(name, plan.tracks)
    if homes is None:
        return None
    crops, seen = mouths.of_window(homes, name, part.window)
    places = np.flatnonzero(seen)
    return crops[places[len(places) // 2]] if len(places) else None


def mouths_home(name: str, tracks: Any) -> str | None:
    """The names of the files that hold a track, which may go on in several shots."""
    parts = name.split("+")
    return "+".join(tracks[one]["stretch"] for one in parts) if all(one in tracks for one in parts) else None


def _figure(picture: np.ndarray, caption: str, chosen: bool) -> str:
    small = cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    _, png = cv2.imencode(".png", small)
    data = base64.b64encode(png.tobytes()).decode()
    kind = "" if chosen else ' class="left"'
    return (
        f'<figure{kind}><img width="{_SIDE}" height="{_SIDE}" alt="mouth, {escape(caption)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _skipped(report: dict[str, Any]) -> str:
    if not report["skipped"]:
        return ""
    rows: Sequence[str] = [
        f"<li>{one['number']}: {escape(one['text'])} ({escape(one['note'] or 'skipped')})</li>"
        for one in report["skipped"]
    ]
    return f"<h2>Not spoken</h2><ul>{''.join(rows)}</ul>"

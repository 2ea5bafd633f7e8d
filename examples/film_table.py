"""The table of what was measured of a whole film; see benchmark_film.py."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from typing import Any


#: What is measured, its figure, what it should be, and whether it is.
Row = tuple[str, str, str, bool]


def figure_rows(found: dict[str, Any]) -> list[Row]:
    """Of a film and its runs."""
    return [*_plan_rows(found), *_time_rows(found), *_sound_rows(found), *_run_rows(found)]


def _plan_rows(found: dict[str, Any]) -> list[Row]:
    rows = [("cuts found, F1", f"{found['cuts_f1']:.3f} of {found['cuts']} cuts", ">= 0.99", found["cuts_f1"] >= 0.99)]
    for name, title, least in (
        ("speakers", "speaker right, with the film's sound", 0.95),
        ("speakers_mute", "speaker right, without it", 0.85),
    ):
        if name in found:
            right, count = sum(one for _, one in found[name]), len(found[name])
            figure = f"{100 * right / count:.1f} % ({right} of {count})"
            rows.append((title, figure, f">= {100 * least:.0f} %", right / count >= least))
    return rows


def _sound_rows(found: dict[str, Any]) -> list[Row]:
    before, after = found["loudness"]
    leak = found["leakage"]
    return [
        ("off-screen cues wholly inside their windows", f"{sum(found['inside'])} of {len(found['inside'])}", "all", all(found["inside"])),
        ("samples outside of windows that differ from the film's sound", str(found["changed_outside"]), "0", not found["changed_outside"]),
        ("the actor under the dub, worst cue", "none" if leak is None else f"{leak:.0f} dB", "<= -40 dB", leak is None or leak <= -40),
        (f"loudness after less before (of a film of {before:.1f} LUFS, {found.get('meter', 'FFmpeg')}'s meter)", f"{after - before:+.2f} LU", "within 0.2", abs(after - before) <= 0.2),
        ("true peak of the decoded track", f"{found['true_peak']:.2f} dBTP", "<= -1", found["true_peak"] <= -1),
        ("length error of stems and mix", f"{found['length_error']} samples", "0", not found["length_error"]),
    ]  # fmt: skip


def _time_rows(found: dict[str, Any]) -> list[Row]:
    rows = []
    if "starts" in found:
        one = found["starts"]
        more = one["film_ms"] - one["alone_ms"]
        rows += [
            ("word starts against the truth, in the film and the same clips alone", f"{one['film_ms']:.1f} and {one['alone_ms']:.1f} ms ({one['words']} words)", "+2 ms at most", more <= 2),
            ("slope of the word starts over ten minutes", f"{one['slope']:+.1f} ± {one['slope_error']:.1f} ms", "no more than its error", abs(one["slope"]) <= 2 * one["slope_error"]),
        ]  # fmt: skip
    lag, rise = found["lag_samples"], found["lag_slope"]
    rows.append(("takes out of their places in the decoded track, worst", f"{lag} samples", "0", lag == 0))
    rows.append(("slope of their places over ten minutes", f"{rise:+.3f} ms", "< 1 ms", abs(rise) < 1))
    return rows


def _run_rows(found: dict[str, Any]) -> list[Row]:
    rows = []
    if "redo" in found:
        one = found["redo"]
        rows += [
            ("`--redo` of a cue", f"{one['wall']:.0f} s, {one['processor']:.0f} processor seconds, {one['assembling']:.0f} s of it to put the film together", "<= 8 s", one["wall"] <= 8),
            ("every other take's bytes after it; the film's after `--accept`", _same(one["kept"] and one["back"]), "the same", one["kept"] and one["back"]),
        ]  # fmt: skip
    if "kills" in found:
        one = found["kills"]
        where = ", ".join(f"{count} {stage}" for stage, count in one["stages"].items())
        title = f"{one['count']} times `kill -9` ({where}{_of_film(one)}): the film's bytes"
        rows.append((title, _same(one["same"]), "the same", one["same"]))
    for name, title in (("two", "two processes"), ("launched", "`accelerate launch` with two")):
        if name in found.get("processes", {}):
            one = found["processes"][name]
            about = f" ({_of_film(found['processes']).removeprefix(', ')})" if _of_film(found["processes"]) else ""
            rows.append((f"{title}{about}: the film's bytes", _same(one["same"]), "the same", one["same"]))
    return [*rows, *_cost_rows(found)]


def _of_film(one: dict[str, Any]) -> str:
    """Of which film, where it is another one."""
    return f", film of {one['minutes']:.1f} minutes" if "minutes" in one else ""


def _cost_rows(found: dict[str, Any]) -> list[Row]:
    wall, processor = (found[name] / found["film_seconds"] for name in ("wall", "processor"))
    share = found["speech_seconds"] / found["film_seconds"]
    rows = [("most memory of the process", f"{found['memory'] / 1e9:.2f} GB", "<= 1.2 GB", found["memory"] <= 1.2e9)]
    if "lengths" in found:
        one, other = found["lengths"]
        title = f"the same, {one['cues']} cues in {one['minutes']:.0f} and in {other['minutes']:.0f} minutes"
        more = other["memory"] / one["memory"] - 1
        figure = f"{one['memory'] / 1e9:.2f} and {other['memory'] / 1e9:.2f} GB ({100 * more:+.0f} %)"
        rows.append((title, figure, "within 5 %", more <= 0.05))
    title = f"time from film to film over the film's length (speech: {100 * share:.0f} % of it)"
    return [*rows, (title, f"{wall:.2f}; processor {processor:.2f}", "<= 0.6", wall <= 0.6)]


def _same(is_same: bool) -> str:
    return "the same" if is_same else "others"


def table(found: dict[str, Any], about: str, remark: str = "") -> str:
    """The figures for docs/benchmarks.md; what misses its mark is bold.

    Args:
        found: of all steps.
        about: whom the film shows.
        remark (*optional*): of the machine.
    """
    minutes = found["film_seconds"] / 60
    made = f"{about}: {minutes:.1f} minutes, {found['cues']} cues dubbed, {found['failed']} failed, {found['date']}."
    lines = [f"{made} {remark}".strip(), "", *_lines(figure_rows(found))]
    if "other" in found:
        one = found["other"]
        lines += ["", f"A film of another make (23.976 pictures a second, a portrait that lies on its side, 5.1 and a second sound track, "
                  f"subtitles, chapters; MP4 to MP4): {one['minutes']:.1f} minutes, {one['cues_dubbed']} cues dubbed, {one['failed']} failed.", ""]  # fmt: skip
        kept = [name for name, same in one["kept"].items() if same]
        lost = [name for name, same in one["kept"].items() if not same]
        figure = ", ".join(kept) + (f"; not: {', '.join(lost)}" if lost else "")
        rows = [*_plan_rows(one), *_time_rows(one), *_sound_rows(one), ("as in the film", figure, "all", not lost)]
        lines += _lines(rows)
    return "\n".join(lines) + "\n"


def _lines(rows: Sequence[Row]) -> list[str]:
    lines = ["| | measured | wanted |", "|---|---|---|"]
    for title, figure, wanted, met in rows:
        lines.append(f"| {title} | {figure if met else f'**{figure}**'} | {wanted} |")
    return lines

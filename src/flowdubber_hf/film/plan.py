"""A film's plan: what is said when, by which mouth, in which voice, and what is wrong or doubtful; no model of dubbing is loaded."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..version import __version__
from ..work.files import replace_file
from .check import FilmCheck, check_film
from .cues import Cue, write_cues
from .mouths import Mouths
from .part_borders import REACH, moved_borders
from .planned import CuePlan, PlannedSpan
from .problems import FilmProblem, in_order, raise_errors
from .script import LONGEST_PART, num_phonemes, rate_of, read_script, split_cue, too_fast
from .settings import FASTEST_RATE, PLAN_NAME, FilmSettings
from .shots import Shot, find_shots, one_shot, read_shots
from .source import GRID_STEP, FilmSource
from .speaker import Choice, PathScore
from .voices import Voice, check_spans
from .windows import Span, choose_timing, cue_window, find_windows


CUES_NAME, SHOTS_NAME = "cues.jsonl", "shots.json"
_SHOTS_FORM = 1  # of the file of shots; another rule for cuts is another form
_LEAST_PART = 50  # pictures of a part of a long cue
_AROUND = 12  # pictures before and behind a window that are decoded with it

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class FilmPlan:
    """A film that can be dubbed.

    Attributes:
        settings: as they were given.
        source: the film.
        voices: of the table, by their names.
        cues: all cues in the order of their times, those that are skipped included.
        shots: of the film.
        tracks: where each face that was found is, for people and reports.
        problems: warnings, and errors of single cues, which fail while the others are dubbed.
    """

    settings: FilmSettings
    source: FilmSource
    voices: Mapping[str, Voice]
    cues: tuple[CuePlan, ...]
    shots: tuple[Shot, ...]
    tracks: Mapping[str, dict[str, Any]]
    problems: tuple[FilmProblem, ...]

    def mouths(self, span: PlannedSpan) -> tuple[np.ndarray, np.ndarray]:
        """The mouths of a planned span `(F, 96, 96)` uint8 and the pictures that show them `(F,)` bool; all black without a track."""
        return Mouths.stored(self.settings.work_folder).of_window(span.stretch, span.track, span.window)

    def as_json(self) -> dict[str, Any]:
        source = self.source
        about = {"path": str(source.path), "duration": source.duration, "width": source.width, "height": source.height}
        about |= {
            "size": source.size,
            "frame_rate": str(source.frame_rate),
            "rotation": source.rotation,
            "identity": source.identity,
        }
        return {
            "version": __version__,
            "film": about,
            "cues": [cue.as_row() for cue in self.cues],
            "tracks": dict(self.tracks),
            "shots": [vars(shot) for shot in self.shots],
            "problems": [problem.as_row() for problem in self.problems],
        }


def plan_film(
    settings: FilmSettings, path_score: PathScore | None = None, progress: Progress | None = None
) -> FilmPlan:
    """
    Plans a film: cuts, faces, speakers, windows. What was found in the film is kept in the work folder, so that another plan with other
    cues decodes only what is new; the plan is written there too, as `plan.json`.

    Args:
        settings: of the film.
        path_score: how well a script goes with a mouth, asked where the film has no sound and several faces are seen.
        progress: called with the name of the stage and the share of it that is done.

    Raises:
        BadFilm: everything that is wrong with film, cues and voices.
        ValueError, OSError: the work folder cannot be written.
    """
    checked = check_film(settings)
    raise_errors(checked.problems)
    return _Planner(checked, path_score, progress or (lambda stage, share: None)).plan()


@dataclass(frozen=True)
class _Unit:
    """A part of a cue on its way through the plan."""

    cue: Cue
    text: str
    start: int
    end: int
    extra: int = 0
    window: tuple[int, int] = (0, 1)
    is_part: bool = False

    @property
    def grid(self) -> tuple[int, int]:
        """The pictures of the cue itself."""
        first = self.start // GRID_STEP
        return first, max(first + 1, -(-self.end // GRID_STEP))

    @property
    def reads_lips(self) -> bool:
        return self.cue.timing != "cue" and self.cue.face != "none"


class _Planner:
    """One planning, its stages one after another."""

    def __init__(self, checked: FilmCheck, path_score: PathScore | None, progress: Progress):
        self._checked, self._settings, self._source = checked, checked.settings, checked.source
        self._path_score, self._progress = path_score, progress
        self._folder = self._settings.work_folder
        self._problems = list(checked.problems)

    def plan(self) -> FilmPlan:
        checked = self._checked
        heard = list(check_spans(checked.table, checked.used_voices, str(self._settings.voices), self._source))
        raise_errors(heard)
        self._problems += heard
        units = self._windows(list(self._units()))
        shots = self._shots() if any(unit.reads_lips for unit in units) else one_shot(self._source)
        mouths = Mouths.find(
            self._source,
            self._folder,
            shots,
            [self._looked_at(unit) for unit in units if unit.reads_lips],
            self._checked.own_faces,
            {unit.cue.id: (unit.window, unit.cue.mouth_box) for unit in units if unit.cue.mouth_box is not None},
            lambda share: self._progress("faces", share),
        )
        choices = mouths.choose(
            [(unit.cue, unit.text, unit.grid, unit.window) for unit in units],
            self._path_score,
            lambda share: self._progress("speakers", share),
        )
        units, choices = self._at_rests(units, choices, mouths)
        spans = [self._planned(unit, choice, shots, mouths) for unit, choice in zip(units, choices, strict=True)]
        plan = FilmPlan(
            settings=self._settings,
            source=self._source,
            voices=self._checked.table.voices,
            cues=tuple(self._cue_plans(units, spans)),
            shots=tuple(shots),
            tracks=mouths.places(),
            problems=tuple(in_order(self._problems)),
        )
        write_cues(self._folder / CUES_NAME, self._checked.cues)
        replace_file(
            self._folder / PLAN_NAME, (json.dumps(plan.as_json(), ensure_ascii=False, indent=1) + "\n").encode()
        )
        return plan

    def _units(self) -> Sequence[_Unit]:
        found = []
        for cue in self._checked.cues:
            if cue.skip:
                continue
            timed = replace(cue, timing=self._settings.timing if cue.timing == "auto" else cue.timing)
            parts = split_cue(cue.text, cue.start, cue.end, self._checked.accent)
            found += [_Unit(timed, part.text, part.start, part.end, is_part=len(parts) > 1) for part in parts]
        return sorted(found, key=lambda unit: (unit.start, unit.cue.number))

    def _looked_at(self, unit: _Unit) -> tuple[int, int]:
        """The pictures in which faces are looked for; parts may still be moved."""
        around = REACH + _AROUND if unit.is_part else _AROUND
        return max(0, unit.window[0] - around), unit.window[1] + around

    def _at_rests(self, units: list[_Unit], choices: list[Choice], mouths: Mouths) -> tuple[list[_Unit], list[Choice]]:
        """The parts of long cues, meeting where the mouth rests."""
        parts: dict[str, list[int]] = {}
        for place, unit in enumerate(units):
            if unit.is_part:
                parts.setdefault(unit.cue.id, []).append(place)
        found = list(units)
        for places in parts.values():
            edges = [units[place].start // GRID_STEP for place in places] + [units[places[-1]].end // GRID_STEP]
            tracks = [choices[a].track or choices[b].track for a, b in pairwise(places)]
            around = [mouths.around(track, edge, REACH) for track, edge in zip(tracks, edges[1:], strict=False)]
            borders = moved_borders(edges, around, LONGEST_PART // GRID_STEP, _LEAST_PART)[1:-1]
            for (a, b), border, edge in zip(pairwise(places), borders, edges[1:], strict=False):
                if border != edge:
                    found[a] = replace(found[a], end=border * GRID_STEP)
                    found[b] = replace(found[b], start=border * GRID_STEP)
        order = sorted(range(len(found)), key=lambda place: (found[place].start, found[place].cue.number))
        return self._windows([found[place] for place in order]), [choices[place] for place in order]

    def _windows(self, units: list[_Unit]) -> list[_Unit]:
        spans = [Span(unit.start, unit.end, unit.cue.speaker) for unit in units]
        num_grid = max(1, self._source.duration // GRID_STEP)
        windows = find_windows(spans, num_grid)
        borrow = round(self._settings.borrow * 1_000_000)
        if borrow:
            units = [
                replace(unit, extra=borrow * self._is_hurried(unit, window))
                for unit, window in zip(units, windows, strict=True)
            ]
            windows = find_windows(spans, num_grid, [unit.extra for unit in units])
        return [replace(unit, window=window) for unit, window in zip(units, windows, strict=True)]

    def _is_hurried(self, unit: _Unit, window: tuple[int, int]) -> bool:
        script = read_script(unit.text, self._checked.accent)
        return rate_of(script, (window[1] - window[0]) * GRID_STEP) > self._settings.max_phonemes_per_second

    def _shots(self) -> list[Shot]:
        asked = str(self._settings.shots)
        if asked == "none":
            return one_shot(self._source)
        if asked != "auto":
            return read_shots(self._source, asked)
        file = self._folder / SHOTS_NAME
        known = _read_shots(file, self._source)
        if known is None:
            known = find_shots(
                self._source, lambda time: self._progress("shots", min(1.0, time / self._source.duration))
            )
            rows = [list(vars(shot).values()) for shot in known]
            content = json.dumps({"form": _SHOTS_FORM, "film": self._source.identity, "shots": rows})
            replace_file(file, content.encode())
        return known

    def _planned(self, unit: _Unit, choice: Choice, shots: Sequence[Shot], mouths: Mouths) -> PlannedSpan:
        window, cue, flags, error = unit.window, unit.cue, [], None
        track = mouths.track(choice.track)
        share = None if track is None else mouths.seen_share(choice.track, window)
        try:
            timing, remark = choose_timing(cue.timing, share)
        except ValueError as problem:
            timing, remark, error = "cue", None, str(problem)
            self._problems.append(cue.problem(error))
        flags += [remark] if remark else []
        if timing == "cue":
            window, choice, track = (
                cue_window(unit.start, unit.end + unit.extra, window),
                replace(choice, track=None),
                None,
            )
        if choice.unsure:
            flags.append(_unsure(choice))
            self._problems.append(cue.problem(_unsure(choice), is_error=False))
        if track is not None and track.profile:
            flags.append("the face looks aside.")
        script = read_script(unit.text, self._checked.accent)
        length = (window[1] - window[0]) * GRID_STEP
        fast = too_fast(script, length, FASTEST_RATE)
        error = error or fast
        hurried = None if fast else too_fast(script, length, self._settings.max_phonemes_per_second)
        flags += [hurried] if hurried else []
        return PlannedSpan(
            text=unit.text,
            start=unit.start,
            end=unit.end,
            window=window,
            timing=timing,
            choice=choice,
            stretch=None if track is None else mouths.stretch_of(choice.track),
            seen=share if timing != "cue" else None,
            mouths_hash=None if track is None else mouths.hash_of(choice.track, window),
            shots=tuple(shot.number for shot in shots if shot.first < window[1] and shot.stop > window[0]),
            phonemes=num_phonemes(script),
            rate=round(rate_of(script, length), 2),
            flags=tuple(flags),
            error=error,
        )

    def _cue_plans(self, units: Sequence[_Unit], spans: Sequence[PlannedSpan]) -> list[CuePlan]:
        parts: dict[str, list[PlannedSpan]] = {}
        for unit, span in zip(units, spans, strict=True):
            parts.setdefault(unit.cue.id, []).append(span)
        return [CuePlan(cue, tuple(parts.get(cue.id, ()))) for cue in self._checked.cues]


def _unsure(choice: Choice) -> str:
    names = ", ".join(one.track for one in choice.candidates[:2])
    taken = "the one that moves most is taken" if choice.track else "neither moves, so nobody is taken"
    return f"unsure who speaks: {len(choice.candidates)} faces, {names}, margin {choice.margin:.2f}; {taken}."


def _read_shots(file: Path, source: FilmSource) -> list[Shot] | None:
    """Those of an earlier plan of the same film."""
    from ..work.reading import read_json

    try:
        content = read_json(file)
        if (content.get("form"), content.get("film")) != (_SHOTS_FORM, source.identity):
            return None
        return [Shot(*row) for row in content["shots"]]
    except (ValueError, KeyError, TypeError):
        return None

"""From a visitor's film, cues and voices to the dubbed film: checked, planned, dubbed, cues done again."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..film.check import check_film
from ..film.plan import FilmPlan, plan_film
from ..film.problems import BadFilm
from ..film.report import film_report, write_report
from ..film.run import DubbedFilm, run_film, seeds_made
from ..film.run_settings import RunSettings
from ..film.settings import FilmSettings
from ..film.streams import OutputTracks, check_film_output
from ..processing.browser import plays_in_browsers, transcode_video
from ..processing.wav import write_wav
from ..work.files import replace_file
from .dubbing import SHOWN_SIDE, Dubber
from .film_limits import (
    FilmRequest,
    Found,
    Row,
    check_request_fields,
    cue_lines,
    filled,
    note_problems,
    speakers_of,
    with_notes,
    without_paths,
)
from .film_work import FilmFolders, bring_film
from .limits import Problems, for_visitors
from .progress import CHECKING, Report


GPU_SECONDS = 60  # for which ZeroGPU lends its card at a time
TAKE_SECONDS = 15  # of the card, for the longest cue and the usual number of steps
WRITING = "Writing the film"
#: What each stage is to a visitor, and the shares of the work between which it lies.
STAGES = {
    "shots": ("Looking for cuts", 0.02, 0.08),
    "faces": ("Looking for faces", 0.08, 0.25),
    "speakers": ("Choosing who speaks", 0.25, 0.3),
    "dub": ("Making takes", 0.3, 0.8),
    "sound": ("Reading the film's sound", 0.8, 0.85),
    "mix": ("Mixing", 0.85, 0.92),
    "film": (WRITING, 0.92, 0.95),
}


@dataclass(frozen=True)
class FilmChecked:
    """A request that can be dubbed, as far as can be said without decoding the film.

    Attributes:
        rows: of the table, with what is doubtful about each cue.
        remarks: on the rest, a sentence each.
        cues: that are spoken.
    """

    rows: list[Row]
    remarks: list[str]
    cues: int


@dataclass(frozen=True)
class FilmDub:
    """A dubbed film.

    Attributes:
        shown: path of the film as browsers play it.
        files: paths of what can be taken away, by kind: `film`, `subtitles`, `page`, `report`, and `stems` where asked for.
        rows: of the table, with what is to be looked at.
        remarks: on the whole, a sentence each.
        takes: of the cues that were dubbed.
        made: cues of which a take was made now.
    """

    shown: Path
    files: Mapping[str, Path]
    rows: list[Row]
    remarks: list[str] = field(default_factory=list)
    takes: int = 0
    made: int = 0


class FilmDubber:
    """Films by the page's own pipeline, in its one thread.

    Args:
        dubber: of the page, whose pipeline is used.
        model: its name.
        folders: of visitors.
        on_device (*optional*): decorates the function that runs the models, as `spaces.GPU` does.
    """

    def __init__(
        self,
        dubber: Dubber,
        model: str,
        folders: FilmFolders,
        on_device: Callable[[Callable], Callable] | None = None,
    ):
        self.dubber, self.model, self.folders = dubber, model, folders
        self._is_lent = on_device is not None
        self._try_takes = self.try_takes if on_device is None else on_device(self.try_takes)

    def check(self, request: FilmRequest) -> FilmChecked:
        """All that can be said against a request without decoding the film.

        Raises:
            FilmProblems: by field and by cue.
        """
        with TemporaryDirectory(prefix="flowdubber-") as folder:
            return self._checked(request, Path(folder))[0]

    def dub(self, request: FilmRequest, visitor: str | None, report: Report, keep: Callable[[FilmDub], Any]) -> Any:
        """Dubs a film, or does some of its cues again; requests at the same time are worked on one after the other, in one thread.

        Args:
            request: what the visitor asks for.
            visitor: name of the session, whose earlier takes are used.
            report: is told of progress.
            keep: takes what is wanted of the result while its files are there.

        Returns:
            What `keep` returns.

        Raises:
            Problems: what is wrong with the request, by field.
        """

        def work() -> Any:
            with self.folders.of(visitor, request.film or "") as folder:
                return keep(self._dub(request, folder, report))

        return self.dubber.in_one_thread(work)

    def _checked(self, request: FilmRequest, folder: Path) -> tuple[FilmChecked, FilmSettings]:
        """The request's files written into a folder, and looked at."""
        found, rows = Found(), filled(request.rows)
        voices = check_request_fields(request, self.dubber.max_takes, found)
        cues, numbers = cue_lines(rows, found)
        absent = [name for name in speakers_of(rows) if name not in voices and name.isprintable()]
        for number in (*request.redo, *request.earlier):
            if not 1 <= number <= len(rows) or rows[number - 1][6] is True:
                found.add("cues", f"Cue {number} is not spoken; choose another one.")
        settings = self._settings(request, folder)
        replace_file(Path(settings.cues), cues.encode())
        _write_voices(folder, voices, absent)
        checked = check_film(settings) if numbers else None
        doubts = note_problems(checked.problems if checked else (), numbers, absent, found, folder)
        found.raise_all()
        spoken = sum(not cue.skip for cue in checked.cues)
        return FilmChecked(with_notes(rows, doubts), doubts.get(0, []), spoken), settings

    def _settings(self, request: FilmRequest, folder: Path) -> FilmSettings:
        """All files of a request have names of ours, and lie in its folder."""
        film, suffix = Path(request.film or folder / "film"), ".mp4"
        if film.is_file():
            suffix = _suffix(film)
            film = bring_film(str(film), folder / f"film{suffix}")
        return FilmSettings(
            film=film,
            cues=folder / "cues.jsonl",
            voices=folder / "voices.toml",
            output=folder / f"dubbed{suffix}",
            model=self.model,
        )

    def _dub(self, request: FilmRequest, folder: Path, report: Report) -> FilmDub:
        report(0.0, desc=CHECKING)
        checked, settings = self._checked(request, folder)

        def tell(stage: str, share: float) -> None:
            text, first, last = STAGES[stage]
            report(first + (last - first) * share, desc=text)

        try:
            plan = plan_film(settings, progress=tell)
            how = RunSettings(
                best_of=int(request.takes),
                steps=int(request.steps),
                background=request.background,
                stems=request.stems,
                subtitles=folder / "dubbed.srt",
                embed_subtitles=True,
                overwrite=True,
            )
            made = self._make_takes(plan, how, request, report)
            done = run_film(plan, how, only=(), on_progress=tell, pipe=self.dubber.pipe)
        except Problems:
            raise  # they say themselves where they belong
        except BadFilm as error:
            raise Problems({"film": for_visitors(without_paths(str(error), folder))}) from error
        except ValueError as error:
            raise Problems({"film-settings": for_visitors(without_paths(str(error), folder))}) from error
        if done.output is None:
            told = "\n".join(f"Cue {cue.plan.cue.number}: {cue.problem}" for cue in done.failed)
            raise Problems({"cues": f"No cue could be dubbed.\n{for_visitors(without_paths(told, folder))}"})
        report(STAGES["film"][2], desc=WRITING)
        return self._written(done, checked, folder, made)

    def _make_takes(self, plan: FilmPlan, how: RunSettings, request: FilmRequest, report: Report) -> int:
        """Makes the takes that are due, as many at a time as a lent card has time for."""
        pipe = self.dubber.pipe
        redo = [str(number) for number in request.redo]
        accept = {str(number): _seed_before(plan, how, number) for number in request.earlier}
        there = run_film(plan, how, only=(), redo=redo, accept=accept, stop_after="dub", pipe=pipe)
        due = [cue.plan.id for cue in there.cues if cue.file is None and cue.plan.error is None]
        size = max(1, GPU_SECONDS // (TAKE_SECONDS * how.best_of)) if self._is_lent else max(1, len(due))
        text, first, last = STAGES["dub"]
        step = (last - first) / max(1, len(due))
        for begin in range(0, len(due), size):
            group = due[begin : begin + size]
            told = _Part(report, f"{text}: {len(due)} to make", first + step * begin, step * len(group))
            problem = self._try_takes(plan, how, group, told)
            if problem is not None:
                raise ValueError(problem)
        return len(due)

    def try_takes(self, plan: FilmPlan, how: RunSettings, cues: Sequence[str], report: Callable) -> str | None:
        """Makes the takes of some cues; what is wrong is returned: ZeroGPU loses what an exception says."""
        try:
            report("dub", 0.0)
            run_film(plan, how, only=cues, stop_after="dub", on_progress=report, pipe=self.dubber.pipe)
        except ValueError as error:
            return str(error)
        return None

    def _written(self, done: DubbedFilm, checked: FilmChecked, folder: Path, made: int) -> FilmDub:
        output = done.output.path
        report = film_report(done)
        files = {"film": output, "subtitles": done.output.subtitles}
        for kind, name in (("page", "report.html"), ("report", "report.json")):
            write_report(folder / name, report, done.plan)
            text = without_paths((folder / name).read_text(encoding="utf-8"), folder)
            replace_file(folder / name, text.encode())
            files[kind] = folder / name
        if done.output.stems:
            files["stems"] = _zipped(done.output.stems, folder / "stems.zip")
        notes = {
            row["number"]: [without_paths(one, folder) for one in (row["problem"], *row["flags"]) if one]
            for row in report["cues"]
        }
        shown = output
        if not plays_in_browsers(output):
            shown = transcode_video(output, folder / "shown.mp4", max_side=SHOWN_SIDE, overwrite=True)
        return FilmDub(
            shown=shown,
            files=files,
            rows=with_notes(checked.rows, notes),
            remarks=[*dict.fromkeys([*checked.remarks, *map(for_visitors, done.output.warnings)])],
            takes=report["totals"]["dubbed"],
            made=made,
        )


def _seed_before(plan: FilmPlan, how: RunSettings, number: int) -> int:
    """Of the take before the one that a cue has; before the first one lies the last.

    Raises:
        Problems: there is no other.
    """
    seeds, used = seeds_made(plan, how, str(number))
    if used is None or len(seeds) < 2:
        raise Problems({"cues": f"Cue {number} has no other take; do it again first."})
    return seeds[seeds.index(used) - 1]


class _Part:
    """Progress of some of the takes, told as that of all; it can be pickled where its report can."""

    def __init__(self, report: Report, text: str, first: float, length: float):
        self._report, self._text, self._first, self._length = report, text, first, length

    def __call__(self, stage: str, share: float) -> None:
        self._report(self._first + self._length * share, desc=self._text)


def _suffix(film: Path) -> str:
    """Of the container of the output: MP4, which browsers play, where it holds all of the film's tracks; otherwise MKV."""
    try:
        if plays_in_browsers(film):
            check_film_output(film, film.with_name("dubbed.mp4"), OutputTracks())
            return ".mp4"
    except ValueError:
        pass  # what is wrong with the film itself is told when it is looked at
    return ".mkv"


def _write_voices(folder: Path, voices: Mapping[str, Any], absent: Sequence[str]) -> None:
    """The table of voices, its recordings beside it; names that have none yet are held open, so that only what else is wrong is told."""
    tables = []
    for number, (name, given) in enumerate(voices.items(), 1):
        if isinstance(given, np.ndarray):
            write_wav(folder / f"voice-{number}.wav", given, overwrite=True)
            line = f'reference = "voice-{number}.wav"'
        else:
            line = f"from = {given}"
        tables.append(_table(name, f'{line}\nconsent = "given on the page"'))
    tables += [_table(name, "from = [[0.0, 1.0]]") for name in absent]
    replace_file(folder / "voices.toml", "\n".join(tables).encode())


def _table(name: str, lines: str) -> str:
    return f"[{json.dumps(name, ensure_ascii=False)}]\n{lines}\n"


def _zipped(stems: Mapping[str, Path], target: Path) -> Path:
    """The stems as one file; the wav files themselves go."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(stems.values()):
            archive.write(file, file.name)
    for folder in {file.parent for file in stems.values()}:
        shutil.rmtree(folder, ignore_errors=True)
    return target

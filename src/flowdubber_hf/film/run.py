"""A planned film dubbed: takes of what is due, in any number of processes, then the film put together.

Every take lies in a file of its own, beside a record with the key of all that it depends on; none is ever written over. A run that was
stopped, in whatever way, goes on with the same command and comes to the same bytes."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ..dubbing.loading import load_pipeline, model_folder
from ..pipelines.flowdubber import FlowDubberPipeline
from ..pipelines.flowdubber.loading import choose_device
from ..processing.audio import SAMPLING_RATE
from ..processing.video import SYNTHETIC_SPEECH_NOTICE, write_wav
from ..version import __version__
from ..work.files import remove_abandoned
from ..work.hashing import hash_checkpoint, hash_json
from ..work.records import Piece
from ..work.workers import join_world, run_in_processes, single_thread, world
from .assemble import Assembled, assemble
from .choices import Choices, Draw, find_cues
from .judging import judge_flags, judge_take
from .making import make_take
from .plan import FilmPlan, Progress
from .planned import CuePlan
from .run_settings import RunSettings, check_run
from .sound import film_clock
from .voices import DEFAULT, Voice
from .voicing import Voices


TAKES_NAME = "takes"


@dataclass(frozen=True)
class DubbedCue:
    """What became of a cue.

    Attributes:
        plan: of it.
        file: of the take that is used, 16 kHz mono; `None` where there is none.
        seed: of that take.
        words: word, start and end in microseconds of the film.
        checks: what the judges say.
        flags: what somebody should look at or listen to, a sentence each.
        problem: why it has no take.
        made: whether the take was made in this run.
    """

    plan: CuePlan
    file: Path | None = None
    seed: int | None = None
    words: tuple[tuple[str, int, int], ...] = ()
    checks: Mapping[str, Any] | None = None
    flags: tuple[str, ...] = ()
    problem: str | None = None
    made: bool = False


@dataclass(frozen=True)
class DubbedFilm:
    """What a run did; empty in the processes of `accelerate launch` but the first.

    Attributes:
        plan: of the film.
        cues: of every cue that is spoken, in the order of the film.
        output: the film, and what was measured of its sound; `None` where it was not put together.
        seconds: wall-clock time by stage.
    """

    plan: FilmPlan
    cues: tuple[DubbedCue, ...] = ()
    output: Assembled | None = None
    seconds: Mapping[str, float] | None = None

    @property
    def failed(self) -> list[DubbedCue]:
        """Cues without a take that should have one."""
        return [cue for cue in self.cues if cue.problem is not None]


@dataclass(frozen=True)
class _Task:
    """A take that is due."""

    cue: CuePlan
    voice: Voice
    draw: Draw
    piece: Piece


def run_film(
    plan: FilmPlan,
    settings: RunSettings | None = None,
    only: Iterable[str] | None = None,
    redo: Iterable[str] = (),
    accept: Mapping[str, int] | None = None,
    stop_after: str | None = None,
    on_progress: Progress | None = None,
    pipe: FlowDubberPipeline | None = None,
) -> DubbedFilm:
    """
    Dubs a planned film.

    Args:
        plan: of `plan_film`.
        settings: how.
        only: numbers, ranges or ids of cues: no takes of others are made now.
        redo: cues of which another take is made: from `settings.seed` where that is not 0, from the next free seed otherwise. `flagged`
            stands for all that have a flag.
        accept: cue to the seed of a take that is there, which is used from now on.
        stop_after: `dub` makes takes and puts nothing together.
        on_progress: called with the name of the stage and the share of it that is done.
        pipe: the plan's model, already loaded, for takes that are made in this process; `settings.device` says nothing then.

    Raises:
        ValueError: an option that cannot be, the model cannot be loaded, or nothing can be written.
        SeparationFailed: the separator did not do its work; all takes are kept.
        KeyboardInterrupt: takes that were finished are kept.
    """
    settings = settings or RunSettings()
    if stop_after not in (None, "dub"):
        raise ValueError(f"a run stops after dub or not at all, got {stop_after!r}.")
    if pipe is not None and settings.num_proc != 1:
        raise ValueError(
            "a pipeline that is loaded works in this process alone: leave num_proc at 1, or give no pipe."
        )
    if plan.settings.voices is None:
        raise ValueError("the plan was made without a table of voices; make it with one.")
    tell = on_progress or (lambda stage, share: None)
    start = time.monotonic()
    settings = replace(settings, device=choose_device(settings.device) if pipe is None else str(pipe.device))
    clock = film_clock(plan.source.path)
    remarks = check_run(plan, settings, clock)
    rank, processes = world()
    wait_for_everyone = join_world(processes, settings.device)
    if rank == 0:
        _tidy(plan)
        _Run(plan, settings).choose(accept or {}, redo)  # a seed is free for one process alone
    wait_for_everyone()
    run = _Run(plan, settings)
    tasks = run.tasks(None if only is None else find_cues(plan, only))
    due = [task for task in tasks if not task.piece.is_done]
    wait_for_everyone()  # until all have looked at what is there
    made = {task.cue.id for task in due}
    mine = sorted(due, key=lambda task: (-_length(task.cue), task.cue.id))[rank::processes]
    run.work(mine, tell, pipe)
    wait_for_everyone()
    if rank != 0:
        return DubbedFilm(plan)
    cues = tuple(run.outcome(cue, made) for cue in plan.cues if cue.parts)
    seconds = {"dubbing": time.monotonic() - start}
    if stop_after == "dub" or not any(cue.file for cue in cues):
        return DubbedFilm(plan, cues, None, seconds)
    begun = time.monotonic()
    output = assemble(plan, settings, clock, [cue for cue in cues if cue.file is not None], remarks, tell)
    seconds["assembling"] = time.monotonic() - begun
    return DubbedFilm(plan, cues, output, seconds)


def _tidy(plan: FilmPlan) -> None:
    """Removes what runs that were killed had begun to write: it may be as large as the film."""
    output, work = Path(plan.settings.output), plan.settings.work_folder
    remove_abandoned(output.parent, output.stem)
    for folder in (work, *(one for one in work.rglob("*") if one.is_dir())):
        remove_abandoned(folder)


def _length(cue: CuePlan) -> int:
    return sum(part.window[1] - part.window[0] for part in cue.parts)


class _Run:
    """The takes of a film: which there are, and which are due."""

    def __init__(self, plan: FilmPlan, settings: RunSettings):
        self.plan, self.settings = plan, settings
        self.folder = plan.settings.work_folder
        self.choices = Choices(self.folder, settings)
        self._voices = Voices(plan.source)
        self._model = hash_checkpoint(model_folder(plan.settings.model))

    def voice(self, cue: CuePlan) -> Voice:
        """Whose take it is: the plan has checked that there is one."""
        voices = self.plan.voices
        return voices.get(cue.cue.voice_name or DEFAULT) or voices[DEFAULT]

    def key(self, cue: CuePlan) -> str:
        """Of all that takes of a cue depend on, but for the seeds."""
        parts = [[one.text, one.window, one.timing, one.mouths_hash] for one in cue.parts]
        voice, how = self.voice(cue), self.settings
        options = [how.steps, how.guidance_scale, how.temperature]
        return hash_json([__version__, self._model, parts, self._voices.digest(voice), voice.text, options])

    def piece(self, cue: CuePlan, draw: Draw) -> Piece:
        key = self.key(cue)
        file = self.folder / TAKES_NAME / cue.id / f"{key[:8]}-{draw.name}.wav"
        return Piece(hash_json([key, draw.seed, draw.best_of]), file.with_suffix(".json"), file)

    def tasks(self, cues: Sequence[CuePlan] | None) -> list[_Task]:
        """The take that each cue should have; of all cues that can be dubbed, or of some."""
        wanted = self.plan.cues if cues is None else cues
        return [self.task(cue) for cue in wanted if cue.parts and cue.error is None]

    def task(self, cue: CuePlan) -> _Task:
        draw = self.choices.of(cue.cue)
        return _Task(cue, self.voice(cue), draw, self.piece(cue, draw))

    def choose(self, accept: Mapping[str, int], redo: Iterable[str]) -> None:
        """Takes that are there, and seeds of which there is no take yet."""
        for name, seed in accept.items():
            self.accept(name, seed)
        self.redo(redo)

    def accept(self, name: str, seed: int) -> None:
        """Uses a take that is there.

        Raises:
            ValueError: there is none of that seed.
        """
        (cue,) = find_cues(self.plan, [name])
        there = self._takes(cue)
        for draw, row in there:
            if row.get("seeds", [None])[0] == seed:
                self.choices.choose(cue.cue, draw)
                return
        seeds = sorted({row["seeds"][0] for _, row in there})
        raise ValueError(
            f"cue {cue.cue.number} has no take {seed}; it has {', '.join(map(str, seeds)) or 'none yet'}."
        )

    def redo(self, names: Iterable[str]) -> None:
        """Chooses seeds of which there is no take yet."""
        names = list(names)
        plain = [name for name in names if name != "flagged"]
        cues = {cue.id: cue for cue in find_cues(self.plan, plain)}
        if "flagged" in names:
            flagged = (cue for cue in self.plan.cues if cue.parts and self.outcome(cue, set()).flags)
            cues |= {cue.id: cue for cue in flagged}
        for cue in cues.values():
            used = [seed for draw, _ in self._takes(cue) for seed in draw.seeds] + [self.choices.of(cue.cue).seed]
            seed = self.settings.seed or max(used, default=-1) + 1
            self.choices.choose(cue.cue, Draw(seed, self.settings.best_of))

    def _takes(self, cue: CuePlan) -> list[tuple[Draw, dict[str, Any]]]:
        """The takes of a cue that are there, as it is now."""
        found = []
        start = f"{self.key(cue)[:8]}-"
        for file in sorted((self.folder / TAKES_NAME / cue.id).glob(f"{start}*.wav")):
            seed, _, best_of = file.stem.removeprefix(start).partition("-best")
            if seed.isdecimal() and (best_of.isdecimal() or not best_of):
                draw = Draw(int(seed), int(best_of or 1))
                piece = self.piece(cue, draw)
                row = piece.row() if piece.is_done else None
                if row is not None and isinstance(row.get("seeds"), list):
                    found.append((draw, row))
        return found

    def work(self, tasks: Sequence[_Task], tell: Progress, pipe: FlowDubberPipeline | None = None) -> None:
        """Makes the takes that are due, by a pipeline that is loaded where there is one."""
        count = 0

        def done(_: str | None) -> None:
            nonlocal count
            count += 1
            tell("dub", count / len(tasks))

        work = partial(_work_on, self.plan, self.settings)
        if self.settings.num_proc == 1 or len(tasks) < 2:
            # Sums of more threads round otherwise; of a pipeline that is given, they are its owner's.
            with single_thread() if pipe is None else nullcontext():
                for task in tasks:
                    done(work(task, pipe, self._voices))
            return
        for task in run_in_processes(work, tasks, self.settings.num_proc, done):
            task.piece.fail(
                "its process died twice, most likely for want of memory; take fewer processes.", begun=True
            )
            done(None)

    def outcome(self, cue: CuePlan, made: set[str]) -> DubbedCue:
        """What there is of a cue."""
        if cue.error is not None:
            return DubbedCue(cue, problem=cue.error, flags=cue.flags)
        piece = self.task(cue).piece
        row = piece.row() if piece.is_done else None
        if row is None:
            problem = piece.problem()
            return DubbedCue(
                cue, problem=problem if cue.id in made else problem or "it has no take yet.", flags=cue.flags
            )
        return DubbedCue(
            plan=cue,
            file=piece.output,
            seed=row["seeds"][0],
            words=tuple((str(word), int(first), int(last)) for word, first, last in row["words"]),
            checks=row["checks"],
            flags=tuple(dict.fromkeys([*cue.flags, *row["warnings"], *judge_flags(row["checks"])])),
            made=cue.id in made,
        )


def seeds_made(plan: FilmPlan, settings: RunSettings, name: str) -> tuple[list[int], int | None]:
    """The seeds of the takes that a cue has as it is now, which `accept` of [`run_film`] takes, and that of the one in use.

    Args:
        plan, settings: of the runs that made them.
        name: number or id of the cue.

    Raises:
        ValueError: there is no such cue.
    """
    run = _Run(plan, settings)
    (cue,) = find_cues(plan, [name])
    seeds = sorted({row["seeds"][0] for _, row in run._takes(cue)})
    return seeds, run.outcome(cue, set()).seed


@lru_cache(maxsize=1)
def _pipeline(model: str, device: str) -> FlowDubberPipeline:
    pipe = load_pipeline(model, device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


_VOICES: dict[str, Voices] = {}


def _voices(plan: FilmPlan) -> Voices:
    """Those of the film that this process works on."""
    name = f"{plan.source.path} {plan.source.identity}"
    if name not in _VOICES:
        _VOICES.clear()
        _VOICES[name] = Voices(plan.source)
    return _VOICES[name]


def _work_on(
    plan: FilmPlan,
    settings: RunSettings,
    task: _Task,
    pipe: FlowDubberPipeline | None = None,
    voices: Voices | None = None,
) -> str | None:
    """Makes a take and keeps its record; returns why it could not be made. Model and voices are those of the process where none are given.

    Raises:
        ValueError: the model cannot be loaded, or nothing can be written.
    """
    pipe = pipe or _pipeline(plan.settings.model, settings.device)

    def make() -> dict[str, Any]:
        heard = (voices or _voices(plan)).heard(task.voice, pipe)
        take = make_take(pipe, plan, task.cue, task.voice, heard, settings, task.draw.seeds)
        checks = judge_take(plan, task.cue, take, pipe, heard) if settings.judge else {}
        task.piece.output.parent.mkdir(parents=True, exist_ok=True)
        write_wav(task.piece.output, take.sound, SAMPLING_RATE, overwrite=True, comment=SYNTHETIC_SPEECH_NOTICE)
        return {
            "seeds": list(take.seeds),
            "words": [list(word) for word in take.words],
            "warnings": list(take.warnings),
            "takes": list(take.takes),
            "checks": checks,
            "voice": task.voice.name,
        }

    return task.piece.attempt(make)


__all__ = ["DubbedCue", "DubbedFilm", "RunSettings", "run_film", "seeds_made"]

"""What a batch is to do: everything that can be refused is, before a model or torch is loaded, and all mistakes are reported at once.

What is known of a clip is kept in a record of its own, beside the key of all that its sound depends on: a clip whose record has that
key, and whose output is the one that was written, is not dubbed again.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from tqdm.auto import tqdm

from ..dubbing.jobs import (
    BadJobs,
    DubJob,
    Problem,
    check_files_and_text,
    check_inside,
    check_model,
    check_sampling,
    check_takes,
)
from ..dubbing.loading import ModelFacts, model_facts, model_folder
from ..version import __version__
from ..work.hashing import hash_checkpoint, hash_file, hash_json
from ..work.records import Piece
from ..work.workers import world
from .listing import ListedJob, place, read_jobs


RESULTS_NAME = "dubs.jsonl"
WORK_NAME = "work"


@dataclass(frozen=True)
class BatchSettings:
    """What is asked for.

    Attributes:
        listing: `.jsonl` or `.csv`, see [`~batch.listing.read_jobs`].
        output: folder of the dubs, made where missing.
        given: fields of [`DubJob`] for lines that do not have them.
        suffix: of outputs that the listing does not name: `.mp4`, `.mov`, `.mkv` or `.wav`.
        model: bundled name, folder or Hub id.
        device: of the model: cpu, cuda, ... or auto.
        num_proc: processes.
        overwrite: replace files in `output` that no earlier run of the same folder wrote.
        quiet: no progress bars.
    """

    listing: Path
    output: Path
    given: Mapping[str, Any] = field(default_factory=dict)
    suffix: str = ".mp4"
    model: str = "flowdubber-grid-tiny"
    device: str = "auto"
    num_proc: int = 1
    overwrite: bool = False
    quiet: bool = False


@dataclass(frozen=True)
class Task:
    """A job, and what identifies its result.

    Attributes:
        job: to do.
        line: of the listing.
        piece: of work, with the key of all that the sound depends on.
    """

    job: DubJob
    line: int
    piece: Piece


@dataclass(frozen=True)
class BatchPlan:
    """A batch that can begin.

    Attributes:
        settings: as they were given.
        tasks: all of them, in the order of the listing.
        due: those that no earlier run has finished.
        facts: of the model.
    """

    settings: BatchSettings
    tasks: tuple[Task, ...]
    due: tuple[Task, ...]
    facts: ModelFacts


# ---------------------------------------------------------------------------------------------------------------------
# Planning


def plan_batch(settings: BatchSettings) -> BatchPlan:
    """Reads the listing and looks into every script, voice and clip that is to be used.

    Raises:
        BadJobs: naming line and field of everything that is wrong.
        ValueError, ImportError: whatever else forbids the batch, with what to do.
    """
    if settings.num_proc < 1:
        raise ValueError(f"--num-proc must be at least 1, got {settings.num_proc}.")
    if world()[1] > 1 and settings.num_proc > 1:
        raise ValueError("accelerate launch starts the processes; leave --num-proc out.")
    _check_output(settings)
    if settings.device not in ("auto", "cpu"):
        from ..pipelines.flowdubber.loading import choose_device  # brings torch

        choose_device(settings.device)
    problems: list[Problem] = []
    try:
        items = read_jobs(settings.listing, settings.output, settings.given, settings.suffix)
    except BadJobs as error:
        items, problems = list(error.others), list(error.problems)
    folder = model_folder(settings.model)
    facts = model_facts(folder)
    items = _without_problems(settings, items, lambda item: _quick_problems(settings, item.job, facts), problems)
    if items:
        check_takes(item.job for item in items)
    tasks = _tasks(settings, items, hash_checkpoint(folder))
    due = tuple(task for task in tasks if not task.piece.is_done)
    inputs = {_identity(file) for task in tasks for file in _inputs(task.job)}
    bar = tqdm(due, desc="checking", unit="clip", disable=settings.quiet or not due or world()[0] != 0, leave=False)
    _without_problems(settings, bar, lambda task: _problems_inside(task, inputs, settings.overwrite, facts), problems)
    if problems:
        raise BadJobs(sorted(problems, key=lambda problem: problem.line or 0))
    return BatchPlan(settings, tasks, due, facts)


def _check_output(settings: BatchSettings) -> None:
    """Refuses a folder in which the run's own files would take the place of others."""
    output = settings.output
    results, work = output / RESULTS_NAME, output / WORK_NAME
    if output.exists() and not output.is_dir():
        raise ValueError(f"--output {output} is a file; with --batch, give a folder.")
    listing = settings.listing.resolve()
    if listing == results.resolve() or listing.is_relative_to(work.resolve()):
        raise ValueError(
            f"--batch {settings.listing} lies where --output {output} keeps its own files; choose another folder."
        )
    if results.exists() and not work.is_dir():
        raise ValueError(f"{results} is none of an earlier run's; choose another folder.")


Item = TypeVar("Item", ListedJob, "Task")


def _without_problems(
    settings: BatchSettings,
    items: Iterable[Item],
    find: Callable[[Item], Iterable[Problem]],
    problems: list[Problem],
) -> list[Item]:
    """The items with which nothing is wrong; what is wrong with the others joins `problems`."""
    good = []
    for item in items:
        found = list(find(item))
        problems += [place(settings.listing, item.line, problem.message, problem.field) for problem in found]
        good += [] if found else [item]
    return good


def _quick_problems(settings: BatchSettings, job: DubJob, facts: ModelFacts) -> Iterator[Problem]:
    yield from check_files_and_text(job)
    yield from check_sampling(job)
    first = job.output.relative_to(settings.output).parts[0]
    if first.casefold() in (RESULTS_NAME, WORK_NAME):
        yield Problem(f"{first} is the name of this run's own files in {settings.output}; choose another.", "output")
    yield from check_model(job, facts)


def _problems_inside(
    task: Task, inputs: Collection[tuple[int, int]], overwrite: bool, facts: ModelFacts
) -> Iterator[Problem]:
    yield from _target_problems(task, inputs, overwrite)
    yield from check_inside(task.job, facts)


def _inputs(job: DubJob) -> list[Path]:
    return [file for file in (job.video, job.reference, job.lexicon) if file is not None]


def _tasks(settings: BatchSettings, items: Sequence[ListedJob], model: str) -> tuple[Task, ...]:
    hashed = lru_cache(maxsize=None)(hash_file)
    tasks = []
    for item in items:
        job = item.job
        name = job.output.relative_to(settings.output)
        options = {key: value for key, value in asdict(job).items() if key not in ("video", "reference", "output")}
        options["lexicon"] = None if job.lexicon is None else hashed(job.lexicon)
        key = hash_json([__version__, model, options, name.suffix, hashed(job.video), hashed(job.reference)])
        piece = Piece(key, settings.output / WORK_NAME / f"{name}.json", job.output)
        tasks.append(Task(job, item.line, piece))
    return tuple(tasks)


def _identity(file: Path) -> tuple[int, int]:
    """Which file a path leads to, whatever it is called."""
    found = file.stat()
    return found.st_dev, found.st_ino


def _target_problems(task: Task, inputs: Collection[tuple[int, int]], overwrite: bool) -> Iterator[Problem]:
    output = task.job.output
    if output.is_dir():
        yield Problem(f"{output} is a folder.", "output")
    elif output.exists():
        if _identity(output) in inputs:
            yield Problem(f"{output} is one of the inputs; choose another name.", "output")
        elif not overwrite and not task.piece.is_own:
            yield Problem(
                f"{output} exists and is none of an earlier run's; give --overwrite to replace it.", "output"
            )


def row_of(task: Task) -> dict[str, Any]:
    """A clip's line of the results."""
    row, piece = task.piece.row(), task.piece
    about = {"line": task.line, "video": str(task.job.video), "output": str(task.job.output)}
    if row is not None:
        return {**about, "problem": None, **row}
    return {**about, "problem": piece.problem() or "the process that had this clip did not finish it."}

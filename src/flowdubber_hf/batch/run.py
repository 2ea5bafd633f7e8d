# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""`flowdubber dub --batch`: the clips of a listing, one after the other, in several processes, or as one of the processes of
`accelerate launch`.

[`plan_batch`] refuses everything that can be refused before a model is loaded; [`run_batch`] does the work. What is known of a clip is
kept in a record of its own, beside the key of all that its sound depends on: a clip whose record has that key, and whose output is the
one that was written, is not dubbed again.
"""

import errno
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from ..data.hashing import hash_checkpoint, hash_file, hash_json
from ..data.workers import join_world, run_in_processes, use_available_cores, world
from ..evaluation.sounds import model_folder
from ..models.complete import read_index
from ..pipelines.flowdubber import FlowDubberPipeline
from ..pipelines.flowdubber.loading import choose_device
from ..version import __version__
from ..work.files import replace_file
from ..work.reading import read_record
from .dubbing import describe, do_job, load_pipeline
from .jobs import (
    BadJobs,
    DubJob,
    Problem,
    check_clip,
    check_content,
    check_files_and_text,
    check_sampling,
    check_takes,
)
from .listing import ListedJob, place, read_jobs


RESULTS_NAME = "dubs.jsonl"
WORK_NAME = "work"
# Not the clip's fault: every clip that follows would fail too.
_OUR_FAULTS = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM)


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
        key: of all that the sound depends on.
        record: file of what is known of the result.
    """

    job: DubJob
    line: int
    key: str
    record: Path


@dataclass(frozen=True)
class BatchPlan:
    """A batch that can begin.

    Attributes:
        settings: with the device that is used in place of `auto`.
        tasks: all of them, in the order of the listing.
        due: those that no earlier run has finished.
    """

    settings: BatchSettings
    tasks: tuple[Task, ...]
    due: tuple[Task, ...]


@dataclass(frozen=True)
class Batch:
    """What a run did; empty in the processes of `accelerate launch` but the first.

    Attributes:
        rows: of every clip in the order of the listing: `line`, `output`, `problem` (`None` where it is dubbed), and where it is
            dubbed what [`~batch.dubbing.describe`] tells.
        dubbed: clips that were dubbed now.
        kept: clips that were finished already.
        seconds: wall-clock time.
    """

    rows: tuple[dict[str, Any], ...] = ()
    dubbed: int = 0
    kept: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Rows of clips without a dub."""
        return [row for row in self.rows if row["problem"] is not None]


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
    if settings.output.exists() and not settings.output.is_dir():
        raise ValueError(f"--output {settings.output} is a file; with --batch, give a folder.")
    if (settings.output / RESULTS_NAME).exists() and not (settings.output / WORK_NAME).is_dir():
        raise ValueError(f"{settings.output / RESULTS_NAME} is none of an earlier run's; choose another folder.")
    settings = replace(settings, device=choose_device(settings.device))
    items = read_jobs(settings.listing, settings.output, settings.given, settings.suffix)
    folder = model_folder(settings.model)
    has_language_model = (read_index(folder).get("semantic_model") or [None])[0] is not None
    _refuse(settings, items, lambda item: _quick_problems(item.job, has_language_model))
    check_takes(item.job for item in items)
    tasks = _tasks(settings, items, hash_checkpoint(folder))
    due = tuple(task for task in tasks if not _is_finished(task))
    inputs = {_identity(file) for task in tasks for file in {task.job.video, task.job.reference}}
    _refuse(settings, due, lambda task: _target_problems(task, inputs, settings.overwrite))
    bar = tqdm(due, desc="checking", unit="clip", disable=settings.quiet or not due or world()[0] != 0, leave=False)
    _refuse(settings, bar, lambda task: _problems_inside(task.job))
    return BatchPlan(settings, tasks, due)


def _refuse(settings: BatchSettings, items: Iterable[Any], find: Callable[[Any], Iterable[Problem]]) -> None:
    """Raises `BadJobs` with what is found wrong with any of the items."""
    problems = [
        place(settings.listing, item.line, problem.message, problem.field) for item in items for problem in find(item)
    ]
    if problems:
        raise BadJobs(problems)


def _quick_problems(job: DubJob, has_language_model: bool) -> Iterator[Problem]:
    yield from check_files_and_text(job)
    yield from check_sampling(job)
    if has_language_model:
        return
    if job.guidance_scale != 1:
        yield Problem(
            "it drops the language model's knowledge, and this model has none; set it to 1.", "guidance_scale"
        )
    if job.reference_text is not None:
        yield Problem("it serves the language model, and this model has none; leave it out.", "reference_text")


def _problems_inside(job: DubJob) -> Iterator[Problem]:
    problems = list(check_content(job))
    yield from problems or check_clip(job)


def _tasks(settings: BatchSettings, items: Sequence[ListedJob], model: str) -> tuple[Task, ...]:
    hashed = lru_cache(maxsize=None)(hash_file)
    tasks = []
    for item in items:
        job = item.job
        name = job.output.relative_to(settings.output)
        options = {key: value for key, value in asdict(job).items() if key not in ("video", "reference", "output")}
        options["lexicon"] = None if job.lexicon is None else hashed(job.lexicon)
        key = hash_json([__version__, model, options, name.suffix, hashed(job.video), hashed(job.reference)])
        tasks.append(Task(job, item.line, key, settings.output / WORK_NAME / f"{name}.json"))
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
        elif not overwrite and not _is_own(task):
            yield Problem(
                f"{output} exists and is none of an earlier run's; give --overwrite to replace it.", "output"
            )


# ---------------------------------------------------------------------------------------------------------------------
# Records


def _digest(file: Path) -> str | None:
    try:
        return hash_file(file)
    except OSError:
        return None


def _is_finished(task: Task) -> bool:
    record = read_record(task.record)
    return (
        record.get("key") == task.key
        and isinstance(record.get("row"), dict)
        and record.get("digest") == _digest(task.job.output)
    )


def _is_own(task: Task) -> bool:
    """Whether the output that is there was written by a run of this folder, also by one that was killed right then."""
    record = read_record(task.record)
    return record.get("begun", False) or record.get("digest") == _digest(task.job.output)


def _write_record(task: Task, **known: Any) -> None:
    replace_file(task.record, json.dumps({"key": task.key, **known}, ensure_ascii=False).encode())


def _row(task: Task) -> dict[str, Any]:
    record = read_record(task.record)
    row = record.get("row") if record.get("key") == task.key else None
    about = {"line": task.line, "video": str(task.job.video), "output": str(task.job.output)}
    if isinstance(row, dict):
        return {**about, "problem": None, **row}
    return {
        **about,
        "problem": str(record.get("problem") or "") or "the process that had this clip did not finish it.",
    }


# ---------------------------------------------------------------------------------------------------------------------
# The work


@lru_cache(maxsize=1)
def _pipeline(model: str, device: str) -> FlowDubberPipeline:
    pipe = load_pipeline(model, device)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def work_on(settings: BatchSettings, task: Task) -> str | None:
    """Dubs a clip and keeps its record; returns why it could not be dubbed.

    Raises:
        ValueError: the model cannot be loaded, or nothing can be written.
    """
    pipe = _pipeline(settings.model, settings.device)
    before = read_record(task.record).get("digest")  # of an output that stays where this run cannot replace it
    _write_record(task, begun=True, digest=before)
    try:
        task.job.output.parent.mkdir(parents=True, exist_ok=True)
        done = do_job(pipe, task.job, overwrite=True)
    except ImportError:
        raise
    except Exception as error:  # whatever one clip provokes must not end the work on the others
        if _is_ours(error):
            raise ValueError(f"nothing can be written ({error}); finished clips are kept.") from error
        problem = " ".join(str(error).split()) or type(error).__name__
        problem = problem if isinstance(error, ValueError) else f"{type(error).__name__}: {problem}"
        _write_record(task, problem=problem, digest=before)
        return problem
    row = describe(task.job, done, settings.model, settings.device)
    _write_record(task, row=row, digest=hash_file(task.job.output))
    return None


def _is_ours(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _OUR_FAULTS:
            return True
        error = error.__cause__
    return False


def run_batch(plan: BatchPlan) -> Batch:
    """Dubs what is due and writes the results.

    Raises:
        ValueError: the model cannot be loaded, or nothing can be written.
        KeyboardInterrupt: what was finished is kept.
    """
    start = time.monotonic()
    settings = plan.settings
    rank, processes = world()
    wait_for_everyone = join_world(processes, settings.device)
    wait_for_everyone()  # until all have planned: they look at what is written from here on
    due = set(plan.due)
    _work_on_all(settings, [task for task in plan.tasks[rank::processes] if task in due])
    wait_for_everyone()
    if rank != 0:
        return Batch()
    rows = tuple(_row(task) for task in plan.tasks)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    replace_file(settings.output / RESULTS_NAME, lines.encode())
    kept = len(plan.tasks) - len(plan.due)
    failed = sum(row["problem"] is not None for row in rows)
    return Batch(rows, len(rows) - kept - failed, kept, time.monotonic() - start)


def _work_on_all(settings: BatchSettings, tasks: Sequence[Task]) -> None:
    failed = 0
    quiet = settings.quiet or not tasks
    with tqdm(total=len(tasks), desc="dubbing", unit="clip", disable=quiet, mininterval=0.5) as bar:

        def done(problem: str | None) -> None:
            nonlocal failed
            failed += problem is not None
            bar.update()
            if failed:
                bar.set_postfix(failed=failed, refresh=False)

        if settings.num_proc == 1 or len(tasks) < 2:
            use_available_cores()
            for task in tasks:
                done(work_on(settings, task))
            return
        for task in run_in_processes(partial(work_on, settings), tasks, settings.num_proc, done):
            problem = "its process died twice, most likely for want of memory; give a smaller --num-proc."
            _write_record(task, problem=problem, begun=True)
            done(problem)

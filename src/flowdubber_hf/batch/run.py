"""`flowdubber dub --batch`: the clips of a listing, one after the other, in several processes, or as one of the processes of
`accelerate launch`. [`~batch.plan.plan_batch`] says what is to be done; [`run_batch`] does it.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from tqdm.auto import tqdm

from ..dubbing.loading import load_pipeline
from ..dubbing.making import describe, do_job
from ..pipelines.flowdubber import FlowDubberPipeline
from ..pipelines.flowdubber.loading import choose_device
from ..work.files import replace_file
from ..work.workers import join_world, run_in_processes, use_free_cores, world
from .plan import RESULTS_NAME, BatchPlan, BatchSettings, Task, row_of


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

    def make() -> dict[str, Any]:
        task.job.output.parent.mkdir(parents=True, exist_ok=True)
        done = do_job(pipe, task.job, overwrite=True)
        return describe(task.job, done, settings.model, settings.device)

    return task.piece.attempt(make)


def run_batch(plan: BatchPlan) -> Batch:
    """Dubs what is due and writes the results.

    Raises:
        ValueError: the model cannot be loaded, or nothing can be written.
        KeyboardInterrupt: what was finished is kept.
    """
    start = time.monotonic()
    settings = replace(plan.settings, device=choose_device(plan.settings.device))
    rank, processes = world()
    wait_for_everyone = join_world(processes, settings.device)
    wait_for_everyone()  # until all have planned: they look at what is written from here on
    due = set(plan.due)
    _work_on_all(settings, [task for task in plan.tasks[rank::processes] if task in due])
    wait_for_everyone()
    if rank != 0:
        return Batch()
    rows = tuple(row_of(task) for task in plan.tasks)
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
            use_free_cores()
            for task in tasks:
                done(work_on(settings, task))
            return
        for task in run_in_processes(partial(work_on, settings), tasks, settings.num_proc, done):
            problem = "its process died twice, most likely for want of memory; give a smaller --num-proc."
            task.piece.fail(problem, begun=True)
            done(problem)

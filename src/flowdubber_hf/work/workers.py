"""Work that is shared among processes: those started here, or those of `accelerate launch`.

Worker processes have one thread each, and none outlives the run.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from .files import remove_begun


# Said of what it cleans up behind a run that was ended at once.
_QUIET_TRACKER = "ignore:resource_tracker"
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def available_cores() -> int:
    """Processor cores this process may use: its affinity, and a container's quota if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        cores = min(cores, max(1, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no container, or "max": no quota
        pass
    return cores


def use_available_cores() -> None:
    """As many threads as there are cores, unless OMP_NUM_THREADS says otherwise; torch alone does not know a container's quota."""
    _use_threads(available_cores())


def free_cores() -> int:
    """Of [`available_cores`], those that the last minute's load left free; at least one.

    Threads that share a core wait for each other: on a busy machine two cost twice the processor time of one, and longer.
    """
    try:
        idle = (os.cpu_count() or 1) - os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has no such figure
        return available_cores()
    return max(1, min(available_cores(), round(idle)))


def use_free_cores() -> None:
    """As many threads as there are free cores, unless OMP_NUM_THREADS says otherwise."""
    _use_threads(free_cores())


def _use_threads(number: int) -> None:
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(number)


def world() -> tuple[int, int]:
    """Rank and number of the processes of `accelerate launch`; 0 and 1 without it."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def join_world(processes: int, device: str) -> Callable[[], None]:
    """Makes this one of the processes of `accelerate launch`; what is returned waits until all of them have called it."""
    if processes == 1:
        return lambda: None
    from accelerate import PartialState

    # By default a process that waits for minutes takes the others for dead; their share may take hours.
    return PartialState(cpu=device == "cpu", timeout=timedelta(days=30)).wait_for_everyone


def run_in_processes(
    work: Callable[[Item], Outcome], items: Sequence[Item], num_proc: int, done: Callable[[Outcome], None]
) -> list[Item]:
    """Hands items to worker processes. If one dies (a decoder crashes, the system lacks memory), the items that may have been in
    its hands are tried again one at a time.

    Args:
        work: can be pickled.
        items: can be pickled.
        num_proc: processes.
        done: called here with each outcome as it comes.

    Returns:
        The items that killed their process again.
    """
    waiting, lost = list(items), []
    while waiting:
        unfinished = run_pool(work, waiting, num_proc, done)
        suspects, waiting = unfinished[: 2 * num_proc], unfinished[2 * num_proc :]
        lost += [item for item in suspects if run_pool(work, [item], 1, done)]
    return lost


def run_pool(
    work: Callable[[Item], Outcome], items: Sequence[Item], num_proc: int, done: Callable[[Outcome], None]
) -> list[Item]:
    """Returns the items that are unfinished because a process died, in order."""
    context = multiprocessing.get_context("spawn")
    if _QUIET_TRACKER not in sys.warnoptions:
        sys.warnoptions.append(_QUIET_TRACKER)  # handed on to the process that cleans up behind these
    unfinished = dict(enumerate(items))
    pool = ProcessPoolExecutor(min(num_proc, len(items)), mp_context=context, initializer=start_worker)
    try:
        futures = {pool.submit(work, item): index for index, item in enumerate(items)}
        for future in as_completed(futures):
            outcome = future.result()
            del unfinished[futures[future]]
            done(outcome)
    except BrokenProcessPool:
        return list(unfinished.values())
    except KeyboardInterrupt:
        sys.stderr.write("\nstopping when the clips in hand are finished (at once: Ctrl-C again)\n")
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return []


@contextmanager
def single_thread() -> Iterator[None]:
    """One thread for sums, as in the worker processes: more of them round otherwise."""
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    _use_one_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def start_worker() -> None:
    """Gets a process of a pool ready: Ctrl-C, which reaches all processes, is left to the first; a killed run leaves none
    behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _use_one_thread()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: Any) -> None:
    parent.join()
    remove_begun()
    os._exit(1)


def _use_one_thread() -> None:
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)

"""The dubs that are asked for: a bounded queue, of which the main thread makes one after the other."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import SimpleQueue
from threading import Condition
from threading import Event as Flag
from typing import Any

from ..dubbing.jobs import (
    BadJobs,
    Problem,
    check_content,
    check_files_and_text,
    check_inside,
    check_model,
    check_sampling,
    check_takes,
    copy_warnings,
    script_warnings,
)
from ..dubbing.loading import ModelFacts
from ..dubbing.making import describe, do_job
from ..pipelines.flowdubber import FlowDubberPipeline
from ..processing.outputs import check_target
from ..work.faults import refusal
from ..work.workers import use_free_cores
from .protocol import MAX_WAITING, Event, Request, error_event, model_id


class Busy(ValueError):
    """There are too many dubs waiting."""


class Abandoned(Exception):
    """Who asked for the dub is gone."""


class Ticket:
    """A dub that is waiting or being made, and what is told of it.

    Attributes:
        request: what is asked for.
        events: for who asked; the last one is `done` or `failed`.
        gone: set when who asked is no longer there.
    """

    def __init__(self, request: Request):
        self.request = request
        self.events: SimpleQueue[Event] = SimpleQueue()
        self.gone = Flag()

    def tell(self, event: str, **details: Any) -> None:
        self.events.put({"event": event, **details})

    def fail(self, kind: str, error: BaseException) -> None:
        self.tell("failed", error=error_event(kind, error))


class Dubs:
    """Dubs of one pipeline, one at a time.

    Args:
        pipe: the model on its device.
        model: its name, as reports tell it.
        device: likewise.
        facts: of the model.
        say: is told what is done, in a line each.
    """

    def __init__(
        self, pipe: FlowDubberPipeline, model: str, device: str, facts: ModelFacts, say: Callable[[str], None]
    ):
        self.pipe, self.model, self.device, self.facts, self.say = pipe, model, device, facts, say
        self.model_id = model_id(model)
        self.made = 0
        self._waiting: deque[Ticket] = deque()
        self._current: Ticket | None = None
        self._changed = Condition()
        self._ended = False

    def enter(self, request: Request) -> Ticket:
        """Puts a dub at the end of the queue.

        Raises:
            Busy: the queue is full.
        """
        ticket = Ticket(request)
        with self._changed:
            if self._ended:
                raise Busy("the server is being stopped; start it anew.")
            if len(self._waiting) >= MAX_WAITING:
                raise Busy(f"{MAX_WAITING} dubs are waiting already; ask again later.")
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """Takes a dub back: one that waits is forgotten, one that is being made ends at its next step."""
        ticket.gone.set()
        with self._changed, suppress(ValueError):
            self._waiting.remove(ticket)

    def ahead(self, ticket: Ticket) -> int | None:
        """How many dubs come before this one; `None` of one that waits no longer."""
        with self._changed:
            if ticket not in self._waiting:
                return None
            return self._waiting.index(ticket) + (self._current is not None)

    def state(self) -> dict[str, Any]:
        """For `GET /health`."""
        with self._changed:
            return {
                "model": self.model,
                "device": self.device,
                "dubbing": self._current is not None,
                "waiting": len(self._waiting),
                "made": self.made,
            }

    def work(self) -> None:
        """Makes dubs until it is interrupted, and tells who still waits that it was."""
        try:
            while True:
                self.make(self._next())
        except KeyboardInterrupt as stop:
            with self._changed:
                self._ended = True
                left = [*filter(None, [self._current]), *self._waiting]
                self._waiting.clear()
            for ticket in left:
                ticket.fail("interrupted", ValueError("the server was stopped."))
            raise stop

    def _next(self) -> Ticket:
        with self._changed:
            self._current = None
            while not self._waiting:
                self._changed.wait(1)  # some systems do not interrupt a wait without an end
            self._current = self._waiting.popleft()
            return self._current

    def make(self, ticket: Ticket) -> None:
        """One dub, whatever comes of it."""
        try:
            details = self._checked(ticket) if ticket.request.dry_run else self._made(ticket)
        except Abandoned:
            self.say(f"given up by who asked: {ticket.request.job.output}")
        except (ValueError, ImportError) as error:
            ticket.fail("bad_input", error)
        except Exception as error:
            refused = refusal(error)
            if refused is not None:
                ticket.fail("bad_input", ValueError(refused))
                return
            traceback.print_exc()  # a bug, and who reports it needs the place
            ticket.fail("unexpected", RuntimeError(f"{type(error).__name__}: {error}"))
        else:
            self.made += not ticket.request.dry_run
            ticket.tell("done", **details)

    def _checked(self, ticket: Ticket) -> dict[str, Any]:
        job = ticket.request.job
        self._check(ticket.request, inside=True)
        return {"report": {"dry_run": True}, "warnings": [*script_warnings(job, self.facts), *copy_warnings(job)]}

    def _made(self, ticket: Ticket) -> dict[str, Any]:
        job = ticket.request.job
        self._check(ticket.request, inside=False)
        use_free_cores()
        done = do_job(self.pipe, job, ticket.request.overwrite, lambda *_: self._callbacks(ticket))
        self.say(f"wrote {job.output}: dubbed {done.dub.durations[0]:.2f} s in {done.seconds:.1f} s")
        return {"report": describe(job, done, self.model, self.device), "warnings": done.dub.warnings[0]}

    def _check(self, request: Request, inside: bool) -> None:
        """All that the command says before it loads a model.

        Raises:
            BadJobs, ImportError: the job cannot be done.
        """
        job = request.job
        _refuse(_at_once(request))
        check_takes([job])
        _refuse(check_model(job, self.facts))
        _refuse(check_inside(job, self.facts) if inside else check_content(job, self.facts))

    def _callbacks(self, ticket: Ticket) -> dict[str, Any]:
        def stage(_: Any, name: str) -> None:
            if ticket.gone.is_set():
                raise Abandoned
            ticket.tell("stage", name=name)

        def step(_: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            if ticket.gone.is_set():
                raise Abandoned
            return tensors

        return {"callback_on_stage": stage, "callback_on_step_end": step}


def _at_once(request: Request) -> Iterator[Problem]:
    job = request.job
    found = list(check_files_and_text(job))
    yield from found
    if not any(problem.field == "output" for problem in found):
        inputs = tuple(file for file in (job.video, job.reference, job.lexicon) if file is not None)
        try:
            check_target(job.output, "output", request.overwrite, inputs)
        except ValueError as error:
            yield Problem(str(error), "output")
    yield from check_sampling(job)


def _refuse(problems: Iterator[Problem]) -> None:
    found = list(problems)
    if found:
        raise BadJobs(found)

"""How far a dub is, said to the visitor, and whether the visitor wants it to stop."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Event
from time import perf_counter
from typing import Any, Protocol, TypeVar

import torch


CHECKING, WRITING = "Checking what you gave", "Writing the clip"
PATIENCE = 10.0  # seconds that Stop waits for the dub to end by itself
DONE = 0.95  # share of the work when the models are through
#: What each stage of the pipeline is to a visitor, and which share of the work until then is done when it begins: means over the
#: page's examples and a clip of GRID, twice each but for the first, in processor seconds of one thread, with the bundled model and
#: the settings that stand there at first. (A clip of 3 s: checking 0.1, lips 0.3, speech 0.6, words 0.1, spectrogram 0.6, writing 0.1.)
STAGES = {
    "phonemes": ("Reading the script", 0.05),
    "reference": ("Listening to the voice", 0.055),
    "lips": ("Reading the lips", 0.09),
    "alignment": ("Placing the words", 0.23),
    "semantics": ("Planning the speech", 0.30),
    "flow": ("Painting the spectrogram", 0.62),
    "vocoder": ("Making the sound", 0.98),
}

Outcome = TypeVar("Outcome")


class Report(Protocol):
    """How progress is reported: `gr.Progress`."""

    def __call__(self, progress: float, desc: str) -> Any: ...


class Stopped(Exception):
    """The visitor pressed Stop. No `ValueError`: nothing is wrong."""


@dataclass(frozen=True)
class _Running:
    asked: Event = field(default_factory=Event)
    ended: Event = field(default_factory=Event)


class Stops:
    """Who wants to stop: an entry for each visitor whose dub is being made, none for others."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}

    @contextmanager
    def listening(self, visitor: str | None, report: Report) -> Iterator[Report]:
        """A report that raises [`Stopped`] as soon as the visitor has asked for it.

        Args:
            visitor: name of the session; `None` cannot ask.
            report: is called with the progress.
        """
        running = _Running()
        if visitor is not None:
            self._running[visitor] = running
        try:
            yield _StoppingReport(report, running.asked)
        finally:
            running.ended.set()
            if visitor is not None:
                self._running.pop(visitor, None)

    def ask(self, visitor: str | None) -> None:
        """Stops the visitor's dub where one is being made."""
        running = self._running.get(visitor or "")
        if running is not None:
            running.asked.set()

    def stop(self, visitor: str | None) -> None:
        """The same, and waits up to `PATIENCE` until that dub has ended: gradio draws an error over what it has to break off."""
        running = self._running.get(visitor or "")
        self.ask(visitor)
        if running is not None:
            running.ended.wait(PATIENCE)

    def __len__(self) -> int:
        return len(self._running)


class _StoppingReport:
    def __init__(self, report: Report, asked: Event | None):
        self._report, self._asked = report, asked

    def __call__(self, progress: float, desc: str) -> Any:
        if self._asked is not None and self._asked.is_set():
            raise Stopped
        return self._report(progress, desc=desc)

    def __getstate__(self) -> dict[str, Any]:
        """For another process, as ZeroGPU's, which nobody can ask."""
        return {"_report": self._report, "_asked": None}


class DubProgress:
    """Tells of the stages of a dub and of the steps of its flow, never backwards.

    Args:
        report: is called with the progress.
        takes: of which the best is kept.
        steps: of the flow.
    """

    def __init__(self, report: Report, takes: int, steps: int):
        self.report, self.steps = report, steps
        self.number, self.count, self.takes = 0, 1, takes
        self.done = 0.0

    def begin(self, number: int, count: int, steps: int) -> dict[str, Any]:
        """Callbacks of the pass with a number, out of so many, of so many steps."""
        self.number, self.count, self.steps = number, count, steps
        return {"callback_on_stage": self.stage, "callback_on_step_end": self.step}

    def stage(self, _: Any, name: str) -> None:
        text, share = STAGES[name]
        self._tell(share, text)

    def step(self, _: Any, index: int, timestep: torch.Tensor, tensors: dict) -> dict:
        (text, start), (_, end) = STAGES["flow"], STAGES["vocoder"]
        self._tell(start + (end - start) * min(1.0, (index + 1) / self.steps), text)
        return tensors

    def _tell(self, share: float, text: str) -> None:
        self.done = max(self.done, (self.number + share) / self.count * DONE)
        if self.takes > 1:
            text = f"{self.takes} takes: {text[0].lower()}{text[1:]}"
        self.report(self.done, desc=text)


class Clock:
    """Seconds of each named stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[name] = perf_counter() - start


class OneThread:
    """Runs functions one after the other, always in the same thread.

    Web servers hand each request to any of some forty threads. Every one that computes gets an arena of the allocator, a team of
    OpenMP and buffers of the libraries of its own, and keeps them.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="flowdubber-page")

    def __call__(self, function: Callable[..., Outcome], *arguments: Any) -> Outcome:
        """What the function returns or raises; it sees the caller's context, in which gradio keeps whose request it is."""
        return self._pool.submit(copy_context().run, function, *arguments).result()

"""Ctrl-C: the first one is an exception as always, another one does not wait for what unwinds."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .files import remove_begun


EXIT_INTERRUPTED = 130


@contextmanager
def ending_at_second_interrupt() -> Iterator[None]:
    """While it lasts, a second Ctrl-C ends the process at once, with the code 130 and without a word.

    Finished work is kept as always; the file that was being written goes. A program that has its own way with Ctrl-C keeps it, and
    so does a thread, which has none.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, _first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _first(*_: Any) -> None:
    signal.signal(signal.SIGINT, _second)
    raise KeyboardInterrupt


def _second(*_: Any) -> None:
    remove_begun()
    os._exit(EXIT_INTERRUPTED)

"""The server from its start to Ctrl-C."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..dubbing.loading import load_pipeline, model_facts, model_folder
from ..work.reading import in_a_line
from ..work.workers import use_free_cores
from .dubs import Dubs
from .listening import Listener
from .protocol import HOST
from .token import remove_token, token_file, write_token


def serve(
    model: str, device: str, port: int, on_ready: Callable[[str, Path], None], say: Callable[[str], None]
) -> dict[str, Any]:
    """Loads the model and dubs what is asked for until Ctrl-C.

    Args:
        model: bundled name, folder or Hub id.
        device: a name that torch knows, or `auto`.
        port: to listen on; 0 takes a free one.
        on_ready: is told the address and the token file when dubs can be asked for.
        say: is told what is done, in a line each.

    Returns:
        `url` and `made`, the number of dubs.

    Raises:
        ValueError: no such model or device, the port is taken, or the token cannot be kept safe.
    """
    try:
        listener = Listener(port)
    except OSError as error:
        raise ValueError(
            f"nothing can listen on {HOST}, port {port} ({in_a_line(error)}); choose another --port, or end what is there."
        ) from error
    url = f"http://{HOST}:{listener.port}"
    with listener:
        use_free_cores()
        facts = model_facts(model_folder(model))
        pipe = load_pipeline(model, device)
        pipe.set_progress_bar_config(disable=True)
        dubs = Dubs(pipe, model, device, facts, say)
        file = token_file(listener.port)
        token = write_token(file)
        try:
            listener.open(dubs, token)
            threading.Thread(target=listener.serve_forever, daemon=True).start()
            with _ended_politely(), suppress(KeyboardInterrupt):  # how a server is ended, no failure
                on_ready(url, file)
                dubs.work()
        finally:
            remove_token(file, token)
            listener.shutdown()
    return {"url": url, "model": model, "device": device, "made": dubs.made}


@contextmanager
def _ended_politely() -> Iterator[None]:
    """While it lasts, the system's wish to end counts as Ctrl-C, so that no token and no half a file stay."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt

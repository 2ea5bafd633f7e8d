"""The page made and served: by `flowdubber ui` on this machine, by `spaces/flowdubber/app.py` on the Hub."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable
from threading import Event
from typing import Any

import gradio as gr
import torch

from ..dubbing.takes import PACKAGES
from ..extras import absent
from ..libraries import quiet_libraries
from ..pipelines.flowdubber import FlowDubberPipeline
from ..work.reading import in_a_line
from ..work.workers import use_available_cores
from .dubbing import Dubber
from .events import wire
from .layout import ASSETS, BUNDLED_MODEL, asset, build_parts, theme
from .limits import MAX_CLIP_SECONDS, MAX_FILE_BYTES, QUEUE_LENGTH, TAKES, Request


KEPT_SECONDS = 3600  # uploads and results, before they are deleted from the server
KEPT_SESSIONS = 50  # visitors whose takes the server remembers, 0.15 MB each; gradio alone would remember 10,000
GPU_SECONDS = 15  # for the longest clip and the usual number of steps


def gpu_seconds(request: Request, *_: Any) -> int:
    """For how long ZeroGPU lends the card: a visitor's share is used up by what is asked for, so no more than needed."""
    return GPU_SECONDS * int(request.takes)


def build_dubber(
    model: str = BUNDLED_MODEL,
    max_seconds: float = MAX_CLIP_SECONDS,
    lend: Callable[..., Callable] | None = None,
) -> Dubber:
    """Loads the model once, on the graphics card if there is one.

    Args:
        model: bundled name, folder or Hub id.
        max_seconds: longest clip.
        lend (*optional*): ZeroGPU's `spaces.GPU`.

    Raises:
        ValueError: there is no such model.
    """
    quiet_libraries()
    use_available_cores()
    pipe = FlowDubberPipeline.from_pretrained(model).to("cuda" if torch.cuda.is_available() else "cpu")
    pipe.set_progress_bar_config(disable=True)
    max_takes = 1 if absent(PACKAGES) else TAKES[1]
    on_device = None if lend is None else lend(duration=gpu_seconds)
    return Dubber(pipe, max_takes, on_device, max_seconds)


def build_demo(dubber: Dubber, model: str = BUNDLED_MODEL) -> gr.Blocks:
    """The page.

    Args:
        dubber: runs the models.
        model: their name, for the notice.
    """
    with gr.Blocks(
        title="FlowDubber", analytics_enabled=False, delete_cache=(KEPT_SECONDS // 6, KEPT_SECONDS)
    ) as demo:
        wire(demo, dubber, build_parts(dubber, model))
    demo.queue(max_size=QUEUE_LENGTH, default_concurrency_limit=1)
    return demo


def launch_settings() -> dict[str, Any]:
    """What `launch` needs beside the page itself."""
    return {
        "theme": theme(),
        "css_paths": ASSETS / "page.css",
        "js": asset("page.js"),
        "max_file_size": 2 * MAX_FILE_BYTES,  # a hard stop; the page says what is too large before it is sent
        "state_session_capacity": KEPT_SESSIONS,
        "footer_links": ["api"],
        "run_history": False,
        "show_error": True,
        "ssr_mode": False,
        "mcp_server": not absent(["mcp"]),  # gradio's extra `mcp`
    }


def serve(
    model: str,
    max_seconds: float,
    host: str,
    port: int | None,
    on_ready: Callable[[str], None],
) -> str:
    """Serves the page until Ctrl-C.

    Args:
        model: bundled name, folder or Hub id.
        max_seconds: longest clip.
        host: address to listen on.
        port: to listen on; `None` takes the first free one from 7860.
        on_ready: is called with the page's address when it can be opened.

    Returns:
        The page's address.

    Raises:
        ValueError: there is no such model, or the server cannot listen there.
    """
    demo = build_demo(build_dubber(model, max_seconds), model)
    try:
        _, url, _ = demo.launch(
            server_name=host, server_port=port, prevent_thread_lock=True, quiet=True, **launch_settings()
        )
    except OSError as error:
        raise ValueError(f"the page cannot listen on {host}, port {port or 'any'} ({in_a_line(error)}).") from error
    on_ready(url)
    try:
        _until_interrupted()
    finally:
        demo.close(verbose=False)
    return url


def _until_interrupted() -> None:
    try:
        Event().wait()
    except KeyboardInterrupt:  # how a server is ended, no failure
        return

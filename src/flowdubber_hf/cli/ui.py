"""`flowdubber ui`: the web page, on this machine."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from typing import Any

from ..extras import absent, pip_line
from .common import DEFAULT_MODEL, Result, add_command, add_running_options, tell


LOCAL_HOST = "127.0.0.1"
_DEFAULT_SECONDS = 20.0


def add_ui(commands: Any) -> None:
    ui = add_command(
        commands,
        "ui",
        summary="dub in the browser: a web page on this machine",
        description="Serves a web page for your own clips: give a clip and a voice, type the script, press one button; takes are kept "
        "to compare, words can be moved. It runs until Ctrl-C. Nothing is sent elsewhere, and only this machine can open it, unless "
        "another --host is given.",
        examples=[
            ("Open the address that it prints", "flowdubber ui"),
            (
                "Your own model, longer clips, a port of your choice",
                "flowdubber ui --model my-dubber --max-seconds 60 --port 8000",
            ),
        ],
        report={
            "url": "address of the page",
            "model": "that was served",
            "max_seconds": "longest clip",
        },
        notes=f"Needs an extra, installed in the folder of the repository:\n    {pip_line('space')}\n\n"
        "With --host 0.0.0.0 everybody who reaches this machine can use the page.\n\nMore: docs/space.md.",
    )
    models = ui.add_argument_group("model and limits").add_argument
    models("--model", default=DEFAULT_MODEL, help="bundled name, folder or Hub id (default %(default)s)")
    models(
        "--max-seconds",
        type=float,
        default=_DEFAULT_SECONDS,
        metavar="S",
        help="longest clip in seconds, 1 to 600 (default %(default)g)",
    )
    server = ui.add_argument_group("server").add_argument
    server("--host", default=LOCAL_HOST, metavar="ADDRESS", help="address to listen on (default %(default)s)")
    server("--port", type=int, metavar="N", help="port to listen on (default: the first free one from 7860)")
    add_running_options(ui, quiet="print nothing but the address")
    ui.set_defaults(run=_ui)


def _ui(arguments: argparse.Namespace) -> Result:
    from ..checkpoints.sources import local_checkpoint

    port = arguments.port
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"--port must lie between 1 and 65535, got {port}.")
    local_checkpoint(arguments.model)
    if absent(["gradio"]):
        raise ImportError(f"flowdubber ui needs gradio: {pip_line('space')}, in the folder of the repository.")
    from ..page.limits import check_max_seconds

    seconds = check_max_seconds(arguments.max_seconds, "--max-seconds")
    if not arguments.quiet:
        tell(f"loading {arguments.model}, and making a first dub with it")
    from ..page.serve import serve

    url = serve(arguments.model, seconds, arguments.host, port, on_ready=_say_where)
    return Result({"url": url, "model": arguments.model, "max_seconds": seconds})


def _say_where(url: str) -> None:
    print(f"The page is at {url} (Ctrl-C ends it).", flush=True)

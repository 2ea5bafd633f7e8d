"""`flowdubber serve`: a model kept loaded for `flowdubber dub --server`, and for programs that call once a line."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from pathlib import Path
from typing import Any

from .common import DEFAULT_MODEL, Result, add_command, add_running_options, tell


def add_serve(commands: Any) -> None:
    serve = add_command(
        commands,
        "serve",
        summary="keep a model loaded, for programs that call once a line",
        description="Loads a model once and dubs for `flowdubber dub --server` and for programs of yours, one clip after the other, "
        "until Ctrl-C. It listens on this machine alone and answers only who can read a token in a file of yours: neither other users "
        "nor web pages.",
        examples=[
            ("Start it; it prints its address", "flowdubber serve"),
            ("Your own model, on a graphics card", "flowdubber serve --model my-dubber --device cuda --port 8010"),
        ],
        report={
            "url": "address of the server",
            "model": "that was served",
            "device": "likewise",
            "made": "how many dubs",
        },
        notes="More: docs/cli.md.",
    )
    models = serve.add_argument_group("model").add_argument
    models("--model", default=DEFAULT_MODEL, help="bundled name, folder or Hub id (default %(default)s)")
    models("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    server = serve.add_argument_group("server").add_argument
    server(
        "--port", type=int, default=7871, metavar="N", help="port to listen on, 0 for a free one (default %(default)s)"
    )
    add_running_options(serve, quiet="print nothing but the address")
    serve.set_defaults(run=_serve)


def _serve(arguments: argparse.Namespace) -> Result:
    from ..checkpoints.sources import local_checkpoint

    if not 0 <= arguments.port <= 65535:
        raise ValueError(f"--port must lie between 0 and 65535, got {arguments.port}.")
    local_checkpoint(arguments.model)
    say = (lambda text: None) if arguments.quiet else _say
    if not arguments.quiet:
        tell(f"loading {arguments.model}")
    from ..server.serve import serve

    return Result(serve(arguments.model, arguments.device, arguments.port, _say_where, say))


def _say(text: str) -> None:
    print(text, flush=True)


def _say_where(url: str, token: Path) -> None:
    print(f"The server is at {url} (Ctrl-C ends it); its token is in {token}.", flush=True)

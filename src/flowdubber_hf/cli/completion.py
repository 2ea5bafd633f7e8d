"""`flowdubber completion`: what the Tab key knows about this command."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from pathlib import Path
from typing import Any

from .common import Result, add_command, add_running_options
from .help import Parser


SHELLS = ("bash", "zsh", "fish")
_FOLDERS = ("FOLDER", "MODEL", "OUT")


def add_completion(commands: Any) -> None:
    completion = add_command(
        commands,
        "completion",
        summary="make the Tab key complete commands, options and files",
        description="Prints a script for a shell. It knows all commands, options and choices, and which options take files or "
        "folders; it does not start Python when Tab is pressed. Print it again after an update.",
        examples=[
            ("Print it", "flowdubber completion bash"),
            ("Install it for fish", "flowdubber completion fish > ~/.config/fish/completions/flowdubber.fish"),
        ],
        report={
            "shell": "its name",
            "script": "for it",
        },
        notes='bash, in ~/.bashrc:\n    eval "$(flowdubber completion bash)"\n\n'
        'zsh, in ~/.zshrc, below compinit:\n    eval "$(flowdubber completion zsh)"\n\n'
        "fish, once:\n    flowdubber completion fish > ~/.config/fish/completions/flowdubber.fish",
    )
    given = completion.add_argument_group("input")
    given.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    add_running_options(completion, quiet="print nothing")
    completion.set_defaults(run=_completion)


def _completion(arguments: argparse.Namespace) -> Result:
    script = completion_script(arguments.shell)
    if not arguments.quiet:
        print(script)
    return Result({"shell": arguments.shell, "script": script})


def completion_script(shell: str) -> str:
    """The script that teaches a shell of `SHELLS` this command."""
    import shtab

    from . import build_parser

    parser = build_parser()
    _annotate(parser, shtab.FILE, shtab.DIRECTORY)
    return shtab.complete(parser, shell)


def _annotate(parser: Parser, file: Any, folder: Any) -> None:
    """Says for shtab which options take paths, and what a command does in a line."""
    parser.description = parser.summary
    for action in parser._actions:
        if parser.commands is not None and action is parser.commands:
            for below in action.choices.values():
                _annotate(below, file, folder)
        elif action.metavar in _FOLDERS or action.dest == "model":
            action.complete = folder
        elif action.type is Path or action.dest in ("source", "base"):
            action.complete = file

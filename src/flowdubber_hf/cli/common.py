"""What the subcommands share: how they are described, how they end, files that are written.

A subcommand is a module with a function `add_X(commands)`, which makes a parser with [`add_command`], adds options in argument groups
(input, output, ...), closes them with [`add_running_options`] and sets `run`, a function from the parsed options to a [`Result`].
Heavy imports happen inside of `run`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..work.interrupts import EXIT_INTERRUPTED
from .help import Parser, format_examples


DEFAULT_MODEL = "flowdubber-grid-tiny"

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_CODES = {
    EXIT_DONE: "done",
    EXIT_FAILED: "part of the work failed (a clip of a batch), doctor found something wrong, or an unexpected failure",
    EXIT_BAD_INPUT: "bad input or options: a line on standard error says what is wrong and what to do",
    EXIT_INTERRUPTED: "stopped by Ctrl-C; finished parts of long work are kept for the next run",
}


@dataclass(frozen=True)
class Result:
    """How a command ended that did not raise.

    Attributes:
        report: its own fields of what `--json` writes, of types that JSON has; `None` writes nothing at all (in the processes
            of `accelerate launch` but the first).
        exit_code: `EXIT_DONE`, or `EXIT_FAILED` where part of the work failed.
        problem: in a sentence, what part of the work failed.
    """

    report: Mapping[str, Any] | None = field(default_factory=dict)
    exit_code: int = EXIT_DONE
    problem: str | None = None


def add_command(
    commands: Any,
    name: str,
    *,
    summary: str,
    description: str,
    examples: Sequence[tuple[str, str]],
    report: Mapping[str, str],
    usage: str | None = None,
    notes: str = "",
) -> Parser:
    """A subcommand without options yet.

    Args:
        commands: what `add_subparsers` returned.
        name: of the subcommand.
        summary: a line for the list of commands.
        description: prose above the options.
        examples: (what for, command line) pairs, at least two; a test gives each command line to the parser.
        report: fields that `--json` writes beside those of all commands, and what they hold; docs/cli.md lists them, and a test
            compares them with what is written.
        usage: how it is called, where listing every option would hide it; without `usage: `, lines aligned by the caller.
        notes: prose below the examples: extras that are needed, where to read on.
    """
    shown = f"examples:\n{format_examples(examples)}"
    parser: Parser = commands.add_parser(
        name, help=summary, description=description, usage=usage, epilog=f"{shown}\n\n{notes}"
    )
    parser.summary, parser.examples, parser.report = summary, tuple(examples), dict(report)
    return parser


def add_running_options(parser: Parser, quiet: str = "no progress bar, no last lines") -> Any:
    """The last group of options, with those that every command has: `--config`, `--json`, `--quiet`.

    Args:
        parser: of the subcommand.
        quiet: what `--quiet` silences.

    Returns:
        The group, for what else belongs there (`--device`, `--num-proc`).
    """
    running = parser.add_argument_group("running")
    running.add_argument(
        "--config", type=Path, metavar="FILE", help="take options from this TOML file; those given here win"
    )
    running.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="write what was done, or what is wrong, to this file; - for standard output, with nothing else there",
    )
    running.add_argument("--quiet", action="store_true", help=quiet)
    return running


def tell(text: str) -> None:
    """Says on standard error what happens now, so that nobody waits in silence."""
    print(f"flowdubber: {text} ...", file=sys.stderr, flush=True)


def check_output_folder(folder: Path, overwrite: bool) -> None:
    """Raises `ValueError` where a folder to write is there, and not empty, without `--overwrite`."""
    if folder.is_file():
        raise ValueError(f"{folder} exists and is a file; name another folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise ValueError(f"{folder} exists; give --overwrite to replace it, or name another folder.")

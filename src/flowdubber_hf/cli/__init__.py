"""The command `flowdubber`. Each subcommand is a module; [`common`] says what one is made of.

Bad input ends with a line on standard error and the exit code 2; Ctrl-C with 130. Files appear whole or not at all. The heavy
libraries are imported only when the work begins, so that `--help` and bad arguments answer at once.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..version import __version__
from ..work.faults import refusal
from ..work.interrupts import ending_at_second_interrupt
from .assemble import add_assemble
from .common import EXIT_BAD_INPUT, EXIT_CODES, EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, Result
from .completion import add_completion
from .config import apply_config, option_value
from .convert import add_convert
from .demo import add_demo
from .doctor import add_doctor
from .dub import add_dub
from .evaluate import add_evaluate
from .film import add_film
from .finetune import add_finetune
from .help import MainParser, format_examples
from .models import add_models
from .prepare import add_prepare
from .push import add_push
from .report import check_report_target, file_stamp, is_standard_output, make_report, write_report
from .say import add_say
from .serve import add_serve
from .ui import add_ui


# The groups of the help's first page.
COMMANDS = {
    "dubbing": (add_demo, add_say, add_dub, add_film, add_serve, add_ui),
    "your own data": (add_finetune, add_prepare, add_evaluate),
    "models": (add_models, add_convert, add_assemble, add_doctor, add_push),
    "this command": (add_completion,),
}
EXAMPLES = (
    ("Make a small clip and a voice to try", "flowdubber demo demo"),
    (
        "Dub it",
        'flowdubber dub --video demo/demo.mp4 --script "place blue at f two now" --reference demo/demo_reference.wav '
        "--output dubbed.mp4",
    ),
)
ENVIRONMENT = {
    "HF_HOME": "where checkpoints of the Hub are kept (default ~/.cache/huggingface)",
    "HF_TOKEN": "to read private checkpoints of the Hub, and to publish",
    "HF_HUB_OFFLINE": "1: never use the network, only what is there already",
    "OMP_NUM_THREADS": "threads (default: the cores that were free in the last minute)",
    "CUDA_VISIBLE_DEVICES": "which graphics cards may be used",
}
DOCUMENTATION = {
    "docs/cli.md": "this command: many clips at once, config file, reports, completion",
    "docs/text.md": "how a script is read: numbers, abbreviations, names, your own pronunciations",
    "docs/film.md": "whole films: cue sheets, voices, takes, sound, tracks",
    "docs/space.md": "the web page",
    "docs/faq.md": "what people ask",
    "docs/data.md": "your own clips as training data",
    "docs/training.md": "training and fine-tuning",
    "docs/evaluation.md": "measuring",
    "docs/pretrained.md": "parts from public weights",
    "docs/hub.md": "loading and publishing",
}


def build_parser() -> MainParser:
    """The command line, without any heavy import."""
    parser = MainParser(
        prog="flowdubber",
        usage="flowdubber COMMAND [options]",
        description="Dubs a clip of a speaker: the lips give the timing, a script the words, a short recording the voice.",
    )
    parser.add_argument("--version", action="version", version=f"flowdubber {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    groups = {}
    for title, functions in COMMANDS.items():
        before = set(commands.choices)
        for add in functions:
            add(commands)
        groups[title] = [name for name in commands.choices if name not in before]
    parser.groups, parser.examples = groups, EXAMPLES
    parser.sections = {
        "examples": format_examples(EXAMPLES),
        "options": {"-h, --help": "this page; behind a COMMAND, that command's", "--version": "the version"},
        "exit codes": {str(code): meaning for code, meaning in EXIT_CODES.items()},
        "environment variables": ENVIRONMENT,
        "documentation, in the repository": DOCUMENTATION,
    }
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, one of `EXIT_CODES`."""
    call = _Call(list(sys.argv[1:] if argv is None else argv), own_process=argv is None)
    with ending_at_second_interrupt():
        return _run(call)


def _run(call: "_Call") -> int:
    try:
        return call.run()
    except SystemExit as stop:  # --help, --version
        return int(stop.code or 0)
    except KeyboardInterrupt as stop:
        return call.fail(EXIT_INTERRUPTED, "interrupted", stop)
    except (ValueError, ImportError) as error:
        return call.fail(EXIT_BAD_INPUT, "bad_input", error)
    except Exception as error:
        refused = refusal(error)
        if refused is not None:
            return call.fail(EXIT_BAD_INPUT, "bad_input", ValueError(refused))
        # a bug: who reports it needs the place, a program the report
        traceback.print_exc()
        return call.fail(EXIT_FAILED, "unexpected", error)


class _Call:
    """One run of the command, and its report if one was asked for."""

    def __init__(self, argv: Sequence[str], own_process: bool):
        self.argv = argv
        self.own_process = own_process  # it ends with the command, and nobody else imports anything in it
        self.arguments: argparse.Namespace | None = None
        named = option_value(argv, "--json")  # so that a command line that cannot be parsed is reported too
        self.target = None if named is None else Path(named)
        self.before: tuple[int, ...] | None = None  # what stood in the report's place before the work

    def run(self) -> int:
        parser = build_parser()
        if not self.argv:
            parser.print_help()
            return EXIT_DONE
        apply_config(parser, self.argv)
        self.arguments = parser.parse_args(self.argv)
        self.arguments.own_process = self.own_process
        self.target = self.arguments.json
        if self.target is not None:
            check_report_target(self.target, self.arguments)
            self.before = file_stamp(self.target)
        # Whatever is printed meanwhile, by whatever library, is not for the program that reads the report.
        with redirect_stdout(sys.stderr) if is_standard_output(self.target) else nullcontext():
            result: Result = self.arguments.run(self.arguments)
        if result.report is not None:
            if self.target is not None and file_stamp(self.target) != self.before:
                raise ValueError(
                    f"--json {self.target} is a file that the command itself wrote; give the report another name."
                )
            error = None if result.problem is None else {"kind": "partial", "message": result.problem}
            self.report(result.exit_code, error, **result.report)
        return result.exit_code

    def fail(self, exit_code: int, kind: str, error: BaseException) -> int:
        """Says what is wrong: a line, or a line for each of several problems."""
        problems = getattr(error, "problems", None)
        message = str(error) if problems else " ".join(str(error).split()) or kind
        if exit_code == EXIT_FAILED:
            message = f"{type(error).__name__}: {message}"
        opening = "flowdubber:" if exit_code == EXIT_INTERRUPTED else "flowdubber: error:"
        for line in message.splitlines():
            print(f"{opening} {line}", file=sys.stderr)
        details = {"kind": kind, "message": message}
        if problems:
            details["problems"] = [asdict(problem) for problem in problems]
        with suppress(OSError):  # a full disk, which the command has told of
            self.report(exit_code, details)
        return exit_code

    def report(self, exit_code: int, error: dict[str, Any] | None, **fields: Any) -> None:
        if self.target is None:
            return
        try:
            check_report_target(self.target, self.arguments)
        except ValueError:  # said already, and why the command ended
            return
        if self.arguments is not None and file_stamp(self.target) != self.before:
            return
        command = getattr(self.arguments, "command", None)
        write_report(self.target, make_report(command, exit_code, error, fields))

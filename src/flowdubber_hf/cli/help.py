"""How the command line explains itself: wrapped prose, options in groups, examples as they are typed."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import re
import shlex
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NoReturn

from ..work.wording import did_you_mean


_MAX_WIDTH = 100
_EXAMPLE_WIDTH = 78


_HYPHENED_FILE = re.compile(r"-[^-].*\.[A-Za-z]\w{1,7}", re.DOTALL)


class UsageError(ValueError):
    """A command line that cannot be understood."""


def help_width() -> int:
    """Columns of a help text: the terminal's, within reason."""
    return min(shutil.get_terminal_size().columns - 2, _MAX_WIDTH)


def fill(text: str, width: int) -> str:
    """Paragraphs wrapped to `width`; those with indented lines, such as examples, stay as they are."""
    paragraphs = text.strip("\n").split("\n\n")
    return "\n\n".join(part if "\n " in part else "\n".join(_wrap(part, width)) for part in paragraphs)


def _wrap(text: str, width: int) -> list[str]:
    """Lines of prose; names such as flowdubber-hf stay whole."""
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def format_rows(rows: Mapping[str, str], width: int, column: int = 0) -> str:
    """Names and, beside them, at `column` or where the longest name ends, the wrapped texts that explain them."""
    column = max(column, *(len(name) + 4 for name in rows))
    lines = []
    for name, text in rows.items():
        first, *others = _wrap(text, width - column)
        lines += [f"  {name}".ljust(column) + first, *(" " * column + line for line in others)]
    return "\n".join(lines)


def wrap_command(command: str) -> str:
    """A command line over as many lines as it needs, which a shell takes for one; options stay with their values.

    >>> print(wrap_command("flowdubber demo folder"))
        flowdubber demo folder
    """
    words = shlex.shlex(command, posix=False)
    words.whitespace_split, words.commenters = True, ""
    chunks: list[str] = []
    for word in words:
        if chunks and not word.startswith("-"):
            chunks[-1] += f" {word}"
        else:
            chunks.append(word)
    lines = [f"    {chunks[0]}"]
    for chunk in chunks[1:]:
        if len(f"{lines[-1]} {chunk} \\") > _EXAMPLE_WIDTH:
            lines[-1] += " \\"
            lines.append(f"        {chunk}")
        else:
            lines[-1] += f" {chunk}"
    return "\n".join(lines)


def format_examples(examples: Sequence[tuple[str, str]]) -> str:
    """What each is for and the command line below it, indented."""
    return "\n".join(f"  {purpose}:\n{wrap_command(command)}" for purpose, command in examples)


class HelpFormatter(argparse.HelpFormatter):
    """Wraps prose and keeps indented lines."""

    def __init__(self, prog: str):
        super().__init__(prog, max_help_position=26, width=help_width())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return fill(text, width)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrap(" ".join(text.split()), width)


class Parser(argparse.ArgumentParser):
    """A command or a subcommand. Bad options raise as every other bad input does, and none may be abbreviated: with a new option, an
    abbreviation in somebody's script would mean something else.

    Attributes:
        commands: its own subcommands, `None` where it has none.
        summary: a line on what it does.
        examples: (what for, command line) pairs of its help.
        report: fields of its `--json`, and what they hold.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, formatter_class=HelpFormatter, allow_abbrev=False, **kwargs)
        self.commands: Any = None
        self.summary = ""
        self.examples: tuple[tuple[str, str], ...] = ()
        self.report: Mapping[str, str] = {}

    def add_subparsers(self, **kwargs: Any) -> Any:
        self.commands = super().add_subparsers(prog=self.prog, parser_class=Parser, **kwargs)
        return self.commands

    def _parse_optional(self, arg_string: str) -> Any:
        """What begins with one hyphen and ends like a file is the name of one, as no option does."""
        return None if _HYPHENED_FILE.fullmatch(arg_string) else super()._parse_optional(arg_string)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuses unknown options here, where it is known which ones this subcommand has."""
        if self.commands is None:
            self._refuse_unknown(args or ())
        return super().parse_known_args(args, namespace)

    def _refuse_unknown(self, args: Sequence[str]) -> None:
        known = self._option_string_actions
        unknown = []
        for before, word in pairwise(["", *args]):
            if word == "--":
                break
            name = word.split("=")[0]
            awaits_value = before in known and known[before].nargs != 0  # argparse says better what to do there
            if word.startswith("--") and " " not in word and name not in known and not awaits_value:
                unknown.append(f"there is no option {name}{did_you_mean(name, known)}")
        if unknown:
            self.error(" ".join(unknown))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action is self.commands and value not in action.choices:
            self.error(f"there is no command {value!r}{did_you_mean(str(value), action.choices)}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        if message.endswith("expected one argument"):
            option = message.split(":")[0].removeprefix("argument ").split("/")[-1]
            message += f"; a value that begins with a hyphen is written {option}=VALUE"
        raise UsageError(f"{message} (try {self.prog} --help)")


class MainParser(Parser):
    """The whole command, whose help is a page: its subcommands in groups, then sections of text.

    Attributes:
        groups: title to names of subcommands.
        sections: title to names and what they mean, or to text that is kept as it is.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.groups: Mapping[str, Sequence[str]] = {}
        self.sections: Mapping[str, Mapping[str, str] | str] = {}

    def format_help(self) -> str:
        width, column = help_width(), max(map(len, self.commands.choices)) + 4
        parts = [self.format_usage().strip(), fill(self.description or "", width)]
        for title, names in self.groups.items():
            rows = {name: self.commands.choices[name].summary for name in names}
            parts.append(f"{title}:\n{format_rows(rows, width, column)}")
        for title, content in self.sections.items():
            text = content if isinstance(content, str) else format_rows(content, width)
            parts.append(f"{title}:\n{text}")
        return "\n\n".join(parts) + "\n"

"""Write the references in docs/cli.md, from the command itself, and in docs/text.md, from the rules that read a script.

python examples/render_cli.py          # after an option, an example or a field of a report has changed
python examples/render_cli.py --check  # only says whether the pages differ
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from collections.abc import Iterator
from pathlib import Path

from flowdubber_hf.cli import ENVIRONMENT, build_parser
from flowdubber_hf.cli.common import EXIT_CODES
from flowdubber_hf.cli.help import Parser, wrap_command
from flowdubber_hf.processing.reading.rules import RULES
from flowdubber_hf.training.arguments import run_script
from pages import replace_section, write_page


EVERYWHERE = ("--config", "--json", "--quiet", "--help")


def table(head: tuple[str, str], rows: Iterator[tuple[str, str]]) -> str:
    """A Markdown table of two columns."""
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join([*lines, *(f"| {one} | {other.replace('|', chr(92) + '|')} |" for one, other in rows)]) + "\n"


def options(parser: Parser) -> Iterator[tuple[str, str]]:
    """What each option is called and does, without those of every command."""
    for action in parser._actions:
        if (
            action is parser.commands
            or EVERYWHERE[-1] in action.option_strings
            or EVERYWHERE[0] in action.option_strings
        ):
            continue
        name = action.option_strings[-1] if action.option_strings else ""
        if name in EVERYWHERE:
            continue
        value = action.metavar or (None if action.nargs == 0 else action.dest.upper())
        value = " ".join(value) if isinstance(value, tuple) else value
        if action.choices is not None:
            value = " or ".join(map(str, action.choices)) if action.metavar is None else action.metavar
        more = " ..." if action.nargs in ("+", "*") else ""
        shown = " ".join(filter(None, (name, value))) + more
        yield f"`{shown}`", (action.help or "") % {"default": action.default}


def command(names: tuple[str, ...], parser: Parser) -> str:
    """The section of a command, and of those below it."""
    parts = [f"{'#' * (len(names) + 2)} flowdubber {' '.join(names)}\n", f"{parser.description}\n"]
    parts.append(
        "```bash\n" + "\n".join(f"# {purpose}\n{unindented(line)}" for purpose, line in parser.examples) + "\n```\n"
    )
    if parser.commands is not None:
        parts += [command((*names, name), below) for name, below in parser.commands.choices.items()]
    else:
        parts.append(table(("option", "meaning"), options(parser)))
        fields = ((f"`{name}`", meaning) for name, meaning in parser.report.items())
        parts.append(table(("field of `--json`", "holds"), fields))
    return "\n".join(parts)


def unindented(line: str) -> str:
    """An example over several lines, without the indentation of a help text."""
    return "\n".join(text.removeprefix("    ") for text in wrap_command(line).splitlines())


def render(content: str) -> str:
    """The page as it ought to be."""
    parser = build_parser()
    commands = "\n".join(command((name,), below) for name, below in parser.commands.choices.items())
    codes = table(("code", "meaning"), ((str(code), meaning) for code, meaning in EXIT_CODES.items()))
    variables = table(("variable", "meaning"), ((f"`{name}`", meaning) for name, meaning in ENVIRONMENT.items()))
    for section, text in (("exit codes", codes), ("environment", variables), ("commands", commands)):
        content = replace_section(content, section, text)
    return content


def render_rules(content: str) -> str:
    """The page on how a script is read as it ought to be: each rule with its example."""
    lines = ["| what | written | spoken |", "|---|---|---|"]
    for rule in RULES:
        example = rule.example.replace("\n", " ⏎ ").replace("|", "\\|")
        lines.append(f"| {rule.name} | `{example}` | {rule.spoken} |")
    return replace_section(content, "rules", "\n".join(lines) + "\n")


PAGES = {Path("docs/cli.md"): render, Path("docs/text.md"): render_rules}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--root", type=Path, default=Path("."), help="the repository")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page differs")
    args = parser.parse_args()
    for name, make in PAGES.items():
        page = args.root / name
        before = page.read_text(encoding="utf-8")
        after = make(before)
        if args.check and before != after:
            raise ValueError(f"{name} is not what the program says; run examples/render_cli.py.")
        if before != after:
            write_page(page, after)
            print(page)


if __name__ == "__main__":
    run_script(main)

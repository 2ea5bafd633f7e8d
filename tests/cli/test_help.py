"""Help texts: whole, narrow, quick, and with examples that the command takes."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
import shlex
import subprocess
import sys

import pytest

from flowdubber_hf import cli


HEAVY = ("torch", "transformers", "diffusers", "numpy", "av", "cv2", "matplotlib")
PARSER = cli.build_parser()


def leaves(parser, names=()):
    """Every command without subcommands of its own: its words and its parser."""
    if parser.commands is None:
        yield names, parser
        return
    for name, below in parser.commands.choices.items():
        yield from leaves(below, (*names, name))


COMMANDS = dict(leaves(PARSER))
every_command = pytest.mark.parametrize("names", COMMANDS, ids=" ".join)


def shown_commands(text: str) -> list[list[str]]:
    """The command lines of a help text as a shell would read them."""
    joined = text.replace("\\\n", " ")
    return [
        shlex.split(line) for line in re.findall(r"^ {4}((?:flowdubber|accelerate launch) .*)$", joined, re.MULTILINE)
    ]


def arguments_of(words: list[str]) -> list[str]:
    """What comes behind `flowdubber`, or behind `accelerate launch ... -m flowdubber_hf`, before any redirection."""
    words = words[: words.index(">")] if ">" in words else words
    return words[words.index("flowdubber_hf") + 1 :] if words[0] == "accelerate" else words[1:]


def test_first_page(capsys):
    assert cli.main(["--help"]) == 0
    page = capsys.readouterr().out
    for parser in PARSER.commands.choices.values():
        assert " ".join(parser.summary.split()) in " ".join(page.split())
    grouped = [name for names in PARSER.groups.values() for name in names]
    assert sorted(grouped) == sorted(PARSER.commands.choices)
    for code, meaning in cli.EXIT_CODES.items():
        assert re.search(rf"^  {code} +{meaning[:20]}", page, re.MULTILINE)
    assert "HF_HOME" in page
    assert "docs/faq.md" in page
    assert shown_commands(page)


@every_command
def test_help_is_narrow_and_in_groups(names, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main([*names, "--help"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 79
    titles = re.findall(r"^(\w[^:\n]*):$", text, re.MULTILINE)
    assert "positional arguments" not in titles
    assert {"running", "examples"} < set(titles)
    for option in ("--config FILE", "--json FILE", "--quiet"):
        assert option in text
    # nothing but --help stands outside of the groups
    ungrouped = text.split("options:\n")[1].split("\n\n")[0]
    assert re.findall(r"^  (-.*?)  ", ungrouped, re.MULTILINE) == ["-h, --help"]


@every_command
def test_examples_are_taken_by_the_parser(names, capsys):
    parser = COMMANDS[names]
    assert len(parser.examples) >= 2
    commands = shown_commands(parser.format_help())
    assert len(commands) >= len(parser.examples)
    for words in commands:
        arguments = PARSER.parse_args(arguments_of(words))
        assert arguments.command == names[0]
        assert callable(arguments.run)


def test_examples_of_the_first_page_are_taken_by_the_parser():
    for words in shown_commands(PARSER.format_help()):
        assert callable(PARSER.parse_args(arguments_of(words)).run)


@pytest.mark.parametrize("name", [pytest.param("demo", marks=pytest.mark.slow), "completion"])
def test_examples_that_cost_nothing_do_what_they_say(name, tmp_path, monkeypatch, capsys):
    if name == "completion":
        pytest.importorskip("shtab")
    monkeypatch.chdir(tmp_path)
    for words in shown_commands(COMMANDS[(name,)].format_help()):
        assert cli.main(arguments_of(words)) == 0
        assert capsys.readouterr().out


def test_every_kind_of_help_imports_nothing_heavy():
    code = (
        "import sys; from flowdubber_hf import cli; "
        f"codes = [cli.main([*names, '--help']) for names in [(), *{list(COMMANDS)!r}]]; "
        f"print([codes, sorted(set(sys.modules) & set({HEAVY!r}))], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == str([[0] * (len(COMMANDS) + 1), []])


def test_options_are_not_abbreviated(capsys):
    assert cli.main(["demo", "folder", "--overwr"]) == 2
    assert "--overwr" in capsys.readouterr().err

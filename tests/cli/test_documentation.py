"""docs/cli.md says what the command does."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re
import shlex
import sys

import pytest

from flowdubber_hf import cli
from flowdubber_hf.cli.config import apply_config
from flowdubber_hf.dubbing.fields import FIELDS


@pytest.fixture(scope="module")
def page(repository):
    return (repository / "docs/cli.md").read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_reference_is_that_of_the_command(repository, page, monkeypatch):
    monkeypatch.syspath_prepend(str(repository / "examples"))
    sys.modules.pop("render_cli", None)
    from render_cli import render

    assert render(page) == page, "run examples/render_cli.py"


def command_lines(text):
    """Arguments of every call of the command in the bash blocks of a page, and of its extras."""
    for block in blocks(text, "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words:
                ends = [words.index(stop) for stop in ("&&", ">", "|") if stop in words]
                call, words = words[: min(ends, default=len(words))], words[min(ends, default=len(words)) + 1 :]
                if call[:1] == ["flowdubber"]:
                    yield call[1:]
                elif "flowdubber_hf" in call:
                    yield call[call.index("flowdubber_hf") + 1 :]


def pages(repository):
    return [repository / "README.md", repository / "examples/README.md", *sorted((repository / "docs").glob("*.md"))]


def test_every_command_line_is_taken_by_the_parser(repository):
    count = 0
    for file in pages(repository):
        for words in command_lines(file.read_text(encoding="utf-8")):
            if "..." in words or words in (["--help"], ["--version"]):
                continue
            try:
                assert callable(cli.build_parser().parse_args(words).run)
            except ValueError as error:
                pytest.fail(f"{file.name}: flowdubber {shlex.join(words)}: {error}")
            count += 1
    assert count > 40


def test_links_lead_somewhere(repository):
    for file in pages(repository):
        text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            assert "://" in target or (file.parent / target).exists(), f"{file.name}: {target}"


def test_the_config_file_is_taken(page, tmp_path):
    (content,) = blocks(page, "toml")
    (tmp_path / "flowdubber.toml").write_text(content)
    argv = ["dub", "--batch", "jobs.jsonl", "--output", "dubs", "--config", str(tmp_path / "flowdubber.toml")]
    parser = cli.build_parser()
    apply_config(parser, argv)
    arguments = parser.parse_args(argv)
    assert (arguments.device, arguments.guidance_scale, arguments.best_of) == ("cuda", 1.2, 5)


def test_fields_of_a_listing_are_all_there(page):
    table = page.split("| field | meaning |")[1].split("\n\n")[0]
    named = set(
        re.findall(r"`(\w+)`", " ".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `")))
    )
    assert named == set(FIELDS)
    for line in blocks(page, "json")[0].splitlines():
        assert set(json.loads(line)) <= set(FIELDS)


def test_every_page_that_the_help_names_is_there(repository):
    for name in cli.DOCUMENTATION:
        assert (repository / name).is_file()

"""`flowdubber dub --batch`: what it prints and returns."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re

import pytest

from flowdubber_hf import cli
from support.batch_listings import line, write_clips, write_listing


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def model(untrained_model):
    return untrained_model


@pytest.fixture
def command(clips, model, tmp_path):
    def build(*rows, more=()):
        listing = write_listing(clips, *rows)
        options = ["--model", model, "--steps", 1, "--guidance-scale", 1, "--format", "wav", "--device", "cpu"]
        return list(map(str, ["dub", "--batch", listing, "--output", tmp_path / "dubs", *options, *more]))

    return build


def test_a_clip_fails_and_the_next_run_does_the_rest(command, capsys, tmp_path):
    assert cli.main(command(line("one"), line("faceless"), more=["--json", "-"])) == 1
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["command"], report["exit_code"]) == ("dub", 1)
    assert report["error"] == {"kind": "partial", "message": "1 of 2 clips failed."}
    assert (report["clips"], report["dubbed"], report["kept"], report["failed"]) == (2, 1, 0, 1)
    assert [row["problem"] is None for row in report["results"]] == [True, False]
    assert "jobs.jsonl line 2: no face" in captured.err
    assert "2/2" in captured.err  # the progress bar
    assert "dubbed 1 clips in " in captured.err
    # the line is mended
    assert cli.main(command(line("one"), line("two"), more=["--dry-run"])) == 0
    assert "2 clips can be dubbed, 1 of them are done" in capsys.readouterr().out
    assert cli.main(command(line("one"), line("two"))) == 0
    told = capsys.readouterr().out
    assert re.search(r"dubbed 1 clips in \d+ s, kept 1 that were done; wrote them and dubs.jsonl to", told), told


def test_warnings_are_told_of_what_was_dubbed_now(command, clips, capsys, monkeypatch):
    content = bytearray((clips / "one.mp4").read_bytes())
    start = content.find(b"mdat") + len(content) // 3
    content[start : start + 3000] = bytes(3000)
    (clips / "damaged.mp4").write_bytes(content)
    assert cli.main(command(line("damaged"), more=["--quiet"])) == 0
    assert "flowdubber: warning: " in capsys.readouterr().err
    assert cli.main(command(line("damaged"), more=["--quiet"])) == 0
    assert capsys.readouterr().err == ""


def test_mistakes_in_the_listing(command, capsys, tmp_path):
    assert cli.main(command(line("one", sede=1), line("nowhere"), "{", more=["--json", "-"])) == 2
    captured = capsys.readouterr()
    lines = [text for text in captured.err.splitlines() if text.startswith("flowdubber: error: ")]
    assert len(lines) == 3
    assert "jobs.jsonl line 1, sede: there is no such field; did you mean seed?" in lines[0]
    assert "jobs.jsonl line 2, video: there is no file" in lines[1]
    assert "jobs.jsonl line 3: the line is not valid JSON" in lines[2]
    problems = json.loads(captured.out)["error"]["problems"]
    assert [(problem["line"], problem["field"]) for problem in problems] == [(1, "sede"), (2, "video"), (3, None)]
    assert not (tmp_path / "dubs").exists()


def test_options_serve_lines_without_them(command, clips, tmp_path, capsys):
    more = ["--reference", str(clips / "voice.wav"), "--script", "bin blue", "--seed", "4", "--quiet"]
    assert cli.main(command(line("one", reference=None, script=None), line("two", seed=5), more=more)) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    # Warnings alone: the untrained aligner of the tests hurries its words.
    assert all(line.startswith("flowdubber: warning: ") for line in captured.err.splitlines())
    rows = [json.loads(text) for text in (tmp_path / "dubs/dubs.jsonl").read_text().splitlines()]
    assert [row["settings"]["seed"] for row in rows] == [4, 5]
    assert [word["word"] for word in rows[0]["words"]] == ["bin", "blue"]


def test_stopping_says_that_nothing_is_lost(command, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("flowdubber_hf.batch.run.do_job", interrupt)
    assert cli.main(command(line("one"))) == 130
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--video", "a.mp4", "--output", "dubs"], "leave --video out"),
        ([], "--output missing"),
        (["--output", "dubs"], "jobs.jsonl cannot be read"),
    ],
)
def test_wrong_options(argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["dub", "--batch", "jobs.jsonl", *argv]) == 2
    assert words in capsys.readouterr().err

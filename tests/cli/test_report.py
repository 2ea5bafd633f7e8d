"""`--json`: what was done, or why not, for programs; standard output holds nothing else where it is asked for there."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import pytest

from flowdubber_hf import __version__, cli
from flowdubber_hf.cli.common import EXIT_FAILED, Result


pytestmark = pytest.mark.slow


@pytest.fixture
def work(monkeypatch):
    """Replaces what the subcommand `demo` does."""

    def replace(function):
        monkeypatch.setattr("flowdubber_hf.cli.demo._demo", function)

    return replace


def read(file):
    return json.loads(file.read_text(encoding="utf-8"))


def test_on_standard_output_alone(tmp_path, capsys):
    folder = tmp_path / "demo"
    assert cli.main(["demo", str(folder), "--json", "-"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert list(report)[:4] == ["flowdubber", "command", "exit_code", "error"]
    assert (report["flowdubber"], report["command"]) == (__version__, "demo")
    assert (report["exit_code"], report["error"]) == (0, None)
    assert report["video"] == str(folder / "demo.mp4")
    assert captured.err.startswith("wrote ")  # what is for people goes there


def test_bad_input_is_reported_too(tmp_path, capsys):
    folder = tmp_path / "demo"
    folder.write_text("a file")
    assert cli.main(["demo", str(folder), "--json", "-"]) == 2
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["command"], report["exit_code"], report["error"]["kind"]) == ("demo", 2, "bad_input")
    assert f"flowdubber: error: {report['error']['message']}" in captured.err


@pytest.mark.parametrize(
    "argv", [["demo", "--json", "-"], ["demo", "x", "--colour", "red", "--json=-"], ["sing", "--json", "-"]]
)
def test_a_command_line_that_cannot_be_understood(argv, capsys):
    assert cli.main(argv) == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["command"], report["exit_code"], report["error"]["kind"]) == (None, 2, "bad_input")


def test_failures_have_kinds_and_codes(tmp_path, capsys, work):
    def interrupted(arguments):
        raise KeyboardInterrupt("stopped; nothing is lost.")

    def broken(arguments):
        raise ZeroDivisionError("division by zero")

    def partial(arguments):
        return Result({"video": "a.mp4"}, EXIT_FAILED, "1 of 2 clips failed.")

    for function, code, kind in (
        (interrupted, 130, "interrupted"),
        (broken, 1, "unexpected"),
        (partial, 1, "partial"),
    ):
        work(function)
        assert cli.main(["demo", "x", "--json", str(tmp_path / "report.json")]) == code
        report = read(tmp_path / "report.json")
        assert (report["exit_code"], report["error"]["kind"]) == (code, kind)
    assert report["video"] == "a.mp4"
    error = capsys.readouterr().err
    assert "flowdubber: stopped; nothing is lost." in error
    assert "Traceback" in error  # of the failure that nobody foresaw
    assert "flowdubber: error: ZeroDivisionError: division by zero" in error


def test_files_of_others_are_kept(tmp_path, capsys, work):
    work(lambda arguments: Result())
    report, other = tmp_path / "report.json", tmp_path / "other.json"
    other.write_text('{"precious": 1}')
    assert cli.main(["demo", "x", "--json", str(report)]) == 0
    assert cli.main(["demo", "x", "--json", str(report)]) == 0  # one of its own may be replaced
    assert cli.main(["demo", "x", "--json", str(other)]) == 2
    assert "exists; give --overwrite" in capsys.readouterr().err
    assert cli.main(["demo", "--json", str(other)]) == 2
    assert read(other) == {"precious": 1}
    assert cli.main(["demo", "x", "--overwrite", "--json", str(other)]) == 0
    assert read(other)["command"] == "demo"
    assert cli.main(["demo", "x", "--json", str(tmp_path / "nowhere" / "report.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_only_the_first_process_reports(tmp_path, monkeypatch, work):
    work(lambda arguments: Result())
    monkeypatch.setenv("RANK", "1")
    assert cli.main(["demo", "x", "--json", str(tmp_path / "report.json")]) == 0
    assert not (tmp_path / "report.json").exists()

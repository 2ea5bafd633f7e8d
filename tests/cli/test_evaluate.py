"""`flowdubber evaluate` at the command line: what it prints, what it refuses before any work, and how soon."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import subprocess
import sys

import pytest

from flowdubber_hf import cli
from support.evaluation_corpus import CLIPS, late, write_corpus, write_outputs


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def outputs(tmp_path):
    return write_outputs(tmp_path / "theirs", {name: late(0) for name in CLIPS[:2]})


def command(corpus, output, *more):
    return ["evaluate", "--data", str(corpus), "--output", str(output), "--metrics", "length", *map(str, more)]


def test_scores_of_another_system(corpus, outputs, tmp_path, capsys):
    output, report = tmp_path / "out", tmp_path / "report.json"
    more = ["--outputs", outputs, "--name", "theirs", "--picture", "anna_one", "--json", report]
    assert cli.main(command(corpus, output, *more)) == 0
    captured = capsys.readouterr()
    assert "| theirs, setting 2 | 3 |" in captured.out
    assert captured.out.splitlines()[-1].startswith("scored 2 of 3 clips in ")
    assert "3/3" in captured.err
    assert "flowdubber: warning: no sound of ben_one: there is no file of this name" in captured.err
    summary = json.loads((output / "summary.json").read_text())
    assert summary["figures"]["length_ms"]["value"] == 0
    assert json.loads(report.read_text())["summary"] == summary
    names = {"clips.jsonl", "pairing.jsonl", "summary.json", "table.md", "figures.png", "anna_one.png", "work"}
    assert {path.name for path in output.iterdir()} == names
    assert cli.main(["evaluate", "--compare", str(output), str(output)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("| theirs, setting 2 |") == 2
    assert (
        "**theirs, setting 2** against the baseline theirs, setting 2: 3 clips in common; changed: nothing.\n"
        in printed
    )
    assert "they have no figure of single clips in common" in printed  # of lengths the largest is shown
    assert cli.main(["evaluate", "--compare", str(output), str(output), "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["compared"] == [str(output), str(output)]
    assert [(pair["folder"], pair["clips"]) for pair in report["pairs"]] == [(str(output), 3)]


def test_quiet(corpus, outputs, tmp_path, capsys):
    assert cli.main(command(corpus, tmp_path / "out", "--outputs", outputs, "--quiet")) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "flowdubber: warning: no sound of ben_one: there is no file of this name\n"


def test_default_metrics_that_cannot_be_had_are_named_once(corpus, outputs, tmp_path, capsys, monkeypatch):
    from flowdubber_hf.evaluation import scorers

    registry = scorers.registry

    def few():
        return {name: scorer for name, scorer in registry().items() if name in ("length", "wer", "utmos")}

    monkeypatch.setattr(scorers, "registry", few)
    arguments = ["evaluate", "--data", str(corpus), "--output", str(tmp_path / "out"), "--outputs", str(outputs)]
    assert cli.main(arguments) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "left out" in line]
    assert len(lines) == 1
    assert "wer: needs openai/whisper-base from the Hub; utmos: needs" in lines[0]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--setting", "4"], "--setting"),
        (["--split", "night"], "no clips of the split 'night'"),
        (["--sound", "echo"], "--sound"),
        (["--without", "hands"], "--without"),
        (["--metrics", "loudness"], "unknown 'loudness'"),
        (["--best-of", "0"], "--best-of"),
        (["--limit", "0"], "--limit"),
        (["--num-proc", "0"], "--num-proc"),
        (["--picture", "nobody"], "no clip 'nobody'"),
        (["--outputs", "nowhere"], "no folder nowhere"),
        (["--outputs", ".", "--model", "x"], "--model has nothing to do with"),
        (["--model", "./nowhere"], "there is no folder './nowhere'"),
        (["--pairing", "nowhere.jsonl"], "nowhere.jsonl cannot be read: there is no such file"),
        (["--setting", "3", "--voices", "nowhere"], "no folder nowhere"),
        (["--voices", "nowhere"], "--setting 3"),
        (["--device", "abacus"], "--device abacus"),
        (["--sway", "3"], "sway"),
        (["--sound", "truth", "--speed"], "--speed"),
        (["--compare", "nowhere"], "--compare"),
    ],
)
def test_bad_arguments_end_before_any_work(corpus, tmp_path, capsys, monkeypatch, more, words):
    monkeypatch.chdir(tmp_path)
    assert cli.main(command(corpus, "out", *more)) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("flowdubber: error: ")
    assert words in line
    assert not (tmp_path / "out").exists()


def test_a_metric_whose_weights_are_not_there_stops_before_any_dub(corpus, tmp_path, capsys):
    assert cli.main([*command(corpus, tmp_path / "out"), f"wer={tmp_path}"]) == 2
    assert "leave wer out of --metrics" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [[], ["--data", "x"], ["--output", "x"]], ids=" ".join)
def test_folders_are_needed(more, capsys):
    assert cli.main(["evaluate", *more]) == 2
    assert "give --data, the corpus, and --output" in capsys.readouterr().err


def test_stopping_says_that_nothing_is_lost(corpus, outputs, tmp_path, capsys, monkeypatch):
    from flowdubber_hf.evaluation import run

    def interrupt(job, clip):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "work_on", interrupt)
    assert cli.main(command(corpus, tmp_path / "out", "--outputs", outputs)) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_help_imports_nothing_heavy():
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flowdubber_hf", "evaluate", "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "--best-of" in result.stdout
    assert not any(name in result.stderr for name in ("torch", "numpy", "matplotlib", "transformers"))

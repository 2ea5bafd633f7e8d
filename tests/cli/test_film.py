"""The command that dubs a film."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import pytest

from flowdubber_hf.cli import main
from support.films import film_folder


pytestmark = pytest.mark.slow


folder = pytest.fixture(scope="module")(film_folder)


@pytest.fixture
def arguments(folder: Path):
    def given(*more: str, output: str = "dubbed.mkv") -> list[str]:
        files = ["--cues", folder / "film.srt", "--voices", folder / "voices.toml", "--output", folder / output]
        return ["film", str(folder / "film.mp4"), *map(str, files), *map(str, more)]

    return given


def refuse(*_, **__):
    pytest.fail("the plan was begun")


def test_a_dry_run_checks_and_writes_nothing(arguments, folder, capsys, monkeypatch):
    monkeypatch.setattr("flowdubber_hf.film.run.load_pipeline", None)
    assert main(arguments("--dry-run", output="dry.mkv")) == 0
    assert "4 of 5 cues are to be dubbed; nothing was loaded or written." in capsys.readouterr().out
    assert not (folder / "dry.mkv.film").exists()


@pytest.mark.parametrize("more", [["--dry-run"], []])
def test_a_file_of_somebody_else_is_seen_before_a_face_is(arguments, folder, capsys, monkeypatch, more):
    (folder / "mine.mkv").write_text("precious")
    monkeypatch.setattr("flowdubber_hf.film.plan.plan_film", refuse)
    assert main(arguments(*more, output="mine.mkv")) == 2
    assert "mine.mkv exists" in capsys.readouterr().err
    assert (folder / "mine.mkv").read_text() == "precious"


def test_all_mistakes_are_told_at_once(arguments, folder, tmp_path, capsys):
    sheet = (folder / "film.srt").read_text().replace("ANNA:", "CARL:").replace("00:00:05,500", "00:00:03,000")
    (tmp_path / "bad.srt").write_text(sheet)
    assert main([*arguments(), "--cues", str(tmp_path / "bad.srt"), "--dry-run"]) == 2
    told = capsys.readouterr().err
    assert 'no voice "carl"' in told and "cue 2" in told and told.count("flowdubber: error") >= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--report", "a.pdf"], "must end in .html"),
        (["--accept", "12"], "CUE=SEED"),
        (["--export", "premiere", "folder"], "subtitleedit"),
        (["--cue-rate", "fast"], "rate"),
        (["--background", "duck=9"], "background"),
        (["--language", "english"], "three small letters"),
    ],
)
def test_wrong_options_are_told(arguments, options, message, capsys, monkeypatch):
    monkeypatch.setattr("flowdubber_hf.film.run.load_pipeline", None)
    assert main(arguments(*options, "--quiet", output="wrong.mkv")) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_a_film_is_dubbed_told_of_and_done_again(arguments, folder, capsys):
    report, page = folder / "said.json", folder / "page.html"
    options = [
        "--steps",
        "1",
        "--device",
        "cpu",
        "--json",
        report,
        "--report",
        page,
        "--stems",
        "--subtitles",
        folder / "a.vtt",
    ]
    assert main(arguments(*options)) == 0
    shown = capsys.readouterr()
    assert "4 of 4 cues have a take, 4 made now" in shown.out and "wrote" in shown.out
    done = json.loads(report.read_text())
    assert done["version"] and len(done["cues"]) == 4 and Path(done["output"]).is_file()
    assert page.is_file() and (folder / "a.vtt").read_text().startswith("WEBVTT")
    before = {row["id"]: Path(row["take"]).read_bytes() for row in done["cues"]}
    again = ["--steps", "1", "--device", "cpu", "--json", report, "--redo", "3", "--quiet"]
    assert main([*arguments(*again), "--overwrite"]) == 0
    rows = json.loads(report.read_text())["cues"]
    assert [row["made"] for row in rows] == [False, False, True, False] and rows[2]["seed"] == 1
    assert all(Path(row["take"]).read_bytes() == before[row["id"]] for row in rows if not row["made"])


@pytest.mark.slow
def test_a_plan_alone(arguments, folder, capsys, monkeypatch):
    monkeypatch.setattr("flowdubber_hf.film.run.load_pipeline", None)
    assert main(arguments("--stop-after", "plan", "--json", folder / "plan.json", output="planned.mkv")) == 0
    assert "3 by lips, 0 by activity, 1 by cue; 0 unsure who speaks" in capsys.readouterr().out
    assert (folder / "planned.mkv.film" / "plan.json").is_file()

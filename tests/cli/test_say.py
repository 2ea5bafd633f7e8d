"""`flowdubber say`, and the lexicon that other commands share with it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io
import json
import subprocess
import sys

import pytest

from flowdubber_hf.batch.listing import read_jobs
from flowdubber_hf.cli import main
from flowdubber_hf.dubbing.jobs import DubJob, check_content, check_files_and_text, script_warnings
from flowdubber_hf.dubbing.loading import ModelFacts
from flowdubber_hf.processing.text import phonemize
from support.batch_listings import line, write_listing


pytestmark = pytest.mark.slow


def test_words_and_phonemes_are_shown(capsys):
    assert main(["say", "2½ km"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "two and a half kilometers"
    assert shown[1].split() == ["two", "T", "UW1"]
    assert shown[-1].split() == ["kilometers", "K", "AH0", "L", "AA1", "M", "AH0", "T", "ER0", "Z"]


def test_warnings_go_to_standard_error(capsys):
    assert main(["say", "[music] Blorptag sings", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert not shown.out
    assert 'warning: not said of the script: "[music]"' in shown.err
    assert '"blorptag" is guessed' in shown.err


def test_a_report_says_all_of_it(capsys, tmp_path):
    lexicon = tmp_path / "names.txt"
    lexicon.write_text("zed Z OW1\n")
    assert main(["say", "(laughs) blorptag zed z", "--accent", "gb", "--lexicon", str(lexicon), "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["text"] == "blorptag zed z"
    assert report["guessed"] == ["blorptag"] and report["dropped"] == ["(laughs)"] and len(report["warnings"]) == 2
    assert [word["guessed"] for word in report["words"]] == [True, False, False]
    assert [word["phonemes"] for word in report["words"][1:]] == [["Z", "OW1"], ["Z", "EH1", "D"]]


def test_the_script_may_come_from_standard_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("10 km\n"))
    assert main(["say", "-"]) == 0
    assert capsys.readouterr().out.startswith("ten kilometers\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["say", ""], "no words to say"),
        (["say", "[name|N EY9 M]"], "'EY9' is no phoneme"),
        (["say", "hi", "--lexicon", "missing.txt"], "there is no lexicon missing.txt"),
        (["say", "hi", "--accent", "au"], "--accent"),
        (["say"], "TEXT"),
    ],
)
def test_mistakes_are_told(arguments, message, capsys):
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_nothing_heavy_is_imported():
    code = (
        "import sys; from flowdubber_hf.cli import main; main(['say', '2 km', '--quiet']); "
        "print([m for m in ('torch', 'numpy', 'transformers', 'diffusers', 'av', 'gruut') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_line_of_a_batch_has_a_lexicon(tmp_path):
    (tmp_path / "names.txt").write_text("name N EY9 M\n")
    (item,) = read_jobs(write_listing(tmp_path, line("one", lexicon="names.txt", script="name")), tmp_path, {})
    assert item.job.lexicon == tmp_path / "names.txt"
    assert next(problem.field for problem in check_content(item.job, ModelFacts())) == "lexicon"
    (tmp_path / "names.txt").write_text("blorptag B AO1\n")
    assert "lexicon" not in [problem.field for problem in check_content(item.job, ModelFacts())]


def test_a_missing_lexicon_is_seen_at_once(tmp_path):
    job = DubJob(tmp_path, "hi", tmp_path, tmp_path / "a.mp4", lexicon=tmp_path / "missing.txt")
    assert "lexicon" in [problem.field for problem in check_files_and_text(job)]


def test_warnings_of_a_script_are_those_of_its_phonemes(tmp_path):
    job = DubJob(tmp_path, "[music] blorptag", tmp_path, tmp_path / "a.mp4")
    assert script_warnings(job, ModelFacts()) == phonemize(job.script).warnings
    assert len(script_warnings(job, ModelFacts())) == 2

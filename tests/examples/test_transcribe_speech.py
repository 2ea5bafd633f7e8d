"""Texts for recordings that have none: what two recognisers agree on is kept, and nothing is heard twice."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.processing.video import write_wav
from support.training_runs import load_script


pytestmark = pytest.mark.slow


pytest.importorskip("jiwer")
script = load_script(Path(__file__).parents[2], "transcribe_speech")
LINES = (
    {"file_name": "a/one.wav", "speaker": "a", "text": None, "source": "first"},
    {"audio": "a/two.wav", "speaker": "a", "source": "first"},
    {"file_name": "known.wav", "speaker": "b", "text": "it is known"},
    {"file_name": "b/three.wav", "speaker": "b", "source": "second", "split": "val"},
    {"file_name": "broken.wav", "speaker": "c", "source": "second"},
)
# By the length of the sound: what Whisper writes and what PocketSphinx hears.
HEARD = {
    8000: ("Put it there, Mr. Hale.", "put it there mister hail"),
    9000: ("I like their boat.", "eighty seven of them sang"),
    10000: ("It's 20 past two.", "it's twenty passed too"),
}


@pytest.fixture
def data(tmp_path):
    """A folder of recordings and its listing."""
    folder = tmp_path / "data"
    for name, samples in (("a/one.wav", 8000), ("a/two.wav", 9000), ("b/three.wav", 10000), ("known.wav", 11000)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(folder / name, np.zeros(samples, np.float32) + 0.01)
    (folder / "broken.wav").write_bytes(b"no sound")
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return folder


@pytest.fixture
def heard(monkeypatch):
    """The sounds, by their lengths, that both recognisers were asked for."""
    asked = []

    def listener(which):
        return lambda sound: asked.append(len(sound)) or HEARD[len(sound)][which]

    monkeypatch.setattr("flowdubber_hf.metrics.neural.load_whisper", lambda name: listener(0))
    monkeypatch.setattr(script, "pocketsphinx", lambda: type("Listener", (), {"hears": staticmethod(listener(1))}))
    return asked


def run(data, *more):
    output = data.parent / "out"
    script.main(["--data", str(data), "--whisper", "folder", "--output", str(output), *more])
    return output, [json.loads(line) for line in (output / "metadata.jsonl").read_text().splitlines()]


def test_what_both_heard_is_kept(data, heard, capsys):
    output, rows = run(data)
    assert rows == [
        {**LINES[0], "file_name": "transcribed/a/one.wav", "text": "Put it there, Mr. Hale."},
        {**LINES[3], "file_name": "transcribed/b/three.wav", "text": "It's 20 past two."},
    ]
    assert (output / "transcribed/a/one.wav").read_bytes() == (data / "a/one.wav").read_bytes()
    assert not (output / "transcribed/a/two.wav").exists()
    told = capsys.readouterr().out
    assert "kept 2 of 4 recordings" in told and "2 of 3 speakers" in told
    assert "left out 1: the recognisers disagree" in told and "left out 1: the recording cannot be read" in told


def test_nothing_is_heard_twice_and_the_bar_can_move(data, heard):
    run(data, "--limit", "2")
    assert heard == [8000, 8000, 9000, 9000]
    _, rows = run(data, "--min_agreement", "0")
    assert heard == [8000, 8000, 9000, 9000, 10000, 10000]
    assert [row["file_name"] for row in rows] == [
        f"transcribed/{name}" for name in ("a/one.wav", "a/two.wav", "b/three.wav")
    ]
    run(data, "--whisper", "another", "--limit", "1")
    assert heard[6:] == [8000, 8000]


def test_sources(data, heard):
    _, rows = run(data, "--sources", "second")
    assert [row["file_name"] for row in rows] == ["transcribed/b/three.wav"]
    with pytest.raises(ValueError, match="no line without text of these sources"):
        run(data, "--sources", "third")


def test_agreement_is_of_sounds():
    assert script.agreement("Their boat sails.", "there boat sales") == 1.0
    assert script.agreement("It's 20 past.", "it's twenty past") == 1.0
    assert script.agreement("a boat", "a coat") == pytest.approx(3 / 4)
    assert script.agreement("a boat", "") == script.agreement("", "a boat") == 0.0
    assert script.agreement("no", "nobody ever said such a thing") == 0.0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"file_name": "../secret.wav"}', "lies outside of the folder"),
        ('{"speaker": "a"}', "names no recording"),
        ("no json", "line 1"),
        ('{"file_name": "a.wav", "text": "said"}', "no line without text"),
    ],
)
def test_listings_that_cannot_be_used(tmp_path, line, message):
    (tmp_path / "metadata.jsonl").write_text(line + "\n")
    with pytest.raises(ValueError, match=message):
        script.rows_without_text(tmp_path)


def test_numbers_and_folders_that_make_no_sense(data, heard):
    with pytest.raises(ValueError, match="between 0 and 1"):
        run(data, "--min_agreement", "2")
    with pytest.raises(ValueError, match="another folder"):
        script.main(["--data", str(data), "--whisper", "folder", "--output", str(data)])

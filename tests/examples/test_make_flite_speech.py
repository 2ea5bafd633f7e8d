# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Speech from flite: sentences that repeat for a seed, nothing excluded, files and listing that agree."""

import json
import os
import shutil
from pathlib import Path

import pytest

from flowdubber_hf.processing.text import phonemize
from flowdubber_hf.processing.video import probe_video
from support.training_runs import load_script


pytestmark = pytest.mark.slow


SCRIPT = Path(__file__).parents[2] / "examples" / "make_flite_speech.py"
FREE_TEXT = SCRIPT.with_name("free_text_sentences.txt")
make_flite_speech = load_script(SCRIPT.parents[1], SCRIPT.stem)


def test_sentences_repeat_for_a_seed_and_are_english():
    first, again, other = (make_flite_speech.sentences(40, seed, set()) for seed in (0, 0, 1))
    assert first == again and first != other and len(set(first)) == 40
    for sentence in first[:10]:
        assert len(phonemize(sentence).words) >= 3


def test_excluded_sentences_are_never_made():
    (gone,) = make_flite_speech.sentences(1, 0, set())
    kept = make_flite_speech.sentences(30, 0, {make_flite_speech.normalised(gone)})
    assert gone not in kept


def test_the_test_sentences_are_not_among_them():
    tested = set(map(make_flite_speech.normalised, FREE_TEXT.read_text(encoding="utf-8").splitlines()))
    made = set(map(make_flite_speech.normalised, make_flite_speech.sentences(5000, 0, set())))
    assert not tested & made


def test_every_phoneme_of_english_is_said():
    said = {
        phoneme.rstrip("012")
        for sentence in make_flite_speech.sentences(400, 0, set())
        for phoneme in phonemize(sentence).phonemes
    }
    assert len(said - {"sil", "sp"}) == 39


def test_a_missing_program_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="apt install flite"):
        make_flite_speech.main(["--output", str(tmp_path / "out")])


def test_recordings_and_listing_agree(tmp_path, monkeypatch):
    program = tmp_path / "bin" / "flite"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf sound > "$6"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    out = tmp_path / "out"
    command = ["--output", str(out), "--num_sentences", "7", "--num_heads", "0"]
    make_flite_speech.main(command)
    rows = [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]
    assert len(rows) == 7 and {row["speaker"] for row in rows} == {"flite-slt", "flite-rms", "flite-awb"}
    assert all((out / row["file_name"]).read_text() == "sound" for row in rows)
    (out / rows[0]["file_name"]).write_text("kept")
    make_flite_speech.main(command)
    assert (out / rows[0]["file_name"]).read_text() == "kept"


@pytest.mark.skipif(shutil.which("flite") is None, reason="the program flite is not installed")
def test_a_head_says_it(tmp_path):
    pytest.importorskip("pocketsphinx")
    make_flite_speech.main(["--output", str(tmp_path), "--num_sentences", "1", "--num_heads", "1"])
    (row,) = [json.loads(line) for line in (tmp_path / "metadata.jsonl").read_text().splitlines()]
    info = probe_video(tmp_path / row["file_name"])
    assert row["file_name"].endswith(".mp4") and info.num_samples > 16000

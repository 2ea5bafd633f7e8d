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
"""The command that prints the figures: its rules on small cases, and the whole of it with a tiny model on a real clip."""

import importlib.util
import json
import sys

import numpy as np
import pytest

from components import tiny_pipeline


@pytest.fixture(scope="module")
def script(repository):
    """examples/evaluate_figures.py as a module."""
    spec = importlib.util.spec_from_file_location("evaluate_figures", repository / "examples" / "evaluate_figures.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def corpus(tmp_path):
    """A listing of three clips of one speaker and one of another, out of order, with one of another split."""
    names = [
        ("s1/b", "s1", "dev"),
        ("s2/x", "s2", "dev"),
        ("s1/a", "s1", "dev"),
        ("s1/d", "s1", "train"),
        ("s1/c", "s1", "dev"),
    ]
    rows = [
        {"file_name": f"{name}.mp4", "speaker": speaker, "text": "bin", "words": [["bin", 0.1, 0.2]], "split": split}
        for name, speaker, split in names
    ]
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_reference_is_the_next_clip_of_the_speaker(script, corpus):
    clips = script.read_clips(corpus, "dev", None)
    references = {clip.name: (clip.reference.stem, clip.own_reference) for clip in clips}
    assert references == {"s1_a": ("b", False), "s1_b": ("c", False), "s1_c": ("a", False), "s2_x": ("x", True)}


def test_a_limit_does_not_change_the_references(script, corpus):
    first = script.read_clips(corpus, "dev", 1)
    assert first == script.read_clips(corpus, "dev", None)[:1]


def test_a_missing_corpus_is_said(script, tmp_path):
    with pytest.raises(SystemExit, match="metadata"):
        script.read_clips(tmp_path, "dev", None)


def figure(**changes):
    base = {
        "script": "bin blue at f two now",
        "heard": "bin blue at f two now",
        "word_starts_ms": 20.0,
        "word_starts_steady_ms": 10.0,
        "word_starts_corpus_ms": 30.0,
        "word_starts": [0.1],
        "ge2e": 0.8,
        "ge2e_trimmed": 0.7,
        "dnsmos": 3.0,
        "length_difference": 0,
        "own_reference": False,
    }
    return base | changes


def test_summary_counts_own_references_and_failed_alignments_apart(script):
    pytest.importorskip("jiwer")
    unaligned = {
        "word_starts_ms": None,
        "word_starts_steady_ms": None,
        "word_starts_corpus_ms": None,
        "word_starts": None,
    }
    rows = [
        figure(),
        figure(ge2e=1.0, own_reference=True),
        figure(heard="bin red at f two", length_difference=-3, **unaligned),
    ]
    row = script.summarize(rows)
    assert row["clips"] == 3
    assert row["words_wrong"] == pytest.approx(2 / 18)
    assert row["word_starts_ms"] == pytest.approx(20.0)
    assert row["not_aligned"] == 1
    assert row["ge2e"] == pytest.approx(0.8)
    assert row["ge2e_own"] == pytest.approx(1.0)
    assert row["length_difference"] == -3


def test_report_stands_between_its_marks(script, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures -->\nold\n<!-- end figures -->\nafter\n")
    script.insert(page, "figures", "new\n")
    assert page.read_text() == "before\n<!-- figures -->\nnew\n<!-- end figures -->\nafter\n"
    with pytest.raises(SystemExit, match="no section"):
        script.insert(page, "others", "new\n")


def test_hash_tells_tensors_and_files_apart(script, tmp_path):
    import torch

    file = tmp_path / "a"
    file.write_text("a")
    hashes = {
        script.file_hash([file]),
        script.file_hash([file], [torch.zeros(2)]),
        script.file_hash([file], [torch.ones(2)]),
    }
    assert len(hashes) == 3


def test_sound_survives_its_file(script, tmp_path):
    from flowdubber_hf.processing.audio import load_audio

    sound = np.sin(np.arange(1600) / 10).astype(np.float32) / 2
    script.save_sound(tmp_path / "a.wav", sound)
    assert np.abs(load_audio(tmp_path / "a.wav") - sound).max() < 1e-4
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_the_repository_has_the_sections_that_the_figures_go_to(repository):
    for page, section in (
        ("README.md", "figures"),
        ("hub_cards/model/README.md", "figures"),
        ("docs/benchmarks.md", "figures dev"),
        ("docs/benchmarks.md", "figures zero_shot"),
    ):
        text = (repository / page).read_text(encoding="utf-8")
        assert f"<!-- {section} -->\n" in text
        assert f"<!-- end {section} -->" in text


def test_whole_command_with_a_tiny_model(script, shared_data, tmp_path, capsys):
    for package in ("pocketsphinx", "jiwer", "resemblyzer", "onnxruntime", "speechmos"):
        pytest.importorskip(package)
    model = tmp_path / "model"
    tiny_pipeline().save_pretrained(model)
    output = tmp_path / "out"
    options = ["--data", str(shared_data), "--model", str(model), "--limit", "1", "--output", str(output)]
    stages = ["--stages", "truth", "true_times", "dub", "delay"]
    script.main([*options, *stages])
    printed = capsys.readouterr().out
    assert "| words wrong" in printed
    results = json.loads((output / "figures-dev.json").read_text())
    assert results["sounds"]["truth"]["word_starts_ms"] == 0.0
    assert results["sounds"]["dub"]["length_difference"] == 0
    assert len(results["delay"]["clips"]) == 1
    kept = {path: path.stat().st_mtime_ns for path in output.rglob("*.wav")}
    assert len(kept) == 5  # truth, true_times, dub, and the two of the delay
    script.main([*options, *stages])
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.wav")} == kept

"""Free text: the sentences themselves, the rules on small cases, and the whole command with a pipeline that is none."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from flowdubber_hf.metrics import functional
from flowdubber_hf.processing.video import write_wav
from support.training_runs import load_script


pytestmark = pytest.mark.slow


GRID_WORDS = {
    *(
        [
            "bin",
            "lay",
            "place",
            "set",
            "blue",
            "green",
            "red",
            "white",
            "at",
            "by",
            "in",
            "with",
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
        ]
    ),
    *(["again", "now", "please", "soon"]),
}


@pytest.fixture(scope="module")
def script(repository):
    """examples/evaluate_free_text.py as a module."""
    return load_script(repository, "evaluate_free_text")


def test_sentences_are_everyday_english_with_every_phoneme(script):
    pytest.importorskip("pocketsphinx")
    sentences = script.read_sentences()
    assert len(set(sentences)) == len(sentences) == 30
    for sentence in sentences:
        words = functional.normalize_words(sentence)
        assert 7 <= len(words) <= 12
        assert not set(words) <= GRID_WORDS
    phonemes = {phoneme for sentence in sentences for phoneme in script.to_phonemes(sentence)}
    assert len(phonemes) == 39


def test_limit_and_empty_file(script, tmp_path):
    assert len(script.read_sentences(limit=2)) == 2
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(ValueError, match="no sentence"):
        script.read_sentences(tmp_path / "empty.txt")


def test_voices(script, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"")
    assert script.find_voices(["me=a.wav"], tmp_path) == {"me": tmp_path / "a.wav"}
    with pytest.raises(ValueError, match="NAME=FILE"):
        script.find_voices(["a.wav"], tmp_path)
    with pytest.raises(ValueError, match="'me' has no recording"):
        script.find_voices(["me=b.wav"], tmp_path)
    with pytest.raises(ValueError, match="--data"):
        script.find_voices(None, None)


def test_default_voices_are_in_the_shared_data(script, shared_data):
    assert list(script.find_voices(None, shared_data)) == ["grid_s1", "female", "male", "unseen"]


def test_unseen_voice_is_held_out_of_training(script, shared_data):
    from flowdubber_hf.data.corpora import read_corpus

    grid = read_corpus(shared_data / "grid").recordings
    speech = read_corpus(shared_data / "speech", val_by="speaker", val_share=0.02).recordings
    splits = {
        f"{name}/{clip.file_name}": clip.split for name, part in (("grid", grid), ("speech", speech)) for clip in part
    }
    assert {name: splits[file] for name, file in script.VOICES.items()} == {
        "grid_s1": "dev",
        "female": "train",
        "male": "train",
        "unseen": "val",
    }


def test_phoneme_errors(script):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("jiwer")
    # G UH D B UH K | G UH D L UH K | K AE T -> G UH D
    rows = script.phoneme_errors(["good book", "good cat"], ["good look", "good"])
    assert rows["G"] == {"occurrences": 2, "errors": 0, "instead": {}}
    assert rows["B"] == {"occurrences": 1, "errors": 1, "instead": {"L": 1}}
    assert rows["K"] == {"occurrences": 2, "errors": 1, "instead": {"-": 1}}
    assert rows["AE"]["instead"] == {"-": 1}
    both = load_script(Path(script.__file__).parents[1], "free_text_report").add_phonemes(
        [{"phonemes": rows}, {"phonemes": rows}]
    )
    assert both["K"] == {"occurrences": 4, "errors": 2, "instead": {"-": 2}}
    assert next(iter(both)) in ("B", "AE", "T")  # all of these fail always


def test_nothing_heard_is_all_wrong(script):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("jiwer")
    row = script.summarize(["the cat"], [""])
    assert row["words_wrong"] == row["phonemes_lost"] == 1.0


class FakeAligner:
    config = SimpleNamespace(phoneme_accent="gb")

    def __init__(self):
        self.paths = []

    def encode(self, path=None):
        self.paths.append(path)


class FakePipeline:
    """Says a tone for every clip and remembers what it was asked."""

    def __init__(self):
        part = torch.nn.Linear(1, 1)
        part.config = {}
        self.components = {"part": part}
        self.aligner, self.calls = FakeAligner(), []

    def __call__(self, script, video, reference_audio, generator):
        self.calls.append((script, reference_audio, generator.initial_seed()))
        self.aligner.encode()
        return SimpleNamespace(audios=[0.1 * np.sin(np.arange(8000) / 5).astype(np.float32)])


@pytest.fixture
def fake(script, monkeypatch):
    pipe = FakePipeline()
    monkeypatch.setattr(script, "load_pipeline", lambda model: pipe)
    monkeypatch.setattr(functional, "recognize_words", lambda sound, grammar=None: ["the", "cap"])
    monkeypatch.setattr(script.demo, "make_talking_head", lambda sentence, path: path.write_bytes(b"clip"))
    monkeypatch.setattr(script.shutil, "which", lambda program: None)
    return pipe


@pytest.fixture
def arguments(tmp_path):
    (tmp_path / "sentences.txt").write_text("The cat.\n")
    write_wav(tmp_path / "voice.wav", np.full(16000, 0.1, np.float32))
    options = {
        "voices": f"me={tmp_path / 'voice.wav'}",
        "sentences": tmp_path / "sentences.txt",
        "output": tmp_path / "out",
    }
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def test_whole_command(script, fake, arguments, tmp_path, capsys, monkeypatch):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("jiwer")
    monkeypatch.setattr(script, "write_cards", lambda root: None)
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "benchmarks.md"
    page.write_text("a\n<!-- figures free_text -->\nold\n<!-- end figures free_text -->\nb\n")
    script.main([*arguments, "--seed", "3", "--docs", str(tmp_path)])
    assert "| me | 50.0 % | 20.0 % |" in capsys.readouterr().out
    results = json.loads((tmp_path / "out" / "free_text.json").read_text())
    assert results["voices"]["me"]["heard"] == {"The cat.": "the cap"}
    assert results["voices"]["me"]["phonemes"]["T"] == {"occurrences": 1, "errors": 1, "instead": {"P": 1}}
    assert fake.calls == [("The cat.", str(tmp_path / "voice.wav"), 3)]
    assert "old" not in page.read_text()
    assert page.read_text().startswith("a\n<!-- figures free_text -->\n`flowdubber-grid-tiny`")
    kept = json.loads((tmp_path / "hub_cards" / "figures.json").read_text())["free_text"]
    assert (kept["voices"], kept["sentences"], kept["seed"]) == ({"me": 50.0}, 1, 3)
    # What is there is kept; another seed is another dub.
    script.main([*arguments, "--seed", "3"])
    assert len(fake.calls) == 1
    script.main([*arguments, "--seed", "4"])
    assert [call[2] for call in fake.calls] == [3, 4]


def test_several_sentences_in_a_clip(script):
    sentences = script.read_sentences()
    groups = script.group_sentences(sentences, 5)
    assert len(groups) == 6 and [one for group in groups.values() for one in group] == sentences
    for text, group in groups.items():
        timeline = script.joined_timeline(group)
        assert 20 <= timeline[-1]["end"] <= 30
        assert all(first["end"] == second["start"] for first, second in itertools.pairwise(timeline))
        spoken = [part["phoneme"] for sentence in group for part in script.demo.speech_timeline(sentence)[1:-1]]
        assert [part["phoneme"] for part in timeline if part["word"]] == spoken
        seams = [part["end"] - part["start"] for part in timeline[1:-1] if part["word"] is None]
        assert len(seams) == 4 and min(seams) >= 1.79 and max(seams) <= 3.01
        assert text == " ".join(group)
    assert script.joined_timeline(sentences[:1]) == script.demo.speech_timeline(sentences[0])
    with pytest.raises(ValueError, match="sentences_per_clip must be at least 1"):
        script.group_sentences(sentences, 0)


def test_options_of_the_dub_are_given_on_and_kept_out_of_the_docs(script, arguments, tmp_path):
    args = script.parse_arguments([*arguments, "--timing", "cue", "--without", "semantics"])
    assert script.call_settings(args) == {"timing": "cue", "without": ("semantics",)}
    assert script.call_settings(script.parse_arguments(arguments)) == {}
    with pytest.raises(ValueError, match="--docs writes the figures of the defaults"):
        script.main([*arguments, "--timing", "cue", "--docs", str(tmp_path)])


def test_drawn_times_replace_those_of_the_lips(script, fake):
    from flowdubber_hf import demo

    with script.drawn_times(fake, "The cat."):
        fake.aligner.encode()
    path = fake.aligner.paths[0]
    timeline = demo.speech_timeline("The cat.")
    assert path.shape == (1, len(timeline) + 1, round(timeline[-1]["end"] * 100))  # one optional pause
    assert path.sum(1).min() == path.sum(1).max() == 1
    assert path[0, 3].sum() == 0
    starts = [int(row.argmax()) for row in path[0] if row.any()]
    assert starts == pytest.approx([100 * part["start"] for part in timeline], abs=0.6)
    fake.aligner.encode()
    assert fake.aligner.paths[1] is None


def test_flite_and_diagnosis(script, fake, arguments, monkeypatch, tmp_path):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("jiwer")
    monkeypatch.setattr(script.shutil, "which", lambda program: f"/bin/{program}")
    tone = 0.1 * np.sin(np.arange(8000) / 5).astype(np.float32)
    monkeypatch.setattr(script, "speak_with_flite", lambda sentence, voice, path: write_wav(path, tone))
    monkeypatch.setattr(script, "vocode", lambda pipe, sound: sound)
    script.main([*arguments, "--diagnose"])
    results = json.loads((tmp_path / "out" / "free_text.json").read_text())
    assert list(results["others"]) == [
        "me, drawn times",
        *(
            title
            for voice in script.FLITE_VOICES
            for title in (f"flite {voice}", f"flite {voice} through the vocoder")
        ),
    ]


def test_whisper_hears_the_same_sounds_too(script, fake, arguments, monkeypatch, tmp_path):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("jiwer")
    folder = tmp_path / "tiny_whisper"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"weights")
    heard = []

    def load(name):
        assert name == str(folder)
        return lambda sound: heard.append(len(sound)) or "It is 20, Mr. Hale."

    monkeypatch.setattr("flowdubber_hf.metrics.neural.load_whisper", load)
    script.main([*arguments, "--whisper", str(folder)])
    results = json.loads((tmp_path / "out" / "free_text.json").read_text())
    assert results["whisper"] == "tiny_whisper"
    wrong = functional.word_error_rate(results["sentences"], len(heard) * ["it is twenty mister hale"])
    assert results["voices"]["me"]["words_wrong_whisper"] == pytest.approx(wrong)
    assert f"% | {100 * wrong:.1f} % |" in (tmp_path / "out" / "free_text.md").read_text()
    script.main([*arguments, "--whisper", str(folder)])
    assert len(heard) == len(results["sentences"])  # kept


def test_the_page_has_the_section_that_the_figures_go_to(repository):
    text = (repository / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "<!-- figures free_text -->\n" in text
    assert "<!-- end figures free_text -->" in text


def test_what_whisper_writes_is_written_out(script):
    written_out = load_script(Path(script.__file__).parents[1], "listeners").written_out
    assert written_out("It's 20 past two, Mr. Hale.") == "It's twenty past two mister Hale"
    assert written_out("") == ""
    # Another alphabet stands for a sound that it did not know: wrong words, not an end of the measurement.
    assert written_out("\uc5b4\ucc28 hello") == "\uc5b4\ucc28 hello"
    assert functional.word_errors("hello there", written_out("\uc5b4\ucc28 hello")).errors == 2

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
"""Speech tokenizer training: labels and losses by hand, batches, token files, and the script from start to tokens."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from flowdubber_hf.data.features import AlignedPhonemes, Clip, FeatureStore, save_array, save_text, write_manifest
from flowdubber_hf.models.speech_tokenizer import (
    SPEECH_TOKENIZER_PRESETS,
    FlowDubberSpeechTokenizer,
    FlowDubberSpeechTokenizerConfig,
)
from flowdubber_hf.training.speech_tokenizer_data import (
    IGNORED,
    PHONEME_CLASSES,
    SegmentSettings,
    SpeechTokenizerBatches,
    frame_labels,
    plain_phoneme,
)
from flowdubber_hf.training.speech_tokenizer_losses import (
    SpeechTokenizerLossWeights,
    SpeechTokenizerObjective,
    phoneme_loss,
    spectral_loss,
)
from flowdubber_hf.training.speech_tokenizer_tokens import speech_span, tokens_path


PHONES = {
    "phonemes": ["sil", "B", "IH1", "N", "sil"],
    "word_index": [-1, 0, 0, 0, -1],
    "words": ["bin"],
    "times": [[0.0, 0.3], [0.3, 0.4], [0.4, 0.5], [0.5, 0.62], [0.62, 1.0]],
}
CONFIG = FlowDubberSpeechTokenizerConfig(**{**SPEECH_TOKENIZER_PRESETS["tiny"], "speaker_seconds": 1})


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Two voices with two clips of 1 s each; the first clip of each has phones. One clip is held out."""
    generator = np.random.default_rng(0)
    clips = []
    for speaker in ("a", "b"):
        for number in range(3):
            clip_id = f"grid/{speaker}/{number}"
            save_array(tmp_path / f"audio/{clip_id}.npy", generator.integers(-9000, 9000, 16000).astype(np.int16))
            if number == 0:
                save_text(tmp_path / f"phones/{clip_id}.json", json.dumps(PHONES))
            split = "val" if number == 2 else "train"
            clips.append(Clip(clip_id, split, speaker, "bin", "grid", 16000, words=[("bin", 0.3, 0.62)]))
    write_manifest(tmp_path, clips)
    return FeatureStore(tmp_path)


class TestLabels:
    def test_classes(self):
        assert len(PHONEME_CLASSES) == 40 and PHONEME_CLASSES[0] == "sil"
        assert plain_phoneme("AH0") == plain_phoneme("AH1") == "AH" and plain_phoneme("sp") == "sil"

    def test_frame_labels_by_hand(self):
        phones = AlignedPhonemes(PHONES["phonemes"], PHONES["word_index"], ["bin"], np.array(PHONES["times"]))
        labels = frame_labels(phones, 50, 50)  # the middle of token t is at (t + .5) / 50 s
        expected = ["sil"] * 15 + ["B"] * 5 + ["IH"] * 5 + ["N"] * 6 + ["sil"] * 19
        assert [PHONEME_CLASSES[label] for label in labels] == expected

    def test_phoneme_loss_ignores_unlabelled(self):
        logits = torch.tensor([[[9.0, 0.0], [0.0, 9.0], [0.0, 9.0]]])
        loss, accuracy = phoneme_loss(logits, torch.tensor([[0, 0, IGNORED]]))
        assert accuracy.item() == 0.5
        assert loss.item() == pytest.approx((0.0001234 + 9.0001234) / 2, abs=1e-4)
        loss, accuracy = phoneme_loss(logits, torch.full((1, 3), IGNORED))
        assert loss.item() == 0 and accuracy.item() == 0


class TestLosses:
    def test_spectral_loss(self):
        sound = torch.randn(2, 4000) * 0.1
        assert spectral_loss(sound, sound).item() == pytest.approx(0.0, abs=1e-6)
        # Half the amplitude: convergence 0.5, and log 2 where the magnitude is far above the floor.
        assert spectral_loss(sound / 2, sound).item() == pytest.approx(0.5 + 0.693, abs=0.01)

    def test_every_parameter_of_the_objective_moves(self, store):
        torch.manual_seed(0)
        batches = SpeechTokenizerBatches(store, CONFIG, store.clips("train"), SegmentSettings(2, 0.5), 0, 2)
        objective = SpeechTokenizerObjective(
            FlowDubberSpeechTokenizer(CONFIG), len(batches.speakers), SpeechTokenizerLossWeights()
        ).train()
        before = {name: parameter.detach().clone() for name, parameter in objective.named_parameters()}
        optimizer = torch.optim.AdamW(objective.parameters(), lr=1e-2, weight_decay=0.0)
        losses = objective(batches[0], (0, 10))
        losses["loss"].backward()
        optimizer.step()
        assert [name for name, p in objective.named_parameters() if torch.equal(p, before[name])] == []
        assert all(value.isfinite() for value in losses.values())


class TestBatches:
    def test_shapes_and_repetition(self, store):
        batches = SpeechTokenizerBatches(store, CONFIG, store.clips("train"), SegmentSettings(3, 0.5), 7, 4)
        first, again, other = batches[1], batches[1], batches[2]
        assert first["input_values"].shape == first["attention_mask"].shape == (6, 8000)
        assert first["labels"].shape == (6, 25)
        assert first["reference_values"].shape == (3, 16000) and first["speakers"].shape == (3,)
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["input_values"], other["input_values"])
        assert {IGNORED} < set(first["labels"].flatten().tolist())  # clips with and without phones

    def test_short_clips_are_padded(self, store):
        batches = SpeechTokenizerBatches(store, CONFIG, store.clips("train"), SegmentSettings(1, 2.0), 0, 1)
        batch = batches[0]
        assert batch["attention_mask"].sum(1).tolist() == [16000, 16000]
        assert (batch["input_values"][:, 16000:] == 0).all() and (batch["labels"][:, 50:] == IGNORED).all()

    def test_no_clips(self, store):
        with pytest.raises(ValueError, match="no clip"):
            SpeechTokenizerBatches(store, CONFIG, [], SegmentSettings(), 0, 1)


def test_speech_span(store):
    # 0.3 - 0.1 s and 0.62 + 0.1 s at 50 Hz, from the phones, else from the corpus' words, else everything.
    assert speech_span(store, store["grid/a/0"], 50, 50) == (10, 37)
    assert speech_span(store, store["grid/a/1"], 50, 50) == (10, 37)
    clip = Clip("none", "train", "a", None, "librispeech", 16000)
    assert speech_span(store, clip, 50, 50) == (0, 50)


def run_script(repository: Path, monkeypatch, *arguments: str) -> None:
    """The example's `main` with the given command line."""
    path = repository / "examples" / "train_speech_tokenizer.py"
    spec = importlib.util.spec_from_file_location("train_speech_tokenizer", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "train_speech_tokenizer", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    monkeypatch.setattr(sys, "argv", [str(path), *arguments])
    module.main()


def test_script_trains_resumes_and_writes_tokens(store, tmp_path, repository, monkeypatch, capsys):
    output = tmp_path / "tokenizer"
    common = ["--features", str(store.root), "--output_dir", str(output), "--voices", "2", "--seconds", "0.5"]
    common += ["--log_every", "1", "--save_every", "1", "--waveform_tokens", "5"]
    run_script(repository, monkeypatch, *common, "--max_train_steps", "1")
    run_script(repository, monkeypatch, *common, "--max_train_steps", "2", "--resume")
    lines = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2]
    run_script(repository, monkeypatch, *common, "--extract_tokens")
    assert '{"tokens_written": 6}' in capsys.readouterr().out
    for clip in store.clips():
        row = json.loads(tokens_path(store.root, clip.id).read_text())
        assert len(row["semantic_full"]) == 50 and len(row["semantic"]) == 27 and len(row["global"]) == 32
        assert row["semantic"] == row["semantic_full"][10:37]


def test_script_says_what_is_wrong(tmp_path, repository, monkeypatch):
    with pytest.raises(SystemExit, match=r"prepare_features\.py"):
        run_script(repository, monkeypatch, "--features", str(tmp_path), "--output_dir", str(tmp_path / "out"))

"""Which metrics are had, what happens to those that are not, and values that cannot be."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import replace

import numpy as np
import pytest
import torch

from flowdubber_hf.evaluation import scorers
from flowdubber_hf.evaluation.clips import EvaluationClip, Voice
from flowdubber_hf.evaluation.samples import Sample
from flowdubber_hf.evaluation.scorers import Column, Scorer, choose_scorers, registry
from flowdubber_hf.metrics.functional import GRID_GRAMMAR
from flowdubber_hf.metrics.grammar import grammar_for, is_grid_sentence
from flowdubber_hf.metrics.sync import lip_sync
from flowdubber_hf.processing.faces import face_crops
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor
from models.test_syncnet import tiny_syncnet
from support.evaluation_corpus import CLIPS
from support.made_recordings import SCRIPT, script_voice, word_times, write_speaking_clip


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = write_speaking_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")
    words = tuple(tuple(word) for word in word_times())
    return EvaluationClip(CLIPS[0], "x/one", "x", SCRIPT, path, path, words, reference=Voice("x/one", "x", path))


def without_words(clip):
    return replace(clip, words=None)


def test_default_leaves_out_what_needs_the_network_and_says_so(clip, monkeypatch):
    monkeypatch.setattr(scorers, "absent", lambda packages: [name for name in packages if name == "pyworld"])
    monkeypatch.setattr(Scorer, "load", lambda self, device: None)
    chosen, left_out = choose_scorers(["default"], [clip])
    names = [scorer.name for scorer in chosen]
    assert not {"wer", "wavlm", "utmos", "mcd", "f0"} & set(names)
    assert {"word-sync", "word-sync-given", "wer-grammar", "length"} <= set(names)
    assert "openai/whisper-base from the Hub" in left_out["wer"]
    assert "pyworld" in left_out["mcd"]
    assert "'.[eval]'" in left_out["mcd"]


def test_default_leaves_out_what_does_not_suit_the_clips(clip, monkeypatch):
    monkeypatch.setattr(Scorer, "load", lambda self, device: None)
    _, left_out = choose_scorers(["default"], [without_words(clip)])
    assert left_out["word-sync-given"] == "the corpus gives no word times"
    with pytest.raises(ValueError, match="gives no word times"):
        choose_scorers(["word-sync-given"], [without_words(clip)])


def test_metrics_by_name_and_default_together(clip, monkeypatch):
    loaded = []
    monkeypatch.setattr(Scorer, "load", lambda self, device: loaded.append((self.name, self.weights)))
    choose_scorers(["wer=some/whisper", "length"], [clip])
    assert loaded == [("length", None), ("wer", "some/whisper")]


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        (["loudness"], "unknown 'loudness'; choose from default, lse"),
        (["length=big"], "'length=big'"),
        (["wer="], "'wer='"),
        (["default=x"], "'default=x'"),
    ],
)
def test_metrics_that_are_not(clip, metrics, message):
    with pytest.raises(ValueError, match=message):
        choose_scorers(metrics, [clip])


def test_a_metric_by_name_needs_its_package(clip, monkeypatch):
    monkeypatch.setattr(scorers, "absent", list)
    with pytest.raises(ImportError, match=r"ge2e needs resemblyzer.*--no-deps resemblyzer"):
        choose_scorers(["ge2e"], [clip])


def test_what_cannot_be_measured_is_none_with_its_reason(clip):
    def loud(sample):
        raise ValueError("the sound is\nsilent.")

    def odd(sample):
        return {"odd": float("nan"), "list": np.array([1.0, 2.0])}

    columns = tuple(Column(name, name, "", "higher", 1) for name in ("loud", "odd", "sure"))
    scorer = Scorer("test", columns, (loud, odd, lambda sample: {"sure": np.float32(1.5)}))
    values = scorer.score(Sample(clip, script_voice()))
    assert values == {"loud": None, "odd": None, "sure": 1.5, "list": [1.0, 2.0]}
    assert scorer.problems == {"loud": "the sound is silent."}


def test_silence_has_no_words_and_everything_else_goes_on(clip):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("jiwer")
    sample = Sample(clip, np.zeros(48000, np.float32))
    sync, words = registry()["word-sync"], registry()["wer-grammar"]
    for scorer in (sync, words):
        scorer.load()
    assert sync.score(sample)["word_sync_steady_ms"] is None
    assert "word_sync_steady" in sync.problems
    values = words.score(sample)
    assert values["wer_grammar_words"] == 6


def test_given_word_times_have_to_be_those_of_the_text(clip):
    with pytest.raises(ValueError, match="no word times"):
        _ = Sample(without_words(clip), script_voice()).words
    other = replace(clip, text="set red")
    with pytest.raises(ValueError, match="not those of the text"):
        _ = Sample(other, script_voice()).words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bin blue at f two now", True),
        ("Place red by Zed 0, again!", True),
        ("bin blue at w two now", False),
        ("blue bin at f two now", False),
        ("bin blue at f two", False),
    ],
)
def test_sentences_of_grid(text, expected):
    assert is_grid_sentence(text) == expected
    assert grammar_for(text) == (GRID_GRAMMAR if expected else None)


def test_every_column_has_its_own_name():
    names = [column.name for scorer in registry().values() for column in scorer.columns]
    assert len(names) == len(set(names))


def test_whisper_gives_the_rate_in_both_orders(clip, monkeypatch):
    pytest.importorskip("jiwer")
    heard = iter(["place blue at f two", "", SCRIPT + " please please"])
    monkeypatch.setattr("flowdubber_hf.metrics.neural.load_whisper", lambda name, device: lambda sound: next(heard))
    (scorer,), _ = choose_scorers(["wer=some/whisper"], [clip])
    missing, silent, more = (scorer.score(Sample(clip, script_voice())) for _ in range(3))
    assert (missing["wer"], missing["wer_swapped"]) == pytest.approx((100 / 6, 100 / 5))
    assert (silent["wer"], silent["wer_clips"], silent["wer_swapped"]) == (100, 100, None)
    assert (more["wer"], more["wer_swapped"]) == pytest.approx((200 / 6, 200 / 8))
    assert missing["wer_heard"] == "place blue at f two"


def test_networks_with_weights_get_sound_and_reference(clip, monkeypatch):
    made = []

    def network(name, device):
        made.append((name, device))
        return lambda *sounds: float(len(sounds))

    monkeypatch.setattr("flowdubber_hf.metrics.neural.WavLMSimilarity", network)
    monkeypatch.setattr("flowdubber_hf.metrics.neural.Utmos", network)
    chosen, _ = choose_scorers(["wavlm", "utmos=here"], [clip])
    values = [scorer.score(Sample(clip, script_voice())) for scorer in chosen]
    assert values == [{"wavlm": 2.0}, {"utmos": 1.0}]
    assert made == [("microsoft/wavlm-base-plus-sv", "cpu"), ("here", "cpu")]


def test_lip_sync_of_the_bundled_judge(clip):
    (scorer,), _ = choose_scorers(["lse"], [clip])
    values = scorer.score(Sample(clip, script_voice()))
    assert values["lse_c"] >= 0
    assert 0 <= values["lse_d"] <= 2
    assert -15 <= values["lse_offset"] <= 15
    assert scorer.score(Sample(clip, script_voice()[:16000])) == {"lse_c": None, "lse_d": None, "lse_offset": None}
    assert "at least" in scorer.problems["lse"]


def test_a_judge_of_colour_faces_gets_faces(clip, tmp_path):
    torch.manual_seed(0)
    model = tiny_syncnet(crop_channels=3)
    model.save_pretrained(tmp_path)
    (scorer,), _ = choose_scorers([f"lse={tmp_path}"], [clip])
    values = scorer.score(Sample(clip, script_voice()))
    found = FlowDubberLipFeatureExtractor()(clip.video)
    expected = lip_sync(model.eval(), face_crops(clip.video, found["boxes"], model.config.crop_size), script_voice())
    assert values["lse_d"] == pytest.approx(expected.distance, abs=1e-5)
    assert values["lse_offset"] == expected.offset

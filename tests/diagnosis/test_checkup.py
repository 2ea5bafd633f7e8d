"""A healthy model, and what is told of broken ones."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from flowdubber_hf import FlowDubberLipReader, FlowDubberLipReaderConfig
from flowdubber_hf.checkpoints.sources import bundled_checkpoints
from flowdubber_hf.demo import demo_reference
from flowdubber_hf.diagnosis import Checkup, examine, files
from flowdubber_hf.diagnosis.findings import judge_sound, judge_tokens
from support.tiny_models import hearing_vector_field, tiny_aligner, tiny_hifigan, tiny_pipeline, tiny_vector_field


pytestmark = pytest.mark.slow


BUNDLED = bundled_checkpoints()["flowdubber-grid-tiny"]


def told(checkup: Checkup, level: str, part: str | None = None) -> list[str]:
    return [one.text for one in checkup.findings if one.level == level and part in (None, one.part)]


@pytest.fixture(scope="module")
def healthy() -> Checkup:
    return examine("flowdubber-grid-tiny")


@pytest.fixture
def copied(tmp_path) -> Path:
    """The bundled model, to be broken; only what is changed takes room."""
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED, folder, copy_function=lambda source, target: Path(target).symlink_to(source))
    return folder


def change(folder: Path, **settings) -> None:
    """Other settings in a part's config.json."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps({**config, **settings}))


def change_weights(folder: Path, update: Callable[[dict[str, torch.Tensor]], None]) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    update(weights)
    file.unlink()
    save_file(weights, file)


# A healthy model


def test_nothing_is_wrong_with_the_bundled_model(healthy):
    assert healthy.healthy and told(healthy, "wrong") == []
    parts = {one.part for one in healthy.findings}
    assert {
        "style_encoder",
        "aligner",
        "vector_field",
        "vocoder",
        "speech_tokenizer",
        "semantic_model",
        "dub",
    } <= parts
    json.dumps([dict(one.values) for one in healthy.findings])


def test_sizes_sounds_and_tokens_are_told(healthy):
    values = {}
    for one in healthy.findings:
        values.setdefault(one.part, {}).update(one.values)
    assert values["vocoder"]["weights"] == sum(
        value.numel() for value in load_file(BUNDLED / "vocoder" / "model.safetensors").values()
    )
    assert values["vocoder"]["dtypes"] == ["float16"]
    assert values["vocoder"]["samples"] == len(demo_reference()) and values["vocoder"]["mel_distance"] < 0.5
    assert values["speech_tokenizer"]["tokens"] in (32, len(demo_reference()) // 320)
    assert values["dub"]["samples"] == 48000 and -40 < values["dub"]["dbfs"] < -10
    assert values["aligner"]["word_start_error_ms"] < 150
    assert sorted(healthy.sounds) == ["dub", "vocoder"]
    assert healthy.sounds["dub"].shape == (48000,)


def test_a_speech_tokenizer_that_only_reads(healthy):
    assert any("only reads sound" in one for one in told(healthy, "note", "speech_tokenizer"))


def test_a_model_that_speaks_is_heard_where_its_tokens_can_be_made_sound(tmp_path):
    pipe = tiny_pipeline()
    pipe.save_pretrained(tmp_path / "sounding")
    assert {"semantic_model", "speech_tokenizer"} <= set(examine(tmp_path / "sounding").sounds)
    pipe.speech_tokenizer.drop_sound()
    pipe.save_pretrained(tmp_path / "reading")
    reading = examine(tmp_path / "reading")
    assert not {"semantic_model", "speech_tokenizer"} & set(reading.sounds)
    assert any("cannot be heard" in one for one in told(reading, "note", "semantic_model"))


# Broken models


def test_weights_that_are_not_finite(copied):
    def spoil(weights):
        name = sorted(name for name, value in weights.items() if value.ndim > 1)[0]
        weights[name].view(-1)[3] = torch.nan
        spoil.name = name

    change_weights(copied / "vocoder", spoil)
    wrong = told(examine(copied / "vocoder"), "wrong", "vocoder")
    assert wrong[0] == f"values that are not finite in 1 tensors ({spoil.name})."
    assert len(wrong) == 1  # it is not loaded, so nothing else of it is tried


def test_a_damaged_file_and_a_pickle(copied):
    file = copied / "aligner" / "model.safetensors"
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[:-100])
    (copied / "vocoder" / "old.pth").touch()
    checkup = examine(copied, trials=False)
    assert any("damaged" in one for one in told(checkup, "wrong", "aligner"))
    assert told(checkup, "wrong", "vocoder")[0].startswith("old.pth is a pickle")


def test_a_tensor_that_is_missing(copied):
    change_weights(copied / "vocoder", lambda weights: weights.pop(sorted(weights)[0]))
    assert any("lacks weights (1:" in one for one in told(examine(copied, trials=False), "wrong", "vocoder"))


def test_a_vocoder_with_another_hop(copied):
    shutil.rmtree(copied / "vocoder")
    tiny_hifigan(hop_length=256).save_pretrained(copied / "vocoder")
    wrong = told(examine(copied, trials=False), "wrong", "model")
    assert wrong == [
        "parts disagree: vocoder.hop_length is 256, but the package's hop_length is 160; they were not trained together."
    ]


def test_a_wrong_codebook_size(copied):
    change(copied / "semantic_model", semantic_codebook_size=500)
    checkup = examine(copied, trials=False)
    expected = "speech_tokenizer.codebook_size is 512, but semantic_model.semantic_codebook_size is 500"
    assert any(expected in one for one in told(checkup, "wrong", "model"))


def test_all_disagreements_are_told_at_once(copied):
    change(copied / "aligner", style_size=256, lip_image_mean=0.5)
    change(copied / "style_encoder", sampling_rate=8000)
    wrong = " ".join(told(examine(copied, trials=False), "wrong", "model"))
    assert "aligner.lip_image_mean is 0.5" in wrong and "style_encoder.sampling_rate is 8000" in wrong


def test_a_missing_part(copied):
    shutil.rmtree(copied / "vector_field")
    assert any("there is no folder" in one for one in told(examine(copied, trials=False), "wrong", "vector_field"))
    index = json.loads((copied / "model_index.json").read_text())
    del index["vector_field"], index["tokenizer"]
    (copied / "model_index.json").unlink()
    (copied / "model_index.json").write_text(json.dumps(index))
    wrong = told(examine(copied, trials=False), "wrong", "model")
    assert wrong[0] == "there is no vector_field; a pipeline needs it."
    assert wrong[1] == "the language model works only as a whole, and tokenizer is missing."


# Parts of their own


def test_a_silent_vocoder(tmp_path):
    vocoder = tiny_hifigan()
    with torch.no_grad():
        vocoder.conv_post.weight.zero_()
        vocoder.conv_post.bias.zero_()
    vocoder.save_pretrained(tmp_path)
    checkup = examine(tmp_path)
    assert not checkup.healthy
    assert any(one.endswith("it is silent.") for one in told(checkup, "wrong", "vocoder"))
    assert any("all zero (conv_post.weight)" in one for one in told(checkup, "note", "vocoder"))


def test_an_untrained_vocoder(tmp_path):
    vocoder = tiny_hifigan()
    with torch.no_grad():
        for parameter in vocoder.parameters():
            parameter.normal_(std=0.3)
    vocoder.save_pretrained(tmp_path)
    checkup = examine(tmp_path)
    wrong = told(checkup, "wrong", "vocoder")
    assert len(wrong) == 1 and "the vocoder is untrained, or was trained on another spectrogram" in wrong[0]
    assert any("do not say which mel spectrogram" in one for one in told(checkup, "note", "vocoder"))


def test_a_vector_field_that_hears(tmp_path):
    field = hearing_vector_field()
    field.save_pretrained(tmp_path / "learned")
    torch.nn.init.zeros_(field.voice_encoder.style.weight)
    torch.nn.init.zeros_(field.voice_encoder.style.bias)
    field.save_pretrained(tmp_path / "new")
    (heard,) = (one for one in examine(tmp_path / "learned").findings if "added" in one.values)
    assert heard.part == "vector_field" and heard.values["added"] > 0
    assert heard.level == "note" and "another" in heard.text  # nobody taught it to tell voices apart
    assert any(
        "is untrained: it adds nothing" in one for one in told(examine(tmp_path / "new"), "note", "vector_field")
    )


def test_parts_side_by_side_are_compared(tmp_path):
    tiny_aligner().save_pretrained(tmp_path / "a")
    tiny_vector_field().save_pretrained(tmp_path / "b")
    sizes = {"stem_size": 4, "stage_sizes": [4], "blocks_per_stage": 1}
    FlowDubberLipReader(FlowDubberLipReaderConfig(**sizes)).save_pretrained(tmp_path / "c")
    checkup = examine(tmp_path)
    assert checkup.healthy
    assert any("agree with each other" in one for one in told(checkup, "ok", "model"))
    assert any("there is no style_encoder, no vocoder" in one for one in told(checkup, "note", "model"))
    assert any("4 features a frame" in one for one in told(checkup, "ok", "lip_reader"))
    change(tmp_path / "b", fused_size=64)
    assert not examine(tmp_path, trials=False).healthy


def test_parts_of_the_hub_are_fetched_without_code_and_pickles(tmp_path, monkeypatch):
    tiny_aligner().save_pretrained(tmp_path / "aligner")
    asked = []

    def fetch(name, patterns):
        asked.append((name, patterns))
        return tmp_path

    monkeypatch.setattr(files, "fetch", fetch)
    checkup = examine("someone/parts", trials=False)
    assert checkup.healthy and any("weights" in one for one in told(checkup, "ok", "aligner"))
    assert [name for name, _ in asked] == ["someone/parts"] * 2 and asked[0][1] == ["model_index.json"]
    assert "*.safetensors" in asked[1][1] and not any(
        pattern.endswith((".py", ".bin", "*")) for pattern in asked[1][1]
    )


def test_folders_that_are_no_model(tmp_path):
    with pytest.raises(ValueError, match="neither a model"):
        examine(tmp_path)
    with pytest.raises(ValueError, match="there is no folder"):
        examine(tmp_path / "none" / "there")


# Measures


def test_tokens():
    generator = np.random.default_rng(0)
    spread = judge_tokens("x", "tokens", generator.integers(0, 512, 150).tolist(), 512)
    assert spread.level == "ok" and spread.values["entropy_bits"] > 6
    assert judge_tokens("x", "tokens", [7] * 50, 512).level == "wrong"
    assert judge_tokens("x", "tokens", [*range(20), *[3] * 30], 512).level == "wrong"
    assert judge_tokens("x", "tokens", [1, 2, 3, 1] * 20, 512).level == "note"
    assert judge_tokens("x", "tokens", [], 512).level == "wrong"
    assert judge_tokens("x", "tokens", [3] * 32, 512, in_time=False).level == "note"
    exact = judge_tokens("x", "tokens", [0, 0, 1, 1, 2, 2, 3, 3], 8).values
    assert (exact["entropy_bits"], exact["most_bits"], exact["longest_run"], exact["share_of_codes"]) == (2, 3, 2, 0.5)


def test_sounds():
    tone = 0.1 * torch.sin(torch.arange(16000) * 0.2)
    good = judge_sound("x", "a tone", tone, 16000, tone)
    assert (
        good.level == "ok" and good.values["dbfs"] == pytest.approx(-23, abs=0.1) and good.values["mel_distance"] == 0
    )
    assert judge_sound("x", "a tone", tone, 15000).level == "wrong"
    assert judge_sound("x", "a tone", 0 * tone, 16000).level == "wrong"
    assert judge_sound("x", "a tone", tone / 0, 16000).level == "wrong"

"""Parts in folders of their own: recognised, loaded whole or refused, put together."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import re
import resource
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import SpeechT5HifiGan

from flowdubber_hf import FlowDubberLipReader, FlowDubberLipReaderConfig, FlowDubberPipeline
from flowdubber_hf.models.parts import PART_CLASSES, identify_part, load_part
from flowdubber_hf.pipelines.flowdubber.parts import build_pipeline
from support.tiny_models import tiny_components, tiny_hifigan, tiny_pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every part of a small pipeline in a folder each."""
    root = tmp_path_factory.mktemp("parts")
    tiny_pipeline().save_pretrained(root)
    return root


@pytest.mark.parametrize("name", PART_CLASSES)
def test_each_part_is_recognised_and_loaded(folder, name):
    assert identify_part(folder / name)[0] == name
    part = load_part(name, folder / name)
    if isinstance(part, torch.nn.Module):
        assert not part.training
        expected = tiny_components()[name].state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in part.state_dict().items())


def test_the_library_s_vocoder_and_a_lip_reader(tmp_path):
    tiny_hifigan().save_pretrained(tmp_path / "vocoder")
    assert isinstance(load_part("vocoder", tmp_path / "vocoder"), SpeechT5HifiGan)
    sizes = {"stem_size": 4, "stage_sizes": [4], "blocks_per_stage": 1}
    FlowDubberLipReader(FlowDubberLipReaderConfig(**sizes)).save_pretrained(tmp_path / "lips")
    assert identify_part(tmp_path / "lips")[0] == "lip_reader"
    assert isinstance(load_part("lip_reader", tmp_path / "lips"), FlowDubberLipReader)


def test_folders_that_do_not_hold_the_part(folder, tmp_path):
    with pytest.raises(ValueError, match=r"has no part 'nose'"):
        load_part("nose", folder)
    with pytest.raises(ValueError, match="there is no folder"):
        load_part("vocoder", tmp_path / "none")
    with pytest.raises(ValueError, match="does not hold the part aligner, but the part vocoder"):
        load_part("aligner", folder / "vocoder")
    with pytest.raises(ValueError, match=r"does not hold the part aligner: it has no config\.json"):
        load_part("aligner", folder / "scheduler")
    assert identify_part(folder / "scheduler") is None


def test_half_weights_and_pickles_are_refused(folder, tmp_path):
    part = tmp_path / "vocoder"
    shutil.copytree(folder / "vocoder", part)
    weights = load_file(part / "model.safetensors")
    first = sorted(weights)[0]
    save_file({name: value for name, value in weights.items() if name != first}, part / "model.safetensors")
    with pytest.raises(ValueError, match=rf"lacks weights \(1: {first}\)"):
        load_part("vocoder", part)
    (part / "pytorch_model.bin").touch()
    with pytest.raises(ValueError, match=r"pickled weights \(pytorch_model\.bin\)"):
        load_part("vocoder", part)
    (part / "config.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        identify_part(part)


def test_a_part_takes_the_place_of_another(folder, tmp_path):
    tiny_hifigan().save_pretrained(tmp_path)
    pipe = build_pipeline({"vocoder": tmp_path}, folder)
    assert isinstance(pipe.vocoder, SpeechT5HifiGan)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "hop_length": 256}))
    with pytest.raises(ValueError, match=r"vocoder\.hop_length is 256, but the package's hop_length is 160"):
        build_pipeline({"vocoder": tmp_path}, folder)


def test_pictures_that_the_aligner_does_not_know(folder):
    parts = tiny_components()
    parts["lip_feature_extractor"].image_mean = 0.5
    with pytest.raises(
        ValueError, match=r"aligner\.lip_image_mean is 0\.421, but lip_feature_extractor\.image_mean is 0\.5"
    ):
        tiny_pipeline(**parts)


@pytest.mark.parametrize("name", [name for name in PART_CLASSES if name != "tokenizer"])
def test_weights_that_are_not_finite_name_part_and_tensor(name, folder, tmp_path):
    part = shutil.copytree(folder / name, tmp_path / name)
    file = next(part.glob("*.safetensors"))
    weights = load_file(file)
    first = min(key for key, value in weights.items() if value.is_floating_point() and value.numel())
    weights[first].view(-1)[-1] = torch.inf
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=rf"weights of '{name}' are not finite \(1: {re.escape(first)}\)"):
        load_part(name, part)
    pipeline = shutil.copytree(folder, tmp_path / "pipeline")
    shutil.copy(file, pipeline / name / file.name)
    with pytest.raises(ValueError, match=rf"weights of '{name}' are not finite"):
        FlowDubberPipeline.from_pretrained(pipeline)


def test_a_config_claims_no_memory(folder, tmp_path):
    """Half a billion weights that the files do not hold are refused before they are made."""
    part = shutil.copytree(folder / "semantic_model", tmp_path / "semantic_model")
    config = json.loads((part / "config.json").read_text())
    del config["text_config"]
    (part / "config.json").write_text(json.dumps(config))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=r"do not belong together|describes no semantic_model"):
        load_part("semantic_model", part)
    pipeline = shutil.copytree(folder, tmp_path / "pipeline")
    shutil.copy(part / "config.json", pipeline / "semantic_model" / "config.json")
    with pytest.raises(ValueError, match=r"do not belong together|describes no semantic_model"):
        FlowDubberPipeline.from_pretrained(pipeline)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB; the weights would take 2,300 MB


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, but the files hold only"),
        ({"num_labels": 10**8}, "num_labels is 100000000"),
        ({"hidden_size": 10**7}, "do not belong together"),
        ({"hidden_size": "x"}, "describes no style_encoder"),
        ({"hidden_size": 1e400}, "describes no style_encoder"),
        ({"hidden_size": 10**50}, "a whole number of 51 digits"),
        ({"hidden_size": None}, "describes no style_encoder"),
    ],
)
def test_settings_that_no_model_has(change, told, folder, tmp_path):
    part = shutil.copytree(folder / "style_encoder", tmp_path / "style_encoder")
    file = part / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ValueError, match=told):
        load_part("style_encoder", part)

"""LoRA on the vector field: what is written is loaded again, acts as it did in training, and leaves nothing behind."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import sys
from pathlib import Path

import pytest
import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from flowdubber_hf.training.vector_field_adapter import ADAPTABLE, VectorFieldAdapter
from support.pipeline_calls import inputs
from support.tiny_models import tiny_components, tiny_pipeline


pytestmark = pytest.mark.slow


pytest.importorskip("peft")

FILE = "pytorch_lora_weights.safetensors"


def mel(pipe) -> torch.Tensor:
    return pipe(**inputs(output_type="latent", without=["semantics"])).audios


def trained(seed: int = 0, **settings) -> VectorFieldAdapter:
    """An adapter of the tiny vector field whose matrices were moved."""
    adapter = VectorFieldAdapter(**{"rank": 3, "alpha": 6.0, **settings})
    adapter.attach(tiny_components()["vector_field"])
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, weight in adapter._wrapped.named_parameters():
            if "lora_" in name:
                weight.normal_(std=0.3)
    return adapter


@pytest.fixture
def pipe():
    return tiny_pipeline()


@pytest.fixture
def saved(tmp_path) -> Path:
    trained().save(tmp_path / "lora")
    return tmp_path / "lora"


def test_only_the_matrices_are_trained():
    names = [name for name, weight in trained()._wrapped.named_parameters() if weight.requires_grad]
    assert names and all("lora_" in name for name in names)
    assert {name.split(".lora_")[0].split(".")[-1] for name in names} == {"qkv", "out", "up", "down", "affine"}


@pytest.mark.parametrize("modules", [("qkv",), ADAPTABLE])
def test_loaded_it_acts_as_in_training_and_unloaded_it_is_gone(pipe, tmp_path, modules):
    adapter = trained(target_modules=modules)
    adapter.save(tmp_path)
    before = mel(pipe)
    in_training = mel(tiny_pipeline(vector_field=adapter._wrapped))
    merged = adapter.merged()
    assert set(merged.state_dict()) == set(pipe.vector_field.state_dict())
    pipe.load_lora_weights(tmp_path, adapter_name="voice")
    torch.testing.assert_close(mel(pipe), in_training)
    torch.testing.assert_close(mel(tiny_pipeline(vector_field=merged)), in_training, atol=1e-4, rtol=1e-3)
    assert (in_training - before).abs().mean() > 0.05
    assert pipe.get_active_adapters() == ["voice"]
    pipe.set_adapters(["voice"], 0.0)
    torch.testing.assert_close(mel(pipe), before)
    pipe.set_adapters(["voice"])
    pipe.fuse_lora()
    torch.testing.assert_close(mel(pipe), in_training, atol=1e-4, rtol=1e-3)
    pipe.unfuse_lora()
    pipe.unload_lora_weights()
    torch.testing.assert_close(mel(pipe), before, atol=1e-4, rtol=1e-3)
    assert not any("lora" in name for name in pipe.vector_field.state_dict())


def test_two_voices_beside_each_other(pipe, saved, tmp_path):
    trained(seed=1).save(tmp_path / "other")
    pipe.load_lora_weights(saved, adapter_name="one")
    first = mel(pipe)
    pipe.load_lora_weights(tmp_path / "other", adapter_name="two")
    pipe.set_adapters(["two"])
    assert not torch.allclose(mel(pipe), first, atol=1e-2)
    pipe.set_adapters(["one"])
    torch.testing.assert_close(mel(pipe), first)


def test_file_folder_and_tensors_are_the_same(saved):
    sources = [saved / FILE, saved, load_file(saved / FILE)]
    found = []
    for source in sources:
        pipe = tiny_pipeline()
        pipe.load_lora_weights(source)
        found.append(mel(pipe))
    torch.testing.assert_close(found[0], found[1])
    with safe_open(saved / FILE, "pt") as tensors:
        settings = json.loads(tensors.metadata()[LORA_ADAPTER_METADATA_KEY])
    assert (settings["vector_field.r"], settings["vector_field.lora_alpha"]) == (3, 6.0)
    assert not torch.allclose(found[0], found[2], atol=1e-3)  # tensors alone do not tell alpha: it is the rank


def damaged(saved: Path, change) -> Path:
    state = load_file(saved / FILE)
    with safe_open(saved / FILE, "pt") as tensors:
        header = dict(tensors.metadata())
    change(state, header)
    save_file(state, saved / FILE, header)
    return saved


def first(state: dict, part: str) -> str:
    return next(name for name in sorted(state) if part in name)


def rename(state, header):
    state["vector_field.nowhere.lora_A.weight"] = state.pop(first(state, "lora_A"))


def wide(state, header):
    name = first(state, "lora_B")
    state[name] = torch.zeros(state[name].shape[0] + 1, state[name].shape[1])


def not_finite(state, header):
    state[first(state, "lora_A")][:] = torch.nan


def other_rank(state, header):
    name = first(state, "lora_A").removesuffix("lora_A.weight")
    state[name + "lora_A.weight"] = torch.zeros(2, state[name + "lora_A.weight"].shape[1])
    state[name + "lora_B.weight"] = torch.zeros(state[name + "lora_B.weight"].shape[0], 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename, "does not fit this vector field at"),
        (wide, "does not fit this vector field at"),
        (not_finite, "not finite at"),
        (other_rank, "must have one rank"),
        (
            lambda state, header: state.update({"unet.lora_A.weight": torch.zeros(1)}),
            "is no adapter of a vector field",
        ),
        (lambda state, header: header.update({LORA_ADAPTER_METADATA_KEY: "{"}), "the header of"),
        (
            lambda state, header: header.update({LORA_ADAPTER_METADATA_KEY: '{"vector_field.lora_alpha": "x"}'}),
            "no usable lora_alpha",
        ),
        (lambda state, header: header.update({LORA_ADAPTER_METADATA_KEY: "[]"}), "no usable lora_alpha"),
    ],
)
def test_what_does_not_fit_is_refused_and_leaves_the_model_alone(pipe, saved, change, message):
    before = list(pipe.vector_field.state_dict())
    with pytest.raises(ValueError, match=message):
        pipe.load_lora_weights(damaged(saved, change))
    assert list(pipe.vector_field.state_dict()) == before


def test_a_header_cannot_ask_for_more_than_the_file_holds(pipe, saved):
    """The rank is that of the matrices, whatever the header says."""
    huge = {LORA_ADAPTER_METADATA_KEY: '{"vector_field.r": 1000000000, "vector_field.lora_alpha": 6.0}'}
    pipe.load_lora_weights(damaged(saved, lambda state, header: header.update(huge)))
    assert {config.r for config in pipe.vector_field.peft_config.values()} == {3}


def test_files_that_are_not_there_or_pickled(pipe, tmp_path):
    with pytest.raises(ValueError, match=r"holds no pytorch_lora_weights\.safetensors"):
        pipe.load_lora_weights(tmp_path)
    (tmp_path / "a.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ValueError, match=r"read from a \.safetensors file"):
        pipe.load_lora_weights(tmp_path, weight_name="a.bin")
    with pytest.raises(ValueError, match="cannot be read as safetensors"):
        pipe.load_lora_weights(tmp_path / "a.bin")
    with pytest.raises(ValueError, match="none, not"):
        pipe.load_lora_weights({})


def test_the_same_name_twice_is_refused(pipe, saved):
    pipe.load_lora_weights(saved, adapter_name="one")
    with pytest.raises(ValueError, match="already in use"):
        pipe.load_lora_weights(saved, adapter_name="one")


def test_without_peft(pipe, saved, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ValueError, match="LoRA needs peft"):
        pipe.load_lora_weights(saved)


@pytest.mark.parametrize("settings", [{"rank": 0}, {"rank": 2, "target_modules": ("norm1",)}])
def test_settings_that_make_no_adapter(settings):
    with pytest.raises(ValueError, match="LoRA"):
        VectorFieldAdapter(**settings)

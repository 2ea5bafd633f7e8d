"""Checkpoints read by their headers and written in shards."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.utils import parametrizations
from transformers import Qwen2Config, Qwen2ForCausalLM

from flowdubber_hf.checkpoints.streaming import PlannedModel, Recipe, StoredTensors, plan_weights, write_weights


def a_model(seed: int = 0) -> Qwen2ForCausalLM:
    torch.manual_seed(seed)
    sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2}
    return Qwen2ForCausalLM(Qwen2Config(**sizes, num_attention_heads=2, num_key_value_heads=1))


@pytest.fixture
def folder(tmp_path):
    save_file(dict(a_model().state_dict()), tmp_path / "model.safetensors")
    return tmp_path


class Counted(StoredTensors):
    """Counts what is read."""

    def __init__(self, folder):
        super().__init__(folder)
        self.read = []

    def __getitem__(self, name):
        self.read.append(name)
        return super().__getitem__(name)


def test_planning_reads_no_tensor_and_writing_each_once(folder, tmp_path):
    stored = Counted(folder)
    with torch.device("meta"):
        model = a_model()
    recipes = plan_weights(model, stored, "it")
    assert not stored.read and len(recipes) == len(stored) > 20
    (tmp_path / "out").mkdir()
    write_weights(recipes, model, tmp_path / "out")
    assert sorted(stored.read) == sorted(stored)
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(tensor, written[name]) for name, tensor in a_model().state_dict().items())


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_shards_load_as_the_library_writes_them(folder, tmp_path, dtype):
    model, out = a_model(), tmp_path / "out"
    out.mkdir()
    model.config.save_pretrained(out)
    write_weights(plan_weights(model, StoredTensors(folder), "it"), model, out, dtype, shard_bytes=4000)
    files = sorted(path.name for path in out.glob("*.safetensors"))
    assert len(files) > 2 and files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    assert all(sum(t.nbytes for t in load_file(out / name).values()) <= 4000 for name in files)
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(model.state_dict()) and set(index["weight_map"].values()) == set(files)
    loaded = Qwen2ForCausalLM.from_pretrained(out, dtype="auto").state_dict()
    expected = {name: tensor.to(dtype or tensor.dtype) for name, tensor in a_model().state_dict().items()}
    assert all(torch.equal(loaded[name], tensor) for name, tensor in expected.items())


def test_whole_numbers_keep_their_kind(tmp_path):
    model = torch.nn.BatchNorm1d(2)
    write_weights(plan_weights(model, model.state_dict(), "it"), model, tmp_path, torch.float16)
    kinds = {name: tensor.dtype for name, tensor in load_file(tmp_path / "model.safetensors").items()}
    assert kinds.pop("num_batches_tracked") == torch.int64 and set(kinds.values()) == {torch.float16}


@pytest.mark.parametrize("rank", [3, 2])
def test_weight_normalisation_is_folded_as_the_library_does(rank):
    torch.manual_seed(0)
    plain = torch.nn.Conv1d(3, 4, 5) if rank == 3 else torch.nn.Linear(3, 4)
    normed = parametrizations.weight_norm(type(plain)(*((3, 4, 5) if rank == 3 else (3, 4))))
    with torch.no_grad():
        normed.parametrizations.weight.original0.mul_(1.7)
    recipes = plan_weights(torch.nn.Sequential(plain), torch.nn.Sequential(normed).state_dict(), "it")
    torch.testing.assert_close(recipes["0.weight"].cook(), normed.weight.detach())


def test_names_of_the_checkpoint_are_named():
    model, state = (
        torch.nn.Linear(2, 3),
        {"x.weight": torch.ones(3, 3), "x.bias_": torch.ones(3), "head.a": torch.ones(1)},
    )
    with pytest.raises(ValueError) as error:
        plan_weights(model, state, "it", public_name=lambda name: f"x.{name}", unused=("head.",))
    assert str(error.value) == (
        "it: the checkpoint lacks x.bias; it has unexpected x.bias_; it has other shapes of x.weight (3, 3) instead of (3, 2)."
    )


def test_values_that_are_not_finite_are_named():
    recipe = Recipe({"a": torch.tensor([1.0, float("inf")])}, ("a",))
    with pytest.raises(ValueError, match="'a' has values that are not finite"):
        recipe.cook()


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(ValueError, match=r"neither model\.safetensors nor"):
        StoredTensors(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="it is damaged"):
        StoredTensors(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    for name in ("a", "b"):
        save_file({"x": torch.ones(1)}, tmp_path / f"{name}.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}))
    with pytest.raises(ValueError, match="'x' twice"):
        StoredTensors(tmp_path)
    index.write_text("{}")
    with pytest.raises(ValueError, match="no index of safetensors shards"):
        StoredTensors(tmp_path)


def test_a_planned_model_is_saved_as_a_loaded_one(folder, tmp_path):
    with torch.device("meta"):
        model = a_model()
    planned = PlannedModel(model, plan_weights(model, StoredTensors(folder), "it"))
    assert planned.num_parameters() == a_model().num_parameters()
    planned.to(torch.float16).save_pretrained(tmp_path / "out")
    loaded = Qwen2ForCausalLM.from_pretrained(tmp_path / "out")
    assert loaded.dtype == torch.float16 and loaded.config.architectures == ["Qwen2ForCausalLM"]
    assert model.config.architectures is None
    fixed = PlannedModel(model, planned.recipes, fixed_dtype=True).to(torch.float16)
    assert fixed.dtype is None

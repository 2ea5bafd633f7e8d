"""Other projects' checkpoints: what is read, what is refused, and how names are matched."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io
import os
import pickle
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from flowdubber_hf.checkpoints import foreign
from flowdubber_hf.checkpoints.foreign import fold_weight_norm, load_strictly, locate, read_tensors
from flowdubber_hf.work.reading import read_json


class Program:
    """A pickle of this runs a command when Python reads it."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def weights() -> dict[str, torch.Tensor]:
    return {"a.weight": torch.arange(6.0).view(2, 3), "a.bias": torch.ones(2)}


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


# Reading


@pytest.mark.parametrize("zipped", [True, False])
def test_both_formats_of_torch_and_safetensors(tmp_path, zipped):
    torch.save(OrderedDict(weights()), tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    assert same(read_tensors(tmp_path / "x.pth"), weights())
    save_file(weights(), tmp_path / "x.safetensors")
    assert same(read_tensors(tmp_path / "x.safetensors"), weights())


def test_tensors_inside_and_the_prefix_of_several_devices(tmp_path):
    prefixed = {f"module.{name}": tensor for name, tensor in weights().items()}
    torch.save({"epoch": 3, "generator": prefixed, "optimizer": {"lr": [0.1]}}, tmp_path / "x.pt")
    assert same(read_tensors(tmp_path / "x.pt", within=("model", "generator")), weights())
    with pytest.raises(ValueError, match="'epoch' is something else"):
        read_tensors(tmp_path / "x.pt", within=("model",))


def test_a_best_score_of_numpy_does_not_matter(tmp_path):
    best = {"best_prec": np.float64(87.9), "model_state_dict": weights()}
    torch.save(best, tmp_path / "new.pt")
    old = pickle.dumps(best["best_prec"], protocol=2).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core.multiarray" in old  # as NumPy 1 wrote it
    with zipfile.ZipFile(tmp_path / "new.pt") as source, zipfile.ZipFile(tmp_path / "old.pt", "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            target.writestr(entry.filename, content.replace(b"numpy._core", b"numpy.core"))
    for name in ("new.pt", "old.pt"):
        assert same(read_tensors(tmp_path / name, within=("model_state_dict",)), weights())


@pytest.mark.parametrize("zipped", [True, False])
def test_programs_are_refused_and_never_run(tmp_path, zipped):
    marker = tmp_path / "ran"
    torch.save({**weights(), "x": Program(marker)}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"objects of the code \S*system.*refused.*safetensors"):
        read_tensors(tmp_path / "x.pt")
    plain = tmp_path / "plain.pt"
    plain.write_bytes(pickle.dumps(Program(marker)))
    with pytest.raises(ValueError, match=r"plain\.pt"):
        read_tensors(plain)
    assert not marker.exists()


def test_files_that_cannot_be_read_safely(tmp_path):
    torch.jit.script(torch.nn.Linear(1, 1)).save(tmp_path / "script.pt")
    with pytest.raises(ValueError, match="TorchScript"):
        read_tensors(tmp_path / "script.pt")
    with tarfile.open(tmp_path / "old.pt", "w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    with pytest.raises(ValueError, match=r"tar format.*save it again"):
        read_tensors(tmp_path / "old.pt")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", bytes(1 << 20))
    with pytest.raises(ValueError, match="compressed"):
        read_tensors(tmp_path / "bomb.pt")


def test_damaged_and_foreign_files(tmp_path):
    torch.save(weights(), tmp_path / "x.pt")
    whole = (tmp_path / "x.pt").read_bytes()
    for name, content in {"cut.pt": whole[: len(whole) // 2], "text.pt": b"no tensors", "empty.pt": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name.replace(".", r"\.")):
            read_tensors(tmp_path / name)
    (tmp_path / "x.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}nothing")
    with pytest.raises(ValueError, match=r"x\.safetensors .*damaged"):
        read_tensors(tmp_path / "x.safetensors")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="no mapping"):
        read_tensors(tmp_path / "list.pt")
    with pytest.raises(ValueError, match="there is no file"):
        read_tensors(tmp_path / "missing.pt")


def test_sizes_are_bounded(tmp_path, monkeypatch):
    torch.save({"x": torch.zeros(1).expand(1 << 40)}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="less data than its tensor 'x' claims"):
        read_tensors(tmp_path / "x.pt")
    monkeypatch.setattr(foreign, "MAX_CHECKPOINT_BYTES", 10)
    with pytest.raises(ValueError, match="are not read"):
        read_tensors(tmp_path / "x.pt")


def test_json(tmp_path):
    (tmp_path / "x.json").write_text('{"a": 1}')
    assert read_json(tmp_path / "x.json") == {"a": 1}
    for content, reason in (("[1]", "object"), ("{", "JSON"), ("[" * 100_000, "JSON")):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(ValueError, match=reason):
            read_json(tmp_path / "x.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ValueError, match="UTF-8"):
        read_json(tmp_path / "x.json")


# Finding


def test_where_a_checkpoint_is(tmp_path):
    for name in ("g_1", "g_2", "config.json"):
        (tmp_path / name).touch()
    assert locate(tmp_path / "g_1", ("x",)) == tmp_path / "g_1"
    assert locate(tmp_path, ("generator.pt", "g_1", "g_*")) == tmp_path / "g_1"
    assert locate(tmp_path, ("g_*",), file="g_2") == tmp_path / "g_2"
    for known, file, reason in (
        (("g_*",), None, r"several files that fit \(g_1, g_2\); name one with --file"),
        (("x.pt", "*.pt"), None, r"no file x\.pt or \*\.pt"),
        (("g_*",), "g_3", "no file 'g_3'"),
    ):
        with pytest.raises(ValueError, match=reason):
            locate(tmp_path, known, file)
    with pytest.raises(ValueError, match="no file or folder"):
        locate(tmp_path / "missing", ("x",))


def test_only_named_files_come_from_the_hub(tmp_path, monkeypatch):
    asked = {}

    def fetch(repository, patterns):
        asked[repository] = patterns
        return tmp_path

    monkeypatch.setattr(foreign, "fetch", fetch)
    (tmp_path / "mos").mkdir()
    for name in ("mos/x.pt", "mos/x.json"):
        (tmp_path / name).touch()
    assert locate("someone/some-model@main", ("x.pt", "*.pt"), beside=("x.json",)) == tmp_path / "mos" / "x.pt"
    assert asked["someone/some-model@main"] == ["x.pt", "*/x.pt", "x.json", "*/x.json"]
    with pytest.raises(ValueError, match=r"has no file y\.pt"):
        locate("someone/other", ("y.pt", "z*"))
    assert asked["someone/other"] == ["y.pt", "*/y.pt"]


def test_without_a_network_a_hub_id_says_what_to_do():
    with pytest.raises(ValueError, match=r"someone/some-model is neither bundled, nor a folder, nor in the cache"):
        locate("someone/some-model", ("x",))


# Matching


@pytest.mark.parametrize("kind", ["old", "new"])
@pytest.mark.parametrize("layer", [torch.nn.Conv1d(3, 4, 5), torch.nn.ConvTranspose1d(3, 4, 5)])
def test_folded_weights_are_those_of_the_normalised_layer(layer, kind):
    normalise = torch.nn.utils.weight_norm if kind == "old" else torch.nn.utils.parametrizations.weight_norm
    normalised = normalise(type(layer)(3, 4, 5))
    state = normalised.state_dict()
    magnitude = next(name for name in state if name.endswith(("weight_g", "original0")))
    state[magnitude] = state[magnitude] * 1.7
    normalised.load_state_dict(state)
    folded = fold_weight_norm({f"a.{name}": tensor for name, tensor in state.items()})
    assert sorted(folded) == ["a.bias", "a.weight"]
    layer.load_state_dict({name[2:]: tensor for name, tensor in folded.items()})
    x = torch.randn(1, 3, 9)
    torch.testing.assert_close(layer(x), normalised(x))


def test_pairs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"a\.weight_v but not a\.weight_g"):
        fold_weight_norm({"a.weight_v": torch.ones(2, 3, 1)})
    with pytest.raises(ValueError, match=r"a\.weight_g but not a\.weight_v"):
        fold_weight_norm({"a.weight_g": torch.ones(2, 1, 1)})
    with pytest.raises(ValueError, match="no magnitude"):
        fold_weight_norm({"a.weight_g": torch.ones(1, 3, 1), "a.weight_v": torch.ones(2, 3, 1)})


def model() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))


def public(name: str) -> str:
    return "net." + name


def public_tensors() -> dict[str, torch.Tensor]:
    return {public(name): tensor + 1 for name, tensor in model().state_dict().items()}


def test_every_tensor_gets_to_its_place():
    target, tensors = model(), public_tensors()
    del tensors["net.1.num_batches_tracked"]  # files of old versions lack it
    load_strictly(target, tensors, "x", public)
    assert not target.training
    assert all(torch.equal(target.state_dict()[name.removeprefix("net.")], value) for name, value in tensors.items())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"net.0.weight": None}, r"x: the checkpoint lacks net\.0\.weight"),
        ({"net.2.weight": torch.zeros(1)}, r"unexpected net\.2\.weight"),
        ({"net.0.weight": torch.zeros(2, 2)}, r"net\.0\.weight \(2, 2\) instead of \(2, 3\)"),
        ({"net.0.bias": torch.zeros(2, dtype=torch.long)}, r"other shapes of net\.0\.bias"),
        ({"net.0.bias": torch.tensor([0.0, torch.nan])}, r"not finite in net\.0\.bias"),
        ({f"x{number}": torch.zeros(1) for number in range(9)}, r"x0, x1, x2 and 6 more"),
    ],
)
def test_anything_that_differs_is_named(changes, reason):
    target = model()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    tensors = {name: tensor for name, tensor in (public_tensors() | changes).items() if tensor is not None}
    with pytest.raises(ValueError, match=reason):
        load_strictly(target, tensors, "x", public)
    assert same(target.state_dict(), before)

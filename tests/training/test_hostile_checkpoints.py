"""A checkpoint from somebody else runs no code, whatever it holds: it is refused before anything of it is read."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import pickle
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from flowdubber_hf.training.checkpoints import STATE_NAME, checkpoints
from support.regression_stage import Regression, run
from support.training_runs import load_script


pytestmark = pytest.mark.slow


REPOSITORY = Path(__file__).parents[2]
SCRIPTS = sorted(path.stem for path in (REPOSITORY / "examples").glob("train_*.py"))
# What accelerate wrote, and what it would read.
PICKLES = (
    "custom_checkpoint_0.pkl",
    "optimizer.bin",
    "scheduler.bin",
    "sampler.bin",
    "scaler.pt",
    "random_states_0.pkl",
    "pytorch_model.bin",
)


class Hostile:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.fixture
def hostile(tmp_path) -> tuple[bytes, Path]:
    """A pickle and the file that shows that it ran."""
    marker = tmp_path / "it-ran"
    pickle.loads(pickle.dumps(Hostile(marker)))
    assert marker.is_file()  # the pickle does what it should not
    marker.unlink()
    return pickle.dumps(Hostile(marker)), marker


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    run(folder, max_steps=2)
    return folder


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_training_stage_reads_a_pickle(script, trained, hostile, tmp_path, monkeypatch):
    data, marker = hostile
    folder = shutil.copytree(trained, tmp_path / "run")
    for name in PICKLES:
        (checkpoints(folder)[-1] / name).write_bytes(data)
    module = load_script(REPOSITORY, script)
    required = ["--dataset", "none", "--output_dir", str(folder), "--resume_from_checkpoint", "latest"]
    if script in ("train_dubber", "train_durations"):
        required += ["--aligner", "none"]
    monkeypatch.setattr(sys, "argv", [script, *required, "--max_steps", "9"])
    with pytest.raises(
        ValueError, match=r"holds pickles \(custom_checkpoint_0.pkl.*Start anew in another --output_dir"
    ):
        module.main()
    assert not marker.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "ema.safetensors", STATE_NAME])
def test_a_pickle_under_another_name_is_not_read_either(name, trained, hostile, tmp_path):
    data, marker = hostile
    folder = shutil.copytree(trained, tmp_path / "run")
    (checkpoints(folder)[-1] / name).write_bytes(data)
    with pytest.raises(ValueError, match=r"cannot be read as safetensors|is not UTF-8 text"):
        run(folder, resume_from_checkpoint="latest", max_steps=4)
    assert not marker.exists()


def test_a_checkpoint_holds_tensors_and_json_only(trained):
    assert {file.suffix for file in checkpoints(trained)[-1].iterdir()} == {".safetensors", ".json"}


def test_a_checkpoint_of_an_earlier_version_is_refused(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "run")
    file = checkpoints(folder)[-1] / STATE_NAME
    state = json.loads(file.read_text())
    del state["format"]
    file.write_text(json.dumps(state))
    with pytest.raises(ValueError, match=r"is of another version.*Start anew"):
        run(folder, resume_from_checkpoint="latest", max_steps=4)


def change(**changes):
    def apply(checkpoint: Path) -> None:
        file = checkpoint / STATE_NAME
        state = {**json.loads(file.read_text()), **changes}
        file.write_text(json.dumps({name: value for name, value in state.items() if value is not Ellipsis}))

    return apply


def tensors(name: str, alter):
    def apply(checkpoint: Path) -> None:
        file = checkpoint / f"{name}.safetensors"
        found = load_file(file)
        save_file(alter(found), file)

    return apply


def group(**changes):
    def apply(checkpoint: Path) -> None:
        state = json.loads((checkpoint / STATE_NAME).read_text())
        change(optimizer=[{**entry, **changes} for entry in state["optimizer"]])(checkpoint)

    return apply


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (change(step="2"), "'step' must be a whole number, got '2'"),
        (change(step=...), "lacks 'step'"),
        (change(window=[]), "'window' must be an object"),
        (change(window={"sums": {"loss": "x"}, "counts": {}}), "the window of the log must hold"),
        (change(step=-1), "must not be negative"),
        (change(seconds={}), "the seconds lacks 'data'"),
        (change(ema_step=None), "'ema_step' must be a whole number"),
        (change(optimizer=[]), "optimiser had other weights"),
        (change(optimizer=[1, 2]), "optimiser had other weights"),
        (change(schedule={}), "lacks 'last_epoch'"),
        (group(betas=[2, "x"]), "betas are"),
        (group(lr=float("nan")), "settings are"),
        (group(eps="x"), "'eps' must be"),
        (tensors("optimizer", lambda found: {"9.step": torch.ones(())}), "'9.step' fits none|holds no whole"),
        (tensors("optimizer", lambda found: {**found, "0.exp_avg": torch.ones(3)}), "'0.exp_avg' fits none"),
        (tensors("optimizer", lambda found: {"x": torch.ones(3)}), "'x' fits none"),
        (tensors("optimizer", lambda found: {k: v * float("nan") for k, v in found.items()}), "whole and finite"),
        (tensors("model", lambda found: {"x": torch.ones(3)}), "lacks weights"),
        (tensors("model", lambda found: {k: v * float("inf") for k, v in found.items()}), "are not finite"),
        (tensors("ema", lambda found: {"0": torch.ones(3)}), "does not hold the average"),
    ],
)  # fmt: skip
def test_damage_is_told(damage, told, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "run")
    damage(checkpoints(folder)[-1])
    with pytest.raises(ValueError, match=told) as caught:
        run(folder, Regression(), resume_from_checkpoint="latest", max_steps=4)
    assert str(checkpoints(folder)[-1].name) in str(caught.value)


def test_nothing_in_the_house_unpickles():
    """`torch.load` stands once, with `weights_only=True`; no other door to a pickle is there."""
    forbidden = re.compile(
        r"\bpickle\.loads?\b|\bunpickle\(|weights_only=False|\.load_state\(|allow_pickle=True|joblib\.load"
    )
    files = [path for folder in ("src", "examples", "spaces") for path in (REPOSITORY / folder).rglob("*.py")]
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    assert len(texts) > 100
    assert [path.name for path, text in texts.items() if forbidden.search(text)] == []
    loads = [path.name for path, text in texts.items() if re.search(r"\btorch\.load\(", text)]
    assert loads == ["foreign.py"]

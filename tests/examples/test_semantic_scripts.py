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
"""The semantic language model's scripts: two steps, stop, resume, train further, cache features."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from safetensors.torch import load_file

from training.test_semantic_training import write_store


SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def load_script(repository: Path, name: str) -> ModuleType:
    """A script as a module: its `main` runs here, which saves the imports of a new process."""
    spec = importlib.util.spec_from_file_location(name, repository / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def train(repository):
    return load_script(repository, "train_semantic_lm").main


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("features")
    write_store(root)
    return root


def options(features: Path, output: Path, *more: str) -> list[str]:
    common = ["--features", str(features), "--sources", "grid", "--source_shares", "1.0"]
    common += ["--text_config", json.dumps(SMALL), "--batch_size", "2", "--attention_dropout", "0"]
    return [*common, "--output_dir", str(output), *more]


def test_train_resume_and_cache(repository, train, features, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    schedule = ["--warmup_steps", "100", "--log_steps", "1", "--checkpoint_steps", "1"]  # the rate depends on no end
    train(options(features, whole, "--max_train_steps", "3", *schedule))
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3]
    assert "perplexity_other_text" in lines[-1]

    train(options(features, parts, "--max_train_steps", "2", *schedule))
    train(options(features, parts, "--max_train_steps", "3", *schedule, "--resume"))
    expected, actual = (load_file(folder / "model" / "model.safetensors") for folder in (whole, parts))
    for name, weight in expected.items():
        assert weight.allclose(actual[name], atol=1e-6), name

    arguments = ["--features", str(features), "--model", str(whole / "model"), "--tokenizer", str(whole / "tokenizer")]
    load_script(repository, "extract_semantic_features").main([*arguments, "--train_seeds", "1", "--device", "cpu"])
    assert len(list((features / "semantic").rglob("*.npy"))) == 8


def test_first_stage_on_phones(train, features, tmp_path):
    first, second = tmp_path / "phones", tmp_path / "tokens"
    train(options(features, first, "--max_train_steps", "1", "--codes", "phones"))
    train(options(features, second, "--max_train_steps", "1", "--init", str(first), "--init_codes", "phones"))
    assert (second / "model" / "model.safetensors").is_file()


def test_resume_without_checkpoint(train, features, tmp_path):
    with pytest.raises(ValueError, match="no checkpoint"):
        train(options(features, tmp_path / "nothing", "--resume"))


def test_errors_are_one_line(repository, tmp_path):
    command = [sys.executable, str(repository / "examples" / "train_semantic_lm.py")]
    result = subprocess.run([*command, *options(tmp_path, tmp_path / "out")], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("error: there is no")
    assert "Traceback" not in result.stderr

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

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from training.test_semantic_training import write_store


SMALL = '{"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1}'


def run(repository: Path, script: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(repository / "examples" / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=repository)


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("features")
    write_store(root)
    return root


def options(features: Path, output: Path, *more: str) -> list[str]:
    common = ["--features", str(features), "--sources", "grid", "--source_shares", "1.0", "--text_config", SMALL]
    return [*common, "--output_dir", str(output), "--batch_size", "2", "--attention_dropout", "0", *more]


def test_train_resume_and_cache(repository, features, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    schedule = ["--warmup_steps", "100", "--log_steps", "1", "--checkpoint_steps", "1"]  # the rate depends on no end
    result = run(repository, "train_semantic_lm.py", *options(features, whole, "--max_train_steps", "3", *schedule))
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in (whole / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3]
    assert "perplexity_other_text" in lines[-1]

    for steps, more in ((2, []), (3, ["--resume"])):
        arguments = options(features, parts, "--max_train_steps", str(steps), *schedule, *more)
        result = run(repository, "train_semantic_lm.py", *arguments)
        assert result.returncode == 0, result.stderr
    expected, actual = (load_file(folder / "model" / "model.safetensors") for folder in (whole, parts))
    for name, weight in expected.items():
        assert weight.allclose(actual[name], atol=1e-6), name

    arguments = ["--features", str(features), "--model", str(whole / "model"), "--tokenizer", str(whole / "tokenizer")]
    result = run(repository, "extract_semantic_features.py", *arguments, "--train_seeds", "1", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    assert len(list((features / "semantic").rglob("*.npy"))) == 8


def test_first_stage_on_phones(repository, features, tmp_path):
    first, second = tmp_path / "phones", tmp_path / "tokens"
    arguments = options(features, first, "--max_train_steps", "1", "--codes", "phones")
    assert run(repository, "train_semantic_lm.py", *arguments).returncode == 0
    arguments = options(features, second, "--max_train_steps", "1", "--init", str(first), "--init_codes", "phones")
    result = run(repository, "train_semantic_lm.py", *arguments)
    assert result.returncode == 0, result.stderr
    assert (second / "model" / "model.safetensors").is_file()


def test_errors_are_one_line(repository, tmp_path):
    result = run(repository, "train_semantic_lm.py", *options(tmp_path, tmp_path / "out"))
    assert result.returncode == 2
    assert result.stderr.strip().splitlines()[-1].startswith("error: there is no")
    assert "Traceback" not in result.stderr

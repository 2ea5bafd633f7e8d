"""The language model's scripts on project-made clips."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState
from safetensors.torch import load_file
from transformers import AutoTokenizer

from flowdubber_hf.training.arguments import run_script
from flowdubber_hf.training.semantic_features import SemanticCache
from flowdubber_hf.training.semantic_model import load_model
from flowdubber_hf.training.semantic_stage import SemanticStage
from support.training_runs import check_resume, check_two_processes, load_script, log_of, run_here, write_dataset
from training.test_semantic_training import write_qwen2


pytestmark = pytest.mark.slow


SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture
def train(repository, monkeypatch, dataset):
    script = load_script(repository, "train_semantic_lm")

    def run(*arguments: str) -> None:
        common = ["--dataset", str(dataset), "--batch_size", "2", "--validation_clips", "1", "--warmup_steps", "1"]
        run_here(script, monkeypatch, *common, *arguments)

    return run


FRESH = ["--text_config", json.dumps(SMALL), "--attention_dropout", "0.2"]


def test_training_resumes_exactly_and_its_states_are_cached(repository, train, dataset, monkeypatch, tmp_path):
    check_resume(lambda *more: train(*FRESH, *more), tmp_path, monkeypatch, SemanticStage, "model/model.safetensors")
    assert log_of(tmp_path / "whole", "val_perplexity_other_text")
    model, cache = tmp_path / "whole" / "best", tmp_path / "states"
    extract = load_script(repository, "extract_semantic_features").main
    options = ["--dataset", str(dataset), "--cache", str(cache), "--max_new_tokens", "8", "--samples", "1"]
    extract([*options, "--model", str(model)])
    reader = SemanticCache(cache)
    assert "an4/c/0" in reader and "an4/c/1" not in reader  # sound alone too, but not without text
    assert reader.get("grid/a/3", np.random.default_rng(0)).shape[1] == 32
    extract([*options[:-1], "2", "--model", str(model)])  # goes on
    assert SemanticCache(cache).samples("grid/a/0") == [0, 1] and SemanticCache(cache).samples("grid/a/3") == [0]

    train(*FRESH, "--seed", "1", "--max_steps", "1", "--output_dir", str(tmp_path / "other"))
    with pytest.raises(ValueError, match="another model"):
        extract([*options, "--model", str(tmp_path / "other" / "model")])


def test_two_processes_equal_one(repository, dataset, monkeypatch, tmp_path):
    options = ["--dataset", str(dataset), "--batch_size", "4", "--validation_clips", "1", "--warmup_steps", "1"]
    options += ["--text_config", json.dumps(SMALL), "--attention_dropout", "0"]
    check_two_processes(repository, "train_semantic_lm", monkeypatch, tmp_path, options)


def test_first_stage_on_phones(train, tmp_path):
    spelling, phones, tokens = (tmp_path / name for name in ("spelling", "phones", "tokens"))
    alone = ("--codes", "spelling", "--without_transcript", "1")
    train(*FRESH, "--max_steps", "1", *alone, "--output_dir", str(spelling))
    more = ("--max_steps", "1", "--init_codes", "phones")
    train(*more, "--codes", "phones", "--init_from", str(spelling), "--output_dir", str(phones))
    train(*more, "--init_from", str(phones), "--output_dir", str(tokens))
    assert (tokens / "model" / "model.safetensors").is_file()


def test_base_starts_from_a_plain_qwen2_with_one_option(train, tmp_path):
    qwen = write_qwen2(tmp_path / "qwen")
    options = ["--preset", "base", "--init_from", str(tmp_path / "qwen"), "--learning_rate", "1e-9"]
    train(*options, "--max_steps", "1", "--output_dir", str(tmp_path / "run"))
    model, tokenizer = load_model(tmp_path / "run")
    families = dict(model.config.token_families)
    assert families["bicodec_semantic"] == 8192 and families["emotion"] == 101
    assert model.config.vocab_size >= len(tokenizer) == 300 + 13493
    text = tokenizer("bin blue now")["input_ids"]
    assert text == AutoTokenizer.from_pretrained(tmp_path / "qwen")("bin blue now")["input_ids"]
    ids = torch.tensor([text])
    with torch.no_grad():  # it still reads as before, and its new tokens are as likely as others
        logits = model(input_ids=ids).logits
        torch.testing.assert_close(logits[..., :300], qwen(input_ids=ids).logits[..., :300], atol=1e-4, rtol=1e-4)
    assert logits[..., 300:].std() < 2 * logits[..., :300].std()


def test_low_rank_training_of_a_plain_qwen2(train, tmp_path):
    pytest.importorskip("peft")
    write_qwen2(tmp_path / "qwen")
    options = ["--init_from", str(tmp_path / "qwen"), "--lora_rank", "2", "--gradient_checkpointing"]
    train(*options, "--max_steps", "3", "--save_steps", "2", "--output_dir", str(tmp_path / "run"))
    assert (tmp_path / "run" / "model" / "adapter" / "adapter_model.safetensors").is_file()
    start, end = (load_file(tmp_path / name / "model.safetensors") for name in ("qwen", "run/model"))
    changed = [name for name, value in start.items() if not torch.equal(value[:300], end[name][:300])]
    assert changed and all("_proj.weight" in name for name in changed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--codes", "letters"], "tokens, phones, spelling"),
        (["--init_codes", "spelling", "--init_from", "x"], "tokens, phones"),
        (["--init_codes", "phones"], "give --init_from"),
        (["--lora_rank", "2", "--lora_target_modules", "lm_head"], "not lm_head"),
        (["--text_config", "{"], "not JSON"),
        (["--attention_dropout", "1"], "attention_dropout"),
        (["--sources", "librispeech"], "no clip of librispeech"),
    ],
)
def test_bad_options(train, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train("--output_dir", str(tmp_path / "out"), *options)


def test_errors_are_one_line(repository, monkeypatch, capsys, tmp_path):
    script = load_script(repository, "train_semantic_lm")
    monkeypatch.setattr(
        sys, "argv", ["train_semantic_lm.py", "--dataset", str(tmp_path), "--output_dir", str(tmp_path / "out")]
    )
    with pytest.raises(SystemExit) as exit_:
        run_script(script.main)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.strip().splitlines()[-1].startswith("train_semantic_lm.py: ")


@pytest.fixture(autouse=True)
def fresh_state():
    """The next test may want another accelerator."""
    yield
    for state in (AcceleratorState, PartialState, GradientState):
        state._reset_state()

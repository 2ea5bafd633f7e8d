"""The training benchmark: its clips, its commands and its figures; the stages themselves are tested with their scripts."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import sys
from pathlib import Path

import pytest

from flowdubber_hf.training.arguments import TrainingArguments, parse_arguments
from support.stages import few_clips, training_stages
from support.training_runs import load_script


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script(repository):
    pytest.importorskip("pyarrow")
    return load_script(repository, "benchmark_training")


@pytest.fixture
def arguments(script, monkeypatch, tmp_path):
    few_clips(monkeypatch)
    return script.parse_arguments(["--output", str(tmp_path / "out"), "--batch_size", "2"])


@pytest.mark.parametrize("stage", training_stages.STAGES)
def test_scripts_know_the_options_they_are_given(script, arguments, monkeypatch, repository, stage, tmp_path):
    module = load_script(repository, training_stages.STAGES[stage].script)
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, TrainingArguments) and value is not TrainingArguments
    ]
    command = script.stage_command(arguments, stage, tmp_path / "run")
    assert Path(command[1]).is_file()
    parsed = parse_arguments(kinds[0], command[2:])
    assert parsed.batch_size == 2
    assert parsed.logging_steps == 1
    assert parsed.max_steps > 10**6
    assert getattr(parsed, "preset", "tiny") == "tiny"
    assert training_stages.STAGES[stage].sized == hasattr(parsed, "preset")


def test_the_made_text_tokenizer_serves_the_language_model(script, tmp_path):
    from transformers import AutoTokenizer

    from flowdubber_hf.models.semantic import build_prompt, build_tokenizer, semantic_config

    config = semantic_config("base", text_vocab_size=40, pad_token_id=1, end_of_text_token_id=2)
    text = AutoTokenizer.from_pretrained(training_stages.make_text_tokenizer(tmp_path / "text", 40))
    tokenizer = build_tokenizer("base", text_tokenizer=text, config=config)
    prompt = build_prompt(tokenizer, "bin blue", "lay red", list(range(32)), [1, 2])
    assert len(prompt) > 15 + 32 + 2


FAKE = """
import json, pathlib, sys, time
log = pathlib.Path(sys.argv[1])
log.parent.mkdir(parents=True)
with log.open("w") as file:
    for step in range(int(sys.argv[2])):
        row = {"step": step, "model_seconds": step + 1, "data_seconds": 1.0, "samples_per_second": 1,
               "peak_memory_gb": step, "loss": 0.5}
        file.write(json.dumps(row) + "\\n")
        file.flush()
    file.write('{"step": 9, "samp')
    file.flush()
    time.sleep(float(sys.argv[3]))
"""


@pytest.fixture
def fake(tmp_path):
    path = tmp_path / "fake.py"
    path.write_text(FAKE)
    return lambda steps, seconds: [
        sys.executable,
        str(path),
        str(tmp_path / "run" / "log.jsonl"),
        str(steps),
        str(seconds),
    ]


def test_a_run_is_stopped_after_its_steps(script, fake, tmp_path):
    steps = script.run_until(fake(4, 600), tmp_path / "run" / "log.jsonl", 3, timeout=120)
    assert [step["step"] for step in steps] == [0, 1, 2]
    assert steps[2]["cpu_seconds"] is None or steps[2]["cpu_seconds"] >= steps[0]["cpu_seconds"] >= 0
    for step, spent in zip(steps, (5.0, 6.0, 8.0), strict=True):
        step["cpu_seconds"] = spent
    figures = script.summarize(steps, 1, 8)
    assert figures["cpu_seconds_per_step"] == pytest.approx(1.5)
    assert script.summarize(steps, 0, 8)["cpu_seconds_per_step"] is None
    assert figures["seconds_per_step"] == pytest.approx(3.5)
    assert figures["samples_per_second"] == pytest.approx(8 / 3.5)
    assert figures["model_share"] == pytest.approx(2.5 / 3.5)
    assert figures["peak_memory_gb"] == 2


def test_a_run_that_fails_or_hangs_is_said(script, fake, tmp_path):
    with pytest.raises(RuntimeError, match="before its steps"):
        script.run_until(fake(1, 0), tmp_path / "run" / "log.jsonl", 3, timeout=120)
    (tmp_path / "run" / "log.jsonl").unlink()
    (tmp_path / "run").rmdir()
    with pytest.raises(RuntimeError, match="longer than 0 s"):
        script.run_until(fake(1, 600), tmp_path / "run" / "log.jsonl", 3, timeout=0.01)


def test_report(script, arguments, monkeypatch, capsys, tmp_path):
    def measure(args, stage):
        steps = [{"model_seconds": 1.5, "data_seconds": 0.5, "peak_memory_gb": 1.25, "loss": 1.0}]
        return script.summarize(steps, 0, 16) | {
            "preset": args.preset,
            "stage": stage,
            "machine": {"device": "a", "torch": "2"},
        }

    monkeypatch.setattr(script, "measure", lambda args, stage: keep(measure(args, stage)))
    monkeypatch.setattr(script, "count_parameters", lambda preset: {"aligner": 4_000_000, "vector_field": 150_000_000})

    def keep(result):
        path = arguments.output / f"{result['preset']}-{result['stage']}.json"
        path.write_text(json.dumps(result))
        return result

    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "benchmarks.md"
    page.write_text("<!-- figures training -->\nold\n<!-- end figures training -->\n")
    script.main(["--output", str(arguments.output), "--stages", "aligner", "dubber", "--docs", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| aligner | tiny | 4.0 M | 16 | 2.00 | - | 8.00 | 75 % | 1.25 GB | 1 |" in printed
    assert "| dubber | tiny | 154 M |" in printed
    assert "| vector_field | 150 M | 150 M |" in printed
    assert "| dubber |" in page.read_text()
    assert "old" not in page.read_text()


def test_tiny_parameters_are_those_of_the_models(script):
    counts = script.count_parameters("tiny")
    assert 15e6 < sum(counts.values()) < 25e6
    assert counts["semantic_model"] > 2e6


def test_bad_options_end_in_one_line(script, capsys):
    with pytest.raises(SystemExit) as error:
        script.parse_arguments(["--steps", "0"])
    assert error.value.code == 2
    assert "at least 1" in capsys.readouterr().err


def test_the_page_has_the_section_that_the_tables_go_to(repository):
    text = (repository / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert "<!-- figures training -->\n" in text
    assert "<!-- end figures training -->" in text

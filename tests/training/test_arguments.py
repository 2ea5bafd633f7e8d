"""Options from flags and files: flags win, unknown names and bad values are refused with what to do."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.training.arguments import TrainingArguments, changed_options, parse_arguments, run_script


BASE = ["--dataset", "a", "b", "--output_dir", "out"]


def parse(*arguments: str) -> TrainingArguments:
    return parse_arguments(TrainingArguments, list(arguments))


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_flags_win_over_the_file(tmp_path, kind):
    path = tmp_path / f"options.{kind}"
    yaml = "dataset: [c]\noutput_dir: x\nlearning_rate: 1e-4\nmax_steps: 7\nuse_ema: false\nreport_to: [tensorboard]\n"
    json = (
        '{"dataset": ["c"], "output_dir": "x", "learning_rate": 1e-4, "max_steps": 7, "use_ema": false, '
        '"report_to": ["tensorboard"]}'
    )
    path.write_text({"yaml": yaml, "json": json}[kind])
    found = parse(str(path), "--max_steps", "9", "--dataset", "d", "e")
    assert (found.dataset, found.output_dir, found.max_steps) == (["d", "e"], "x", 9)
    assert (found.learning_rate, found.use_ema, found.report_to) == (1e-4, False, ["tensorboard"])


def test_an_empty_file_changes_nothing(tmp_path):
    (tmp_path / "none.yaml").write_text("# nothing yet\n")
    assert parse(str(tmp_path / "none.yaml"), *BASE) == parse(*BASE)


@pytest.mark.parametrize(
    "text, message",
    [
        ("max_step: 3", r"unknown option 'max_step'; did you mean max_steps\?"),
        ("help: true", "unknown option 'help'"),
        ("max_steps: many", "max_steps 'many' is not of the right type"),
        ("max_steps: [1, 2]", "max_steps takes one value"),
        ("- 1", "must hold names with values"),
        ("a: [", "is not valid YAML"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        parse(str(path), *BASE)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"none\.json cannot be read"):
        parse(str(tmp_path / "none.json"), *BASE)


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--max_steps", "0"], "--max_steps must be at least 1, got 0"),
        (["--save_total_limit", "0"], "--save_total_limit must be at least 1"),
        (["--warmup_steps", "-1"], "--warmup_steps must not be negative"),
        (["--learning_rate", "0"], "--learning_rate must be positive"),
        (["--ema_decay", "1"], r"--ema_decay must be in \[0, 1\)"),
        (["--mixed_precision", "int8"], "--mixed_precision 'int8' is not known; choose from auto, no, bf16, fp16"),
        (["--lr_scheduler_type", "reduce_lr_on_plateau"], "--lr_scheduler_type 'reduce_lr_on_plateau' is not known"),
        (["--report_to", "email"], "--report_to 'email' is not known"),
        (["--lr_scheduler_type", "linear", "--min_learning_rate", "1e-5"], "--min_learning_rate needs"),
        (["--min_learning_rate", "1"], "must not be above"),
        (["--batch_size", "5", "--gradient_accumulation_steps", "2"], "5 cannot be divided into 2 equal parts"),
        (["--push_to_hub"], "--push_to_hub needs --hub_model_id"),
        (["--speakers", "s1", "--exclude_speakers", "s1"], "both name s1"),
    ],
)
def test_bad_options_are_refused(flags, message):
    with pytest.raises(ValueError, match=message):
        parse(*BASE, *flags)


def test_unknown_flags_are_refused():
    with pytest.raises(ValueError, match=r"unknown option --max_step; did you mean max_steps\?"):
        parse(*BASE, "--max_step", "3")


def test_a_missing_option_ends_with_exit_code_2(capsys):
    with pytest.raises(SystemExit) as stop:
        parse("--dataset", "a")
    assert stop.value.code == 2
    assert "--output_dir" in capsys.readouterr().err


def test_a_mistake_ends_in_one_line_and_exit_code_2(capsys):
    def main():
        raise ValueError("give a folder.")

    with pytest.raises(SystemExit) as stop:
        run_script(main)
    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(": give a folder.\n")


def test_changed_options_name_what_another_run_computes():
    before = vars(parse(*BASE))
    now = parse(*BASE, "--batch_size", "4", "--threads", "3")
    assert changed_options(before, now) == ["batch_size: 16 -> 4"]

"""Commands and settings in the recipes and the documentation name scripts and options that exist; the recipes run their
stages in order, pass over finished ones and tell their times."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import ast
import importlib
import importlib.util
import os
import re
import subprocess
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from flowdubber_hf.cli import build_parser
from flowdubber_hf.training.arguments import TrainingArguments, parse_arguments
from support.training_runs import load_script


PAGES = (
    "README.md",
    "docs/training.md",
    "docs/benchmarks.md",
    "docs/data.md",
    "docs/faq.md",
    "docs/pretrained.md",
    "examples/README.md",
    "examples/recipes/grid_tiny.sh",
    "examples/recipes/finetune.sh",
)
SCRIPT = re.compile(
    r"(?:python|accelerate launch|\$launch|alone|trained)[^\n]*?[\"/ ](?:\$?examples/)?(\w+)\.py\"?([^\n]*)"
)
HELPER = re.compile(r"^\s*(?:stage \w+ )?(?:alone|trained|stage \w+ (?:alone|trained)) (\w+) ([^\n]*)", re.MULTILINE)
PREPARE = re.compile(r"flowdubber (prepare|dub|demo) ([^\n`]*)")
# The class of a recipe's script, by the recipe's name up to its first variant.
RECIPES = {
    "vocoder": ("train_vocoder", "VocoderArguments", []),
    "syncnet": ("train_syncnet", "SyncNetArguments", []),
    "speech_tokenizer": ("train_speech_tokenizer", "SpeechTokenizerArguments", []),
    "speech_tokenizer_voice": ("train_speech_tokenizer", "SpeechTokenizerArguments", ["--init_from", "x"]),
    "semantic_spelling": ("train_semantic_lm", "SemanticArguments", []),
    "semantic": ("train_semantic_lm", "SemanticArguments", ["--init_from", "x"]),
    "aligner": ("train_aligner", "AlignerArguments", []),
    "durations": ("train_durations", "DurationArguments", ["--aligner", "x"]),
    "dubber": ("train_dubber", "DubberArguments", ["--aligner", "x"]),
    "dubber_knowledge": ("train_dubber", "DubberArguments", ["--aligner", "x", "--vector_field", "y"]),
}


def joined(text: str) -> str:
    """Continued lines in one."""
    return re.sub(r"\\\n\s*", " ", text)


def flags(text: str) -> list[str]:
    return re.findall(r"(?<![\w-])--(\w[\w-]*)", text.split("#")[0])


def commands(text: str) -> list[tuple[str, list[str]]]:
    """(script, options) of each command in a page or script."""
    text = joined(text)
    found = SCRIPT.findall(text) + HELPER.findall(text)
    return [(name, flags(rest)) for name, rest in found if name not in ("setup", "app")]  # no examples


def options_of(script: Path) -> set[str]:
    """Fields of the script's dataclasses, those it inherits, and what it gives to argparse."""
    source = script.read_text(encoding="utf-8")
    names = set(re.findall(r"\"--([\w-]+)\"", source))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            names |= {entry.target.id for entry in node.body if isinstance(entry, ast.AnnAssign)}
            if any(isinstance(base, ast.Name) and base.id == "TrainingArguments" for base in node.bases):
                names |= {entry.name for entry in fields(TrainingArguments)}
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flowdubber_hf.training."):
            kinds = [getattr(importlib.import_module(node.module), entry.name) for entry in node.names]
            names |= {entry.name for kind in kinds if is_dataclass(kind) for entry in fields(kind)}
    return names


def command_options(command: str) -> set[str]:
    """Options of a command of `flowdubber`."""
    action = next(a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    return {name.lstrip("-") for entry in action.choices[command]._actions for name in entry.option_strings}


def test_commands_are_found_in_a_page():
    page = 'a\npython examples/a_b.py --one x --two y\n$launch "$examples/c.py" --three \\\n    --four 1\n'
    page += "stage x trained d e --five\n    alone f --six 1 # --seven\n"
    expected = [("a_b", ["one", "two"]), ("c", ["three", "four"]), ("d", ["five"]), ("f", ["six"])]
    assert commands(page) == expected


@pytest.mark.parametrize("page", PAGES)
def test_options_exist(repository, page):
    if not (repository / page).is_file():
        pytest.skip(f"there is no {page}")
    text = (repository / page).read_text(encoding="utf-8")
    for name, options in commands(text):
        script = repository / "examples" / f"{name}.py"
        assert script.is_file(), f"{page} names {name}.py"
        unknown = set(options) - options_of(script)
        # accelerate's own stand before the script's name in the same command
        assert not unknown, f"{page}: {name}.py has no {', '.join(sorted(unknown))}"
    for command, rest in PREPARE.findall(joined(text)):
        unknown = set(flags(rest.split(" && ")[0])) - command_options(command)
        assert not unknown, f"{page}: flowdubber {command} has no {', '.join(sorted(unknown))}"


def recipe_files() -> list[Path]:
    return sorted((Path(__file__).resolve().parents[2] / "examples" / "recipes").glob("*/*.yaml"))


@pytest.fixture(scope="module")
def kinds(repository):
    """Dataclasses of the training scripts, by script and name."""
    found = {}
    for script in {script for script, _, _ in RECIPES.values()}:
        found[script] = load_script(repository, script)
    return {(script, kind): getattr(found[script], kind) for script, kind, _ in RECIPES.values()}


@pytest.mark.parametrize("path", recipe_files(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_recipes_are_options_of_their_scripts(kinds, path):
    script, kind, needed = RECIPES[path.stem]
    found = parse_arguments(kinds[script, kind], [str(path), "--dataset", "a", "--output_dir", "b", *needed])
    assert found.max_steps > 0


def test_base_has_the_papers_sizes(kinds):
    for corpus, batch in (("grid", 64), ("chem", 32)):
        path = next(p for p in recipe_files() if p.parent.name == f"base_{corpus}" and p.stem == "dubber")
        required = [str(path), "--dataset", "a", "--output_dir", "b", "--aligner", "x"]
        found = parse_arguments(kinds["train_dubber", "DubberArguments"], required)
        assert (found.batch_size, found.learning_rate, found.preset) == (batch, 1e-4, "base")


STUB = """#!/usr/bin/env bash
if [ "${1:-}" = -c ]; then echo /bundled; exit; fi
if [ "${1:-}" = - ]; then cat >/dev/null; echo "$2"; exit; fi
echo "$(basename "$0") $*" >>"$STUB_LOG"
[ -z "${STUB_FAIL:-}" ] || [[ "$*" != *"$STUB_FAIL"* ]]
"""


def run_recipe(repository: Path, folder: Path, name: str, *arguments: str, **environment: str):
    """Runs a recipe with `python` and `flowdubber` replaced; returns it and the commands it gave."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for program in ("python", "flowdubber"):
        (programs / program).write_text(STUB)
        (programs / program).chmod(0o755)
    log = folder / "log"
    log.write_text("")
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(repository / "examples" / "recipes" / name), *arguments],
        env={**os.environ, "PATH": path, "STUB_LOG": str(log), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done, log.read_text().splitlines()


@pytest.fixture
def grid_tiny(repository, tmp_path):
    """Runs the bundled model's recipe on sources, which are empty folders, into a folder that it goes on in."""

    def run(*sources: str, output: str = "out", **environment: str):
        for source in sources:
            (tmp_path / "data" / source).mkdir(parents=True, exist_ok=True)
        folders = (str(tmp_path / "data"), str(tmp_path / output))
        return run_recipe(repository, tmp_path, "grid_tiny.sh", *folders, **environment)

    return run


@pytest.mark.slow
def test_grid_tiny_runs_its_stages_once(grid_tiny, tmp_path):
    stopped, first = grid_tiny("grid", "speech", "flite", STUB_FAIL="train_aligner", DUBBER_STEPS="7")
    assert stopped.returncode != 0 and "train_aligner.py" in first[-1]
    done, second = grid_tiny(DUBBER_STEPS="7")
    assert done.returncode == 0, done.stderr
    names = [re.search(r"(prepare|assemble|\w+\.py|evaluate)", line)[0] for line in first[:-1] + second]
    assert names == [
        *["prepare"] * 3,
        "train_vocoder.py",
        "train_aligner.py",
        "train_durations.py",
        "train_dubber.py",
        *["train_speech_tokenizer.py"] * 2,
        *["prepare"] * 3,
        *["train_semantic_lm.py"] * 2,
        "extract_semantic_features.py",
        "train_dubber.py",
        "assemble",
        "evaluate",
    ]
    dubber = next(line for line in second if "train_dubber" in line)
    durations = next(line for line in second if "train_durations" in line)
    assert f"--aligner {tmp_path}/out/aligner/best/aligner" in durations and "tiny/durations.yaml" in durations
    assert f"--aligner {tmp_path}/out/durations/best/aligner" in dubber
    assert "--max_steps 7" in dubber and "--resume_from_checkpoint latest" in dubber and "tiny/dubber.yaml" in dubber
    assert all("--exclude_speakers grid-s4" not in line for line in first + second)
    for stage in ("prepare", "vocoder", "aligner", "dubber", "figures", "all"):
        assert re.search(rf"^{stage} +[\d.]+ min$", done.stdout, re.MULTILINE), stage
    again, third = grid_tiny()
    assert again.returncode == 0 and third == []


@pytest.mark.slow
def test_grid_tiny_makes_speech_where_flite_is_and_leaves_speakers_out(grid_tiny, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "flite").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "flite").chmod(0o755)
    done, made = grid_tiny("grid", output="with", EXCLUDE="grid-s4 grid-s5", PRECISION="bf16")
    assert done.returncode == 0, done.stderr
    assert "make_teacher_speech.py --teacher flite" in made[0]
    assert f"prepare {tmp_path}/with/flite {tmp_path}/with/data/flite" in made[2]
    trained = [line for line in made if "/train_" in line]
    assert all("--exclude_speakers grid-s4 grid-s5" in line for line in trained)
    precisions = {
        re.search(r"tiny/(\w+)", line)[1]: re.search(r"--mixed_precision (\w+)", line)[1] for line in trained
    }
    assert precisions["dubber"] == precisions["semantic"] == "bf16"
    assert precisions["aligner"] == precisions["speech_tokenizer"] == "auto"
    done, made = grid_tiny(output="without", FLITE="0")
    assert done.returncode == 0 and not any("flite" in line for line in made)


@pytest.mark.slow
def test_grid_tiny_takes_all_its_sources_and_a_model_that_spells(grid_tiny, tmp_path):
    done, made = grid_tiny("grid", "transcribed", "kokoro", ANSWER="spelling", FLITE="0")
    assert done.returncode == 0, done.stderr
    prepared = [line for line in made if "flowdubber prepare" in line]
    assert "--val_by speaker" in prepared[1] and "--val_share 0 " in prepared[2] and "data/kokoro" in prepared[2]
    spelling = f"{tmp_path}/out/semantic_spelling/best"
    assert sum("train_semantic_lm.py" in line for line in made) == 1
    (states,) = (line for line in made if "extract_semantic_features.py" in line)
    assert f"--model {spelling}" in states and states.endswith("--samples 1")
    assert "--semantic_channel path --phoneme_drop 0.3" in [line for line in made if "train_dubber.py" in line][-1]
    assert f"--semantic-model {spelling}" in next(line for line in made if "assemble" in line)
    done, _ = grid_tiny(ANSWER="song")
    assert done.returncode == 2 and "speech or spelling" in done.stderr


@pytest.mark.slow
def test_grid_tiny_wants_its_folders(repository, tmp_path):
    done, _ = run_recipe(repository, tmp_path, "grid_tiny.sh")
    assert done.returncode != 0 and "first argument" in done.stderr
    (tmp_path / "empty").mkdir()
    done, _ = run_recipe(repository, tmp_path, "grid_tiny.sh", str(tmp_path / "empty"), str(tmp_path / "out"))
    assert done.returncode == 2 and "there is no folder" in done.stderr


@pytest.mark.parametrize("language_model", [True, False])
@pytest.mark.slow
def test_finetune_is_one_command(repository, tmp_path, language_model):
    model = tmp_path / "model"
    (model / ("semantic_model" if language_model else "aligner")).mkdir(parents=True)
    more = ("--speakers", "ann", "--push_to_hub")
    arguments = ("finetune.sh", str(tmp_path / "clips"), str(tmp_path / "out"), *more)
    environment = {"MODEL": str(model), "STEPS": "5", "PREPARE": "--corpus metadata"}
    done, given = run_recipe(repository, tmp_path, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    names = [re.search(r"(flowdubber prepare|\w+\.py)", line)[0] for line in given]
    between = ["extract_semantic_features.py"] if language_model else []
    assert names == ["flowdubber prepare", *between, "train_dubber.py"]
    tokenizer = f"{model}/speech_tokenizer" if language_model else "none"
    assert "--corpus metadata" in given[0] and f"--speech_tokenizer {tokenizer} " in given[0]
    assert ("--semantic_features" in given[-1]) == language_model
    assert "--max_steps 5" in given[-1] and f"--init_from {model}" in given[-1] and given[-1].endswith(" ".join(more))


def test_ci_finds_both_commands_of_the_readme(repository):
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", (repository / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert blocks[0].startswith("pip install . && flowdubber demo demo --overwrite && flowdubber dub ")
    assert blocks[1] == 'pip install ".[test]" && pytest\n'
    assert blocks[0].count("\n") == 1

"""The two dubber scripts on a dataset made by the tests: launched, killed, resumed; on two processes; to a pipeline."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from flowdubber_hf import (
    FlowDubberAlignerModel,
    FlowDubberLipReader,
    FlowDubberLipReaderConfig,
    FlowDubberPipeline,
    FlowDubberVectorField,
)
from flowdubber_hf.training.arguments import run_script
from flowdubber_hf.training.checkpoints import checkpoints, step_of
from flowdubber_hf.training.semantic_features import SemanticCache, cache_settings
from support.dubbing_dataset import clips, write_dubbing_dataset
from support.prepared_dataset import write_prepared
from support.tiny_models import tiny_aligner, tiny_pipeline
from support.training_runs import load_script


pytestmark = pytest.mark.slow


PATIENCE = 300  # seconds, for a machine busy with other things
COMMON = {
    "batch_size": 4,
    "logging_steps": 1,
    "warmup_steps": 0,
    "lr_scheduler_type": "constant",
    "threads": 1,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """`data`, `aligner`, `pipeline` and `states`, cached states of its language model for half of the clips."""
    folder = tmp_path_factory.mktemp("made")
    write_dubbing_dataset(folder / "data")
    torch.manual_seed(0)
    tiny_aligner().save_pretrained(folder / "aligner")
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(folder / "pipeline")
    cache = SemanticCache(folder / "states", cache_settings(pipeline.semantic_model, pipeline.tokenizer))
    generator = np.random.default_rng(0)
    for number in range(0, 10, 2):
        cache.write(f"made/{number}", 0, generator.normal(size=(7, cache.hidden_size)))
    return folder


def flags(options: dict) -> list[str]:
    found = []
    for name, value in options.items():
        found += [f"--{name}", *map(str, value if isinstance(value, list) else [value])]
    return found


def aligner_options(made: Path, output: Path, **changed) -> dict:
    fixed = {"dataset": made / "data", "output_dir": output, "init_from": made / "aligner"}
    return {**COMMON, **fixed, "validation_steps": 1000, **changed}


def dubber_options(made: Path, output: Path, **changed) -> dict:
    fixed = {
        "dataset": made / "data",
        "output_dir": output,
        "init_from": made / "pipeline",
        "base_pipeline": "none",
        "semantic_features": made / "states",
        "segment_frames": 12,
        "speech_share": 0.5,
        "lip_views": 1,
        "validation_steps": 1000,
    }
    return {**COMMON, **fixed, **changed}


@pytest.fixture(scope="module")
def scripts(repository):
    return {name: load_script(repository, name) for name in ("train_aligner", "train_dubber", "split_speaker")}


@pytest.fixture
def call(scripts, monkeypatch):
    """Runs a script's main in this process."""

    def run(name: str, options: dict) -> None:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *flags(options)])
        run_script(scripts[name].main)

    return run


def launch(repository: Path, name: str, options: dict, processes: int = 1) -> subprocess.Popen:
    """Starts a script as its user does, in a process group of its own."""
    # With --cpu accelerate leaves several processes to MPI; --multi_gpu starts them itself, on CPUs where told so.
    several = ["--multi_gpu", "--main_process_port", "0"] if processes > 1 else ["--cpu"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *several, "--num_processes", str(processes)]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    command += [str(repository / "examples" / f"{name}.py"), *flags(options)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    return subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def end(process: subprocess.Popen) -> str:
    """Kills what is left of the group; returns what it wrote."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    return process.communicate(timeout=PATIENCE)[0]


def kill_at_checkpoint(process: subprocess.Popen, output: Path, step: int) -> None:
    """SIGKILL for the whole group as soon as a checkpoint of at least `step` is there."""
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline and process.poll() is None:
            if any(step_of(path) >= step for path in checkpoints(output)):
                return
            time.sleep(0.02)
        pytest.fail(f"no checkpoint: {process.stdout.read() if process.poll() is not None else 'too slow'}")
    finally:
        end(process)


def rows(output: Path) -> list[dict]:
    """Lines of the log without what is timed."""
    timed = {"data_seconds", "model_seconds", "samples_per_second", "peak_memory_gb", "minutes"}
    found = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name not in timed} for row in found]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found = {}
    for path in sorted(folder.rglob("*.safetensors")):
        found |= {f"{path.parent.name}.{name}": value for name, value in load_file(path).items()}
    return found


@pytest.mark.parametrize("name, options", [("train_aligner", aligner_options), ("train_dubber", dubber_options)])
def test_killed_and_resumed_equals_uninterrupted(repository, made, tmp_path, call, name, options):
    stopped, straight = tmp_path / "stopped", tmp_path / "straight"
    process = launch(repository, name, options(made, stopped, max_steps=5000, save_steps=1))
    kill_at_checkpoint(process, stopped, 2)
    last = step_of(checkpoints(stopped)[-1]) + 2
    call(name, options(made, stopped, max_steps=last, save_steps=1, resume_from_checkpoint="latest"))
    call(name, options(made, straight, max_steps=last, save_steps=5000))
    assert rows(stopped) == rows(straight)
    assert [row["step"] for row in rows(stopped)] == [*range(1, last + 1), last]
    resumed, uninterrupted = weights(stopped / "model"), weights(straight / "model")
    assert resumed.keys() == uninterrupted.keys() and len(resumed) > 100
    assert [name for name, value in resumed.items() if not torch.equal(value, uninterrupted[name])] == []


@pytest.mark.parametrize("name, options", [("train_aligner", aligner_options), ("train_dubber", dubber_options)])
def test_two_processes_equal_one(repository, made, tmp_path, call, name, options):
    one, two = tmp_path / "one", tmp_path / "two"
    changed = {"max_steps": 4, "dropout": 0.0, "learning_rate": 1e-3}
    process = launch(repository, name, options(made, two, **changed), processes=2)
    try:
        call(name, options(made, one, **changed))
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        end(process)
    assert process.returncode == 0, output
    progress = json.loads((checkpoints(two)[-1] / "progress.json").read_text(encoding="utf-8"))
    assert progress["processes"] == 2, "there was one process"
    for first, second in zip(rows(one), rows(two), strict=True):
        assert first == pytest.approx(second, rel=5e-4)  # halves of a batch are summed in another order
    if name == "train_dubber":  # steps with video and steps of sound alone
        assert {"contrastive" in row for row in rows(one)[:4]} == {True, False}


def test_ends_with_a_pipeline_and_its_card(made, tmp_path, call):
    output = tmp_path / "run"
    options = dubber_options(made, output, max_steps=2, base_pipeline=made / "pipeline", sample_steps=2)
    call("train_dubber", {**options, "report_to": ["tensorboard"], "pipeline_dtype": "float32"})
    pipe = FlowDubberPipeline.from_pretrained(output / "pipeline")
    for part in ("aligner", "vector_field"):
        published = weights(output / "best" / part)
        loaded = getattr(pipe, part).state_dict()
        assert all(torch.equal(loaded[name.split(".", 1)[1]], value) for name, value in published.items())
    card = (output / "pipeline" / "README.md").read_text()
    assert card.startswith("---\nlanguage: en\n") and "2 steps of 4 clips" in card and "| made |" in card
    assert "| `val_flow` |" in card and "{" not in card and str(tmp_path) not in card and str(made) not in card
    assert sorted(path.suffix for path in (output / "samples" / "step-2").iterdir()) == [".png"] * 4 + [".wav"] * 4


def test_low_rank_matrices_alone_are_trained_and_the_pipeline_takes_them(made, tmp_path, call):
    pytest.importorskip("peft")
    lora = {"lora_rank": 2, "lora_alpha": 4.0, "learning_rate": 0.05, "base_pipeline": made / "pipeline"}
    call("train_dubber", dubber_options(made, tmp_path / "half", max_steps=2, save_steps=2, **lora))
    going_on = dubber_options(made, tmp_path / "half", max_steps=4, resume_from_checkpoint="latest", **lora)
    call("train_dubber", going_on)
    call("train_dubber", dubber_options(made, tmp_path / "run", max_steps=4, **lora))
    model = tmp_path / "run" / "model"
    resumed = weights(tmp_path / "half" / "model")
    assert all(torch.equal(value, resumed[name]) for name, value in weights(model).items())
    before = FlowDubberPipeline.from_pretrained(made / "pipeline")
    assert all(
        torch.equal(value, before.aligner.state_dict()[name.split(".", 1)[1]])
        for name, value in weights(model / "aligner").items()
    )
    merged = FlowDubberVectorField.from_pretrained(model / "vector_field").state_dict()
    moved = {name for name, value in before.vector_field.state_dict().items() if not torch.equal(value, merged[name])}
    assert moved and all(name.endswith(".weight") and "conv" not in name for name in moved)
    before.load_lora_weights(model / "lora")
    before.fuse_lora()
    before.unload_lora_weights()
    for name, value in before.vector_field.state_dict().items():
        torch.testing.assert_close(value, merged[name], atol=1e-6, rtol=1e-5)
    assert FlowDubberPipeline.from_pretrained(tmp_path / "run" / "pipeline").semantic_model is not None


def test_a_path_to_the_language_model_is_taught_and_the_pipeline_takes_it(made, tmp_path, call):
    settings = {**SemanticCache(made / "states").settings, "codes": "spoken"}
    teacher = SemanticCache(tmp_path / "teacher", settings)
    for number in range(10):
        teacher.write(f"made/{number}", 0, np.random.default_rng(number).normal(size=(40, teacher.hidden_size)))
    run = tmp_path / "run"
    call(
        "train_dubber",
        dubber_options(
            made,
            run,
            base_pipeline=made / "pipeline",
            semantic_channel="path",
            semantic_teacher=teacher.folder,
            semantic_teacher_share=0.5,
            phoneme_drop=0.5,
            max_steps=2,
            validation_steps=2,
        ),
    )
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    (trained, *_), (held_out,) = ([line for line in lines if name in line] for name in ("own_word", "val_own_word"))
    assert trained["semantic"] > 0 and 0 < trained["own_word"] <= 1
    assert 0 < held_out["val_own_word"] < 1 and 0 < held_out["val_own_word_even"] < 1
    pipe = FlowDubberPipeline.from_pretrained(run / "pipeline")
    assert pipe.aligner.config.semantic_channel == "path" and pipe.aligner.semantic_path is not None


def test_refuses_what_cannot_work(made, tmp_path, call, capsys):
    def refused(name: str, options: dict) -> str:
        with pytest.raises(SystemExit) as stop:
            call(name, options)
        assert stop.value.code == 2
        return capsys.readouterr().err

    options = dubber_options(made, tmp_path / "out")
    assert "give --aligner FOLDER" in refused("train_dubber", {**options, "init_from": ""})
    assert "--knowledge_drop must be in [0, 1]" in refused("train_dubber", {**options, "knowledge_drop": 2})
    fresh = {**options, "init_from": "", "aligner": made / "aligner", "lora_rank": 2}
    assert "--lora_rank adapts a trained vector field" in refused("train_dubber", fresh)
    odd = {**options, "lora_rank": 2, "lora_target_modules": ["norm1"]}
    assert "LoRA can adapt qkv, out, up, down, affine, time, not norm1" in refused("train_dubber", odd)
    assert "has no clip to train on" in refused("train_dubber", {**options, "speakers": ["nobody"]})
    bad = clips()
    bad[3]["text"] = ""
    write_prepared(tmp_path / "bad", bad)
    broken = {**options, "dataset": tmp_path / "bad", "output_dir": tmp_path / "broken"}
    assert "made/3: the text is empty" in refused("train_dubber", broken)
    other = SemanticCache(tmp_path / "states", {"model": "another", "hidden_size": 32}).folder
    mixed = {
        **options,
        "base_pipeline": made / "pipeline",
        "semantic_features": other,
        "output_dir": tmp_path / "mixed",
    }
    assert "was made with another model" in refused("train_dubber", mixed)
    wide = SemanticCache(tmp_path / "wide", {"model": "another", "hidden_size": 64}).folder
    narrow = {**options, "semantic_features": wide, "output_dir": tmp_path / "narrow"}
    assert "train it with --semantic_hidden_size 64" in refused("train_dubber", narrow)
    assert "preset 'huge' is not known" in refused(
        "train_aligner", {**aligner_options(made, tmp_path), "preset": "huge"}
    )


def test_a_lip_reader_gives_a_new_aligner_its_eyes_and_stays_as_it_is(made, tmp_path, call, capsys):
    torch.manual_seed(5)
    sizes = {"stem_size": 4, "stage_sizes": [4, 6], "blocks_per_stage": 1, "activation": "silu"}
    reader = FlowDubberLipReader(FlowDubberLipReaderConfig(**sizes))
    reader.save_pretrained(tmp_path / "reader")
    options = aligner_options(made, tmp_path / "out", lip_reader=tmp_path / "reader", max_steps=1, learning_rate=0.01)
    del options["init_from"]
    call("train_aligner", options)
    aligner = FlowDubberAlignerModel.from_pretrained(tmp_path / "out" / "model" / "aligner")
    own = aligner.lip_encoder.state_dict()
    assert aligner.config.lip_activation == "silu" and aligner.config.hidden_size == 160  # the preset's otherwise
    assert all(torch.equal(own[name], value) for name, value in reader.trunk.state_dict().items())
    options |= {
        "output_dir": tmp_path / "moved",
        "train_lip_reader": True,
        "init_from": tmp_path / "out/model/aligner",
    }
    call("train_aligner", options)
    moved = FlowDubberAlignerModel.from_pretrained(tmp_path / "moved" / "model" / "aligner").lip_encoder.state_dict()
    assert not torch.equal(moved["stem.weight"], own["stem.weight"])
    with pytest.raises(SystemExit):
        call("train_aligner", options | {"output_dir": tmp_path / "bad", "init_from": made / "aligner"})
    assert "lip_stage_sizes is [4, 8] here and [4, 6] there" in capsys.readouterr().err


def test_what_finds_the_timing_can_stay_as_it_is(made, tmp_path, call):
    timing = ("phoneme_encoder.", "lip_to_phoneme.", "phoneme_to_lip.")
    before = FlowDubberPipeline.from_pretrained(made / "pipeline").aligner.state_dict()
    for frozen in (True, False):
        output = tmp_path / str(frozen)
        options = dubber_options(made, output, max_steps=2, learning_rate=0.01)
        call("train_dubber", {**options, "freeze_alignment": frozen})
        after = FlowDubberAlignerModel.from_pretrained(output / "model" / "aligner").state_dict()
        moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
        assert any(name.startswith("fusion.") for name in moved)
        assert not any(name.startswith("lip_encoder.") for name in moved)
        assert {any(name.startswith(part) for name in moved) for part in timing} == {not frozen}


def test_speakers_of_the_aligner_are_balanced(scripts, made, tmp_path, call, monkeypatch):
    told = []
    shared = scripts["train_aligner"].share_by_source

    def listen(*arguments, **options):
        told.append(shared(*arguments, **options))
        return told[-1]

    monkeypatch.setattr(scripts["train_aligner"], "share_by_source", listen)
    call("train_aligner", aligner_options(made, tmp_path / "out", max_steps=1, balance_speakers=True))
    assert [{clip.speaker for clip in part.clips} for part in told[0]] == [{"speaker0"}, {"speaker1"}]


def test_a_speaker_is_split_the_same_everywhere(tmp_path, call, capsys):
    corpus = tmp_path / "corpus"
    (corpus / "a").mkdir(parents=True)
    rows = [{"file_name": f"a/{n}.mp4", "speaker": "ann" if n < 8 else "bob", "split": "train"} for n in range(10)]
    rows.append({"file_name": "a/10.mp4", "speaker": "ann", "split": "dev"})
    for row in rows:
        (corpus / row["file_name"]).write_bytes(row["file_name"].encode())
    (corpus / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"data": corpus, "speaker": "ann", "test": 3, "output": tmp_path / "ann"}
    call("split_speaker", options)
    made = [json.loads(line) for line in (tmp_path / "ann" / "metadata.jsonl").read_text().splitlines()]
    assert [row["file_name"] for row in made] == [f"a/{n}.mp4" for n in range(8)]
    assert [row["file_name"] for row in made if row["split"] == "dev"] == ["a/2.mp4", "a/6.mp4", "a/7.mp4"]
    assert all((tmp_path / "ann" / row["file_name"]).read_bytes() == row["file_name"].encode() for row in made)
    for changed, message in (({}, "exists"), ({"output": tmp_path / "b", "test": 8}, "has 8 clips to train on")):
        with pytest.raises(SystemExit) as stop:
            call("split_speaker", {**options, **changed})
        assert stop.value.code == 2 and message in capsys.readouterr().err

"""`flowdubber finetune` from clips to a model that dubs, through a stop, with a tiny model and three steps."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import pytest
import torch

from flowdubber_hf import FlowDubberPipeline, cli
from flowdubber_hf.processing.video import probe_video
from flowdubber_hf.training import finetune as module
from flowdubber_hf.training.checkpoints import checkpoints, step_of
from flowdubber_hf.training.dubber_stage import DubberStage
from support.made_recordings import SCRIPT, write_metadata, write_speaking_clip
from support.tiny_models import tiny_pipeline


pytestmark = pytest.mark.slow


for name in ("pyarrow", "pocketsphinx", "matplotlib", "jiwer"):
    pytest.importorskip(name)


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    monkeypatch.setattr(module, "free_cores", lambda: 1)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """Six clips of a speaker; one of them is to be held out."""
    folder = tmp_path_factory.mktemp("raw") / "clips"
    for number in range(6):
        write_speaking_clip(folder / f"{number}.mp4")
    return write_metadata(folder, [{"file_name": f"{n}.mp4", "text": SCRIPT, "speaker": "ann"} for n in range(6)])


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    tiny_pipeline().save_pretrained(folder)
    return folder


def argv(clips, model, output, *more):
    return ["finetune", clips, "--output", output, "--model", model, "--steps", "3", "--batch-size", "2", *more]


def run(*words):
    return cli.main([str(word) for word in words])


def test_a_stopped_run_goes_on_to_a_model_that_dubs(clips, model, tmp_path, capsys, monkeypatch):
    output, report = tmp_path / "mine", tmp_path / "report.json"
    monkeypatch.setattr(module, "_SAVE_MINUTES", 1e-9)
    make_batch = DubberStage.batch

    def stop(self, step, rows):
        if step == 2:
            raise KeyboardInterrupt
        return make_batch(self, step, rows)

    with monkeypatch.context() as patch:
        patch.setattr(DubberStage, "batch", stop)
        assert run(*argv(clips, model, output)) == 130
    told = capsys.readouterr().err
    assert "the same command goes on from there" in told and "stage 4 of 5: training" in told
    assert step_of(checkpoints(output / "training")[-1]) == 2  # long before the first 50 steps

    assert run(*argv(clips, model, output, "--json", report)) == 0
    captured = capsys.readouterr()
    assert [f"stage {number} of 5" in captured.err for number in range(1, 6)] == [True] * 5
    assert "held-out clips after 3 steps: val_loss" in captured.err and "going on from step 2" in captured.out
    found = json.loads(report.read_text())
    assert (found["steps"], found["clips"], found["held_out"]) == (3, 5, 1)
    titles = ["word starts, ms", "words wrong, %", "likeness of the voice"]
    assert list(found["before"]) == list(found["after"]) == titles
    assert all(-1 <= found[when]["likeness of the voice"] <= 1 for when in ("before", "after"))
    assert all(title in captured.out for title in titles)

    for video in found["listen"]:
        assert video in captured.out and probe_video(video).num_frames == 75
    assert found["next"][:4] == ["flowdubber", "dub", "--model", str(output / "model")]
    held_out = Path(found["next"][found["next"].index("--video") + 1])
    assert held_out.parent == clips and found["next"][found["next"].index("--reference") + 1] != str(held_out)

    old, new = (FlowDubberPipeline.from_pretrained(folder) for folder in (model, output / "model"))
    for part, moved in (("aligner", True), ("vector_field", True), ("vocoder", False), ("style_encoder", False)):
        before, after = (getattr(pipe, part).half().state_dict() for pipe in (old, new))
        assert all(torch.equal(before[name], after[name]) for name in before) != moved, part
    assert not (output / "training/pipeline").exists()
    dubbed = tmp_path / "dubbed.wav"
    command = [*found["next"][1:-1], dubbed, "--steps", "1", "--quiet"]
    assert run(*command) == 0 and dubbed.is_file()

    assert run(*argv(clips, model, output, "--seed", 1)) == 2
    assert "was begun with another seed" in capsys.readouterr().err


def test_what_cannot_be_is_refused_before_any_work(clips, model, tmp_path, capsys):
    def refused(*more, folder=clips, output=tmp_path / "out"):
        assert run(*argv(folder, model, output, *more)) == 2
        return capsys.readouterr().err

    for more, words in (
        (("--steps", 0), "--steps and --batch-size must be at least 1"),
        (("--minutes", 0), "--minutes must be above 0"),
        (("--learning-rate", -1), "--learning-rate must lie between"),
        (("--seed", -1), "--seed must not be negative"),
    ):
        assert words in refused(*more)
    assert "there is no folder" in refused(folder=tmp_path / "nowhere")
    assert "give the folder of the clips" in refused(folder=clips / "0.mp4")
    few = tmp_path / "few"
    write_speaking_clip(few / "a.mp4")
    write_metadata(few, [{"file_name": "a.mp4", "text": SCRIPT}])
    assert "has 1 clips with a picture and a script to train on; give at least 4" in refused(folder=few)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/a.txt").write_text("mine")
    assert "is not empty and no fine-tuning" in refused(output=tmp_path / "thesis")
    assert "is a file; give a folder" in refused(output=tmp_path / "thesis/a.txt")
    assert not (tmp_path / "out").exists()


def test_a_listing_stands_for_its_folder_and_few_clips_are_held_out(clips, tmp_path):
    def work(folder):
        return module._Work(module.FinetuneSettings(folder, tmp_path), tmp_path)

    by_folder, by_file = work(clips), work(clips / "metadata.jsonl")
    assert by_file.clips == by_folder.clips and by_file.corpus == "metadata"
    assert [one.id for one in by_folder.held_out] == [one.id for one in by_file.held_out]
    assert len(by_folder.held_out) == 1 and len(by_folder.others) == 5
    assert [pair["reference"] for pair in by_folder._pairs()] == [by_folder.others[0].id]

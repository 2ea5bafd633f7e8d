"""The shared loop: a killed and resumed run equals one that was not, processes and accumulation only divide the work,
checkpoints are complete or absent and rotate, a loss that is not finite stops the run."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import multiprocessing
import os
import signal
import socket
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState

from flowdubber_hf.training.checkpoints import checkpoints, step_of
from flowdubber_hf.training.trackers import check_trackers, start_trackers
from flowdubber_hf.work.files import UNFINISHED
from support.regression_stage import Regression, options, run


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "model" / "weights.pt", weights_only=True)


def losses(folder: Path) -> list[tuple]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [tuple(row.get(name, 0.0) for name in ("step", "loss", "gradient_norm", "error")) for row in rows]


def assert_same_weights(one: Path, other: Path) -> None:
    for name, value in weights(one).items():
        assert torch.equal(value, weights(other)[name]), name


def assert_same_runs(one: Path, other: Path) -> None:
    assert losses(one) == losses(other)
    assert_same_weights(one, other)


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("straight")
    run(folder)
    return folder


def test_resumed_equals_uninterrupted(straight, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Regression(stop=5))
    assert checkpoints(tmp_path)[-1].name == "checkpoint-4"
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"step": 5, "loss": 0}\n')  # written after the checkpoint: cut back
    run(tmp_path, resume_from_checkpoint="latest")
    assert_same_runs(straight, tmp_path)


def test_killed_run_goes_on(straight, tmp_path):
    process = multiprocessing.get_context("fork").Process(target=run, args=(tmp_path, Regression(kill=7)))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    left = tmp_path / f"{UNFINISHED}checkpoint-8"  # as if it had been killed while writing
    left.mkdir()
    run(tmp_path, resume_from_checkpoint="latest")
    assert_same_runs(straight, tmp_path)
    assert not left.exists()


def test_a_model_is_put_back_where_its_successor_did_not_get_to_its_place(straight, tmp_path):
    run(tmp_path)
    (tmp_path / "best").rename(tmp_path / f"{UNFINISHED}removed-best")  # killed between two renames
    (tmp_path / f"{UNFINISHED}best").mkdir()
    (tmp_path / "checkpoint-8").rename(tmp_path / f"{UNFINISHED}removed-checkpoint-8")
    run(tmp_path, resume_from_checkpoint="latest")
    assert (tmp_path / "best" / "weights.pt").is_file() and not list(tmp_path.glob(f"{UNFINISHED}*"))
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-9"]


def test_loader_processes_make_the_same_batches(straight, tmp_path):
    run(tmp_path, dataloader_num_workers=2)
    assert_same_runs(straight, tmp_path)


def test_model_is_sent_where_asked(straight, monkeypatch):
    sent = []
    monkeypatch.setattr(
        "flowdubber_hf.training.export.push_folder", lambda folder, *rest: sent.append((folder, rest[-1]))
    )
    run(straight, resume_from_checkpoint="latest")
    assert sent == []
    run(straight, resume_from_checkpoint="latest", push_to_hub=True, hub_model_id="me/it")
    ((folder, card),) = sent
    assert folder == straight / "best" and "# it\n" in card


def test_another_folder_goes_on_from_a_checkpoint(straight, tmp_path):
    run(tmp_path / "first", save_total_limit=9)
    first = tmp_path / "first"
    assert [path.name for path in checkpoints(first)] == [f"checkpoint-{step}" for step in (2, 4, 6, 8, 9)]
    run(tmp_path / "second", resume_from_checkpoint=str(first / "checkpoint-4"))
    assert_same_weights(straight, tmp_path / "second")
    with pytest.raises(ValueError, match="holds checkpoints after checkpoint-4 \\(checkpoint-6, "):
        run(first, resume_from_checkpoint=str(first / "checkpoint-4"))


def test_a_finished_run_is_not_trained_again_but_can_be_longer(straight):
    before = (straight / "log.jsonl").read_text()
    assert run(straight, resume_from_checkpoint="latest")["steps"] == 9
    assert (straight / "log.jsonl").read_text() == before


def test_a_run_killed_after_its_last_step_still_ends(straight, tmp_path):
    whole = run(tmp_path)
    (tmp_path / "summary.json").unlink()
    assert run(tmp_path, resume_from_checkpoint="latest") == whole
    assert losses(tmp_path) == losses(straight)


def test_checkpoints_rotate(straight):
    assert [path.name for path in checkpoints(straight)] == ["checkpoint-8", "checkpoint-9"]
    assert not list(straight.glob(f"{UNFINISHED}*"))


def test_accumulation_only_divides_the_work(tmp_path):
    for parts in (1, 4):
        run(tmp_path / str(parts), Regression(dropout=0.0), gradient_accumulation_steps=parts)
    for one, other in zip(losses(tmp_path / "1"), losses(tmp_path / "4"), strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def one_of_two(rank: int, folder: Path, port: int) -> None:
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    os.environ |= {"MASTER_PORT": str(port), "ACCELERATE_USE_CPU": "true"}
    AcceleratorState._reset_state(True)
    GradientState._reset_state()
    run(folder, Regression(dropout=0.0), gradient_accumulation_steps=2)


def test_two_processes_only_divide_the_work(tmp_path):
    run(tmp_path / "one", Regression(dropout=0.0))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=one_of_two, args=(rank, tmp_path / "two", port)) for rank in range(2)]
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0, 0]
    finally:
        for process in processes:
            process.kill()
    for one, two in zip(losses(tmp_path / "one"), losses(tmp_path / "two"), strict=True):
        assert one == pytest.approx(two, rel=1e-5)


def test_batch_must_divide(tmp_path):
    with pytest.raises(ValueError, match="--batch_size 8 cannot be divided into 3 equal parts"):
        options(tmp_path, gradient_accumulation_steps=3)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(FloatingPointError, match=r"step 4: gradient_norm is nan, loss is nan.*clip-3, other"):
        run(tmp_path, Regression(bad=3))
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-2"]
    run(tmp_path, resume_from_checkpoint="latest")  # once the reason is gone


def test_average_of_the_weights_is_published_and_can_be_switched_off(straight, tmp_path):
    run(tmp_path, use_ema=False)
    rows, plain_rows = losses(straight), losses(tmp_path)
    assert [row[:3] for row in rows] == [row[:3] for row in plain_rows]  # the average does not change training
    assert rows[-1][3] != plain_rows[-1][3]
    with pytest.raises(ValueError, match="written without --use_ema"):
        run(tmp_path, resume_from_checkpoint="latest", max_steps=10)


def test_the_best_model_is_kept(tmp_path):
    stage = Regression()
    figures = iter([3.0, 1.0, 2.0])
    stage.validate = lambda model: {"error": next(figures)}
    kept = []
    stage.save = lambda model, folder: kept.append((folder.name, (folder / "x").write_text("")))
    run(tmp_path, stage)
    assert [name.removeprefix(UNFINISHED) for name, _ in kept] == ["model", "best", "model", "best", "model"]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} >= {"model", "best"}


@pytest.mark.parametrize(
    "kind, rates",
    [
        ("constant", [0.05] * 4),
        ("linear", [0.0, 0.025, 0.05, 0.025]),
        ("cosine_with_min_lr", [0.0, 0.025, 0.05, 0.03]),
    ],
)
def test_schedules(tmp_path, kind, rates):
    floor = 0.01 if kind == "cosine_with_min_lr" else 0.0
    run(tmp_path, max_steps=4, logging_steps=1, lr_scheduler_type=kind, min_learning_rate=floor)
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["learning_rate"] for row in rows if "loss" in row] == pytest.approx(rates)


def test_trackers_stay_on_this_machine(tmp_path):
    run(tmp_path, report_to=["tensorboard"])
    assert list((tmp_path / "trackers").rglob("events*"))


@pytest.mark.parametrize("online, mode", [(False, "offline"), (True, "online")])
def test_wandb_is_offline_unless_asked(tmp_path, monkeypatch, online, mode):
    monkeypatch.setenv("TRACKIO_DIR", "set")  # put back at the end
    accelerator = Accelerator(cpu=True)
    given = []
    monkeypatch.setattr(accelerator, "init_trackers", lambda *arguments: given.append(arguments))
    arguments = options(tmp_path / "run", report_to=["wandb", "trackio"], report_online=online)
    start_trackers(accelerator, arguments, 0)
    ((project, config, kinds),) = given
    assert project == "flowdubber" and config["batch_size"] == 8
    assert kinds["wandb"]["mode"] == mode and kinds.keys() == {"wandb", "trackio"}
    assert str(tmp_path) in kinds["wandb"]["dir"]


def test_a_tracker_that_is_not_installed_is_named():
    with pytest.raises(ValueError, match="pip install no_such_tracker"):
        check_trackers(["no_such_tracker"])


def test_log_holds_speed_and_memory(straight):
    rows = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    names = {"learning_rate", "samples_per_second", "data_seconds", "model_seconds", "peak_memory_gb", "minutes"}
    assert names <= set(rows[0])
    assert [row["step"] for row in rows] == [3, 4, 6, 8, 9, 9]
    summary = json.loads((straight / "summary.json").read_text())
    assert summary["steps"] == 9 and 0 < summary["model_share_of_time"] <= 1
    assert summary["best_error"] == min(row["error"] for row in rows if "error" in row)


def test_a_folder_in_use_is_refused(straight, tmp_path):
    with pytest.raises(ValueError, match="add --resume_from_checkpoint latest"):
        run(straight)
    (tmp_path / "thesis.txt").write_text("mine")
    for resume in (None, "latest"):
        with pytest.raises(ValueError, match="something else than a training run"):
            run(tmp_path, resume_from_checkpoint=resume)
    with pytest.raises(ValueError, match="is no checkpoint"):
        run(tmp_path / "new", resume_from_checkpoint=str(tmp_path))


def test_gradient_checkpointing_needs_a_part_that_has_it(tmp_path):
    with pytest.raises(ValueError, match="no part of this model"):
        run(tmp_path, gradient_checkpointing=True)


def test_checkpoints_by_minutes_and_an_end_by_minutes(tmp_path, monkeypatch, capsys):
    """Steps of 60 s each, by the loop's own clock."""
    clock = iter(range(0, 10**6, 60))
    monkeypatch.setattr("flowdubber_hf.training.loop.time.perf_counter", lambda: next(clock))
    summary = run(tmp_path, save_steps=1000, save_minutes=5, max_minutes=12, save_total_limit=9, name="lips")
    captured = capsys.readouterr()
    # A step reads the clock four times: three minutes.
    assert summary["steps"] == 4
    assert [step_of(path) for path in checkpoints(tmp_path)] == [2, 4]
    assert "held-out clips after 4 steps: error" in captured.err and "lips:" in captured.err
    again = run(tmp_path, save_steps=1000, save_minutes=5, max_minutes=12, resume_from_checkpoint="latest")
    assert again["steps"] == 4
    assert (tmp_path / "model/weights.pt").is_file()

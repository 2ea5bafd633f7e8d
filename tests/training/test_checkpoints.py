"""Which checkpoint a run goes on from, and which folder it may write to."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import pytest
from accelerate import Accelerator

from flowdubber_hf.training.arguments import TrainingArguments
from flowdubber_hf.training.checkpoints import (
    ARGUMENTS_NAME,
    FORMAT,
    STATE_NAME,
    check_folder,
    checkpoints,
    find_checkpoint,
    prepare_folder,
    read_progress,
    step_of,
)


def arguments(folder: Path, resume: str | Path | None = None) -> TrainingArguments:
    return TrainingArguments(dataset=["data"], output_dir=str(folder), resume_from_checkpoint=resume and str(resume))


def write_checkpoint(folder: Path, step: int, **changed) -> Path:
    state = {"format": FORMAT, "step": step, "best": None, "seconds": {"data": 0.0, "model": 0.0}, "record": {}}
    state |= {"window": {"sums": {"loss": 1.0}, "counts": {"loss": 2}}, "arguments": {}, "log_position": 0, **changed}
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / STATE_NAME).write_text(json.dumps(state))
    return path


def test_checkpoints_are_sorted_by_their_steps(tmp_path):
    for step in (10, 9, 100):
        write_checkpoint(tmp_path, step)
    (tmp_path / "checkpoint-x").mkdir()
    (tmp_path / ".unfinished-checkpoint-200").mkdir()
    assert [step_of(path) for path in checkpoints(tmp_path)] == [9, 10, 100]


def test_which_checkpoint_is_meant(tmp_path):
    assert find_checkpoint(arguments(tmp_path)) is None
    assert find_checkpoint(arguments(tmp_path, "latest")) is None
    first, second = write_checkpoint(tmp_path, 5), write_checkpoint(tmp_path, 6)
    assert find_checkpoint(arguments(tmp_path, "latest")) == second
    assert find_checkpoint(arguments(tmp_path / "other", first)) == first
    with pytest.raises(ValueError, match="holds checkpoints after checkpoint-5"):
        find_checkpoint(arguments(tmp_path, first))
    with pytest.raises(ValueError, match="is no checkpoint"):
        find_checkpoint(arguments(tmp_path, tmp_path / "checkpoint-7"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": 1}, "of another version"),
        ({"step": "five"}, "'step' must be a whole number"),
        ({"step": -1}, "must not be negative"),
        ({"window": {"sums": {"loss": 1.0}, "counts": {}}}, "a sum and a count"),
        ({"seconds": {"data": 0.0}}, "'model'"),
    ],
)
def test_a_damaged_checkpoint_is_refused(tmp_path, changed, message):
    path = write_checkpoint(tmp_path, 5)
    state = json.loads((path / STATE_NAME).read_text())
    (path / STATE_NAME).write_text(json.dumps({**state, **changed}))
    with pytest.raises(ValueError, match=message):
        read_progress(path)


def test_a_pickle_in_a_checkpoint_is_never_read(tmp_path):
    path = write_checkpoint(tmp_path, 5)
    (path / "optimizer.bin").write_bytes(b"anything")
    with pytest.raises(ValueError, match=r"holds pickles \(optimizer\.bin\)"):
        read_progress(path)


def test_folders_of_others_are_left_alone(tmp_path):
    check_folder(arguments(tmp_path / "new"))
    check_folder(arguments(tmp_path))
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match="something else than a training run"):
        check_folder(arguments(tmp_path, "latest"))
    with pytest.raises(ValueError, match="is a file"):
        check_folder(arguments(tmp_path / "holiday.jpg"))
    (tmp_path / ARGUMENTS_NAME).write_text("{}")
    with pytest.raises(ValueError, match="add --resume_from_checkpoint latest"):
        check_folder(arguments(tmp_path))
    check_folder(arguments(tmp_path, "latest"))


def test_what_a_killed_run_left_goes_or_comes_back(tmp_path):
    from flowdubber_hf.training.checkpoints import UNFINISHED

    (tmp_path / ARGUMENTS_NAME).write_text("{}")
    (tmp_path / f"{UNFINISHED}checkpoint-3").mkdir()
    (tmp_path / f"{UNFINISHED}removed-model").mkdir()
    prepare_folder(Accelerator(cpu=True), arguments(tmp_path, "latest"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", ARGUMENTS_NAME]

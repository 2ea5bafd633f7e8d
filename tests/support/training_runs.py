"""A small dataset to train on, and what every training stage must hold."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState

from flowdubber_hf.training.batching import rows_of_part
from support.prepared_dataset import write_prepared


WORDS = (("bin", ("B", "IH1", "N")), ("blue", ("B", "L", "UW1")), ("now", ("N", "AW1")))
SECONDS = 1.6
TOKENS = 80


def buzz(pitch: float, seconds: float = SECONDS, seed: int = 0) -> np.ndarray:
    """A buzz with a little noise, `(samples,)` float32."""
    times = np.arange(int(seconds * 16000)) / 16000
    buzz = sum(np.sin(2 * np.pi * pitch * k * times) / k for k in range(1, 9))
    noise = np.random.default_rng(seed).standard_normal(len(times))
    return (0.15 * buzz + 0.003 * noise).astype(np.float32)


def hash_code(phone: str) -> int:
    """A speech code for a phoneme."""
    return 1 + sum(map(ord, phone)) % 500


def spoken_clip(rng: random.Random) -> dict[str, Any]:
    """Three words in a random order between 0.4 and 1.2 s, with codes that follow their phonemes."""
    words = rng.sample(WORDS, len(WORDS))
    phonemes, index, times, codes = ["sil"], [-1], [[0.0, 0.4]], [0] * 20
    for position, (_, phones) in enumerate(words):
        for phone in phones:
            start = times[-1][1]
            phonemes.append(phone)
            index.append(position)
            times.append([start, start + 0.1])
            codes += [hash_code(phone)] * 5
    phonemes.append("sil")
    index.append(-1)
    times.append([times[-1][1], SECONDS])
    codes += [0] * (TOKENS - len(codes))
    names = [word for word, _ in words]
    phones = {"phonemes": phonemes, "word_index": index, "words": names, "times": times}
    return {"text": " ".join(names), "phones": phones, "tokens": (codes, list(range(32)))}


def write_dataset(folder: Path) -> Path:
    """Ten clips of 1.6 s: two speakers with video (`grid`, 4 + 1 clips to train on and to validate) and one of sound alone
    (`an4`), whose second clip has neither text nor phonemes nor tokens."""
    rng, clips = random.Random(0), []
    for speaker, pitch, source in (("a", 110.0, "grid"), ("b", 180.0, "grid"), ("c", 140.0, "an4")):
        for number in range(2 if source == "an4" else 4):
            clip = {
                "id": f"{source}/{speaker}/{number}",
                "split": "val" if number == 3 else "train",
                "speaker": speaker,
                "source": source,
                "audio": buzz(pitch + 5 * number, seed=number),
                **spoken_clip(rng),
            }
            if source == "grid":
                clip["crops"] = np.zeros((40, 96, 96), np.uint8)
            elif number == 1:
                for name in ("text", "phones", "tokens"):
                    del clip[name]
            clips.append(clip)
    return write_prepared(folder, clips)


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two batches are equal."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def gradients(stage: Any, step: int, parts: int) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """Mean losses and mean gradients of a step's batch taken in `parts`, as processes or accumulation take it."""
    stage.model.zero_grad(set_to_none=True)
    totals: dict[str, float] = {}
    for part in range(parts):
        losses = stage.model(stage.batch(step, rows_of_part(stage.batch_size, part, parts)))
        (losses["loss"] / parts).backward()
        for name, value in losses.items():
            totals[name] = totals.get(name, 0.0) + float(value.detach()) / parts
    found = {name: p.grad.clone() for name, p in stage.model.named_parameters() if p.grad is not None}
    return totals, found


def check_parts_equal_whole(stage: Any, step: int = 1, tolerance: float = 1e-4) -> None:
    """Two halves of a batch give the losses and gradients of the whole."""
    (losses, whole), (other_losses, halves) = gradients(stage, step, 1), gradients(stage, step, 2)
    assert losses == pytest.approx(other_losses, rel=1e-4, abs=1e-5)
    assert whole.keys() == halves.keys()
    for name, gradient in whole.items():
        scale = max(float(gradient.abs().max()), 1e-3)
        torch.testing.assert_close(gradient / scale, halves[name] / scale, atol=tolerance, rtol=0, msg=name)


def check_batches(stage: Any) -> None:
    """Batches are a function of step and row; a step names its clips."""
    rows = range(stage.batch_size)
    assert same(stage.batch(3, rows), stage.batch(3, rows))
    assert not same(stage.batch(3, rows), stage.batch(4, rows))
    assert len(stage.names(3)) >= stage.batch_size
    assert all(isinstance(value, torch.Tensor) for value in stage.batch(3, [1]).values())


def unmoved(stage: Any, steps: Sequence[int] = (0, 1)) -> list[str]:
    """Names of the trainable weights that some steps leave as they are."""
    before = {name: p.detach().clone() for name, p in stage.model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW([p for p in stage.model.parameters() if p.requires_grad], 1e-2, weight_decay=0)
    stage.model.train()
    for step in steps:
        losses = stage.model(stage.batch(step, range(stage.batch_size)))
        assert all(value.isfinite() for value in losses.values())
        losses["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    return [name for name, p in stage.model.named_parameters() if name in before and torch.equal(p, before[name])]


def load_script(repository: Path, name: str) -> ModuleType:
    """A script as a module: its `main` runs here, which saves the imports of a new process. Some import their neighbours.

    Loaded once: worker processes look a function up by its module's name, and refuse one of an earlier load.
    """
    folder = repository / "examples"
    loaded = sys.modules.get(name)
    if loaded is not None and Path(loaded.__file__ or "") == folder / f"{name}.py":
        return loaded
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # its dataclass looks itself up there
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(folder))
    return module


def run_here(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """The `main` of a training script with a command line, as a process of its own would run it."""
    for state in (AcceleratorState, PartialState, GradientState):
        state._reset_state()
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    monkeypatch.setattr(sys, "argv", [module.__name__, *arguments])
    module.main()


def launch(repository: Path, script: str, processes: int, *arguments: str) -> subprocess.CompletedProcess:
    """A script under `accelerate launch` on CPU processes."""
    command = [sys.executable, "-m", "accelerate.commands.launch", "--num_machines", "1", "--mixed_precision", "no"]
    command += ["--dynamo_backend", "no", "--main_process_port", "0", "--num_processes", str(processes)]
    # `--cpu` starts one process only, whatever their number; this launcher starts them all, on CPUs by the environment.
    command += ["--multi_gpu"] if processes > 1 else ["--cpu"]
    command += [str(repository / "examples" / f"{script}.py"), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "ACCELERATE_USE_CPU": "true"}
    # A session of its own, so that nothing of a run that hangs is left behind.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate(timeout=900)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def log_of(folder: Path, *names: str) -> list[tuple]:
    """Steps of a run's log with the named figures."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [(line["step"], *(line[name] for name in names)) for line in lines if all(name in line for name in names)]


def check_two_processes(
    repository: Path,
    script: str,
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    options: Sequence[str],
    tolerance: float = 1e-4,
    norm_tolerance: float = 0.03,
) -> None:
    """Two processes under `accelerate launch` have the losses of one, and nearly its gradients' norm: rounding grows in
    normalisation over a few rows."""
    options = [*options, "--max_steps", "3", "--logging_steps", "1"]
    result = launch(repository, script, 2, *options, "--output_dir", str(folder / "two"))
    assert result.returncode == 0, result.stderr[-3000:]
    progress = json.loads((folder / "two" / "checkpoint-3" / "progress.json").read_text(encoding="utf-8"))
    assert progress["processes"] == 2
    run_here(load_script(repository, script), monkeypatch, *options, "--output_dir", str(folder / "one"))
    one, two = (log_of(folder / name, "loss", "gradient_norm") for name in ("one", "two"))
    assert len(one) == 3
    for first, second in zip(one, two, strict=True):
        assert first[:2] == pytest.approx(second[:2], rel=tolerance)
        assert first[2] == pytest.approx(second[2], rel=norm_tolerance)


def check_resume(
    run: Callable[..., None], folder: Path, monkeypatch: pytest.MonkeyPatch, stage: type, weights: str
) -> None:
    """A run that stops in its third step and goes on equals one that did not stop, weight by weight.

    Args:
        run: starts the script with further options.
        stage: whose `batch` stops the run.
        weights: file of the finished model, relative to the output folder.
    """
    schedule = ["--max_steps", "4", "--save_steps", "2", "--validation_steps", "2", "--logging_steps", "1"]
    whole, parts = folder / "whole", folder / "parts"
    run("--output_dir", str(whole), *schedule)
    make_batch = stage.batch

    def stop_at_step_two(self: Any, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        if step == 2:
            raise KeyboardInterrupt
        return make_batch(self, step, rows)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(stage, "batch", stop_at_step_two)
        run("--output_dir", str(parts), *schedule)
    run("--output_dir", str(parts), *schedule, "--resume_from_checkpoint", "latest")
    assert log_of(whole, "loss", "gradient_norm") == log_of(parts, "loss", "gradient_norm")
    assert [step for step, _ in log_of(parts, "loss")] == [1, 2, 3, 4]
    from safetensors.torch import load_file

    assert same(load_file(whole / weights), load_file(parts / weights))


class OnAnotherDevice(torch.nn.Module):
    """A model whose weights lie where nothing else of the stage does, as a card's do: it notes where what it is given lies.

    Args:
        losses: names of what it returns, all 0.
        parts: attributes that a stage asks it for.
    """

    def __init__(self, *losses: str, **parts: Any):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1, device="meta"))
        self.losses, self.devices = losses, set()
        for name, part in parts.items():
            object.__setattr__(self, name, part)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        self.devices |= {value.device.type for value in batch.values()}
        return dict.fromkeys(self.losses, torch.zeros(()))

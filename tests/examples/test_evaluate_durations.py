"""Durations foretold by an aligner beside those of their classes, on a small dataset whose phonemes all last 0.1 s."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import random

import numpy as np
import pytest
import torch

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.processing.text import PAUSES
from flowdubber_hf.training.duration_stage import TimedScript, duration_figures
from support.prepared_dataset import write_prepared
from support.tiny_models import tiny_pipeline
from support.training_runs import SECONDS, buzz, load_script, spoken_clip


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script(repository):
    """examples/evaluate_durations.py as a module."""
    return load_script(repository, "evaluate_durations")


def write_dataset(folder):
    """Two clips to learn from and one held out."""
    rng = random.Random(0)
    common = {"source": "grid", "style": np.zeros(256, np.float32), "audio": buzz(110.0, SECONDS)}
    splits = enumerate(("train", "train", "val"))
    return write_prepared(
        folder, [{"id": f"grid/a/{i}", "split": split, **common, **spoken_clip(rng)} for i, split in splits]
    )


def timed(ids, seconds, pauses=None) -> TimedScript:
    kinds = np.zeros(len(ids), np.int64) if pauses is None else np.array(pauses)
    return TimedScript("a", "an4", np.array(ids), kinds, np.array(seconds, np.float32), np.zeros(256, np.float32))


def test_class_means_by_hand(script):
    sentence, edge = PAUSES.index("sentence"), PAUSES.index("edge")
    pauses = [edge, 0, sentence, 0, sentence]
    scripts = [timed([9, 7, 8, 7, 8], [0.5, 0.1, 0.3, 0.4, 0.0], pauses)]
    means = script.ClassMeans(scripts)
    ids = torch.tensor([[7, 8, 9]])
    found = means(ids, torch.ones_like(ids).bool(), torch.tensor([[0, sentence, edge]]), torch.zeros(1, 256))
    # A pause that was not made has no length but lowers its kind's share.
    assert found.mean.exp()[0].tolist() == pytest.approx([0.2, 0.3, 0.5], abs=1e-3)
    assert found.present[0, 1].item() == pytest.approx(0.5, abs=1e-3)


def test_perfect_means_are_found_perfect(script):
    scripts = [timed([7, 8, 10], [0.05, 0.1, 0.2]), timed([10, 7, 8], [0.2, 0.05, 0.1])]
    figures = duration_figures(script.ClassMeans(scripts), scripts)
    assert figures["correlation"] == pytest.approx(1)
    assert figures["log_error"] == pytest.approx(0, abs=1e-5)


def test_whole_command(script, tmp_path, capsys, monkeypatch):
    folder = write_dataset(tmp_path / "dataset")
    rows = script.read_scripts(FeatureStore([folder]), "val")
    assert {source: len(scripts) for source, scripts in rows.items()} == {"grid": 1}
    longer = {"grid": [timed([7, 8, 10], [0.05, 0.1, 0.2])] * 2, "an4": [timed([7, 8], [0.05, 0.1])]}
    monkeypatch.setattr(script, "read_scripts", lambda store, split, limit=None: longer)
    monkeypatch.setattr(script, "load_predictor", lambda model: script.ClassMeans(longer["grid"]))
    script.main(["--dataset", str(folder), "--model", "any"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("| speech | correlation ↑ | correlation in tempo ↑ | log error ↓ |")
    assert lines[2] == "| grid (2), predictor | 1.00 | 1.00 | 0.00 | 0.00 | 0.00 |"
    assert [line.split(",")[0] for line in lines[2:8]] == [
        title for title in ("| grid (2)", "| an4 (1)", "| all (3)") for _ in range(2)
    ]


def test_what_cannot_be_measured_is_refused(script, tmp_path):
    store = FeatureStore([write_dataset(tmp_path / "dataset")])
    with pytest.raises(ValueError, match="no clip of the split 'dev'"):
        script.read_scripts(store, "dev")
    assert len(script.read_scripts(store, "train", limit=1)["grid"]) == 1
    pipe = tiny_pipeline()
    pipe.save_pretrained(tmp_path / "model")
    if pipe.aligner.duration_predictor is None:
        with pytest.raises(ValueError, match="no predictor of durations"):
            script.load_predictor(str(tmp_path / "model"))
    else:
        assert isinstance(script.load_predictor(str(tmp_path / "model")), type(pipe.aligner.duration_predictor))

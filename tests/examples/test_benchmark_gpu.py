"""The benchmark for cards, proved on the processor with a small model."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from support.tiny_models import tiny_pipeline
from support.training_runs import load_script


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def script(repository):
    return load_script(repository, "benchmark_gpu")


def test_rows(script, monkeypatch, capsys):
    """Float32 on the processor is what the others are compared with; a lower precision is further away."""
    monkeypatch.setitem(script.MODELS, "bundled", lambda: tiny_pipeline(language_model=False))
    given = ["--device", "cpu", "--presets", "bundled", "--dtypes", "float32", "bfloat16", "--batches", "2"]
    exact, rounded = script.run(script.parse_arguments([*given, "--repeats", "1"]))
    assert exact.distance[1] < 1e-4 < rounded.distance[1]
    for figure in (exact, rounded):
        assert figure.batch == 2 and figure.memory > 0
        assert figure.factor == pytest.approx(figure.seconds / 6.0)
    assert script.row(exact) in capsys.readouterr().out


def test_rows_of_a_batch_have_their_own_noise(script):
    mels = script.call(tiny_pipeline(language_model=False), 2, output_type="latent", num_inference_steps=1)
    assert not torch.equal(mels[0], mels[1])


def test_arguments(script, capsys):
    for given in (["--repeats", "0"], ["--batches", "1", "0"]):
        with pytest.raises(SystemExit):
            script.parse_arguments(given)
        assert "must be at least 1" in capsys.readouterr().err

"""The benchmark for cards, proved on the processor with a small model."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections import Counter

import numpy as np
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


def test_compiled_parts(script):
    """Traced as on a card, each operation then computed as it is: the vector field is one graph, the vocoder draws its noise between two."""
    pipe = tiny_pipeline(language_model=False)
    pipe.set_progress_bar_config(disable=True)
    plain, sound = script.plain_mel(pipe), script.call(pipe, 1)[0]
    graphs = Counter()

    def counted(name):
        def backend(graph, inputs):
            graphs[name] += 1
            return graph.forward

        return backend

    pipe.vector_field.compile(backend=counted("field"), fullgraph=True)
    pipe.vocoder.compile(backend=counted("vocoder"))
    torch.testing.assert_close(script.plain_mel(pipe), plain, atol=1e-4, rtol=0)
    np.testing.assert_allclose(script.call(pipe, 1)[0], sound, atol=1e-3)
    assert graphs["field"] >= 1 and graphs["vocoder"] >= 1
    torch.compiler.reset()


def test_what_is_opened(script, monkeypatch):
    """`--compile` and `--no_graphs` arrive at the parts."""
    monkeypatch.setitem(script.MODELS, "bundled", tiny_pipeline)
    compiled = []
    monkeypatch.setattr(script, "compile_parts", compiled.append)
    for given, graphs in ((["--no_graphs"], False), (["--compile"], True)):
        pipe = script.opened("bundled", "float16", script.parse_arguments(given), torch.device("cpu"))
        assert pipe.semantic_model.use_cuda_graphs is graphs
        assert pipe.vocoder.dtype == torch.float16
    assert compiled == [pipe]


def test_mouths_move(script):
    mouths = script.drawn_mouths()
    assert mouths.shape == (75, 96, 96) and mouths.dtype == np.uint8
    dark = (mouths < 100).sum((1, 2))
    assert dark.min() < 0.5 * dark.max()


def test_arguments(script, capsys):
    for given in (["--repeats", "0"], ["--batches", "1", "0"], ["--steps", "0"], ["--batch_size", "0"]):
        with pytest.raises(SystemExit):
            script.parse_arguments(given)
        assert "must be at least 1" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        script.parse_arguments(["--workers", "-1"])
    assert "must not be negative" in capsys.readouterr().err

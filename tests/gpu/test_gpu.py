"""On a card: the same dub as on the processor, within what its precision allows."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from flowdubber_hf import FlowDubberPipeline
from support.training_runs import load_script


pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a card")

# Mean difference of the normalised mel, whose spread is about 1.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.02}


@pytest.fixture(scope="module")
def benchmark(repository):
    return load_script(repository, "benchmark_gpu")


def bundled() -> FlowDubberPipeline:
    pipe = FlowDubberPipeline.from_pretrained("flowdubber-grid-tiny")
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def expected(benchmark):
    return benchmark.plain_mel(bundled())


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_precisions(benchmark, expected, dtype):
    pipe = bundled().to("cuda", getattr(torch, dtype))
    assert (benchmark.plain_mel(pipe) - expected).abs().mean() < TOLERANCES[dtype]
    sounds = benchmark.call(pipe, 2)
    assert all(torch.isfinite(torch.as_tensor(sound)).all() for sound in sounds)


def test_offloaded_parts(benchmark, expected):
    pipe = bundled()
    pipe.enable_model_cpu_offload()
    for _ in range(2):
        assert (benchmark.plain_mel(pipe) - expected).abs().mean() < TOLERANCES["float32"]
        assert {part.device.type for part in (pipe.aligner, pipe.vector_field, pipe.vocoder)} == {"cpu"}
    assert len(benchmark.call(pipe, 1)[0]) == 48000


def test_compiled_parts(benchmark, expected):
    pipe = bundled().to("cuda")
    pipe.vector_field.compile()
    pipe.vocoder.compile()
    assert (benchmark.plain_mel(pipe) - expected).abs().mean() < TOLERANCES["float32"]
    assert len(benchmark.call(pipe, 1)[0]) == 48000

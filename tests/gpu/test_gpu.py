"""On a card: the same dub as on the processor, within what its precision allows."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from flowdubber_hf import FlowDubberPipeline
from support.training_runs import load_script


pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a card")

# Mean difference of the normalised mel, whose spread is about 1. In half precision a border between phonemes may move by a frame,
# which alone makes 0.02.
TOLERANCES = {"float32": 1e-3, "bfloat16": 0.1, "float16": 0.1}


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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_compiled_parts(benchmark, expected, dtype):
    pipe = bundled().to("cuda", getattr(torch, dtype))
    benchmark.compile_parts(pipe)
    assert (benchmark.plain_mel(pipe) - expected).abs().mean() < TOLERANCES[dtype]
    assert len(benchmark.call(pipe, 1)[0]) == 48000


def test_memory_is_given_back(benchmark):
    """Graphs have pools of their own, which end with the call."""
    pipe = bundled().to("cuda", torch.float16)
    held = []
    for _ in range(4):
        benchmark.call(pipe, 2)
        torch.cuda.synchronize()
        held.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
    assert held[-1][0] <= held[-2][0]
    assert held[-1][1] <= held[-2][1]
    assert torch.cuda.max_memory_allocated() < 4 * 2**30

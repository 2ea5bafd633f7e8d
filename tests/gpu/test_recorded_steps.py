"""On a card: the language model's step, recorded as a CUDA graph, writes what it writes without."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from flowdubber_hf.models.semantic import captured_steps, pad_prompts
from support.language_model import bundled_language_model, prompts_of


pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a card")


@pytest.fixture
def recordings(monkeypatch) -> list[captured_steps.Recording]:
    """All that are made."""
    made = []

    class Noted(captured_steps.Recording):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(captured_steps, "Recording", Noted)
    return made


def write(model, prompts, graphs, steps=150, temperature=0.8):
    """What the model writes on the card, with and without graphs."""
    model.use_cuda_graphs = graphs
    ids, mask = (part.to("cuda") for part in pad_prompts(prompts, 0))
    generators = [torch.Generator().manual_seed(row) for row in range(len(prompts))]
    return model.generate_semantics(ids, mask, generators, steps, steps, temperature)


@pytest.mark.parametrize("rows", [[1], [0, 1, 2, 3]])
def test_same_tokens(recordings, rows):
    model, tokenizer = bundled_language_model()
    model.to("cuda")
    prompts = [prompts_of(tokenizer)[row] for row in rows]
    plain = write(model, prompts, graphs=False)
    assert not recordings
    recorded = write(model, prompts, graphs=True)
    assert [one.graph is not None for one in recordings] == [True]
    assert torch.equal(plain.semantic_tokens, recorded.semantic_tokens)
    torch.testing.assert_close(plain.hidden_states, recorded.hidden_states, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(recordings, dtype):
    """The first states alone can be asked for: after a draw that a rounding turned, the rest differs."""
    model, tokenizer = bundled_language_model()
    model.to("cuda", dtype)
    plain, recorded = (write(model, prompts_of(tokenizer), graphs, 20) for graphs in (False, True))
    assert recordings[0].graph is not None
    scale = plain.hidden_states[:, 0].abs().max()
    assert (plain.hidden_states[:, 0] - recorded.hidden_states[:, 0]).abs().max() < 0.05 * scale
    assert recorded.hidden_states.isfinite().all()


def test_the_processor_writes_the_same(recordings):
    model, tokenizer = bundled_language_model()
    ids, mask = pad_prompts(prompts_of(tokenizer), 0)
    generators = [torch.Generator().manual_seed(row) for row in range(4)]
    expected = model.generate_semantics(ids, mask, generators, 40, 40)
    recorded = write(model.to("cuda"), prompts_of(tokenizer), graphs=True, steps=40)
    agreeing = (expected.semantic_tokens == recorded.semantic_tokens.cpu()).float().mean()
    assert agreeing > 0.9


def test_what_cuda_refuses_goes_on(monkeypatch):
    """A function that asks the card for a number cannot be recorded; it runs on, and the card serves what comes next."""
    told, total = [], torch.zeros(1, device="cuda")
    monkeypatch.setattr(captured_steps.logger, "warning_once", told.append)

    def asking():
        total.add_(1)
        assert total.item() > 0

    recording = captured_steps.Recording(total.device)
    for _ in range(6):
        recording(asking)
    assert recording.graph is None and len(told) == 1
    assert total.item() == 6
    plain = torch.ones(4, device="cuda")
    following = captured_steps.Recording(plain.device)
    for _ in range(6):
        following(lambda: plain.mul_(2))
    assert following.graph is not None and plain.tolist() == [64.0] * 4

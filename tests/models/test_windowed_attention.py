"""Attention in blocks equals the masked product of everything."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from flowdubber_hf.models import layers


@pytest.mark.parametrize("length", [9, 50, 61])
@pytest.mark.parametrize("padded", [False, True])
def test_blocks_equal_the_whole(length, padded, monkeypatch):
    torch.manual_seed(0)
    attention = layers.RotarySelfAttention(16, 2, 0.0, window=4).eval()
    states = torch.randn(2, length, 16)
    mask = torch.arange(length) < torch.tensor([[length], [length // 2]]) if padded else None
    results = []
    for blocks_from in (0, 1000):
        monkeypatch.setattr(layers, "BLOCKS_FROM", blocks_from)
        results.append(attention(states, attention.plan(states, mask)))
    real = torch.ones(2, length, dtype=torch.bool) if mask is None else mask
    torch.testing.assert_close(results[0][real], results[1][real], atol=1e-6, rtol=1e-5)
    assert results[0].isfinite().all()


def test_blocks_have_the_gradients_of_the_whole(monkeypatch):
    torch.manual_seed(0)
    attention = layers.RotarySelfAttention(16, 2, 0.0, window=4)
    states = torch.randn(1, 41, 16)
    gradients = []
    for blocks_from in (0, 1000):
        monkeypatch.setattr(layers, "BLOCKS_FROM", blocks_from)
        attention.zero_grad()
        attention(states, attention.plan(states, None)).square().sum().backward()
        gradients.append(attention.qkv.weight.grad.clone())
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-4)


def test_what_lies_outside_of_the_window_has_no_say():
    attention = layers.RotarySelfAttention(16, 2, 0.0, window=4).eval()
    states = torch.randn(1, 80, 16)
    changed = states.clone()
    changed[0, 60:] = 0
    assert torch.equal(
        attention(states, attention.plan(states, None))[0, :56],
        attention(changed, attention.plan(changed, None))[0, :56],
    )
    assert not torch.equal(
        attention(states, attention.plan(states, None))[0, 57],
        attention(changed, attention.plan(changed, None))[0, 57],
    )

"""What a solver's steps have in common is made once, and changes nothing."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from flowdubber_hf.models import layers
from flowdubber_hf.models.vector_field import FlowDubberVectorField, guide, sampling


TINY = {
    "fused_size": 16, "style_size": 12, "prior_hidden_size": 16, "num_prior_layers": 2, "num_prior_heads": 2,
    "prior_intermediate_size": 24, "prior_kernel_size": 3, "postnet_size": 8, "prior_dropout": 0.0, "channels": [16, 24],
    "num_heads": 2, "head_dim": 8, "feed_forward_ratio": 2, "dropout": 0.0, "attention_window": 5,
}  # fmt: skip


@pytest.fixture
def field() -> FlowDubberVectorField:
    torch.manual_seed(0)
    return FlowDubberVectorField(**TINY).eval()


@pytest.fixture
def inputs() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(24) < torch.tensor([[24], [16]])
    return {
        "latents": torch.randn(2, 80, 24, generator=generator),
        "prior": torch.randn(2, 80, 24, generator=generator),
        "null": torch.randn(2, 80, 24, generator=generator),
        "style": torch.randn(2, 12, generator=generator),
        "mask": mask,
        "times": torch.tensor([0.0, 0.3, 0.9]),
    }


@torch.no_grad()
def test_prepared_conditions_give_what_forward_makes_itself(field, inputs):
    conditions = field.prepare(inputs["latents"], inputs["times"], inputs["style"], inputs["mask"])
    for step, time in enumerate(inputs["times"]):
        given = (inputs["latents"], time, inputs["prior"], inputs["style"], inputs["mask"])
        alone = field(*given).sample
        torch.testing.assert_close(field(*given, conditions=conditions.at(step)).sample, alone, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(field(*given, conditions=conditions.at(0)).sample, alone, atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("together", [6000, 1])
def test_guided_velocity_is_that_of_two_branches(field, inputs, together, monkeypatch):
    monkeypatch.setattr(sampling, "TOGETHER_FRAMES", together)
    latents, prior, null, style, mask, times = inputs.values()
    guided = sampling.GuidedVelocity(field, times, prior, style, mask, null, 1.4)
    for step, time in enumerate(times):
        branches = [field(latents, time, one, style, mask).sample for one in (prior, null)]
        expected = guide(*branches, alpha=0.4)
        torch.testing.assert_close(guided(latents, step), expected, atol=1e-5, rtol=1e-5)
    alone = sampling.GuidedVelocity(field, times, prior, style, mask)(latents, step)
    torch.testing.assert_close(alone, branches[0], atol=1e-5, rtol=1e-5)
    of_prior = sampling.GuidedVelocity(field, times, prior, style, mask, null, 1.4, "prior")(latents, step)
    moved = field(latents, times[step], guide(prior, null, alpha=0.4), style, mask).sample
    torch.testing.assert_close(of_prior, moved, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_tables_are_made_once_a_call(field, inputs, monkeypatch):
    made = []
    original = layers.rotary_angles
    monkeypatch.setattr(layers, "rotary_angles", lambda *given: made.append(given[0]) or original(*given))
    latents, prior, null, style, mask, times = inputs.values()
    guided = sampling.GuidedVelocity(field, times, prior, style, mask, null, 1.4)
    for step in range(len(times)):
        guided(latents, step)
    assert made == [24, 12]
    made.clear()
    field.prior(torch.randn(2, 24, 16), style, mask)
    assert made == [24]


@torch.no_grad()
def test_nothing_is_masked_where_nothing_is_padded(field, inputs):
    whole = torch.ones(2, 24, dtype=torch.bool)
    given = (inputs["latents"], inputs["times"][1], inputs["prior"], inputs["style"])
    torch.testing.assert_close(field(*given, whole).sample, field(*given).sample, atol=1e-5, rtol=1e-5)
    assert layers.real_positions(whole) is None and layers.real_positions(inputs["mask"]) is inputs["mask"]
    with torch.enable_grad():
        assert layers.real_positions(whole) is whole


def test_checkpointing_reaches_the_prior(inputs):
    """The same gradients, and the layers' insides are computed a second time."""
    torch.manual_seed(0)
    field = FlowDubberVectorField(**TINY).train()
    runs = []
    field.prior_decoder.layers[0].feed_forward.register_forward_hook(lambda *_: runs.append(1))
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            field.enable_gradient_checkpointing()
        field.zero_grad()
        fused = torch.linspace(-1, 1, 2 * 24 * 16).view(2, 24, 16)
        field.prior(fused, inputs["style"], inputs["mask"]).square().sum().backward()
        gradients.append(field.prior_decoder.input.weight.grad.clone())
    torch.testing.assert_close(*gradients)
    assert len(runs) == 3


@pytest.mark.parametrize(("kernel", "dilation", "groups", "stride"), [(3, 1, 1, 1), (5, 2, 4, 1), (3, 1, 1, 2)])
def test_channels_last_is_the_same_convolution(kernel, dilation, groups, stride):
    torch.manual_seed(0)
    options = {"padding": dilation * (kernel // 2), "dilation": dilation, "groups": groups, "stride": stride}
    ours, plain = layers.ChannelsLastConv1d(8, 12, kernel, **options), torch.nn.Conv1d(8, 12, kernel, **options)
    plain.load_state_dict(ours.state_dict())
    states = torch.randn(2, 21, 8, requires_grad=True)
    made = ours(states.transpose(1, 2))
    torch.testing.assert_close(made, plain(states.transpose(1, 2)), atol=1e-5, rtol=1e-5)
    assert made.transpose(1, 2).is_contiguous()
    made.sum().backward()
    assert states.grad.abs().sum() > 0

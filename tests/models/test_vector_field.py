"""Contracts of the vector field and the equations of flow matching."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import pytest
import torch

from flowdubber_hf.models.vector_field import (
    FlowDubberVectorField,
    flow_matching_loss,
    guide,
    interpolate,
    prior_loss,
    velocity_target,
)
from flowdubber_hf.training.presets import VECTOR_FIELD_PRESETS
from support.model_contracts import ModelContracts


TINY = {
    "fused_size": 16,
    "prior_hidden_size": 32,
    "num_prior_layers": 2,
    "num_prior_heads": 2,
    "prior_intermediate_size": 48,
    "prior_kernel_size": 3,
    "postnet_size": 24,
    "channels": [32, 32],
    "head_dim": 16,
    "feed_forward_ratio": 2,
    "attention_window": 10,
    "mel_mean": -6.0,
    "mel_std": 2.0,
}


def make_model(**changes) -> FlowDubberVectorField:
    torch.manual_seed(0)
    return FlowDubberVectorField(**{**TINY, **changes}).eval()


def make_inputs(batch: int = 2, frames: int = 32) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "hidden_states": torch.randn(batch, 80, frames, generator=generator),
        "timestep": torch.rand(batch, generator=generator),
        "prior": torch.randn(batch, 80, frames, generator=generator),
        "style": torch.randn(batch, 256, generator=generator),
    }


def test_flow_target_is_the_derivative_of_the_path():
    generator = torch.Generator().manual_seed(0)
    x0, x1 = torch.randn(2, 1, 80, 8, generator=generator, dtype=torch.float64).unbind(0)
    step = 1e-6
    t = torch.tensor([0.3], dtype=torch.float64)
    slope = (interpolate(x0, x1, t + step) - interpolate(x0, x1, t)) / step
    torch.testing.assert_close(slope, velocity_target(x0, x1), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(interpolate(x0, x1, torch.zeros(1, dtype=torch.float64)), x0)


def test_losses_by_hand():
    mask = torch.tensor([[True, False]])
    target = torch.zeros(1, 2, 2)
    velocity = torch.tensor([[[1.0, 9.0], [3.0, 9.0]]])
    assert flow_matching_loss(velocity, target, mask).item() == pytest.approx((1 + 9) / 2)
    expected = (0.5 * (1 + math.log(2 * math.pi)) + 0.5 * (9 + math.log(2 * math.pi))) / 2
    assert prior_loss(target, velocity, mask).item() == pytest.approx(expected, rel=1e-6)


def test_guidance_by_hand():
    v, null = torch.tensor([3.0]), torch.tensor([1.0])
    assert guide(v, null, 0.0).item() == 3.0
    assert guide(v, null, 0.4).item() == pytest.approx(3.8)  # the usual form: null + 1.4 (v - null)


@torch.no_grad()
def test_a_guided_prior_stresses_its_voice():
    model = make_model()
    fused, style = torch.randn(2, 20, model.config.fused_size), torch.randn(2, model.config.style_size)
    mask = (torch.arange(20) < 16).expand(2, -1)
    prior, null = model.prior(fused, style, mask), model.prior(fused, torch.zeros_like(style), mask)
    torch.testing.assert_close(model.guided_prior(fused, style, mask), prior)
    difference = (prior - null)[:, :, :16]
    guided = model.guided_prior(fused, style, mask, scale=1.5)
    expected = prior[:, :, :16] + 0.5 * (difference / 2 + difference.mean(2, keepdim=True) / 2)
    torch.testing.assert_close(guided[:, :, :16], expected)
    assert guided[:, :, 16:].abs().max() == 0
    alone = model.guided_prior(fused[:1, :16], style[:1], scale=1.5)
    torch.testing.assert_close(alone, guided[:1, :, :16], atol=1e-5, rtol=1e-4)


class TestContracts(ModelContracts):
    output = "sample"

    def make(self) -> FlowDubberVectorField:
        return make_model()

    def inputs(self) -> dict[str, torch.Tensor]:
        return make_inputs()


@torch.no_grad()
def test_batch_padding_and_tuple():
    model, inputs = make_model(), make_inputs()
    plain = model(**inputs).sample
    assert plain.shape == (2, 80, 32)
    torch.testing.assert_close(model(**inputs, return_dict=False)[0], plain)
    alone = model(**{name: value[:1] for name, value in inputs.items()}).sample
    torch.testing.assert_close(alone[0], plain[0], atol=1e-5, rtol=1e-4)
    padded = {
        name: torch.nn.functional.pad(value, (0, 12), value=5.0) if value.ndim == 3 else value
        for name, value in inputs.items()
    }
    mask = (torch.arange(44) < 32).expand(2, -1)
    wide = model(**padded, attention_mask=mask).sample
    torch.testing.assert_close(wide[:, :, :32], plain, atol=1e-5, rtol=1e-4)
    assert wide[:, :, 32:].abs().max() == 0


@torch.no_grad()
def test_prior_batch_and_padding():
    model = make_model()
    fused, style = torch.randn(2, 20, 16), torch.randn(2, 256)
    plain = model.prior(fused, style)
    assert plain.shape == (2, 80, 20)
    wide = model.prior(
        torch.nn.functional.pad(fused, (0, 0, 0, 6), value=4.0), style, (torch.arange(26) < 20).expand(2, -1)
    )
    torch.testing.assert_close(wide[:, :, :20], plain, atol=1e-5, rtol=1e-4)
    assert wide[:, :, 20:].abs().max() == 0


@torch.no_grad()
def test_window_bounds_what_a_frame_can_see():
    """With attention limited, a far frame cannot change a near one beyond the receptive field."""
    model, inputs = make_model(attention_window=2), make_inputs(1, 400)
    plain = model(**inputs).sample
    inputs["hidden_states"] = inputs["hidden_states"].clone()
    inputs["hidden_states"][:, :, -1] += 10
    moved = model(**inputs).sample
    assert torch.equal(moved[:, :, :200], plain[:, :, :200]) and not torch.equal(moved[:, :, -1], plain[:, :, -1])


@torch.no_grad()
def test_style_and_prior_matter():
    model, inputs = make_model(), make_inputs()
    plain = model(**inputs).sample
    for name in ("style", "prior", "timestep"):
        changed = {**inputs, name: inputs[name] * 0.5}
        assert (model(**changed).sample - plain).abs().max() > 1e-4, name


def test_a_training_step_moves_every_parameter():
    model, inputs = make_model().train(), make_inputs()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    prior = model.prior(torch.randn(2, 32, 16), inputs["style"])
    sample = model(**{**inputs, "prior": prior}).sample
    (sample.square().mean() + prior.square().mean()).backward()
    torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0).step()
    assert [name for name, value in model.named_parameters() if torch.equal(value, before[name])] == []


def test_gradient_checkpointing_gives_the_same_gradients():
    inputs, gradients = make_inputs(), []
    for checkpointing in (False, True):
        model = make_model(dropout=0.0).train()
        if checkpointing:
            model.enable_gradient_checkpointing()
        loss = model(**inputs).sample.square().mean()
        loss.backward()
        gradients.append((loss.detach(), model.projection.weight.grad, model.mid_norm.affine.weight.grad))
    torch.testing.assert_close(gradients[0], gradients[1])


def test_errors_and_units():
    model = make_model()
    with pytest.raises(ValueError, match="multiple of 2, got 31"):
        model(**make_inputs(frames=31))
    with pytest.raises(ValueError, match="mel_std"):
        make_model(mel_std=0.0)
    mel = torch.randn(1, 80, 4)
    torch.testing.assert_close(model.denormalize(model.normalize(mel)), mel)


def test_tiny_preset_is_small():
    with torch.device("meta"):
        model = FlowDubberVectorField(**VECTOR_FIELD_PRESETS["tiny"])
    assert sum(parameter.numel() for parameter in model.parameters()) < 8_000_000

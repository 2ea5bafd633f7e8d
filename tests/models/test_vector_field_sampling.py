"""The solver's loop, the initial noise and guidance, with velocities that can be integrated by hand."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from flowdubber_hf.models.vector_field.sampling import GuidedVelocity, flow_times, initial_noise, sample_mels, solve
from flowdubber_hf.schedulers import flow_sigmas, set_flow_timesteps
from support.tiny_models import tiny_vector_field


def euler(steps: int = 4) -> tuple[FlowMatchEulerDiscreteScheduler, torch.Tensor]:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True)
    return scheduler, set_flow_timesteps(scheduler, flow_sigmas(steps))


@pytest.fixture(scope="module")
def field():
    torch.manual_seed(0)
    return tiny_vector_field().eval()


@pytest.fixture
def inputs():
    """Two rows of 48 and 32 frames: prior, style, mask."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.arange(48) < torch.tensor([48, 32])[:, None]
    return torch.randn(2, 80, 48, generator=generator), torch.randn(2, 256, generator=generator), mask


def test_a_constant_velocity_is_walked_in_one_unit_of_time():
    start = torch.zeros(1, 80, 4)
    end = solve(*euler(), start, lambda latents, step: torch.full_like(latents, 3.0))
    torch.testing.assert_close(end, torch.full_like(start, 3.0))


def test_steps_are_counted_and_may_change_the_state():
    asked, seen = [], []

    def velocity(latents, step):
        asked.append(step)
        return torch.ones_like(latents)

    def after_step(index, timestep, latents):
        seen.append(index)
        return latents + 1

    scheduler, timesteps = euler()
    end = solve(scheduler, timesteps, torch.zeros(1, 1, 1), velocity, after_step)
    assert asked == seen == [0, 1, 2, 3]
    assert flow_times(scheduler, timesteps).tolist() == pytest.approx([0.0, 0.25, 0.5, 0.75])
    assert float(end) == pytest.approx(1 + 4)


def test_an_interruption_leaves_the_state_of_the_last_step():
    done = []
    end = solve(
        *euler(),
        torch.zeros(1, 1, 1),
        lambda latents, step: torch.ones_like(latents),
        lambda index, timestep, latents: done.append(index) or latents,
        lambda: len(done) == 2,
    )
    assert float(end) == pytest.approx(0.5)


def test_noise_of_a_row_is_its_own():
    seeds = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
    noise = initial_noise([8, 5], 80, seeds)
    assert noise.shape == (2, 80, 8)
    assert not noise[1, :, 5:].any()
    alone = initial_noise([5], 80, torch.Generator().manual_seed(6))
    torch.testing.assert_close(noise[1:, :, :5], alone, rtol=0, atol=0)
    together = initial_noise([8, 5], 80, torch.Generator().manual_seed(5))
    torch.testing.assert_close(together[0], noise[0], rtol=0, atol=0)
    assert not torch.equal(together[1, :, :5], noise[1, :, :5])


@torch.no_grad()
def test_guidance_is_both_branches_and_a_scale_of_one_is_the_first_alone(field, inputs):
    prior, style, mask = inputs
    null = torch.zeros_like(prior)
    latents, times = torch.randn(2, 80, 48, generator=torch.Generator().manual_seed(2)), torch.tensor([0.3])
    plain = GuidedVelocity(field, times, prior, style, mask)(latents, 0)
    without = GuidedVelocity(field, times, null, style, mask)(latents, 0)
    guided = GuidedVelocity(field, times, prior, style, mask, null, 1.4)
    torch.testing.assert_close(guided(latents, 0), plain + 0.4 * (plain - without), rtol=1e-4, atol=1e-4)
    guided.condition(prior, 1.0)
    torch.testing.assert_close(guided(latents, 0), plain)
    with pytest.raises(ValueError, match="prior_null"):
        GuidedVelocity(field, times, prior, style, mask, guidance_scale=2.0)


@torch.no_grad()
def test_long_clips_are_computed_row_by_row_with_the_same_result(field, inputs, monkeypatch):
    from flowdubber_hf.models.vector_field import sampling

    prior, style, mask = inputs
    latents, times = torch.zeros_like(prior), torch.tensor([0.5])
    given = (field, times, prior, style, mask, torch.zeros_like(prior), 1.4)
    together = GuidedVelocity(*given)(latents, 0)
    monkeypatch.setattr(sampling, "TOGETHER_FRAMES", 10)
    torch.testing.assert_close(GuidedVelocity(*given)(latents, 0), together, rtol=1e-4, atol=1e-4)


def test_a_row_does_not_depend_on_its_neighbours(field, inputs):
    prior, style, mask = inputs
    both = sample_mels(field, prior, style, mask, 2)
    one = sample_mels(field, prior[:1], style[:1], mask[:1], 2)
    assert torch.allclose(both[:1], one, atol=1e-5)
    assert not torch.allclose(both, sample_mels(field, prior, style, mask, 2, seed=9))

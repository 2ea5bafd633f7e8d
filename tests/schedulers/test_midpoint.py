"""The midpoint scheduler, and the translation of the method's convention to every scheduler that serves."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler

from flowdubber_hf.schedulers import (
    FlowMatchMidpointDiscreteScheduler,
    flow_sigmas,
    flow_time,
    scheduler_output,
    set_flow_timesteps,
)


SCHEDULERS = {
    "euler": lambda: FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True),
    "euler_own_direction": lambda: FlowMatchEulerDiscreteScheduler(shift=1.0),
    "heun": lambda: FlowMatchHeunDiscreteScheduler(),
    "midpoint": lambda: FlowMatchMidpointDiscreteScheduler(),
    "midpoint_own_direction": lambda: FlowMatchMidpointDiscreteScheduler(invert_sigmas=False),
}


def integrate(scheduler, velocity, start, sigmas):
    """Solves dx/dt = velocity(x, t) from t = 0 to 1 as the pipeline does."""
    sample = start
    for timestep in set_flow_timesteps(scheduler, sigmas):
        output = scheduler_output(scheduler, velocity(sample, flow_time(scheduler, timestep)))
        sample = scheduler.step(output, timestep, sample, return_dict=False)[0]
    return sample


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 4, 10])
@pytest.mark.parametrize("sway", [0.0, -1.0])
def test_constant_velocity_is_exact(name, steps, sway):
    noise, data = torch.randn(2, 2, 3, 5, generator=torch.Generator().manual_seed(0))
    result = integrate(SCHEDULERS[name](), lambda x, t: data - noise, noise, flow_sigmas(steps, sway))
    torch.testing.assert_close(result, data, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("name", "evaluations"), [("euler", 4), ("heun", 7), ("midpoint", 8)])
def test_number_of_evaluations(name, evaluations):
    assert len(set_flow_timesteps(SCHEDULERS[name](), flow_sigmas(4))) == evaluations


def test_uniform_grid_is_exact_and_equals_manual_euler():
    scheduler = SCHEDULERS["euler"]()
    set_flow_timesteps(scheduler, flow_sigmas(4))
    torch.testing.assert_close(scheduler.sigmas, torch.tensor([0, 0.25, 0.5, 0.75, 1.0]))
    start = torch.tensor([1.0])
    manual = start
    for step in range(4):
        manual = manual + 0.25 * (manual - step * 0.25)
    torch.testing.assert_close(integrate(scheduler, lambda x, t: x - t, start, flow_sigmas(4)), manual)


def test_sway_grid():
    times = [1 - sigma for sigma in flow_sigmas(4, sway=-1.0)]
    assert times == pytest.approx([0, 0.0761, 0.2929, 0.6173], abs=1e-4)
    scheduler = FlowMatchMidpointDiscreteScheduler(sway=-1.0)
    scheduler.set_timesteps(4)
    assert scheduler.sigmas[::2].tolist() == pytest.approx([*times, 1.0], abs=1e-6)


@pytest.mark.parametrize("name", ["heun", "midpoint", "midpoint_own_direction"])
def test_second_order(name):
    """dx/dt = x from 1 ends at e; halving the step divides a second-order solver's error by about four (Heun's last
    step is a plain Euler step, whose single error is of second order too).
    """
    errors = [
        abs(float(integrate(SCHEDULERS[name](), lambda x, t: x, torch.ones(1), flow_sigmas(n))) - math.e)
        for n in (8, 16)
    ]
    assert errors[0] / errors[1] > 3.3
    euler = abs(float(integrate(SCHEDULERS["euler"](), lambda x, t: x, torch.ones(1), flow_sigmas(16))) - math.e)
    assert errors[1] < euler / 5


def test_midpoint_by_hand():
    """One step of dx/dt = x + t from x = 1: the middle is 1.5, the velocity there 2, the end 3."""
    scheduler = FlowMatchMidpointDiscreteScheduler()
    scheduler.set_timesteps(1)
    assert scheduler.timesteps.tolist() == [0.0, 500.0]
    middle = scheduler.step(torch.tensor([1.0]), scheduler.timesteps[0], torch.tensor([1.0])).prev_sample
    assert middle.item() == 1.5
    assert scheduler.step(middle + 0.5, scheduler.timesteps[1], middle).prev_sample.item() == 3.0


def test_midpoint_configuration_round_trip(tmp_path):
    FlowMatchMidpointDiscreteScheduler(shift=2.0, sway=-0.5).save_pretrained(tmp_path)
    loaded = FlowMatchMidpointDiscreteScheduler.from_pretrained(tmp_path)
    assert (loaded.config.shift, loaded.config.sway, loaded.config.invert_sigmas) == (2.0, -0.5, True)


def test_midpoint_refuses_wrong_use():
    scheduler = FlowMatchMidpointDiscreteScheduler()
    sample = torch.zeros(1)
    with pytest.raises(ValueError, match="set_timesteps"):
        scheduler.step(sample, 0.0, sample)
    with pytest.raises(ValueError, match="give `num_inference_steps`"):
        scheduler.set_timesteps()
    with pytest.raises(ValueError, match="as many as steps"):
        scheduler.set_timesteps(3, sigmas=[1.0, 0.5])
    with pytest.raises(ValueError, match="fall strictly"):
        scheduler.set_timesteps(sigmas=[0.5, 1.0])
    scheduler.set_timesteps(1)
    with pytest.raises(ValueError, match="not one of"):
        scheduler.step(sample, 3.0, sample)
    for timestep in scheduler.timesteps:
        scheduler.step(sample, timestep, sample)
    with pytest.raises(ValueError, match="every step"):
        scheduler.step(sample, scheduler.timesteps[-1], sample)


@pytest.mark.parametrize("steps", [0, -1, 2.5, True, "3"])
def test_grid_refuses_wrong_steps(steps):
    with pytest.raises(ValueError, match="number of steps"):
        flow_sigmas(steps)


def test_grid_refuses_wrong_sway():
    with pytest.raises(ValueError, match="sway"):
        flow_sigmas(4, sway=-1.5)

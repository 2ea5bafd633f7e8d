"""Few steps in place of many: what the student is shown, what of it moves, and that it comes to its teacher."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from accelerate import Accelerator
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler

from flowdubber_hf.data.dubbing import DubbingClips
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.vector_field.sampling import flow_steps, flow_times
from flowdubber_hf.schedulers import flow_sigmas, set_flow_timesteps
from flowdubber_hf.training.dubber_run import DubberArguments
from flowdubber_hf.training.dubber_stage import VIDEO_NEEDS, LipFeatures
from flowdubber_hf.training.few_steps import FewStepsModel, FewStepsStage, chosen_steps, solution, with_steps
from support.dubbing_dataset import write_dubbing_dataset
from support.tiny_models import hearing_vector_field, tiny_aligner, tiny_vector_field


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(write_dubbing_dataset(tmp_path_factory.mktemp("data")))


@pytest.fixture
def stage(store, tmp_path) -> FewStepsStage:
    torch.manual_seed(0)
    model = FewStepsModel(tiny_aligner(), tiny_vector_field(), 8)
    lips = LipFeatures(model.aligner, store, tmp_path / "lips", views=1)
    lips.prepare(model.aligner, store.clips(needs=VIDEO_NEEDS), Accelerator(cpu=True))
    training, held_out = (DubbingClips(store, store.clips(split, "made")) for split in ("train", "val"))
    return FewStepsStage(model, [(training, 1.0)], held_out, lips, 4, 0, segment_frames=10)


def flow_inputs(rows: int = 2) -> tuple[torch.Tensor, ...]:
    """Noise, prior, style and mask."""
    random = torch.Generator().manual_seed(1)
    noise, prior = (torch.randn(rows, 80, 16, generator=random) for _ in range(2))
    return noise, prior, torch.randn(rows, 256, generator=random), torch.ones(rows, 16, dtype=torch.bool)


def taught_field():
    """A field whose step embedding is not zero."""
    torch.manual_seed(0)
    field = with_steps(tiny_vector_field()).eval()
    with torch.no_grad():
        field.step_down.weight.normal_(std=0.5)
    return field


@torch.no_grad()
def test_a_field_that_learns_steps_starts_where_it_was():
    torch.manual_seed(0)
    plain = tiny_vector_field().eval()
    field = with_steps(plain).eval()
    noise, prior, style, mask = flow_inputs()
    half = torch.full((2,), 0.5)
    expected = plain(noise, half, prior, style, mask).sample
    assert torch.equal(field(noise, half, prior, style, mask, step=half).sample, expected)
    assert with_steps(field) is field and plain.config.shortest_step is None
    with pytest.raises(ValueError, match="shortest_step"):
        tiny_vector_field(shortest_step=1.5)


@torch.no_grad()
def test_short_steps_are_those_of_the_solver():
    field, (noise, prior, style, mask) = taught_field(), flow_inputs()
    time = torch.tensor(0.25)
    plain = field(noise, time, prior, style, mask).sample
    assert torch.equal(field(noise, time, prior, style, mask, step=torch.tensor(0.1)).sample, plain)
    stepped = field(noise, time, prior, style, mask, step=torch.tensor(0.25)).sample
    assert not torch.allclose(stepped, plain)
    # Prepared for all steps at once, as the solver does it, is the same.
    times, steps = torch.tensor([0.0, 0.25]), torch.tensor([0.1, 0.25])
    conditions = field.prepare(noise, times, style, mask, steps)
    torch.testing.assert_close(field(noise, time, prior, style, mask, conditions=conditions.at(1)).sample, stepped)


def test_lengths_of_a_schedulers_steps():
    euler = FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True)
    for sigmas, lengths in ((flow_sigmas(2), [0.5, 0.5]), ([1.0, 0.7, 0.3], [0.3, 0.4, 0.3])):
        times = flow_times(euler, set_flow_timesteps(euler, sigmas, torch.device("cpu")))
        torch.testing.assert_close(flow_steps(euler, times), torch.tensor(lengths))
    heun = FlowMatchHeunDiscreteScheduler(shift=1.0)
    assert flow_steps(heun, torch.tensor([0.0, 0.5])) is None


def test_steps_are_drawn_evenly():
    first, size = chosen_steps((torch.arange(1200) + 0.5) / 1200, 8)
    drawn = list(zip(first.tolist(), size.tolist(), strict=True))
    counts = {pair: drawn.count(pair) for pair in set(drawn)}
    assert counts == {
        (0, 8): 400,
        **dict.fromkeys([(0, 4), (4, 4)], 200),
        **dict.fromkeys([(0, 2), (2, 2), (4, 2), (6, 2)], 100),
    }


def test_solution_is_eulers():
    torch.manual_seed(0)
    field, (noise, prior, style, mask) = tiny_vector_field().eval(), flow_inputs()
    states, velocities = solution(field, noise, prior, style, mask, 4)
    assert states.shape == (5, *noise.shape) and velocities.shape == (4, *noise.shape)
    with torch.no_grad():
        velocity = field(states[2], torch.tensor(0.5), prior, style, mask).sample
    torch.testing.assert_close(velocities[2], velocity)
    torch.testing.assert_close(states[3], states[2] + velocity / 4)


def test_only_the_flow_learns_and_it_comes_to_its_teacher(stage):
    model = stage.model.eval()
    before = stage.validate(model)
    assert before["val_many_steps"] < 1e-6
    assert before["val_steps_1"] == pytest.approx(before["val_teacher_steps_1"], rel=1e-4)
    kept = {name: value.clone() for name, value in model.named_parameters() if not value.requires_grad}
    assert {name.split(".")[0] for name in kept} == {"aligner", "vector_field"}
    trained = [value for value in model.parameters() if value.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=3e-4)
    for step in range(60):
        losses = model.train()(stage.batch(step, range(4)))
        assert not model.vector_field.training
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
    after = stage.validate(model)
    assert after["val_steps_1"] < 0.9 * before["val_steps_1"]
    assert after["val_teacher_steps_1"] == before["val_teacher_steps_1"]
    assert all(torch.equal(value, kept[name]) for name, value in model.named_parameters() if name in kept)


def test_saved_and_loaded(stage, tmp_path):
    stage.save(stage.model, tmp_path / "saved")
    loaded = type(stage.model.vector_field).from_pretrained(tmp_path / "saved" / "vector_field")
    assert loaded.config.shortest_step == 0.25
    assert not any("teacher" in name for name in stage.model.state_dict())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"distill_steps": 6, "init_from": "x"}, "multiple of 4"),
        ({"distill_steps": 8, "aligner": "x"}, "trained vector field"),
        ({"distill_steps": 8, "init_from": "x", "lora_rank": 4}, "without --lora_rank"),
    ],
)
def test_options(options, message):
    with pytest.raises(ValueError, match=message):
        DubberArguments(dataset=["data"], output_dir="out", **options)


def test_what_hears_voices_is_heard_and_not_moved(store):
    torch.manual_seed(0)
    model = FewStepsModel(tiny_aligner(), hearing_vector_field(), 8)
    clips = DubbingClips(store, store.clips("train", "made-sound"))
    stage = FewStepsStage(model, [(clips, 1.0)], clips, None, 4, 0, segment_frames=10)
    batch = stage.batch(0, range(4))
    model(batch)["loss"].backward()
    assert all(weight.grad is None for weight in model.vector_field.voice_encoder.parameters())
    assert model.vector_field.step_down.weight.grad.abs().sum() > 0
    other = {**batch, "voice_mel": batch["voice_mel"].flip(0), "voice_mask": batch["voice_mask"].flip(0)}
    assert model(other)["start"] != model(batch)["start"]

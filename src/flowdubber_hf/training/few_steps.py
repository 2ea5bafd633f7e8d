"""Few steps in place of many: the vector field learns, from its own many-step solution, the mean velocity of a long step.

The teacher is the field as it was, frozen; it solves the flow from the noise that a dub starts from. The student is shown
states on the teacher's way together with the length of the step, and learns the straight line to where the teacher stands at its end: no
second derivatives, and no network of its own. Without a length it is still taught the teacher's velocity, so that many steps stay what
they were. The mean velocity of a step is that of mean flows (Geng et al. 2025, equation 3); learning it for a given step length follows
shortcut models (Frans et al. 2024), whose own half steps are here the teacher's.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import copy

import torch
from torch import nn

from ..models.aligner import FlowDubberAlignerModel
from ..models.vector_field import FlowDubberVectorField, flow_matching_loss
from ..processing.audio import MEL_FRAMES_PER_VIDEO_FRAME
from .dubber import FlowDubberTrainingModel, encoded, take_segments, voices_of
from .dubber_stage import DubberStage


#: Numbers of steps that are taught.
STEP_COUNTS = (1, 2, 4)


def with_steps(field: FlowDubberVectorField) -> FlowDubberVectorField:
    """The field that knows how far a step goes, its other weights as they are; itself where it does."""
    if field.config.shortest_step is not None:
        return field
    settings = {name: value for name, value in field.config.items() if not name.startswith("_")}
    made = type(field)(**{**settings, "shortest_step": 1 / max(STEP_COUNTS)})
    made.load_state_dict(field.state_dict(), strict=False)
    return made.to(field.device)


class FewStepsModel(FlowDubberTrainingModel):
    """A finished dubber whose vector field learns few steps; nothing else of it moves.

    Args:
        aligner: frozen.
        vector_field: to train, but for its prior and what hears voices.
        teacher_steps: of the solution that it learns from, a multiple of the most steps taught.

    Raises:
        ValueError: another number of teacher's steps.
    """

    def __init__(self, aligner: FlowDubberAlignerModel, vector_field: FlowDubberVectorField, teacher_steps: int):
        check_teacher_steps(teacher_steps)
        super().__init__(aligner, with_steps(vector_field))
        self.teacher_steps = teacher_steps
        self.aligner.requires_grad_(False)
        self.vector_field.prior_decoder.requires_grad_(False)
        if self.vector_field.voice_encoder is not None:
            self.vector_field.voice_encoder.requires_grad_(False)
        # Not a submodule: it is neither trained nor saved.
        self._teacher = [copy.deepcopy(vector_field).requires_grad_(False).eval()]

    @property
    def teacher(self) -> FlowDubberVectorField:
        """The field as it was."""
        self._teacher[0] = self._teacher[0].to(self.vector_field.device)
        return self._teacher[0]

    def train(self, mode: bool = True) -> "FewStepsModel":
        """Dropout stays off everywhere: what is learned is a solution, not data."""
        return nn.Module.train(self, False)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Named losses of a joint batch: `step`, of mean velocities, `start`, of the velocity without a length, and `loss`, both."""
        return few_step_losses(self, batch)


def check_teacher_steps(steps: int) -> None:
    """Raises a ValueError unless the teacher stands still where every taught step begins and ends."""
    most = max(STEP_COUNTS)
    if steps < most or steps % most:
        raise ValueError(f"--distill_steps must be a multiple of {most}, such as 8, got {steps}.")


@torch.no_grad()
def conditions(
    model: FlowDubberTrainingModel, batch: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise of the temperature of a dub `(B, 80, T)`, prior `(B, 80, T)`, voices (see `voices_of`) and mask `(B, T)` of a joint batch's
    segments (see [`~training.dubber.dubber_losses`])."""
    aligner, field = model.aligner, model.vector_field
    encoding = encoded(aligner, batch)
    states = (batch.get("semantic_features"), batch.get("semantic_mask"), batch["knowledge_drop"])
    fused = aligner.fuse(encoding, *states).fused
    starts, length = batch["segment_start"] * MEL_FRAMES_PER_VIDEO_FRAME, batch["noise"].shape[2]
    ends = batch["mel_mask"].sum(1, keepdim=True)
    mask = starts[:, None] + torch.arange(length, device=starts.device) < ends
    voices = voices_of(field, batch)
    prior = field.guided_prior(take_segments(fused, starts, length), voices, mask)
    return field.config.sampling_temperature * batch["noise"], prior, voices, mask


@torch.no_grad()
def solution(
    field: FlowDubberVectorField,
    noise: torch.Tensor,
    prior: torch.Tensor,
    style: torch.Tensor,
    mask: torch.Tensor,
    steps: int,
    lengths: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Euler's solution from `(B, 80, T)` noise.

    Args:
        steps: of equal length.
        lengths: whether the field is told how far they go.

    Returns:
        The states at 0, 1/steps, ... 1, `(steps + 1, B, 80, T)`, and the velocities at all but the last, `(steps, B, 80, T)`.
    """
    length = torch.full((len(noise),), 1 / steps, device=noise.device)
    states, velocities = [noise], []
    for number in range(steps):
        told = length if lengths else None
        velocity = field(states[-1], number * length, prior, style, mask, step=told).sample.float()
        velocities.append(velocity)
        states.append(states[-1] + velocity / steps)
    return torch.stack(states), torch.stack(velocities)


def chosen_steps(draws: torch.Tensor, teacher_steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where each row's step begins and how many of the teacher's steps it takes, from `(B,)` uniform numbers: each of the numbers of
    steps as often, and each of its steps."""
    counts = torch.tensor(STEP_COUNTS, device=draws.device)
    scaled = draws * len(STEP_COUNTS)
    count = counts[scaled.long().clamp(max=len(STEP_COUNTS) - 1)]
    place = ((scaled % 1.0) * count).long()
    size = teacher_steps // count
    return place * size, size


def few_step_losses(model: FewStepsModel, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """
    The squared errors of mean velocities on steps drawn from 1, 1/2 and 1/4 of the way, and of the velocity at their starts.

    Args:
        batch: of the joint stage (see [`~training.dubber.dubber_losses`]); `flow_time` draws the step.
    """
    noise, prior, style, mask = conditions(model, batch)
    total = model.teacher_steps
    states, velocities = solution(model.teacher, noise, prior, style, mask, total)
    first, size = chosen_steps(batch["flow_time"], total)
    rows = torch.arange(len(noise), device=noise.device)
    begin, end = states[first, rows], states[first + size, rows]
    length = size / total
    mean = (end - begin) / length[:, None, None]
    # Both tasks of a row in one pass; a length of 0 is none.
    told = model.vector_field(
        begin.repeat(2, 1, 1),
        (first / total).repeat(2),
        prior.repeat(2, 1, 1),
        style.repeat(2, 1),
        mask.repeat(2, 1),
        step=torch.cat([length, torch.zeros_like(length)]),
    ).sample
    stepped, started = told.chunk(2)
    losses = {
        "step": flow_matching_loss(stepped, mean, mask),
        "start": flow_matching_loss(started, velocities[first, rows], mask),
    }
    return {"loss": losses["step"] + losses["start"], **losses}


class FewStepsStage(DubberStage):
    """The joint stage's clips and draws, for [`FewStepsModel`]."""

    def validate(self, model: FewStepsModel) -> dict[str, float]:
        """Mean absolute distances, in normalised mel, from the teacher's many-step mel of the held-out clips: of the student's in 1, 2
        and 4 steps (`val_steps_2`), of the teacher's own in as many (`val_teacher_steps_2`), and of the student's in as many as the
        teacher's, without lengths (`val_many_steps`). `val_loss` is the mean of the student's few and of its many."""
        sums: dict[str, float] = {}
        total = model.teacher_steps
        for part in self.validation_parts():
            batch = {name: value.to(model.vector_field.device) for name, value in self.validation_batch(part).items()}
            given = conditions(model, batch)
            mask = given[3]
            wanted = solution(model.teacher, *given, total)[0][-1]
            made = {"many_steps": solution(model.vector_field, *given, total)[0][-1]}
            for count in STEP_COUNTS:
                made[f"steps_{count}"] = solution(model.vector_field, *given, count, lengths=True)[0][-1]
                made[f"teacher_steps_{count}"] = solution(model.teacher, *given, count)[0][-1]
            frames = mask[:, None]
            for name, mel in made.items():
                distance = ((mel - wanted).abs() * frames).sum((1, 2)) / (frames.sum((1, 2)) * mel.shape[1])
                sums[name] = sums.get(name, 0.0) + float(distance.sum())
        figures = {name: value / len(self.held_out) for name, value in sums.items()}
        student = [figures["many_steps"], *(figures[f"steps_{count}"] for count in STEP_COUNTS)]
        return {"val_loss": sum(student) / len(student), **{f"val_{name}": value for name, value in figures.items()}}


__all__ = [
    "STEP_COUNTS",
    "FewStepsModel",
    "FewStepsStage",
    "check_teacher_steps",
    "chosen_steps",
    "few_step_losses",
    "solution",
    "with_steps",
]

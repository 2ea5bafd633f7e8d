"""Trains the tie of phonemes to the language model's states, the other source of durations, and measures it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..models.aligner import FlowDubberAlignerModel
from ..models.aligner.alignment import durations_to_path
from ..models.aligner.durations import Durations
from ..models.aligner.semantic_durations import TOKENS_PER_SECOND
from .batching import BatchPlan, ClipGroup
from .duration_stage import TimedScript, collate, duration_figures
from .samples import Samples
from .semantic_features import SemanticCache


class TyingModel(nn.Module):
    """The aligner's tie with its loss."""

    def __init__(self, aligner: FlowDubberAlignerModel):
        super().__init__()
        self.tie = aligner.semantic_tie

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The dual contrastive `loss`, and `own_share`: how much of each phoneme's attention lies on its own tokens."""
        mask, heard, owners = batch["attention_mask"], batch["semantic_mask"], batch["owners"]
        similarity = self.tie(batch["input_ids"], mask, batch["semantic_features"], heard)
        logits = (similarity / self.tie.tau).masked_fill(~heard[:, None], torch.finfo(similarity.dtype).min)
        said = owners.any(2)
        own = (logits.detach().softmax(2) * owners).sum((1, 2)) / said.sum(1).clamp(min=1)
        return {"loss": self.tie.loss(similarity, owners, mask, heard), "own_share": own.mean()}


class SemanticTieStage:
    """What the shared loop needs, see [`~training.loop.TrainingStage`]. Only the tie is trained.

    Args:
        aligner: whose `duration_source` is `semantics`.
        groups: scripts of one source each, and its share of the steps.
        held_out: scripts to validate on.
        states: of the language model at the codes of the true sound (`extract_semantic_features.py --codes spoken`), whose times
            are known.
        batch_size: scripts a step.
        seed: of everything drawn.

    Raises:
        ValueError: states of the model's own speech, or no script that has any.
    """

    best = "val_loss"

    def __init__(
        self,
        aligner: FlowDubberAlignerModel,
        groups: Sequence[tuple[Sequence[TimedScript], float]],
        held_out: Sequence[TimedScript],
        states: SemanticCache,
        batch_size: int,
        seed: int,
    ):
        states.check(codes="spoken")
        for parameter in aligner.parameters():
            parameter.requires_grad_(False)
        for parameter in aligner.semantic_tie.parameters():
            parameter.requires_grad_(True)
        self.aligner, self.model, self.states = aligner, TyingModel(aligner), states
        self.groups = [[one for one in scripts if one.name in states] for scripts, _ in groups]
        self.held_out = [one for one in held_out if one.name in states]
        if not any(self.groups) or not self.held_out:
            raise ValueError(f"{states.folder} has no states of these recordings; extract them with --codes spoken.")
        shares = [share for _, share in groups]
        lengths = [
            ClipGroup([len(one.phonemes) for one in scripts], share)
            for scripts, share in zip(self.groups, shares, strict=True)
        ]
        self.plan = BatchPlan(lengths, batch_size, seed)
        self.batch_size = batch_size

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Scripts with the states of their sound."""
        group, chosen = self.plan(step)
        return self._collate([self.groups[group][int(chosen[row])] for row in rows])

    def names(self, step: int) -> list[str]:
        """Recordings of a step."""
        group, chosen = self.plan(step)
        return [self.groups[group][int(index)].name for index in chosen]

    def _collate(self, scripts: Sequence[TimedScript]) -> dict[str, torch.Tensor]:
        return {**collate(scripts, [one.style for one in scripts]), **collate_states(scripts, self.states)}

    def validate(self, model: TyingModel) -> dict[str, float]:
        """The loss, the share on the own tokens, and the figures of [`duration_figures`] on the held-out scripts."""
        found: dict[str, float] = {}
        self.aligner.to(next(model.parameters()).device)  # only the tie was moved to where it is trained
        for first in range(0, len(self.held_out), self.batch_size):
            part = self.held_out[first : first + self.batch_size]
            with torch.no_grad():
                losses = model({name: value.to(self.aligner.device) for name, value in self._collate(part).items()})
            for name, value in losses.items():
                found[name] = found.get(name, 0.0) + float(value) * len(part) / len(self.held_out)
        figures = duration_figures(SpokenDurations(self.aligner, self.states), self.held_out)
        return {f"val_{name}": round(value, 4) for name, value in {**found, **figures}.items()}

    def samples(self, model: TyingModel) -> Samples:
        """Nothing to hear or see."""
        return Samples()

    def save(self, model: TyingModel, folder: Path) -> None:
        """Writes `aligner/`, whole, with the tie as trained."""
        self.aligner.save_pretrained(folder / "aligner")


def collate_states(scripts: Sequence[TimedScript], states: SemanticCache) -> dict[str, torch.Tensor]:
    """Right-padded `semantic_features` `(B, L, hidden)`, `semantic_mask` `(B, L)` and, by the true times, `owners` `(B, P, L)`."""
    rows = [torch.from_numpy(np.asarray(states.get(one.name), dtype=np.float32)) for one in scripts]
    features = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    lengths = torch.tensor([len(row) for row in rows])
    heard = torch.arange(features.shape[1]) < lengths[:, None]
    ends = [np.rint(np.cumsum(one.seconds) * TOKENS_PER_SECOND).astype(np.int64) for one in scripts]
    counts = [torch.from_numpy(np.diff(row, prepend=0)) for row in ends]
    owners = durations_to_path(torch.nn.utils.rnn.pad_sequence(counts, batch_first=True), features.shape[1])
    return {"semantic_features": features, "semantic_mask": heard, "owners": owners * heard[:, None]}


class SpokenDurations(nn.Module):
    """Natural durations of an aligner that hears the language model, one script a call, as [`duration_figures`] asks for them.

    Args:
        aligner: with a tie.
        states: of the language model; those of its own speech (`--codes sampled`) are what a dub has.
    """

    def __init__(self, aligner: FlowDubberAlignerModel, states: SemanticCache):
        super().__init__()
        self.aligner, self.states = aligner, states

    def of_script(self, script: TimedScript, batch: dict[str, torch.Tensor]) -> Durations:
        """Durations of one script, `batch` its collated form."""
        states = torch.from_numpy(np.asarray(self.states.get(script.name), dtype=np.float32))[None]
        return self.aligner.natural_durations(
            batch["input_ids"],
            batch["attention_mask"],
            batch["pause_ids"],
            batch["style"],
            states.to(self.aligner.device),
        )


__all__ = ["SemanticTieStage", "SpokenDurations", "TyingModel", "collate_states"]

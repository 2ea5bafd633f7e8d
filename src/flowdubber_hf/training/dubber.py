"""Losses and checks of the aligner and the joint dubber stage (dual contrastive aligning, flow-based voice enhancing)."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..models.aligner import FlowDubberAlignerModel, dual_contrastive_loss
from ..models.aligner.modeling_aligner import FlowDubberAlignerEncoding, FlowDubberAlignerOutput
from ..models.aligner.searches import pauses_of
from ..models.aligner.semantic_knowledge import SemanticKnowledge, own_word_share
from ..models.vector_field import (
    FlowDubberVectorField,
    flow_matching_loss,
    interpolate,
    prior_loss,
    velocity_target,
)
from ..processing.audio import MEL_FRAME_RATE, MEL_FRAMES_PER_VIDEO_FRAME
from ..processing.text import OPTIONAL_PHONEME, SILENCE_PHONEME, phoneme_ids


TRAINING_STEPS_PER_FRAME = 2
SILENCES = [SILENCE_PHONEME, OPTIONAL_PHONEME]


@dataclass(frozen=True)
class LossWeights:
    """Flow and prior weigh 1 and CTC 0.01 (on the sum over time of a clip), as in EmoDubber, whose code the method builds on. Its
    contrastive loss weighs 0.001 on the sum over all phonemes and frames. Here the contrastive losses, of the lips and of the language
    model's tokens (`semantic`), are means, so they weigh 0.05."""

    flow: float = 1.0
    prior: float = 1.0
    contrastive: float = 0.05
    ctc: float = 0.01
    semantic: float = 0.05


def keep_frozen_statistics(encoder: nn.Module) -> None:
    """Sets frozen modules to evaluation mode: they stay as in use, batch norms with their statistics."""
    for module in encoder.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


class FlowDubberAligningModel(nn.Module):
    """The aligner with the loss of stage 1, lips and phonemes alone."""

    def __init__(self, aligner: FlowDubberAlignerModel):
        super().__init__()
        self.aligner = aligner

    def train(self, mode: bool = True) -> "FlowDubberAligningModel":
        """As of any module, but for what is frozen of the lip encoder."""
        super().train(mode)
        keep_frozen_statistics(self.aligner.lip_encoder)
        return self

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`loss` of a batch with `lips` as crops."""
        return alignment_losses(self.aligner, batch)


class FlowDubberTrainingModel(nn.Module):
    """Aligner and vector field under one roof, so that one optimiser, one EMA and one `prepare` hold both."""

    def __init__(
        self,
        aligner: FlowDubberAlignerModel,
        vector_field: FlowDubberVectorField,
        weights: LossWeights | None = None,
    ):
        super().__init__()
        self.aligner, self.vector_field, self.weights = aligner, vector_field, weights or LossWeights()

    def train(self, mode: bool = True) -> "FlowDubberTrainingModel":
        """As of any module, but for what is frozen of the lip encoder."""
        super().train(mode)
        keep_frozen_statistics(self.aligner.lip_encoder)
        return self

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Named losses of a joint batch (see [`dubber_losses`])."""
        return dubber_losses(self.aligner, self.vector_field, batch, self.weights)


def contrastive(encoding: FlowDubberAlignerEncoding, path: torch.Tensor, tau: float) -> torch.Tensor:
    """The dual contrastive loss, averaged over both attention modules."""
    losses = [
        dual_contrastive_loss(similarity, path, encoding.phoneme_mask, encoding.seen_mask, tau)
        for similarity in encoding.similarities
    ]
    return sum(losses) / len(losses)


def ctc_loss(output: FlowDubberAlignerOutput, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """CTC of the x4 sequence, summed over time, mean over the batch; pauses that took no frame are left out."""
    spoken = (batch["path"].sum(2) > 0) & batch["attention_mask"]
    targets = batch["input_ids"][spoken]
    lengths = batch["lip_mask"].sum(1) * MEL_FRAMES_PER_VIDEO_FRAME
    log_probabilities = output.ctc_logits.float().log_softmax(-1).transpose(0, 1)
    loss = F.ctc_loss(log_probabilities, targets, lengths, spoken.sum(1), blank=0, reduction="sum", zero_infinity=True)
    return loss / len(lengths)


def alignment_losses(aligner: FlowDubberAlignerModel, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The contrastive loss alone: the first stage, lips and phonemes."""
    encoding = aligner.encode(
        batch["input_ids"],
        batch["attention_mask"],
        lip_values=batch["lips"],
        lip_mask=batch["lip_mask"],
        style=batch["style"],
        path=batch["path"],
        seen_mask=batch.get("seen_mask"),
    )
    return {"loss": contrastive(encoding, batch["frame_path"], aligner.config.alignment_temperature)}


@torch.no_grad()
def searched_path(
    aligner: FlowDubberAlignerModel, encoding: FlowDubberAlignerEncoding, batch: dict[str, torch.Tensor]
) -> torch.Tensor:
    """The path `(B, P, 4F)` that the search finds, in steps of 20 ms: half of what a dub searches in, for a quarter of the
    time."""
    ids, mask = batch["input_ids"], batch["attention_mask"]
    pauses = pauses_of(ids, mask)
    durations = aligner.natural_durations(ids, mask, pauses, batch["style"])
    steps = min(TRAINING_STEPS_PER_FRAME, aligner.config.path_steps_per_frame)
    return aligner.search(
        encoding.alignment, mask, batch["lip_mask"], batch["optional_mask"], pauses, durations, steps=steps
    )


def encoded(aligner: FlowDubberAlignerModel, batch: dict[str, torch.Tensor]) -> FlowDubberAlignerEncoding:
    """Script and lips of a joint batch (see [`dubber_losses`]), with the searched path in rows that use it and the true one in others."""
    encoding = aligner.encode(
        batch["input_ids"],
        batch["attention_mask"],
        lip_mask=batch["lip_mask"],
        lip_features=batch.get("lips"),
        style=batch["style"],
        path=batch["path"],
        seen_mask=batch.get("seen_mask") if "lips" in batch else None,
        optional_mask=batch["optional_mask"],
    )
    if encoding.alignment is not None:
        found = searched_path(aligner, encoding, batch)
        encoding.path = torch.where(batch["use_found_path"][:, None, None], found, encoding.path)
    return encoding


def semantic_losses(
    knowledge: SemanticKnowledge, batch: dict[str, torch.Tensor], tau: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    What teaches phonemes the tokens that are theirs: the dual contrastive loss with the true tokens as positives, in rows where nobody
    knows them the searched ones; and the share of the attention on the own word, by the same tokens.

    Args:
        knowledge: of `aligner.fuse`, by the path.
        batch: of [`~data.dubbing.collate`] with states.
        tau: of the cosines.
    """
    known = batch["owners"].sum((1, 2), keepdim=True) > 0
    owners = torch.where(known, batch["owners"].to(knowledge.tokens.dtype), knowledge.tokens)
    mask, heard = batch["attention_mask"], batch["semantic_mask"]
    loss = dual_contrastive_loss(knowledge.similarity, owners, mask, heard, tau)
    share, _ = own_word_share(knowledge.similarity, owners, batch["input_ids"], mask, heard, tau)
    return loss, share


def true_owners(batch: dict[str, torch.Tensor]) -> torch.Tensor | None:
    """The true tokens of each phoneme `(B, P, L)`, zeros in rows that are to search for them as a dub does."""
    if "owners" not in batch:
        return None
    return batch["owners"] * ~batch["use_found_path"][:, None, None]


def choose_segment(spoken: np.ndarray, frames: int, generator: np.random.Generator) -> int:
    """First video frame of a training segment of `frames` inside a clip.

    It lies at random around a random frame in which `spoken` `(F,)` is True: half of a clip may be silence, of which the
    model needs to see less. A shorter clip starts at 0.
    """
    choices = np.flatnonzero(spoken) if spoken.any() else np.arange(len(spoken))
    start = int(generator.choice(choices)) - int(generator.integers(frames))
    return min(max(start, 0), max(len(spoken) - frames, 0))


def spoken_frames(phonemes: np.ndarray, frame_phonemes: np.ndarray) -> np.ndarray:
    """`(F,)` bool: frames of a phoneme and not of a silence, from ids `(P,)` and each frame's phoneme `(F,)`."""
    return ~np.isin(phonemes, phoneme_ids(SILENCES))[frame_phonemes]


def take_segments(sequence: torch.Tensor, starts: torch.Tensor, length: int) -> torch.Tensor:
    """Cuts `(B, T, ...)` to `(B, length, ...)` from each row's start; what lies behind the end repeats the last."""
    index = (starts[:, None] + torch.arange(length, device=starts.device)).clamp(max=sequence.shape[1] - 1)
    return sequence[torch.arange(len(sequence), device=starts.device)[:, None], index]


def voices_of(vector_field: FlowDubberVectorField, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """The voices of a batch as prior and flow take them: style vectors, with what the vector field hears itself."""
    if "voice_mel" not in batch:
        return batch["style"]
    return vector_field.voice(batch["style"], vector_field.hear(batch["voice_mel"], batch["voice_mask"]))


def dubber_losses(
    aligner: FlowDubberAlignerModel,
    vector_field: FlowDubberVectorField,
    batch: dict[str, torch.Tensor],
    weights: LossWeights,
) -> dict[str, torch.Tensor]:
    """
    The joint loss: L_flow + L_prior + contrastive + CTC, each a mean over clips of the clip's own mean (CTC: sum).

    Args:
        batch: of [`~data.dubbing.collate`], with what was drawn for each clip: `use_found_path` `(B,)` (the path is the
            searched one, as at inference, or the true one), `knowledge_drop` `(B,)` (the language model's part is
            dropped), `phoneme_drop` `(B,)` (the phonemes are dropped, where the knowledge is not), `segment_start` `(B,)`
            (video frame at which the part begins that prior and flow see), `noise` `(B, 80, T)` (its x0; T is the part's length
            in mel frames) and `flow_time` `(B,)` in [0, 1].

    Returns:
        `contrastive` (with lips), `semantic` (with states, by the path), `ctc`, `prior`, `flow`, their weighted sum `loss`, and by the
        path the figure `own_word`, how much of a phoneme's attention lies on its own word.
    """
    encoding = encoded(aligner, batch)
    losses, figures = {}, {}
    if encoding.alignment is not None:
        losses["contrastive"] = contrastive(encoding, batch["frame_path"], aligner.config.alignment_temperature)
    output = aligner.fuse(
        encoding,
        batch.get("semantic_features"),
        batch.get("semantic_mask"),
        batch["knowledge_drop"],
        true_owners(batch),
        batch["phoneme_drop"] & ~batch["knowledge_drop"],
    )
    if output.knowledge is not None and output.knowledge.similarity is not None:
        tau = aligner.config.alignment_temperature
        losses["semantic"], figures["own_word"] = semantic_losses(output.knowledge, batch, tau)
    losses["ctc"] = ctc_loss(output, batch)
    noise, time = batch["noise"], batch["flow_time"]
    starts, length = batch["segment_start"] * MEL_FRAMES_PER_VIDEO_FRAME, noise.shape[2]
    fused = take_segments(output.fused, starts, length)
    mel = vector_field.normalize(take_segments(batch["mel"].transpose(1, 2), starts, length).transpose(1, 2))
    # Clips shorter than the segment end inside it.
    ends = batch["mel_mask"].sum(1, keepdim=True)
    mask = starts[:, None] + torch.arange(length, device=starts.device) < ends
    voices = voices_of(vector_field, batch)
    prior = vector_field.prior(fused, voices, mask)
    losses["prior"] = prior_loss(mel, prior, mask)
    velocity = vector_field(interpolate(noise, mel, time), time, prior, voices, mask).sample
    losses["flow"] = flow_matching_loss(velocity, velocity_target(noise, mel), mask)
    losses["loss"] = sum(getattr(weights, name) * value for name, value in losses.items())
    return losses | figures


@torch.no_grad()
def alignment_error(model: FlowDubberAlignerModel, batches: Iterable[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Mean distance in ms between searched and true starts of the phonemes that were spoken, and that of even spacing
    between the true ends of the silences; the contrastive loss beside them."""
    found, even, losses = [], [], []
    device = next(model.parameters()).device
    for batch in batches:
        batch = {name: value.to(device) for name, value in batch.items()}
        encoding = model.encode(
            batch["input_ids"],
            batch["attention_mask"],
            batch["optional_mask"],
            lip_values=batch["lips"],
            lip_mask=batch["lip_mask"],
            style=batch["style"],
        )
        losses.append(float(contrastive(encoding, batch["frame_path"], model.config.alignment_temperature)))
        for row in range(len(batch["input_ids"])):
            true, ours = batch["path"][row].cpu().numpy(), encoding.path[row].cpu().numpy()
            spoken = np.flatnonzero((true.sum(1) > 0) & ~batch["optional_mask"][row].cpu().numpy())[1:]
            starts = true[spoken].argmax(1)
            found.append(np.abs(ours[spoken].argmax(1) - starts))
            even.append(np.abs(np.linspace(starts[0], starts[-1], len(starts)) - starts))
    to_ms = 1000 / MEL_FRAME_RATE
    return {
        "start_error_ms": round(float(np.concatenate(found).mean()) * to_ms, 2),
        "even_error_ms": round(float(np.concatenate(even).mean()) * to_ms, 2),
        "contrastive": round(float(np.mean(losses)), 4),
    }

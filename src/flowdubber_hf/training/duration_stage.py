"""The stage that learns how long phonemes last by themselves, from any transcribed speech."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..data.features import Clip, FeatureStore
from ..models.aligner import FlowDubberAlignerModel
from ..models.aligner.durations import SHORTEST_SECONDS, duration_loss
from ..pipelines.flowdubber.loading import STYLE_SIZE
from ..processing.text import PAUSES, Phonemization, assemble, phoneme_ids, phonemize
from ..work.reading import check_mapping, in_a_line, parse_json, read_text
from .batching import BatchPlan, ClipGroup, row_generator
from .samples import Samples


_VOICE_LEFT_OUT = 0.15  # how often the voice is left out, so that zeros stand for none in particular
_VALIDATION_BATCH = 64
_MARKS = re.compile(r"[^\w '’-]")  # without any, nothing but words ends in a text
_EDGE, _SPOKEN = PAUSES.index("edge"), PAUSES.index("")


@dataclass(frozen=True)
class TimedScript:
    """Phonemes with their true lengths.

    Attributes:
        name: of the recording.
        source: corpus, by which training is shared out.
        phonemes, pauses: `(P,)` ids of phonemes and of pauses.
        seconds: `(P,)` float32, 0 for a pause that was not made.
        style: `(256,)` float32.
    """

    name: str
    source: str
    phonemes: np.ndarray
    pauses: np.ndarray
    seconds: np.ndarray
    style: np.ndarray


def timed_script(store: FeatureStore, clip: Clip) -> TimedScript:
    """A prepared clip as a [`TimedScript`]; commas and full stops of its text tell what its pauses are."""
    phones = store.phones(clip.id)
    own = Phonemization(phones.phonemes, phones.word_index, phones.words)
    script = assemble(own.words, own.pronunciations, _breaks(clip.text, own))
    seconds = np.diff(phones.times, axis=1)[:, 0].astype(np.float32)
    ids, pauses = np.asarray(script.ids), np.asarray(script.pause_ids)
    return TimedScript(clip.id, clip.source, ids, pauses, seconds, store.style(clip.id))


def _breaks(text: str | None, own: Phonemization) -> list[str] | None:
    """What ends behind each word, by the text where it has these words; `None` for words alone."""
    if text and not _MARKS.search(text):
        return None
    written = phonemize(text) if text else own
    return written.breaks if written.words == own.words else own.breaks


def read_teacher(path: str | Path) -> list[TimedScript]:
    """Durations that another speech model gave, one JSON object a line: `phonemes` and `pauses` (names), `seconds` (numbers),
    `style` (256 numbers); other fields are passed over.

    Raises:
        ValueError: no such file, or another form, by file and line.
    """
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        row = check_mapping(parse_json(line, where, finite=True), where, "a JSON object")
        try:
            lengths = np.asarray(row["seconds"], np.float32)
            pauses = [PAUSES.index(name) for name in row["pauses"]]
            ids = phoneme_ids(row["phonemes"])
            style = np.asarray(row["style"], np.float32)
        except KeyError as error:
            raise ValueError(f"{where} has no {error}; see [`read_teacher`] for its fields.") from error
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{where} cannot be read ({in_a_line(error)}); see [`read_teacher`] for its fields."
            ) from error
        if lengths.shape != (len(ids),) or len(pauses) != len(ids) or not (lengths >= 0).all():
            raise ValueError(f"{where}: phonemes, pauses and seconds must be as many, and no seconds below 0.")
        if style.shape != (STYLE_SIZE,) or not np.isfinite(style).all():
            raise ValueError(f"{where}: style must be {STYLE_SIZE} numbers.")
        rows.append(TimedScript(f"{path}:{number}", "teacher", np.asarray(ids), np.asarray(pauses), lengths, style))
    return rows


class PredictingModel(nn.Module):
    """The aligner's predictor of durations with its loss."""

    def __init__(self, aligner: FlowDubberAlignerModel):
        super().__init__()
        self.predictor = aligner.duration_predictor

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Losses of [`duration_loss`]."""
        ids, mask, pauses = batch["input_ids"], batch["attention_mask"], batch["pause_ids"]
        return duration_loss(self.predictor(ids, mask, pauses, batch["style"]), batch["seconds"], mask, pauses)


def collate(scripts: Sequence[TimedScript], styles: Sequence[np.ndarray]) -> dict[str, torch.Tensor]:
    """Right-padded `input_ids`, `attention_mask`, `pause_ids` and `seconds` `(B, P)`, and `style` `(B, 256)`."""

    def padded(rows: list[np.ndarray]) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)

    lengths = torch.tensor([len(script.phonemes) for script in scripts])
    return {
        "input_ids": padded([script.phonemes for script in scripts]).long(),
        "attention_mask": torch.arange(int(lengths.max())) < lengths[:, None],
        "pause_ids": padded([script.pauses for script in scripts]).long(),
        "seconds": padded([script.seconds for script in scripts]),
        "style": torch.from_numpy(np.stack(styles)).float(),
    }


class DurationStage:
    """What the shared loop needs, see [`~training.loop.TrainingStage`]. Only the predictor is trained.

    Args:
        aligner: with a predictor of durations.
        groups: scripts of one source each, and its share of the steps.
        held_out: scripts to validate on.
        batch_size: scripts a step.
        seed: of everything drawn.
    """

    best = "val_loss"

    def __init__(
        self,
        aligner: FlowDubberAlignerModel,
        groups: Sequence[tuple[Sequence[TimedScript], float]],
        held_out: Sequence[TimedScript],
        batch_size: int,
        seed: int,
    ):
        for parameter in aligner.parameters():
            parameter.requires_grad_(False)
        for parameter in aligner.duration_predictor.parameters():
            parameter.requires_grad_(True)
        self.aligner, self.model = aligner, PredictingModel(aligner)
        self.groups, self.held_out, self.seed = [scripts for scripts, _ in groups], list(held_out), seed
        lengths = [ClipGroup([len(script.phonemes) for script in scripts], share) for scripts, share in groups]
        self.plan = BatchPlan(lengths, batch_size, seed)

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Scripts with their voices, now and then without."""
        group, chosen = self.plan(step)
        scripts = [self.groups[group][int(chosen[row])] for row in rows]
        draws = [row_generator(self.seed, step, row).random() for row in rows]
        styles = [one.style * (draw >= _VOICE_LEFT_OUT) for one, draw in zip(scripts, draws, strict=True)]
        return collate(scripts, styles)

    def names(self, step: int) -> list[str]:
        """Recordings of a step."""
        group, chosen = self.plan(step)
        return [self.groups[group][int(index)].name for index in chosen]

    def validate(self, model: PredictingModel) -> dict[str, float]:
        """Losses and the figures of [`duration_figures`] on the held-out scripts."""
        losses: dict[str, float] = {}
        device = next(model.parameters()).device  # only the predictor was moved to where it is trained
        for first in range(0, len(self.held_out), _VALIDATION_BATCH):
            part = self.held_out[first : first + _VALIDATION_BATCH]
            batch = collate(part, [script.style for script in part])
            with torch.no_grad():
                found = model({name: value.to(device) for name, value in batch.items()})
            for name, value in found.items():
                losses[name] = losses.get(name, 0.0) + float(value) * len(part) / len(self.held_out)
        figures = duration_figures(model.predictor, self.held_out)
        return {f"val_{name}": round(value, 4) for name, value in {**losses, **figures}.items()}

    def samples(self, model: PredictingModel) -> Samples:
        """Nothing to hear or see."""
        return Samples()

    def save(self, model: PredictingModel, folder: Path) -> None:
        """Writes `aligner/`, whole, with the predictor as trained."""
        self.aligner.save_pretrained(folder / "aligner")


@torch.no_grad()
def duration_figures(predictor: nn.Module, scripts: Sequence[TimedScript]) -> dict[str, float]:
    """How well durations are foretold: `correlation` of the log durations of spoken phonemes over all scripts, the same with
    each script's own tempo taken out (`correlation_in_tempo`), the mean absolute error of the log duration (`log_error`),
    and of the pauses between words the share of those over 0.1 s that are found (`pauses_found`) and of those foretold that
    are there (`pauses_right`)."""
    true, ours, true_own, ours_own, pauses = [], [], [], [], []
    device = next((parameter.device for parameter in predictor.parameters()), torch.device("cpu"))
    for script in scripts:
        batch = {name: value.to(device) for name, value in collate([script], [script.style]).items()}
        if hasattr(predictor, "of_script"):  # needs more than the text
            found = predictor.of_script(script, batch)
        else:
            found = predictor(batch["input_ids"], batch["attention_mask"], batch["pause_ids"], batch["style"])
        mean, seconds = found.mean[0].cpu().numpy(), script.seconds
        spoken = (script.pauses == _SPOKEN) & (seconds >= SHORTEST_SECONDS)
        if spoken.any():
            logs = np.log(seconds[spoken])
            true.append(logs)
            ours.append(mean[spoken])
            true_own.append(logs - logs.mean())
            ours_own.append(mean[spoken] - mean[spoken].mean())
        inner = script.pauses > _EDGE
        pauses.append(np.stack([seconds[inner] >= 0.1, found.present[0].cpu().numpy()[inner] >= 0.5]))
    both = np.concatenate(pauses, axis=1)
    hits = float((both[0] & both[1]).sum())

    def correlation(first: list[np.ndarray], second: list[np.ndarray]) -> float:
        return float(np.corrcoef(np.concatenate(first), np.concatenate(second))[0, 1])

    return {
        "correlation": correlation(true, ours),
        "correlation_in_tempo": correlation(true_own, ours_own),
        "log_error": float(np.abs(np.concatenate(true) - np.concatenate(ours)).mean()),
        "pauses_found": hits / max(1.0, float(both[0].sum())),
        "pauses_right": hits / max(1.0, float(both[1].sum())),
    }


__all__ = ["DurationStage", "PredictingModel", "TimedScript", "duration_figures", "read_teacher", "timed_script"]

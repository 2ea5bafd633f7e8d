"""Training of the vocoder: its losses as a module, and the stage that the shared loop runs."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import PartialState
from torch import nn
from torch.utils.data import default_collate

from ..data.features import Clip, FeatureStore
from ..models.vocoder import FlowDubberVocoder
from ..processing.audio import log_mel
from .batching import row_generator
from .samples import Samples, sampled_sounds, vocoder_samples
from .vocoder_adversary import VocoderAdversary
from .vocoder_data import VocoderCuts, draw_softening, draw_sources, load_pitch_tracks, soften_mel
from .vocoder_losses import WINDOWS, VocoderLossWeights, energy_distance, pitch_loss


# An F0 further off than this is heard as another note.
PITCH_TOLERANCE_CENTS = 50
VALIDATION_SEED, VALIDATION_BATCH = 1, 8
FEATURE_SHARE = 2.0  # of feature matching beside fooling, as in MelGAN's descendants


class VocoderObjective(nn.Module):
    """The vocoder with its losses.

    The networks run in the caller's autocast; mels, synthesis and losses always in float32, where rounding is heard.

    Args:
        model: what is trained.
        weights: of the losses.
        adversary: what it learns to deceive; asked in batches with a share `adversarial`.
    """

    def __init__(
        self,
        model: FlowDubberVocoder,
        weights: VocoderLossWeights | None = None,
        adversary: VocoderAdversary | None = None,
    ):
        super().__init__()
        self.model = model
        self.weights = weights or VocoderLossWeights()
        self.adversary = adversary

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Means over the rows: `energy`, `pitch`, those of [`~training.vocoder_adversary.AdversaryLosses`], and `loss`, their sum.

        Args:
            batch: of [`VocoderStage.batch`].
        """
        losses, _, _ = self._run(batch)
        return losses

    def measure(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The losses, the share of voiced frames whose F0 is off by more than 50 cents and that of wrong voicing."""
        losses, predicted, voicing_logits = self._run(batch)
        cents = 1200 * torch.log2(predicted / batch["pitch"]).abs()
        off = (cents > PITCH_TOLERANCE_CENTS) & batch["voiced"]
        losses["pitch_off_by_50_cents"] = off.sum() / batch["voiced"].sum().clamp(min=1)
        losses["voicing_wrong"] = ((voicing_logits > 0) != batch["voiced"]).float().mean()
        return losses

    def _run(self, batch: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
        """Losses, predicted F0 and voicing logits, the last two `(batch, frames)`."""
        waveform, model = batch["waveform"].float(), self.model
        with torch.autocast(waveform.device.type, enabled=False):
            spectrogram = log_mel(waveform).transpose(1, 2)
        if "soften" in batch:
            spectrogram = soften_mel(spectrogram, batch["soften"], batch["soften_noise"])
        predicted = model.predict_pitch(spectrogram)
        filters = model.predict_filters(spectrogram)
        with torch.autocast(waveform.device.type, enabled=False):
            pitch = torch.where(batch["own_pitch"][:, None], predicted.pitch.detach(), batch["pitch"])
            first, second = (
                model.synthesize(filters, model.make_sources(pitch, noise=noise, initial_phase=phase[:, None]))
                for noise, phase in zip(batch["noise"].unbind(dim=1), batch["phase"].unbind(dim=1), strict=True)
            )
            windows = batch["windows"].tolist()
            energy = energy_distance(waveform, first, second, self.weights, windows)
            of_pitch = pitch_loss(
                predicted.pitch_logits,
                predicted.voicing_logits,
                batch["pitch"],
                batch["voiced"],
                model.pitch_grid.float(),
                self.weights,
            )
        losses = {"loss": energy + of_pitch, "energy": energy, "pitch": of_pitch}
        if self.adversary is not None and "adversarial" in batch:
            judged, share = self.adversary(waveform, first), batch["adversarial"]
            losses["loss"] = (
                losses["loss"] + judged.critic + share * (judged.fooling + FEATURE_SHARE * judged.features)
            )
            losses.update(vars(judged))
        return losses, predicted.pitch.detach(), predicted.voicing_logits.detach()


@dataclass
class VocoderSettings:
    """How the vocoder's cuts are drawn.

    Attributes:
        num_frames: mel frames a cut.
        video_share: chance of a clip with video, whatever their number.
        soften_from: step after which true mels are softened to look like generated ones.
        windows_per_step: resolutions of the loss, drawn anew each step.
        predicted_pitch_share: chance that a cut sounds at the network's own F0 instead of the tracked one.
        validation_cuts: fixed cuts of held-out clips.
        adversarial_weight: of fooling an adversary beside the energy distance; 0 trains none.
        adversarial_from: step after which the vocoder hears the adversary, which learns alone before.
    """

    num_frames: int = 128
    video_share: float = 0.5
    soften_from: int = 0
    windows_per_step: int = 3
    predicted_pitch_share: float = 0.25
    validation_cuts: int = 16
    adversarial_weight: float = 0.0
    adversarial_from: int = 0

    def __post_init__(self):
        if not 1 <= self.windows_per_step <= len(WINDOWS):
            raise ValueError(f"`windows_per_step` must lie in 1 .. {len(WINDOWS)}, got {self.windows_per_step}.")
        for name in ("video_share", "predicted_pitch_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"`{name}` is a probability and must lie in 0 .. 1, got {getattr(self, name)}.")
        if self.validation_cuts < 1:
            raise ValueError(f"`validation_cuts` must be at least 1, got {self.validation_cuts}.")
        if not 0 <= self.adversarial_weight < float("inf"):
            raise ValueError(f"`adversarial_weight` must be 0 or more, got {self.adversarial_weight}.")


class VocoderStage:
    """What the shared loop needs of the vocoder, see [`~training.loop.TrainingStage`]. A row is a cut.

    Args:
        vocoder: to train.
        store: the prepared dataset.
        clips: to train on.
        held_out: to validate on.
        settings: of the cuts.
        batch_size: rows of a step's global batch.
        tracks: file that keeps the F0 tracks.
        seed: of all draws.
    """

    best = "val_energy"

    def __init__(
        self,
        vocoder: FlowDubberVocoder,
        store: FeatureStore,
        clips: Sequence[Clip],
        held_out: Sequence[Clip],
        settings: VocoderSettings,
        batch_size: int,
        tracks: str | Path,
        seed: int = 0,
    ):
        adversary = VocoderAdversary() if settings.adversarial_weight else None
        self.model = VocoderObjective(vocoder, adversary=adversary)
        self.settings, self.batch_size, self.seed = settings, batch_size, seed
        everything = list({clip.id: clip for clip in [*clips, *held_out]}.values())
        low, high = float(vocoder.config.pitch_min), float(vocoder.config.pitch_max)
        with PartialState().main_process_first():  # the others find the tracks in the file
            known = load_pitch_tracks(store, everything, Path(tracks), low, high)
        self.cuts = VocoderCuts(store, clips, known, settings.num_frames, settings.video_share)
        self.held_out = VocoderCuts(store, held_out, known, settings.num_frames, settings.video_share)

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Cuts of a step's rows: `waveform` `(rows, samples)`, `pitch` and `voiced` `(rows, frames)`, `own_pitch`
        `(rows,)`, what [`~training.vocoder_data.draw_sources`] and, late in training,
        [`~training.vocoder_data.draw_softening`] give, `windows`, the resolutions of the loss in this step, and, with an
        adversary, `adversarial`, its weight in this step."""
        settings = self.settings
        items = []
        for row in rows:
            random = row_generator(self.seed, step, row)
            item = self.cuts.draw(random)
            item["own_pitch"] = torch.tensor(random.random() < settings.predicted_pitch_share)
            item.update(draw_sources(random, settings.num_frames))
            if step >= settings.soften_from:
                item.update(draw_softening(random, settings.num_frames))
            items.append(item)
        shared = row_generator(self.seed, step, self.batch_size)  # the row behind the last: what all rows share
        chosen = shared.permutation(len(WINDOWS))[: settings.windows_per_step]
        of_all = {"windows": torch.tensor([WINDOWS[index] for index in chosen])}
        if settings.adversarial_weight:
            heard = step >= settings.adversarial_from
            of_all["adversarial"] = torch.tensor(settings.adversarial_weight if heard else 0.0)
        return default_collate(items) | of_all

    def names(self, step: int) -> list[str]:
        """Clips that the step's rows are cut from."""
        return [self.cuts.choose(row_generator(self.seed, step, row)).id for row in range(self.batch_size)]

    def validation_batch(self, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Fixed cuts of held-out clips at the network's own F0, compared at all resolutions."""
        items = []
        for row in rows:
            random = row_generator(VALIDATION_SEED, 0, row)
            items.append(self.held_out.draw(random) | draw_sources(random, self.settings.num_frames))
        shared = {"own_pitch": torch.ones(len(rows), dtype=torch.bool), "windows": torch.tensor(WINDOWS)}
        return default_collate(items) | shared

    @torch.no_grad()
    def validate(self, model: VocoderObjective) -> dict[str, float]:
        """Means over the fixed cuts: `val_energy`, `val_pitch`, `val_loss`, `val_pitch_off_by_50_cents` and
        `val_voicing_wrong`."""
        count, share = self.settings.validation_cuts, VALIDATION_BATCH
        sums: dict[str, float] = {}
        for first in range(0, count, share):
            rows = range(first, min(first + share, count))
            batch = {name: value.to(model.model.device) for name, value in self.validation_batch(rows).items()}
            for name, value in model.measure(batch).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(rows)
        return {f"val_{name}": total / count for name, total in sums.items()}

    def samples(self, model: VocoderObjective) -> Samples:
        """A few held-out clips through log-mel and vocoder."""
        held_out = self.held_out.with_video + self.held_out.sound_only
        return vocoder_samples(model.model, sampled_sounds(self.held_out.store, held_out))

    def save(self, model: VocoderObjective, folder: Path) -> None:
        """Writes the vocoder as `from_pretrained` loads it."""
        model.model.save_pretrained(folder)

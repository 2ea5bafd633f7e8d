# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""One training step of the vocoder: from real sound to the losses, and the same for validation."""

from collections.abc import Iterable

import torch
from torch import nn

from ..models.vocoder import FlowDubberVocoder
from ..processing.audio import log_mel
from .vocoder_data import soften_mel
from .vocoder_losses import WINDOWS, VocoderLossWeights, energy_distance, pitch_loss


# An F0 further off than this is heard as another note.
PITCH_TOLERANCE_CENTS = 50


class VocoderTrainingStep(nn.Module):
    """The vocoder with its losses, one module so that Accelerate can wrap it whole.

    The networks run in the caller's autocast; mels, synthesis and losses always in float32, where rounding is heard.

    Args:
        model: what is trained.
        weights: of the losses.
    """

    def __init__(self, model: FlowDubberVocoder, weights: VocoderLossWeights | None = None):
        super().__init__()
        self.model = model
        self.weights = weights or VocoderLossWeights()

    def forward(
        self,
        batch: dict[str, torch.Tensor],
        generator: torch.Generator,
        predicted_pitch_share: float = 0.0,
        soften: bool = False,
        windows_per_step: int = len(WINDOWS),
    ) -> dict[str, torch.Tensor]:
        """
        Args:
            batch: `waveform` `(batch, samples)`, `pitch` `(batch, frames)` in Hz, `voiced` `(batch, frames)` bool.
            generator: on the CPU; of noise, phases and choices.
            predicted_pitch_share: chance that a row sounds at the network's own F0 instead of the tracked one.
            soften: blur some of the mels, see [`~training.vocoder_data.soften_mel`].
            windows_per_step: how many of the resolutions the energy distance takes, drawn anew.

        Returns:
            `energy`, `pitch` and their sum `loss`, scalars, and `predicted_pitch` and `voicing_logits` `(batch, frames)`.
        """
        waveform, model = batch["waveform"].float(), self.model
        with torch.autocast(waveform.device.type, enabled=False):
            spectrogram = log_mel(waveform).transpose(1, 2)
        if soften:
            spectrogram = soften_mel(spectrogram, generator)
        predicted = model.predict_pitch(spectrogram)
        filters = model.predict_filters(spectrogram)
        with torch.autocast(waveform.device.type, enabled=False):
            own = torch.rand(len(waveform), 1, generator=generator) < predicted_pitch_share
            pitch = torch.where(own.to(waveform.device), predicted.pitch.detach(), batch["pitch"])
            first, second = (model.synthesize(filters, self._sources(pitch, generator)) for _ in range(2))
            order = torch.randperm(len(WINDOWS), generator=generator)[:windows_per_step]
            windows = [WINDOWS[index] for index in order]
            energy = energy_distance(waveform, first, second, self.weights, windows)
            of_pitch = pitch_loss(
                predicted.pitch_logits,
                predicted.voicing_logits,
                batch["pitch"],
                batch["voiced"],
                model.pitch_grid.float(),
                self.weights,
            )
        return {
            "loss": energy + of_pitch,
            "energy": energy,
            "pitch": of_pitch,
            "predicted_pitch": predicted.pitch.detach(),
            "voicing_logits": predicted.voicing_logits.detach(),
        }

    def _sources(self, pitch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """A draw of the sources: its own noise and its own pulse positions."""
        phase = torch.rand(len(pitch), 1, generator=generator).to(pitch.device)
        return self.model.make_sources(pitch, generator=generator, initial_phase=phase)


@torch.no_grad()
def validate(model: FlowDubberVocoder, batches: Iterable[dict[str, torch.Tensor]]) -> dict[str, float]:
    """Mean losses over fixed batches at the network's own F0, always with the same noise.

    Returns:
        `val_energy`, `val_pitch`, `val_loss`, the share of voiced frames whose F0 is off by more than 50 cents and the
        share of frames with wrong voicing.
    """
    step, generator = VocoderTrainingStep(model.eval()), torch.Generator().manual_seed(0)
    sums: dict[str, float] = {}
    count = 0
    for batch in batches:
        batch = {name: value.to(model.device) for name, value in batch.items()}
        values = step(batch, generator, predicted_pitch_share=1.0)
        cents = 1200 * torch.log2(values.pop("predicted_pitch") / batch["pitch"]).abs()
        off = (cents > PITCH_TOLERANCE_CENTS) & batch["voiced"]
        values["pitch_off_by_50_cents"] = off.sum() / batch["voiced"].sum().clamp(min=1)
        values["voicing_wrong"] = ((values.pop("voicing_logits") > 0) != batch["voiced"]).float().mean()
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + float(value)
        count += 1
    return {f"val_{name}": total / max(count, 1) for name, total in sums.items()}

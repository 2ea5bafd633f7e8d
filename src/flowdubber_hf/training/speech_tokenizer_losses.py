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
"""Training objective of the speech tokenizer, and the heads that exist only in training."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ..models.speech_tokenizer import FlowDubberSpeechTokenizer
from .speech_tokenizer_data import IGNORED, PHONEME_CLASSES


STFT_WINDOWS = (1024, 512, 128)
LOG_FLOOR = 1e-4


@dataclass(frozen=True)
class SpeechTokenizerLossWeights:
    """Shares of the loss beside features and quantisation, which have weight 1.

    Attributes:
        phoneme: cross-entropy of the frame's phoneme from the quantised vectors.
        speaker: cross-entropy of the speaker from the d-vector and from the x-vector.
        waveform: multi-resolution spectral distance of the generated sound.
    """

    phoneme: float = 0.5
    speaker: float = 0.1
    waveform: float = 0.1


def spectral_loss(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Multi-resolution STFT loss of `(batch, samples)` waveforms: spectral convergence + L1 of log magnitudes.

    Source: Parallel WaveGAN (Yamamoto et al. 2020), equations 3 to 6.
    """
    total = predicted.new_zeros(())
    for window in STFT_WINDOWS:
        weights = torch.hann_window(window, device=predicted.device)
        magnitude, truth = (
            torch.stft(wave.float(), window, window // 4, window, weights, return_complex=True).abs().clamp(min=1e-7)
            for wave in (predicted, target)
        )
        convergence = (truth - magnitude).norm() / truth.norm().clamp(min=1e-4)
        logarithmic = (torch.log(truth + LOG_FLOOR) - torch.log(magnitude + LOG_FLOOR)).abs().mean()
        total = total + (convergence + logarithmic) / len(STFT_WINDOWS)
    return total


class SpeechTokenizerObjective(nn.Module):
    """The tokenizer with its phoneme and speaker heads: a batch in, losses out.

    Args:
        tokenizer: the model.
        num_speakers: classes of the speaker head.
        weights: shares of the losses.
    """

    def __init__(self, tokenizer: FlowDubberSpeechTokenizer, num_speakers: int, weights: SpeechTokenizerLossWeights):
        super().__init__()
        self.tokenizer = tokenizer
        self.weights = weights
        self.phoneme_head = nn.Linear(tokenizer.config.latent_size, len(PHONEME_CLASSES))
        self.speaker_head = nn.Linear(tokenizer.config.latent_size, num_speakers)

    def forward(
        self, batch: dict[str, torch.Tensor], waveform_crop: tuple[int, int] = (0, 0)
    ) -> dict[str, torch.Tensor]:
        """Losses by name; `loss` is their weighted sum, `accuracy` the share of labelled frames recognised.

        Args:
            batch: of [`~training.speech_tokenizer_data.SpeechTokenizerBatches`].
            waveform_crop: `(first token, tokens)` that the wave generator makes; no tokens, no waveform loss.
        """
        output = self.tokenizer(
            batch["input_values"],
            batch["attention_mask"],
            reference_values=batch["reference_values"],
            waveform_crop=waveform_crop,
        )
        logits = self.phoneme_head(output.quantized.transpose(1, 2))
        phoneme, accuracy = phoneme_loss(logits, batch["labels"])
        speaker = sum(
            F.cross_entropy(self.speaker_head(vectors), speakers) / 2
            for vectors, speakers in (
                (output.x_vector, batch["speakers"]),
                (output.d_vector[:: len(output.d_vector) // len(batch["speakers"])], batch["speakers"]),
            )
        )
        losses = {
            "features": output.feature_loss,
            "vq": output.vq_loss,
            "phoneme": phoneme,
            "speaker": speaker,
            "accuracy": accuracy,
            "perplexity": output.perplexity,
        }
        total = output.loss + self.weights.phoneme * phoneme + self.weights.speaker * speaker
        if waveform_crop[1]:
            hop = self.tokenizer.config.hop_length
            first, tokens = waveform_crop
            target = batch["input_values"][:, first * hop : (first + tokens) * hop]
            losses["waveform"] = spectral_loss(output.waveform, target)
            total = total + self.weights.waveform * losses["waveform"]
        return {"loss": total, **losses}


def phoneme_loss(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy and accuracy of `(batch, tokens, classes)` on labelled tokens; 0 where there is none."""
    known = labels != IGNORED
    count = known.sum().clamp(min=1)
    loss = F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum")
    right = ((logits.argmax(-1) == labels) & known).sum()
    return loss / count, right / count

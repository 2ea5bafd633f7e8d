"""Training objective of the speech tokenizer, and the heads that exist only in training."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ..models.speech_tokenizer import FlowDubberSpeechTokenizer, FlowDubberSpeechTokenizerOutput
from ..models.speech_tokenizer.configuration_speech_tokenizer import WAV2VEC2_OVERLAP
from ..processing.phonemes import PHONEME_CLASSES
from .speech_tokenizer_data import IGNORED
from .speech_tokenizer_melody import MELODY, melody_losses


STFT_WINDOWS = (1024, 512, 128)
LOG_FLOOR = 1e-4
# A row quieter than this (root mean square, a tenth of speech at the common loudness) counts as if it were that loud.
QUIET = 0.005


@dataclass(frozen=True)
class SpeechTokenizerLossWeights:
    """Shares of the loss beside features and quantisation, which have weight 1.

    Attributes:
        phoneme: cross-entropy of the frame's phoneme from the quantised vectors.
        speaker: cross-entropy of the speaker from the d-vector and from the x-vector.
        waveform: multi-resolution spectral distance of the generated sound.
        melody: voicing, F0 and loudness from the quantised vectors, see [`~training.speech_tokenizer_melody`].
    """

    phoneme: float = 0.5
    speaker: float = 0.1
    waveform: float = 0.1
    melody: float = 0.0


def spectral_loss(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Multi-resolution STFT loss of `(batch, samples)` waveforms: spectral convergence + L1 of log magnitudes.

    The mean of the rows' own losses. Source: Parallel WaveGAN (Yamamoto et al. 2020), equations 3 to 6.
    """
    total = predicted.new_zeros(())
    for window in STFT_WINDOWS:
        weights = torch.hann_window(window, device=predicted.device)
        magnitude, truth = (
            torch.stft(wave.float(), window, window // 4, window, weights, return_complex=True).abs().clamp(min=1e-7)
            for wave in (predicted, target)
        )
        floor = QUIET * torch.sqrt(weights.square().sum() * truth[0].numel())
        level = torch.maximum(truth.flatten(1).norm(dim=1), floor)
        convergence = ((truth - magnitude).flatten(1).norm(dim=1) / level).mean()
        logarithmic = (torch.log(truth + LOG_FLOOR) - torch.log(magnitude + LOG_FLOOR)).abs().mean()
        total = total + (convergence + logarithmic) / len(STFT_WINDOWS)
    return total


class SpeechTokenizerObjective(nn.Module):
    """The tokenizer with its phoneme and speaker heads: a batch in, losses out.

    Args:
        tokenizer: the model.
        num_speakers: classes of the speaker head.
        weights: shares of the losses.
        freeze_semantic: fix what decides the semantic tokens, and train the voice and the decoders only.

    Raises:
        ValueError: the tokenizer was published without its postnet, or gives fewer tokens than one for every 320 samples.
    """

    def __init__(
        self,
        tokenizer: FlowDubberSpeechTokenizer,
        num_speakers: int,
        weights: SpeechTokenizerLossWeights | None = None,
        freeze_semantic: bool = False,
    ):
        super().__init__()
        if tokenizer.postnet is None:
            raise ValueError(
                "this speech tokenizer was published without its postnet, which training needs; start from the folder "
                "of a training run, or convert Spark-TTS with --keep-postnet."
            )
        config = tokenizer.config
        if config.feature_type == "wav2vec2" and config.wav2vec2_tail < WAV2VEC2_OVERLAP:
            raise ValueError(
                f"this speech tokenizer gives no token for a segment's last samples; set wav2vec2_tail to {WAV2VEC2_OVERLAP} "
                "in its config.json to train it, which adds one token to every sound."
            )
        self.tokenizer = tokenizer
        self.weights = weights or SpeechTokenizerLossWeights()
        self.frozen = [tokenizer.encoder, tokenizer.quantizer] if freeze_semantic else []
        for part in self.frozen:
            part.requires_grad_(False)
        if not self.weights.waveform:
            tokenizer.decoder.requires_grad_(False)
        self.phoneme_head = nn.Linear(tokenizer.config.latent_size, len(PHONEME_CLASSES))
        self.speaker_head = nn.Linear(tokenizer.config.latent_size, num_speakers)
        self.melody_head = nn.Linear(tokenizer.config.latent_size, len(MELODY)) if self.weights.melody else None

    def train(self, mode: bool = True) -> "SpeechTokenizerObjective":
        """Sets the training mode of all but the frozen parts; a codebook in training mode learns without gradients."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def heads(self) -> dict[str, torch.Tensor]:
        """Weights that exist only in training."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("tokenizer.")}

    def load_heads(self, heads: dict[str, torch.Tensor]) -> None:
        """Takes over those heads of another run that have the same shape."""
        own = self.heads()
        fitting = {name: value for name, value in heads.items() if name in own and own[name].shape == value.shape}
        self.load_state_dict(fitting, strict=False)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Losses by name; `loss` is their weighted sum, `accuracy` the share of labelled frames recognised.

        All are means over the segments of their own means, those of the phonemes over the segments with labels.

        Args:
            batch: of [`~training.speech_tokenizer_stage.SpeechTokenizerStage.batch`].
        """
        crop = tuple(batch["waveform_crop"].tolist()) if "waveform_crop" in batch else (0, 0)
        output = self.tokenizer(
            batch["input_values"],
            batch["attention_mask"],
            reference_values=batch["reference_values"],
            waveform_crop=crop,
            code_priorities=batch["code_priorities"],
        )
        logits = self.phoneme_head(output.quantized.transpose(1, 2))
        phoneme, accuracy = (
            values.sum() / batch["num_labelled"].clamp(min=1e-6) for values in phoneme_losses(logits, batch["labels"])
        )
        segments_per_voice = len(output.d_vector) // len(batch["speakers"])
        speaker = sum(
            F.cross_entropy(self.speaker_head(vectors), batch["speakers"]) / 2
            for vectors in (output.x_vector, output.d_vector[::segments_per_voice])
        )
        losses = {
            "features": feature_losses(output).mean(),
            "vq": output.vq_loss,
            "phoneme": phoneme,
            "speaker": speaker,
            "accuracy": accuracy,
        }
        total = losses["features"] + losses["vq"]
        total = total + self.weights.phoneme * phoneme + self.weights.speaker * speaker
        if self.melody_head is not None:
            predicted = self.melody_head(output.quantized.transpose(1, 2))
            losses |= melody_losses(predicted, batch["melody"], output.semantic_mask)
            total = total + self.weights.melody * sum(losses[name] for name in MELODY)
        if crop[1]:
            hop = self.tokenizer.config.hop_length
            target = batch["input_values"][:, crop[0] * hop : sum(crop) * hop]
            losses["waveform"] = spectral_loss(output.waveform, target)
            total = total + self.weights.waveform * losses["waveform"]
        return {"loss": total, **losses}


def feature_losses(output: FlowDubberSpeechTokenizerOutput) -> torch.Tensor:
    """`(batch,)` mean absolute difference of each row's real features from those that the postnet predicts."""
    difference = (output.predicted_features - output.features).abs().sum(dim=(1, 2))
    return difference / (output.semantic_mask.sum(dim=1).clamp(min=1) * output.features.shape[1])


def phoneme_losses(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy and accuracy of `(batch, tokens, classes)` on the labelled tokens of each row, both `(batch,)`; 0
    where a row has none."""
    known = labels != IGNORED
    count = known.sum(dim=1).clamp(min=1)
    loss = F.cross_entropy(logits.float().transpose(1, 2), labels, ignore_index=IGNORED, reduction="none").sum(dim=1)
    right = ((logits.argmax(-1) == labels) & known).sum(dim=1)
    return loss / count, right / count

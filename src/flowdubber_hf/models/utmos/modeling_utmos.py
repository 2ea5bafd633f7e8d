"""UTMOS strong learner (Saeki et al., "UTMOS: UTokyo-SaruLab System for VoiceMOS Challenge 2022", arXiv 2204.02152).

The form of it that the field measures with (`utmos22_strong`): without the phoneme encoder, and for one fixed listening
test and one fixed listener, whose vectors are part of the weights.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel, Wav2Vec2Model
from transformers import initialization as init
from transformers.utils import ModelOutput

from flowdubber_hf.checkpoints.sources import BundledNames

from .configuration_utmos import FlowDubberUtmosConfig


# The network was trained on opinion scores mapped from 1..5 to -1..1.
SCORE_SCALE = 2.0
SCORE_MIDDLE = 3.0


@dataclass
class FlowDubberUtmosOutput(ModelOutput):
    """
    Args:
        scores (`torch.Tensor` of shape `(batch,)`): mean opinion score of each sound, 1 (bad) to 5 (excellent). The
            network is not bounded: values a little outside are its answer and stay as they are.
    """

    scores: torch.Tensor | None = None


def unpadded_rows(input_values: torch.Tensor, attention_mask: torch.Tensor) -> list[torch.Tensor]:
    """The rows of `(batch, samples)` sound as `(1, samples)` each, without the padding at the right."""
    lengths = attention_mask.long().sum(dim=1).tolist()
    return [row[None, :length] for row, length in zip(input_values, lengths, strict=True)]


class FlowDubberUtmos(BundledNames, PreTrainedModel):
    """Sound to its naturalness as a mean opinion score.

    Example:

    ```python
    model = FlowDubberUtmos.from_pretrained(folder)
    scores = model(input_values).scores  # (batch, samples) at 16 kHz -> (batch,)
    ```
    """

    config: FlowDubberUtmosConfig
    base_model_prefix = "utmos"
    main_input_name = "input_values"
    input_modalities = ("audio",)
    supports_gradient_checkpointing = False

    def __init__(self, config: FlowDubberUtmosConfig):
        super().__init__(config)
        hidden_size = config.wav2vec2_config.hidden_size
        self.wav2vec2 = Wav2Vec2Model(config.wav2vec2_config)
        self.domain_emb = nn.Parameter(torch.empty(1, config.domain_size))
        self.judge_emb = nn.Parameter(torch.empty(1, config.judge_size))
        self.blstm = nn.LSTM(
            hidden_size + config.domain_size + config.judge_size,
            config.lstm_size,
            batch_first=True,
            bidirectional=True,
        )
        self.projection = nn.Linear(2 * config.lstm_size, config.projection_size)
        self.head = nn.Linear(config.projection_size, 1)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, FlowDubberUtmos):
            init.normal_(module.domain_emb, std=module.config.initializer_range)
            init.normal_(module.judge_emb, std=module.config.initializer_range)

    def _score(self, input_values: torch.Tensor) -> torch.Tensor:
        """`(batch,)` scores of `(batch, samples)` sound without padding."""
        heard = self.wav2vec2(input_values.to(self.wav2vec2.dtype)).last_hidden_state
        constants = torch.cat([self.domain_emb, self.judge_emb], dim=1)
        constants = constants[:, None].expand(*heard.shape[:2], -1)
        frames, _ = self.blstm(torch.cat([heard, constants], dim=2))
        scores = self.head(F.relu(self.projection(frames)))
        return scores[..., 0].float().mean(dim=1) * SCORE_SCALE + SCORE_MIDDLE

    def forward(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs
    ) -> FlowDubberUtmosOutput:
        """
        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): sound in [-1, 1] at `config.sampling_rate`, not
                normalised: its level counts.
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*): 0 on the padding at the right. Rows are
                then rated one at a time without it, since the first layer's norm runs over all of the sound, padding too.

        Returns:
            [`FlowDubberUtmosOutput`]

        Raises:
            ValueError: sound of another shape, or a row shorter than `config.min_samples`.
        """
        if input_values.ndim != 2:
            raise ValueError(f"sound must have the shape (batch, samples), got {tuple(input_values.shape)}.")
        parts = [input_values] if attention_mask is None else unpadded_rows(input_values, attention_mask)
        shortest = min(part.shape[1] for part in parts)
        if shortest < self.config.min_samples:
            raise ValueError(f"sound of {self.config.min_samples} samples or more is needed, got {shortest}.")
        return FlowDubberUtmosOutput(scores=torch.cat([self._score(part) for part in parts]))


__all__ = ["FlowDubberUtmos", "FlowDubberUtmosOutput"]

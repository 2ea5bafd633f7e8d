"""How long each phoneme of a script would last by itself, before lips have a say."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from flowdubber_hf.models.layers import TimeConv, mask_sequence
from flowdubber_hf.processing.text import PAUSES

from .configuration_aligner import FlowDubberAlignerConfig


SHORTEST_SECONDS = 0.01  # a frame of the mel: nothing is timed more finely
LEAST_DEVIATION = 0.15


@dataclass
class Durations:
    """A normal distribution of each phoneme's log duration.

    Attributes:
        mean (`torch.Tensor` of shape `(B, P)`): of the logarithm of seconds, where the phoneme is there.
        deviation (`torch.Tensor` of shape `(B, P)`): its standard deviation at the utterance's own tempo.
        present_logit (`torch.Tensor` of shape `(B, P)`): logit of the probability that a pause is made at all.
    """

    mean: torch.Tensor
    deviation: torch.Tensor
    present_logit: torch.Tensor

    @property
    def present(self) -> torch.Tensor:
        """Probability that a pause is made, `(B, P)`."""
        return self.present_logit.sigmoid()


class FlowDubberDurationPredictor(nn.Module):
    """Phonemes, what ends at their silences and the voice, to the distribution of each duration.

    A few convolutions over the script: a phoneme's length depends on its neighbours and on how near the end of a phrase is.
    It reads nothing of the rest of the aligner, so that it can be trained on any transcribed speech.
    """

    def __init__(self, config: FlowDubberAlignerConfig):
        super().__init__()
        size = config.duration_hidden_size
        self.embedding = nn.Embedding(config.vocab_size, size, padding_idx=0)
        self.pause_embedding = nn.Embedding(len(PAUSES), size)
        self.style = nn.Linear(config.style_size, size)
        self.convs = nn.ModuleList([TimeConv(size, size, 5) for _ in range(config.num_duration_layers)])
        self.norms = nn.ModuleList([nn.LayerNorm(size) for _ in range(config.num_duration_layers)])
        self.dropout = nn.Dropout(config.duration_dropout)
        self.out = nn.Linear(size, 3)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, pause_ids: torch.Tensor, style: torch.Tensor
    ) -> Durations:
        """
        Args:
            input_ids (`torch.Tensor` of shape `(B, P)`): phoneme ids.
            attention_mask (`torch.Tensor` of shape `(B, P)`, bool): real phonemes.
            pause_ids (`torch.Tensor` of shape `(B, P)`): of each phoneme its index in [`~processing.text.PAUSES`].
            style (`torch.Tensor` of shape `(B, style_size)`): the voice; zeros stand for none in particular.
        """
        states = self.embedding(input_ids) + self.pause_embedding(pause_ids) + self.style(style)[:, None]
        for conv, norm in zip(self.convs, self.norms, strict=True):
            states = states + self.dropout(F.silu(conv(norm(states), attention_mask)))
        mean, spread, present = self.out(mask_sequence(states, attention_mask)).float().unbind(-1)
        return Durations(mean - 2.5, LEAST_DEVIATION + F.softplus(spread - 1.0), present)


def duration_loss(
    durations: Durations, seconds: torch.Tensor, attention_mask: torch.Tensor, pause_ids: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Negative log-likelihood of true durations at each utterance's own tempo, and of the pauses.

    The utterance's tempo, the mean of its log ratios of true to expected, is taken out of the deviation (a search finds it
    for itself), but the mean is still drawn to the true lengths.

    Args:
        seconds (`torch.Tensor` of shape `(B, P)`): true durations, 0 where a pause was not made.
        attention_mask (`torch.Tensor` of shape `(B, P)`, bool), pause_ids (`(B, P)`): as in the predictor.

    Returns:
        `duration` and `pause` losses, means over scripts of each one's mean over its phonemes and over its pauses, and their
        sum `loss`.
    """
    spoken = attention_mask & (pause_ids == PAUSES.index(""))
    inner = attention_mask & (pause_ids >= PAUSES.index("sentence"))
    there = seconds >= SHORTEST_SECONDS
    log_seconds = seconds.clamp(min=SHORTEST_SECONDS).log()
    residual = log_seconds - durations.mean
    counted = spoken & there
    tempo = (residual * counted).sum(1, keepdim=True) / counted.sum(1, keepdim=True).clamp(min=1)
    paused = inner & there
    own_tempo = torch.where(counted, residual - tempo.detach(), residual)
    timed = counted | paused
    likelihood = 0.5 * (own_tempo / durations.deviation).square() + durations.deviation.log()
    mean = 0.5 * residual.clamp(-2, 2).square()
    duration = (((likelihood + mean) * timed).sum(1) / timed.sum(1).clamp(min=1)).mean()
    pause = F.binary_cross_entropy_with_logits(durations.present_logit, there.float(), reduction="none")
    pause = ((pause * inner).sum(1) / inner.sum(1).clamp(min=1)).mean()
    return {"duration": duration, "pause": pause, "loss": duration + pause}


__all__ = ["Durations", "FlowDubberDurationPredictor", "duration_loss"]

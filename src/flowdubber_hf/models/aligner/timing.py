"""The search that every timing comes from: what the lips show, weighed against how long phonemes last by themselves."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch

from flowdubber_hf.processing.text import PAUSES

from .alignment import length_scores, search_durations
from .durations import Durations


_EDGE, _SENTENCE, _CLAUSE = (PAUSES.index(name) for name in ("edge", "sentence", "clause"))
#: Longest length that the search tells from longer ones, in seconds: no phoneme lasts longer for a reason.
LONGEST_SECONDS = 0.8
_EVIDENCE_RATE = 100  # steps a second that `evidence_weight` counts in
_CUE_START_SECONDS = (-2.8, 0.3)  # mean and deviation of the log seconds before a cue's first word
_TEMPO_DEVIATION = 0.25  # of log tempo between utterances
_TEMPO_ROUNDS = 2
#: Where nothing is seen the speech may be this much slower than natural to fill the time there is.
SLOWEST_TEMPO = 1.15


def timed_search(
    evidence: torch.Tensor,
    phoneme_mask: torch.Tensor,
    step_mask: torch.Tensor,
    pause_ids: torch.Tensor,
    durations: Durations,
    rate: int,
    weight: float,
    has_evidence: torch.Tensor,
    cue: bool = False,
) -> torch.Tensor:
    """
    The way of the greatest evidence and likelihood of durations (see [`search_durations`]), each sentence at its own tempo.

    The tempo of a sentence is a common factor of its durations, normal in the logarithm. It is found by turns: the lengths at
    the tempo so far, then the tempo of the lengths, two rounds. Silences: at the clip's ends and between sentences they last as
    long as they like, between clauses and words they need not be; where nothing is seen they have natural lengths, and what is left of
    the clip is shared between its ends.

    Args:
        evidence (`torch.Tensor` of shape `(B, P, T)`): log-probabilities of each phoneme in each step.
        phoneme_mask (`torch.Tensor` of shape `(B, P)`, bool), step_mask (`(B, T)`, bool): real positions.
        pause_ids (`torch.Tensor` of shape `(B, P)`): of each phoneme its index in [`~processing.text.PAUSES`].
        durations ([`Durations`]): natural lengths in log seconds.
        rate (`int`): steps a second.
        weight (`float`): of the evidence, in steps of a hundredth of a second.
        has_evidence (`torch.Tensor` of shape `(B,)`, bool): rows whose evidence counts at all.
        cue (`bool`, *optional*, defaults to `False`): where nothing is seen, begin at once and leave what is left at the end.

    Returns:
        `torch.Tensor` of shape `(B, P)`: how many steps each phoneme has, whole numbers, 0 on padding.

    Raises:
        ValueError: more obligatory phonemes than steps.
    """
    lengths, steps = phoneme_mask.sum(1), step_mask.sum(1)
    optional = phoneme_mask & (pause_ids >= _CLAUSE)
    spoken = phoneme_mask & (pause_ids == 0)
    weights = weight * _EVIDENCE_RATE / rate * has_evidence
    mean, deviation = durations.mean, durations.deviation
    edge = phoneme_mask & (pause_ids == _EDGE)
    start, start_deviation = _CUE_START_SECONDS
    mean, deviation = mean.masked_fill(edge, start), deviation.masked_fill(edge, start_deviation)
    present = torch.where(optional, durations.present, 1.0)
    free = ((pause_ids == _SENTENCE) | (pause_ids == _CLAUSE)) & has_evidence[:, None] | edge
    if cue:
        free[:, 0] = has_evidence
    sentence = ((pause_ids == _SENTENCE) & phoneme_mask).cumsum(1)
    tempo = _room(mean, deviation, present, spoken, steps / rate, has_evidence, cue)
    counts = None
    for _ in range(_TEMPO_ROUNDS):
        table = length_scores(
            torch.where(spoken, mean + tempo, mean) + torch.log(torch.tensor(float(rate))),
            deviation,
            present,
            free,
            round(LONGEST_SECONDS * rate),
        )
        counts = search_durations(evidence, lengths, steps, optional, table, weights)
        tempo = _tempo(counts, mean, deviation, spoken, sentence, rate)
    return counts if cue or bool(has_evidence.all()) else torch.where(has_evidence[:, None], counts, _centred(counts))


def _room(
    mean: torch.Tensor,
    deviation: torch.Tensor,
    present: torch.Tensor,
    spoken: torch.Tensor,
    seconds: torch.Tensor,
    has_evidence: torch.Tensor,
    cue: bool,
) -> torch.Tensor:
    """First log tempo `(B, 1)`: 0, but where nothing is seen what fits the script into `seconds`, at most a little slower."""
    natural = (mean.exp() * spoken).sum(1)
    silent = (mean.exp() * present * ~spoken).sum(1).clamp(max=0.3 * seconds)
    fitting = ((seconds - silent).clamp(min=0.1) / natural.clamp(min=0.1)).log()
    slowest = 0.0 if cue else float(torch.log(torch.tensor(SLOWEST_TEMPO)))
    return torch.where(has_evidence, 0.0, fitting.clamp(max=slowest))[:, None]


def _centred(counts: torch.Tensor) -> torch.Tensor:
    """The lengths with silences of the same length at both ends of each row."""
    counts = counts.clone()
    last = (counts > 0).long().cumsum(1).argmax(1, keepdim=True)
    both = counts[:, :1] + counts.gather(1, last)
    counts[:, :1] = both // 2
    return counts.scatter(1, last, both - both // 2)


def _tempo(
    counts: torch.Tensor,
    mean: torch.Tensor,
    deviation: torch.Tensor,
    spoken: torch.Tensor,
    sentence: torch.Tensor,
    rate: int,
) -> torch.Tensor:
    """Most likely log tempo of each phoneme's sentence, `(B, P)`, given the lengths and the prior of tempi."""
    counted = spoken & (counts > 0)
    precision = deviation.pow(-2) * counted
    residual = ((counts / rate).clamp(min=1e-3).log() - mean) * precision
    size = int(sentence.max()) + 1
    sums = torch.zeros(len(counts), size, device=counts.device).scatter_add(1, sentence, residual.float())
    precisions = torch.zeros(len(counts), size, device=counts.device).scatter_add(1, sentence, precision.float())
    return (sums / (precisions + _TEMPO_DEVIATION**-2)).gather(1, sentence)


__all__ = ["LONGEST_SECONDS", "timed_search"]

"""What an examination finds, and measures of sounds and tokens that tell working parts from broken ones."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..processing.audio import N_FFT, log_mel


OK, NOTE, WRONG = "ok", "note", "wrong"
LEVELS = (OK, NOTE, WRONG)
# Below this a sound made of a voice at -25 dBFS is nothing.
SILENT_DBFS = -60.0


@dataclass(frozen=True)
class Finding:
    """
    Attributes:
        part: of the model, or `model` for what concerns several.
        level: `ok`; `note`, nothing broken, but good to know for whoever trains the model; `wrong`, it cannot work so.
        text: a sentence.
        values: figures, of types that JSON has.
    """

    part: str
    level: str
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """As a line of text."""
        return f"{self.level:<6}{self.part}: {self.text}"


def dbfs(sound: torch.Tensor) -> float:
    """Level of `(samples,)` sound in dB below full scale, at least -120."""
    return 20 * math.log10(max(float(sound.double().square().mean().sqrt()), 1e-6))


def judge_sound(
    part: str, what: str, sound: torch.Tensor, samples: int, reference: torch.Tensor | None = None
) -> Finding:
    """Whether `(samples,)` sound is finite, audible and as long as it must be; `reference` is what it should sound like."""
    if not torch.isfinite(sound).all():
        return Finding(part, WRONG, f"{what} holds values that are not finite.")
    level, peak = dbfs(sound), float(sound.abs().max())
    values = {"samples": len(sound), "expected_samples": samples, "dbfs": round(level, 1), "peak": round(peak, 3)}
    told = f"{what}: {len(sound) / 16000:.2f} s at {level:.0f} dBFS, peak {peak:.2f}"
    if reference is not None and min(len(sound), len(reference)) >= N_FFT:
        values["mel_distance"] = round(mel_distance(sound, reference), 2)
        told += f", log-mel {values['mel_distance']:.2f} away on average"
    if len(sound) != samples:
        return Finding(part, WRONG, f"{told}; it has {len(sound)} samples in place of {samples}.", values)
    if level < SILENT_DBFS:
        return Finding(part, WRONG, f"{told}; it is silent.", values)
    return Finding(part, OK, f"{told}.", values)


def mel_distance(sound: torch.Tensor, other: torch.Tensor) -> float:
    """Mean absolute difference of the natural-log mels of two sounds, over what they have in common."""
    length = min(len(sound), len(other))
    return float((log_mel(sound[:length]) - log_mel(other[:length])).abs().mean())


def judge_tokens(part: str, what: str, tokens: Sequence[int], codes: int, in_time: bool = True) -> Finding:
    """How tokens use their `codes`: a quantiser that has collapsed, or a language model that is stuck, says the same over and over.

    Args:
        in_time: whether the tokens follow each other in time, so that a long run of one means standing still.
    """
    if not tokens:
        return Finding(part, WRONG, f"{what}: none at all.", {"tokens": 0})
    counts = torch.bincount(torch.tensor(tokens), minlength=codes)
    shares = counts[counts > 0].double() / len(tokens)
    run = max(len(list(group)) for _, group in itertools.groupby(tokens))
    entropy = max(0.0, float(-(shares * shares.log2()).sum()))
    most = math.log2(min(codes, len(tokens)))
    values = {
        "tokens": len(tokens),
        "distinct": len(shares),
        "codes": codes,
        "share_of_codes": round(len(shares) / codes, 4),
        "entropy_bits": round(entropy, 2),
        "most_bits": round(most, 2),
        "longest_run": run,
    }
    told = (
        f"{what}: {len(tokens)}, {len(shares)} different of {codes} codes ({100 * len(shares) / codes:.1f} %), entropy "
        f"{entropy:.1f} of at most {most:.1f} bits, longest run of one {run}"
    )
    if in_time and len(tokens) >= 10 and (len(shares) == 1 or run > len(tokens) / 2):
        return Finding(part, WRONG, f"{told}; it is stuck.", values)
    if len(tokens) >= 10 and entropy < most / 3:
        return Finding(part, NOTE, f"{told}; few codes are used, as by small models; nothing is damaged.", values)
    return Finding(part, OK, f"{told}.", values)

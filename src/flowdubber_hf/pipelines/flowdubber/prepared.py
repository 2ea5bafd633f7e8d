"""What is read of a clip and of a voice once, however often it is dubbed: takes differ only in what is random."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch


@dataclass(frozen=True)
class PreparedClip:
    """A clip as `FlowDubberPipeline.prepare_clip` read it; a call takes it as `video`.

    Attributes:
        num_frames: at 25 a second.
        num_samples: of the dub, at 16 kHz.
        duration: seconds.
        warnings: what the user should know of it, a sentence each.
        source: its file, `None` where it was not given by its path.
        crops: `(num_frames, 96, 96)` uint8, the grey mouth pictures; `None` where nothing was looked at.
        seen: `(num_frames,)` bool, frames that show the speaker.
        features: `(num_frames, hidden_size)`, the lip encoder's; `None` where nothing was looked at.
        seconds: that the reading took.
    """

    num_frames: int
    num_samples: int
    duration: float
    warnings: tuple[str, ...]
    source: Path | None = None
    crops: np.ndarray | None = field(default=None, repr=False)
    seen: torch.Tensor | None = field(default=None, repr=False)
    features: torch.Tensor | None = field(default=None, repr=False)
    seconds: float = 0.0


@dataclass(frozen=True)
class PreparedVoice:
    """A voice as `FlowDubberPipeline.prepare_voice` heard it; a call takes it as `reference_audio`.

    Attributes:
        style: `(256,)`, of the style encoder.
        global_tokens, semantic_tokens: `(32,)` and `(length,)` codes for the language model; `None` where there is none.
        warnings: what is wrong with the recording, a sentence each.
        seconds: that the listening took.
    """

    style: torch.Tensor = field(repr=False)
    global_tokens: torch.Tensor | None = field(default=None, repr=False)
    semantic_tokens: torch.Tensor | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass
class Clips:
    """Prepared clips of a call, right-padded."""

    rows: Sequence[PreparedClip]
    mask: torch.Tensor  # (B, F)
    seen: torch.Tensor  # (B, F)
    features: torch.Tensor | None  # (B, F, hidden)

    @property
    def num_frames(self) -> list[int]:
        return [one.num_frames for one in self.rows]


def pad_clips(rows: Sequence[PreparedClip], read_lips: bool, device: torch.device) -> Clips:
    """The clips of a call side by side; without `read_lips` none of them shows the speaker."""
    lengths = torch.tensor([one.num_frames for one in rows], device=device)
    mask = torch.arange(int(lengths.max()), device=device) < lengths[:, None]
    if not read_lips:
        return Clips(rows, mask, torch.zeros_like(mask), None)

    def padded(values: list[torch.Tensor]) -> torch.Tensor:
        return torch.nn.utils.rnn.pad_sequence([value.to(device) for value in values], batch_first=True)

    return Clips(rows, mask, padded([one.seen for one in rows]), padded([one.features for one in rows]))


__all__ = ["Clips", "PreparedClip", "PreparedVoice", "pad_clips"]

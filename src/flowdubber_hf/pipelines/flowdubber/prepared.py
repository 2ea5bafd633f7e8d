"""What is read of a clip and of a voice once, however often it is dubbed: takes differ only in what is random."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from ...processing.audio import MEL_FRAMES_PER_VIDEO_FRAME
from ...processing.text import Phonemization
from .passes import Timing, shifted


@dataclass(frozen=True)
class PreparedClip:
    """A clip as `FlowDubberPipeline.prepare_clip` read it; a call takes it as `video`.

    Attributes:
        num_frames: at 25 a second.
        num_samples: of the dub, at 16 kHz.
        duration: seconds.
        warnings: what the user should know about it, one sentence each.
        source: its file, `None` if it was not given as a path.
        crops: `(num_frames, 96, 96)` uint8, the grey mouth pictures; `None` if no picture was read.
        seen: `(num_frames,)` bool, frames that show the speaker.
        features: `(num_frames, hidden_size)`, the lip encoder's; `None` if no picture was read.
        seconds: how long the reading took.
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
        timbre: `(voice_size,)`, what the vector field hears beside it; `None` where it has no voice encoder.
        global_tokens, semantic_tokens: `(32,)` and `(length,)` codes for the language model; `None` where there is none or the
            voice was read for a dub `without` it.
        colour: `(80,)`, natural-log mel of its louder sounds on average.
        warnings: what is wrong with the recording, one sentence each.
        seconds: how long the listening took.
    """

    style: torch.Tensor = field(repr=False)
    global_tokens: torch.Tensor | None = field(default=None, repr=False)
    semantic_tokens: torch.Tensor | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    timbre: torch.Tensor | None = field(default=None, repr=False)
    colour: torch.Tensor | None = field(default=None, repr=False)


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


@dataclass(frozen=True)
class PreparedDub:
    """Scripts, clips and voices as `FlowDubberPipeline.prepare` read them and laid them on each other; a call takes it as `script`,
    any number of times. Everything in it is the same for all takes.

    Attributes:
        scripts: as they were given, one for each dub; the following fields also have one entry for each dub.
        phonemizations: of the scripts.
        clips, voices: what was read; pass them to `prepare` or a call again with another script.
        reference_texts: what is said in the references, `None` where it is not known.
        without: parts of the method that are left out.
        timing: when each phoneme is spoken; `None` if that depends on the language model (`duration_source`).
        seconds: spent in each stage.
        phoneme_frames: `(P,)` each, the mel frames of each phoneme, if they were given and not searched.
        cue: whether the clips do not show the speaker.
        copies: how often the same dubs stand here, by `repeat`.
    """

    scripts: tuple[str, ...]
    phonemizations: tuple[Phonemization, ...]
    clips: tuple[PreparedClip, ...]
    voices: tuple[PreparedVoice, ...]
    reference_texts: tuple[str | None, ...]
    without: tuple[str, ...] = ()
    timing: Timing | None = field(default=None, repr=False)
    seconds: dict[str, float] = field(default_factory=dict)
    phoneme_frames: tuple[np.ndarray, ...] | None = field(default=None, repr=False)
    cue: bool = False
    copies: int = 1

    def __len__(self) -> int:
        return len(self.scripts)

    def repeat(self, times: int) -> "PreparedDub":
        """The same dubs, repeated side by side, for takes that are made together.

        Raises:
            ValueError: less than one time.
        """
        if times < 1:
            raise ValueError(f"a dub can be repeated 1 time or more, got {times}.")
        shifts = [number * len(self) for number in range(times)]
        timing = None
        if self.timing is not None:
            timing = Timing([(shifted(one, by), found) for by in shifts for one, found in self.timing.groups])
        frames = self.phoneme_frames
        return replace(
            self,
            scripts=self.scripts * times,
            phonemizations=self.phonemizations * times,
            clips=self.clips * times,
            voices=self.voices * times,
            reference_texts=self.reference_texts * times,
            timing=timing,
            copies=self.copies * times,
            phoneme_frames=None if frames is None else frames * times,
        )

    @property
    def num_mel_frames(self) -> list[int]:
        """Of each dub, 100 a second."""
        return [MEL_FRAMES_PER_VIDEO_FRAME * one.num_frames for one in self.clips]


__all__ = ["Clips", "PreparedClip", "PreparedDub", "PreparedVoice", "pad_clips"]

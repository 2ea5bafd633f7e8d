"""When each phoneme is spoken, and the mel prior that follows."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ...models.aligner import FlowDubberAlignerEncoding, FlowDubberAlignerModel
from ...models.vector_field import FlowDubberVectorField
from ...processing.audio import MEL_FRAMES_PER_VIDEO_FRAME, VIDEO_FRAME_RATE
from ...processing.text import PAUSES, Phonemization
from .passes import (
    WHOLE_SECONDS,
    Pass,
    Timing,
    given_frames,
    group_passes,
    narrowed,
    paths_of,
    split_clip,
    whole_clip,
)
from .prepared import Clips


class AligningMixin:
    """The aligner's part of [`FlowDubberPipeline`]."""

    aligner: FlowDubberAlignerModel
    vector_field: FlowDubberVectorField

    def plan_passes(
        self,
        phonemizations: list[Phonemization],
        clips: Clips,
        style: torch.Tensor,
        phoneme_frames: list[np.ndarray] | None = None,
        cue: bool = False,
    ) -> list[Pass]:
        """What the aligner and the language model read at a time: a clip whole, a long one in passes."""
        passes = []
        for row, (phonemization, frames) in enumerate(zip(phonemizations, clips.num_frames, strict=True)):
            if frames <= WHOLE_SECONDS * VIDEO_FRAME_RATE:
                passes.append(whole_clip(row, phonemization, frames))
            elif phoneme_frames is not None:
                counts = np.diff(np.cumsum(phoneme_frames[row]) // MEL_FRAMES_PER_VIDEO_FRAME, prepend=0)
                passes += split_clip(row, phonemization, counts, natural=False)
            else:
                of_lips = None if clips.features is None else clips.features[row : row + 1, :frames]
                plan = self.aligner.plan(
                    **self._script_inputs([phonemization]),
                    style=style[row : row + 1].to(self.aligner.dtype),
                    lip_features=of_lips,
                    lip_mask=clips.mask[row : row + 1, :frames],
                    seen_mask=clips.seen[row : row + 1, :frames],
                    cue=cue,
                )
                counts = plan.frames[0].cpu().numpy()
                passes += split_clip(row, phonemization, counts, natural=not bool(plan.heeded[0]))
        return passes

    def _script_inputs(self, phonemizations: list[Phonemization]) -> dict[str, torch.Tensor]:
        """What the aligner reads of scripts, right-padded."""

        def padded(rows: list[Any], dtype: torch.dtype) -> torch.Tensor:
            tensors = [torch.as_tensor(row, dtype=dtype) for row in rows]
            return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True).to(self._execution_device)

        return {
            "input_ids": padded([one.ids for one in phonemizations], torch.long),
            "attention_mask": padded([[True] * len(one.ids) for one in phonemizations], torch.bool),
            "pause_ids": padded([one.pause_ids for one in phonemizations], torch.long),
        }

    def align(
        self,
        passes: list[Pass],
        clips: Clips,
        style: torch.Tensor,
        phoneme_frames: list[np.ndarray] | None = None,
        cue: bool = False,
        knowledge: tuple[torch.Tensor | None, torch.Tensor | None] = (None, None),
    ) -> Timing:
        """Ties the phonemes of each pass to its frames.

        `phoneme_frames` are the clips' own mel frames a phoneme, in place of searched ones; without the clips' features the vector that
        stands for speech without a picture takes the place of the lips, and natural durations alone give the timing, from
        the clip's start where `cue`. `knowledge` is the language model's, a row a pass, and its mask.
        """
        groups, first = [], 0
        for group in group_passes(passes):
            rows = [None if part is None else part[first : first + len(group)] for part in knowledge]
            groups.append((group, self._align_group(group, clips, style, phoneme_frames, cue, rows)))
            first += len(group)
        return Timing(groups)

    def _align_group(
        self,
        passes: list[Pass],
        clips: Clips,
        style: torch.Tensor,
        phoneme_frames: list[np.ndarray] | None,
        cue: bool,
        knowledge: Sequence[torch.Tensor | None],
    ) -> FlowDubberAlignerEncoding:
        aligner = self.aligner
        phonemizations = [one.phonemization for one in passes]
        script = self._script_inputs(phonemizations)
        optional = script["attention_mask"] & (script["pause_ids"] >= PAUSES.index("clause"))

        def cut(values: torch.Tensor) -> torch.Tensor:
            rows = [values[one.clip, one.start : one.stop] for one in passes]
            return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)

        path = None
        if phoneme_frames is not None:
            path = paths_of([given_frames(one, phoneme_frames[one.clip]) for one in passes], passes)
        elif any(one.spoken is not None for one in passes):
            path = paths_of([self._natural_frames(one, style, cue) for one in passes], passes)
        return aligner.encode(
            script["input_ids"],
            script["attention_mask"],
            optional,
            lip_mask=cut(clips.mask),
            style=style[[one.clip for one in passes]].to(aligner.dtype),
            lip_features=None if clips.features is None else cut(clips.features),
            path=None if path is None else path.to(self._execution_device, aligner.dtype),
            seen_mask=None if clips.features is None else cut(clips.seen),
            pause_ids=script["pause_ids"],
            cue=cue,
            semantic_features=knowledge[0],
            semantic_mask=knowledge[1],
        )

    def _natural_frames(self, one: Pass, style: torch.Tensor, cue: bool) -> np.ndarray:
        """Mel frames of a pass whose words stay where the plan has them, `(P,)`: natural durations in just that time."""
        aligner = self.aligner
        start, stop = narrowed(one)
        script = self._script_inputs([one.phonemization])
        encoding = aligner.encode(
            script["input_ids"],
            script["attention_mask"],
            lip_mask=torch.ones(1, stop - start, dtype=torch.bool, device=self._execution_device),
            style=style[one.clip : one.clip + 1].to(aligner.dtype),
            pause_ids=script["pause_ids"],
            cue=cue,
        )
        frames = encoding.path[0].float().sum(1).round().long().cpu().numpy()
        frames[0] += MEL_FRAMES_PER_VIDEO_FRAME * (start - one.start)
        frames[-1] += MEL_FRAMES_PER_VIDEO_FRAME * (one.stop - stop)
        return frames

    def encode_prior(
        self,
        timing: Timing,
        semantic_features: torch.Tensor | None,
        semantic_mask: torch.Tensor | None,
        style: torch.Tensor,
        frame_mask: torch.Tensor,
        style_guidance_scale: float | None = None,
    ) -> torch.Tensor:
        """The mel prior mu `(B, 80, T)`, guided by its voice (see [`FlowDubberVectorField.guided_prior`]); without semantic features, a row
        a pass, mu', where the learned null stands for them."""
        aligner = self.aligner
        expanded, first = [], 0
        for passes, encoding in timing.groups:
            rows = slice(first, first + len(passes))
            known = () if semantic_features is None else (semantic_features[rows], semantic_mask[rows])
            expanded.append(aligner.expand(encoding, *known))
            first += len(passes)
        num_frames = frame_mask.sum(1).tolist()
        fused = aligner.fuse_frames(
            timing.join(expanded, num_frames, MEL_FRAMES_PER_VIDEO_FRAME),
            timing.join([encoding.lip_states for _, encoding in timing.groups], num_frames, 1),
            frame_mask,
        )
        field = self.vector_field
        mel_mask = frame_mask.repeat_interleave(MEL_FRAMES_PER_VIDEO_FRAME, dim=1)
        return field.guided_prior(fused.to(field.dtype), style.to(field.dtype), mel_mask, style_guidance_scale)

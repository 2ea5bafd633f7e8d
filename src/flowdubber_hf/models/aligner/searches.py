"""When each phoneme is said: the searches of an aligner, over a clip at a time and, more coarsely, over a long one."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import NamedTuple

import torch
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch.nn import functional as F

from flowdubber_hf.processing.audio import MEL_FRAMES_PER_VIDEO_FRAME, VIDEO_FRAME_RATE
from flowdubber_hf.processing.text import OPTIONAL_PHONEME, PAUSES, SILENCE_PHONEME, phoneme_ids

from .alignment import check_phonemes_fit, durations_to_path, monotonic_search, search_durations
from .durations import Durations
from .timing import timed_search


# Evidence that changes less over time than this is not heeded: half-way between stills of the bundled model's training
# speakers (0.7 to 0.8) and their moving mouths (2.4 and more). Faces never seen: stills to 1.2, moving mouths 2.2 and more;
# small, dark and grainy pictures 1.2 to 2.2, from which no better times come than from natural durations.
LEAST_TELLING = 1.6
_TELLING_PHONEMES = 64  # that are told apart at a time: as many as a clip of a few seconds has


def telling(alignment: torch.Tensor, phoneme_mask: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """How much the lips' evidence changes over time, `(B,)`: the standard deviation over the seen frames of a phoneme's
    log-probability among its neighbours, mean over the phonemes. Near 0 for a mouth that does not move, or that something
    hides.

    Args:
        alignment (`torch.Tensor` of shape `(B, P, F)`): logits or log-probabilities.
        phoneme_mask (`torch.Tensor` of shape `(B, P)`), seen (`(B, F)`): bool.
    """
    counted = seen[:, None].float()
    frames = counted.sum(2).clamp(min=1)
    total = 0.0
    for part, real in zip(
        alignment.detach().split(_TELLING_PHONEMES, dim=1), phoneme_mask.split(_TELLING_PHONEMES, dim=1), strict=True
    ):
        values = part.float().masked_fill(~real[..., None], torch.finfo(torch.float32).min).log_softmax(dim=1)
        values = values.masked_fill(~real[..., None], 0.0) * counted
        centred = (values - values.sum(2, keepdim=True) / frames[..., None]) * counted
        total = total + ((centred.square().sum(2) / frames).sqrt() * real).sum(1)
    return total / phoneme_mask.sum(1).clamp(min=1)


def pauses_of(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """Pause ids `(B, P)` (see [`~processing.text.PAUSES`]) from the phonemes alone, which do not tell clauses from words."""
    last = attention_mask.sum(1, keepdim=True) - 1
    places = torch.arange(input_ids.shape[1], device=input_ids.device)
    silence, optional = phoneme_ids([SILENCE_PHONEME, OPTIONAL_PHONEME])
    pauses = torch.zeros_like(input_ids)
    pauses = pauses.masked_fill(input_ids == silence, PAUSES.index("sentence"))
    pauses = pauses.masked_fill(input_ids == optional, PAUSES.index("word"))
    return pauses.masked_fill((places == 0) | (places == last), PAUSES.index("edge"))


def _interpolate_frames(scores: torch.Tensor, frame_mask: torch.Tensor, steps: int) -> torch.Tensor:
    """`(B, P, F)` to `(B, P, steps * F)`, linear between the middles of the frames; padding has no say."""
    if steps == 1:
        return scores
    last = (frame_mask.sum(1) - 1).clamp(min=0)
    held = torch.minimum(torch.arange(scores.shape[2], device=scores.device), last[:, None])
    scores = scores.gather(2, held[:, None].expand_as(scores))  # beyond the end, the last real frame
    return F.interpolate(scores, scale_factor=steps, mode="linear", align_corners=False)


class ScriptPlan(NamedTuple):
    """Where a script lies in a clip.

    Attributes:
        frames (`torch.Tensor` of shape `(B, P)`): video frames of each phoneme.
        heeded (`torch.Tensor` of shape `(B,)`, bool): rows whose lips had a say.
    """

    frames: torch.Tensor
    heeded: torch.Tensor


class AlignerTiming:
    """What `FlowDubberAlignerModel` knows of time. The parts it names are the model's."""

    def natural_durations(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        pause_ids: torch.Tensor,
        style: torch.Tensor,
        semantic_features: torch.Tensor | None = None,
        semantic_mask: torch.Tensor | None = None,
    ) -> Durations | None:
        """How long each phoneme would last by itself; `None` for an aligner that has no predictor of it.

        From the text, or, where `config.duration_source` says so and the language model has spoken, from its speech.
        """
        if self.duration_predictor is None:
            return None
        attention_mask = attention_mask.bool()
        natural = self.duration_predictor(input_ids, attention_mask, pause_ids, style)
        if self.semantic_tie is None or semantic_features is None:
            return natural
        if semantic_mask is None:
            semantic_mask = semantic_features.new_ones(semantic_features.shape[:2], dtype=torch.bool)
        similarity = self.semantic_tie(
            input_ids, attention_mask, semantic_features.to(style.dtype), semantic_mask.bool()
        )
        optional = attention_mask & (pause_ids >= PAUSES.index("clause"))
        return self.semantic_tie.durations(similarity, attention_mask, semantic_mask.bool(), optional, natural)

    def search(
        self,
        alignment: torch.Tensor,
        phoneme_mask: torch.Tensor,
        frame_mask: torch.Tensor,
        optional_mask: torch.Tensor | None = None,
        pause_ids: torch.Tensor | None = None,
        durations: Durations | None = None,
        has_evidence: torch.Tensor | None = None,
        cue: bool = False,
        steps: int | None = None,
    ) -> torch.Tensor:
        """
        The monotonic path through an alignment, in steps of `path_steps_per_frame` a video frame.

        Between two video frames the log-probabilities are interpolated, so that a boundary lies where they cross and
        not only where a frame begins. With `durations` lips and natural lengths are weighed against each other (see
        [`timed_search`]); without, the lips decide alone.

        Args:
            alignment (`torch.Tensor` of shape `(B, P, F)`): log-probabilities.
            phoneme_mask (`torch.Tensor` of shape `(B, P)`), frame_mask (`(B, F)`), optional_mask (`(B, P)`, *optional*):
                bool.
            pause_ids (`torch.Tensor` of shape `(B, P)`, *optional*): of each phoneme its index in
                [`~processing.text.PAUSES`]; needed with `durations`.
            durations ([`Durations`], *optional*): natural lengths.
            has_evidence (`torch.Tensor` of shape `(B,)`, bool, *optional*): rows whose lips are to be heeded; all by default.
            cue (`bool`, *optional*, defaults to `False`): rows without evidence begin at once.
            steps (`int`, *optional*): a video frame, in place of the configured number.

        Returns:
            `torch.Tensor` of shape `(B, P, 4F)`: 0/1, zero on padding.

        Raises:
            ValueError: more obligatory phonemes than video frames.
        """
        steps = self.config.path_steps_per_frame if steps is None else steps
        lengths, frames = phoneme_mask.sum(1), frame_mask.sum(1)
        check_phonemes_fit(lengths if optional_mask is None else (phoneme_mask & ~optional_mask).sum(1), frames)
        scores = _interpolate_frames(alignment.detach().float(), frame_mask, steps)
        if durations is None:
            path = monotonic_search(scores, lengths, frames * steps, optional_mask)
        else:
            if has_evidence is None:
                has_evidence = torch.ones_like(frames, dtype=torch.bool)
            counts = timed_search(
                scores,
                phoneme_mask,
                frame_mask.repeat_interleave(steps, dim=1),
                pause_ids,
                durations,
                VIDEO_FRAME_RATE * steps,
                self.config.evidence_weight,
                has_evidence,
                cue,
            )
            path = durations_to_path(counts, scores.shape[2])
        return path.repeat_interleave(MEL_FRAMES_PER_VIDEO_FRAME // steps, dim=2).to(alignment.dtype)

    def _natural_path(
        self,
        phoneme_mask: torch.Tensor,
        optional_mask: torch.Tensor | None,
        pause_ids: torch.Tensor,
        durations: Durations | None,
        frame_mask: torch.Tensor | None,
        cue: bool,
    ) -> torch.Tensor:
        """The path of natural durations in the time there is, where nothing is seen."""
        if frame_mask is None or durations is None:
            raise ValueError(
                "without lips the timing comes from natural durations: pass `lip_mask`, to an aligner with a predictor of "
                "them, or pass `path`."
            )
        nothing = torch.zeros(*phoneme_mask.shape, frame_mask.shape[1], device=phoneme_mask.device)
        has_evidence = torch.zeros(len(phoneme_mask), dtype=torch.bool, device=phoneme_mask.device)
        return self.search(nothing, phoneme_mask, frame_mask, optional_mask, pause_ids, durations, has_evidence, cue)

    @apply_forward_hook
    def plan(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        style: torch.Tensor,
        lip_features: torch.Tensor | None,
        lip_mask: torch.Tensor,
        seen_mask: torch.Tensor,
        pause_ids: torch.Tensor,
        cue: bool = False,
    ) -> ScriptPlan:
        """
        Where a long script lies in a long clip: the search of `encode`, over all of it, in steps of a video frame.

        Its only large thing is one number a phoneme and frame, so that a clip of minutes fits the memory; what else belongs
        to a phoneme is computed where it was found. Evidence is the same but for a constant of each frame, which no path
        can choose.

        Args:
            input_ids (`torch.Tensor` of shape `(B, P)`), attention_mask (`(B, P)`), pause_ids (`(B, P)`), style
                (`(B, style_size)`), cue: as of `encode`.
            lip_features (`torch.Tensor` of shape `(B, F, hidden_size)`, *optional*): the lip encoder's output; without,
                natural durations alone tell.
            lip_mask, seen_mask (`torch.Tensor` of shape `(B, F)`, bool): real frames, and those that show the speaker.

        Returns:
            [`ScriptPlan`].

        Raises:
            ValueError: more obligatory phonemes than video frames.
        """
        phonemes = self.phoneme_encoder(input_ids, attention_mask, style)
        if lip_features is None:
            evidence = phonemes.new_zeros(1, 1, 1).expand(*input_ids.shape, lip_mask.shape[1])
            heeded = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        else:
            evidence = self.evidence(phonemes, lip_features, attention_mask, seen_mask & lip_mask)
            heeded = telling(evidence, attention_mask, seen_mask & lip_mask) >= LEAST_TELLING
        durations = self.natural_durations(input_ids, attention_mask, pause_ids, style)
        if durations is None:
            optional = attention_mask & (pause_ids >= PAUSES.index("clause"))
            frames = search_durations(evidence, attention_mask.sum(1), lip_mask.sum(1), optional)
            return ScriptPlan(frames, torch.ones_like(heeded))
        weight = self.config.evidence_weight
        frames = timed_search(
            evidence, attention_mask, lip_mask, pause_ids, durations, VIDEO_FRAME_RATE, weight, heeded, cue
        )
        return ScriptPlan(frames, heeded)

    def evidence(
        self, phonemes: torch.Tensor, lip_features: torch.Tensor, phoneme_mask: torch.Tensor, seen: torch.Tensor
    ) -> torch.Tensor:
        """The alignment's logits `(B, P, F)`, float32: both similarities in one product, nothing in unseen frames."""
        lips, of_lips = self.lip_to_phoneme.directions(lip_features, phonemes)
        of_phonemes, more_lips = self.phoneme_to_lip.directions(phonemes, lip_features)
        by_phoneme = torch.cat([of_lips, of_phonemes], dim=-1) / (2 * self.config.alignment_temperature)
        by_frame = torch.cat([lips, more_lips], dim=-1) * seen[..., None]
        return (by_phoneme.float() @ by_frame.float().transpose(1, 2)).masked_fill_(
            ~phoneme_mask[..., None], torch.finfo(torch.float32).min
        )


__all__ = ["LEAST_TELLING", "AlignerTiming", "ScriptPlan", "pauses_of", "telling"]

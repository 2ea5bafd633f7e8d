"""A take of a cue: its parts dubbed, in the mouth or the time that the plan chose, as one sound."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..dubbing.takes import best_take
from ..pipelines.flowdubber import FlowDubberPipeline, PreparedClip, PreparedDub, PreparedVoice
from ..processing.sound import SAMPLES_PER_VIDEO_FRAME, VIDEO_FRAME_RATE
from .activity import speaking_spans, spread
from .plan import FilmPlan
from .planned import CuePlan, PlannedSpan
from .run_settings import RunSettings
from .source import GRID_STEP
from .voices import Voice


@dataclass(frozen=True)
class Take:
    """What was made of a cue.

    Attributes:
        sound: `(samples,)` float32 at 16 kHz, from the beginning of the cue's window to its end.
        seeds: of the take of each part.
        words: word, start and end in microseconds of the film.
        warnings: of the pipeline, a sentence each.
        takes: of each part that was chosen from several, what `best_take` tells.
        heard: what the recogniser heard in each part when it was chosen; `None` where it was not asked.
    """

    sound: np.ndarray
    seeds: tuple[int, ...]
    words: tuple[tuple[str, int, int], ...]
    warnings: tuple[str, ...] = ()
    takes: tuple[list[dict[str, Any]], ...] = field(default=())
    heard: tuple[str | None, ...] = field(default=())


def make_take(
    pipe: FlowDubberPipeline, plan: FilmPlan, cue: CuePlan, voice: Voice, heard: PreparedVoice, settings: RunSettings,
    seeds: Sequence[int],
) -> Take:  # fmt: skip
    """Dubs a cue.

    Args:
        pipe: the model.
        plan: of the film.
        cue: of the plan, without an error.
        voice, heard: that speaks it.
        settings: of the flow.
        seeds: of the takes of which the best is kept.

    Raises:
        ValueError: it cannot be dubbed.
    """
    first = cue.parts[0].window[0]
    sound = np.zeros(SAMPLES_PER_VIDEO_FRAME * (cue.parts[-1].window[1] - first), np.float32)
    words, warnings, chosen_seeds, takes, told = [], [], [], [], []
    for part in cue.parts:
        ready = _prepared(pipe, plan, part, voice, heard)
        chosen = best_take(
            pipe,
            ready,
            seeds,
            settings.steps,
            guidance_scale=1.0 if pipe.semantic_model is None else settings.guidance_scale,
            temperature=settings.temperature,
        )
        place = SAMPLES_PER_VIDEO_FRAME * (part.window[0] - first)
        made = np.asarray(chosen.dub.audios[0], dtype=np.float32)
        sound[place : place + len(made)] += made
        begin = part.window[0] * GRID_STEP
        words += [
            (word, begin + round(1e6 * start), begin + round(1e6 * end)) for word, start, end in chosen.dub.words[0]
        ]
        warnings += chosen.dub.warnings[0]
        chosen_seeds.append(chosen.seed)
        takes += [chosen.takes] if chosen.takes else []
        told.append(chosen.heard)
    remarks = tuple(dict.fromkeys(warnings))
    return Take(sound, tuple(chosen_seeds), tuple(words), remarks, tuple(takes), tuple(told))


def _prepared(
    pipe: FlowDubberPipeline, plan: FilmPlan, part: PlannedSpan, voice: Voice, heard: PreparedVoice
) -> PreparedDub:
    """A part, read and laid on its mouth or its time."""
    options = {"reference_text": voice.text if pipe.semantic_model is not None else None}
    unseen = _unseen_clip(part.window[1] - part.window[0])
    if part.timing == "cue":
        return pipe.prepare(part.text, unseen, heard, timing="cue", **options)
    crops, seen = plan.mouths(part)
    if part.timing == "lips":
        return pipe.prepare(part.text, pipe.prepare_mouths(crops, seen), heard, **options)
    by_nature = pipe.prepare(part.text, unseen, heard, timing="cue", **options)
    if by_nature.timing is None:
        raise ValueError(
            "timing activity needs durations of the text, and this model's come from its speech; take cue."
        )
    (phonemes,) = by_nature.phonemizations
    (natural,) = by_nature.timing.phoneme_frames([len(phonemes.phonemes)])
    frames = spread(phonemes, natural, speaking_spans(crops, seen), len(crops), seen)
    return pipe.prepare(part.text, unseen, heard, timing="cue", phoneme_frames=frames, **options)


def _unseen_clip(num_frames: int) -> PreparedClip:
    """A stretch of the film of which no mouth is read."""
    return PreparedClip(num_frames, num_frames * SAMPLES_PER_VIDEO_FRAME, num_frames / VIDEO_FRAME_RATE, ())

"""What a take is like: the words that are heard, the likeness of the voice, and how well it goes with the mouth."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from functools import lru_cache
from typing import Any

import numpy as np

from ..dubbing.takes import PACKAGES, voice_likeness
from ..extras import absent
from ..pipelines.flowdubber import FlowDubberPipeline, PreparedVoice
from ..processing.sound import SAMPLES_PER_VIDEO_FRAME
from .making import Take
from .plan import FilmPlan
from .planned import CuePlan
from .source import film_sound
from .speaker import MAX_OFFSET


_LEAST_LIKENESS, _MOST_WRONG = 0.55, 0.34


def judge_take(
    plan: FilmPlan, cue: CuePlan, take: Take, pipe: FlowDubberPipeline, heard: PreparedVoice
) -> dict[str, Any]:
    """`words_wrong` of `words` and what was `heard` (`None` without the recogniser's packages), `ge2e`, and `lse_d` beside that of the
    film's own sound, `lse_d_original`, where a mouth was read that is long enough."""
    checks: dict[str, Any] = {"words": len(take.words), "words_wrong": None, "heard": None}
    text = " ".join(part.text for part in cue.parts)
    if not absent(PACKAGES):
        from ..metrics import functional
        from ..metrics.grammar import grammar_for

        said = " ".join(functional.recognize_words(take.sound, grammar_for(text)))
        checks |= {"heard": said, "words_wrong": functional.word_errors(text, said).errors}
    if np.any(take.sound):
        checks["ge2e"] = round(voice_likeness(pipe, [take.sound], heard)[0], 3)
    return checks | _sync(plan, cue, take)


def judge_flags(checks: dict[str, Any]) -> list[str]:
    """What of it somebody should listen to, a sentence each."""
    flags = []
    wrong, words = checks.get("words_wrong"), max(1, checks.get("words") or 1)
    if wrong is not None and wrong / words > _MOST_WRONG:
        flags.append(f"{wrong} of {words} words were heard wrong.")
    if checks.get("ge2e") is not None and checks["ge2e"] < _LEAST_LIKENESS:
        flags.append(f"the voice is little like the reference ({checks['ge2e']:.2f}).")
    return flags


@lru_cache(maxsize=1)
def _judge() -> Any:
    from ..metrics.sync import load_syncnet

    return load_syncnet()


def _sync(plan: FilmPlan, cue: CuePlan, take: Take) -> dict[str, Any]:
    from ..metrics.sync import embed_clip, frames_needed, offset_distances

    parts = [part for part in cue.parts if part.timing == "lips"]
    part = max(parts, key=lambda one: one.window[1] - one.window[0], default=None)
    if part is None:
        return {}
    crops, seen = plan.mouths(part)
    model = _judge()
    if not seen.all() or len(crops) < frames_needed(model, MAX_OFFSET):
        return {}
    first = SAMPLES_PER_VIDEO_FRAME * (part.window[0] - cue.parts[0].window[0])
    dub = take.sound[first : first + SAMPLES_PER_VIDEO_FRAME * len(crops)]

    def distance(sound: np.ndarray) -> float:
        distances = offset_distances(*embed_clip(model, crops, sound), MAX_OFFSET)
        return round(float(distances[MAX_OFFSET]), 3)

    found = {"lse_d": distance(dub)}
    original = film_sound(plan.source, *part.microseconds)[: len(dub)]
    return found | ({"lse_d_original": distance(original)} if np.any(original) else {})

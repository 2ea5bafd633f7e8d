"""What a take is like: the words that are heard, the likeness of the voice, and how well it goes with the mouth."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
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
    film's own sound, `lse_d_original`, over all that shows a mouth that was read.

    What was heard and measured when the take was chosen among several is not asked again.
    """
    checks: dict[str, Any] = {"words": len(take.words), "words_wrong": None, "heard": None}
    text = " ".join(part.text for part in cue.parts)
    if not absent(PACKAGES):
        from ..metrics import functional
        from ..metrics.grammar import grammar_for

        if take.heard and None not in take.heard:
            said = " ".join(take.heard)
        else:
            said = " ".join(functional.recognize_words(take.sound, grammar_for(text)))
        checks |= {"heard": said, "words_wrong": functional.word_errors(text, said).errors}
    if np.any(take.sound):
        known = [row["similarity"] for rows in take.takes for row in rows if row["kept"]]
        likeness = known[0] if len(known) == len(cue.parts) == 1 else voice_likeness(pipe, [take.sound], heard)[0]
        checks["ge2e"] = round(likeness, 3)
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
    """Of all stretches that show the mouth and are long enough for the judge, each as much as it lasts."""
    from ..metrics.sync import frames_needed

    rows: list[tuple[int, float | None, float | None]] = []
    for part in cue.parts:
        if part.timing != "lips":
            continue
        model, (crops, seen) = _judge(), plan.mouths(part)
        own = film_sound(plan.source, *part.microseconds)
        begin = part.window[0] - cue.parts[0].window[0]
        for first, stop in _runs(seen, frames_needed(model, MAX_OFFSET)):
            dub = _distance(model, crops[first:stop], _samples(take.sound, begin + first, begin + stop))
            rows.append((stop - first, dub, _distance(model, crops[first:stop], _samples(own, first, stop))))
    means = {"lse_d": _mean(rows, 1), "lse_d_original": _mean(rows, 2)}
    return {name: value for name, value in means.items() if value is not None and means["lse_d"] is not None}


def _mean(rows: Sequence[tuple[int, float | None, float | None]], column: int) -> float | None:
    """Of a column over what was heard, by lengths."""
    known = [(row[0], row[column]) for row in rows if row[column] is not None]
    return round(sum(n * value for n, value in known) / sum(n for n, _ in known), 3) if known else None


def _runs(seen: np.ndarray, least: int) -> list[tuple[int, int]]:
    """Stretches of at least so many pictures that are seen."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], seen.astype(int), [0]]))).reshape(-1, 2)
    return [(int(first), int(stop)) for first, stop in edges if stop - first >= least]


def _samples(sound: np.ndarray, first: int, stop: int) -> np.ndarray:
    """Of some pictures, as many as they last: silence where a sound is shorter."""
    part = sound[SAMPLES_PER_VIDEO_FRAME * first : SAMPLES_PER_VIDEO_FRAME * stop]
    return np.pad(part, (0, SAMPLES_PER_VIDEO_FRAME * (stop - first) - len(part)))


def _distance(model: Any, crops: np.ndarray, sound: np.ndarray) -> float | None:
    """Of mouths and sound in their places; `None` where there is nothing to hear."""
    from ..metrics.sync import embed_clip, offset_distances

    if not np.any(sound):
        return None
    return float(offset_distances(*embed_clip(model, crops, sound), MAX_OFFSET)[MAX_OFFSET])

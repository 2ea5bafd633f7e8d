"""One clip dubbed, or the best of several takes of it, chosen by what a user has too: the reference voice and the script.

What is read is read once; takes differ only in what is random, and are made side by side."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from ..extras import EVALUATION, absent, pip_line
from ..metrics import functional
from ..metrics.grammar import grammar_for
from ..pipelines.flowdubber import FlowDubberPipeline, FlowDubberPipelineOutput, PreparedDub, PreparedVoice
from ..processing.audio import pad_sounds
from ..processing.references import level_voice
from ..sampling import check_takes


PACKAGES = ("pocketsphinx", "jiwer")
_TOGETHER_FRAMES = 6000  # mel frames of takes that are made side by side: a minute

#: Keywords of a call that tell of its progress: of the pass with a number, out of so many, of so many steps.
Progress = Callable[[int, int, int], dict[str, Any]]


@dataclass(frozen=True)
class Chosen:
    """A take that was kept.

    Attributes:
        dub: of one clip; its `timings` are those of everything that was done for it.
        seed: of the take.
        takes: `seed`, `kept`, `similarity` and `wrong_words` of each take, where there were several; words are `None` where they
            did not matter.
        heard: what the recogniser heard in the take that was kept; `None` where it was not asked.
    """

    dub: FlowDubberPipelineOutput
    seed: int
    takes: list[dict[str, Any]] = field(default_factory=list)
    heard: str | None = None


def require_selection(count: int) -> None:
    """Refuses a choice that could not be made, before any take is.

    Raises:
        ValueError: no such number of takes.
        ImportError: what hears the words is not installed.
    """
    check_takes(count)
    missing = absent(PACKAGES)
    if count > 1 and missing:
        raise ImportError(f"--best-of {count} needs {', '.join(missing)}: {pip_line(EVALUATION, missing)}")


def best_take(
    pipe: FlowDubberPipeline,
    ready: PreparedDub,
    seeds: Sequence[int],
    steps: int,
    progress: Progress | None = None,
    **options: Any,
) -> Chosen:
    """A dub of one clip from one seed, or of several seeds the one that [`choose_take`] keeps.

    Args:
        pipe: the model.
        ready: one clip, of `pipe.prepare`.
        seeds: of the takes.
        steps: of the solver.
        progress (*optional*): tells the callbacks of each pass.
        options: further keywords of the call.

    Raises:
        ValueError: no seed, or a take that is silent.
    """
    if not seeds:
        raise ValueError("there is no seed to make a take from.")
    size = max(1, _TOGETHER_FRAMES // ready.num_mel_frames[0])
    batches = [seeds[first : first + size] for first in range(0, len(seeds), size)]
    made = []
    for number, rows in enumerate(batches):
        told = {} if progress is None else progress(number, len(batches), steps)
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in rows]
        made.append(pipe(ready.repeat(len(rows)), generator=generators, num_inference_steps=steps, **options, **told))
    chosen, takes, heard = 0, [], None
    if len(seeds) > 1:
        sounds = [np.asarray(sound, dtype=np.float32) for one in made for sound in one.audios]
        chosen, judged, heard = choose_sound(pipe, sounds, ready.voices[0], ready.scripts[0])
        takes = [{"seed": one, "kept": row == chosen, **judged[row]} for row, one in enumerate(seeds)]
    stages = {name: sum(one.timings.get(name, 0.0) for one in made) for name in made[-1].timings}
    stages = {name: ready.seconds.get(name, 0.0) + stages.get(name, 0.0) for name in {**ready.seconds, **stages}}
    dub = made[chosen // size].only(chosen % size)
    return Chosen(replace(dub, timings=stages), seeds[chosen], takes, heard)


@torch.no_grad()
def voice_likeness(pipe: FlowDubberPipeline, sounds: Sequence[np.ndarray], voice: PreparedVoice) -> list[float]:
    """Cosines of the style vectors of sounds, `(samples,)` at 16 kHz each, and of a voice, by the pipeline's own GE2E encoder.

    Raises:
        ValueError: a sound is silent.
    """
    if not all(map(np.any, sounds)):
        raise ValueError("a sound is silent, so it has no voice.")
    encoder = pipe.style_encoder
    values, mask = (tensor.to(encoder.device) for tensor in pad_sounds([level_voice(sound) for sound in sounds]))
    styles = encoder(values.to(encoder.dtype), attention_mask=mask).style.float()
    return torch.nn.functional.cosine_similarity(styles, voice.style.to(styles)[None]).tolist()


def choose_take(similarities: Sequence[float], count_wrong_words: Callable[[int], int]) -> int:
    """Which take to keep: of the more similar half (rounded up) the one with the fewest wrong words, ties by similarity.

    Args:
        similarities: of each take to the reference voice, higher is better; equal ones count in their order.
        count_wrong_words: wrong words of the take at an index; asked only where it matters.

    Returns:
        Index of the take.

    Raises:
        ValueError: no take.
    """
    if not similarities:
        raise ValueError("there is no take to choose from.")
    order = sorted(range(len(similarities)), key=lambda index: (-similarities[index], index))
    kept = order[: (len(order) + 1) // 2]
    if len(kept) == 1:
        return kept[0]
    return min(kept, key=lambda index: (count_wrong_words(index), order.index(index)))


def choose_sound(
    pipe: FlowDubberPipeline, sounds: Sequence[np.ndarray], voice: PreparedVoice, script: str
) -> tuple[int, list[dict[str, float | int | None]], str | None]:
    """The take that [`choose_take`] keeps: likeness by [`voice_likeness`], words by PocketSphinx.

    Args:
        pipe: the model.
        sounds: takes of the same script, `(samples,)` at 16 kHz.
        voice: that they should have.
        script: what they should say.

    Returns:
        Index of the take; `similarity` and `wrong_words` of each, the latter `None` where they did not matter; and what was heard in the
        take that is kept, `None` where the recogniser was not asked.

    Raises:
        ValueError: no take, or a silent one.
    """
    similarities = voice_likeness(pipe, sounds, voice)
    heard: dict[int, str] = {}
    wrong: dict[int, int] = {}

    def count_wrong_words(index: int) -> int:
        if index not in wrong:
            heard[index] = " ".join(functional.recognize_words(sounds[index], grammar_for(script)))
            wrong[index] = functional.word_errors(script, heard[index]).errors
        return wrong[index]

    chosen = choose_take(similarities, count_wrong_words)
    takes = [
        {"similarity": round(value, 6), "wrong_words": wrong.get(index)} for index, value in enumerate(similarities)
    ]
    return chosen, takes, heard.get(chosen)

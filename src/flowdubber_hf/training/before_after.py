"""What fine-tuning changed: held-out clips dubbed by two models, to be heard, and measured."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..evaluation.clips import EvaluationClip
from ..evaluation.run import plan_evaluation, run_evaluation
from ..evaluation.settings import EvaluateSettings
from ..evaluation.work import SOUNDS_NAME
from ..extras import absent
from ..metrics.grammar import is_grid_sentence
from ..models.parts import load_part
from ..processing.audio import load_audio
from ..processing.mux import SYNTHETIC_SPEECH_NOTICE
from ..processing.references import level_voice
from ..processing.video import mux_audio


WORD_STARTS, WORDS_WRONG, LIKENESS = "word starts", "words wrong", "likeness of the voice"
MAX_HEARD = 10  # held-out clips that are dubbed and measured


@dataclass(frozen=True)
class Heard:
    """Held-out clips as a model dubs them.

    Attributes:
        clips: with their references.
        figures: title and unit to the mean over the clips; `None` where it could not be measured.
        video: the first of the clips with its dub, to be looked at.
        sounds: folder of all dubs.
    """

    clips: tuple[EvaluationClip, ...]
    figures: dict[str, float | None]
    video: Path
    sounds: Path


def hear(settings: EvaluateSettings, video: Path) -> Heard:
    """Dubs and measures the clips of an evaluation, as far as that is not done, and writes the first one to `video`.

    Raises:
        ValueError: no clip can be dubbed.
    """
    plan = plan_evaluation(settings)
    summary = run_evaluation(plan).summary
    clips = plan.clips.clips
    found = {figure["title"]: figure["value"] for figure in summary["figures"].values()}
    words = next((value for title, value in found.items() if title.startswith("WER")), None)
    sounds = settings.output / SOUNDS_NAME
    dubbed = [
        (clip, load_audio(sounds / f"{clip.name}.wav")) for clip in clips if (sounds / f"{clip.name}.wav").is_file()
    ]
    figures = {f"{WORD_STARTS}, ms": found["word starts"]}
    if any(title.startswith("WER") for title in found):
        figures[f"{WORDS_WRONG}, %"] = words
    figures[LIKENESS] = _likeness(settings.model, dubbed)
    first, sound = dubbed[0]
    mux_audio(first.video, sound, 16000, video, overwrite=True, comment=SYNTHETIC_SPEECH_NOTICE, transcode=True)
    return Heard(clips, figures, video, sounds)


def measures(clips: Sequence[str]) -> tuple[str, ...]:
    """Scorers of texts: word starts, and wrong words where what counts them is installed."""
    if absent(["jiwer"]):
        return ("word-sync",)
    return ("word-sync", "wer-grammar" if all(map(is_grid_sentence, clips)) else "wer-open")


@torch.no_grad()
def _likeness(model: str, dubbed: Sequence[tuple[EvaluationClip, np.ndarray]]) -> float:
    """Mean cosine of the voices of dubs and of what was really said, by the model's own style encoder: 0 to 1."""
    encoder = load_part("style_encoder", model)

    def style(sound: np.ndarray) -> torch.Tensor:
        return encoder(torch.from_numpy(level_voice(sound))[None]).style[0]

    pairs = [(style(sound), style(clip.load_truth())) for clip, sound in dubbed]
    return float(torch.stack([torch.cosine_similarity(one, other, 0) for one, other in pairs]).mean())

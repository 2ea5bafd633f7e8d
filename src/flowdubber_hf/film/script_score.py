"""How well a script goes with a mouth, by the aligner of a dubbing model: who speaks in a film without sound."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import torch

from ..models.aligner.alignment import durations_to_path
from ..models.parts import load_part
from ..processing.lips import FlowDubberLipFeatureExtractor
from .script import read_script


class ScriptScore:
    """A `path_score` of [`~film.plan.plan_film`]; it loads the aligner of a model and nothing else of it.

    The score is the mean log-probability of the script's phonemes in the pictures in which the best path through them lies.

    Args:
        model: bundled name, folder or Hub id.
    """

    def __init__(self, model: str | Path = "flowdubber-grid-tiny"):
        self._aligner = load_part("aligner", model)
        self._lips = FlowDubberLipFeatureExtractor()
        # Whose voice it is does not matter here: any vector of unit length, the same for all candidates.
        self._style = torch.zeros(1, self._aligner.config.style_size)
        self._style[:, 0] = 1.0

    @torch.no_grad()
    def __call__(self, text: str, crops: np.ndarray, seen: np.ndarray) -> float:
        """
        Args:
            text: of the cue.
            crops (`(F, 96, 96)` uint8), seen (`(F,)` bool): mouths at 25 a second.

        Returns:
            Greater is better; minus infinity where the script has more phonemes than there are pictures.
        """
        script = read_script(text, self._aligner.config.phoneme_accent)
        if len(script.phonemes) - sum(script.optional) > len(crops):
            return float("-inf")
        ids, pauses = torch.tensor([script.ids]), torch.tensor([script.pause_ids])
        real, frames = torch.ones_like(ids, dtype=torch.bool), torch.ones(1, len(crops), dtype=torch.bool)
        shown = torch.as_tensor(seen)[None]
        lips = self._aligner.encode_lips(self._lips.normalize(crops)[None], shown)
        plan = self._aligner.plan(ids, real, self._style, lips, frames, shown, pauses)
        phonemes = self._aligner.phoneme_encoder(ids, real, self._style)
        evidence = self._aligner.evidence(phonemes, lips, real, shown).log_softmax(dim=1)
        path = durations_to_path(plan.frames, len(crops)) * ((pauses == 0)[..., None] & shown[:, None])
        return float((evidence * path).sum() / path.sum().clamp(min=1))

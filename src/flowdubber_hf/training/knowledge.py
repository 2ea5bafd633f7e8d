"""Which states of the language model a training clip is shown: of speech that the model made up, or of the clip's own sound."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import numpy as np

from ..data.dubbing import KnownStates
from ..data.features import FeatureStore
from ..models.semantic.configuration_semantic import SEMANTIC_TOKEN_RATE
from ..processing.audio import SAMPLING_RATE
from .semantic_features import SemanticCache
from .speech_tokenizer_tokens import speech_span


@dataclass(frozen=True)
class ClipKnowledge:
    """Draws a clip's states, as [`~data.dubbing.DubbingClips`] asks for them.

    Attributes:
        store: the dataset, which tells where a clip's speech begins.
        states: what the sound is made with; of sampled speech or of the spelled script as at test, or `spoken`, which no dub
            can have.
        teacher: states of the clips' own sound, whose times are known: they teach the path and make no sound.
        teacher_share: how often a clip that has both is shown the teacher's.
    """

    store: FeatureStore
    states: SemanticCache
    teacher: SemanticCache | None = None
    teacher_share: float = 0.0

    def __call__(self, clip_id: str, generator: np.random.Generator | None) -> KnownStates | None:
        """A clip's states; without a generator always the same, those that the sound is made with."""
        if generator is not None and self.teacher is not None and generator.random() < self.teacher_share:
            taught = self.taught(clip_id, generator)
            if taught is not None:
                return taught
        return self._read(self.states, clip_id, generator)

    def taught(self, clip_id: str, generator: np.random.Generator | None = None) -> KnownStates | None:
        """The teacher's states of a clip; `None` where it has none."""
        known = None if self.teacher is None else self._read(self.teacher, clip_id, generator)
        return None if known is None else known._replace(sounding=False)

    def _read(self, cache: SemanticCache, clip_id: str, generator: np.random.Generator | None) -> KnownStates | None:
        states = cache.get(clip_id, generator)
        if states is None:
            return None
        codes, clip = cache.settings["codes"], self.store[clip_id]
        if codes == "spelled":
            return KnownStates(states, phonemes=np.flatnonzero(~np.asarray(self.store.phones(clip_id).optional)))
        if codes != "spoken":
            return KnownStates(states)
        tokens = clip.num_samples * SEMANTIC_TOKEN_RATE // SAMPLING_RATE
        return KnownStates(states, speech_span(self.store, clip, tokens, SEMANTIC_TOKEN_RATE)[0])


__all__ = ["ClipKnowledge"]

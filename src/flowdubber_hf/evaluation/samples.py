"""What a scorer sees of a clip; everything is read or computed when it is first asked for, and once."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..metrics import functional
from ..metrics.functional import WordTime
from ..processing.audio import load_audio
from .clips import EvaluationClip


if TYPE_CHECKING:
    from transformers import BatchFeature


@lru_cache(maxsize=8)
def _reference_sound(path: Path) -> np.ndarray:
    """A voice often serves several clips."""
    return load_audio(path)


class Sample:
    """A sound beside its clip.

    Args:
        clip: with its reference.
        sound: `(samples,)` float32 at 16 kHz, what is scored.
    """

    def __init__(self, clip: EvaluationClip, sound: np.ndarray):
        self.clip = clip
        self.sound = sound

    @property
    def text(self) -> str:
        """What should be heard."""
        return self.clip.text

    @property
    def num_samples(self) -> int:
        """Samples that the picture lasts."""
        return self.clip.num_samples

    @cached_property
    def truth(self) -> np.ndarray:
        """The clip's own sound `(num_samples,)`.

        Raises:
            ValueError: it has none.
        """
        return self.clip.load_truth()

    @cached_property
    def reference(self) -> np.ndarray:
        """The recording whose voice the sound should have `(samples,)`."""
        return _reference_sound(self.clip.reference.path)

    @property
    def words(self) -> list[WordTime]:
        """The corpus' own word times.

        Raises:
            ValueError: it gives none.
        """
        if not self.clip.words:
            raise ValueError("the corpus gives no word times for this clip.")
        spoken = functional.normalize_words(self.text)
        given = [
            WordTime(word, start, end)
            for name, start, end in self.clip.words
            for word in functional.normalize_words(name)[:1]
        ]
        if [time.word for time in given] != spoken:
            raise ValueError("the corpus' word times are not those of the text.")
        return given

    @cached_property
    def _lips(self) -> "BatchFeature":
        from ..processing.lips import FlowDubberLipFeatureExtractor

        return FlowDubberLipFeatureExtractor()(self.clip.video, mouth_box=self.clip.mouth_box)

    @property
    def mouths(self) -> np.ndarray:
        """Mouth crops `(F, 96, 96)` uint8 at 25 fps.

        Raises:
            ValueError: no face.
        """
        return self._lips["crops"]

    def faces(self, size: int) -> np.ndarray:
        """Faces in colour `(F, size, size, 3)` uint8 at 25 fps, see [`~processing.faces.face_crops`].

        Raises:
            ValueError: no face.
        """
        from ..processing.faces import face_crops

        return face_crops(self.clip.video, self._lips["boxes"], size, self._lips["turn"])

    def sound_words(self, steadily: bool = False) -> list[WordTime]:
        """When the words are spoken in the sound, by forced alignment.

        Raises:
            ValueError: they cannot be found.
        """
        return self._steady_sound_words if steadily else self._plain_sound_words

    def truth_words(self, steadily: bool = False) -> list[WordTime]:
        """When the words are spoken in the truth, by forced alignment.

        Raises:
            ValueError: they cannot be found.
        """
        return self._steady_truth_words if steadily else self._plain_truth_words

    @cached_property
    def _plain_sound_words(self) -> list[WordTime]:
        return functional.align_words(self.sound, self.text)

    @cached_property
    def _steady_sound_words(self) -> list[WordTime]:
        return functional.align_words_steadily(self.sound, self.text)

    @cached_property
    def _plain_truth_words(self) -> list[WordTime]:
        return functional.align_words(self.truth, self.text)

    @cached_property
    def _steady_truth_words(self) -> list[WordTime]:
        return functional.align_words_steadily(self.truth, self.text)

"""The voices of a film as the model hears them: each recording, or the spans of the film's own sound, heard once a process."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib

import numpy as np

from ..pipelines.flowdubber import FlowDubberPipeline, PreparedVoice
from ..processing.sound import SAMPLING_RATE, load_audio
from .source import FilmSource, film_sound
from .voices import Voice


_PAUSE = SAMPLING_RATE // 10  # between two spans of the film


def voice_sound(voice: Voice, source: FilmSource) -> np.ndarray:
    """The samples (n,) at 16 kHz, float32, from which a voice is taken.

    Raises:
        ValueError: the recording cannot be read.
    """
    if voice.reference is not None:
        return load_audio(voice.reference)
    pause = np.zeros(_PAUSE, np.float32)
    parts = [part for first, last in voice.spans for part in (film_sound(source, first, last), pause)]
    return np.concatenate(parts[:-1])


class Voices:
    """The voices of a film, each heard when it is first needed.

    Args:
        source: the film.
    """

    def __init__(self, source: FilmSource):
        self._source = source
        self._sounds: dict[str, np.ndarray] = {}
        self._heard: dict[str, PreparedVoice] = {}

    def sound(self, voice: Voice) -> np.ndarray:
        """See [`voice_sound`]."""
        if voice.name not in self._sounds:
            self._sounds[voice.name] = voice_sound(voice, self._source)
        return self._sounds[voice.name]

    def digest(self, voice: Voice) -> str:
        """24 hexadecimal digits of the samples."""
        return hashlib.sha256(self.sound(voice).tobytes()).hexdigest()[:24]

    def heard(self, voice: Voice, pipe: FlowDubberPipeline) -> PreparedVoice:
        """As a call takes it."""
        if voice.name not in self._heard:
            self._heard[voice.name] = pipe.prepare_voice(self.sound(voice), SAMPLING_RATE)
        return self._heard[voice.name]

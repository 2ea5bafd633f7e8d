"""Whose voice it is (GE2E) and how clean it sounds (DNSMOS)."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from functools import lru_cache
from typing import Any

import numpy as np

from ..processing.audio import SAMPLING_RATE
from .checks import check_sound, require


MIN_VOICE_SECONDS = 0.1


@lru_cache(maxsize=1)
def _voice_encoder() -> Any:
    return require("resemblyzer").VoiceEncoder("cpu", verbose=False)


def speaker_embedding(sound: np.ndarray, trim_silences: bool = False) -> np.ndarray:
    """GE2E embedding `(256,)`, L2-normalised, of `(samples,)` 16 kHz sound by resemblyzer, whatever style encoder the
    model uses.

    Args:
        sound: its volume is raised to -30 dBFS where it is lower, as resemblyzer does.
        trim_silences (`bool`, defaults to `False`): leave silences out by WebRTC voice activity. A 3 s clip with 1.5 s of
            speech then fills one window of the encoder hardly once, and even true clips of one speaker look less alike.

    Raises:
        ValueError: silence, or less than 0.1 s (of speech, with `trim_silences`).
    """
    resemblyzer, audio = require("resemblyzer"), require("resemblyzer.audio")
    wave = check_sound(sound, MIN_VOICE_SECONDS)
    speech = audio.normalize_volume(wave, resemblyzer.hparams.audio_norm_target_dBFS, increase_only=True)
    if trim_silences:
        speech = audio.trim_long_silences(speech)
    if len(speech) < MIN_VOICE_SECONDS * SAMPLING_RATE:
        raise ValueError("the sound holds no speech to tell a voice from.")
    return _voice_encoder().embed_utterance(speech)


def speaker_similarity(sound: np.ndarray, reference: np.ndarray, trim_silences: bool = False) -> float:
    """Cosine of the GE2E embeddings of two `(samples,)` 16 kHz sounds: 0 to 1, 1 is the same voice.

    Source: GE2E d-vectors (Wan et al. 2018) by resemblyzer; the family's SECS is a cosine of d-vectors of the same kind from
    another training (yistLin), so the level differs.
    """
    pair = (speaker_embedding(sound, trim_silences), speaker_embedding(reference, trim_silences))
    return float(np.dot(*pair))


def dnsmos_p808(sound: np.ndarray) -> float:
    """DNSMOS mean opinion score (P.808 head), 1 to 5, higher is better, of `(samples,)` 16 kHz sound.

    Sound shorter than 9 s is repeated, as Microsoft's script does. Source: Reddy et al. 2021, by speechmos.

    Raises:
        ValueError: silence (the network would still score it), or less than 0.1 s.
    """
    dnsmos = require("speechmos.dnsmos")
    wave = np.clip(check_sound(sound, MIN_VOICE_SECONDS), -1.0, 1.0)
    return float(dnsmos.run(wave, SAMPLING_RATE)["p808_mos"])

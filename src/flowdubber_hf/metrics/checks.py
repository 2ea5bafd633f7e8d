"""What every metric asks of its inputs, and optional packages by name."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from types import ModuleType

import numpy as np

from ..extras import require_extra
from ..processing.audio import SAMPLING_RATE


# Below -80 dBFS at its loudest, sound holds no speech.
SILENCE_AMPLITUDE = 1e-4


def require(package: str) -> ModuleType:
    """Imports an optional package, or raises `ImportError` that says how to install it."""
    return require_extra("eval", package, what="this figure")


def is_silent(wave: np.ndarray) -> bool:
    """Whether `(samples,)` sound is empty or below -80 dBFS everywhere."""
    return wave.size == 0 or float(np.abs(wave).max()) < SILENCE_AMPLITUDE


def check_samples(sound: np.ndarray, name: str = "the sound") -> np.ndarray:
    """`(samples,)` float32, or `ValueError` on another shape and on values that are not finite."""
    wave = np.asarray(sound, dtype=np.float32)
    if wave.ndim != 1:
        raise ValueError(f"one sound of the shape (samples,) is needed, got {wave.shape}.")
    if not np.isfinite(wave).all():
        raise ValueError(f"{name} holds values that are not finite (NaN or infinity).")
    return wave


def check_sound(sound: np.ndarray, min_seconds: float = 0.0, name: str = "the sound") -> np.ndarray:
    """`(samples,)` float32 of 16 kHz sound that can be measured.

    Args:
        sound: `(samples,)` numbers.
        min_seconds: shortest sound that the figure is defined for.
        name: of the sound in messages.

    Raises:
        ValueError: another shape, not finite, too short, or silent (below -80 dBFS everywhere).
    """
    wave = check_samples(sound, name)
    seconds = wave.size / SAMPLING_RATE
    if wave.size == 0 or seconds < min_seconds:
        raise ValueError(f"{name} lasts {seconds:.3f} s: too short, {min_seconds} s are needed.")
    if is_silent(wave):
        raise ValueError(f"{name} is silent: there is nothing to measure.")
    return wave

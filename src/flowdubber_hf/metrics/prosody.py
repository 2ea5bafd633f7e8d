"""Melody and loudness of a dub against those of the true sound, frame by frame on the clip's own clock.

No warping: a dub that says the right thing at the wrong time has the wrong melody at that time. Of sounds of different lengths
the common beginning is compared.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from ..processing.audio import HOP_LENGTH, MEL_FRAME_RATE, N_FFT, SAMPLING_RATE
from .checks import check_sound, require


MIN_SECONDS = 0.1
MIN_FRAMES = 10
# Digital silence would otherwise lie at -infinity and decide the correlation alone.
ENERGY_RANGE_DB = 60.0


def pitch_contour(sound: np.ndarray) -> np.ndarray:
    """F0 of `(samples,)` 16 kHz sound every 10 ms: `(frames,)` in Hz from 71 to 800, 0 where it is not voiced.

    Source: DIO with StoneMask of WORLD (Morise et al. 2016), at WORLD's own settings, by pyworld.

    Raises:
        ValueError: silence, or less than 0.1 s.
    """
    world = require("pyworld")
    wave = check_sound(sound, MIN_SECONDS).astype(np.float64)
    rough, seconds = world.dio(wave, SAMPLING_RATE, frame_period=1000.0 / MEL_FRAME_RATE)
    return world.stonemask(wave, rough, seconds, SAMPLING_RATE)


def energy_contour(sound: np.ndarray) -> np.ndarray:
    """Level of `(samples,)` 16 kHz sound every 10 ms, in dB: `(frames,)`, root mean square of 40 ms, cut off 60 dB below the
    loudest frame.

    Raises:
        ValueError: silence, or less than 0.1 s.
    """
    wave = check_sound(sound, MIN_SECONDS).astype(np.float64)
    power = np.lib.stride_tricks.sliding_window_view(np.square(wave), N_FFT)[::HOP_LENGTH].mean(axis=1)
    level = 10 * np.log10(power + 1e-12)
    return np.maximum(level, level.max() - ENERGY_RANGE_DB)


def _correlation(first: np.ndarray, second: np.ndarray, what: str) -> float:
    if np.ptp(first) < 1e-9 or np.ptp(second) < 1e-9:
        raise ValueError(f"the {what} does not change, so nothing can follow it.")
    return float(np.clip(np.corrcoef(first, second)[0, 1], -1.0, 1.0))


def f0_correlation(sound: np.ndarray, truth: np.ndarray) -> float:
    """Pearson's correlation of log F0 over the frames that are voiced in both sounds: -1 to 1, 1 is the true melody.

    An offset in semitones costs nothing: another voice may say it higher. A monotone or badly timed dub is near 0.

    Args:
        sound, truth: `(samples,)` at 16 kHz.

    Raises:
        ValueError: silence, less than 0.1 s, fewer than ten frames (0.1 s) voiced in both at once, or F0 that never changes.
    """
    contours = (pitch_contour(sound), pitch_contour(truth))
    frames = min(map(len, contours))
    dub, true = (contour[:frames] for contour in contours)
    both = (dub > 0) & (true > 0)
    if both.sum() < MIN_FRAMES:
        raise ValueError(
            f"the two sounds are voiced at once in {both.sum()} frames of 10 ms; {MIN_FRAMES} are needed to compare melodies."
        )
    return _correlation(np.log(dub[both]), np.log(true[both]), "pitch")


def energy_correlation(sound: np.ndarray, truth: np.ndarray) -> float:
    """Pearson's correlation of the levels in dB (see [`energy_contour`]): -1 to 1, 1 is the true course of loudness.

    A change of volume costs nothing. Pauses count, so this is also a measure of timing.

    Args:
        sound, truth: `(samples,)` at 16 kHz.

    Raises:
        ValueError: silence, less than 0.1 s, or a level that never changes.
    """
    contours = (energy_contour(sound), energy_contour(truth))
    frames = min(map(len, contours))
    return _correlation(contours[0][:frames], contours[1][:frames], "level")

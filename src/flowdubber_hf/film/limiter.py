"""A limiter of true peaks that looks ahead: where no peak is too high, what goes in comes out bit for bit.

FFmpeg's `alimiter` sees the samples only; between them its output was measured up to 2.8 dB higher. And it remembers all that came
before, while this one's output at a place depends on a tenth of a second around it: blocks can be made in any order.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from functools import lru_cache

import numpy as np

from ..processing.long_wav import RATE


CEILING = -1.0  # dBTP that nothing may pass
_MARGIN = 0.3  # decibels: meters' filters differ near half the sampling rate, and a moving gain moves peaks
# Decibels of room for the peaks that lossy encoders add: what they add to white noise at full level, which is the most.
LOSSY_MARGINS = {"aac": 1.4, "opus": 2.3, "ac3": 1.8, "eac3": 1.8}
_PHASES = 4  # points that are looked at for each sample
_HALF = 16  # samples to each side that a point between two of them is made of
_PART = RATE // 10  # samples that are looked at together
ATTACK = RATE // 200  # samples; the gain falls within twice as many before a peak
RELEASE = RATE // 10  # samples in which it rises again by at most `_RISE` decibels
_RISE = 30.0
CONTEXT = RELEASE + 2 * ATTACK + _HALF + 1  # samples before and behind a block that it depends on


@lru_cache(maxsize=1)
def _between() -> np.ndarray:
    """`(3, 32)`: weights of the samples around for the points a quarter, a half and three quarters of the way."""
    points = np.arange(1, _PHASES)[:, None] / _PHASES
    distance = points - np.arange(-_HALF + 1, _HALF + 1)
    window = np.i0(5 * np.sqrt(np.maximum(0, 1 - (distance / _HALF) ** 2)))
    weights = np.sinc(distance) * window
    return weights / weights.sum(axis=1, keepdims=True)


@lru_cache(maxsize=1)
def _most() -> float:
    """By how much the points between samples may be higher than these."""
    return float(np.abs(_between()).sum(axis=1).max())


def peaks(sound: np.ndarray, above: float = 0.0) -> np.ndarray:
    """`(samples,)`: the highest of all channels at each sample and up to the next one.

    Args:
        sound: `(channels, samples)`.
        above: where nothing can be higher than this, only the samples are looked at, which is quicker.
    """
    highest = np.abs(sound).max(axis=0).astype(np.float64)
    length = len(highest)
    for start in range(0, length, _PART):
        stop = min(start + _PART, length)
        around = slice(max(0, start - _HALF + 1), min(length, stop + _HALF))
        if highest[around].max() * _most() <= above:
            continue
        missing = (_HALF - 1 - (start - around.start), _HALF - (around.stop - stop))
        for channel in sound[:, around]:
            padded = np.pad(channel.astype(np.float64), missing)
            for weights in _between():
                points = np.abs(np.convolve(padded, weights[::-1], "valid"))
                np.maximum(highest[start:stop], points, out=highest[start:stop])
    return highest


def limit(sound: np.ndarray, ceiling: float = CEILING, context: int = CONTEXT) -> np.ndarray:
    """Sound whose true peaks stay under a ceiling.

    Args:
        sound: `(channels, samples)` float32, with `context` samples before and behind that are not returned.
        ceiling: dBTP.

    Returns:
        `(channels, samples - 2 * context)` float32.
    """
    inner = sound[:, context : sound.shape[1] - context]
    highest = 10 ** ((ceiling - _MARGIN) / 20)
    if max(sound.max(initial=0), -sound.min(initial=0)) * _most() <= highest:
        return inner
    needed = np.minimum(1.0, highest / np.maximum(peaks(sound, highest), 1e-9))
    # A point between two samples belongs to both.
    needed[1:] = np.minimum(needed[1:], needed[:-1])
    if needed.min() == 1:
        return inner
    gain = _smooth(_lowest(_rising(20 * np.log10(needed)), ATTACK, ATTACK))
    return inner * (10 ** (gain[context : sound.shape[1] - context] / 20)).astype(np.float32)


def _rising(needed: np.ndarray) -> np.ndarray:
    """Decibels that rise no faster than the release allows."""
    slope = np.arange(len(needed)) * (_RISE / RELEASE)
    return np.minimum(_lowest(needed - slope, RELEASE, 0) + slope, 0.0)


def _lowest(values: np.ndarray, before: int, behind: int) -> np.ndarray:
    """The lowest around each sample."""
    lowest, covered, width = np.pad(values, (before, behind), "edge"), 1, before + behind + 1
    while covered < width:
        step = min(covered, width - covered)
        lowest = np.minimum(lowest[:-step], lowest[step:])
        covered += step
    return lowest


def _smooth(gain: np.ndarray) -> np.ndarray:
    """A weighted mean of the lowest values around: as each of these has seen the middle, it is never above what is needed there."""
    weights = np.hanning(2 * ATTACK + 3)[1:-1]
    weights /= weights.sum()
    size = 1 << (len(gain) + len(weights)).bit_length()
    mean = np.fft.irfft(np.fft.rfft(gain, size) * np.fft.rfft(weights, size), size)[ATTACK : ATTACK + len(gain)]
    mean[mean > -1e-6] = 0.0
    return mean

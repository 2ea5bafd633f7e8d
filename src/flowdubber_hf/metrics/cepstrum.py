"""Mel-cepstral distortion as the dubbing papers measure it: pymcd's definition, without its compiled dependencies.

pymcd needs a compiler (pysptk) and writes files; its definition is this, and the figures agree to six digits:

1. resample to 22,050 Hz (soxr, high quality);
2. WORLD's spectral envelope (DIO, StoneMask, CheapTrick) every 5 ms, FFT of 512;
3. mel-cepstrum of order 13, all-pass constant 0.65. pymcd hands WORLD's **power** spectrum to SPTK as if it were an amplitude,
   so figures are about twice those of papers that take the amplitude;
4. frames paired one to one ("plain", the shorter sound padded with silence), or by FastDTW with radius 1 on coefficients 1 to 13
   ("dtw", "dtw_sl");
5. distance 10 sqrt(2) / ln 10 times the Euclidean distance of coefficients **0** to 13, loudness included, mean over the pairs;
6. "dtw_sl": times the longer number of frames over the shorter.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
import math
from functools import lru_cache
from typing import Literal

import numpy as np

from ..processing.audio import SAMPLING_RATE
from .checks import check_sound, require


MCD_SAMPLING_RATE = 22050
FRAME_MILLISECONDS = 5.0
FFT_SIZE = 512
ORDER = 13
ALL_PASS = 0.65
PERIODOGRAM_FLOOR = 1e-8
DECIBELS = 10.0 / math.log(10.0) * math.sqrt(2.0)
DTW_RADIUS = 1
MIN_SECONDS = 0.1

Mode = Literal["plain", "dtw", "dtw_sl"]
MODES: tuple[Mode, ...] = ("plain", "dtw", "dtw_sl")


@lru_cache(maxsize=1)
def _frequency_warp() -> np.ndarray:
    """`(257, 14)`: cepstrum to mel-cepstrum by a chain of first-order all-pass filters (Oppenheim and Johnson 1972)."""
    rows = np.zeros((FFT_SIZE // 2 + 1, ORDER + 1))
    rows[0, 0] = 1.0
    for before, warped in itertools.pairwise(rows):  # one filter more for every quefrency
        warped[0] = ALL_PASS * before[0]
        warped[1] = (1 - ALL_PASS**2) * before[0] + ALL_PASS * before[1]
        for order in range(2, ORDER + 1):
            warped[order] = before[order - 1] + ALL_PASS * (before[order] - warped[order - 1])
    return rows


def mel_cepstrum(sound: np.ndarray) -> np.ndarray:
    """Mel-cepstra of `(samples,)` sound at **22,050 Hz**, `(frames, 14)`, one every 5 ms; steps 2 and 3 of this module."""
    world = require("pyworld")
    wave = np.ascontiguousarray(sound, dtype=np.float64)
    rough, seconds = world.dio(wave, MCD_SAMPLING_RATE, frame_period=FRAME_MILLISECONDS)
    pitch = world.stonemask(wave, rough, seconds, MCD_SAMPLING_RATE)
    envelope = world.cheaptrick(wave, pitch, seconds, MCD_SAMPLING_RATE, fft_size=FFT_SIZE)
    cepstrum = np.fft.irfft(np.log(np.square(envelope) + PERIODOGRAM_FLOOR))[:, : FFT_SIZE // 2 + 1]
    cepstrum[:, [0, -1]] *= 0.5
    return cepstrum @ _frequency_warp()


def _window_around(path: list[tuple[int, int]], rows: int, columns: int) -> list[tuple[int, int]]:
    """The cells near a path of half the resolution: first column, and the one after the last, of every row."""
    low, high = [columns] * rows, [0] * rows
    for row, column in path:
        for fine in range(max(0, 2 * (row - DTW_RADIUS)), min(rows, 2 * (row + DTW_RADIUS) + 2)):
            low[fine] = min(low[fine], max(0, 2 * (column - DTW_RADIUS)))
            high[fine] = max(high[fine], min(columns, 2 * (column + DTW_RADIUS) + 2))
    return list(zip(low, high, strict=True))


def _cheapest_path(first: np.ndarray, second: np.ndarray, window: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Dynamic time warping inside the window; of equally cheap steps the one along the first sequence is taken."""
    costs: dict[tuple[int, int], float] = {(-1, -1): 0.0}
    steps: dict[tuple[int, int], tuple[int, int]] = {}
    for row, (low, high) in enumerate(window):
        distances = np.sqrt(np.square(first[row] - second[low:high]).sum(axis=1)).tolist()
        for column, distance in zip(range(low, high), distances, strict=True):
            came = [(row - 1, column), (row, column - 1), (row - 1, column - 1)]
            best = min(came, key=lambda cell: costs.get(cell, math.inf))
            costs[row, column] = costs.get(best, math.inf) + distance
            steps[row, column] = best
    cell = (len(first) - 1, len(second) - 1)
    path = []
    while cell != (-1, -1):
        path.append(cell)
        cell = steps[cell]
    return path[::-1]


def fast_dtw(first: np.ndarray, second: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of frames of `(frames, features)` sequences, in order, from the first of both to the last of both.

    FastDTW with radius 1 (Salvador and Chan 2007): the path at half the resolution, refined within one cell of it. It is not
    always the cheapest path of all, but it is the one that published figures are made with.
    """
    if min(len(first), len(second)) < DTW_RADIUS + 2:
        return _cheapest_path(first, second, [(0, len(second))] * len(first))
    halves = [(part[: len(part) // 2 * 2 : 2] + part[1 : len(part) // 2 * 2 : 2]) / 2 for part in (first, second)]
    return _cheapest_path(first, second, _window_around(fast_dtw(*halves), len(first), len(second)))


def _at_mcd_rate(sound: np.ndarray, name: str) -> np.ndarray:
    wave = check_sound(sound, MIN_SECONDS, name)
    return require("soxr").resample(wave, SAMPLING_RATE, MCD_SAMPLING_RATE, quality="HQ")


def mel_cepstral_distortion(sound: np.ndarray, truth: np.ndarray, mode: Mode = "plain") -> float:
    """Mel-cepstral distortion in dB, by pymcd's definition (see the head of this module); 0 is a copy, no upper bound.

    Dubs of one sentence in one voice lie between about 3 and 12 dB. Loudness counts, and differences below pymcd's floor (a power
    of 1e-4) do not: compare only sounds at their own level. The figure depends on the band: both sounds are taken at 16 kHz, so
    nothing above 8 kHz is compared, and figures from 22 or 44 kHz files differ a little.

    Args:
        sound, truth: `(samples,)` at 16 kHz.
        mode: "plain" compares frame by frame on the clip's clock, so that wrong timing costs; "dtw" warps time first and costs
            only how the words sound; "dtw_sl" multiplies that by the longer number of frames over the shorter, which is 1 for
            every dub of exactly the clip's length.

    Raises:
        ValueError: silence, less than 0.1 s, or another mode.
        ImportError: pyworld or soxr are not installed.
    """
    if mode not in MODES:
        raise ValueError(f"the mode is one of {', '.join(MODES)}, got {mode!r}.")
    waves = [_at_mcd_rate(sound, "the sound"), _at_mcd_rate(truth, "the true sound")]
    if mode == "plain":
        longest = max(map(len, waves))
        waves = [np.pad(wave, (0, longest - len(wave))) for wave in waves]
    made, true = map(mel_cepstrum, waves)
    pairs = np.array([(i, i) for i in range(len(true))] if mode == "plain" else fast_dtw(true[:, 1:], made[:, 1:]))
    distance = np.linalg.norm(true[pairs[:, 0]] - made[pairs[:, 1]], axis=1).mean()
    lengths = sorted((len(true), len(made)))
    return float(DECIBELS * distance * (lengths[1] / lengths[0] if mode == "dtw_sl" else 1.0))

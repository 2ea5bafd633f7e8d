"""How much a figure depends on which clips were taken, and whether a difference on the same clips may be chance."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence

import numpy as np


EXACT_DIFFERENCES = 20  # half a million sums: all signs are tried of no more than that
_DRAWS_AT_ONCE = 256  # that bounds the memory
_ROUNDING = 1e-9  # of the differences' sum: sums that differ by less are the same


def bootstrap_interval(
    values: Sequence[float],
    weights: Sequence[float] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap over clips of a mean, or of a ratio of sums: `(low, high)` in the values' unit.

    The clips are drawn again with replacement, and the figure is formed of each draw. The same values in the same order give the
    same interval. Says nothing about other seeds, speakers or corpora; below about ten clips it is too narrow.

    Source: Efron 1979.

    Args:
        values: one per clip, such as milliseconds, or wrong words.
        weights: one per clip, such as words; the figure is then sum(values) / sum(weights) (a rate over all clips together)
            and not the mean.
        level: share of the draws inside.
        resamples: number of draws.
        seed: of the draws.

    Returns:
        Both the value itself where there is only one clip: nothing can be drawn.

    Raises:
        ValueError: no values, NaN or infinity (count such clips and leave them out), other numbers of weights than of values,
            or a weight that is not above 0.
    """
    numbers = np.asarray(values, dtype=np.float64)
    sizes = np.ones_like(numbers) if weights is None else np.asarray(weights, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers) or sizes.shape != numbers.shape:
        raise ValueError(f"one value (and weight) per clip is needed, got {numbers.shape} and {sizes.shape}.")
    if not (np.isfinite(numbers).all() and np.isfinite(sizes).all()):
        raise ValueError("a value is not finite: count the clips that have none, and leave them out.")
    if (sizes <= 0).any():
        raise ValueError("weights are sizes of clips: all above 0; leave clips without any out.")
    if not 0 < level < 1 or resamples < 1:
        raise ValueError(f"the level is between 0 and 1 with one draw or more, got {level} and {resamples}.")
    generator = np.random.default_rng(seed)
    figures = np.empty(resamples)
    for draw in range(resamples):
        chosen = generator.integers(0, len(numbers), len(numbers))
        figures[draw] = numbers[chosen].sum() / sizes[chosen].sum()
    low, high = np.percentile(figures, [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def sign_flip_test(differences: Sequence[float], *, draws: int = 9999, seed: int = 0) -> float:
    """How often chance alone makes paired differences whose sum is at least as far from 0: the two-sided p-value, above 0, at most 1.

    Without an effect each clip's difference could as well have had the other sign. All signs are tried for up to
    `EXACT_DIFFERENCES` clips that differ (clips without a difference change nothing); of more, `draws` signs are drawn, the measured ones
    counted with them. n clips that differ cannot give less than 2 / 2^n: below six, never less than 0.05. It takes clips as independent of
    each other, so many clips of few speakers seem surer than they are.

    Source: Fisher 1935; Phipson and Smyth 2010 for the drawn signs.

    Args:
        differences: one per clip, in any unit; for a ratio of sums whose weights are the same on both sides, those of its numerator.
        draws: of signs, where not all are tried.
        seed: of the draws.

    Raises:
        ValueError: no differences, NaN or infinity, or no draw.
    """
    numbers = np.asarray(differences, dtype=np.float64)
    if numbers.ndim != 1 or not len(numbers):
        raise ValueError(f"one difference per clip is needed, got {numbers.shape}.")
    if not np.isfinite(numbers).all():
        raise ValueError("a difference is not finite: count the clips that have none, and leave them out.")
    if draws < 1:
        raise ValueError(f"one draw or more is needed, got {draws}.")
    numbers = numbers[numbers != 0]
    if not len(numbers):
        return 1.0
    least = abs(numbers.sum()) - _ROUNDING * np.abs(numbers).sum()
    if len(numbers) <= EXACT_DIFFERENCES:
        sums = numbers[:1]  # the first sign stays: to turn all of them does not change the distance from 0
        for number in numbers[1:]:
            sums = np.concatenate([sums + number, sums - number])
        return float((np.abs(sums) >= least).mean())
    generator = np.random.default_rng(seed)
    as_far = 0
    for start in range(0, draws, _DRAWS_AT_ONCE):
        signs = generator.integers(0, 2, (min(_DRAWS_AT_ONCE, draws - start), len(numbers))) * 2.0 - 1
        as_far += int((np.abs(signs @ numbers) >= least).sum())
    return (as_far + 1) / (draws + 1)

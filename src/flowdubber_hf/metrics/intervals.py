"""How much a figure depends on which clips were taken."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence

import numpy as np


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

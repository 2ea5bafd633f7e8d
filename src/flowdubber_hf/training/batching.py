"""Which clips a step trains on, and the random numbers of each of its rows: pure functions of (seed, step, row)."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


# First words of the seeds, so that no two uses share a stream. None may be 0: trailing zeros do not change a seed.
_ROW, _ORDER, _MIXTURE, _DROPOUT = 1, 2, 3, 4
_BLOCK = 4096


def row_generator(seed: int, step: int, row: int) -> np.random.Generator:
    """The generator of everything that is drawn for one row of a step's global batch."""
    return np.random.default_rng((_ROW, seed, step, row))


def dropout_seed(seed: int, step: int, part: int) -> int:
    """Seed of torch's own generator while one part of a step's batch goes through the model."""
    return int(np.random.SeedSequence((_DROPOUT, seed, step, part)).generate_state(1)[0])


def rows_of_part(batch_size: int, part: int, parts: int) -> range:
    """Rows of the global batch that part `part` of `parts` takes: every `parts`-th, so that all get like lengths."""
    return range(part, batch_size, parts)


@dataclass(frozen=True)
class ClipGroup:
    """Clips that are batched among themselves.

    Attributes:
        lengths: of each clip, in any unit; clips of like length share a batch.
        share: of the steps, relative to the other groups' shares.
    """

    lengths: Sequence[int]
    share: float = 1.0


class BatchPlan:
    """Draws the clips of each step: one group a step by its share, each group's clips in shuffled passes without
    repetition, sorted by length within windows of `window` batches.

    A group smaller than a batch fills it with several passes. What is left of a pass behind its last whole batch (other
    clips in each pass) waits for the next pass.

    Raises:
        ValueError: no clips, or a negative share.
    """

    def __init__(self, groups: Sequence[ClipGroup], batch_size: int, seed: int, window: int = 16):
        if not any(len(group.lengths) and group.share > 0 for group in groups):
            raise ValueError("there are no clips to train on.")
        if any(group.share < 0 for group in groups):
            raise ValueError("the shares of the clip groups must not be negative.")
        self.batch_size, self.seed, self.window = batch_size, seed, window
        self.lengths = [np.asarray(group.lengths) for group in groups]
        shares = np.array([group.share if len(group.lengths) else 0.0 for group in groups])
        self.edges = np.cumsum(shares) / shares.sum()
        self._pass = lru_cache(maxsize=2 * len(groups))(self._shuffled_pass)
        self._block = lru_cache(maxsize=2)(self._drawn_groups)
        self._counts = [np.zeros(len(groups), dtype=np.int64)]

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name not in ("_pass", "_block")}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self._pass = lru_cache(maxsize=2 * len(self.lengths))(self._shuffled_pass)
        self._block = lru_cache(maxsize=2)(self._drawn_groups)

    def __call__(self, step: int) -> tuple[int, np.ndarray]:
        """The group's number and the `(batch_size,)` indices of its clips, by row."""
        block, place = divmod(step, _BLOCK)
        while len(self._counts) <= block:  # how often each group came before a block
            drawn = np.bincount(self._block(len(self._counts) - 1), minlength=len(self.lengths))
            self._counts.append(self._counts[-1] + drawn)
        drawn = self._block(block)
        group = int(drawn[place])
        number = int(self._counts[block][group] + (drawn[:place] == group).sum())
        batches = max(1, len(self.lengths[group]) // self.batch_size)
        return group, self._pass(group, number // batches)[number % batches]

    def _drawn_groups(self, block: int) -> np.ndarray:
        draws = np.random.default_rng((_MIXTURE, self.seed, block)).random(_BLOCK)
        return np.searchsorted(self.edges, draws, side="right").clip(max=len(self.edges) - 1)

    def _shuffled_pass(self, group: int, number: int) -> np.ndarray:
        """Batches `(n, batch_size)` of one pass through a group."""
        lengths, size = self.lengths[group], self.batch_size
        generator = np.random.default_rng((_ORDER, self.seed, group + 1, number))
        if len(lengths) < size:
            passes = [generator.permutation(len(lengths)) for _ in range(-(-size // len(lengths)))]
            return np.concatenate(passes)[None, :size]
        order = generator.permutation(len(lengths))[: len(lengths) // size * size]
        for first in range(0, len(order), self.window * size):
            part = order[first : first + self.window * size]
            order[first : first + self.window * size] = part[np.argsort(lengths[part], kind="stable")]
        return generator.permutation(order.reshape(-1, size))

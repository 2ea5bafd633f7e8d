"""Figures of a run as it goes: means over the steps between two lines of the log, and memory."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import sys

import torch


def peak_memory_gb() -> float:
    """Greatest memory so far: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    import resource  # not on Windows, where only GPUs are counted

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


class Window:
    """Sums between two lines of the log; part of a checkpoint, so that a resumed run's averages are the same."""

    def __init__(self, state: dict[str, dict[str, float]] | None = None):
        state = state or {"sums": {}, "counts": {}}
        self.sums, self.counts = state["sums"], state["counts"]

    def add(self, values: dict[str, float]) -> None:
        """The figures of a step."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def state(self) -> dict[str, dict[str, float]]:
        """For a checkpoint."""
        return {"sums": self.sums, "counts": self.counts}

    def means(self) -> dict[str, float]:
        """Of each name over the steps that had it; empties the window."""
        means = {name: value / self.counts[name] for name, value in self.sums.items()}
        self.sums, self.counts = {}, {}
        return means

"""Long sequences piece by piece: layers that see a bounded way along time give the same results, in a bounded memory."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from typing import NamedTuple


class Block(NamedTuple):
    """A piece of a sequence.

    Attributes:
        read: positions to compute on, the piece and what it can see beside it.
        kept: positions of the result of `read` that are right: the piece itself.
        place: positions of the piece in the whole.
    """

    read: slice
    kept: slice
    place: slice


def split_blocks(length: int, size: int, reach: int) -> Iterator[Block]:
    """Pieces of at most `size` positions that together make up `length`, each with `reach` positions on both sides."""
    for start in range(0, length, size):
        stop = min(start + size, length)
        first, last = max(0, start - reach), min(length, stop + reach)
        yield Block(slice(first, last), slice(start - first, stop - first), slice(start, stop))


__all__ = ["Block", "split_blocks"]

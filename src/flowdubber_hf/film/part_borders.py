"""Where the parts of a long cue meet: the ends of sentences that its text shares out evenly, moved to where the mouth rests nearby."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

import numpy as np

from .activity import speaking_spans


#: Pictures by which a border may move: a tenth of the longest part.
REACH = 75
_LEAST_REST, _LONG_REST = 6, 25  # pictures; shorter ones are none, longer ones no better
_REST_WORTH = 2.0  # pictures further away for each picture that a rest is longer


def resting_place(crops: np.ndarray, seen: np.ndarray, wanted: int) -> int:
    """
    The middle of the rest at which a speaker most likely ends a sentence.

    Args:
        crops (`(F, 96, 96)` uint8), seen (`(F,)` bool): the mouth around a border.
        wanted: the picture where the border would lie by the text alone.

    Returns:
        A picture; `wanted` where no rest of the mouth is seen.
    """
    spans = speaking_spans(crops, seen)
    if spans == [(0, len(crops))]:
        return wanted
    edges = [0, *(edge for span in spans for edge in span), len(crops)]
    still = [(first, stop) for first, stop in list(pairwise(edges))[::2] if stop - first >= _LEAST_REST]
    rests = [(first, stop) for first, stop in still if seen[first:stop].all()]
    if not rests:
        return wanted

    def cost(rest: tuple[int, int]) -> float:
        first, stop = rest
        return abs(_middle(rest) - wanted) - _REST_WORTH * min(stop - first, _LONG_REST)

    return _middle(min(rests, key=cost))


def _middle(rest: tuple[int, int]) -> int:
    return (rest[0] + rest[1]) // 2


def moved_borders(
    edges: list[int], crops: list[tuple[np.ndarray, np.ndarray] | None], longest: int, least: int
) -> list[int]:
    """
    The borders of a cue's parts, each moved to a rest of the mouth.

    Args:
        edges: pictures at which the first part begins, parts meet, and the last one ends.
        crops: for each border, mouths and which are seen, of the `2 * REACH` pictures around it; `None` where nobody is seen.
        longest, least: pictures of a part; a border that would break this stays where it is.

    Returns:
        As many edges.
    """
    found = list(edges)
    for number, mouth in enumerate(crops, 1):
        if mouth is None:
            continue
        moved = edges[number] - REACH + resting_place(*mouth, REACH)
        if all(least <= length <= longest for length in (moved - found[number - 1], edges[number + 1] - moved)):
            found[number] = moved
    return found

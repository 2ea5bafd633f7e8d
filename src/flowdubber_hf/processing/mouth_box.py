"""What a caller says of the picture, checked without a model: where the mouth is, and how the picture lies."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence

import numpy as np

from ..sampling import TURNS


MIN_MOUTH_BOX = 16


def check_mouth_box(mouth_box: Sequence[float], width: int, height: int) -> np.ndarray:
    """`(4,)` x0, y0, x1, y1 of a box in a picture of that size.

    Raises:
        ValueError: not four numbers, not inside the picture, or too small.
    """
    box = np.asarray(mouth_box, dtype=np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        raise ValueError(f"mouth_box must be four numbers x0, y0, x1, y1 in pixels, got {mouth_box}.")
    x0, y0, x1, y1 = box
    if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
        raise ValueError(
            f"mouth_box {mouth_box} must lie inside the picture, 0,0 to {width},{height}, left before right and top before "
            "bottom."
        )
    if x1 - x0 < MIN_MOUTH_BOX:
        raise ValueError(f"mouth_box must be at least {MIN_MOUTH_BOX} pixels wide, got {x1 - x0:.0f}.")
    return box


def check_turn(turn: object) -> None:
    """Raises `ValueError` unless it is a quarter turn or `None`."""
    if turn is not None and (isinstance(turn, bool) or turn not in TURNS):
        raise ValueError(f"turn must be one of {', '.join(map(str, TURNS))} degrees counter-clockwise, got {turn!r}.")

"""How far a mouth is open, from its crops."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np


# Of the 96 x 96 crop, the part where the inside of the mouth shows when it opens.
_INSIDE = (slice(34, 74), slice(26, 70))
_DARK_SHARE = 0.06


def mouth_opening(crops: np.ndarray) -> np.ndarray:
    """How far the mouth is open in each frame, 0 (least in the clip) to 1 (most): the inside of a mouth is darker than lips.

    The share of pixels in the crop's middle that are as dark as its darkest 6 % over the whole clip; the 2nd and 98th
    percentiles over the frames become 0 and 1. A rough measure for pictures: teeth, beards and light from the side disturb it.

    Args:
        crops: `(F, 96, 96)` uint8.

    Returns:
        `(F,)` float; zeros where nothing moves.
    """
    inside = crops[(slice(None), *_INSIDE)].astype(np.float32)
    limit = np.quantile(inside, _DARK_SHARE)
    share = (inside <= limit).mean(axis=(1, 2))
    low, high = np.percentile(share, [2, 98])
    if high - low < 1e-6:
        return np.zeros(len(crops))
    return np.clip((share - low) / (high - low), 0, 1)

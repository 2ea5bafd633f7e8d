"""Colour pictures of the face, cut as the public judge of lip-sync wants them.

The program of `syncnet_v2` (joonson/syncnet_python) finds faces with S3FD and cuts a square around each that is wider than the
face and lower than it: more chin than hair. Its detector is not used here; the face is where the mouth crops of
[`~processing.lips.FlowDubberLipFeatureExtractor`] say.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from itertools import zip_longest
from pathlib import Path

import cv2
import numpy as np

from .frames import iter_grid
from .lips import face_squares


FACE_SIDE = 224
_CROP_SCALE = 0.40  # of the public program and its siblings
_FILL = 110  # grey beside the picture, likewise
# S3FD boxes a face from the hairline to the chin, this package's square ends below the lips. What the former is of the latter
# was estimated from the proportions of adult faces (eyes to lips 7.3 cm, lips to chin 5 cm, hairline to eyes 7.5 cm).
_BOX_OF_SQUARE = 1.10
_BOX_LOWER = 0.037


def face_crops(video: str | Path, mouth_boxes: np.ndarray, size: int = FACE_SIDE, turn: int = 0) -> np.ndarray:
    """
    Faces of a clip at 25 frames a second.

    Args:
        video: the clip.
        mouth_boxes (`np.ndarray` of shape `(F, 4)`): `boxes` of the lip feature extractor for the same clip, in pixels.
        size: side of the crops in pixels.
        turn: `turn` of the lip feature extractor.

    Returns:
        `np.ndarray` of shape `(F, size, size, 3)`, uint8, red, green, blue.

    Raises:
        ValueError: a clip that cannot be read, or one of another length than the boxes.
    """
    x, y, side = face_squares(mouth_boxes).T
    y, side = y + _BOX_LOWER * side, _BOX_OF_SQUARE * side
    y, side = y + 0.5 * _CROP_SCALE * side, (1 + _CROP_SCALE) * side
    crops = []
    for frame, place in zip_longest(iter_grid(video, "rgb24", turn), np.stack((x, y, side), axis=1)):
        if frame is None or place is None:
            raise ValueError(f"{video} has another number of frames at 25 a second than the {len(side)} of the boxes.")
        crops.append(_cut(frame, *place, size))
    return np.stack(crops)


def _cut(frame: np.ndarray, x: float, y: float, side: float, size: int) -> np.ndarray:
    """Square around (x, y) at another size; a point of the crop is the middle of its pixel, as in `cv2.resize`."""
    scale = side / size
    corner = (x - side / 2 + scale / 2 - 0.5, y - side / 2 + scale / 2 - 0.5)
    matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fill = (_FILL, _FILL, _FILL)
    return cv2.warpAffine(frame, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=fill)

"""The drawn talking head: a face whose mouth follows a timeline. No recording is used."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

from ..processing.audio import VIDEO_FRAME_RATE
from ..processing.text import OPTIONAL_PHONEME, PHONEMES, SILENCE_PHONEME
from .mouth import mouth_track
from .timeline import Segment, demo_segments


DEMO_WIDTH, DEMO_HEIGHT = 360, 288
_RESTING = {OPTIONAL_PHONEME: SILENCE_PHONEME}  # the mouth of a pause is that of silence
_SCALE = 2  # drawn at twice the size and reduced, which smooths all edges
_HEAD_X, _HEAD_Y = 180.0, 150.0  # centre of the face, pixels of the finished picture
_MOUTH_Y = 204.0
_SKIN = np.array([214.0, 172.0, 150.0])
_LIP = np.array([184.0, 122.0, 112.0])
_MOUTH_WINDOW = (
    slice(184, 276),
    slice(108, 252),
)  # rows and columns of the finished picture that change while speaking


_BLINK_EVERY = 55  # frames
_BLINKS = (9, 10)  # of these, with closed eyes


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """x and y of all pixels of the large picture, in pixels of the finished one."""
    y, x = np.mgrid[0 : DEMO_HEIGHT * _SCALE, 0 : DEMO_WIDTH * _SCALE]
    return ((x + 0.5) / _SCALE).astype(np.float32), ((y + 0.5) / _SCALE).astype(np.float32)


def _blob(x: np.ndarray, y: np.ndarray, cx: float, cy: float, rx: float, ry: float, soft: float) -> np.ndarray:
    """Ellipse with an edge about `soft` pixels wide: 1 inside, 0 outside."""
    radius = np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)
    return np.clip((1.0 - radius) * min(rx, ry) / soft + 0.5, 0.0, 1.0)


def _paint(picture: np.ndarray, mask: np.ndarray, colour: np.ndarray | tuple[float, ...]) -> None:
    picture += mask[..., None] * (np.asarray(colour, dtype=np.float32) - picture)


def _shade(picture: np.ndarray, mask: np.ndarray, strength: float) -> None:
    picture *= 1.0 + strength * mask[..., None]


def _face_outline(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The face: wide at the cheeks, narrower at the chin."""
    below = np.clip((y - _HEAD_Y) / 96.0, 0.0, 1.0)
    half_width = 67.0 - 8.0 * below**2
    power = 2.0 + 0.6 * below
    radius = (np.abs(x - _HEAD_X) / half_width) ** power + (np.abs(y - _HEAD_Y) / 96.0) ** power
    radius **= 1.0 / power
    return np.clip((1.0 - radius) * 22.0 + 0.5, 0.0, 1.0)


@lru_cache(maxsize=2)
def _head(eyes_open: bool) -> tuple[np.ndarray, np.ndarray]:
    """The picture without its mouth, float RGB: the mouth's window at the large size, and all at the finished size."""
    picture = _draw_head(eyes_open)
    rows, columns = _large(_MOUTH_WINDOW)
    return picture[rows, columns].copy(), _reduce(picture)


def _large(window: tuple[slice, slice]) -> tuple[slice, slice]:
    rows, columns = window
    return slice(rows.start * _SCALE, rows.stop * _SCALE), slice(columns.start * _SCALE, columns.stop * _SCALE)


def _reduce(picture: np.ndarray) -> np.ndarray:
    size = (picture.shape[1] // _SCALE, picture.shape[0] // _SCALE)
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _draw_head(eyes_open: bool) -> np.ndarray:
    x, y = _grid()
    picture = np.empty((*x.shape, 3), np.float32)
    picture[:] = np.array([92.0, 108.0, 132.0], np.float32)
    _shade(picture, _blob(x, y, 180, 110, 260, 220, 200), 0.25)
    _paint(picture, _blob(x, y, 180, 330, 150, 78, 6), (52, 62, 84))  # shoulders
    _paint(picture, _blob(x, y, 180, 240, 34, 50, 3), _SKIN * 0.78)  # neck
    _paint(picture, _blob(x, y, 180, 118, 76, 88, 6), (62, 46, 38))  # hair
    for side in (-1, 1):
        _paint(picture, _blob(x, y, 180 + side * 67, 158, 9, 18, 3), _SKIN * 0.85)  # ears
    face = _face_outline(x, y)
    _paint(picture, face, _SKIN)
    skin = face * np.clip(
        1.0 - ((x - _HEAD_X) / 78.0) ** 2 * 0.45 - np.clip((y - 190) / 120, 0, 1) ** 2 * 0.5, 0.4, 1.0
    )
    picture *= 1.0 - face[..., None] + skin[..., None]
    hair = _blob(x, y, 180, 118, 76, 88, 6)
    _paint(picture, hair * np.clip((98.0 + 10.0 * np.cos((x - 180) / 30.0) - y) / 7.0, 0.0, 1.0), (62, 46, 38))
    for side in (-1, 1):
        _draw_eye(picture, x, y, 180.0 + side * 28.0, side, eyes_open)
        _shade(picture, _blob(x, y, 180 + side * 36, 182, 20, 18, 22), 0.07)  # cheeks
        _shade(picture, _blob(x, y, 180 + side * 13, 158, 6, 26, 9), -0.10)  # sides of the nose
        _shade(picture, _blob(x, y, 180 + side * 13, 178, 6, 7, 5), -0.12)  # wings of the nose
        _paint(picture, 0.7 * _blob(x, y, 180 + side * 7.0, 184, 4.6, 2.6, 3), (92, 58, 50))  # nostrils
        _shade(picture, _blob(x, y, 180 + side * 34, 206, 5, 16, 9), -0.06)  # folds beside the mouth
    _shade(picture, _blob(x, y, 180, 160, 5, 28, 7), 0.10)
    _shade(picture, _blob(x, y, 180, 177, 9, 8, 8), 0.08)  # tip of the nose
    _shade(picture, _blob(x, y, 180, 190, 14, 4, 5), -0.12)
    _shade(picture, _blob(x, y, 180, 222, 18, 5.0, 8), -0.12)
    _shade(picture, _blob(x, y, 180, 234, 16, 9.0, 14), 0.06)  # chin
    _shade(picture, _blob(x, y, 180, 258, 40, 10.0, 14), -0.25)  # shadow on the neck
    return picture


def _draw_eye(picture: np.ndarray, x: np.ndarray, y: np.ndarray, cx: float, side: int, eyes_open: bool) -> None:
    _shade(picture, _blob(x, y, cx, 138, 21, 12, 14), -0.30)
    brow = _blob(x, y - 0.10 * side * (x - cx), cx + side, 123, 19, 3.4, 3)
    _paint(picture, 0.85 * brow, (60, 44, 36))
    if not eyes_open:
        _paint(picture, 0.8 * _blob(x, y, cx, 143, 12, 2.0, 2), (84, 58, 50))
        return
    white = _blob(x, y, cx, 140, 12.5, 6.0, 2)
    _paint(picture, white, (226, 222, 216))
    _paint(picture, white * _blob(x, y, cx, 140, 5.6, 5.8, 2), (70, 52, 40))
    _paint(picture, white * _blob(x, y, cx, 140, 2.6, 2.6, 1.5), (18, 14, 12))
    _paint(picture, _blob(x, y, cx + 2, 138, 1.3, 1.3, 1), (250, 250, 250))
    lid = _blob(x, y, cx, 139, 14.0, 7.5, 2) * np.clip((137.0 - y) / 2.0, 0.0, 1.0)
    _paint(picture, 0.85 * lid, (54, 38, 32))


def _drop_jaw(view: np.ndarray, x: np.ndarray, y: np.ndarray, drop: float) -> np.ndarray:
    """Moves what lies below the mouth down by `drop` pixels, fading out under the chin and to the sides."""
    side = np.exp(-(((x - _HEAD_X) / 52.0) ** 4))
    amount = np.clip((y - _MOUTH_Y) / 14.0, 0.0, 1.0) * np.clip((272.0 - y) / 26.0, 0.0, 1.0) * side * drop
    columns = ((x - x[0, 0]) * _SCALE).astype(np.float32)
    rows = ((y - amount - y[0, 0]) * _SCALE).astype(np.float32)
    return cv2.remap(view, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _curve(x: np.ndarray, half: float, height: float, power: float) -> np.ndarray:
    """A lip's edge: `height` in the middle, 0 at the corners."""
    return height * np.clip(1.0 - np.abs((x - _HEAD_X) / half) ** power, 0.0, None)


def _draw_mouth(
    view: np.ndarray, x: np.ndarray, y: np.ndarray, opening: float, width: float, teeth: float, press: float
) -> None:
    half = 17.0 + 15.0 * width
    gap_top, gap_bottom = 3.0 * opening, 17.0 * opening
    inner_top = _MOUTH_Y - _curve(x, half * 0.86, gap_top, 2.2)
    inner_bottom = _MOUTH_Y + _curve(x, half * 0.86, gap_bottom, 2.4)
    thick = (1.0 - 0.55 * press) * (1.0 + 0.35 * (0.5 - width))
    bow = 1.4 * np.exp(-(((x - _HEAD_X) / 4.5) ** 2))  # the notch of the upper lip
    outer_top = inner_top - np.clip(_curve(x, half, 7.0 * thick, 1.8) - bow, 0.0, None)
    outer_bottom = inner_bottom + _curve(x, half, 9.0 * thick, 2.2)
    lips = 0.9 * cv2.GaussianBlur(_between(y, outer_top, outer_bottom) * (np.abs(x - _HEAD_X) < half), (0, 0), 2.0)
    light = np.where(y < _MOUTH_Y, 0.88, 1.0 + 0.12 * np.exp(-(((y - inner_bottom - 4.0) / 3.0) ** 2)))
    view += lips[..., None] * (_LIP * light[..., None] - view)
    cavity = cv2.GaussianBlur(_between(y, inner_top, inner_bottom) * (np.abs(x - _HEAD_X) < half * 0.86), (0, 0), 1.2)
    _paint(view, cavity, (66, 34, 34))
    tongue = cavity * _blob(x, y, _HEAD_X, _MOUTH_Y + gap_bottom + 2.0, half * 0.6, 6.0, 4)
    _paint(view, 0.8 * tongue, (140, 72, 74))
    row = _between(y, inner_top, inner_top + 5.0 * min(1.0, 4.0 * opening)) * (np.abs(x - _HEAD_X) < half * 0.62)
    row = cv2.GaussianBlur(row, (0, 0), 1.2)
    _paint(view, np.minimum(cavity, row) * min(0.85, teeth), (206, 196, 182))
    seam = np.exp(-(((y - _MOUTH_Y) / 1.1) ** 2)) * (np.abs(x - _HEAD_X) < half) * max(0.0, 1.0 - 6.0 * opening)
    _paint(view, 0.75 * seam, (96, 50, 50))


def _between(y: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """Soft mask of top < y < bottom."""
    return np.clip(np.minimum(y - top, bottom - y) + 0.25, 0.0, 1.0)


def demo_frames() -> np.ndarray:
    """The talking head `(75, 288, 360, 3)` uint8 RGB at 25 frames a second, the same at every call."""
    return _head_frames(demo_segments())


def _head_frames(segments: list[Segment]) -> np.ndarray:
    track = mouth_track(segments)
    generator = np.random.default_rng(0)
    x, y = (values[_large(_MOUTH_WINDOW)] for values in _grid())
    frames = []
    for index, shape in enumerate(track):
        window, picture = _head(index % _BLINK_EVERY not in _BLINKS)
        view = _drop_jaw(window, x, y, 15.0 * shape[0])
        _draw_mouth(view, x, y, *shape)
        picture = picture.copy()
        picture[_MOUTH_WINDOW] = _reduce(view)
        time = index / VIDEO_FRAME_RATE
        sway = (1.6 * np.sin(2 * np.pi * 0.4 * time), 1.2 * np.sin(2 * np.pi * 0.55 * time + 1.0))
        matrix = np.array([[1, 0, sway[0]], [0, 1, sway[1]]], np.float32)
        size = (DEMO_WIDTH, DEMO_HEIGHT)
        picture = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        picture += generator.normal(0.0, 1.5, (DEMO_HEIGHT, DEMO_WIDTH, 1)).astype(np.float32)
        frames.append(np.clip(np.round(picture), 0, 255).astype(np.uint8))
    return np.stack(frames)


def talking_head_frames(timeline: Sequence[dict]) -> np.ndarray:
    """The head with its mouth following given times.

    Args:
        timeline: `phoneme`, `start` and `end` in seconds, without gaps from 0, as [`speech_timeline`] returns or as a
            recording was aligned.

    Returns:
        `(F, 288, 360, 3)` uint8 RGB at 25 frames a second, F the last end rounded to whole frames.

    Raises:
        ValueError: no phonemes, an unknown one, or times that do not follow each other.
    """
    segments = [
        Segment(_RESTING.get(part["phoneme"], part["phoneme"]), part.get("word"), part["start"], part["end"])
        for part in timeline
    ]
    known = {*PHONEMES} - {"<pad>", "spn"}
    if not segments or any(part.phoneme not in known for part in segments):
        raise ValueError("the timeline needs phonemes of the inventory (ARPAbet, `sil`, `sp`).")
    if segments[0].start != 0 or any(a.end != b.start or b.end < b.start for a, b in pairwise(segments)):
        raise ValueError("the times of the timeline must start at 0 and follow each other without gaps.")
    return _head_frames(segments)

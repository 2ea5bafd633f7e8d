"""Faces followed through pictures: OpenCV's cascade on a few reduced frames a second, joined into tracks, and the eyes and the nose
followed from frame to frame in between; the mouth's place in a face, and squares cut around it.

Faces are rows `(centre x, centre y, side)` of the square that the cascade gives.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np


# Detection runs on pictures of this height (or width, of upright ones); the second pass looks for small faces.
DETECT_SIDES = (160, 360)
DETECT_MIN_FACE = (0.18, 0.07)
DETECT_EVERY = 6
_MIN_PRESENCE = 0.1

# The mouth in the square that the cascade gives, as fractions of its side; means over frontal faces.
MOUTH_X, MOUTH_Y = 0.5, 0.81
# The crop takes this part of it, which is about twice a mouth's width from corner to corner: chin and nose tip are in it.
CROP_OF_FACE = 0.594
CROP_OF_MOUTH = 2.14

# Window in which the moving mouth is sought, as fractions of the face's side, and the farthest that it may lie from the mean.
_SEEK_WIDTH, _SEEK_HEIGHT, _SEEK_REACH = 0.40, 0.18, 0.08
_SEEK_SIZE = 64


@lru_cache(maxsize=1)
def _cascade() -> cv2.CascadeClassifier:
    cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"))
    if cascade.empty():
        raise ImportError(
            "OpenCV has no Haar cascades here; install them: pip install 'opencv-python-headless>=4.9,<5'"
        )
    return cascade


def shrink(grey: np.ndarray, side: int) -> np.ndarray:
    scale = side / min(grey.shape)
    if scale >= 1:
        return grey
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def detect_haar(grey: np.ndarray, min_face: float) -> np.ndarray:
    """Faces `(n, 3)`: centre x, centre y, side, in pixels of `grey`."""
    smallest = max(20, round(min(grey.shape) * min_face))
    boxes = _cascade().detectMultiScale(grey, 1.15, 3, minSize=(smallest, smallest))
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    return np.stack([boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3] / 2, boxes[:, 2]], axis=1)


def face_tracks(detections: dict[int, np.ndarray], least: float | None = None) -> list[dict[int, np.ndarray]]:
    """Joins the faces of successive frames into tracks, the largest and steadiest one first.

    A face continues a track if it lies within half a face of its last place and has about its size. A track's score is
    the sum of its faces' sides: presence times size. What shows up in fewer than `least` of the frames that were looked at, by
    default a tenth of them, is a mistake of the detector and no face.
    """
    tracks: list[dict[int, np.ndarray]] = []
    for index, faces in sorted(detections.items()):
        open_tracks = list(range(len(tracks)))
        for face in faces[np.argsort(-faces[:, 2])]:
            best, best_distance = None, 0.5
            for number in open_tracks:
                last = tracks[number][max(tracks[number])]
                distance = np.hypot(*(face[:2] - last[:2])) / last[2]
                if distance < best_distance and 0.7 < face[2] / last[2] < 1.4:
                    best, best_distance = number, distance
            if best is None:
                tracks.append({index: face})
            else:
                tracks[best][index] = face
                open_tracks.remove(best)
    least = _MIN_PRESENCE * len(detections) if least is None else least
    tracks = [track for track in tracks if len(track) >= least]
    return sorted(tracks, key=lambda track: -sum(face[2] for face in track.values()))


def smooth_gaussian(values: np.ndarray, sigma: float) -> np.ndarray:
    """Smooths `(F, ...)` over time with edges held."""
    radius = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values, [(radius, radius)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    return np.apply_along_axis(np.convolve, 0, padded, kernel, mode="valid")


def _subpixel(response: np.ndarray, peak: tuple[int, int]) -> np.ndarray:
    """Peak of a correlation surface, refined by a parabola on each axis. Returns x, y."""
    x, y = peak
    refined = np.array([x, y], dtype=np.float64)
    for axis, (left, right) in enumerate((((y, x - 1), (y, x + 1)), ((y - 1, x), (y + 1, x)))):
        limit = response.shape[1 - axis]
        if 0 < (x, y)[axis] < limit - 1:
            a, b, c = response[left], response[y, x], response[right]
            curve = a - 2 * b + c
            if curve < 0:
                refined[axis] += 0.5 * (a - c) / curve
    return refined


def _shift(previous: np.ndarray, current: np.ndarray, face: np.ndarray) -> np.ndarray | None:
    """How far eyes and nose moved between two frames, x and y in pixels; `None` where they cannot be followed."""
    x, y, side = face
    height, width = current.shape
    reach = max(2, round(0.06 * side))
    x0, x1 = int(max(reach, x - 0.34 * side)), int(min(width - reach, x + 0.34 * side))
    y0, y1 = int(max(reach, y - 0.30 * side)), int(min(height - reach, y + 0.14 * side))
    if x1 - x0 < 8 or y1 - y0 < 8:
        return None
    patch = previous[y0:y1, x0:x1]
    window = current[y0 - reach : y1 + reach, x0 - reach : x1 + reach]
    if min(patch.std(), window.std()) < 2:
        return None
    response = cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED)
    _, score, _, peak = cv2.minMaxLoc(response)
    return _subpixel(response, peak) - reach if score > 0.6 else None


def interpolate_rows(frames: np.ndarray, known: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Linear interpolation of `(n, axes)` values at the `known` frames to `frames`, held at both ends."""
    return np.stack([np.interp(frames, known, values[:, axis]) for axis in range(values.shape[1])], axis=1)


def follow_face(smalls: Sequence[np.ndarray], track: dict[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Place and size of the face in every frame `(F, 3)` from detections in some, and in which frames it was seen `(F,)`.

    The sum of frame-to-frame shifts is exact for quick movements and drifts slowly; the detections do not drift but
    jitter. So the difference of the two is smoothed over about half a second and added back, in each stretch of frames
    through which the face can be followed. Where there is no such stretch the place is interpolated.
    """
    frames = np.arange(len(smalls))
    known = np.array(sorted(track))
    values = np.stack([track[index] for index in known])
    coarse = interpolate_rows(frames, known, values)
    steps = [None, *(_shift(smalls[index - 1], smalls[index], coarse[index]) for index in frames[1:])]
    starts = [index for index in frames if steps[index] is None] + [len(frames)]
    path = np.cumsum([np.zeros(2) if step is None else step for step in steps], axis=0)
    places = np.zeros((len(frames), 2))
    seen = np.zeros(len(frames), dtype=bool)
    for start, end in pairwise(starts):
        inside = (known >= start) & (known < end)
        if inside.any():
            drift = values[inside, :2] - path[known[inside]]
            drift = np.stack([_median(drift[:, 0]), _median(drift[:, 1])], axis=1)
            drift = smooth_gaussian(interpolate_rows(frames[start:end], known[inside], drift), 12.0)
            places[start:end] = path[start:end] + drift
            seen[start:end] = True
    places = interpolate_rows(frames, frames[seen], places[seen])
    side = np.interp(frames, known, _median(values[:, 2]))
    return np.concatenate([places, smooth_gaussian(side[:, None], 25.0)], axis=1), seen


def _median(values: np.ndarray, width: int = 5) -> np.ndarray:
    """Running median `(n,)` with edges reflected, so that single wrong detections do not count."""
    radius = min(width // 2, max(0, len(values) - 1))
    padded = np.pad(values, radius, mode="reflect") if radius else values
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1), axis=-1)


def cut_square(grey: np.ndarray, centre: np.ndarray, side: float, size: int) -> np.ndarray:
    """Square around `centre`, resampled to `(size, size)` with sub-pixel precision; what lies outside repeats the edge."""
    step = max(1, int(side / size))
    if step > 1:  # whole-number reduction first, so that fine structure is averaged and not skipped
        reach = side / 2 + 2 * step
        x0, y0 = (int(max(0, np.floor((value - reach) / step) * step)) for value in centre)
        part = grey[y0 : int(centre[1] + reach) + step, x0 : int(centre[0] + reach) + step]
        rows, columns = part.shape[0] // step, part.shape[1] // step
        if rows and columns:
            part = part[: rows * step, : columns * step]
            grey = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
            centre = (np.asarray(centre) - (x0, y0) + 0.5) / step - 0.5
            side = side / step
    scale = side / size
    corner = np.asarray(centre) - side / 2 + scale / 2 - 0.5
    matrix = np.array([[scale, 0, corner[0]], [0, scale, corner[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grey, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def mouth_offset(greys: Iterable[np.ndarray], faces: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Where this speaker's mouth lies from the centre of the face `(2,)`, in fractions of the face's side.

    Over a clip of speech the lips are what changes most in the steadied lower face. Starting from the mean place of
    frontal faces, a window moves to the centre of the change inside it; a clip without movement keeps the mean place.
    """
    mean = np.array([MOUTH_X - 0.5, MOUTH_Y - 0.5])
    every = max(1, int(seen.sum()) // 150)
    chosen = set(np.flatnonzero(seen)[::every].tolist())
    patches = [
        cut_square(grey, faces[index, :2] + mean * faces[index, 2], faces[index, 2] * 0.64, _SEEK_SIZE)
        for index, grey in enumerate(greys)
        if index in chosen
    ]
    change = np.stack(patches).astype(np.float32).std(axis=0)
    change = np.maximum(change - 2.0, 0.0)  # sensor noise and compression
    ticks = ((np.arange(_SEEK_SIZE) + 0.5) / _SEEK_SIZE - 0.5) * 0.64
    offset = np.zeros(2)
    for _ in range(6):
        window_x = np.abs(ticks - offset[0]) <= _SEEK_WIDTH / 2
        window_y = np.abs(ticks - offset[1]) <= _SEEK_HEIGHT / 2
        weight = change * window_x * window_y[:, None]
        total = weight.sum() + 0.5 * (
            window_x.sum() * window_y.sum()
        )  # half a grey level everywhere speaks for the mean
        offset = np.array([(weight.sum(axis=0) * ticks).sum(), (weight.sum(axis=1) * ticks).sum()]) / total
        offset = np.clip(offset, -_SEEK_REACH, _SEEK_REACH)
    return mean + offset

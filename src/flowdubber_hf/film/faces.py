"""Faces inside a shot: all of them, each followed as long as it is there, and its mouth cut out. A track never crosses a cut."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..processing.face_tracking import (
    CROP_OF_FACE,
    CROP_OF_MOUTH,
    DETECT_EVERY,
    DETECT_MIN_FACE,
    DETECT_SIDES,
    MOUTH_X,
    MOUTH_Y,
    cut_square,
    detect_haar,
    face_tracks,
    follow_face,
    mouth_offset,
    shrink,
)
from ..processing.sound import VIDEO_FRAME_RATE


CROP_SIZE = 96
#: Less is no track.
LEAST_SECONDS = 0.4
_SHORT = 25  # frames of a stretch in which faces are looked for more often
_NEAR = 2  # looks to each side of a detection in which a face counts as seen
_FRONTAL_SHARE = 0.5  # of the looks inside a track; a face that the frontal cascade finds less often is turned away
_SAME_PLACE = 0.5  # of a face's side
# Of a face in two shots: of the mouth square's side, ratio of sizes, correlation of the mean mouths. Of GRID clips, two of one speaker
# after another had 0.83 and more, moved against each other by a few pixels (0.73 without), and 99 % of other pairs 0.78 and less.
_CONTINUED_PLACE, _CONTINUED_SIZE, _CONTINUED_LOOK = 0.35, 1.2, 0.8
_LOOK_SHIFTS = range(-6, 7, 2)  # pixels of a crop: each shot's mouth is found anew

Pictures = Callable[[], Iterable[np.ndarray]]


@dataclass(frozen=True)
class FaceTrack:
    """One face in a stretch of a shot.

    Attributes:
        first: place in the film's grid of the first of its n pictures.
        boxes: `(n, 4)` float32, squares around the mouth: x0, y0, x1, y1 in pixels of the upright picture.
        seen: `(n,)` bool, pictures that show it.
        crops: `(n, 96, 96)` uint8, the mouth.
        profile: it looks aside most of the time.
    """

    first: int
    boxes: np.ndarray
    seen: np.ndarray
    crops: np.ndarray
    profile: bool = False

    @property
    def stop(self) -> int:
        return self.first + len(self.seen)

    @property
    def centre(self) -> tuple[float, float]:
        """Where the mouth usually is, in pixels."""
        x0, y0, x1, y1 = np.median(self.boxes, axis=0)
        return float((x0 + x1) / 2), float((y0 + y1) / 2)

    @property
    def side(self) -> float:
        """Usual side of the square around the mouth, in pixels."""
        return float(np.median(self.boxes[:, 2] - self.boxes[:, 0]))


@dataclass(frozen=True)
class Place:
    """Where a mouth is in consecutive pictures of a stretch, before it is cut out.

    Attributes:
        first: of the stretch's pictures.
        centres: `(n, 2)` pixels.
        sides: `(n,)` pixels of the square around the mouth.
        seen: `(n,)` bool.
        profile: the face looks aside.
    """

    first: int
    centres: np.ndarray
    sides: np.ndarray
    seen: np.ndarray
    profile: bool = False


def find_faces(pictures: Pictures, count: int, scale: float = 1.0) -> list[Place]:
    """
    All faces that are there for at least 0.4 s, the largest and steadiest first.

    Args:
        pictures: gives the grey pictures `(height, width)` of a stretch, each time anew.
        count: of them.
        scale: pixels of these pictures for each pixel of the film's.

    Faces of at least a fifth of the picture are followed on small pictures, as in single clips; smaller ones on larger pictures.
    """
    larger, smaller = DETECT_SIDES
    smalls, coarse, fine, size = [], {}, {}, None
    every = DETECT_EVERY if count > _SHORT else DETECT_EVERY // 2  # two detections make a track
    for index, grey in enumerate(pictures()):
        size = grey.shape
        smalls.append(shrink(grey, larger))
        if index % every == 0:
            coarse[index] = detect_haar(smalls[-1], DETECT_MIN_FACE[0])
            fine[index] = detect_haar(shrink(grey, smaller), DETECT_MIN_FACE[1])
    if size is None:
        return []
    least = max(2, LEAST_SECONDS * VIDEO_FRAME_RATE / every)
    found = face_tracks(coarse, least)
    ratio = min(size) / min(smalls[0].shape)
    places = [_place(smalls, track, every, ratio / scale) for track in found]
    fine_ratio = max(1.0, min(size) / smaller)
    further = [
        track
        for track in face_tracks(fine, least)
        if not any(_is_same(_scaled(track, fine_ratio), _scaled(other, ratio)) for other in found)
    ]
    if further:
        smalls = [shrink(grey, smaller) for grey in pictures()]
        places += [_place(smalls, track, every, fine_ratio / scale) for track in further]
    return [place for place in places if place.seen.sum() >= LEAST_SECONDS * VIDEO_FRAME_RATE]


def _scaled(track: dict[int, np.ndarray], ratio: float) -> dict[int, np.ndarray]:
    return {index: face * ratio for index, face in track.items()}


def _is_same(one: dict[int, np.ndarray], other: dict[int, np.ndarray]) -> bool:
    """Whether two tracks are the same face, found at two sizes of the picture."""
    common = sorted(set(one) & set(other))
    if not common:
        return False
    near = [np.hypot(*(one[index][:2] - other[index][:2])) < _SAME_PLACE * other[index][2] for index in common]
    return 2 * sum(near) >= len(near)


def _place(smalls: Sequence[np.ndarray], track: dict[int, np.ndarray], every: int, ratio: float) -> Place:
    """A track's mouth in the pictures around its detections, in pixels of the film."""
    looks = np.array(sorted(track))
    first, stop = max(0, looks[0] - every + 1), min(len(smalls), looks[-1] + every)
    inside = {index - first: face for index, face in track.items()}
    part = smalls[first:stop]
    faces, seen = follow_face(part, inside)
    distance = np.abs(np.arange(first, stop)[:, None] - looks).min(axis=1)
    seen &= distance < _NEAR * every
    offset = mouth_offset(part, faces, seen)
    return Place(
        first=int(first),
        centres=(faces[:, :2] + offset * faces[:, 2:]) * ratio,
        sides=faces[:, 2] * ratio * CROP_OF_FACE,
        seen=seen,
        profile=bool(len(looks) < _FRONTAL_SHARE * ((looks[-1] - looks[0]) / every + 1)),
    )


def fixed_place(mouth_box: Sequence[float], count: int) -> Place:
    """A mouth that stays in a box, from corner to corner, for so many pictures."""
    x0, y0, x1, y1 = mouth_box
    return Place(
        first=0,
        centres=np.tile([(x0 + x1) / 2, (y0 + y1) / 2], (count, 1)),
        sides=np.full(count, (x1 - x0) * CROP_OF_MOUTH),
        seen=np.ones(count, bool),
    )


def place_of_boxes(boxes: np.ndarray, first: int) -> Place:
    """A mouth where a tracker of one's own has seen faces: `(n, 4)` x0, y0, x1, y1 of the face in pixels."""
    sides = ((boxes[:, 2] - boxes[:, 0]) + (boxes[:, 3] - boxes[:, 1])) / 2
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 + np.array([MOUTH_X - 0.5, MOUTH_Y - 0.5]) * sides[:, None]
    return Place(first, centres, sides * CROP_OF_FACE, np.ones(len(boxes), bool))


def cut_mouths(pictures: Pictures, places: Sequence[Place], start: int, scale: float = 1.0) -> list[FaceTrack]:
    """
    The mouths of several faces, in one go through the pictures.

    Args:
        pictures: of a stretch.
        places: in it.
        start: place of its first picture in the film's grid.
        scale: pixels of these pictures for each pixel of the film's.
    """
    crops = [np.zeros((len(place.seen), CROP_SIZE, CROP_SIZE), np.uint8) for place in places]
    for index, grey in enumerate(pictures()):
        for place, cut in zip(places, crops, strict=True):
            row = index - place.first
            if 0 <= row < len(cut):
                cut[row] = cut_square(grey, place.centres[row] * scale, place.sides[row] * scale, CROP_SIZE)
    return [
        FaceTrack(
            first=start + place.first,
            boxes=np.concatenate(
                [place.centres - place.sides[:, None] / 2, place.centres + place.sides[:, None] / 2], axis=1
            ).astype(np.float32),
            seen=place.seen,
            crops=cut,
            profile=place.profile,
        )
        for place, cut in zip(places, crops, strict=True)
    ]


def is_continued(one: FaceTrack, other: FaceTrack) -> bool:
    """Whether two tracks of different shots are likely one face in one set-up of the camera, with something else shown between: at the
    same place, of the same size, of the same look."""
    if one.first < other.stop and other.first < one.stop:
        return False
    reach = _CONTINUED_PLACE * max(one.side, other.side)
    near = all(abs(a - b) < reach for a, b in zip(one.centre, other.centre, strict=True))
    if not near or not 1 / _CONTINUED_SIZE < one.side / other.side < _CONTINUED_SIZE:
        return False
    looks = [np.mean(track.crops[track.seen], axis=0, dtype=np.float64) for track in (one, other)]
    return _likeness(*looks) >= _CONTINUED_LOOK


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of two pictures `(96, 96)` at the shift at which it is greatest; flat ones are like nothing."""
    found = 0.0
    for down in _LOOK_SHIFTS:
        for right in _LOOK_SHIFTS:
            pair = [_shifted(one, down, right).ravel(), _shifted(other, -down, -right).ravel()]
            if min(picture.std() for picture in pair) >= 1.0:
                found = max(found, float(np.corrcoef(*pair)[0, 1]))
    return found


def _shifted(picture: np.ndarray, down: int, right: int) -> np.ndarray:
    """What is left of a picture behind so many rows and columns; negative ones are left out at its other end."""
    height, width = picture.shape
    return picture[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]


def join_tracks(tracks: Sequence[FaceTrack]) -> FaceTrack:
    """Tracks of one face that follow each other, as one; what lies between is not seen."""
    if len(tracks) == 1:
        return tracks[0]
    tracks = sorted(tracks, key=lambda track: track.first)
    first, stop = tracks[0].first, max(track.stop for track in tracks)
    boxes = np.tile(np.median(tracks[0].boxes, axis=0), (stop - first, 1)).astype(np.float32)
    seen, crops = np.zeros(stop - first, bool), np.zeros((stop - first, CROP_SIZE, CROP_SIZE), np.uint8)
    for track in tracks:
        part = slice(track.first - first, track.stop - first)
        boxes[part], seen[part], crops[part] = track.boxes, track.seen, track.crops
    return FaceTrack(first, boxes, seen, crops, any(track.profile for track in tracks))

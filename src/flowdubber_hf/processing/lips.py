"""Mouth crops: from a talking head to 88 x 88 grey pictures at 25 fps, the lip encoder's input.

The face is found by OpenCV's Haar cascade, which comes inside its wheel, on small grey pictures of a few frames a second.
Between those, the eyes and the nose are followed from frame to frame; the two are joined so that slow errors of the
following are corrected by the detector and the detector's jitter is not seen. The mouth's place in the face is refined
once per clip by looking for the part of the lower face that moves and is dark in a mouth's way. Sizes of crop and input
(96, centre 88) and the normalisation (0.421, 0.165) are those of lip-reading models trained on LRW.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from transformers import BatchFeature
from transformers.feature_extraction_utils import FeatureExtractionMixin

from ..extras import pip_line
from ..sampling import TURNS
from .clips import Frames, as_clip, open_clip
from .face_tracking import (
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
    interpolate_rows,
    mouth_offset,
    shrink,
    smooth_gaussian,
)
from .frames import GreyArray, GreyClip
from .mouth_box import check_mouth_box, check_turn
from .sound import VIDEO_FRAME_RATE


DETECTORS = ("auto", "haar", "mediapipe")

_NO_FACE = (
    "no face was found in any frame. Use a clip that shows one face from the front, or say where the mouth is with "
    "--mouth-box x0,y0,x1,y1 (mouth_box= in Python). To dub a clip that does not show the speaker: --timing cue (timing='cue')."
)


_TURNED = (
    "no face was seen upright, but one in the picture turned by {turn} degrees counter-clockwise; the lips were read from "
    "that. Give --turn {turn} (turn={turn} in Python) to have the dub shown so, too."
)
_TURN_FRAMES = 12  # of the clip are looked at for a face that lies on its side


class NoFaceError(ValueError):
    """No frame of a clip shows a face."""


@dataclass
class MouthTrack:
    """Where the mouth is in every frame.

    Attributes:
        centres: `(F, 2)` float, x and y in pixels of the clip's own upright picture.
        sides: `(F,)` float, side of the square crop in the same pixels.
        found: `(F,)` bool, False where the face was not seen and the place was interpolated.
        num_faces: faces that were there for at least half as long as the chosen one.
    """

    centres: np.ndarray
    sides: np.ndarray
    found: np.ndarray
    num_faces: int = 1

    @property
    def boxes(self) -> np.ndarray:
        """Crop squares `(F, 4)`: x0, y0, x1, y1 in pixels."""
        half = self.sides[:, None] / 2
        return np.concatenate([self.centres - half, self.centres + half], axis=1)


def face_squares(boxes: np.ndarray) -> np.ndarray:
    """Where the face is, from the mouth crops' squares: the frontal square of the Haar cascade, in which the mouth's usual place
    is known.

    Args:
        boxes (`(F, 4)`): `boxes` of [`FlowDubberLipFeatureExtractor`], in pixels.

    Returns:
        `(F, 3)`: centre x, centre y, side in pixels.
    """
    sides = (boxes[:, 2] - boxes[:, 0]) / CROP_OF_FACE
    mouths = (boxes[:, :2] + boxes[:, 2:]) / 2
    centres = mouths - np.array([MOUTH_X - 0.5, MOUTH_Y - 0.5]) * sides[:, None]
    return np.concatenate([centres, sides[:, None]], axis=1)


class FlowDubberLipFeatureExtractor(FeatureExtractionMixin):
    r"""
    Turns a clip of a speaker into the lip encoder's input.

    Args:
        crop_size (`int`, *optional*, defaults to 96): side of the stored grey mouth crops.
        input_size (`int`, *optional*, defaults to 88): side of the model's input, the centre of the crop.
        image_mean (`float`, *optional*, defaults to 0.421): subtracted after division by 255.
        image_std (`float`, *optional*, defaults to 0.165): divided by.
        frame_rate (`int`, *optional*, defaults to 25): of the model; other rates are mapped by the nearest time stamp.
        detector (`str`, *optional*, defaults to `"auto"`): `"haar"` (OpenCV), `"mediapipe"` (the `mediapipe` extra), or
            `"auto"`, which is `"haar"` whatever is installed, so that results are the same on every machine.
    """

    model_input_names = ["lip_values"]  # noqa: RUF012 - the base class declares it so

    def __init__(
        self,
        crop_size: int = 96,
        input_size: int = 88,
        image_mean: float = 0.421,
        image_std: float = 0.165,
        frame_rate: int = VIDEO_FRAME_RATE,
        detector: str = "auto",
        **kwargs,
    ):
        if detector not in DETECTORS:
            raise ValueError(f"detector must be one of {', '.join(DETECTORS)}, got {detector!r}.")
        if not 0 < input_size <= crop_size:
            raise ValueError(f"input_size must lie between 1 and crop_size {crop_size}, got {input_size}.")
        if frame_rate != VIDEO_FRAME_RATE:
            raise ValueError(f"frame_rate must be {VIDEO_FRAME_RATE}: one frame is four mel frames. Got {frame_rate}.")
        if image_std <= 0:
            raise ValueError(f"image_std must be greater than 0, got {image_std}.")
        super().__init__(**kwargs)
        self.crop_size = crop_size
        self.input_size = input_size
        self.image_mean = image_mean
        self.image_std = image_std
        self.frame_rate = frame_rate
        self.detector = detector

    def normalize(self, crops: np.ndarray | torch.Tensor) -> torch.Tensor:
        """Model input from crops: `(..., F, 96, 96)` uint8 to `(..., F, 88, 88)` float32, centre cut and normalised."""
        crops = torch.as_tensor(crops)
        edge = (self.crop_size - self.input_size) // 2
        cut = crops[..., edge : edge + self.input_size, edge : edge + self.input_size]
        return (cut.float() / 255.0 - self.image_mean) / self.image_std

    def __call__(
        self,
        video: Any,
        fps: float | None = None,
        mouth_box: Sequence[float] | None = None,
        turn: int | None = None,
    ) -> BatchFeature:
        r"""
        Args:
            video: a clip in any form of [`~processing.clips.as_clip`]: its file, frames, pictures, a decoder.
            fps (`float`, *optional*): rate of frames and pictures, which need it; refused for files.
            mouth_box (*optional*): x0, y0, x1, y1 in pixels of the upright picture, around the lips from corner to corner.
                Skips detection and stays in place for the whole clip.
            turn (`int`, *optional*): degrees counter-clockwise, 0, 90, 180 or 270, by which the picture is turned against what its
                metadata says. By default a face is looked for upright, and where there is none, in the turned picture.

        Returns:
            `BatchFeature` with
            - **lip_values** (`torch.Tensor` of shape `(1, F, 88, 88)`, float32),
            - **crops** (`np.ndarray` of shape `(F, 96, 96)`, uint8),
            - **num_frames** (`int`) F, at 25 frames a second,
            - **num_samples** (`int`) length of the dub in samples at 16 kHz,
            - **duration** (`float`) of the clip in seconds,
            - **found** (`np.ndarray` of shape `(F,)`, bool), False where the face was lost and its place interpolated,
            - **boxes** (`np.ndarray` of shape `(F, 4)`) squares that were cropped, in pixels of the turned picture,
            - **turn** (`int`) degrees counter-clockwise by which it was turned,
            - **warnings** (`list[str]`) about damage and lost faces.

        Raises:
            ValueError: unreadable or too long clip, a mouth box outside of the picture; `NoFaceError`: no face in any frame.
        """
        check_turn(turn)
        clip, track, turned = self._find(video, fps, mouth_box, turn)
        crops = np.stack(
            [
                cut_square(grey, centre * clip.scale, side * clip.scale, self.crop_size)
                for grey, centre, side in zip(clip, track.centres, track.sides, strict=True)
            ]
        )
        remarks = _remarks(track) if turned == (turn or 0) else [_TURNED.format(turn=turned), *_remarks(track)]
        return BatchFeature(
            {
                "lip_values": self.normalize(crops)[None],
                "crops": crops,
                "num_frames": len(crops),
                "num_samples": clip.info.num_samples,
                "duration": clip.info.duration,
                "found": track.found,
                "boxes": track.boxes,
                "turn": turned,
                "warnings": [*clip.info.warnings, *remarks],
            }
        )

    def measure(self, video: Any, fps: float | None = None) -> BatchFeature:
        """The lengths of a clip in which no face is looked for: `num_frames`, `num_samples`, `duration` and `warnings` as
        of a call.

        Raises:
            ValueError: unreadable or too long clip.
        """
        clip = self._load(video, fps, 0)
        return BatchFeature(
            {
                "num_frames": len(clip),
                "num_samples": clip.info.num_samples,
                "duration": clip.info.duration,
                "warnings": list(clip.info.warnings),
            }
        )

    def _find(
        self,
        video: Any,
        fps: float | None,
        mouth_box: Sequence[float] | None,
        turn: int | None,
    ) -> tuple[GreyClip | GreyArray, MouthTrack, int]:
        """The clip, where the mouth is in it, and how far it was turned for that."""
        clip = self._load(video, fps, turn or 0)
        if mouth_box is not None:
            return clip, self._fixed(clip, mouth_box), turn or 0
        try:
            return clip, self._track(clip), turn or 0
        except NoFaceError:
            turned = _turn_of_face(clip) if turn is None else None
            if turned is None:
                raise
        clip = self._load(video, fps, turned)
        return clip, self._track(clip), turned

    def _load(self, video: Any, fps: float | None, turn: int) -> GreyClip | GreyArray:
        clip = as_clip(video, fps)
        if fps is not None and not isinstance(clip, Frames):
            raise ValueError("fps belongs to arrays of frames; a file knows its own times. Leave fps out.")
        return open_clip(clip, turn)

    def _fixed(self, clip: GreyClip | GreyArray, mouth_box: Sequence[float]) -> MouthTrack:
        x0, y0, x1, y1 = check_mouth_box(mouth_box, clip.info.width, clip.info.height)
        frames = len(clip)
        centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        return MouthTrack(
            centres=np.tile(centre, (frames, 1)),
            sides=np.full(frames, (x1 - x0) * CROP_OF_MOUTH),
            found=np.ones(frames, dtype=bool),
        )

    def _track(self, clip: GreyClip | GreyArray) -> MouthTrack:
        if self.detector == "mediapipe":
            return _track_mediapipe(clip)
        return _track_haar(clip)


def _remarks(track: MouthTrack) -> list[str]:
    lost, remarks = int((~track.found).sum()), []
    if track.num_faces > 1:
        remarks.append(
            f"{track.num_faces} faces were seen; the largest and steadiest one is taken as the speaker. Choose another with "
            "--mouth-box x0,y0,x1,y1 (mouth_box= in Python)."
        )
    if lost:
        remarks.append(
            f"the face was not seen in {lost} of {len(track.found)} frames; words there last as long as is natural."
        )
    return remarks


def _turn_of_face(clip: GreyClip | GreyArray) -> int | None:
    """The turn that shows a face in at least half of some frames, if any does."""
    chosen = set(np.linspace(0, len(clip) - 1, min(_TURN_FRAMES, len(clip))).round().astype(int).tolist())
    smalls = [shrink(grey, DETECT_SIDES[-1]) for index, grey in enumerate(clip) if index in chosen]
    seen = {
        turn: sum(
            len(detect_haar(np.ascontiguousarray(np.rot90(small, turn // 90)), DETECT_MIN_FACE[-1])) > 0
            for small in smalls
        )
        for turn in TURNS[1:]
    }
    best = max(seen, key=seen.__getitem__)
    return best if seen[best] >= 0.5 * len(smalls) else None


def _track_haar(clip: GreyClip | GreyArray) -> MouthTrack:
    for side, min_face in zip(DETECT_SIDES, DETECT_MIN_FACE, strict=True):
        smalls = [shrink(grey, side) for grey in clip]
        looked_at = range(0, len(smalls), DETECT_EVERY)
        tracks = face_tracks({index: detect_haar(smalls[index], min_face) for index in looked_at})
        if tracks:
            break
    else:
        raise NoFaceError(_NO_FACE)
    faces, seen = follow_face(smalls, tracks[0])
    offset = mouth_offset(smalls, faces, seen)
    scale = min(clip.info.width, clip.info.height) / min(smalls[0].shape)
    centres = (faces[:, :2] + offset * faces[:, 2:]) * scale
    return MouthTrack(
        centres=centres, sides=faces[:, 2] * scale * CROP_OF_FACE, found=seen, num_faces=_count_faces(tracks)
    )


def _count_faces(tracks: list[dict[int, np.ndarray]]) -> int:
    return sum(len(track) >= 0.5 * len(tracks[0]) for track in tracks)


def _face_mesh():
    try:
        from mediapipe import solutions
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"detector='mediapipe' needs MediaPipe: {pip_line('mediapipe')} (Python 3.11 or 3.12), or set detector='haar'."
        ) from error
    return solutions.face_mesh.FaceMesh(static_image_mode=False, max_num_faces=4)


# Points of MediaPipe's face mesh: outer corners of the eyes; upper edge of the upper and lower edge of the lower lip.
_MESH_EYES, _MESH_LIPS = (33, 263), (0, 17)
# The side of the crop in these distances, measured over 15 GRID speakers, so that both detectors give equal crops.
_CROP_OF_EYES, _CROP_OF_EYES_TO_LIPS = 1.18, 1.46


def _mesh_faces(mesh, grey: np.ndarray) -> np.ndarray:
    """Faces `(n, 5)`: middle of the eyes, side of the face square, middle of the lips, in pixels."""
    found = mesh.process(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)).multi_face_landmarks or []
    faces = np.zeros((len(found), 5))
    for row, face in enumerate(found):
        points = np.array([(point.x, point.y) for point in face.landmark]) * grey.shape[::-1]
        left, right = points[list(_MESH_EYES)]
        eyes, lips = (left + right) / 2, points[list(_MESH_LIPS)].mean(axis=0)
        side = (_CROP_OF_EYES * np.hypot(*(left - right)) + _CROP_OF_EYES_TO_LIPS * np.hypot(*(eyes - lips))) / 2
        faces[row] = (*eyes, side / CROP_OF_FACE, *lips)
    return faces


def _track_mediapipe(clip: GreyClip | GreyArray) -> MouthTrack:
    with _face_mesh() as mesh:
        tracks = face_tracks({index: _mesh_faces(mesh, grey) for index, grey in enumerate(clip)})
    if not tracks:
        raise NoFaceError(_NO_FACE)
    track = tracks[0]
    known = np.array(sorted(track))
    values = np.stack([track[index] for index in known])
    faces = interpolate_rows(np.arange(len(clip)), known, values)
    # The eyes give the place and the clip's usual distance from eyes to lips the offset: a crop that followed the lips
    # themselves would hide how far the mouth opens.
    offset = np.median((values[:, 3:] - values[:, :2]) / values[:, 2:3], axis=0)
    sides = smooth_gaussian(faces[:, 2], 25.0)
    return MouthTrack(
        centres=(smooth_gaussian(faces[:, :2], 1.5) + offset * sides[:, None]) / clip.scale,
        sides=sides * CROP_OF_FACE / clip.scale,
        found=np.isin(np.arange(len(clip)), known),
        num_faces=_count_faces(tracks),
    )

"""Clips in the forms that libraries hold them: files, arrays of frames, lists of pictures, decoders."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .frames import MAX_VIDEO_SECONDS, GreyArray, GreyClip, check_fps
from .held import HeldFile, as_file


#: Of a decoder's pictures: a minute of 1080p at 30 a second.
MAX_DECODED_BYTES = 4_000_000_000

_FORMS = (
    "a path, the bytes of a file, frames (uint8, or floats in [0, 1]) of shape (frames, height, width, 3) or "
    "(frames, 3, height, width), a list of pictures, or a decoder of torchcodec"
)


@dataclass(frozen=True)
class Frames:
    """A clip as pictures at a constant rate.

    Attributes:
        pictures: `(F, H, W, 3)` RGB or `(F, H, W)` grey, uint8.
        fps: frames a second.
    """

    pictures: np.ndarray
    fps: float


def as_clip(video: Any, fps: float | None = None) -> Path | HeldFile | Frames:
    """A clip in whatever form as a file, or as frames.

    Args:
        video: a path, bytes, a file object or `{"path", "bytes"}` of a file; frames as an array or a tensor `(F, H, W, 3)`,
            `(F, 3, H, W)` or `(F, H, W)`, uint8 or floats in [0, 1]; a list of pictures of one size (of PIL, arrays or tensors); a
            `VideoDecoder` of torchcodec, which `datasets` gives too.
        fps: frames a second of what is no file and no decoder.

    Raises:
        ValueError: none of these, no rate, or more than one reading.
    """
    if isinstance(video, Frames):
        return video
    file = as_file(video)
    if file is not None:
        return file
    if hasattr(video, "metadata") and hasattr(video, "get_frame_at"):
        return _decoder_file(video) or _decoded(video)
    pictures = _stacked(video) if is_picture_list(video) else _frames_array(video)
    if fps is None:
        raise ValueError("frames need their rate: give `fps` as frames a second (fps=25).")
    check_fps(fps)
    return Frames(pictures, float(fps))


def open_clip(clip: Path | HeldFile | Frames, turn: int = 0) -> GreyClip | GreyArray:
    """What [`as_clip`] gave, as grey frames on the 25 fps grid, turned by `turn` degrees counter-clockwise."""
    return GreyArray(clip.pictures, clip.fps, turn) if isinstance(clip, Frames) else GreyClip(clip, turn)


def is_picture_list(value: Any) -> bool:
    """Whether something is a list of pictures, which is one clip, and no list of clips."""
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(_is_picture(one) for one in value)


def _is_picture(value: Any) -> bool:
    """One picture and no clip: an array of two or three axes, or an image of PIL."""
    return len(getattr(value, "shape", ())) in (2, 3) or hasattr(value, "getbands")


def _array(value: Any) -> np.ndarray:
    """An array of an array, a tensor or an image of PIL, without a copy where that is possible."""
    if hasattr(value, "getbands"):
        return np.asarray(value.convert("RGB"))
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value  # numpy has no bfloat16
    return np.asarray(value)


def _frames_array(video: Any) -> np.ndarray:
    """`(F, H, W, 3)` or `(F, H, W)` uint8 of an array or tensor."""
    if not hasattr(video, "shape"):
        raise ValueError(f"a clip is {_FORMS}; got {type(video).__name__}.")
    frames = _array(video)
    if frames.ndim not in (3, 4) or (frames.ndim == 4 and 3 not in (frames.shape[1], frames.shape[3])):
        raise ValueError(f"a clip is {_FORMS}; got {frames.dtype} of shape {frames.shape}.")
    if 0 in frames.shape:
        raise ValueError(f"there are no frames in an array of the shape {frames.shape}.")
    if frames.ndim == 3:
        if 3 in (frames.shape[0], frames.shape[2]):
            raise ValueError(
                f"{frames.shape} is the shape of one picture; give the clip's frames, stacked or as a list."
            )
    elif frames.shape[1] == frames.shape[3]:
        raise ValueError(
            f"in frames of shape {frames.shape} either axis could be the three colours; give larger pictures."
        )
    elif frames.shape[1] == 3:
        frames = np.moveaxis(frames, 1, 3)
    return frames if frames.dtype == np.uint8 else np.stack([_eight_bit(frame) for frame in frames])


def _eight_bit(picture: np.ndarray) -> np.ndarray:
    """uint8 of a picture of uint8, or of floats in [0, 1]."""
    if picture.dtype == np.uint8:
        return picture
    if not np.issubdtype(picture.dtype, np.floating):
        raise ValueError(f"frames must be uint8, or floats in [0, 1], got {picture.dtype}; convert them.")
    if not (picture.min() >= 0 and picture.max() <= 1):  # also where a value is not a number
        raise ValueError(
            f"frames given as floats lie in [0, 1], these go from {picture.min():g} to {picture.max():g}; divide them by their "
            "full scale, or give uint8."
        )
    return np.rint(picture * np.float32(255)).astype(np.uint8)


def _grey(picture: Any, name: str) -> np.ndarray:
    """`(H, W)` uint8 of one picture: of PIL, or `(H, W)`, `(H, W, 3)` or `(3, H, W)`."""
    array = _array(picture)
    if array.ndim == 3 and (array.shape[0] == 3) != (array.shape[2] == 3):
        array = np.moveaxis(array, 0, 2) if array.shape[0] == 3 else array
    elif array.ndim != 2:
        raise ValueError(
            f"{name} must have the shape (height, width, 3), (3, height, width) or (height, width), got {array.shape}."
        )
    if 0 in array.shape:
        raise ValueError(f"{name} has no pixels: its shape is {array.shape}.")
    array = np.ascontiguousarray(_eight_bit(array))
    return array if array.ndim == 2 else cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)


def _stacked(pictures: Iterable[Any]) -> np.ndarray:
    """`(F, H, W)` uint8 of pictures of one size. Lips are read from grey ones, and those take a third of the memory."""
    found: list[np.ndarray] = []
    for number, picture in enumerate(pictures):
        grey = _grey(picture, f"picture {number}")
        if found and grey.shape != found[0].shape:
            raise ValueError(
                f"picture {number} is {grey.shape[1]}x{grey.shape[0]} and the first one {found[0].shape[1]}x{found[0].shape[0]}; "
                "bring all pictures of a clip to one size."
            )
        found.append(grey)
    return np.stack(found)


def _decoder_file(decoder: Any) -> Path | HeldFile | None:
    """The file that a decoder of `datasets` was made of, if it is there: its own time stamps are exact."""
    source = getattr(decoder, "_hf_encoded", None)
    if not isinstance(source, dict):
        return None
    path = source.get("path")
    if source.get("bytes") is None and not (path is not None and Path(path).is_file()):
        return None
    return as_file(source)


def _decoded(decoder: Any) -> Frames:
    """All frames of a decoder of torchcodec."""
    rate, count = decoder.metadata.average_fps, len(decoder)
    check_fps(rate)
    if count == 0:
        raise ValueError("the decoder holds no frames.")
    if count > MAX_VIDEO_SECONDS * rate:
        raise ValueError(
            f"the decoder's clip lasts {count / rate:.1f} s; clips of at most {MAX_VIDEO_SECONDS:g} s are supported. Cut it into "
            "sentences."
        )
    times: list[float] = []
    room = MAX_DECODED_BYTES

    def pictures() -> Iterable[Any]:
        nonlocal room
        for number in range(count):
            frame = decoder.get_frame_at(number)
            times.append(float(frame.pts_seconds))
            yield frame.data
            room -= frame.data.nbytes // 3  # what is kept of it
            if room < 0:
                raise ValueError(
                    "the decoder's frames do not fit into memory; give the file itself, which is read in parts."
                )

    stacked = _stacked(pictures())
    if not _constant(times, rate):
        raise ValueError(
            "the decoder's frames do not come at a constant rate; give the file itself, whose times are read."
        )
    return Frames(stacked, float(rate))


def _constant(times: Sequence[float], rate: float) -> bool:
    """Whether no frame lies farther than half a frame from where a constant rate would put it."""
    expected = times[0] + np.arange(len(times)) / rate
    return bool(np.abs(np.asarray(times) - expected).max() <= 0.5 / rate)

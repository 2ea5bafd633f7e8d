"""Video in: frames with their times, and the 25 fps grid of the models."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from .held import HeldFile
from .media import MAX_VIDEO_SIDE, FrameReader, check_picture, open_video
from .sound import SAMPLING_RATE, VIDEO_FRAME_RATE


MAX_VIDEO_SECONDS = 600.0
MAX_FRAME_RATE = 1000
#: Pictures are reduced to this for the lips, which are found and cut out of less.
MAX_GREY_SIDE = 4096

# Pixel formats whose first plane is 8-bit luma: reading it directly is ten times faster than a conversion.
_LUMA_FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "yuvj422p", "yuvj444p", "nv12", "nv21")
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_EXPAND_LUMA = np.clip(np.round((np.arange(256) - 16.0) * 255.0 / 219.0), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class VideoInfo:
    """What a clip holds, measured from the frames that decode and not from what the file's header says.

    Attributes:
        width, height: of the picture as it is shown, in pixels (after the rotation in the metadata).
        rotation: degrees counter-clockwise that the metadata asks for: 0, 90, 180 or 270.
        frame_rate: frames a second, the mean over the clip.
        duration: seconds from the start of the first frame to the end of the last one.
        num_source_frames: frames that decode.
        num_frames: frames on the 25 fps grid that the models see.
        num_samples: length of the dub, exactly `round(duration * 16000)`; `num_frames * 640` for a 25 fps clip.
        damaged: packets or frames that do not decode, or decode with errors.
        warnings: what the user should know about the file, one sentence each.
    """

    width: int
    height: int
    rotation: int
    frame_rate: float
    duration: float
    num_source_frames: int
    num_frames: int
    num_samples: int
    damaged: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """Times of the frames of a clip and the map from the 25 fps grid to them.

    Attributes:
        info: of the clip.
        source_index: `(num_frames,)` int, which decoded frame stands at each place of the grid.
        times: starts of the decoded frames and the end of the last one, seconds from the first start.
        start: of the first frame by the file's own clock, in seconds.
    """

    info: VideoInfo
    source_index: np.ndarray
    times: Sequence[Fraction]
    start: float


def clip_times(
    pts: Sequence[int | None], durations: Sequence[int | None], time_base: Fraction, rate: Fraction
) -> list[Fraction]:
    """Starts of all frames and the end of the last one, in seconds from the first frame. Length: frames + 1."""
    step = 1 / rate
    if any(value is None for value in pts) or any(b <= a for a, b in pairwise(pts)):
        return [index * step for index in range(len(pts) + 1)]  # no usable time stamps: the nominal rate
    starts = [(value - pts[0]) * time_base for value in pts]
    last = durations[-1] * time_base if durations[-1] else step
    return [*starts, starts[-1] + last]


def _grid(times: Sequence[Fraction]) -> np.ndarray:
    """Index of the frame nearest to each point of the 25 fps grid. Shape: `(ceil(duration * 25),)`."""
    starts = np.array([float(value) for value in times[:-1]])
    points = np.arange(grid_length(times[-1])) / VIDEO_FRAME_RATE
    right = np.clip(np.searchsorted(starts, points), 1, max(1, len(starts) - 1))
    if len(starts) == 1:
        return np.zeros(len(points), dtype=np.int64)
    # The small bias lets ties (50 fps and the like) fall on the earlier frame whatever the rounding of the time stamps.
    take_left = points - starts[right - 1] <= starts[right] - points + 1e-6
    return np.where(take_left, right - 1, right)


def grid_length(duration: Fraction | float) -> int:
    """Number of 25 fps frames that cover `duration` seconds, at least one."""
    frames = Fraction(duration).limit_denominator(10**7) * VIDEO_FRAME_RATE
    return max(1, -((-frames.numerator) // frames.denominator))


def check_fps(fps: object) -> None:
    """Raises `ValueError` unless frames a second are a number between 1 and 1000."""
    if isinstance(fps, bool) or not isinstance(fps, (int, float, Fraction, np.number)):
        raise ValueError(f"fps must be a number of frames a second, got {fps!r} ({type(fps).__name__}).")
    if not np.isfinite(float(fps)) or not 1 <= fps <= MAX_FRAME_RATE:
        raise ValueError(f"fps must lie between 1 and {MAX_FRAME_RATE}, got {fps}.")


def resample_index(num_frames: int, fps: float) -> np.ndarray:
    """Map from the 25 fps grid to frames of a constant-rate array. Shape: `(ceil(num_frames / fps * 25),)`."""
    check_fps(fps)
    rate = Fraction(fps).limit_denominator(1001)
    return _grid([index / rate for index in range(num_frames + 1)])


def _check_length(duration: float, name: str, max_seconds: float = MAX_VIDEO_SECONDS) -> None:
    if duration > max_seconds + 1e-6:
        raise ValueError(
            f"{name} lasts {duration:.1f} s; clips of at most {max_seconds:g} s are supported. Cut it into scenes."
        )


def scan_video(
    path: Path | HeldFile,
    visit: Callable[[av.VideoFrame], None] | None = None,
    max_seconds: float = MAX_VIDEO_SECONDS,
    max_side: int = MAX_VIDEO_SIDE,
) -> Timeline:
    """Decodes the whole clip once, in order, handing each frame to `visit`. Errors as of [`probe_video`]."""
    pts, durations, sizes = [], [], []
    rotation = 0
    with open_video(path, max_side) as (container, stream):
        rate = Fraction(stream.average_rate or stream.guessed_rate or VIDEO_FRAME_RATE)
        time_base = Fraction(stream.time_base or Fraction(1, 90000))
        header_seconds = float(stream.duration * time_base) if stream.duration else 0.0
        _check_length(header_seconds, str(path), max_seconds)  # say so before decoding an hour of film
        reader = FrameReader(container, stream)
        for frame in reader:
            check_picture(path, frame.width, frame.height, max_side)
            if not pts:
                rotation = metadata_rotation(frame)
            pts.append(frame.pts)
            durations.append(frame.duration)
            sizes.append(_upright_size(frame))
            elapsed = (
                (frame.pts - pts[0]) * time_base if frame.pts is not None and pts[0] is not None else len(pts) / rate
            )
            _check_length(float(elapsed), str(path), max_seconds)
            if len(pts) > max_seconds * MAX_FRAME_RATE:
                raise ValueError(f"{path} has more than {MAX_FRAME_RATE} frames a second; export it with fewer.")
            if visit is not None:
                visit(frame)
        damaged = reader.damaged
    if not pts:
        raise ValueError(f"{path} has a video stream but no frame of it decodes; it is damaged. Export it again.")
    times = clip_times(pts, durations, time_base, rate)
    duration = times[-1]
    _check_length(float(duration), str(path), max_seconds)
    index = _grid(times)
    return Timeline(
        info=VideoInfo(
            width=sizes[0][0],
            height=sizes[0][1],
            rotation=rotation,
            frame_rate=float(len(pts) / duration),
            duration=float(duration),
            num_source_frames=len(pts),
            num_frames=len(index),
            num_samples=round(duration * SAMPLING_RATE),
            damaged=damaged,
            warnings=tuple(_remarks(sizes, times, damaged, header_seconds)),
        ),
        source_index=index,
        times=times,
        start=float((pts[0] or 0) * time_base),
    )


def _remarks(
    sizes: Sequence[tuple[int, int]], times: Sequence[Fraction], damaged: int, header_seconds: float
) -> Iterator[str]:
    """What the user should know of a clip that was decoded."""
    duration = float(times[-1])
    if damaged:
        yield f"{damaged} damaged part(s) of the video were skipped; {len(sizes)} frames ({duration:.2f} s) decode."
    if header_seconds > duration + 0.5:
        yield f"the file's header says {header_seconds:.2f} s of video but only {duration:.2f} s decode; the dub covers those."
    other = next((number for number, size in enumerate(sizes) if size != sizes[0]), None)
    if other is not None:
        (width, height), (new_width, new_height) = sizes[0], sizes[other]
        yield (
            f"the picture's size changes inside the file, from {width}x{height} to {new_width}x{new_height} at "
            f"{float(times[other]):.2f} s; all frames were brought to the first size before the lips were read."
        )


def probe_video(path: str | Path, max_seconds: float = MAX_VIDEO_SECONDS, max_side: int = MAX_VIDEO_SIDE) -> VideoInfo:
    """Decodes a clip once and tells its size, rate, exact length and damage.

    Args:
        path: the clip.
        max_seconds, max_side (*optional*): longer and larger clips are refused, before much of them is decoded.

    Raises:
        ValueError: missing file, not a video, no video stream, nothing decodes, too long, too large.
    """
    return scan_video(Path(path), max_seconds=max_seconds, max_side=max_side).info


def metadata_rotation(frame: av.VideoFrame) -> int:
    """Counter-clockwise turn that the display matrix asks for, to the nearest quarter: 0, 90, 180 or 270."""
    return round((getattr(frame, "rotation", 0) or 0) / 90) * 90 % 360


def _upright_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height as shown."""
    return (frame.height, frame.width) if metadata_rotation(frame) % 180 else (frame.width, frame.height)


def fit_picture(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """`(H, W)` or `(H, W, 3)` uint8 at another size, its proportions kept, with its edges repeated beside or above it."""
    if picture.shape[:2] == (height, width):
        return picture
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    right, bottom = width - size[0] - left, height - size[1] - top
    return cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_REPLICATE)


class UprightPictures:
    """Decoded frames as upright arrays, all of the first one's size.

    Args:
        pixel_format: `"gray"` or `"rgb24"`.
        turn: degrees counter-clockwise beside what the metadata asks for.
        max_side: larger frames are reduced to it; `None` leaves them.
    """

    def __init__(self, pixel_format: str = "gray", turn: int = 0, max_side: int | None = None):
        self._pixel_format = pixel_format
        self._turn = turn
        self._max_side = max_side
        self._size: tuple[int, int] | None = None
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> np.ndarray:
        turns = (metadata_rotation(frame) + self._turn) // 90 % 4
        picture = self._decoded(frame)
        picture = np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
        self._size = self._size or picture.shape[:2]
        return fit_picture(picture, *self._size)

    def _decoded(self, frame: av.VideoFrame) -> np.ndarray:
        reduced = reduced_size(frame.width, frame.height, self._max_side)
        if reduced != (frame.width, frame.height):
            frame = self._reformatter.reformat(frame, *reduced, interpolation="AREA", format=self._pixel_format)
        elif self._pixel_format == "gray" and frame.format.name in _LUMA_FORMATS:
            return _luma(frame)
        return self._reformatter.reformat(frame, format=self._pixel_format).to_ndarray()


def reduced_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Width and height with the longer side at most `max_side`, even where they are reduced."""
    if max_side is None or max(width, height) <= max_side:
        return width, height
    scale = max_side / max(width, height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _luma(frame: av.VideoFrame) -> np.ndarray:
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    full = frame.format.name.startswith("yuvj") or int(frame.color_range or 0) == _FULL_RANGE
    return luma.copy() if full else _EXPAND_LUMA[luma]


def iter_frames(path: str | Path, pixel_format: str = "gray", turn: int = 0) -> Iterator[np.ndarray]:
    """Frames of a clip as decoded, turned upright as the metadata asks, all of one size; damaged packets are skipped.

    Args:
        path: the clip.
        pixel_format (`str`, defaults to `"gray"`): `"gray"` gives `(height, width)`, `"rgb24"` `(height, width, 3)`, uint8.
        turn (`int`, defaults to 0): degrees counter-clockwise, 0, 90, 180 or 270, beside what the metadata asks for.

    Raises:
        ValueError: as `probe_video`, or an unknown pixel format.
    """
    if pixel_format not in ("gray", "rgb24"):
        raise ValueError(f"pixel_format must be 'gray' or 'rgb24', got {pixel_format!r}.")
    yield from _decoded(Path(path), UprightPictures(pixel_format, turn))


def _decoded(path: Path | HeldFile, pictures: UprightPictures) -> Iterator[np.ndarray]:
    with open_video(path) as (container, stream):
        yield from map(pictures, FrameReader(container, stream))


def iter_grid(path: str | Path, pixel_format: str = "gray", turn: int = 0) -> Iterator[np.ndarray]:
    """Frames of a clip on the 25 fps grid, decoded twice: once for their times. Arguments and errors as of [`iter_frames`]."""
    yield from _on_grid(iter_frames(path, pixel_format, turn), scan_video(Path(path)).source_index)


def _on_grid(frames: Iterable[np.ndarray], index: Sequence[int]) -> Iterator[np.ndarray]:
    """The frame of each number in a rising `index`."""
    wanted = 0
    for number, frame in enumerate(frames):
        while wanted < len(index) and index[wanted] == number:
            yield frame
            wanted += 1


class GreyClip:
    """A clip as upright grey frames on the 25 fps grid.

    Iterating gives `num_frames` arrays `(height, width)` uint8, as often as wanted. Small clips are held in memory after
    the first decoding; large ones are decoded again for every pass, so that minutes of 1080p do not fill the memory.

    Args:
        path: the clip, or the file in memory.
        turn (`int`, defaults to 0): degrees counter-clockwise, 0, 90, 180 or 270, by which the picture is turned beside what
            its metadata asks for.
        hold_bytes (`int`, defaults to 192 MB): most memory that held frames may take.
        max_side (`int`, defaults to 4096): larger pictures are reduced to it.

    Attributes:
        info: of the clip, its width and height those of the turned picture.
        scale: pixels of a frame that is given for each pixel of the clip's own picture, 1 or less.

    Raises:
        ValueError: as `probe_video`.
    """

    def __init__(
        self,
        path: str | Path | HeldFile,
        turn: int = 0,
        hold_bytes: int = 192_000_000,
        max_side: int = MAX_GREY_SIDE,
    ):
        self.path = path if isinstance(path, HeldFile) else Path(path)
        self._turn, self._max_side = turn, max_side
        self._held: list[np.ndarray] | None = []
        self._room = hold_bytes
        self._pictures = self._new_pictures()
        timeline = scan_video(self.path, self._hold)
        info = timeline.info
        self.info = replace(info, width=info.height, height=info.width) if turn % 180 else info
        self.scale = min(1.0, max_side / max(info.width, info.height))
        self._index = timeline.source_index

    def _new_pictures(self) -> UprightPictures:
        return UprightPictures("gray", self._turn, self._max_side)

    def _hold(self, frame: av.VideoFrame) -> None:
        if self._held is None:
            return
        picture = self._pictures(frame)
        self._room -= picture.size
        if self._room < 0:
            self._held = None
        else:
            self._held.append(picture)

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._held is not None:
            yield from (self._held[index] for index in self._index)
            return
        yield from _on_grid(_decoded(self.path, self._new_pictures()), self._index)


class GreyArray:
    """Frames in memory with the interface of `GreyClip`.

    Args:
        frames: `(F, H, W, 3)` RGB or `(F, H, W)` grey, uint8.
        fps: their rate.
        turn: degrees counter-clockwise by which they are turned.

    Raises:
        ValueError: wrong shape or type, no frames, too many, or a rate out of range.
    """

    scale = 1.0

    def __init__(self, frames: np.ndarray, fps: float, turn: int = 0):
        frames = np.asarray(frames)
        if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[-1] != 3):
            raise ValueError(
                f"frames must be uint8 of the shape (frames, height, width, 3) or (frames, height, width), got {frames.dtype} "
                f"{frames.shape}."
            )
        if 0 in frames.shape:
            raise ValueError(f"there are no frames in an array of the shape {frames.shape}.")
        self._index = resample_index(len(frames), fps)
        duration = Fraction(len(frames)) / Fraction(fps).limit_denominator(1001)
        _check_length(float(duration), "the array of frames")
        frames = np.rot90(frames, turn // 90 % 4, axes=(1, 2))
        self._frames = frames
        self.info = VideoInfo(
            width=frames.shape[2],
            height=frames.shape[1],
            rotation=0,
            frame_rate=float(fps),
            duration=float(duration),
            num_source_frames=len(frames),
            num_frames=len(self._index),
            num_samples=round(duration * SAMPLING_RATE),
            damaged=0,
        )

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[np.ndarray]:
        for index in self._index:
            frame = self._frames[index]
            frame = np.ascontiguousarray(frame)
            yield frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)

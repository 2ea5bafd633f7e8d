# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Video in and out: frames with their times, the 25 fps grid of the models, and the dub beside the clip's own packets.

Everything goes through PyAV, whose wheels carry FFmpeg, so nothing has to be installed on the system. Sound that is
written starts where the first video frame starts; the video packets themselves are copied and never encoded again.
"""

import heapq
import itertools
import os
import secrets
import struct
import wave
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from ..version import __version__
from .audio import READING_OPTIONS, SAMPLING_RATE, VIDEO_FRAME_RATE


#: What a written dub says of itself in its metadata, where players and `ffprobe` show it as the comment.
SYNTHETIC_SPEECH_NOTICE = (
    f"Synthetic speech made by FlowDubber (flowdubber-hf {__version__}); not a recording of the person seen or heard."
)
MAX_VIDEO_SECONDS = 60.0
MAX_VIDEO_SIDE = 4096
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")

# AAC at 48 kHz is what every player and browser takes; a 16 kHz AAC track is legal but some refuse it.
_OUTPUT_AUDIO_RATE = 48000
_OUTPUT_AUDIO_BIT_RATE = 128000
_AAC_FRAME = 1024

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
class _Timeline:
    """Times of the frames of a clip and the map from the 25 fps grid to them."""

    info: VideoInfo
    source_index: np.ndarray  # (num_frames,) int: which decoded frame stands at each place of the grid
    times: Sequence[Fraction]  # starts of the decoded frames and the end of the last one, seconds from the first start


def _check_file(path: str | Path) -> Path:
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give a video file.")
    if not path.is_file():
        raise ValueError(f"there is no file {path}.")
    return path


@contextmanager
def _open_video(
    path: Path, max_side: int = MAX_VIDEO_SIDE
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Opens a file for reading its first picture stream; every failure to do so is a `ValueError`."""
    try:
        container = av.open(str(path), container_options=READING_OPTIONS)
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path} cannot be read as a video ({reason}); convert it to mp4 and try again.") from error
    with container:
        attached = Disposition.attached_pic
        streams = [stream for stream in container.streams.video if not stream.disposition & attached]
        if not streams:
            raise ValueError(f"{path} has no video stream; give a clip that shows the speaker.")
        stream = streams[0]
        if stream.codec_context is None:
            raise ValueError(f"{path} has a video stream of an unknown kind; convert it to mp4 and try again.")
        if max(stream.width or 0, stream.height or 0) > max_side:
            raise ValueError(
                f"{path} is {stream.width}x{stream.height}; at most {max_side} pixels a side are supported. Scale it down."
            )
        stream.thread_type = "AUTO"
        yield container, stream


class _FrameReader:
    """Iterates over the decodable frames of a stream in order of presentation and counts what is damaged."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream):
        self.container = container
        self.stream = stream
        self.damaged = 0

    def __iter__(self) -> Iterator[av.VideoFrame]:
        for packet in self.packets():
            try:
                frames = packet.decode()
            except av.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                self.damaged += bool(frame.is_corrupt)
                yield frame

    def packets(self) -> Iterator[av.Packet]:
        try:
            yield from self.container.demux(self.stream)
        except av.FFmpegError:
            self.damaged += 1  # the file ends in the middle of a packet: keep what came before it


def _times(
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


def resample_index(num_frames: int, fps: float) -> np.ndarray:
    """Map from the 25 fps grid to frames of a constant-rate array. Shape: `(ceil(num_frames / fps * 25),)`."""
    if not np.isfinite(fps) or not 1 <= fps <= 1000:
        raise ValueError(f"fps must lie between 1 and 1000, got {fps}.")
    rate = Fraction(fps).limit_denominator(1001)
    return _grid([index / rate for index in range(num_frames + 1)])


def _check_length(duration: float, name: str, max_seconds: float = MAX_VIDEO_SECONDS) -> None:
    if duration > max_seconds + 1e-6:
        raise ValueError(
            f"{name} lasts {duration:.1f} s; clips of at most {max_seconds:g} s are supported. Cut it into sentences."
        )


def _scan(
    path: Path,
    visit: Callable[[av.VideoFrame], None] | None = None,
    max_seconds: float = MAX_VIDEO_SECONDS,
    max_side: int = MAX_VIDEO_SIDE,
) -> _Timeline:
    """Decodes the whole clip once, in order, handing each frame to `visit`."""
    pts, durations = [], []
    rotation, width, height = 0, 0, 0
    with _open_video(path, max_side) as (container, stream):
        rate = Fraction(stream.average_rate or stream.guessed_rate or VIDEO_FRAME_RATE)
        time_base = Fraction(stream.time_base or Fraction(1, 90000))
        header_seconds = float(stream.duration * time_base) if stream.duration else 0.0
        _check_length(header_seconds, str(path), max_seconds)  # say so before decoding an hour of film
        reader = _FrameReader(container, stream)
        for frame in reader:
            if not pts:
                rotation, width, height = _rotation(frame), frame.width, frame.height
            pts.append(frame.pts)
            durations.append(frame.duration)
            elapsed = (
                (frame.pts - pts[0]) * time_base if frame.pts is not None and pts[0] is not None else len(pts) / rate
            )
            _check_length(float(elapsed), str(path), max_seconds)
            if visit is not None:
                visit(frame)
        damaged = reader.damaged
    if not pts:
        raise ValueError(f"{path} has a video stream but no frame of it decodes; it is damaged. Export it again.")
    times = _times(pts, durations, time_base, rate)
    duration = times[-1]
    _check_length(float(duration), str(path), max_seconds)
    warnings = ()
    if damaged:
        warnings = (
            f"{damaged} damaged part(s) of the video were skipped; {len(pts)} frames ({float(duration):.2f} s) decode.",
        )
    if header_seconds > float(duration) + 0.5:
        warnings += (
            f"the file's header says {header_seconds:.2f} s of video but only {float(duration):.2f} s decode; the dub covers those.",
        )
    if rotation % 180:
        width, height = height, width
    index = _grid(times)
    return _Timeline(
        info=VideoInfo(
            width=width,
            height=height,
            rotation=rotation,
            frame_rate=float(len(pts) / duration),
            duration=float(duration),
            num_source_frames=len(pts),
            num_frames=len(index),
            num_samples=round(duration * SAMPLING_RATE),
            damaged=damaged,
            warnings=warnings,
        ),
        source_index=index,
        times=times,
    )


def probe_video(path: str | Path, max_seconds: float = MAX_VIDEO_SECONDS, max_side: int = MAX_VIDEO_SIDE) -> VideoInfo:
    """Decodes a clip once and tells its size, rate, exact length and damage.

    Args:
        path: the clip.
        max_seconds, max_side (*optional*): longer and larger clips are refused, before much of them is decoded.

    Raises:
        ValueError: missing file, not a video, no video stream, nothing decodes, too long, too large.
    """
    return _scan(_check_file(path), max_seconds=max_seconds, max_side=max_side).info


def _rotation(frame: av.VideoFrame) -> int:
    """Counter-clockwise turn that the display matrix asks for, to the nearest quarter: 0, 90, 180 or 270."""
    return round((getattr(frame, "rotation", 0) or 0) / 90) * 90 % 360


def _grey(frame: av.VideoFrame, reformatter: VideoReformatter) -> np.ndarray:
    if frame.format.name not in _LUMA_FORMATS:
        return reformatter.reformat(frame, format="gray").to_ndarray()
    plane = frame.planes[0]
    luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    full = frame.format.name.startswith("yuvj") or int(frame.color_range or 0) == _FULL_RANGE
    return luma.copy() if full else _EXPAND_LUMA[luma]


def _upright(array: np.ndarray, frame: av.VideoFrame) -> np.ndarray:
    turns = _rotation(frame) // 90
    return np.ascontiguousarray(np.rot90(array, turns)) if turns else array


def iter_frames(path: str | Path, pixel_format: str = "gray") -> Iterator[np.ndarray]:
    """Frames of a clip as decoded, turned upright as the metadata asks; damaged packets are skipped.

    Args:
        path: the clip.
        pixel_format (`str`, defaults to `"gray"`): `"gray"` gives `(height, width)`, `"rgb24"` `(height, width, 3)`, uint8.

    Raises:
        ValueError: as `probe_video`, or an unknown pixel format.
    """
    if pixel_format not in ("gray", "rgb24"):
        raise ValueError(f"pixel_format must be 'gray' or 'rgb24', got {pixel_format!r}.")
    reformatter = VideoReformatter()
    with _open_video(_check_file(path)) as (container, stream):
        for frame in _FrameReader(container, stream):
            if pixel_format == "gray":
                array = _grey(frame, reformatter)
            else:
                array = reformatter.reformat(frame, format="rgb24").to_ndarray()
            yield _upright(array, frame)


def iter_grid(path: str | Path, pixel_format: str = "gray") -> Iterator[np.ndarray]:
    """Frames of a clip on the 25 fps grid, decoded twice: once for their times. Arguments and errors as of [`iter_frames`]."""
    yield from _on_grid(iter_frames(path, pixel_format), _scan(_check_file(path)).source_index)


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
    the first decoding; large ones are decoded again for every pass, so that a minute of 1080p does not fill the memory.

    Args:
        path: the clip.
        hold_bytes (`int`, defaults to 192 MB): most memory that held frames may take.

    Raises:
        ValueError: as `probe_video`.
    """

    def __init__(self, path: str | Path, hold_bytes: int = 192_000_000):
        self.path = _check_file(path)
        self._held: list[np.ndarray] | None = []
        self._room = hold_bytes
        self._reformatter = VideoReformatter()
        timeline = _scan(self.path, self._hold)
        self.info = timeline.info
        self._index = timeline.source_index

    def _hold(self, frame: av.VideoFrame) -> None:
        self._room -= frame.width * frame.height
        if self._room < 0:
            self._held = None
        if self._held is not None:
            self._held.append(_upright(_grey(frame, self._reformatter), frame))

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[np.ndarray]:
        if self._held is not None:
            yield from (self._held[index] for index in self._index)
            return
        yield from _on_grid(iter_frames(self.path), self._index)


class GreyArray:
    """Frames in memory with the interface of `GreyClip`.

    Args:
        frames: `(F, H, W, 3)` RGB or `(F, H, W)` grey, uint8.
        fps: their rate.

    Raises:
        ValueError: wrong shape or type, no frames, too many, or a rate out of range.
    """

    def __init__(self, frames: np.ndarray, fps: float):
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
            yield frame if frame.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY)


def check_output(path: str | Path, suffixes: Sequence[str], overwrite: bool = False) -> Path:
    """Says early, before any work is done, whether a result can be written to `path`.

    Raises:
        ValueError: an unknown suffix, a file that exists (without `overwrite`), a folder that is missing or not writable.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{path} must end in {', '.join(suffixes)}; the ending chooses the format.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; give a file name.")
    if path.exists() and not overwrite:
        raise ValueError(f"{path} exists already; choose another name, or overwrite it (--overwrite, overwrite=True).")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent}; make it first.")
    _create_beside(path).unlink()
    return path


def _create_beside(path: Path) -> Path:
    temporary = path.with_name(f".{path.stem[:60]}-{secrets.token_hex(4)}{path.suffix}")
    try:
        temporary.open("xb").close()
    except OSError as error:
        raise ValueError(
            f"nothing can be written to the folder {path.parent} ({error.strerror}); choose another."
        ) from error
    return temporary


@contextmanager
def _atomic(path: Path, suffixes: Sequence[str], overwrite: bool) -> Iterator[Path]:
    """A new file in the folder of `path` that takes its place when all went well and is removed otherwise."""
    check_output(path, suffixes, overwrite)
    temporary = _create_beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:  # the disk is full, the folder went away
        raise ValueError(f"{path} cannot be written ({error.strerror or error}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def _check_waveform(waveform: np.ndarray, sampling_rate: int) -> np.ndarray:
    waveform = np.asarray(waveform, dtype=np.float32)
    if waveform.ndim != 1 or waveform.size == 0:
        raise ValueError(
            f"sound to write must have the shape (samples,) with at least one sample, got {waveform.shape}."
        )
    if not np.isfinite(waveform).all():
        raise ValueError("the sound holds values that are not finite (NaN or infinity).")
    if not 1000 <= sampling_rate <= 768000:
        raise ValueError(f"sampling_rate must lie between 1000 and 768000 Hz, got {sampling_rate}.")
    return np.clip(waveform, -1.0, 1.0)


def write_wav(
    path: str | Path,
    waveform: np.ndarray,
    sampling_rate: int = SAMPLING_RATE,
    overwrite: bool = False,
    comment: str | None = None,
) -> Path:
    """Writes `(samples,)` floats in [-1, 1] as 16-bit PCM, all or nothing; louder samples are clipped.

    Args:
        comment (*optional*): goes into the file's metadata (`ICMT`).

    Raises:
        ValueError: empty or not finite sound, the file exists, the folder cannot be written, a name not ending in .wav.
    """
    path = Path(path)
    pcm = np.round(_check_waveform(waveform, sampling_rate) * 32767.0).astype("<i2")
    with _atomic(path, (".wav",), overwrite) as temporary:
        with wave.open(str(temporary), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sampling_rate)
            file.writeframes(pcm.tobytes())
        if comment is not None:
            _append_wav_comment(temporary, comment)
    return path


def _append_wav_comment(path: Path, comment: str) -> None:
    """Adds a `LIST INFO` chunk behind the samples, where readers that expect these at a fixed place are not disturbed."""
    text = comment.encode("utf-8") + b"\0"
    text += b"\0" * (len(text) % 2)
    chunk = b"INFO" + struct.pack("<4sI", b"ICMT", len(text)) + text
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.write(struct.pack("<4sI", b"LIST", len(chunk)) + chunk)
        file.seek(4)
        file.write(struct.pack("<I", end + len(chunk)))  # the whole file but its first 8 bytes


def _to_output_rate(waveform: np.ndarray, sampling_rate: int) -> np.ndarray:
    """`(samples,)` at `sampling_rate` to the rate of the written track, the same length in seconds."""
    # A resampler keeps its filter's length back at the end; silence behind the sound pushes the sound itself out.
    padded = np.pad(waveform, (0, sampling_rate // 10))
    source = av.AudioFrame.from_ndarray(np.ascontiguousarray(padded[None]), "flt", "mono")
    source.sample_rate = sampling_rate
    resampler = av.AudioResampler("flt", "mono", _OUTPUT_AUDIO_RATE)
    pieces = [part.to_ndarray()[0] for frame in (source, None) for part in resampler.resample(frame)]
    return np.concatenate(pieces)[: round(len(waveform) * _OUTPUT_AUDIO_RATE / sampling_rate)]


def _encode_aac(waveform: np.ndarray, sampling_rate: int, stream: av.AudioStream) -> list[av.Packet]:
    sound = _to_output_rate(waveform, sampling_rate)
    packets = []
    for start in range(0, len(sound), _AAC_FRAME):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[None, start : start + _AAC_FRAME]), "fltp", "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = _OUTPUT_AUDIO_RATE, start, Fraction(1, _OUTPUT_AUDIO_RATE)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


def _copied_packets(
    container: av.container.InputContainer, source: av.VideoStream, target: av.VideoStream
) -> Iterator[av.Packet]:
    """Packets of `source` for `target`, bytes untouched, times moved so that the first picture shows at 0."""
    start: int | None = source.start_time
    for packet in _FrameReader(container, source).packets():
        if packet.size == 0:
            continue  # what the demuxer sends at the end of the file
        packet.pts = packet.dts if packet.pts is None else packet.pts
        if start is None:
            start = packet.pts or 0
        if packet.pts is not None:
            packet.pts -= start
        if packet.dts is not None:
            packet.dts -= start
        packet.stream = target
        yield packet


def mux_audio(
    video_path: str | Path,
    waveform: np.ndarray,
    sampling_rate: int,
    output_path: str | Path,
    overwrite: bool = False,
    comment: str | None = None,
) -> Path:
    """Writes a clip with new sound: the video packets of the source byte for byte, and `waveform` as AAC at 48 kHz.

    The sound starts where the first picture shows. Rotation and colour metadata of the video stream stay; other streams
    (the old sound, subtitles, data) do not. The file appears whole or not at all.

    Args:
        video_path: source of the pictures.
        waveform: `(samples,)` floats in [-1, 1].
        sampling_rate: of `waveform`, Hz.
        output_path: ends in .mp4, .mov or .mkv.
        overwrite (`bool`, defaults to `False`): replace a file that exists.
        comment (*optional*): goes into the file's metadata.

    Raises:
        ValueError: as `probe_video` and `write_wav`, or a container that cannot hold the clip's codec (use .mkv).
    """
    output_path = Path(output_path)
    waveform = _check_waveform(waveform, sampling_rate)
    path = _check_file(video_path)
    options = {} if output_path.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
    with _open_video(path) as (source, video), _atomic(output_path, VIDEO_SUFFIXES, overwrite) as temporary:
        try:
            with av.open(str(temporary), "w", options=options) as target:
                if comment is not None:
                    target.metadata["comment"] = comment
                picture = target.add_stream_from_template(video)
                sound = target.add_stream(
                    "aac", rate=_OUTPUT_AUDIO_RATE, layout="mono", bit_rate=_OUTPUT_AUDIO_BIT_RATE
                )
                packets = _encode_aac(waveform, sampling_rate, sound)
                # Both sorted by time already; merging keeps picture and sound near each other in the file.
                for packet in heapq.merge(_copied_packets(source, video, picture), packets, key=_decode_time):
                    target.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            codec = video.codec_context.name
            raise ValueError(
                f"{output_path} cannot hold the clip's {codec} video ({error}); choose an output ending in .mkv."
            ) from error
    return output_path


def _decode_time(packet: av.Packet) -> float:
    return float(packet.dts * packet.time_base) if packet.dts is not None else 0.0


# ----------------------------------------------------------------------------------------------------------------------
# Clips that a browser does not play
# ----------------------------------------------------------------------------------------------------------------------

_BROWSER_CONTAINER, _BROWSER_CODEC, _BROWSER_PIXELS = "mp4", "h264", ("yuv420p", "yuvj420p")
_CLOCK = 90000  # ticks a second of the written picture's times


def plays_in_browsers(path: str | Path) -> bool:
    """Whether every common browser plays a clip: 8-bit H.264 in MP4 or MOV.

    Raises:
        ValueError: missing file, not a video, no video stream.
    """
    with _open_video(_check_file(path)) as (container, stream):
        codec = stream.codec_context
        in_mp4 = _BROWSER_CONTAINER in container.format.name.split(",")
        return in_mp4 and codec.name == _BROWSER_CODEC and codec.pix_fmt in _BROWSER_PIXELS


def transcode_video(
    path: str | Path, output_path: str | Path, max_side: int | None = None, overwrite: bool = False
) -> Path:
    """Writes a clip anew as H.264 and AAC in MP4, which every browser plays: recordings of webcams, old or new formats.

    Every frame keeps its time, the first one shows at 0; the sound, if there is any, is mixed to mono and keeps its place
    beside the pictures. The file appears whole or not at all.

    Args:
        path: the clip.
        output_path: ends in .mp4.
        max_side (`int`, *optional*): larger pictures are reduced to this many pixels on their longer side.
        overwrite (`bool`, defaults to `False`): replace a file that exists.

    Raises:
        ValueError: as `probe_video`, the file exists or cannot be written.
    """
    path, output_path = _check_file(path), Path(output_path)
    times = _scan(path).times
    sound = _sound_beside(path, float(times[-1]))
    options = {"movflags": "+faststart"}
    with (
        _open_video(path) as (source, video),
        _atomic(output_path, (".mp4",), overwrite) as temporary,
        av.open(str(temporary), "w", options=options) as target,
    ):
        frames = iter(_FrameReader(source, video))
        first = next(frames)
        # No frames that refer to later ones: then the times of the packets are those of the frames, in order.
        settings = {"preset": "veryfast", "crf": "20", "bf": "0"}
        picture = target.add_stream(_BROWSER_CODEC, rate=VIDEO_FRAME_RATE, options=settings)
        picture.width, picture.height = _reduced_size(first.width, first.height, max_side)
        picture.pix_fmt = "yuv420p"
        picture.time_base = picture.codec_context.time_base = Fraction(1, _CLOCK)
        if _rotation(first):
            picture.set_display_rotation(_rotation(first))
        packets: list[av.Packet] = []
        if sound is not None:
            track = target.add_stream("aac", rate=_OUTPUT_AUDIO_RATE, layout="mono", bit_rate=_OUTPUT_AUDIO_BIT_RATE)
            packets = _encode_aac(sound, _OUTPUT_AUDIO_RATE, track)
        pictures = _encode_pictures(itertools.chain([first], frames), times, picture)
        for packet in heapq.merge(pictures, packets, key=_decode_time):
            target.mux(packet)
    return output_path


def _reduced_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Even sizes, which H.264's chroma needs, with the longer side at most `max_side`."""
    scale = min(1.0, (max_side or MAX_VIDEO_SIDE) / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _encode_pictures(
    frames: Iterator[av.VideoFrame], times: Sequence[Fraction], stream: av.VideoStream
) -> Iterator[av.Packet]:
    """Packets of frames that are shown at `times`, the last of which is the end of the last frame."""
    reformatter = VideoReformatter()
    ticks = [round(time * _CLOCK) for time in times]
    lengths = {start: end - start for start, end in pairwise(ticks)}

    def timed(packets: list[av.Packet]) -> Iterator[av.Packet]:
        for packet in packets:
            packet.duration = lengths[round(packet.pts * packet.time_base * _CLOCK)]
            yield packet

    for tick, frame in zip(ticks, frames, strict=False):
        picture = reformatter.reformat(frame, stream.width, stream.height, format=stream.pix_fmt)
        picture.pts, picture.time_base = tick, Fraction(1, _CLOCK)
        picture.pict_type = 0  # the encoder chooses; a decoded frame remembers what it was
        yield from timed(stream.encode(picture))
    yield from timed(stream.encode(None))


def _sound_beside(path: Path, seconds: float) -> np.ndarray | None:
    """The clip's sound from its first picture on, `(round(seconds * 48000),)` float32 mono; `None` without any."""
    length = round(seconds * _OUTPUT_AUDIO_RATE)
    pieces: list[np.ndarray] = []
    place = 0  # of the next sample beside the pictures
    with _open_video(path) as (container, pictures):
        streams = [stream for stream in container.streams.audio if stream.codec_context is not None]
        if not streams:
            return None
        shown_from = float((pictures.start_time or 0) * pictures.time_base)
        resampler = av.AudioResampler("flt", "mono", _OUTPUT_AUDIO_RATE)
        for frame in _FrameReader(container, streams[0]):
            if not pieces and frame.time is not None:
                place = round((frame.time - shown_from) * _OUTPUT_AUDIO_RATE)
                pieces.append(np.zeros(max(0, min(place, length)), np.float32))
            frame.pts = None
            for part in resampler.resample(frame):
                sound = part.to_ndarray()[0]
                pieces.append(sound[max(0, -place) :])
                place += sound.size
            if place >= length:
                break
    if not pieces:
        return None
    sound = np.concatenate(pieces)[:length]
    return np.pad(sound, (0, length - len(sound)))

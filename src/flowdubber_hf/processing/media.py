"""Media files opened: the one place that opens them, which stream is meant, and packets, frames and sound out of it.

Everything goes through PyAV, whose wheels carry FFmpeg, so nothing has to be installed on the system.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.stream import Disposition

from .held import HeldFile
from .outputs import check_file, why


#: Larger pictures are refused: one of them takes 100 MB, and decoders keep several.
MAX_VIDEO_SIDE = 8192

# Formats that hold their sound and pictures themselves. FFmpeg knows playlists too (HLS, DASH, concat scripts), and a file
# of that kind, whatever its name, would have it read other files of this machine or ask servers for them.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,obu,ivf,flv,asf,ogg,mxf,nut,dv,gif,yuv4mpegpipe,"
    "wav,w64,flac,mp3,aac,ac3,eac3,aiff,caf,au,amr,amrnb,amrwb,ape,wv,tta,voc,gsm"
)
_READING_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}


def open_media(source: str | Path | BinaryIO, format: str | None = None) -> av.container.InputContainer:
    """Opens a file for reading. Playlists are refused, and tags that are not UTF-8 do not make a good file unreadable.

    Args:
        source: path, or a file object.
        format: FFmpeg's name of the container, where it is known.

    Raises:
        av.FFmpegError, OSError: it cannot be opened; [`read_media`] says so as a `ValueError`.
    """
    return av.open(_named(source), "r", format=format, container_options=_READING_OPTIONS, metadata_errors="ignore")


def _named(file: Any) -> Any:
    """A path as FFmpeg takes it: the prefix keeps what stands before a colon in a name from being taken for a protocol."""
    return f"file:{file}" if isinstance(file, (str, Path)) else file


def create_media(
    target: str | Path | Any, format: str | None = None, options: dict[str, str] | None = None
) -> av.container.OutputContainer:
    """Opens a file for writing.

    Args:
        target: path, or an object with `write` and `seek`.
        format: FFmpeg's name of the container; by the name's ending where it is left out.
        options: of the container.
    """
    return av.open(_named(target), "w", format=format, options=options or {})


@contextmanager
def read_media(path: str | Path | HeldFile, kind: str, remedy: str) -> Iterator[av.container.InputContainer]:
    """A file opened for reading; every failure to do so is a `ValueError`.

    Args:
        path: of the file, or the file in memory.
        kind: what it is read as: "a video", "sound".
        remedy: what to convert it to.
    """
    if not isinstance(path, HeldFile):
        path = check_file(path, give="give a video file" if kind == "a video" else "give a recording")
    try:
        container = open_media(path.open() if isinstance(path, HeldFile) else path)
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = why(error) if isinstance(error, OSError) else getattr(error, "strerror", None) or str(error)
        raise ValueError(
            f"{path} cannot be read as {kind} ({reason}); convert it to {remedy} and try again."
        ) from error
    with container:
        yield container


def _preferred(streams: Sequence[Any]) -> Any:
    """The stream that players take: the first one that is marked as default, or the first one."""
    return next((stream for stream in streams if stream.disposition & Disposition.default), streams[0])


def sound_stream(container: av.container.InputContainer) -> av.AudioStream | None:
    """The sound track that players take, if there is any."""
    return _preferred(container.streams.audio) if container.streams.audio else None


def picture_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """The moving picture that players take, if there is any; covers and thumbnails are none."""
    attached = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [stream for stream in container.streams.video if not stream.disposition & attached]
    return _preferred(streams) if streams else None


@contextmanager
def open_video(
    path: str | Path | HeldFile, max_side: int = MAX_VIDEO_SIDE
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Opens a file for reading its picture stream.

    Raises:
        ValueError: missing file, not a video, no video stream, an unknown codec, a picture over `max_side` pixels a side.
    """
    with read_media(path, "a video", "mp4") as container:
        stream = picture_stream(container)
        if stream is None:
            raise ValueError(f"{path} has no video stream; give a clip that shows the speaker.")
        if stream.codec_context is None:
            raise ValueError(f"{path} has a video stream of an unknown kind; convert it to mp4 and try again.")
        check_picture(path, stream.width or 0, stream.height or 0, max_side)
        stream.codec_context.options = {"max_pixels": str(max_side**2)}  # headers say little: the decoder holds to it
        stream.thread_type = "AUTO"
        yield container, stream


def check_picture(path: str | Path | HeldFile, width: int, height: int, max_side: int) -> None:
    """Raises `ValueError` where a picture is larger than `max_side` pixels a side."""
    if max(width, height) > max_side:
        raise ValueError(f"{path} is {width}x{height}; at most {max_side} pixels a side are supported. Scale it down.")


class FrameReader:
    """Iterates over the decodable frames of a stream in order of presentation and counts what is damaged.

    Attributes:
        damaged: packets or frames that did not decode, or decoded with errors.
    """

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream):
        self.container = container
        self.stream = stream
        self.damaged = 0

    def __iter__(self) -> Iterator[Any]:
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
        """Packets in the order of the file; the last ones are empty and flush the decoder."""
        try:
            yield from self.container.demux(self.stream)
        except av.FFmpegError:
            self.damaged += 1  # the file ends in the middle of a packet: keep what came before it


def decode_time(packet: av.Packet) -> float:
    """Seconds; what packets of several streams are put in order by."""
    if packet.dts is None:
        return 0.0
    base = packet.time_base
    return packet.dts * base.numerator / base.denominator


def mono_parts(frames: Iterable[av.AudioFrame], sampling_rate: int) -> Iterator[np.ndarray]:
    """Decoded sound as `(samples,)` float32 mono pieces at one rate, though its own rate or layout may change inside."""
    resampler: av.AudioResampler | None = None
    kind: tuple[Any, ...] = ()
    for frame in frames:
        if kind != (frame.format.name, frame.layout.name, frame.sample_rate):
            yield from _resampled(resampler, None)
            resampler = av.AudioResampler("flt", "mono", sampling_rate)
            kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        frame.pts = None
        yield from _resampled(resampler, frame)
    yield from _resampled(resampler, None)


def _resampled(resampler: av.AudioResampler | None, frame: av.AudioFrame | None) -> Iterator[np.ndarray]:
    if resampler is not None:
        yield from (part.to_ndarray()[0] for part in resampler.resample(frame))

"""A film as it is read: what its streams say, and its pictures and sound from any place of it, without the rest being decoded.

Times are microseconds from the start of the container's own clock, which is what players and cue files count from. Pictures stand on
one grid for the whole film: picture `g` is what is shown at `g / 25` seconds.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ..processing.frames import MAX_GREY_SIDE, UprightPictures, metadata_rotation
from ..processing.media import FrameReader, mono_parts, open_video, read_media, sound_stream
from ..processing.outputs import check_file
from ..processing.sound import SAMPLING_RATE, VIDEO_FRAME_RATE
from .cue_formats.raw import MICROSECONDS


#: Microseconds of a picture of the grid.
GRID_STEP = MICROSECONDS // VIDEO_FRAME_RATE
_SEEK_BACK = (0.0, 4.0, 20.0)  # seconds before the wanted place that are tried until a seek lands before it
_SOUND_LEAD = 0.5  # seconds that decoders of sound need to settle


@dataclass(frozen=True)
class FilmSource:
    """What a film's headers and its first picture say.

    Attributes:
        path: of the film.
        duration: microseconds, the end of the longest of picture and sound.
        start: of the container's clock, microseconds; time 0 of everything here.
        width, height: of the upright picture.
        rotation: degrees counter-clockwise that the metadata asks for.
        frame_rate: nominal.
        has_sound: whether there is a sound track.
        size, modified: bytes and nanoseconds, by which the film is known again.
        warnings: what one should know of the file.
    """

    path: Path
    duration: int
    start: int
    width: int
    height: int
    rotation: int
    frame_rate: Fraction
    has_sound: bool
    size: int
    modified: int
    warnings: tuple[str, ...] = ()

    @property
    def num_grid(self) -> int:
        """Pictures of the grid."""
        return max(1, -(-self.duration // GRID_STEP))

    @property
    def identity(self) -> str:
        """What tells this film from another one, without reading it."""
        return f"{self.size}-{self.modified}-{self.duration}"


def probe_film(path: str | Path) -> FilmSource:
    """What a film's headers say; its first picture is decoded.

    Raises:
        ValueError: no file, no picture, nothing decodes (encrypted, damaged), or no length is known.
    """
    path = check_file(path, "film", "give a video file")
    with open_video(path) as (container, stream):
        first = next(iter(FrameReader(container, stream)), None)
        if first is None:
            raise ValueError(f"{path} has a video stream but no picture of it decodes; it is damaged or encrypted.")
        duration = _duration(container, stream)
        if not duration:
            raise ValueError(f"{path} does not say how long it lasts; copy it into an mp4 or mkv and give that.")
        rotation = metadata_rotation(first)
        width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
        found = path.stat()
        return FilmSource(
            path=path,
            duration=duration,
            start=container.start_time or 0,
            width=width,
            height=height,
            rotation=rotation,
            frame_rate=Fraction(stream.average_rate or stream.guessed_rate or VIDEO_FRAME_RATE),
            has_sound=sound_stream(container) is not None,
            size=found.st_size,
            modified=found.st_mtime_ns,
            warnings=tuple(_remarks(stream)),
        )


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> int:
    if container.duration:
        return int(container.duration)
    return int(stream.duration * stream.time_base * MICROSECONDS) if stream.duration else 0


def _remarks(stream: av.VideoStream) -> Iterator[str]:
    shape = stream.sample_aspect_ratio
    if shape and not Fraction(9, 10) < Fraction(shape) < Fraction(10, 9):
        yield f"the pixels are not square ({shape.numerator}:{shape.denominator}); faces are looked for in the picture as it is stored."
    rates = stream.average_rate, stream.base_rate
    if all(rates) and abs(float(rates[0]) / float(rates[1]) - 1) > 0.02:
        yield "the frame rate varies; pictures are taken by their times."


def timed_frames(source: FilmSource, start: int = 0) -> Iterator[tuple[int, av.VideoFrame]]:
    """Decoded frames with their times, from at most `start` on; what is damaged is passed over.

    Frames without a usable time follow the nominal rate, for which the film is decoded from its start.
    """
    for back in _SEEK_BACK:
        place = start - round(back * MICROSECONDS)
        with open_video(source.path) as (container, stream):
            if place > 0 and not _seek(container, stream, source, place):
                break
            frames = _with_times(FrameReader(container, stream), source)
            first = next(frames, None)
            if place <= 0 or (first is not None and first[0] <= start):
                if first is not None:
                    yield first
                yield from frames
                return
    with open_video(source.path) as (container, stream):
        yield from _with_times(FrameReader(container, stream), source)


def _seek(
    container: av.container.InputContainer, stream: av.VideoStream | av.AudioStream, source: FilmSource, place: int
) -> bool:
    try:
        tick = round(Fraction(place + source.start, MICROSECONDS) / stream.time_base)
        container.seek(tick, stream=stream, backward=True, any_frame=False)
    except av.FFmpegError:
        return False
    return True


def _with_times(frames: FrameReader, source: FilmSource) -> Iterator[tuple[int, av.VideoFrame]]:
    step, last = Fraction(MICROSECONDS) / source.frame_rate, None
    for number, frame in enumerate(frames):
        if frame.pts is None:
            time = round(number * step) if last is None else last + round(step)
        else:
            time = round(frame.pts * frame.time_base * MICROSECONDS) - source.start
        if last is not None and time <= last:
            continue  # shown at no time of its own
        last = time
        yield time, frame


def grid_frames(source: FilmSource, first: int, stop: int) -> Iterator[np.ndarray]:
    """Upright grey pictures `(height, width)` uint8 of places `first` to `stop` of the grid; beyond the last frame, that.

    Raises:
        ValueError: nothing decodes there.
    """
    pictures = UprightPictures("gray", max_side=MAX_GREY_SIDE)
    wanted, before, shown = first, None, None
    for time, frame in timed_frames(source, first * GRID_STEP):
        while wanted < stop and before is not None and is_nearer(before[0], time, wanted * GRID_STEP):
            shown = pictures(before[1]) if shown is None else shown
            yield shown
            wanted += 1
        if wanted >= stop:
            return
        before, shown = (time, frame), None
    if before is None:
        where = first / VIDEO_FRAME_RATE
        raise ValueError(f"{source.path}: no picture decodes at {where:.2f} s; the file is damaged there.")
    shown = pictures(before[1])
    for _ in range(wanted, stop):
        yield shown


def is_nearer(before: int, after: int, point: int) -> bool:
    """Whether the earlier of two frames is shown at a point of the grid; the earlier one is where both are as near."""
    return point - before <= after - point + 1


def film_sound(source: FilmSource, start: int, end: int) -> np.ndarray:
    """The film's own sound of a span as 16 kHz mono, silence where there is none.

    Returns:
        `np.ndarray` of shape `(round((end - start) * 16000 / 1e6),)`, float32.
    """
    length = round((end - start) * SAMPLING_RATE / MICROSECONDS)
    sound = np.zeros(length, np.float32)
    if not source.has_sound:
        return sound
    with read_media(source.path, "sound", "wav") as container:
        stream = sound_stream(container)
        if stream is None or stream.codec_context is None:
            return sound
        if start > _SOUND_LEAD * MICROSECONDS:
            _seek(container, stream, source, start - round(_SOUND_LEAD * MICROSECONDS))
        begun: list[float] = []

        def noted() -> Iterator[av.AudioFrame]:
            for frame in FrameReader(container, stream):
                begun.append(frame.time if frame.time is not None else start / MICROSECONDS)
                yield frame

        place = None
        for part in mono_parts(noted(), SAMPLING_RATE):
            if place is None:
                place = round((begun[0] - (source.start + start) / MICROSECONDS) * SAMPLING_RATE)
            first, last = max(0, place), min(length, place + part.size)
            if first < last:
                sound[first:last] = part[first - place : last - place]
            place += part.size
            if place >= length:
                break
    return sound

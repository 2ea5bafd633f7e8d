"""A film's own sound at 48 kHz by the sample, from the first picture on, in a file of the work folder that any place is read from.

It is decoded once and in order: a seek lands where the container's clock says, which in Matroska is right to the millisecond and not to
the sample.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np

from ..processing.long_wav import BLOCK, RATE, LongWav, channel_names, write_long_wav
from ..processing.media import FrameReader, open_video, read_media, sound_stream
from ..processing.survey import survey_pictures


MICROSECONDS = 1_000_000
_JITTER = RATE // 25  # samples by which a container's clock may be wrong; what is more is a gap or an overlap


class Sound(Protocol):
    """Sound at 48 kHz of which any place can be asked for.

    Attributes:
        channels: how many.
        samples: of each.
    """

    channels: int
    samples: int

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` float32, the caller's own."""
        ...

    def key(self, start: int, stop: int) -> str:
        """Text that is another one where the sound there is another one; nothing is read for it."""
        ...


@dataclass(frozen=True)
class Silence:
    """Nothing to be heard."""

    channels: int
    samples: int

    def read(self, start: int, stop: int) -> np.ndarray:
        """`(channels, stop - start)` zeros."""
        return np.zeros((self.channels, stop - start), np.float32)

    def key(self, start: int, stop: int) -> str:
        """The same everywhere."""
        return "silence"


@dataclass(frozen=True)
class FilmClock:
    """When a film's pictures are shown.

    Attributes:
        start: of the first picture by the file's own clock, seconds.
        offset: of the first picture from the start of the container, which players and cue sheets count from, microseconds.
        samples: at 48 kHz from the start of the first picture to the end of the last one: the length of every stem and of the mix.
        frame: microseconds of a picture.
    """

    start: Fraction
    offset: int
    samples: int
    frame: int

    def sample(self, time: int) -> int:
        """The sample nearest to a time in microseconds from the start of the container."""
        return samples_of(time - self.offset)


def samples_of(microseconds: int) -> int:
    """Microseconds as samples at 48 kHz, to the nearest one, by whole numbers."""
    return (2 * microseconds * RATE + MICROSECONDS) // (2 * MICROSECONDS)


def film_clock(path: str | Path) -> FilmClock:
    """Reads all packets of a film's pictures, and decodes one.

    Raises:
        ValueError: not a film, or no picture decodes.
    """
    path = Path(path)
    survey = survey_pictures(path)
    with open_video(path) as (container, stream):
        base = Fraction(stream.time_base)
        start = survey.start * base
        offset = round(start * MICROSECONDS) - (container.start_time or 0)
        end = survey.end * base
    return FilmClock(start, max(0, offset), round((end - start) * RATE), round(survey.step * base * MICROSECONDS))


def sound_layout(path: str | Path) -> str | None:
    """FFmpeg's name of the channels of the film's sound; `None` where it has none."""
    with read_media(path, "a video", "mp4") as container:
        stream = sound_stream(container)
        if stream is None or stream.codec_context is None:
            return None
        return _known_layout(stream.codec_context.layout)


def _known_layout(layout: av.AudioLayout) -> str:
    """A layout whose channels have places; those that a file leaves open are the usual ones of so many."""
    usual = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
    try:
        if channel_names(layout.name) and all(
            name not in ("NONE", "UNK", "UNSD") for name in channel_names(layout.name)
        ):
            return layout.name
    except ValueError:
        pass  # "6 channels": the file does not say which
    return usual.get(len(layout.channels), "stereo")


def store_sound(
    path: str | Path,
    target: str | Path,
    clock: FilmClock,
    layout: str,
    own_clock: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> Sound:
    """The film's sound, or that of another file beside the same pictures, decoded into a wav file once.

    Args:
        path: of the file.
        target: of the wav file; where it is there and as long, nothing is done. Whoever changes the film chooses another name.
        clock: whose `start` is the first sample and whose `samples` are kept.
        layout: of the stored channels.
        own_clock (`bool`, defaults to `False`): the first sample of the file goes with the first picture, whatever its clock says.
        on_progress (*optional*): called with the part that is done, 0 to 1.

    Raises:
        ValueError: no sound in it, or the wav file cannot be written.
    """
    target = Path(target)
    channels = len(channel_names(layout))
    if target.is_file():
        try:
            stored = LongWav(target)
        except ValueError:
            stored = None
        if stored is not None and (stored.channels, stored.samples) == (channels, clock.samples):
            return stored
    blocks = sound_blocks(path, None if own_clock else clock.start, clock.samples, layout)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_long_wav(target, _told(blocks, clock.samples, on_progress), clock.samples, layout, overwrite=True)
    return LongWav(target)


def _told(
    blocks: Iterator[np.ndarray], samples: int, on_progress: Callable[[float], None] | None
) -> Iterator[np.ndarray]:
    done = 0
    for block in blocks:
        yield block
        done += block.shape[1]
        if on_progress is not None:
            on_progress(done / samples)


def sound_length(path: str | Path) -> int:
    """Samples at 48 kHz of a file's sound, decoded for it.

    Raises:
        ValueError: no sound in it.
    """
    return max((at + piece.shape[1] for at, piece in _placed(path, None, "mono")), default=0)


def sound_blocks(path: str | Path, start: Fraction | None, samples: int, layout: str) -> Iterator[np.ndarray]:
    """`(channels, n)` float32 pieces of a file's sound at 48 kHz, `samples` in all from `start` on by the file's clock; from its own
    beginning where that is `None`.

    What is missing before, behind or inside is silence. What is decoded as floats at 48 kHz in this layout comes out as it is.
    """
    channels, place = len(channel_names(layout)), 0
    for at, piece in _placed(path, start, layout):
        if at > place:
            yield from _silent(channels, min(at, samples) - place)
            place = min(at, samples)
        piece = piece[:, max(0, place - at) : max(0, samples - at)]
        if piece.shape[1]:
            yield piece
            place += piece.shape[1]
        if place >= samples:
            return
    yield from _silent(channels, samples - place)


def decoded_sound(path: str | Path, layout: str) -> Iterator[np.ndarray]:
    """`(channels, n)` float32 pieces of all of a file's sound at 48 kHz, gaps left out."""
    for _, piece in _placed(path, None, layout):
        yield piece


def _silent(channels: int, samples: int) -> Iterator[np.ndarray]:
    for done in range(0, samples, BLOCK):
        yield np.zeros((channels, min(BLOCK, samples - done)), np.float32)


def _placed(path: str | Path, start: Fraction | None, layout: str) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of sound and the sample at which each begins; the container's clock moves them only where it jumps."""
    with read_media(path, "a video", "mp4") as container:
        stream = sound_stream(container)
        if stream is None or stream.codec_context is None:
            raise ValueError(f"{path} has no sound that can be read.")
        line = None
        for frame in FrameReader(container, stream):
            if start is None:
                start = _time(frame, Fraction(0))
            if line is None or not line.takes(frame):
                if line is not None:
                    yield from line.end()
                line = _Line(frame, start, layout)
            yield from line.add(frame)
        if line is not None:
            yield from line.end()


class _Line:
    """Frames of one kind without a gap, resampled as one."""

    def __init__(self, first: av.AudioFrame, start: Fraction, layout: str):
        self._kind = _kind(first)
        self._start = start
        self._heard = Fraction(0)  # seconds of what was added
        self._begin = _time(first, Fraction(0)) if first.pts is not None else start
        self._place = round((self._begin - start) * RATE)
        self._resampler = av.AudioResampler("fltp", layout, RATE)

    def takes(self, frame: av.AudioFrame) -> bool:
        """Whether a frame is of the same kind and stands where this line ends."""
        due = self._begin + self._heard
        return _kind(frame) == self._kind and abs(_time(frame, due) - due) * RATE <= _JITTER

    def add(self, frame: av.AudioFrame) -> Iterator[tuple[int, np.ndarray]]:
        self._heard += Fraction(frame.samples, frame.sample_rate)
        frame.pts = None
        yield from self._pieces(frame)

    def end(self) -> Iterator[tuple[int, np.ndarray]]:
        yield from self._pieces(None)

    def _pieces(self, frame: av.AudioFrame | None) -> Iterator[tuple[int, np.ndarray]]:
        for part in self._resampler.resample(frame):
            piece = part.to_ndarray()
            yield self._place, piece
            self._place += piece.shape[1]


def _kind(frame: av.AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _time(frame: av.AudioFrame, otherwise: Fraction) -> Fraction:
    return otherwise if frame.pts is None else frame.pts * Fraction(frame.time_base)

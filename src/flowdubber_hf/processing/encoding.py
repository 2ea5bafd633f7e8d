"""Pictures and sound encoded: H.264 and AAC, which every player and browser takes, and other sound where it is asked for."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from .frames import fit_picture, metadata_rotation
from .media import FrameReader, create_media, mono_parts, open_video, sound_stream
from .sound import VIDEO_FRAME_RATE


PICTURE_CODEC = "h264"
#: AAC at 48 kHz is what every player and browser takes; a 16 kHz AAC track is legal but some refuse it.
SOUND_RATE = 48000
#: Sound codecs that a track may have, and FFmpeg's encoders of them.
SOUND_CODECS = {
    "aac": "aac",
    "ac3": "ac3",
    "eac3": "eac3",
    "opus": "libopus",
    "flac": "flac",
    "pcm_s24le": "pcm_s24le",
}
LOSSLESS = ("flac", "pcm_s24le")  # both written with 24 bits
_STEPS_24 = 2.0**23
# Layouts that encoders know by another name: the same number of channels, the surrounds at another angle.
_NEAR_LAYOUTS = {"5.1(side)": "5.1", "5.1": "5.1(side)", "5.0(side)": "5.0", "5.0": "5.0(side)"}
_BIT_RATE_STEP = 64000  # 128 kbit/s for one channel, 192 for two, 448 for 5.1: rates that all lossy encoders have
_CLOCK = 90000  # ticks a second of the written picture's times
_MAX_SIDE = 4096  # of written pictures: players' decoders end there


@dataclass(frozen=True)
class TrackParts:
    """Sound of which any place can be asked for, and where encoded parts of it are kept.

    Attributes:
        read: `(channels, stop - start)` float32 of the samples from `start` to `stop`.
        key: text that is another one where the sound there is another one.
        folder: of the parts, made where missing.
    """

    read: Callable[[int, int], np.ndarray]
    key: Callable[[int, int], str]
    folder: Path


@dataclass(frozen=True)
class SoundTrack:
    """A sound track to be written at 48 kHz, given piece by piece, so that its length costs no memory.

    Attributes:
        blocks: gives the `(channels, samples)` float32 pieces in [-1, 1], from the start, anew at every call.
        samples: of all pieces together.
        codec: one of `SOUND_CODECS`.
        layout: FFmpeg's name of the channels: `mono`, `stereo`, `5.1`, ...
        language: three letters of ISO 639-2; `None` says nothing.
        title: shown by players in the list of tracks.
        quick: AAC is encoded in two fifths of the time, as large and half a decibel noisier: for films.
        parts: the same sound by its places, for codecs that are encoded in parts (see `track_parts`).
    """

    blocks: Callable[[], Iterable[np.ndarray]]
    samples: int
    codec: str = "aac"
    layout: str = "mono"
    language: str | None = "eng"
    title: str | None = None
    quick: bool = False
    parts: TrackParts | None = None


def silence(track: SoundTrack, samples: int = SOUND_RATE) -> SoundTrack:
    """A track like another one, without a sound, for trials."""
    channels = len(av.AudioLayout(track.layout).channels)
    pieces = [np.zeros((channels, samples), np.float32)]
    return SoundTrack(lambda: pieces, samples, track.codec, track.layout)


def add_sound(
    target: av.container.OutputContainer, codec: str = "aac", layout: str = "mono", quick: bool = False
) -> av.AudioStream:
    """A sound stream at 48 kHz for [`encode_track`].

    Args:
        codec: one of `SOUND_CODECS`.
        layout: FFmpeg's name of the channels.
        quick: as of [`SoundTrack`].

    Raises:
        ValueError: the encoder does not know the layout.
    """
    settings = _settings(codec, layout, quick)
    stream = target.add_stream(SOUND_CODECS[codec], rate=SOUND_RATE, layout=encoder_layout(codec, layout), **settings)
    if codec in LOSSLESS:
        stream.codec_context.format = "s32"
    return stream


def sound_encoder(codec: str = "aac", layout: str = "mono", quick: bool = False) -> av.AudioCodecContext:
    """An encoder as that of [`add_sound`], for a lossy codec, without a file."""
    encoder = av.CodecContext.create(SOUND_CODECS[codec], "w")
    encoder.sample_rate, encoder.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
    encoder.layout, encoder.format = encoder_layout(codec, layout), encoder.codec.audio_formats[0]
    for name, value in _settings(codec, layout, quick).items():
        setattr(encoder, name, value)
    return encoder


def _settings(codec: str, layout: str, quick: bool) -> dict[str, Any]:
    """Bit rate and options of an encoder."""
    if codec in LOSSLESS:
        return {}
    settings: dict[str, Any] = {"bit_rate": _BIT_RATE_STEP * (len(av.AudioLayout(layout).channels) + 1)}
    return settings | ({"options": {"aac_coder": "fast"}} if quick and codec == "aac" else {})


def encoder_layout(codec: str, layout: str) -> str:
    """The name by which an encoder knows a layout.

    Raises:
        ValueError: it knows none of so many channels at these places.
    """
    for name in filter(None, (layout, _NEAR_LAYOUTS.get(layout))):
        encoder = av.CodecContext.create(SOUND_CODECS[codec], "w")
        encoder.sample_rate, encoder.layout = SOUND_RATE, name
        encoder.format = encoder.codec.audio_formats[0]
        try:
            encoder.open()
        except av.FFmpegError:
            continue
        return name
    raise ValueError(f"{codec} cannot hold sound laid out as {layout}; choose stereo, or another codec.")


def encode_track(track: SoundTrack, stream: av.AudioStream) -> Iterator[av.Packet]:
    """Packets of a track, made as they are asked for, the first sample at time 0.

    Raises:
        ValueError: the pieces have another number of samples or channels than the track says.
    """
    layout = stream.codec_context.layout.name
    channels, place = len(av.AudioLayout(track.layout).channels), 0
    for block in track.blocks():
        if block.shape[0] != channels:
            raise ValueError(f"sound of {block.shape[0]} channels cannot go into a track laid out as {track.layout}.")
        if not block.shape[1]:
            continue
        if track.codec in LOSSLESS:  # encoders cut what lies below the 24th bit off
            block = np.rint(block.astype(np.float64) * _STEPS_24) / _STEPS_24
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block, np.float32), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, place, Fraction(1, SOUND_RATE)
        place += block.shape[1]
        yield from stream.encode(frame)
    if place != track.samples:
        raise ValueError(f"the sound has {place} samples in place of {track.samples}.")
    yield from stream.encode(None)


def array_track(waveform: np.ndarray, sampling_rate: int) -> SoundTrack:
    """Mono AAC of `(samples,)` sound at `sampling_rate`."""
    sound = to_sound_rate(waveform, sampling_rate)
    return SoundTrack(lambda: [sound[None]], len(sound))


def to_sound_rate(waveform: np.ndarray, sampling_rate: int) -> np.ndarray:
    """`(samples,)` at `sampling_rate` to 48 kHz, the rate of written tracks, the same length in seconds."""
    # A resampler keeps its filter's length back at the end; silence behind the sound pushes the sound itself out.
    padded = np.pad(waveform, (0, sampling_rate // 10))
    source = av.AudioFrame.from_ndarray(np.ascontiguousarray(padded[None]), "flt", "mono")
    source.sample_rate = sampling_rate
    resampler = av.AudioResampler("flt", "mono", SOUND_RATE)
    pieces = [part.to_ndarray()[0] for frame in (source, None) for part in resampler.resample(frame)]
    return np.concatenate(pieces)[: round(len(waveform) * SOUND_RATE / sampling_rate)]


def add_pictures(
    target: av.container.OutputContainer, first: av.VideoFrame, max_side: int | None = None, turn: int = 0
) -> av.VideoStream:
    """An H.264 stream for frames like `first`; larger ones than `max_side` are reduced, `turn` is added to their rotation."""
    # No frames that refer to later ones: then the times of the packets are those of the frames, in order.
    settings = {"preset": "veryfast", "crf": "20", "bf": "0"}
    stream = target.add_stream(PICTURE_CODEC, rate=VIDEO_FRAME_RATE, options=settings)
    stream.width, stream.height = _even_size(first.width, first.height, max_side or _MAX_SIDE)
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = Fraction(1, _CLOCK)
    rotation = (metadata_rotation(first) + turn) % 360
    if rotation:
        stream.set_display_rotation(rotation)
    return stream


def _even_size(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Even sizes, which H.264's chroma needs, with the longer side at most `max_side`."""
    scale = min(1.0, max_side / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def encode_pictures(
    frames: Iterator[av.VideoFrame], times: Sequence[Fraction], stream: av.VideoStream
) -> Iterator[av.Packet]:
    """Packets of frames that are shown at `times`, the last of which is the end of the last frame."""
    reformatter = VideoReformatter()
    ticks = [round(time * _CLOCK) for time in times]
    lengths = {start: end - start for start, end in pairwise(ticks)}
    size: tuple[int, int] | None = None

    def timed(packets: list[av.Packet]) -> Iterator[av.Packet]:
        for packet in packets:
            packet.duration = lengths[round(packet.pts * packet.time_base * _CLOCK)]
            yield packet

    for tick, frame in zip(ticks, frames, strict=False):
        size = size or (frame.height, frame.width)
        if size != (frame.height, frame.width):
            frame = av.VideoFrame.from_ndarray(fit_picture(frame.to_ndarray(format="rgb24"), *size), "rgb24")
        picture = reformatter.reformat(frame, stream.width, stream.height, format=stream.pix_fmt)
        picture.pts, picture.time_base = tick, Fraction(1, _CLOCK)
        picture.pict_type = 0  # the encoder chooses; a decoded frame remembers what it was
        yield from timed(stream.encode(picture))
    yield from timed(stream.encode(None))


def write_silent_video(path: Path, frames: Iterable[np.ndarray], quality: int = 16) -> None:
    """`(H, W, 3)` uint8 RGB pictures of even and equal sizes as H.264 at 25 frames a second, the same bytes every time.

    Args:
        path: of the file, not there yet.
        frames: at least one.
        quality (`int`, defaults to 16): x264's constant rate factor, 0 to 51; more is smaller and worse.

    Raises:
        ValueError: no frames.
    """
    # x264's tree rate control and several threads give slightly different files from the same pictures.
    options = {"crf": str(quality), "x264-params": "threads=1:mbtree=0"}
    pictures = iter(frames)
    first = next(pictures, None)
    if first is None:
        raise ValueError(f"{path} would be a video without a picture; give at least one.")
    with create_media(path) as container:
        stream = container.add_stream("libx264", rate=VIDEO_FRAME_RATE, options=options)
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], "yuv420p"
        for picture in itertools.chain([first], pictures):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def sound_beside(path: Path, start: float, seconds: float) -> np.ndarray | None:
    """The clip's sound from `start` on, `(round(seconds * 48000),)` float32 mono; `None` without any."""
    with open_video(path) as (container, _):
        stream = sound_stream(container)
        if stream is None or stream.codec_context is None:
            return None
        heard_from: list[float] = []

        def noted(frames: FrameReader) -> Iterator[av.AudioFrame]:
            for frame in frames:
                heard_from.append(frame.time if frame.time is not None else start)
                yield frame

        length, place, pieces = round(seconds * SOUND_RATE), 0, []
        for sound in mono_parts(noted(FrameReader(container, stream)), SOUND_RATE):
            if not pieces:
                place = round((heard_from[0] - start) * SOUND_RATE)
                pieces.append(np.zeros(max(0, min(place, length)), np.float32))
            pieces.append(sound[max(0, -place) :])
            place += sound.size
            if place >= length:
                break
    if not pieces:
        return None
    sound = np.concatenate(pieces)[:length]
    return np.pad(sound, (0, length - len(sound)))

"""Subtitle tracks from one container to another: SubRip, as Matroska has it, and timed text, as MP4 and QuickTime have it, are the same
words at the same times.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import av


_CODECS = {"matroska": "subrip", "mp4": "mov_text", "mov": "mov_text"}
_MARKUP = re.compile(r"<[^<>]{1,80}>|\{\\[^{}]{1,80}\}")  # <i>, <font ...>, {\an8}
_MOST_BYTES = 2**16 - 1  # of a line of timed text, whose length has two bytes


@dataclass(frozen=True)
class TextTrack:
    """Subtitles to be written.

    Attributes:
        lines: start and end in seconds, and the words, in order.
        language: three letters of ISO 639-2; `None` says nothing.
        title: shown by players in the list of tracks.
    """

    lines: Sequence[tuple[float, float, str]]
    language: str | None = "eng"
    title: str | None = None


def text_codec(muxer: str) -> str:
    """The codec of text subtitles in a container, by FFmpeg's name of it: `matroska`, `mp4`, `mov`."""
    return _CODECS[muxer]


def text_packets(track: TextTrack, codec: str) -> Iterator[av.Packet]:
    """The lines of a track, by the millisecond."""
    for start, end, text in track.lines:
        data = text.encode()
        packet = av.Packet(_with_length(data) if codec == "mov_text" else data)
        packet.time_base = Fraction(1, 1000)
        packet.pts = packet.dts = round(start * 1000)
        packet.duration = max(1, round(end * 1000) - round(start * 1000))
        yield packet


def _with_length(data: bytes) -> bytes:
    """A line of timed text: its length in two bytes, then what fits of it."""
    data = data[:_MOST_BYTES].decode("utf-8", "ignore").encode()
    return len(data).to_bytes(2, "big") + data


def other_codec(stream: av.stream.Stream, muxer: str) -> str | None:
    """The codec in which a container holds the words of a stream that it cannot hold as it is; `None` where there is none."""
    if stream.type != "subtitle" or stream.codec_context is None:
        return None
    return _CODECS[muxer] if stream.codec_context.codec.canonical_name in _CODECS.values() else None


def convert_text(packet: av.Packet, source: str, codec: str) -> av.Packet | None:
    """The words of a packet at its times, in another codec, without styles; `None` where it has none (a gap).

    Args:
        packet: of `source`, one of FFmpeg's names: `subrip`, `mov_text`.
        codec: the other one of them.
    """
    text = _timed_text(bytes(packet)) if source == "mov_text" else bytes(packet).decode("utf-8", "replace")
    text = _MARKUP.sub("", text).replace("\r\n", "\n").strip("\n\0 ")
    if not text:
        return None
    data = text.encode()
    converted = av.Packet(_with_length(data) if codec == "mov_text" else data)
    converted.time_base = packet.time_base
    converted.pts = converted.dts = packet.pts
    converted.duration = packet.duration
    return converted


def _timed_text(data: bytes) -> str:
    """The text behind its length of two bytes; what follows it are styles."""
    text = data[2 : 2 + int.from_bytes(data[:2], "big")]
    wide = text[:2] in (b"\xfe\xff", b"\xff\xfe")
    return text.decode("utf-16" if wide else "utf-8", "replace")

"""Subtitle tracks from one container to another: SubRip, as Matroska has it, and timed text, as MP4 and QuickTime have it, are the same
words at the same times.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

import av


_CODECS = {"matroska": "subrip", "mp4": "mov_text", "mov": "mov_text"}
_MARKUP = re.compile(r"<[^<>]{1,80}>|\{\\[^{}]{1,80}\}")  # <i>, <font ...>, {\an8}
_MOST_BYTES = 2**16 - 1  # of a line of timed text, whose length has two bytes


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
    if codec == "mov_text":
        data = data[:_MOST_BYTES].decode("utf-8", "ignore").encode()
        data = len(data).to_bytes(2, "big") + data
    converted = av.Packet(data)
    converted.time_base = packet.time_base
    converted.pts = converted.dts = packet.pts
    converted.duration = packet.duration
    return converted


def _timed_text(data: bytes) -> str:
    """The text behind its length of two bytes; what follows it are styles."""
    text = data[2 : 2 + int.from_bytes(data[:2], "big")]
    wide = text[:2] in (b"\xfe\xff", b"\xff\xfe")
    return text.decode("utf-16" if wide else "utf-8", "replace")

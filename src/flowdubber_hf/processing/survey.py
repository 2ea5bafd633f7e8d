"""What of a clip is to be copied: which packets of its pictures, which further tracks, which tags."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from .media import FrameReader, open_video, picture_stream, sound_stream


# Tags that describe the file which is read and not what it shows.
_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id")
_OWN_TAG_STARTS = ("bps", "number_of_", "_statistics")
_UNKNOWN = -(2**63)  # of a time stamp, as FFmpeg has it
# Streams of data that a container makes itself, from chapters and from the time code among the tags.
_MADE_ANEW = ("bin_data", "tmcd", None)


@dataclass(frozen=True)
class _Packets:
    """What the packets of pictures say of themselves, a column each: a film of two hours has 200,000.

    Attributes:
        pts, dts: int64; `_UNKNOWN` where a packet has none.
        duration: int64.
        key, discarded: bool.
    """

    pts: np.ndarray
    dts: np.ndarray
    duration: np.ndarray
    key: np.ndarray
    discarded: np.ndarray


@dataclass(frozen=True)
class Survey:
    """Packets of a clip's pictures, in the order of the file.

    Attributes:
        start: time stamp of the first picture that is shown.
        kept: `(packets,)` bool, those that are copied: what is shown, and what has to be decoded for it.
        hidden: of those, some are not shown.
        interrupted: hidden ones stand between shown ones.
        step: nominal length of a picture, in the stream's ticks.
        last: number of the packet that is shown last.
        end: time stamp at which the last picture ends.
        decode_times: `(packets,)` int64 of the kept packets, where the file's own are missing, fall, or come after those of showing.
    """

    start: int
    kept: np.ndarray
    hidden: bool
    interrupted: bool
    step: int
    last: int
    end: int
    decode_times: np.ndarray | None


def survey_pictures(path: Path) -> Survey:
    """Which packets of a clip's pictures are to be copied."""
    first = _first_shown(path)
    with open_video(path) as (container, stream):
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        step = max(1, round(1 / (rate * stream.time_base)))
        packets = _columns(FrameReader(container, stream).packets(), step)
    pts, numbers = packets.pts, np.arange(len(packets.pts))
    known = pts != _UNKNOWN
    start = first if first is not None else int(pts[known].min()) if known.any() else 0
    visible = ~packets.discarded & (~known | (pts >= start))
    shown = np.flatnonzero(visible)
    at_start = shown[pts[shown] == start]
    begin = int(at_start[0] if at_start.size else shown[0] if shown.size else 0)
    begin = int(np.flatnonzero(packets.key[: begin + 1]).max(initial=0))
    end = int(shown[-1]) + 1 if shown.size else len(pts)
    # What stands before the first picture in time and is not marked as hidden did not decode: the start of a cut stream.
    inside = (numbers >= begin) & (numbers < end)
    hidden = inside & ~visible & (packets.key | packets.discarded)
    kept = hidden | (visible & (numbers >= begin))
    times = np.where(known, pts, 0)
    last = int(np.flatnonzero(kept)[np.argmax(times[kept])]) if kept.any() else 0
    return Survey(
        start=start,
        kept=kept,
        hidden=bool(hidden.any()),
        interrupted=bool((times[hidden] >= start).any()),
        step=step,
        last=last,
        end=int(times[last] + packets.duration[last]) if kept.any() else start,
        decode_times=_decode_times(packets, kept),
    )


def _columns(packets: Iterable[av.Packet], step: int) -> _Packets:
    numbers, flags = array("q"), bytearray()
    for packet in packets:
        if packet.size:
            dts = _UNKNOWN if packet.dts is None else packet.dts
            numbers.extend((dts if packet.pts is None else packet.pts, dts, packet.duration or step))
            flags.append(packet.is_keyframe + 2 * packet.is_discard)
    table, marks = np.array(numbers, np.int64).reshape(-1, 3), np.frombuffer(flags, np.uint8)
    return _Packets(*np.ascontiguousarray(table.T), key=marks % 2 == 1, discarded=marks >= 2)


def _decode_times(packets: _Packets, kept: np.ndarray) -> np.ndarray | None:
    """Times of decoding for the packets of joined or damaged streams: those of showing in order, as much earlier as is needed."""
    own, shown = packets.dts[kept], packets.pts[kept]
    if (own != _UNKNOWN).all() and (np.diff(own) > 0).all() and (own <= shown).all():
        return None
    in_order = np.sort(shown)
    if (shown == _UNKNOWN).any() or (np.diff(in_order) == 0).any():
        return None  # nothing better is known
    times = packets.dts.copy()
    times[kept] = in_order - (in_order - shown).max()
    return times


def _first_shown(path: Path) -> int | None:
    """Time stamp of the first frame that decodes and is shown."""
    with open_video(path) as (container, stream):
        frame = next(iter(FrameReader(container, stream)), None)
    if frame is None:
        raise ValueError(f"{path} has a video stream but no frame of it decodes; it is damaged. Export it again.")
    return frame.pts


def kept_tags(tags: dict[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in tags.items()
        if value and name.lower() not in _OWN_TAGS and not name.lower().startswith(_OWN_TAG_STARTS)
    }


def further_streams(container: av.container.InputContainer, keep_sound: bool = False) -> list[av.stream.Stream]:
    """All but the picture, the sound that the dub takes the place of, and what the container makes anew.

    Args:
        keep_sound (`bool`, defaults to `False`): the dub stands beside that sound, which comes first of all.
    """
    sound = sound_stream(container)
    replaced = (picture_stream(container), sound)
    others = [
        stream
        for stream in container.streams
        if stream not in replaced and not (stream.type == "data" and getattr(stream, "name", None) in _MADE_ANEW)
    ]
    return [sound, *others] if keep_sound and sound is not None else others


def describe_stream(stream: av.stream.Stream) -> str:
    kinds = {"audio": "sound", "video": "picture", "subtitle": "subtitles", "attachment": "attachment", "data": "data"}
    codec = stream.codec_context.name if stream.codec_context is not None else getattr(stream, "name", None)
    about = ", ".join(filter(None, (codec, stream.metadata.get("language"), stream.metadata.get("title"))))
    return f"{kinds.get(stream.type, stream.type)} {stream.index}" + (f" ({about})" if about else "")

"""What of a clip is to be copied: which packets of its pictures, which further tracks, which tags."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av

from .media import FrameReader, open_video, picture_stream, sound_stream


# Tags that describe the file which is read and not what it shows.
_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id")
_OWN_TAG_STARTS = ("bps", "number_of_", "_statistics")
# Streams of data that a container makes itself, from chapters and from the time code among the tags.
_MADE_ANEW = ("bin_data", "tmcd", None)


class _Packet(NamedTuple):
    """What a packet of pictures says of itself."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool
    discarded: bool


@dataclass(frozen=True)
class Survey:
    """Packets of a clip's pictures, in the order of the file.

    Attributes:
        start: time stamp of the first picture that is shown.
        kept: numbers of the packets that are copied: what is shown, and what has to be decoded for it.
        hidden: of those, some are not shown.
        interrupted: hidden ones stand between shown ones.
        step: nominal length of a picture, in the stream's ticks.
        last: number of the packet that is shown last.
        end: time stamp at which the last picture ends.
        decode_times: of the kept packets, where the file's own are missing, fall, or come after those of showing.
    """

    start: int
    kept: frozenset[int]
    hidden: bool
    interrupted: bool
    step: int
    last: int
    end: int
    decode_times: dict[int, int] | None


def survey_pictures(path: Path) -> Survey:
    """Which packets of a clip's pictures are to be copied."""
    first = _first_shown(path)
    with open_video(path) as (container, stream):
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
        step = max(1, round(1 / (rate * stream.time_base)))
        packets = [
            _Packet(
                packet.dts if packet.pts is None else packet.pts,
                packet.dts,
                packet.duration or step,
                packet.is_keyframe,
                packet.is_discard,
            )
            for packet in FrameReader(container, stream).packets()
            if packet.size
        ]
    start = first if first is not None else min((one.pts for one in packets if one.pts is not None), default=0)
    shown = [
        number for number, one in enumerate(packets) if not one.discarded and (one.pts is None or one.pts >= start)
    ]
    begin = next((number for number in shown if packets[number].pts == start), shown[0] if shown else 0)
    begin = max((number for number in range(begin + 1) if packets[number].key), default=0)
    end = shown[-1] + 1 if shown else len(packets)
    visible = set(shown)
    # What stands before the first picture in time and is not marked as hidden did not decode: the start of a cut stream.
    hidden = {
        number
        for number in range(begin, end)
        if number not in visible and (packets[number].key or packets[number].discarded)
    }
    kept = sorted(hidden | {number for number in visible if number >= begin})
    last = max(kept, key=lambda number: packets[number].pts or 0, default=0)
    return Survey(
        start=start,
        kept=frozenset(kept),
        hidden=bool(hidden),
        interrupted=any((packets[number].pts or 0) >= start for number in hidden),
        step=step,
        last=last,
        end=(packets[last].pts or 0) + packets[last].duration if kept else start,
        decode_times=_decode_times({number: packets[number] for number in kept}),
    )


def _decode_times(packets: dict[int, _Packet]) -> dict[int, int] | None:
    """Times of decoding for the packets of joined or damaged streams: those of showing in order, as much earlier as is needed."""
    own = [one.dts for one in packets.values()]
    if (
        None not in own
        and all(a < b for a, b in pairwise(own))
        and all(one.dts <= one.pts for one in packets.values())
    ):
        return None
    shown = [one.pts for one in packets.values()]
    if None in shown or len(set(shown)) < len(shown):
        return None  # nothing better is known
    in_order = sorted(shown)
    delay = max(early - late for early, late in zip(in_order, shown, strict=True))
    return {number: time - delay for number, time in zip(packets, in_order, strict=True)}


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

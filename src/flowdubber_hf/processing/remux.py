"""A clip's packets and new tracks into one file: what [`mux`] plans and tries is written here, packet after packet."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import heapq
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from .encoding import SOUND_RATE, SoundTrack, add_pictures, add_sound, encode_pictures, encode_track, silence
from .frames import scan_video
from .media import FrameReader, decode_time, open_video, sound_stream
from .survey import Survey, kept_tags
from .text_tracks import TextTrack, convert_text, text_codec, text_packets
from .track_parts import PARTED, encode_parts


# Some languages have two codes of three letters; QuickTime knows the one or the other, and Swedish by one of its own.
_QUICKTIME_CODES = {
    "bod": "tib",
    "cym": "wel",
    "cze": "ces",
    "deu": "ger",
    "ell": "gre",
    "eus": "baq",
    "fas": "per",
    "fre": "fra",
    "hye": "arm",
    "isl": "ice",
    "kat": "geo",
    "mkd": "mac",
    "msa": "may",
    "mya": "bur",
    "nld": "dut",
    "rum": "ron",
    "slo": "slk",
    "sqi": "alb",
    "swe": "sve",
    "zho": "chi",
}


@dataclass(frozen=True)
class CopyPlan:
    """How a clip goes into a container.

    Attributes:
        muxer: FFmpeg's name of the container.
        tag: four letters by which the container tells the pictures' codec; `None` leaves them to it.
        encode: why the pictures are encoded anew; `None` where they are copied.
        streams: numbers of the further streams that are copied.
        texts: of those, subtitles whose words go into another codec, and which.
        free_tags: every tag is written, as QuickTime does, and not the usual ones only.
        warnings: what will be missing, or different.
    """

    muxer: str
    tag: str | None
    encode: str | None
    streams: tuple[int, ...] = ()
    texts: Mapping[int, str] = field(default_factory=dict)
    free_tags: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Additions:
    """What a copy has beside what was copied.

    Attributes:
        sound: of the dub, the first sound track and the one that players take.
        text: subtitles of what the dub says.
        turn: degrees counter-clockwise by which players are told to turn the picture, beside what the clip's metadata asks for.
        comment: goes into the file's metadata.
    """

    sound: SoundTrack | None = None
    text: TextTrack | None = None
    turn: int = 0
    comment: str | None = None


def write_copy(
    path: Path,
    survey: Survey,
    plan: CopyPlan,
    target: av.container.OutputContainer,
    new: Additions | None = None,
    pictures: int | None = None,
) -> None:
    """Does what a plan says, up to a number of `pictures` where only a trial is wanted; such a trial encodes none."""
    new = new or Additions()
    with open_video(path) as (container, video):
        start = survey.start * video.time_base
        target.metadata.update(kept_tags(container.metadata))
        if new.comment is not None:
            target.metadata.update({"comment": new.comment})
        packets: list[Any] = []
        targets: dict[int, av.stream.Stream] = {}
        sound = new.sound
        if plan.encode is None:
            targets[video.index] = _copied_stream(target, video, plan.tag, new.turn)
        elif pictures is None:
            packets.append(_encoded_pictures(path, target, new.turn))
        elif sound is None:
            sound = silence(SoundTrack(list, 0))  # no container is empty
        if sound is not None:
            encode = encode_parts if sound.parts is not None and sound.codec in PARTED else encode_track
            packets.append(encode(sound, _dub_stream(target, sound)))
        replaced = sound_stream(container)
        for index in plan.streams:
            targets[index] = _further_stream(target, container.streams[index], plan.texts.get(index))
            if replaced is not None and index == replaced.index:
                targets[index].disposition |= Disposition.original
        if new.text is not None:
            packets.append(_text_stream(target, new.text, text_codec(plan.muxer)))
        _set_chapters(target, container, start)
        seconds = None if sound is None else Fraction(sound.samples, SOUND_RATE)
        packets.append(_copied_packets(container, video, survey, targets, plan.texts, seconds, pictures))
        for packet in heapq.merge(*packets, key=decode_time):
            target.mux(packet)


def _dub_stream(target: av.container.OutputContainer, sound: SoundTrack) -> av.AudioStream:
    stream = add_sound(target, sound.codec, sound.layout, sound.quick)
    stream.disposition = Disposition.default
    _set_language(stream, sound.language, target)
    _set_title(stream, sound.title)
    return stream


def _text_stream(target: av.container.OutputContainer, text: TextTrack, codec: str) -> Iterator[av.Packet]:
    """A subtitle stream, and its packets."""
    stream = target.add_mux_stream(codec)
    stream.time_base = Fraction(1, 1000)
    _set_language(stream, text.language, target)
    _set_title(stream, text.title)

    def packets() -> Iterator[av.Packet]:
        for packet in text_packets(text, codec):
            packet.stream = stream
            yield packet

    return packets()


def _set_title(stream: av.stream.Stream, title: str | None) -> None:
    if title is not None:
        stream.metadata["title"] = title


def _set_language(stream: av.stream.Stream, language: str | None, target: av.container.OutputContainer) -> None:
    if language is not None:
        codes = _QUICKTIME_CODES if target.format.name == "mov" else {}
        stream.metadata["language"] = codes.get(language, language)


def _encoded_pictures(path: Path, target: av.container.OutputContainer, turn: int) -> Iterator[av.Packet]:
    times = scan_video(path).times
    reading = open_video(path)
    container, stream = reading.__enter__()
    frames = iter(FrameReader(container, stream))
    first = next(frames)
    picture = add_pictures(target, first, turn=turn)

    def encoded() -> Iterator[av.Packet]:
        try:
            yield from encode_pictures(itertools.chain([first], frames), times, picture)
        finally:
            reading.__exit__(None, None, None)

    return encoded()


def _copied_stream(
    target: av.container.OutputContainer, video: av.VideoStream, tag: str | None, turn: int
) -> av.VideoStream:
    picture = target.add_stream_from_template(video, opaque=True)
    picture.metadata.update(kept_tags(video.metadata))
    _set_language(picture, picture.metadata.get("language"), target)
    if tag is not None:
        picture.codec_context.codec_tag = tag
    if turn:
        picture.set_display_rotation(turn)
    return picture


def _further_stream(
    target: av.container.OutputContainer, source: av.stream.Stream, text_codec: str | None
) -> av.stream.Stream:
    if text_codec is None:
        stream = target.add_stream_from_template(source, opaque=True)
    else:
        stream = target.add_mux_stream(text_codec)
    stream.metadata.update(kept_tags(source.metadata))
    _set_language(stream, stream.metadata.get("language"), target)
    stream.disposition = source.disposition & ~Disposition.default
    return stream


def _set_chapters(
    target: av.container.OutputContainer, container: av.container.InputContainer, start: Fraction
) -> None:
    """The chapters of the source by the clock of the copy."""
    chapters = []
    for chapter in container.chapters():
        shift = round(start / chapter["time_base"])
        begin, end = max(0, chapter["start"] - shift), chapter["end"] - shift
        if end > begin:
            chapters.append({**chapter, "start": begin, "end": end})
    target.set_chapters(chapters)


def _copied_packets(
    container: av.container.InputContainer,
    video: av.VideoStream,
    survey: Survey,
    targets: dict[int, av.stream.Stream],
    texts: Mapping[int, str],
    seconds: Fraction | None,
    pictures: int | None,
) -> Iterator[av.Packet]:
    """Packets for `targets`, bytes untouched, times moved so that the first picture shows at 0; no track but the pictures'
    begins earlier or goes on after `seconds`. Subtitles of `texts` change their codec."""
    start = survey.start * video.time_base
    wanted = [stream for stream in container.streams if stream.index in targets or stream is video]
    # Whole ticks of each stream: fractions for every packet of a film take longer than its sound.
    shifts = {stream.index: round(start / stream.time_base) for stream in wanted}
    ends = {} if seconds is None else {stream.index: math.ceil(seconds / stream.time_base) for stream in wanted}
    first = int(np.flatnonzero(survey.kept).max(initial=0)) + 1 - int(survey.kept.sum())
    latest: dict[int, int] = {}
    number = -1
    for packet in _demuxed(container, wanted):
        index = packet.stream_index
        if not packet.size:
            continue  # what the demuxer sends at the end of the file
        if index == video.index:
            number += 1
            if pictures is not None and number >= first + pictures:
                return
            if index not in targets or not survey.kept[number]:
                continue
        packet.pts = packet.dts if packet.pts is None else packet.pts
        if index == video.index and survey.decode_times is not None:
            packet.dts = int(survey.decode_times[number])
        _shift(packet, shifts[index])
        if index == video.index and number == survey.last and not packet.duration:
            packet.duration = survey.step
        if index != video.index and (
            packet.pts is None or packet.pts < 0 or (seconds is not None and packet.pts >= ends[index])
        ):
            continue
        if index in texts:
            source = container.streams[index].codec_context.codec.canonical_name
            packet = convert_text(packet, source, texts[index])
            if packet is None:
                continue
        if packet.dts is not None:  # joined streams may overlap
            packet.dts = max(packet.dts, latest.get(index, packet.dts - 1) + 1)
            packet.pts = max(packet.pts, packet.dts)
            latest[index] = packet.dts
        packet.stream = targets[index]
        yield packet


def _demuxed(container: av.container.InputContainer, streams: Sequence[av.stream.Stream]) -> Iterator[av.Packet]:
    try:
        yield from container.demux(*streams)
    except av.FFmpegError:
        return  # the file ends in the middle of a packet: what came before it was counted


def _shift(packet: av.Packet, ticks: int) -> None:
    if packet.pts is not None:
        packet.pts -= ticks
    if packet.dts is not None:
        packet.dts -= ticks

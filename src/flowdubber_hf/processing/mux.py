"""The dub beside the clip's own packets: pictures, further tracks, chapters and tags are copied, and the sound starts with them.

What a container can hold is not written down here but tried: FFmpeg's muxer is given everything once, and what it writes is
thrown away. So it is known before the work whether a clip can be copied, and what will be missing.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import heapq
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from ..version import __version__
from .encoding import add_pictures, add_sound, encode_pictures, encode_sound
from .frames import scan_video
from .media import FrameReader, create_media, decode_time, open_media, open_video
from .outputs import check_file, new_file
from .sound import SAMPLING_RATE
from .survey import Survey, describe_stream, further_streams, kept_tags, survey_pictures
from .text_tracks import convert_text, other_codec
from .wav import check_waveform


#: What a written dub says of itself in its metadata, where players and `ffprobe` show it as the comment.
SYNTHETIC_SPEECH_NOTICE = (
    f"Synthetic speech made by FlowDubber (flowdubber-hf {__version__}); not a recording of the person seen or heard."
)
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")

# FFmpeg's names of the containers that a suffix may stand for. What QuickTime's own cannot hold (AV1, VP9), its heir can.
_MUXERS = {".mp4": ("mp4",), ".mov": ("mov", "mp4"), ".mkv": ("matroska",)}
_HIDING = ("mp4", "mov")  # have edit lists, by which pictures are decoded and not shown
_DUB_LANGUAGE = "eng"
_FEW = 3  # pictures are enough to see whether a container takes something beside them
_QUICKTIME_TAGS = "com.apple.quicktime."


class _Refused(Exception):
    """A container does not take what it was given."""


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


class _Sink:
    """A file that keeps nothing, for trials."""

    def __init__(self) -> None:
        self._place = self._end = 0

    def write(self, data: bytes) -> int:
        self._place += len(data)
        self._end = max(self._end, self._place)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = (0, self._place, self._end)[whence] + offset
        return self._place

    def tell(self) -> int:
        return self._place


# ----------------------------------------------------------------------------------------------------------------------
# Planning
# ----------------------------------------------------------------------------------------------------------------------


def check_copy(video_path: str | Path, suffix: str, transcode: bool = False) -> tuple[str, ...]:
    """Says before the work whether a clip's pictures can be copied into a container, and what will be missing there.

    Args:
        video_path: the clip.
        suffix: of the output: `.mp4`, `.mov` or `.mkv`.
        transcode (`bool`, defaults to `False`): pictures that cannot be copied may be encoded anew.

    Returns:
        Warnings, one sentence each.

    Raises:
        ValueError: the clip cannot be read, or its pictures cannot be copied and `transcode` was not given.
    """
    return plan_copy(video_path, suffix, transcode).warnings


def plan_copy(video_path: str | Path, suffix: str, transcode: bool = False) -> CopyPlan:
    """As [`check_copy`], with all that is needed to do it."""
    path = check_file(video_path, give="give a video file")
    survey = survey_pictures(path)
    suffix = suffix.lower()
    plan = _fitting(path, survey, suffix) or _encoding(path, survey, suffix, transcode)
    return _with_the_rest(path, survey, plan)


def _fitting(path: Path, survey: Survey, suffix: str) -> CopyPlan | None:
    """The first of a suffix's containers that takes the pictures as they are."""
    with open_video(path) as (_, stream):
        codec, tags = stream.codec_context.name, _own_tag(stream)
    for muxer in _MUXERS[suffix]:
        if survey.interrupted or (survey.hidden and muxer not in _HIDING):
            continue
        # Apple's players want HEVC by this name
        for tag in (*tags, *(["hvc1"] if codec == "hevc" and muxer in _HIDING else []), None):
            plan = CopyPlan(muxer, tag, None)
            try:
                _try(path, survey, plan)
            except _Refused:
                continue
            return plan
    return None


def _own_tag(stream: av.VideoStream) -> list[str]:
    """The four letters by which the file tells its pictures' codec, if it has them."""
    try:
        tag = stream.codec_context.codec_tag
    except UnicodeDecodeError:
        return []
    return [tag] if tag.isprintable() and tag.strip() else []


def _try(path: Path, survey: Survey, plan: CopyPlan, target: Any = None, pictures: int | None = None) -> None:
    """Raises `_Refused` where FFmpeg does not write what a plan says; `pictures` of the clip are enough for the trial."""
    try:
        with create_media(_Sink() if target is None else target, plan.muxer, _options(plan)) as output:
            _write(path, survey, plan, output, pictures=pictures)
    except (av.FFmpegError, ValueError) as error:
        raise _Refused(str(error)) from error


def _options(plan: CopyPlan) -> dict[str, str]:
    if plan.muxer not in _HIDING:
        # only the times of showing are stored, and those start at 0; no random numbers of the file: the same input, the same bytes
        return {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
    return {"movflags": "+use_metadata_tags"} if plan.free_tags else {}


def _encoding(path: Path, survey: Survey, suffix: str, transcode: bool) -> CopyPlan:
    """Pictures that cannot be copied, encoded anew where that was asked for or nothing else shows what the clip shows."""
    with open_video(path) as (_, stream):
        codec = stream.codec_context.codec.canonical_name
    others = [other for other in VIDEO_SUFFIXES if other != suffix and _fitting(path, survey, other) is not None]
    endings = " or ".join(others)
    if survey.hidden and (survey.interrupted or any(_MUXERS[other][0] in _HIDING for other in others)):
        reason = f"the clip hides pictures at its cut and {suffix} cannot, so the pictures were encoded again"
        remedy = f"; an output ending in {endings} copies them" if others else ""
        return CopyPlan(_MUXERS[suffix][0], None, reason, warnings=(f"{reason}{remedy}.",))
    if not transcode:
        remedy = f"choose an output ending in {endings}, or have" if others else "have"
        raise ValueError(
            f"{suffix} cannot hold the {codec} pictures of {path} as they are; {remedy} them encoded again (--transcode, "
            "transcode=True)."
        )
    reason = f"{suffix} cannot hold the clip's {codec} pictures as they are, so they were encoded again as H.264"
    return CopyPlan(_MUXERS[suffix][0], None, reason, warnings=(f"{reason}.",))


def _with_the_rest(path: Path, survey: Survey, plan: CopyPlan) -> CopyPlan:
    """The plan with the further streams and tags that the container takes, and a warning that lists the others."""
    with open_media(path) as container:
        streams = [
            (stream.index, describe_stream(stream), other_codec(stream, plan.muxer))
            for stream in further_streams(container)
        ]
        tags = kept_tags(container.metadata)
    held, texts, lost, told = [], {}, [], []
    for index, description, codec in streams:
        if _takes(path, survey, replace(plan, streams=(index,))):
            held.append(index)
        elif codec is not None and _takes(path, survey, replace(plan, streams=(index,), texts={index: codec})):
            held.append(index)
            texts[index] = codec
            told.append(f"{_name(plan)} holds the {description} as {codec}: words and times, no styles.")
        else:
            lost.append(description)
    plan = replace(
        plan, streams=tuple(held), texts=texts, free_tags=any(name.startswith(_QUICKTIME_TAGS) for name in tags)
    )
    lost += _lost_tags(path, survey, plan, tags)
    if lost:
        told.append(f"{_name(plan)} cannot hold these of the clip: {'; '.join(lost)}.")
    return replace(plan, warnings=(*plan.warnings, *told))


def _takes(path: Path, survey: Survey, plan: CopyPlan) -> bool:
    """Whether FFmpeg writes what a plan says, tried with a few pictures."""
    try:
        _try(path, survey, plan, pictures=_FEW)
    except _Refused:
        return False
    return True


def _name(plan: CopyPlan) -> str:
    return {"matroska": "mkv"}.get(plan.muxer, plan.muxer)


def _lost_tags(path: Path, survey: Survey, plan: CopyPlan, tags: dict[str, str]) -> list[str]:
    """Tags of the file that are not found again in what the container writes of them."""
    written = io.BytesIO()
    _try(path, survey, replace(plan, streams=(), texts={}), written, pictures=_FEW)
    written.seek(0)
    with open_media(written, plan.muxer) as container:
        found = {name.lower() for name in container.metadata}
    return [f"tag {name}" for name in tags if name.lower() not in found and name.lower() != "comment"]


# ----------------------------------------------------------------------------------------------------------------------
# Writing
# ----------------------------------------------------------------------------------------------------------------------


def mux_audio(
    video_path: str | Path,
    waveform: np.ndarray,
    sampling_rate: int,
    output_path: str | Path,
    overwrite: bool = False,
    comment: str | None = None,
    transcode: bool = False,
    turn: int = 0,
    on_warning: Callable[[str], None] | None = None,
) -> Path:
    """Writes a clip with new sound: the video packets of the source byte for byte, and `waveform` as AAC at 48 kHz.

    The sound starts where the first picture shows and takes the place of the track that players take; further tracks,
    subtitles, chapters and tags stay where the container can hold them. The file appears whole or not at all.

    Args:
        video_path: source of the pictures.
        waveform: `(samples,)` floats in [-1, 1].
        sampling_rate: of `waveform`, Hz.
        output_path: ends in .mp4, .mov or .mkv.
        overwrite (`bool`, defaults to `False`): replace a file that exists.
        comment (*optional*): goes into the file's metadata.
        transcode (`bool`, defaults to `False`): pictures that the container cannot hold are encoded anew, as H.264.
        turn (`int`, defaults to 0): degrees counter-clockwise by which players are told to turn the picture, beside what the
            clip's metadata asks for.
        on_warning (*optional*): called with each sentence about what is missing or different in the file.

    Raises:
        ValueError: as `probe_video` and `write_wav`, or a container that cannot hold the clip's pictures.
    """
    output_path = Path(output_path)
    waveform = check_waveform(waveform, sampling_rate)
    path = check_file(video_path, give="give a video file")
    with new_file(output_path, VIDEO_SUFFIXES, overwrite) as temporary:
        plan = plan_copy(path, output_path.suffix, transcode)
        options = _options(plan)
        if plan.muxer in _HIDING:
            options["movflags"] = f"{options.get('movflags', '')}+faststart"
        try:
            with create_media(temporary, plan.muxer, options) as target:
                _write(path, survey_pictures(path), plan, target, (waveform, sampling_rate), turn, comment)
        except (av.FFmpegError, ValueError) as error:
            if isinstance(error, OSError):
                raise
            raise ValueError(f"{output_path} cannot be written ({error}); choose an output ending in .mkv.") from error
    for warning in plan.warnings:
        if on_warning is not None:
            on_warning(warning)
    return output_path


def _write(
    path: Path,
    survey: Survey,
    plan: CopyPlan,
    target: av.container.OutputContainer,
    sound: tuple[np.ndarray, int] | None = None,
    turn: int = 0,
    comment: str | None = None,
    pictures: int | None = None,
) -> None:
    """Does what a plan says, up to a number of `pictures` where only a trial is wanted; such a trial encodes none."""
    with open_video(path) as (container, video):
        start = survey.start * video.time_base
        target.metadata.update(kept_tags(container.metadata))
        if comment is not None:
            target.metadata.update({"comment": comment})
        packets: list[Any] = []
        targets: dict[int, av.stream.Stream] = {}
        if plan.encode is None:
            targets[video.index] = _copied_stream(target, video, plan.tag, turn)
        elif pictures is None:
            packets.append(_encoded_pictures(path, target, turn))
        else:
            sound = (np.zeros(SAMPLING_RATE, np.float32), SAMPLING_RATE)  # no container is empty
        if sound is not None:
            track = add_sound(target)
            track.metadata["language"] = _DUB_LANGUAGE
            packets.append(encode_sound(*sound, track))
        for index in plan.streams:
            targets[index] = _further_stream(target, container.streams[index], plan.texts.get(index))
        _set_chapters(target, container, start)
        seconds = None if sound is None else Fraction(len(sound[0]), sound[1])
        packets.append(_copied_packets(container, video, survey, targets, plan.texts, seconds, pictures))
        for packet in heapq.merge(*packets, key=decode_time):
            target.mux(packet)


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
    latest: dict[int, int] = {}
    number = -1
    for packet in _demuxed(container, wanted):
        index = packet.stream_index
        if not packet.size:
            continue  # what the demuxer sends at the end of the file
        if index == video.index:
            number += 1
            if pictures is not None and number > max(survey.kept) - len(survey.kept) + pictures:
                return
            if index not in targets or number not in survey.kept:
                continue
        packet.pts = packet.dts if packet.pts is None else packet.pts
        if index == video.index and survey.decode_times is not None:
            packet.dts = survey.decode_times[number]
        _shift(packet, round(start / packet.time_base))
        if index == video.index and number == survey.last and not packet.duration:
            packet.duration = survey.step
        if index != video.index and (
            packet.pts is None or packet.pts < 0 or (seconds is not None and packet.pts * packet.time_base >= seconds)
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

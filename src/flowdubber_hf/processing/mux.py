"""The dub beside the clip's own packets: pictures, further tracks, chapters and tags are copied, and the sound starts with them.

What a container can hold is not written down here but tried: FFmpeg's muxer is given everything once, and what it writes is
thrown away. So it is known before the work whether a clip can be copied, and what will be missing.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..version import __version__
from .encoding import SoundTrack, add_sound, array_track, encode_track, silence
from .media import create_media, open_media, open_video
from .outputs import check_file, new_file
from .remux import Additions, CopyPlan, write_copy
from .survey import Survey, describe_stream, further_streams, kept_tags, survey_pictures
from .text_tracks import TextTrack, other_codec
from .wav import check_waveform


#: What a written dub says of itself in its metadata, where players and `ffprobe` show it as the comment.
SYNTHETIC_SPEECH_NOTICE = (
    f"Synthetic speech made by FlowDubber (flowdubber-hf {__version__}); not a recording of the person seen or heard."
)
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")

# FFmpeg's names of the containers that a suffix may stand for. What QuickTime's own cannot hold (AV1, VP9), its heir can.
_MUXERS = {".mp4": ("mp4",), ".mov": ("mov", "mp4"), ".mkv": ("matroska",)}
_HIDING = ("mp4", "mov")  # have edit lists, by which pictures are decoded and not shown
_FEW = 3  # pictures are enough to see whether a container takes something beside them
_QUICKTIME_TAGS = "com.apple.quicktime."


class _Refused(Exception):
    """A container does not take what it was given."""


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


def check_copy(
    video_path: str | Path, suffix: str, transcode: bool = False, keep_sound: bool = False
) -> tuple[str, ...]:
    """Says before the work whether a clip's pictures can be copied into a container, and what will be missing there.

    Args:
        video_path: the clip.
        suffix: of the output: `.mp4`, `.mov` or `.mkv`.
        transcode (`bool`, defaults to `False`): pictures that cannot be copied may be encoded anew.
        keep_sound (`bool`, defaults to `False`): the clip's own sound is kept as a second track.

    Returns:
        Warnings, one sentence each.

    Raises:
        ValueError: the clip cannot be read, or its pictures cannot be copied and `transcode` was not given.
    """
    return plan_copy(video_path, suffix, transcode, keep_sound).warnings


def plan_copy(video_path: str | Path, suffix: str, transcode: bool = False, keep_sound: bool = False) -> CopyPlan:
    """As [`check_copy`], with all that is needed to do it."""
    path = check_file(video_path, give="give a video file")
    survey = survey_pictures(path)
    suffix = suffix.lower()
    plan = _fitting(path, survey, suffix) or _encoding(path, survey, suffix, transcode)
    return _with_the_rest(path, survey, plan, keep_sound)


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
            write_copy(path, survey, plan, output, pictures=pictures)
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


def _with_the_rest(path: Path, survey: Survey, plan: CopyPlan, keep_sound: bool) -> CopyPlan:
    """The plan with the further streams and tags that the container takes, and a warning that lists the others."""
    with open_media(path) as container:
        streams = [
            (stream.index, describe_stream(stream), other_codec(stream, plan.muxer))
            for stream in further_streams(container, keep_sound)
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


def check_sound(track: SoundTrack, suffix: str) -> None:
    """Says before the work whether a container holds a sound track.

    Raises:
        ValueError: not this codec, or not this layout.
    """
    muxer = _MUXERS[suffix.lower()][0]
    try:
        with create_media(_Sink(), muxer, {}) as output:
            stream = add_sound(output, track.codec, track.layout)
            for packet in encode_track(silence(track), stream):
                output.mux(packet)
    except av.FFmpegError as error:
        raise ValueError(
            f"{suffix} cannot hold {track.codec} sound ({error.strerror}); choose an output ending in .mkv, or aac."
        ) from error


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
    keep_sound: bool = False,
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
        keep_sound (`bool`, defaults to `False`): the clip's own sound becomes the second track, marked as the original.

    Raises:
        ValueError: as `probe_video` and `write_wav`, or a container that cannot hold the clip's pictures.
    """
    waveform = check_waveform(waveform, sampling_rate)
    path = check_file(video_path, give="give a video file")
    with new_file(Path(output_path), VIDEO_SUFFIXES, overwrite) as temporary:
        new = Additions(array_track(waveform, sampling_rate), None, turn, comment)
        warnings = _write_whole(path, new, Path(output_path), temporary, transcode, keep_sound)
    _tell(warnings, on_warning)
    return Path(output_path)


def mux_tracks(
    video_path: str | Path,
    sound: SoundTrack,
    output_path: str | Path,
    text: TextTrack | None = None,
    overwrite: bool = False,
    comment: str | None = None,
    transcode: bool = False,
    on_warning: Callable[[str], None] | None = None,
    keep_sound: bool = True,
) -> Path:
    """As [`mux_audio`], with sound of any codec, layout and length, and with subtitles.

    Args:
        sound: of the dub; its pieces are asked for while the file is written.
        text (*optional*): subtitles of what the dub says, as the container has them.

    Raises:
        ValueError: as [`mux_audio`], or as [`check_sound`].
    """
    path = check_file(video_path, give="give a video file")
    with new_file(Path(output_path), VIDEO_SUFFIXES, overwrite) as temporary:
        check_sound(sound, Path(output_path).suffix)
        new = Additions(sound, text, 0, comment)
        warnings = _write_whole(path, new, Path(output_path), temporary, transcode, keep_sound)
    _tell(warnings, on_warning)
    return Path(output_path)


def _tell(warnings: tuple[str, ...], on_warning: Callable[[str], None] | None) -> None:
    for warning in warnings:
        if on_warning is not None:
            on_warning(warning)


def _write_whole(
    path: Path, new: Additions, output_path: Path, temporary: Path, transcode: bool, keep_sound: bool
) -> tuple[str, ...]:
    """Plans and writes a copy; what is missing in it, one sentence each."""
    plan = plan_copy(path, output_path.suffix, transcode, keep_sound)
    options = _options(plan)
    if plan.muxer in _HIDING:
        options["movflags"] = f"{options.get('movflags', '')}+faststart"
    try:
        with create_media(temporary, plan.muxer, options) as target:
            write_copy(path, survey_pictures(path), plan, target, new)
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, OSError):
            raise
        raise ValueError(f"{output_path} cannot be written ({error}); choose an output ending in .mkv.") from error
    return plan.warnings

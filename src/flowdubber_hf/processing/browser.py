"""Clips that a browser does not play, made so that it does."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import heapq
import itertools
from pathlib import Path

from .encoding import (
    PICTURE_CODEC,
    SOUND_RATE,
    add_pictures,
    add_sound,
    array_track,
    encode_pictures,
    encode_track,
    sound_beside,
)
from .frames import scan_video
from .media import FrameReader, create_media, decode_time, open_video
from .outputs import new_file


_CONTAINER, _PIXELS = "mp4", ("yuv420p", "yuvj420p")


def plays_in_browsers(path: str | Path) -> bool:
    """Whether every common browser plays a clip: 8-bit H.264 in MP4 or MOV.

    Raises:
        ValueError: missing file, not a video, no video stream.
    """
    with open_video(path) as (container, stream):
        codec = stream.codec_context
        in_mp4 = _CONTAINER in container.format.name.split(",")
        return in_mp4 and codec.name == PICTURE_CODEC and codec.pix_fmt in _PIXELS


def transcode_video(
    path: str | Path, output_path: str | Path, max_side: int | None = None, overwrite: bool = False
) -> Path:
    """Writes a clip anew as H.264 and AAC in MP4, which every browser plays: recordings of webcams, old or new formats.

    Every frame keeps its time, the first one shows at 0; the sound, if there is any, is mixed to mono and keeps its place
    beside the pictures. The file appears whole or not at all.

    Args:
        path: the clip.
        output_path: ends in .mp4.
        max_side (`int`, *optional*): larger pictures are reduced to this many pixels on their longer side.
        overwrite (`bool`, defaults to `False`): replace a file that exists.

    Raises:
        ValueError: as `probe_video`, the file exists or cannot be written.
    """
    path, output_path = Path(path), Path(output_path)
    timeline = scan_video(path)
    sound = sound_beside(path, timeline.start, float(timeline.times[-1]))
    with (
        open_video(path) as (source, video),
        new_file(output_path, (".mp4",), overwrite) as temporary,
        create_media(temporary, _CONTAINER, {"movflags": "+faststart"}) as target,
    ):
        frames = iter(FrameReader(source, video))
        first = next(frames)
        picture = add_pictures(target, first, max_side)
        packets = [] if sound is None else list(encode_track(array_track(sound, SOUND_RATE), add_sound(target)))
        pictures = encode_pictures(itertools.chain([first], frames), timeline.times, picture)
        for packet in heapq.merge(pictures, packets, key=decode_time):
            target.mux(packet)
    return output_path

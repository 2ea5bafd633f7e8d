"""Video in and out: the public names of reading, copying and writing clips, each explained in the module that it comes from."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from .browser import plays_in_browsers, transcode_video
from .frames import (
    MAX_VIDEO_SECONDS,
    GreyArray,
    GreyClip,
    VideoInfo,
    grid_length,
    iter_frames,
    iter_grid,
    probe_video,
    resample_index,
)
from .media import MAX_VIDEO_SIDE
from .mux import SYNTHETIC_SPEECH_NOTICE, VIDEO_SUFFIXES, check_copy, mux_audio
from .outputs import check_output
from .wav import write_wav


__all__ = [
    "MAX_VIDEO_SECONDS",
    "MAX_VIDEO_SIDE",
    "SYNTHETIC_SPEECH_NOTICE",
    "VIDEO_SUFFIXES",
    "GreyArray",
    "GreyClip",
    "VideoInfo",
    "check_copy",
    "check_output",
    "grid_length",
    "iter_frames",
    "iter_grid",
    "mux_audio",
    "plays_in_browsers",
    "probe_video",
    "resample_index",
    "transcode_video",
    "write_wav",
]

"""The voice as soon as it is given: what is wrong with it, and a recording that the browser can show."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from ..processing.media import picture_stream, read_media
from ..processing.references import check_reference
from ..processing.wav import write_wav
from .limits import check_voice, for_visitors


_SHOWN = frozenset([".wav", ".mp3", ".flac", ".ogg", ".m4a"])  # what browsers draw as they are


def prepare_voice(voice: str, folder: Path) -> tuple[Path, list[str]]:
    """A recording, or the sound of a video, made ready.

    Args:
        voice: path of what was given.
        folder: for a copy that browsers play, if need be.

    Returns:
        The recording itself or a wav of it, and remarks on it, one sentence each: clipped, noisy.

    Raises:
        Problem: unreadable, too short, too long, silent, no voice.
    """
    sound = check_voice(voice, own_sound=False, clip=None)
    remarks = [for_visitors(remark) for remark in check_reference(sound, "this recording")]
    if Path(voice).suffix.lower() in _SHOWN and not _has_picture(voice):
        return Path(voice), remarks
    return write_wav(folder / f"{Path(voice).stem}.wav", sound), remarks


def _has_picture(file: str) -> bool:
    with read_media(file, "sound", "wav") as container:
        return picture_stream(container) is not None

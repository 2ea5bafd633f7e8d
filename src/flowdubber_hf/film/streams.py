"""The dub in the film: its track first and default, the film's own second, all else as it was; and what a container can hold of that."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..processing.encoding import SOUND_CODECS, SoundTrack
from ..processing.mux import SYNTHETIC_SPEECH_NOTICE, VIDEO_SUFFIXES, check_copy, check_sound, mux_tracks
from ..processing.text_tracks import TextTrack
from .levels import true_peak
from .mix import sound_track
from .sound import Sound, decoded_sound, sound_layout


LAYOUTS = ("mono", "stereo", "film")
TITLE = "Dub"


@dataclass(frozen=True)
class OutputTracks:
    """What a dubbed film has beside the film's own streams.

    Attributes:
        codec: of the dub, one of `SOUND_CODECS`.
        layout: `mono`, `stereo`, or `film` for the channels that the film's own sound has.
        language: of the dub and its subtitles, three letters of ISO 639-2.
        keep_sound: the film's own sound stays as the second track.
        transcode: pictures that the container cannot hold may be encoded anew.
    """

    codec: str = "aac"
    layout: str = "stereo"
    language: str = "eng"
    keep_sound: bool = True
    transcode: bool = False


def check_tracks(tracks: OutputTracks) -> None:
    """Raises `ValueError` for a codec, a layout or a language that there is not."""
    if tracks.codec not in SOUND_CODECS:
        raise ValueError(f"audio codec: choose one of {', '.join(SOUND_CODECS)}, got {tracks.codec!r}.")
    if tracks.layout not in LAYOUTS:
        raise ValueError(f"layout: choose one of {', '.join(LAYOUTS)}, got {tracks.layout!r}.")
    if not re.fullmatch(r"[a-z]{3}", tracks.language):
        raise ValueError(f"language: give three small letters of ISO 639-2 (eng, deu, fra), got {tracks.language!r}.")


def output_layout(film: str | Path, layout: str) -> str:
    """FFmpeg's name of the dub's channels; `film` is stereo where the film has no sound."""
    return (sound_layout(film) or "stereo") if layout == "film" else layout


def check_film_output(film: str | Path, output: str | Path, tracks: OutputTracks) -> tuple[str, ...]:
    """Says before the work whether the dubbed film can be written, and what of the film will be missing in it.

    Returns:
        Warnings, one sentence each.

    Raises:
        ValueError: an ending, codec, layout or language that there is not; pictures or sound that the container cannot hold.
    """
    check_tracks(tracks)
    suffix = Path(output).suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise ValueError(f"{output} must end in {', '.join(VIDEO_SUFFIXES)}; the ending chooses the format.")
    check_sound(SoundTrack(list, 0, tracks.codec, output_layout(film, tracks.layout), tracks.language), suffix)
    return check_copy(film, suffix, tracks.transcode, tracks.keep_sound)


def write_film(
    film: str | Path,
    sound: Sound,
    output: str | Path,
    tracks: OutputTracks,
    layout: str,
    subtitles: list[tuple[float, float, str]] | None = None,
    overwrite: bool = False,
    comment: str | None = SYNTHETIC_SPEECH_NOTICE,
    on_warning: Callable[[str], None] | None = None,
    folder: Path | None = None,
) -> Path:
    """Writes the dubbed film: the packets of its pictures as they are, the dub beside them; whole or not at all.

    Args:
        film: the source of all other streams.
        sound: the finished mix, whose first sample goes with the first picture.
        output: ends in .mp4, .mov or .mkv.
        tracks: what is written.
        layout: of `sound`, as [`output_layout`] gives it.
        subtitles (*optional*): start and end in seconds and words, to be embedded.
        overwrite (`bool`, defaults to `False`): replace a file that exists.
        comment (*optional*): goes into the file's metadata, by default that the speech is synthetic.
        on_warning (*optional*): called with each sentence about what is missing in the file.
        folder (*optional*): where encoded sound is kept, so that what did not change is not encoded again.

    Raises:
        ValueError: as [`check_film_output`], or the file cannot be written.
    """
    track = sound_track(sound, tracks.codec, layout, tracks.language, TITLE, folder)
    text = None if subtitles is None else TextTrack(subtitles, tracks.language, TITLE)
    return mux_tracks(
        film, track, output, text, overwrite, comment, tracks.transcode, on_warning, keep_sound=tracks.keep_sound
    )


def track_peak(path: str | Path) -> float:
    """True peak of the track that players take, as it is decoded, dBTP; `-inf` is silence.

    Lossy encoders add peaks, for which the mix has room.
    """
    layout = sound_layout(path) or "mono"
    return true_peak(decoded_sound(path, layout), layout)

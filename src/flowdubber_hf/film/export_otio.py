"""A dubbed film as a timeline of OpenTimelineIO, which editing programs read."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..extras import require_extra
from ..processing.long_wav import RATE
from ..work.files import replacing
from .exports import ExportLine, copy_file, prepare_export
from .mix import file_name


TIMELINE = "film.otio"


def export_otio(
    folder: Path, film: Path, film_end: int, frame_rate: float, lines: Sequence[ExportLine], overwrite: bool = False
) -> Path:
    """Writes `film.otio`: a track of the film's pictures, and one a speaker with the takes in their places.

    Args:
        film: the file that the pictures come from.
        film_end: how long they are, microseconds.
        frame_rate: in which the pictures' times are told; takes are told in samples of 48 kHz.

    Raises:
        ValueError: as [`export_subtitleedit`].
        ImportError: OpenTimelineIO is not installed; the message holds the line that installs it.
    """
    otio = require_extra("otio", "opentimelineio", what="the export as OpenTimelineIO")
    prepare_export(folder, TIMELINE, lines, overwrite)
    timeline = otio.schema.Timeline(name=film.stem)
    pictures = otio.schema.Track(name="film", kind=otio.schema.TrackKind.Video)
    length = otio.opentime.RationalTime(round(film_end * frame_rate / 1e6), frame_rate)
    whole = otio.opentime.TimeRange(otio.opentime.RationalTime(0, frame_rate), length)
    reference = otio.schema.ExternalReference(target_url=film.absolute().as_uri(), available_range=whole)
    pictures.append(otio.schema.Clip(film.stem, reference, whole))
    timeline.tracks.append(pictures)
    for speaker in sorted({line.speaker for line in lines}):
        track = otio.schema.Track(name=speaker, kind=otio.schema.TrackKind.Audio)
        theirs = sorted((line for line in lines if line.speaker == speaker), key=lambda line: line.start)
        _fill_track(otio, track, folder / "takes", theirs)
        timeline.tracks.append(track)
    with replacing(folder / TIMELINE) as temporary:
        otio.adapters.write_to_file(timeline, str(temporary), adapter_name="otio_json")
    return folder / TIMELINE


def _fill_track(otio: Any, track: Any, folder: Path, lines: Sequence[ExportLine]) -> None:
    """Takes and the gaps between them; where two overlap by an edge, the later one begins in time."""
    rate, place = RATE, 0

    def span(start: int, stop: int) -> Any:
        time = otio.opentime.RationalTime
        return otio.opentime.TimeRange(time(start, rate), time(stop - start, rate))

    for line in lines:
        start, stop = (round(time * rate / 1e6) for time in (line.start, line.end))
        if start > place:
            track.append(otio.schema.Gap(source_range=span(0, start - place)))
        target = folder / f"{file_name(line.speaker)}-{file_name(line.id)}.wav"
        copy_file(line.sound, target)
        skipped = max(0, place - start)
        if stop - start <= skipped:
            continue
        reference = otio.schema.ExternalReference(
            target_url=target.absolute().as_uri(), available_range=span(0, stop - start)
        )
        clip = otio.schema.Clip(line.text, reference, span(skipped, stop - start))
        clip.metadata["flowdubber"] = {"cue": line.id, "seed": line.seed}
        track.append(clip)
        place = stop

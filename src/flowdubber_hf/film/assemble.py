"""The film put together from its takes: voices in their places, what is heard beside them, tracks, subtitles, stems."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .background import (
    FilmBackground,
    joined,
    open_own_background,
    parse_background,
    seconds_without_bed,
    silent_background,
)
from .leakage import Leak, find_leaks
from .levels import BlockLevels, line_gains, parse_loudness, programme_loudness, takes_loudness, window_loudness
from .mix import Mix, MixLevels, finish_mix, write_stems
from .own_files import begin_own, note_own
from .plan import FilmPlan
from .planned import CuePlan
from .run_settings import RunSettings, stored_sound
from .separation import parse_separator, separate, speech_regions
from .sound import FilmClock, Silence, Sound, channel_names, store_sound
from .stems import Line, stems_of
from .streams import output_layout, write_film
from .subtitles import Spoken, embedded, subtitles_of, write_subtitles
from .voices import DEFAULT


if TYPE_CHECKING:
    from .run import DubbedCue


@dataclass(frozen=True)
class Assembled:
    """A dubbed film.

    Attributes:
        path: of the film.
        levels: of its sound.
        line_levels: by cue id, LUFS of the film's line, of the take, and the gain in dB.
        leaks: by cue id.
        without_bed: seconds in which nothing but the dub is heard.
        stems: files by name, where they were asked for.
        subtitles: file, where one was asked for.
        warnings: what is missing or different in the output, a sentence each.
    """

    path: Path
    levels: MixLevels
    line_levels: dict[str, dict[str, float | None]]
    leaks: dict[str, Leak]
    without_bed: float
    stems: dict[str, Path] = field(default_factory=dict)
    subtitles: Path | None = None
    warnings: tuple[str, ...] = ()


def assemble(
    plan: FilmPlan,
    settings: RunSettings,
    clock: FilmClock,
    cues: Sequence["DubbedCue"],
    remarks: Iterable[str] = (),
    tell: Callable[[str, float], None] = lambda stage, share: None,
) -> Assembled:
    """
    Writes the film.

    Args:
        plan, settings: of the run.
        clock: of the film's pictures.
        cues: that have a take, in the order of the film.
        remarks: of the check before the work.
        tell: is called with the progress.

    Raises:
        ValueError: a file cannot be read or written.
    """
    work = plan.settings.work_folder / "sound"
    work.mkdir(parents=True, exist_ok=True)
    layout = output_layout(plan.source.path, settings.tracks.layout)
    warnings = list(remarks)
    film = _film_sound(plan, clock, layout, tell)
    momentary, _ = BlockLevels(work / "film-levels.npz").measure(film, layout)
    tell("mix", 0.2)
    spans = [_span(cue.plan, clock) for cue in cues]
    lines, line_levels = _lines(plan, cues, clock, momentary, work)
    stems = stems_of(lines, layout, clock.samples)
    speech = joined(spans, clock.samples)
    background = _background(settings, film, layout, speech, clock, work, warnings, tell)
    mix = Mix({**stems, "\0background": background})  # no speaker has this name
    finished, levels = finish_mix(
        mix, layout, parse_loudness(settings.loudness), programme_loudness(momentary), settings.tracks.codec, work
    )
    tell("mix", 0.8)
    dub = Mix(stems)
    own = None if parse_background(settings.background).kind in ("gaps", "none") else background
    found = find_leaks(film, mix, dub, spans, own, folder=work)
    leaks = dict(zip((cue.plan.id for cue in cues), found, strict=True))
    shown = subtitles_of([_spoken(cue) for cue in cues])
    outputs = [plan.settings.output, *([settings.subtitles] if settings.subtitles else [])]
    begin_own(plan.settings.work_folder, outputs)
    written = {}
    if settings.stems:
        written = write_stems(plan.settings.work_folder / "stems", stems, background, layout)
    if settings.subtitles is not None:
        write_subtitles(Path(settings.subtitles), shown)
    tell("film", 0.0)
    path = write_film(
        plan.source.path,
        finished,
        plan.settings.output,
        settings.tracks,
        layout,
        _from_first_picture(embedded(shown), clock) if settings.embed_subtitles else None,
        overwrite=True,  # `check_run` has looked at what is there
        folder=work / "encoded",
        on_warning=warnings.append,
    )
    note_own(plan.settings.work_folder, outputs)
    tell("film", 1.0)
    return Assembled(
        path=Path(path),
        levels=levels,
        line_levels=line_levels,
        leaks=leaks,
        without_bed=seconds_without_bed(speech),
        stems=written,
        subtitles=settings.subtitles,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _film_sound(plan: FilmPlan, clock: FilmClock, layout: str, tell: Callable) -> Sound:
    if not plan.source.has_sound:
        return Silence(len(channel_names(layout)), clock.samples)
    target = stored_sound(plan, layout)
    return store_sound(plan.source.path, target, clock, layout, on_progress=lambda share: tell("sound", share))


def _span(cue: CuePlan, clock: FilmClock) -> tuple[int, int]:
    """The samples in which a cue is heard."""
    start, end = cue.window
    return max(0, clock.sample(start)), min(clock.samples, clock.sample(end))


def _lines(
    plan: FilmPlan,
    cues: Sequence["DubbedCue"],
    clock: FilmClock,
    momentary: np.ndarray,
    work: Path,
) -> tuple[list[Line], dict[str, dict[str, float | None]]]:
    """The takes in their places, as loud as the lines whose place they take."""
    speakers = [cue.plan.cue.speaker or DEFAULT for cue in cues]
    starts = [cue.plan.window[0] - clock.offset for cue in cues]
    film = [
        window_loudness(momentary, start, cue.plan.window[1] - clock.offset)
        for cue, start in zip(cues, starts, strict=True)
    ]
    takes = takes_loudness([cue.file for cue in cues], work)
    gains = line_gains(film, takes, speakers)
    lines, levels = [], {}
    for cue, start, speaker, gain, of_film, of_take in zip(cues, starts, speakers, gains, film, takes, strict=True):
        voice = plan.voices.get(cue.plan.cue.voice_name or DEFAULT) or plan.voices.get(DEFAULT)
        own = gain + cue.plan.cue.gain_db + (voice.gain_db if voice else 0.0)
        lines.append(Line(cue.file, start, speaker, own, voice.pan if voice else 0.0))
        levels[cue.plan.id] = {"film": of_film, "take": of_take, "gain_db": own}
    return lines, levels


def _background(
    settings: RunSettings,
    film: Sound,
    layout: str,
    speech: Sequence[tuple[int, int]],
    clock: FilmClock,
    work: Path,
    warnings: list[str],
    tell: Callable,
) -> Sound:
    choice = parse_background(settings.background)
    if choice.kind == "none":
        return Silence(film.channels, film.samples)
    if choice.kind == "file":
        stored = work / f"background-{Path(choice.file).stat().st_mtime_ns}.wav"
        own = open_own_background(choice.file, stored, clock, layout, speech)
        if silent_background(own):
            warnings.append(f"background: {choice.file} is silent.")
        return own
    if choice.kind == "separate":
        command = parse_separator(settings.separator)
        regions = speech_regions(speech, film.samples)
        return separate(
            film, layout, regions, command, work / "separated", lambda done, of: tell("separate", done / of)
        )
    inside = 10 ** (choice.duck_db / 20) if choice.kind == "duck" else 0.0
    return FilmBackground(film, speech, inside)


def _from_first_picture(shown: list[tuple[float, float, str]], clock: FilmClock) -> list[tuple[float, float, str]]:
    """Subtitles as tracks are written: counted from the first picture."""
    first = clock.offset / 1e6
    return [(max(0.0, start - first), max(0.0, end - first), text) for start, end, text in shown]


def _spoken(cue: "DubbedCue") -> Spoken:
    """What was said when, counted from where players do: the start of the container."""
    words = [(word, first / 1e6, last / 1e6) for word, first, last in cue.words]
    return Spoken(" ".join(part.text for part in cue.plan.parts), words, cue.plan.cue.speaker or "")


__all__ = ["Assembled", "assemble"]

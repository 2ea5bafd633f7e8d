"""What the page takes of a film: limits, a table of cues read and written, and what is wrong with a request, by field and by cue."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..film.background import parse_background
from ..film.cue_formats.native import read_native
from ..film.cue_formats.raw import MICROSECONDS, Mistake, read_clock
from ..film.cues import Cue, read_cues
from ..film.problems import FilmProblem, clock
from ..film.sound import film_clock
from ..film.source import FilmSource, probe_film
from ..film.speech import speaker_key
from ..film.voices import DEFAULT
from ..processing.long_wav import RATE
from ..sampling import DEFAULT_STEPS
from ..work.reading import parse_json
from .limits import (
    MAX_PICTURE_SIDE,
    MAX_SCRIPT_CHARACTERS,
    STEPS,
    Problem,
    Problems,
    check_consent,
    check_file,
    check_voice,
    check_whole,
    for_visitors,
)


MAX_FILM_SECONDS = 180.0
MAX_CUES = 40
MAX_SPEAKERS = 4
MAX_SHEET_CHARACTERS = 100_000
MAX_NAME_LETTERS = 40
FILM_FIELDS = ("film", "cues", "voices", "film-consent", "film-settings")
#: What is heard beside the dub, and what that is to a visitor.
BACKGROUNDS = {
    "gaps": "The film's sound outside of the lines",
    "duck": "All of it, quieter under them",
    "none": "Nothing",
}

#: Columns of the table of cues; the first and the last are the page's own.
COLUMNS = ("Cue", "Start", "End", "Speaker", "Text", "Timing", "Skip", "More", "To look at")
#: Fields of lines of JSON that stand in the column "More", as JSON.
MORE = ("face", "mouth_box", "seed", "gain_db")
Row = list[Any]
NOT_SPOKEN = "Not spoken."

_SPANS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True)
class VoiceGiven:
    """A voice of the table.

    Attributes:
        name: of the speaker; `default` for all that are not named.
        recording: path; `None` where there is none.
        spans: seconds of the film's own sound, as the visitor typed them: `61.2-68.9, 70-72`.
    """

    name: str
    recording: str | None = None
    spans: str = ""


@dataclass(frozen=True)
class FilmRequest:
    """What a visitor asks for.

    Attributes:
        film: path of the film; `None` where there is none.
        rows: of the table of cues.
        voices: one a speaker.
        consent: everybody seen and heard agreed.
        background: one of `BACKGROUNDS`.
        takes: of how many the best is kept.
        steps: of the flow.
        stems: write a file a speaker too.
        redo: numbers of cues of which another take is made.
        earlier: numbers of cues of which the take before the one in use is taken back, after the first one the last.
    """

    film: str | None
    rows: tuple[tuple[Any, ...], ...] = ()
    voices: tuple[VoiceGiven, ...] = ()
    consent: bool = False
    background: str = "gaps"
    takes: int = 1
    steps: int = DEFAULT_STEPS
    stems: bool = False
    redo: tuple[int, ...] = ()
    earlier: tuple[int, ...] = ()


class FilmProblems(Problems):
    """What is wrong with a film, by field, and by the number of the cue where it is a cue's."""

    def __init__(self, by_field: dict[str, str], by_cue: Mapping[int, list[str]]):
        super().__init__(by_field)
        self.by_cue = by_cue


@dataclass
class Found:
    """Problems as they are found."""

    lines: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # with the number of the cue, or 0
    by_cue: dict[int, list[str]] = field(default_factory=dict)

    def add(self, name: str, message: str, number: int = 0) -> None:
        self.lines.setdefault(name, []).append((number, message))

    def cue(self, number: int, message: str, time: int | None = None) -> None:
        told = for_visitors(message)
        self.by_cue.setdefault(number, []).append(told)
        place = "" if time is None else f" ({clock(time)})"
        self.add("cues", f"Cue {number}{place}: {told[:1].lower()}{told[1:]}", number)

    def tried(self, name: str, check: Any, *arguments: Any) -> Any:
        try:
            return check(*arguments)
        except Problem as problem:
            self.add(name, str(problem))
            return None

    def raise_all(self) -> None:
        if self.lines:
            by_cue = {
                name: sorted(self.lines[name], key=lambda one: one[0]) for name in FILM_FIELDS if name in self.lines
            }
            told = {name: "\n".join(message for _, message in lines) for name, lines in by_cue.items()}
            raise FilmProblems(told, self.by_cue)


# ---------------------------------------------------------------------------------------------------------------------
# The film


def check_film_file(path: str | None) -> FilmSource:
    """Looks at a film's headers and at the times of its pictures; one picture is decoded.

    Raises:
        Problem: no film, no video, too long, too large.
    """
    if not path:
        raise Problem("Upload a film.")
    check_file(path, "film")
    try:
        source = probe_film(path)
        seconds = max(source.duration / MICROSECONDS, film_clock(path).samples / RATE)  # headers may say anything
    except ValueError as error:
        raise Problem(for_visitors(error, path, "The film")) from error
    if seconds > MAX_FILM_SECONDS:
        raise Problem(
            f"The film lasts {seconds:.0f} s; at most {MAX_FILM_SECONDS:.0f} s here. On your own machine `flowdubber film` takes any length."
        )
    if max(source.width, source.height) > MAX_PICTURE_SIDE:
        raise Problem(f"The film's pictures are {source.width} × {source.height}; at most {MAX_PICTURE_SIDE} a side.")
    return source


def about_film(source: FilmSource) -> str:
    """A line about it."""
    sound = "with sound" if source.has_sound else "without sound"
    return f"{source.duration / MICROSECONDS:.1f} s, {source.width} × {source.height}, {sound}."


# ---------------------------------------------------------------------------------------------------------------------
# The table of cues


def read_sheet(path: Path) -> tuple[list[Row], list[str]]:
    """A sheet as rows of the table, and what is wrong with the cues that are not among them.

    Raises:
        Problem: it cannot be read, or holds too many cues.
    """
    check_file(str(path), "cue sheet")
    if path.stat().st_size > 4 * MAX_SHEET_CHARACTERS:
        raise Problem(f"The cue sheet is larger than {4 * MAX_SHEET_CHARACTERS / 1e6:.1f} MB.")
    try:
        sheet = read_cues(path)
    except ImportError as error:
        raise Problem("This server does not read ASS and SSA. Give SRT, VTT or TTML.") from error
    except ValueError as error:
        raise Problem(for_visitors(error, str(path), "The cue sheet")) from error
    check_count(len(sheet.cues))
    return [_row(number, cue) for number, cue in enumerate(sheet.cues, 1)], [str(one) for one in sheet.problems]


def check_count(cues: int) -> None:
    """Raises `Problem` for too many cues."""
    if cues > MAX_CUES:
        raise Problem(
            f"There are {cues} cues; at most {MAX_CUES} here. On your own machine `flowdubber film` takes any number."
        )


def _row(number: int, cue: Cue) -> Row:
    """Of a cue that is said by nobody who is seen the timing is `cue`."""
    timing = "cue" if cue.face == "none" else cue.timing
    start, end = (round(time / MICROSECONDS, 3) for time in (cue.start, cue.end))
    face = None if cue.face == "none" else cue.face
    given = {"face": face, "mouth_box": cue.mouth_box, "seed": cue.seed, "gain_db": cue.gain_db or None}
    more = {name: value for name, value in given.items() if value is not None}
    told = json.dumps(more, ensure_ascii=False) if more else ""
    return [number, start, end, cue.voice_name or "", cue.text, timing, cue.skip, told, cue.note if cue.skip else ""]


def filled(rows: Iterable[Sequence[Any]]) -> list[Row]:
    """The rows in which something stands, numbered, without what the page wrote beside them."""
    kept = [list(row) for row in rows if isinstance(row, (list, tuple)) and len(row) == len(COLUMNS)]
    kept = [row for row in kept if any(_text(row[place]) for place in (1, 2, 4))]
    return [[number, *row[1:-1], ""] for number, row in enumerate(kept, 1)]


def with_notes(rows: Iterable[Row], notes: Mapping[int, Sequence[str]]) -> list[Row]:
    """The rows with what is to be looked at, by the number of the cue."""
    return [[*row[:-1], " ".join(notes.get(row[0]) or ([NOT_SPOKEN] if _is_true(row[6]) else []))] for row in rows]


def speakers_of(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Whose voices are needed, in the order of the table; `default` stands for nobody's name."""
    spoken = [row for row in filled(rows) if not _is_true(row[6])]
    return list(dict.fromkeys(speaker_key(_text(row[3])) or DEFAULT for row in spoken))


def cue_lines(rows: Sequence[Row], found: Found) -> tuple[str, list[int]]:
    """Filled rows as a sheet of the package's own kind, and the number of each row in it; mistakes are noted by cue."""
    lines, numbers = [], []
    for row in rows:
        number, text = row[0], _text(row[4])
        cue = {"text": text, "timing": _text(row[5]).lower() or "auto", "skip": _is_true(row[6])}
        if _text(row[3]):
            cue["speaker"] = _text(row[3])
        try:
            cue |= _more(_text(row[7]))
            for name, value in (("start", row[1]), ("end", row[2])):
                cue[name] = _time(name, value)
            if len(text) > MAX_SCRIPT_CHARACTERS:
                raise ValueError(f"has {len(text)} characters; at most {MAX_SCRIPT_CHARACTERS}.")
            _check_name(_text(row[3]))
        except ValueError as error:
            found.cue(number, str(error))
            continue
        line = json.dumps(cue, ensure_ascii=False)
        mistakes = [one.message for one in read_native(line) if isinstance(one, Mistake)]
        for mistake in mistakes:
            found.cue(number, mistake)
        if not mistakes:
            lines.append(line)
            numbers.append(number)
    return "\n".join(lines) + "\n", numbers


def _more(text: str) -> dict[str, Any]:
    """What a row says beyond its columns; the reader of lines of JSON looks at the values."""
    if not text:
        return {}
    try:
        given = parse_json(text, "more", finite=True) if len(text) <= MAX_SCRIPT_CHARACTERS else None
    except ValueError:
        given = None
    if not isinstance(given, dict) or not given.keys() <= set(MORE):
        raise ValueError(
            f'its column More takes {", ".join(MORE)} as JSON, such as {{"gain_db": -3}}, got {text!r:.60}.'
        )
    return given


def _time(name: str, value: Any) -> int:
    """Seconds, or a clock's time, in microseconds."""
    try:
        if isinstance(value, str) and ":" in value:
            return read_clock(value.strip())
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds <= 360_000:
        raise ValueError(f"its {name} must be seconds of the film, such as 61.2 or 1:01.2, got {_text(value)!r:.40}.")
    return round(seconds * MICROSECONDS)


def _check_name(name: str) -> None:
    if len(name) > MAX_NAME_LETTERS or not name.isprintable():
        raise ValueError(f"its speaker must be a name of at most {MAX_NAME_LETTERS} letters, got {name!r:.60}.")


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).strip()


def _is_true(value: Any) -> bool:
    return value is True or _text(value).lower() == "true"


# ---------------------------------------------------------------------------------------------------------------------
# Voices and settings


def read_spans(text: str) -> list[list[float]]:
    """Seconds of the film's own sound: `61.2-68.9, 70-72`.

    Raises:
        Problem: something else, or a span that ends before it begins.
    """
    spans = []
    for part in re.split(r"[,;]", text):
        match = _SPANS.fullmatch(part)
        if match is None or not float(match[1]) < float(match[2]) < 360_000:
            raise Problem(f"Give seconds of the film as 61.2-68.9, got “{part.strip()[:40]}”.")
        spans.append([float(match[1]), float(match[2])])
    return spans


def check_voice_given(voice: VoiceGiven) -> Any:
    """The samples `(samples,)` of a recording, or the spans of a voice of the film.

    Raises:
        Problem: neither or both, or one that cannot be used.
    """
    who = "the cues without a speaker" if voice.name == DEFAULT else voice.name
    if voice.recording and voice.spans.strip():
        raise Problem(f"{who}: give a recording or seconds of the film, not both.")
    if not voice.recording and not voice.spans.strip():
        raise Problem(f"{who}: give a recording of the voice, or seconds of the film in which it speaks.")
    try:
        return check_voice(voice.recording, False, None) if voice.recording else read_spans(voice.spans)
    except Problem as problem:
        raise Problem(f"{who}: {problem}") from problem


def check_film_settings(request: FilmRequest, max_takes: int) -> None:
    """Raises `Problem` for a setting that cannot be."""
    check_whole("Steps", request.steps, *STEPS)
    check_whole("Takes", request.takes, 1, max_takes)
    if request.background not in BACKGROUNDS:
        raise Problem("Choose what is heard beside the dub.")
    parse_background(request.background)


def note_problems(
    problems: Iterable[FilmProblem], numbers: Sequence[int], absent: Iterable[str], found: Found, folder: Path
) -> dict[int, list[str]]:
    """Sorts what the package finds into fields and cues.

    Args:
        problems: errors and warnings.
        numbers: of the rows that the sheet's cues stand in.
        absent: names of voices that are none yet, which has been told.
        found: takes the errors; of the film nothing more is said where something is.
        folder: in which the sheet and the voices lie.

    Returns:
        What is doubtful, by the number of the cue; 0 for what is no cue's.
    """
    doubts: dict[int, list[str]] = {}
    untold = tuple(f"[{name}]" for name in absent)
    for one in problems:
        message = without_paths(one.message, folder)
        field_name = one.where if one.where in ("film", "cues") else "voices"
        number = 0 if one.cue is None else numbers[one.cue - 1]
        if (field_name == "voices" and message.startswith(untold)) or (field_name == "film" and "film" in found.lines):
            continue
        if not one.is_error:
            doubts.setdefault(number, []).append(for_visitors(message))
        elif number:
            found.cue(number, message, one.time)
        else:
            found.add(field_name, for_visitors(message))
    return doubts


def without_paths(text: str, folder: Path) -> str:
    """A text without the folder that files of the visit lie in."""
    for start in (f"{folder}/", json.dumps(f"{folder}\\")[1:-1], f"{folder}\\"):
        text = text.replace(start, "")
    return text


def check_request_fields(request: FilmRequest, max_takes: int, found: Found) -> dict[str, Any]:
    """What concerns one field alone; returns the voices that can be used, by name."""
    found.tried("film", check_film_file, request.film)
    found.tried("film-consent", check_consent, request.consent)
    found.tried("film-settings", check_film_settings, request, max_takes)
    rows = filled(request.rows)
    if not rows:
        found.add("cues", "Give a cue sheet, or type a cue into the table.")
    found.tried("cues", check_count, len(rows))
    needed = speakers_of(request.rows)
    if len(needed) > MAX_SPEAKERS:
        found.add("cues", f"There are {len(needed)} speakers; at most {MAX_SPEAKERS} here.")
    given = {voice.name: voice for voice in request.voices}
    voices = {
        name: found.tried("voices", check_voice_given, given.get(name, VoiceGiven(name)))
        for name in needed[:MAX_SPEAKERS]
    }
    return {name: voice for name, voice in voices.items() if voice is not None}

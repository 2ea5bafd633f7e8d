"""The voices of a film: a table of TOML, a voice a speaker for the whole film, from a recording or from spans of the film's own sound."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..processing.outputs import check_file
from ..work.reading import read_toml
from .cue_formats.raw import MICROSECONDS
from .problems import FilmProblem
from .source import FilmSource, film_sound
from .speech import speaker_key


#: The voice of speakers that have none of their own.
DEFAULT = "default"
LEAST_SECONDS, MOST_SECONDS = 1.0, 600.0
FIELDS = ("reference", "text", "from", "gain_db", "pan", "consent")


@dataclass(frozen=True)
class Voice:
    """One voice.

    Attributes:
        name: key of the speaker.
        reference: recording of it.
        text: what is said there, or in `spans`, where known.
        spans: microseconds of the film's own sound in which it speaks, in place of a recording.
        gain_db: of all that it says.
        pan: -1 left to 1 right.
        consent: line for the report.
    """

    name: str
    reference: Path | None = None
    text: str | None = None
    spans: tuple[tuple[int, int], ...] = ()
    gain_db: float = 0.0
    pan: float = 0.0
    consent: str | None = None


@dataclass(frozen=True)
class VoiceTable:
    """All voices by their names, and what is wrong with the others."""

    voices: Mapping[str, Voice]
    problems: tuple[FilmProblem, ...] = field(default=())
    named: frozenset[str] = frozenset()

    def find(self, name: str | None) -> Voice | None:
        """The voice of a speaker: its own, or the table's `[default]`."""
        return self.voices.get(name or DEFAULT) or self.voices.get(DEFAULT)


def read_voices(file: str | Path) -> VoiceTable:
    """
    The table of a film's voices. References are relative to the table's folder.

    Raises:
        ValueError: the file cannot be read or is no TOML.
    """
    file = Path(file)
    voices, problems = {}, []
    table = read_toml(file)
    for name, row in table.items():
        found = list(_row_problems(row))
        key = speaker_key(name)
        if key in voices:
            found.append("another table has this name, capitals apart; rename one.")
        if found:
            problems += [FilmProblem(f"[{name}] {message}", where=str(file)) for message in found]
        else:
            voices[key] = _voice(key, row, file.parent)
    if not table:
        problems.append(FilmProblem("no voice is in it; write a table [name] for each speaker.", where=str(file)))
    return VoiceTable(voices, tuple(problems), frozenset(map(speaker_key, table)))


def _row_problems(row: Any) -> Iterator[str]:
    if not isinstance(row, dict):
        yield "must be a table: write [name] and its fields below."
        return
    for name in row:
        if name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, 1, cutoff=0.5)
            yield f"has no field {name!r:.40}; " + (
                f"did you mean {near[0]}?" if near else f"fields: {', '.join(FIELDS)}."
            )
    for name in ("reference", "text", "consent"):
        if name in row and (not isinstance(row[name], str) or not row[name].strip()):
            yield f"{name} must be a text."
    for name, most in (("gain_db", 40), ("pan", 1)):
        if name in row and (isinstance(row[name], bool) or not _is_number(row[name]) or abs(row[name]) > most):
            yield f"{name} must be a number from -{most} to {most}."
    if ("reference" in row) == ("from" in row):
        yield "needs either reference, a recording, or from, spans of the film's own sound."
    if "from" in row:
        yield from _span_problems(row["from"])


def _span_problems(spans: Any) -> Iterator[str]:
    if not isinstance(spans, list) or not spans or not all(isinstance(one, list) and len(one) == 2 for one in spans):
        yield "from must be pairs of seconds: from = [[61.2, 68.9]]."
        return
    if not all(_is_number(value) and 0 <= value < 360_000 for one in spans for value in one):
        yield "from must be pairs of seconds from 0 on."
        return
    if any(first >= last for first, last in spans):
        yield "a span of from ends before it begins."
        return
    total = sum(last - first for first, last in spans)
    if not LEAST_SECONDS <= total <= MOST_SECONDS:
        yield f"from has {total:.2f} s in all; a voice needs between {LEAST_SECONDS:.0f} s and {MOST_SECONDS:.0f} s."


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _voice(key: str, row: dict[str, Any], folder: Path) -> Voice:
    spans = row.get("from", ())
    return Voice(
        name=key,
        reference=folder / row["reference"] if "reference" in row else None,
        text=row.get("text"),
        spans=tuple((round(a * MICROSECONDS), round(b * MICROSECONDS)) for a, b in spans),
        gain_db=float(row.get("gain_db", 0.0)),
        pan=float(row.get("pan", 0.0)),
        consent=row.get("consent"),
    )


def check_voices(
    table: VoiceTable, used: Iterable[str], where: str, duration: int, has_sound: bool
) -> Iterator[FilmProblem]:
    """What is wrong with recordings and spans, and which voices nobody uses.

    Args:
        used: names of the voices that cues take.
        where: the table's file, for messages.
        duration: of the film, microseconds.
        has_sound: whether it has sound.
    """
    wanted = set(used)
    for name, voice in table.voices.items():
        if name not in wanted:
            yield FilmProblem(f"[{name}] is no cue's voice.", where=where, is_error=False)
        elif voice.reference is not None:
            try:
                yield from (
                    FilmProblem(f"[{name}] {remark}", where=where, is_error=False)
                    for remark in _heard(voice.reference)
                )
            except ValueError as error:
                yield FilmProblem(f"[{name}] {error}", where=where)
        elif not has_sound:
            yield FilmProblem(
                f"[{name}] takes its voice from the film, which has no sound; give reference.", where=where
            )
        elif any(last > duration for _, last in voice.spans):
            yield FilmProblem(f"[{name}] has a span of from that ends after the film.", where=where)


def check_spans(table: VoiceTable, used: Iterable[str], where: str, source: FilmSource) -> Iterator[FilmProblem]:
    """What is wrong with the voices that are taken from the film's own sound, which is decoded there."""
    from ..processing.references import check_reference

    for name in sorted(set(used)):
        spans = table.voices[name].spans
        if not spans:
            continue
        sound = np.concatenate([film_sound(source, start, end) for start, end in spans])
        try:
            remarks = check_reference(sound, "what `from` names of the film's sound")
        except ValueError as error:
            yield FilmProblem(f"[{name}] {error}", where=where)
        else:
            yield from (FilmProblem(f"[{name}] {remark}", where=where, is_error=False) for remark in remarks)


def _heard(reference: Path) -> list[str]:
    from ..processing.references import check_reference
    from ..processing.sound import load_audio

    return check_reference(
        load_audio(check_file(reference, "recording", "give a recording")), f"the reference {reference}"
    )

"""Cue sheets: who says what when, from subtitles of every kind or the package's own lines of JSON."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..work.files import replace_file
from .cue_formats.raw import MAX_TIME, Mistake, RawCue, Turn
from .cue_formats.reading import read_raw_cues
from .problems import FilmProblem
from .rttm import LEAST_SHARE, Speech, read_rttm, runs, shares
from .speech import Spoken, is_shouting, read_turn, speaker_key, split_dashes


#: Where the speaker of a cue without a name comes from: nowhere, or the last cue that names one.
SPEAKERS = ("named", "carry")


@dataclass(frozen=True)
class Cue:
    """What one speaker says in one stretch of a film.

    Attributes:
        id: the same whatever else changes in the sheet; files are named by it.
        number: of the cue in its file, from 1.
        line: of the file.
        start, end: microseconds of the film.
        text: to be spoken; of a skipped cue, what stands in the file.
        speaker: key of the speaker, `None` where nobody is named.
        voice: of the table, where it is not the speaker's.
        timing: `auto`, `lips`, `activity` or `cue`.
        face: track of a file of one's own, or `none`.
        mouth_box: x0, y0, x1, y1 in pixels of the upright picture.
        seed, best_of: of this cue, in place of the film's.
        gain_db: of its sound.
        skip: not to be dubbed.
        note: of the author; of a skipped cue, why.
    """

    id: str
    number: int
    line: int
    start: int
    end: int
    text: str
    speaker: str | None = None
    voice: str | None = None
    timing: str = "auto"
    face: str | None = None
    mouth_box: tuple[float, float, float, float] | None = None
    seed: int | None = None
    best_of: int | None = None
    gain_db: float = 0.0
    skip: bool = False
    note: str = ""

    @property
    def voice_name(self) -> str | None:
        """Key of the voice that speaks it."""
        return self.speaker if self.voice is None else speaker_key(self.voice)

    def problem(self, message: str, is_error: bool = True) -> FilmProblem:
        return FilmProblem(message, self.number, self.id, self.line, self.start, is_error=is_error)

    def as_row(self) -> dict[str, Any]:
        """The cue as a line of a native file; reading that gives it again."""
        row: dict[str, Any] = {"id": self.id, "start": self.start, "end": self.end, "text": self.text}
        for name in ("speaker", "voice", "face", "mouth_box", "seed", "best_of"):
            if getattr(self, name) is not None:
                row[name] = getattr(self, name)
        for name, usual in (("timing", "auto"), ("gain_db", 0.0), ("skip", False), ("note", "")):
            if getattr(self, name) != usual:
                row[name] = getattr(self, name)
        return row


@dataclass(frozen=True)
class CueSheet:
    """Cues in the order of their times, and what is wrong with the others."""

    cues: tuple[Cue, ...]
    problems: tuple[FilmProblem, ...] = field(default=())


def read_cues(
    file: str | Path,
    *,
    known: Collection[str] = (),
    rttm: str | Path | None = None,
    speakers: str = "named",
    split_dashes: bool = False,
    cue_rate: Fraction | None = None,
) -> CueSheet:
    """
    The cues of a sheet.

    Args:
        file: SRT, VTT, ASS, SSA, TTML, or lines of JSON.
        known: names of the speakers that have voices.
        rttm: file of a diarizer, which names the speakers of cues that name none.
        speakers: `named`, or `carry`: a cue without a name is the last named speaker's.
        split_dashes: two speakers in one cue become two cues, their times shared out by their letters.
        cue_rate: by which the cue's times are divided, 25/23.976 for cues of a film of 23.976 that now runs at 25.

    Returns:
        [`CueSheet`]; cues with mistakes are in its problems and not among its cues.

    Raises:
        ValueError: a file that cannot be read, or a wrong option.
        ImportError: ASS or SSA without the extra `film`.
    """
    if speakers not in SPEAKERS:
        raise ValueError(f"speakers must be one of {', '.join(SPEAKERS)}, got {speakers!r}.")
    if cue_rate is not None and not Fraction(1, 4) <= cue_rate <= 4:
        raise ValueError(f"cue_rate must lie between 1/4 and 4, got {float(cue_rate):g}.")
    raw = read_raw_cues(file)
    reader = _Reader(
        known=frozenset(map(speaker_key, known)),
        speeches=[] if rttm is None else read_rttm(rttm),
        carry=speakers == "carry",
        split=split_dashes,
        shouting=is_shouting([turn.text for one in raw if isinstance(one, RawCue) for turn in one.turns]),
    )
    for number, one in enumerate(raw, 1):
        reader.read(number, one)
    cues, problems = reader.cues, reader.problems
    if cue_rate is not None:
        cues = [replace(cue, start=round(cue.start / cue_rate), end=round(cue.end / cue_rate)) for cue in cues]
    return CueSheet(tuple(sorted(cues, key=lambda cue: (cue.start, cue.number, cue.end))), tuple(problems))


def write_cues(file: Path, cues: Iterable[Cue]) -> None:
    """Writes a native file."""
    lines = [json.dumps(cue.as_row(), ensure_ascii=False) + "\n" for cue in cues]
    replace_file(file, "".join(lines).encode())


def cue_id(start: int, text: str) -> str:
    """Of a cue that has none of its own: cues around it may come and go."""
    return "c" + hashlib.sha256(f"{start}|{text}".encode()).hexdigest()[:10]


class _Reader:
    """Raw cues one after another, with what the ones before have said."""

    def __init__(self, known: frozenset[str], speeches: list[Speech], carry: bool, split: bool, shouting: bool):
        self.cues: list[Cue] = []
        self.problems: list[FilmProblem] = []
        self._known, self._speeches, self._carry, self._split = known, speeches, carry, split
        self._shouting = shouting
        self._last: str | None = None
        self._ids: dict[str, int] = {}

    def read(self, number: int, raw: RawCue | Mistake) -> None:
        if isinstance(raw, Mistake):
            self.problems.append(FilmProblem(raw.message, number, line=raw.line))
            return
        problem = _time_problem(raw)
        if problem:
            self.problems.append(FilmProblem(problem, number, line=raw.line, time=raw.start))
            return
        try:
            self.cues += self._cues(number, raw)
        except ValueError as error:
            self.problems.append(FilmProblem(str(error), number, line=raw.line, time=raw.start))

    def _cues(self, number: int, raw: RawCue) -> list[Cue]:
        written = " ".join(" ".join(turn.text for turn in raw.turns).split())
        if not written:
            raise ValueError("has no text; write what is said, or leave the cue out.")
        if raw.silent or raw.given.get("skip"):
            note = raw.given.get("note", "") or raw.silent or ""
            return [self._cue(number, raw, Spoken(written, self._markup_name(raw)), raw.start, raw.end, True, note)]
        spoken = list(self._spoken(raw))
        said = [one for one in spoken if one.text]
        if not said:
            note = next((one.silent for one in spoken if one.silent), "no words")
            return [self._cue(number, raw, Spoken(written), raw.start, raw.end, True, note)]
        return [self._cue(number, raw, *part) for part in self._parts(raw, _merged(said))]

    def _markup_name(self, raw: RawCue) -> str | None:
        return next((turn.speaker for turn in raw.turns if turn.speaker), None)

    def _spoken(self, raw: RawCue) -> Iterator[Spoken]:
        for turn in raw.turns:
            if raw.literal:
                yield Spoken(" ".join(turn.text.split()), turn.speaker)
                continue
            for part in split_dashes(turn):
                yield self._named(part, read_turn(part, self._known, self._shouting))

    def _named(self, turn: Turn, spoken: Spoken) -> Spoken:
        names = [name for name in (turn.speaker, spoken.speaker) if name]
        if len({speaker_key(name) for name in names}) > 1:
            raise ValueError(f"names two speakers, {names[0]} and {names[1]}; leave one of them.")
        return replace(spoken, speaker=names[0] if names else None)

    def _parts(self, raw: RawCue, said: list[Spoken]) -> Iterator[tuple[Spoken, int, int]]:
        """What each speaker of a cue says, and when."""
        if len(said) == 1:
            yield said[0], raw.start, raw.end
            return
        heard = runs(self._speeches, raw.start, raw.end)
        if len(heard) == len(said) and not self._split:
            for one, run in zip(said, heard, strict=True):
                yield replace(one, speaker=one.speaker or run.speaker), run.start, run.end
            return
        if not self._split:
            raise ValueError(
                f"{len(said)} speakers in one cue; give each a cue of its own, or --split-dashes to share out its time."
            )
        letters = [len(one.text) for one in said]
        edges = [
            raw.start + (raw.end - raw.start) * sum(letters[:place]) // sum(letters) for place in range(len(said) + 1)
        ]
        for one, start, end in zip(said, edges, edges[1:], strict=False):
            yield one, start, end

    def _cue(
        self, number: int, raw: RawCue, spoken: Spoken, start: int, end: int, skip: bool = False, note: str = ""
    ) -> Cue:
        speaker = None if spoken.speaker is None else speaker_key(spoken.speaker)
        if not skip and "voice" not in raw.given:
            speaker = self._speaker(speaker, start, end)
        given = {"timing": "cue" if spoken.off or raw.italic else "auto", **raw.given, "skip": skip}
        given["note"] = note or given.get("note", "")
        own = given.pop("id", None)
        identity = self._unique(own or cue_id(raw.start, spoken.text), own is not None)
        return Cue(identity, number, raw.line, start, end, spoken.text, speaker, **given)

    def _unique(self, identity: str, given: bool) -> str:
        folded = identity.casefold()  # some disks do not tell capitals apart
        count = self._ids[folded] = self._ids.get(folded, 0) + 1
        if count == 1:
            return identity
        if given:
            raise ValueError(f'the id "{identity}" is another cue\'s already; give each its own.')
        return f"{identity}-{count}"

    def _speaker(self, named: str | None, start: int, end: int) -> str | None:
        if named is None and self._speeches:
            found = shares(self._speeches, start, end)
            if not found or found[0][1] < LEAST_SHARE:
                told = ", ".join(f"{share:.0%} {name}".replace("%", " %") for name, share in found[:2]) or "nobody"
                raise ValueError(f"{told}: name the speaker.")
            named = found[0][0]
        if named is None and self._carry:
            named = self._last
        self._last = named or self._last
        return named


def _merged(said: list[Spoken]) -> list[Spoken]:
    """Neighbouring turns of one named speaker as one."""
    joined: list[Spoken] = []
    for one in said:
        if (
            joined
            and one.speaker
            and joined[-1].speaker
            and speaker_key(one.speaker) == speaker_key(joined[-1].speaker)
        ):
            last = joined[-1]
            joined[-1] = replace(last, text=f"{last.text} {one.text}", off=last.off and one.off)
        else:
            joined.append(one)
    return joined


def _time_problem(raw: RawCue) -> str | None:
    if raw.start < 0:
        return "begins before the film; give times from 0 on."
    if raw.end > MAX_TIME:
        return "ends after 100 hours; correct its time."
    if raw.end < raw.start:
        return "ends before it begins; correct its times."
    return "lasts no time; correct its times." if raw.end == raw.start else None

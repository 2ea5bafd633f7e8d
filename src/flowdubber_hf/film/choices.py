"""Which take of each cue is used: by its seed, kept in the work folder, changed by doing a cue again or accepting another take."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..sampling import MAX_TAKES
from ..work.records import read_record, write_record
from .cues import Cue
from .plan import FilmPlan
from .planned import CuePlan
from .run_settings import RunSettings


CHOICES_NAME = "choices.json"


@dataclass(frozen=True)
class Draw:
    """From which seeds a take is drawn.

    Attributes:
        seed: the first.
        best_of: how many, of which the best is kept.
    """

    seed: int
    best_of: int = 1

    @property
    def seeds(self) -> range:
        return range(self.seed, self.seed + self.best_of)

    @property
    def name(self) -> str:
        """For files."""
        return str(self.seed) if self.best_of == 1 else f"{self.seed}-best{self.best_of}"


class Choices:
    """The draw of each cue.

    Args:
        folder: the work folder of the film.
        settings: what cues without a choice take.
    """

    def __init__(self, folder: Path, settings: RunSettings):
        self._file, self._settings = folder / CHOICES_NAME, settings
        self._known = {name: row for name, row in read_record(self._file).items() if _is_choice(row)}

    def of(self, cue: Cue) -> Draw:
        """Chosen in an earlier run, named in the cue sheet, or that of the whole film, in this order."""
        row = self._known.get(cue.id)
        if row is not None:
            return Draw(row["seed"], row["best_of"])
        usual = self._settings
        return Draw(
            usual.seed if cue.seed is None else cue.seed, usual.best_of if cue.best_of is None else cue.best_of
        )

    def choose(self, cue: Cue, draw: Draw) -> None:
        """Takes another draw from now on."""
        self._known[cue.id] = {"seed": draw.seed, "best_of": draw.best_of}
        write_record(self._file, self._known)


def _is_choice(row: Any) -> bool:
    if not isinstance(row, dict):
        return False
    seed, best_of = row.get("seed"), row.get("best_of")
    return all(isinstance(value, int) and not isinstance(value, bool) for value in (seed, best_of)) and (
        0 <= seed < 2**63 - MAX_TAKES and 1 <= best_of <= MAX_TAKES
    )


def find_cues(plan: FilmPlan, names: Iterable[str]) -> list[CuePlan]:
    """Cues by their ids, or by their numbers in the file: `12`, `40-52`.

    Raises:
        ValueError: there is no such cue, or it is skipped.
    """
    by_number = {one.cue.number: one for one in plan.cues}
    by_id = {one.id: one for one in plan.cues}
    found: dict[str, CuePlan] = {}
    for name in names:
        for one in _named(name.strip(), by_id, by_number):
            if not one.parts:
                raise ValueError(f"cue {one.cue.number} is not dubbed: {one.cue.note or 'it is skipped'}.")
            found[one.id] = one
    return list(found.values())


def _named(name: str, by_id: Mapping[str, CuePlan], by_number: Mapping[int, CuePlan]) -> list[CuePlan]:
    if name in by_id:
        return [by_id[name]]
    first, dash, last = name.partition("-")
    if first.isdecimal() and (last.isdecimal() if dash else not last):
        numbers = range(int(first), int(last or first) + 1)
        if len(numbers) <= len(by_number) + 1 and all(number in by_number for number in numbers) and numbers:
            wanted = [by_number[number] for number in numbers]
            return [one for one in wanted if one.parts] if dash else wanted
    raise ValueError(f"there is no cue {name!r:.60}; name cues by number (12, 40-52) or id.")

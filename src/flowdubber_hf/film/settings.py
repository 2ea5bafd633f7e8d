"""What is asked for of a film."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from .cue_formats.native import TIMINGS
from .cues import SPEAKERS


PLAN_NAME = "plan.json"
#: Phonemes a second above which a cue is told of, and above which it cannot be spoken: one in each picture.
HURRIED_RATE, FASTEST_RATE = 20.0, 25.0


@dataclass(frozen=True)
class FilmSettings:
    """A film to dub, as far as its plan depends on it.

    Attributes:
        film: the file.
        cues: sheet: SRT, VTT, ASS, SSA, TTML or lines of JSON.
        voices: table of voices, TOML; `None` for a plan that is not dubbed.
        output: file of the dubbed film.
        work: folder of plan, mouths, takes; `OUTPUT.film` beside the output by default.
        rttm: file of a diarizer for cues that name no speaker.
        speakers: `named`, or `carry`.
        split_dashes: two speakers in one cue share out its time.
        cue_rate: the cues' times are divided by it.
        timing: of cues that say none: `auto`, `lips`, `activity`, `cue`.
        shots: `auto`, `none`, or a file of cuts.
        faces: file of faces of one's own.
        borrow: seconds of the silence behind it that a cue with too many phonemes may take.
        max_phonemes_per_second: more are told.
        model: whose way of reading letters the scripts follow: bundled name, folder or Hub id.
    """

    film: str | Path
    cues: str | Path
    voices: str | Path | None
    output: str | Path
    work: str | Path | None = None
    rttm: str | Path | None = None
    speakers: str = "named"
    split_dashes: bool = False
    cue_rate: Fraction | None = None
    timing: str = "auto"
    shots: str | Path = "auto"
    faces: str | Path | None = None
    borrow: float = 0.0
    max_phonemes_per_second: float = HURRIED_RATE
    model: str = "flowdubber-grid-tiny"

    def __post_init__(self) -> None:
        if self.timing not in TIMINGS:
            raise ValueError(f"timing must be one of {', '.join(TIMINGS)}, got {self.timing!r}.")
        if self.speakers not in SPEAKERS:
            raise ValueError(f"speakers must be one of {', '.join(SPEAKERS)}, got {self.speakers!r}.")
        if not 0 <= self.borrow <= 10:
            raise ValueError(f"borrow must lie between 0 and 10 seconds, got {self.borrow}.")
        if not 1 <= self.max_phonemes_per_second <= FASTEST_RATE:
            most = self.max_phonemes_per_second
            raise ValueError(f"max_phonemes_per_second must lie between 1 and {FASTEST_RATE:g}, got {most}.")

    @property
    def work_folder(self) -> Path:
        return Path(f"{self.output}.film") if self.work is None else Path(self.work)


def read_rate(text: str) -> Fraction:
    """`25/23.976` or `1.0427`, with the rates of film and television exact.

    Raises:
        ValueError: no such fraction, or not greater than 0.
    """
    try:
        parts = [_exact(Fraction(part)) for part in text.split("/") if len(part) <= 12 and "e" not in part.lower()]
        rate = parts[0] if len(parts) == 1 else parts[0] / parts[1]
        if len(parts) != text.count("/") + 1 or len(parts) > 2 or rate <= 0:
            raise ValueError
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise ValueError(f"give a rate like 25/23.976, got {text!r:.40}.") from error
    return rate


def _exact(rate: Fraction) -> Fraction:
    """23.976 stands for 24000/1001."""
    for whole in (24, 30, 60, 120):
        exact = Fraction(whole * 1000, 1001)
        if rate != whole and abs(rate - exact) < Fraction(1, 200):
            return exact
    return rate

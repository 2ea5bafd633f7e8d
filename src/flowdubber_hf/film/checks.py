"""Cues against voices, the film's length and each other, before anything of the film is decoded."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from .cue_formats.raw import MICROSECONDS
from .cues import Cue
from .problems import FilmProblem
from .script import read_script, split_cue, too_fast
from .settings import FASTEST_RATE
from .voices import VoiceTable


# What a film is told to run at, and what the cues were made for.
_RATES = (("25/23.976", Fraction(25 * 1001, 24000)), ("25/24", Fraction(25, 24)), ("24/23.976", Fraction(1001, 1000)))
_LEAST_FILLED = 0.9  # of the film by cues at the right rate
_SMALL_OVERHANG = MICROSECONDS  # that a last subtitle may stand after the film


def check_cues(
    cues: Sequence[Cue], duration: int, table: VoiceTable | None, accent: str, most: float, borrow: float = 0.0
) -> Iterator[FilmProblem]:
    """All that is wrong with a sheet's cues.

    Args:
        cues: in the order of their times.
        duration: of the film, microseconds.
        table: of voices; `None` where none are needed.
        accent: `us` or `gb`, of the model.
        most: phonemes a second above which a cue is told of.
        borrow: seconds that a cue may take of the silence behind it.
    """
    spoken = [cue for cue in cues if not cue.skip]
    drift = _drift(spoken, duration)
    if drift is not None:
        yield drift
    starts = [cue.start for cue in spoken]
    for cue in spoken:
        if drift is None:
            yield from _end_problems(cue, duration)
        if table and table.find(cue.voice_name) is None and (cue.voice_name or "") not in table.named:
            yield cue.problem(_no_voice(cue, table))
        following = bisect_left(starts, cue.end)
        following = starts[following] if following < len(starts) else duration
        room = min(max(0, following - cue.end), round(borrow * MICROSECONDS))
        yield from _script_problems(cue, accent, most, room)
    yield from _overlaps(spoken)
    yield from _box_problems(spoken)


def _drift(cues: Sequence[Cue], duration: int) -> FilmProblem | None:
    """Cues that were made for a slower film run on after its end."""
    last = max((cue.end for cue in cues), default=0)
    if last <= duration + _SMALL_OVERHANG or len(cues) < 2:
        return None
    for name, rate in _RATES:
        if _LEAST_FILLED * duration <= last / rate <= duration + _SMALL_OVERHANG:
            made = name.partition("/")[2]
            percent = f"{(float(rate) - 1) * 100:.2f}"
            message = f"cues run {percent} % slow: made for {made} fps? --cue-rate {name}"
            return FilmProblem(message, where="cues")
    return None


def _end_problems(cue: Cue, duration: int) -> Iterator[FilmProblem]:
    if cue.start >= duration:
        yield cue.problem("begins after the film's end; is it another film's?")
    elif cue.end > duration + _SMALL_OVERHANG:
        yield cue.problem(f"ends {(cue.end - duration) / MICROSECONDS:.1f} s after the film; correct its end.")


def _no_voice(cue: Cue, table: VoiceTable) -> str:
    names = ", ".join(table.voices) or "none"
    if cue.voice_name is None:
        return f"names no speaker, and voices.toml has no [default]; name one, or --rttm, or --speakers carry (voices: {names})."
    return f'no voice "{cue.voice_name}" in voices.toml; it has {names}.'


def _script_problems(cue: Cue, accent: str, most: float, room: int) -> Iterator[FilmProblem]:
    try:
        script = read_script(cue.text, accent)
        split_cue(cue.text, cue.start, cue.end, accent)
    except ValueError as error:
        yield cue.problem(str(error))
        return
    message = too_fast(script, cue.end - cue.start + room, FASTEST_RATE)
    if message is not None:
        yield cue.problem(message)
        return
    message = too_fast(script, cue.end - cue.start + room, most)
    if message is not None:
        yield cue.problem(message, is_error=False)
    for remark in script.warnings:
        yield cue.problem(remark, is_error=False)


def _overlaps(cues: Sequence[Cue]) -> Iterator[FilmProblem]:
    """Nobody says two things at once. Of each speaker the cue that ends last so far is remembered."""
    latest: dict[str | None, Cue] = {}
    for cue in cues:
        before = latest.get(cue.speaker)
        if before is not None and cue.start < before.end and cue.speaker is not None:
            seconds = (min(before.end, cue.end) - cue.start) / MICROSECONDS
            yield cue.problem(f'overlaps cue {before.number} of the same speaker "{cue.speaker}" by {seconds:.2f} s.')
        if before is None or cue.end > before.end:
            latest[cue.speaker] = cue


def _box_problems(cues: Iterable[Cue]) -> Iterator[FilmProblem]:
    for cue in cues:
        if cue.timing == "cue" and (cue.mouth_box is not None or cue.face not in (None, "none")):
            yield cue.problem("says where its mouth is, and its timing `cue` reads none; leave one of them out.")
        if cue.timing in ("lips", "activity") and cue.face == "none":
            yield cue.problem(f"has the face `none`, and its timing `{cue.timing}` reads one; leave one of them out.")

"""Subtitles of what was spoken, when: SubRip, WebVTT and Advanced SubStation, from the times of the words and the text that was given."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from ..processing.subtitles import LONG_PAUSE, MAX_LETTERS, Word, clock
from ..work.files import replace_file


SUFFIXES = (".srt", ".vtt", ".ass")
_SENTENCE_END = re.compile(r"[.!?…][\"'’”)\]]*$")
_PAUSE_END = re.compile(r"[,;:–—-][\"'’”)\]]*$")
_SHORTEST = 0.3  # seconds that a subtitle is shown, where the next one leaves them


@dataclass(frozen=True)
class Spoken:
    """What a speaker said in one go.

    Attributes:
        text: as it was given, with its capitals and stops.
        words: that were spoken, each with its start and end in seconds.
        speaker: who; empty for nobody in particular.
    """

    text: str
    words: Sequence[Word]
    speaker: str = ""


@dataclass(frozen=True)
class Subtitle:
    """What is shown together.

    Attributes:
        start, end: seconds.
        lines: one or two.
        speaker: who says it.
    """

    start: float
    end: float
    lines: tuple[str, ...]
    speaker: str = ""

    @property
    def text(self) -> str:
        """The lines below each other."""
        return "\n".join(self.lines)


# ----------------------------------------------------------------------------------------------------------------------
# Times of the text as it was given
# ----------------------------------------------------------------------------------------------------------------------


def timed_text(spoken: Spoken) -> list[Word]:
    """The pieces of a text between its spaces with their times, which those of the spoken words are laid on.

    `9` was spoken as `nine`, `£5` as `five pounds`: what is written as it was spoken is found first, and what lies between two such
    pieces shares the time between them by its letters.
    """
    pieces, words = spoken.text.split(), list(spoken.words)
    if not pieces or not words:
        return words
    bare = [re.sub(r"[^\w']", "", piece).lower() for piece in pieces]
    said = [re.sub(r"[^\w']", "", word).lower() for word, _, _ in words]
    timed: list[Word] = []
    for kind, first, last, begin, end in SequenceMatcher(None, bare, said, autojunk=False).get_opcodes():
        if kind == "equal":
            timed += [(pieces[first + at], *words[begin + at][1:]) for at in range(last - first)]
        elif last > first:
            timed += _shared(pieces[first:last], *_span(words, begin, end))
    return timed


def _span(words: Sequence[Word], begin: int, end: int) -> tuple[float, float]:
    """When the words of a stretch were spoken; between its neighbours where there are none."""
    if end > begin:
        return words[begin][1], words[end - 1][2]
    before = words[begin - 1][2] if begin else words[0][1]
    after = words[begin][1] if begin < len(words) else words[-1][2]
    return before, max(before, after)


def _shared(pieces: Sequence[str], start: float, end: float) -> Iterator[Word]:
    letters, done = sum(map(len, pieces)), 0
    for piece in pieces:
        first = start + (end - start) * done / letters
        done += len(piece)
        yield piece, first, start + (end - start) * done / letters


# ----------------------------------------------------------------------------------------------------------------------
# What is shown together
# ----------------------------------------------------------------------------------------------------------------------


def subtitles_of(lines: Sequence[Spoken]) -> list[Subtitle]:
    """Subtitles in order of time: at most two lines of 42 letters, ending with a sentence or a pause where there is one."""
    shown = [
        Subtitle(group[0][1], group[-1][2], two_lines(" ".join(word for word, _, _ in group)), line.speaker)
        for line in lines
        for group in _groups(timed_text(line))
    ]
    shown.sort(key=lambda subtitle: (subtitle.start, subtitle.end))
    return [_long_enough(one, after) for one, after in zip(shown, [*shown[1:], None], strict=True)]


def _long_enough(one: Subtitle, after: Subtitle | None) -> Subtitle:
    room = after.start if after is not None else one.start + _SHORTEST
    end = max(one.end, min(one.start + _SHORTEST, room))
    return Subtitle(one.start, end, one.lines, one.speaker)


def _groups(words: Sequence[Word]) -> Iterator[list[Word]]:
    group: list[Word] = []
    for word in words:
        if group and word[1] - group[-1][2] > LONG_PAUSE:
            yield group
            group = []
        elif group and not _fits([*group, word]):
            cut = _best_cut(group)
            yield group[:cut]
            group = group[cut:]
        group.append(word)
    if group:
        yield group


def _fits(words: Sequence[Word]) -> bool:
    """Whether words go into two lines."""
    return max(map(len, two_lines(" ".join(word for word, _, _ in words)))) <= MAX_LETTERS


def _best_cut(group: Sequence[Word]) -> int:
    """Behind the last sentence of a full subtitle, else behind its last clause in the second half, else behind its last word."""
    for mark, least in ((_SENTENCE_END, 1), (_PAUSE_END, max(1, len(group) // 2))):
        for cut in range(len(group), least - 1, -1):
            if mark.search(group[cut - 1][0]):
                return cut
    return len(group)


def two_lines(text: str, most: int = MAX_LETTERS) -> tuple[str, ...]:
    """A text of one or two lines, broken so that the longer one is short, after a stop rather than elsewhere."""
    if len(text) <= most or " " not in text:
        return (text,)
    words = text.split()
    breaks = [(" ".join(words[:at]), " ".join(words[at:])) for at in range(1, len(words))]
    return min(breaks, key=lambda pair: _ugliness(*pair, most))


def _ugliness(upper: str, lower: str, most: int) -> float:
    longer = max(len(upper), len(lower))
    stop = 8 if _SENTENCE_END.search(upper) else 5 if _PAUSE_END.search(upper) else 0
    return longer + 100 * (longer > most) - stop


# ----------------------------------------------------------------------------------------------------------------------
# Files
# ----------------------------------------------------------------------------------------------------------------------


def _srt(subtitles: Sequence[Subtitle]) -> str:
    blocks = (
        f"{number}\n{clock(one.start)} --> {clock(one.end)}\n{one.text}\n" for number, one in enumerate(subtitles, 1)
    )
    return "\n".join(blocks)


def _vtt(subtitles: Sequence[Subtitle]) -> str:
    blocks = ["WEBVTT\n"]
    for one in subtitles:
        speaker = re.sub(r"[<>&\n]", " ", one.speaker).strip()
        text = one.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        times = f"{clock(one.start)} --> {clock(one.end)}".replace(",", ".")
        blocks.append(f"{times}\n{f'<v {speaker}>' if speaker else ''}{text}\n")
    return "\n".join(blocks)


_ASS_HEAD = """[Script Info]
ScriptType: v4.00+
PlayResX: 1920
PlayResY: 1080
WrapStyle: 2

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, \
ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,60,&H00FFFFFF,&H000000FF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,60,60,50,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def _ass(subtitles: Sequence[Subtitle]) -> str:
    rows = []
    for one in subtitles:
        text = one.text.replace("{", "(").replace("}", ")").replace("\n", r"\N")
        name = re.sub(r"[,\n]", " ", one.speaker)
        rows.append(f"Dialogue: 0,{_ass_clock(one.start)},{_ass_clock(one.end)},Default,{name},0,0,0,,{text}\n")
    return _ASS_HEAD + "".join(rows)


def _ass_clock(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"{hundredths // 360000}:{hundredths // 6000 % 60:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


def write_subtitles(path: Path, subtitles: Sequence[Subtitle]) -> Path:
    """Writes a subtitle file; its ending chooses the format.

    Raises:
        ValueError: another ending than .srt, .vtt, .ass.
        OSError: it cannot be written.
    """
    writers = {".srt": _srt, ".vtt": _vtt, ".ass": _ass}
    if path.suffix.lower() not in writers:
        raise ValueError(f"subtitles: {path.name} must end in {', '.join(SUFFIXES)}; the ending chooses the format.")
    replace_file(path, writers[path.suffix.lower()](subtitles).encode())
    return path


def embedded(subtitles: Sequence[Subtitle]) -> list[tuple[float, float, str]]:
    """Subtitles as a track has them: start, end and text."""
    return [(one.start, one.end, one.text) for one in subtitles]

"""SubRip and WebVTT. Read here and not by a library, since a mistake is to be told with its line: libraries leave out the lines of
times that they cannot read, take a number at a cue's end for the next one's, and drop the voices of WebVTT.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import html
import re
from collections.abc import Iterator, Sequence

from .raw import Mistake, RawCue, Turn, read_clock


_ARROW = "-->"
_VOICE = re.compile(r"<v(?:\.[^\s>]{0,80})?\s+([^>]{1,80})>")
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]{0,200}\}|</?[a-zA-Z]>")
_ITALIC = re.compile(r"<i(?:\.[^\s>]{0,80})?>(.*?)</i>", re.IGNORECASE | re.DOTALL)
_NO_CUES = ("NOTE", "STYLE", "REGION")  # blocks of WebVTT


def read_subrip(text: str) -> Iterator[RawCue | Mistake]:
    """Cues of a SubRip file; text may hold empty lines, the next line of times ends it."""
    lines = text.split("\n")
    places = [number for number, line in enumerate(lines) if _ARROW in line]
    for place, following in zip(places, [*places[1:], len(lines)], strict=True):
        end = following
        if following < len(lines) and lines[following - 1].strip().isdigit() and following - 1 > place:
            end -= 1
        yield _cue(place + 1, lines[place], lines[place + 1 : end])


def read_webvtt(text: str) -> Iterator[RawCue | Mistake]:
    """Cues of a WebVTT file with the voices that they name; comments, styles and regions are passed over."""
    block: list[tuple[int, str]] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.strip():
            block.append((number, line))
            continue
        if (block and not block[0][1].startswith(_NO_CUES)) or any(_ARROW in one for _, one in block):
            yield from _webvtt_block(block)
        block = []


def _webvtt_block(block: Sequence[tuple[int, str]]) -> Iterator[RawCue | Mistake]:
    if block[0][1].lstrip("\ufeff").startswith("WEBVTT"):
        return
    place = next((place for place, (_, line) in enumerate(block[:2]) if _ARROW in line), None)
    if place is None:
        yield Mistake(block[0][0], "no times; a cue of WebVTT begins with 00:00:00.000 --> 00:00:00.000.")
        return
    yield _cue(block[place][0], block[place][1], [line for _, line in block[place + 1 :]])


def _cue(number: int, times: str, lines: Sequence[str]) -> RawCue | Mistake:
    first, _, rest = times.partition(_ARROW)
    try:
        start, end = read_clock(first), read_clock((rest.split() or [""])[0])
    except ValueError as error:
        return Mistake(number, str(error))
    text = "\n".join(line.strip() for line in lines).strip()
    bare = plain(_ITALIC.sub("", text))
    return RawCue(number, start, end, tuple(_turns(text)), italic=bool(_ITALIC.search(text)) and not bare)


def _turns(text: str) -> Iterator[Turn]:
    """The parts of a text that `<v Name>` gives to speakers."""
    names = list(_VOICE.finditer(text))
    before = plain(text[: names[0].start()] if names else text)
    if before or not names:
        yield Turn(before)
    ends = [one.start() for one in names[1:]] + [len(text)]
    for name, end in zip(names, ends, strict=False):
        yield Turn(plain(text[name.end() : end]), html.unescape(name[1]).strip())


def plain(text: str) -> str:
    """Without markup: tags of HTML, overrides in braces, entities."""
    return html.unescape(_TAG.sub("", text)).replace("\xa0", " ").strip()

"""TTML and its broadcast profile EBU-TT-D, with the agents that speak. The file may be anybody's: documents that declare entities or
a document type are refused before anything of them is read.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Iterator
from fractions import Fraction
from xml.parsers import expat

from .raw import MICROSECONDS, Mistake, RawCue, Turn, read_clock


_OFFSET = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|m|s|ms|f|t)")
_CLOCK_FRAMES = re.compile(r"(\d{1,3}:\d{2}:\d{2}):(\d{1,3})")
_PLAIN = re.compile(r"\d{1,9}(?:\.\d{1,9})?")  # Fraction also takes exponents, and would compute them
_SPACE = re.compile(r"\s+")
_MAX_DEPTH = 40


def read_ttml(data: str) -> Iterator[RawCue | Mistake]:
    """Cues of a TTML document.

    Raises:
        ValueError: not XML, with a document type, nested too deeply, or not TTML.
    """
    document = _Document()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: document.open(name, attributes, parser.CurrentLineNumber)
    parser.EndElementHandler = document.close
    parser.CharacterDataHandler = document.say
    parser.StartDoctypeDeclHandler = _refuse_type
    parser.EntityDeclHandler = _refuse_type
    try:
        parser.Parse(re.sub(r"^\s*<\?xml[^>]*\?>", "", data).encode(), True)
    except expat.ExpatError as error:
        raise ValueError(
            f"line {error.lineno}: not XML ({expat.ErrorString(error.code)}); export it again."
        ) from error
    if not document.is_ttml:
        raise ValueError("line 1: XML, but not TTML (its first element is not `tt`).")
    yield from document.cues


def _refuse_type(*_: object) -> None:
    raise ValueError("line 1: a document type (<!DOCTYPE or <!ENTITY), which TTML needs none of; remove it.")


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


class _Document:
    """What the parser reports, put together.

    Styles count as far as they say italics, and agents as far as they have names.
    """

    def __init__(self) -> None:
        self.is_ttml = False
        self.cues: list[RawCue | Mistake] = []
        self._path: list[str] = []
        self._shifts: list[int] = [0]
        self._rate, self._ticks = Fraction(30), Fraction(1)
        self._agents: dict[str, str] = {}
        self._italics: set[str] = set()
        self._agent = ""
        self._speakers: list[str | None] = [None]
        self._slants: list[bool] = [False]
        self._begun: tuple[int, int, int] | None = None
        self._parts: list[tuple[str | None, str, bool]] = []

    def open(self, name: str, attributes: dict[str, str], line: int) -> None:
        local = _local(name)
        values = {_local(key): value for key, value in attributes.items()}
        if len(self._path) >= _MAX_DEPTH:
            raise ValueError(f"line {line}: nested too deeply; at most {_MAX_DEPTH} elements stand in each other.")
        if not self._path:
            self.is_ttml = local == "tt"
            self._read_rates(values)
        self._path.append(local)
        agent = values.get("agent", "").split()
        self._speakers.append(agent[0] if agent else self._speakers[-1])
        slanted = values.get("fontStyle") in ("italic", "oblique")
        slanted |= any(style in self._italics for style in values.get("style", "").split())
        self._slants.append(slanted or self._slants[-1])
        if local == "agent":
            self._agent = values.get("id", "")
        elif local == "style" and slanted and values.get("id"):
            self._italics.add(values["id"])
        elif local == "br":
            self._parts.append((self._speakers[-1], "\n", True))
        self._shifts.append(self._shifts[-1])
        if local in ("body", "div", "p") and ("begin" in values or local == "p"):
            self._time(local, values, line)

    def _time(self, local: str, values: dict[str, str], line: int) -> None:
        try:
            start = self._shifts[-2] + self._read_time(values.get("begin", ""))
            if local != "p":
                self._shifts[-1] = start
                return
            if "end" in values:
                end = self._shifts[-2] + self._read_time(values["end"])
            else:
                end = start + self._read_time(values.get("dur", ""))
        except ValueError as error:
            self.cues.append(Mistake(line, str(error)))
            return
        self._begun, self._parts = (line, start, end), []

    def say(self, text: str) -> None:
        if self._begun is not None:
            self._parts.append((self._speakers[-1], _SPACE.sub(" ", text), self._slants[-1]))
        elif self._path and self._path[-1] == "name" and self._agent:
            self._agents[self._agent] = (self._agents.get(self._agent, "") + text).strip()

    def close(self, name: str) -> None:
        for stack in (self._path, self._speakers, self._slants, self._shifts):
            stack.pop()
        if _local(name) == "p" and self._begun is not None:
            line, start, end = self._begun
            said = [slanted for _, text, slanted in self._parts if text.strip()]
            self.cues.append(RawCue(line, start, end, tuple(self._turns()), italic=bool(said) and all(said)))
            self._begun = None

    def _turns(self) -> Iterator[Turn]:
        joined: list[tuple[str | None, str]] = []
        for speaker, text, _ in self._parts:
            if joined and (joined[-1][0] == speaker or not text.strip()):
                joined[-1] = (joined[-1][0], joined[-1][1] + text)
            else:
                joined.append((speaker, text))
        turns = [Turn(_lines(text), self._name(speaker)) for speaker, text in joined if text.strip()]
        yield from turns or [Turn("")]

    def _name(self, agent: str | None) -> str | None:
        return None if agent is None else self._agents.get(agent) or agent

    def _read_rates(self, values: dict[str, str]) -> None:
        try:
            rate = _number(values.get("frameRate", "30"))
            up, down = map(_number, values.get("frameRateMultiplier", "1 1").replace(":", " ").split())
            self._rate, self._ticks = rate * up / down, _number(values.get("tickRate", "1"))
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError("line 1: frameRate, frameRateMultiplier or tickRate is no number.") from error
        if self._rate <= 0 or self._ticks <= 0:
            raise ValueError("line 1: frameRate and tickRate must be greater than 0.")

    def _read_time(self, text: str) -> int:
        text = text.strip()
        if offset := _OFFSET.fullmatch(text):
            unit = {"h": 3600, "m": 60, "s": 1, "ms": Fraction(1, 1000), "f": 1 / self._rate, "t": 1 / self._ticks}
            return round(Fraction(offset[1]) * unit[offset[2]] * MICROSECONDS)
        if frames := _CLOCK_FRAMES.fullmatch(text):
            return read_clock(frames[1]) + round(int(frames[2]) / self._rate * MICROSECONDS)
        return read_clock(text)


def _lines(text: str) -> str:
    """White space of XML is one blank; line breaks are those of `br`."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip()


def _number(text: str) -> Fraction:
    if not _PLAIN.fullmatch(text.strip()):
        raise ValueError(f"{text!r:.40} is no number")
    return Fraction(text.strip())

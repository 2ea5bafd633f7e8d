"""What of a cue's text is spoken, and by whom, where the text itself says so: captions of sounds, names at the head, dashes."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .cue_formats.raw import Turn


# `[name|N EY1 M]` is a pronunciation and stays.
_BRACKETS = re.compile(r"\[[^\[\]|]{0,200}\]|\([^()|]{0,200}\)|（[^（）]{0,200}）")
_MUSIC = re.compile(r"[♪♫♬♩🎵🎶]")
_HASHED = re.compile(r"\s*#.*#\s*", re.DOTALL)
_OFF = re.compile(
    r"[(\[]\s*(?:v\.?\s?o\.?|o\.?\s?s\.?|o\.?\s?c\.?|off|off[- ]?screen|off[- ]?camera|voice[- ]?over|narrat(?:or|ion|ing))\s*[)\]]",
    re.IGNORECASE,
)
_DASH = re.compile(r"\s*[-‐‑–—]+\s*(?=\S)")
_NUMBERED = re.compile(r"\[\s*(SPEAKER[_ ]?\d{1,4})\s*\]\s*:?\s*", re.IGNORECASE)
_BRACKETED = re.compile(r"\[\s*([^\[\]|:]{1,40}?)\s*\]\s*(:?)\s*")
_CAPITALS = re.compile(r"([A-ZÀ-Þ][A-ZÀ-Þ0-9 .'’_#&/-]{0,39}?)\s*:\s+(?=\S)")
_ANY_NAME = re.compile(r"([^\W\d_][\w .'’-]{0,39}?)\s*:\s+(?=\S)")


@dataclass(frozen=True)
class Spoken:
    """What a turn comes to.

    Attributes:
        text: that is said, in one line; empty where none of it is speech.
        speaker: that the text names at its head.
        off: the text says that the speaker is not seen.
        silent: why none of it is speech.
    """

    text: str
    speaker: str | None = None
    off: bool = False
    silent: str | None = None


def speaker_key(name: str) -> str:
    """A speaker's name as it is compared: without capitals and superfluous blanks."""
    return " ".join(name.split()).casefold()


def split_dashes(turn: Turn) -> list[Turn]:
    """The turns of a text whose lines begin with dashes; one, without its dash, where there are not two of them."""
    lines = [line for line in turn.text.split("\n") if line.strip()]
    heads = [number for number, line in enumerate(lines) if _DASH.match(line)]
    if len(heads) < 2 or heads[0] != 0:
        return [Turn(_DASH.sub("", turn.text, count=1) if heads[:1] == [0] else turn.text, turn.speaker)]
    parts = [lines[start:end] for start, end in zip(heads, [*heads[1:], len(lines)], strict=True)]
    return [Turn(_DASH.sub("", "\n".join(part), count=1), turn.speaker) for part in parts]


def read_turn(turn: Turn, known: Collection[str], shouting: bool) -> Spoken:
    """What is said in a turn.

    Args:
        turn: of a cue.
        known: keys of the speakers that have voices; such a name needs no capitals at the head of a text.
        shouting: the whole file is in capitals, so that they mark no sounds.
    """
    text = turn.text.strip()
    if not text:
        return Spoken("")
    if _MUSIC.search(text) or _HASHED.fullmatch(text):
        return Spoken("", silent="music")
    off = bool(_OFF.search(text))
    text = _OFF.sub(" ", text).strip()
    name, text = _head(text, known)
    said = " ".join(_BRACKETS.sub(" ", text).split())
    said = re.sub(r"^\s*[-‐‑–—]+\s*", "", said)
    if not any(sign.isalnum() for sign in said):
        return Spoken("", name, off, "a sound" if said != text.strip() or not said else "no words")
    if not shouting and _is_caption(said):
        return Spoken("", name, off, "a sound, by its capitals")
    return Spoken(said, name, off)


def _head(text: str, known: Collection[str]) -> tuple[str | None, str]:
    """The name at the head of a text, and what follows it."""
    if found := _NUMBERED.match(text):
        return found[1], text[found.end() :]
    if (found := _BRACKETED.match(text)) and (found[2] or speaker_key(found[1]) in known) and text[found.end() :]:
        return found[1], text[found.end() :]
    if found := _CAPITALS.match(text):
        return found[1], text[found.end() :]
    if (found := _ANY_NAME.match(text)) and speaker_key(found[1]) in known:
        return found[1], text[found.end() :]
    return None, text


def _is_caption(text: str) -> bool:
    """`PHONE RINGS`: two words and more in capitals, and no sign of a sentence."""
    letters = [sign for sign in text if sign.isalpha()]
    return (
        len(text.split()) >= 2
        and len(letters) >= 6
        and all(sign.isupper() for sign in letters)
        and not re.search(r"[.!?,;…]", text)
    )


def is_shouting(texts: Sequence[str]) -> bool:
    """Whether most of a file is written in capitals, as some subtitles are."""
    told = [text for text in texts if sum(sign.isalpha() for sign in text) >= 3]
    capitals = sum(text.upper() == text for text in told)
    return capitals > 0.5 * len(told)

"""What is not said of a script, and addresses of the net. Each function takes the match of a rule and the script, and gives words."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Sequence

from ..phonemes import parse_phonemes
from .context import spell
from .lexicon import in_lexicon
from .numerals import cardinal, digit_by_digit, pairs
from .script import Script, Token, unaccented
from .vocabulary import DIRECTION_WORDS, NOT_SPEAKERS


# --- what is not said -----------------------------------------------------------------------------------------------


def dropped(match: re.Match, script: Script) -> str:
    """Left out, and reported."""
    return script.drop(match[0])


def given(match: re.Match, script: Script) -> Sequence[Token]:
    """`[name|N EY1 M]`.

    Raises:
        ValueError: no single word, or wrong phonemes.
    """
    word = " ".join(match[1].split())
    if not re.fullmatch(r"[^\W_](?:[\w'-]*)", word):
        raise ValueError(f"{match[0][:60]!r} must hold one word and its phonemes, like [name|N EY1 M].")
    try:
        return [Token(unaccented(word), parse_phonemes(match[2]))]
    except ValueError as error:
        raise ValueError(f"in {match[0][:60]!r}: {error}") from error


def link(match: re.Match, script: Script) -> Sequence[Token]:
    """The words of a link; its address is left out."""
    script.drop(match[2])
    return script.part(match[1])


def direction(match: re.Match, script: Script) -> str | None:
    """`(laughs)`, `*sighs*`; parentheses that are no stage direction are read."""
    inner = (match[1] or match[2]).strip().lower()
    found = inner.rstrip(".,!").split()
    is_direction = bool(found) and (
        (found[0] in DIRECTION_WORDS and len(found) <= 6)
        or (found[-1] in DIRECTION_WORDS and len(found) <= 3)
        or inner in ("v.o.", "o.s.", "o.c.", "vo", "os", "beat")
    )
    return script.drop(match[0]) if is_direction else None


def speaker(match: re.Match, script: Script) -> str | None:
    """`ANNA: come in`."""
    name = match[1]
    if name.split()[0].rstrip(".") in NOT_SPEAKERS or not any(c.isalpha() for c in name):
        return None
    return script.drop(match[0])


# --- addresses of the net -------------------------------------------------------------------------------------------

_NET_SIGNS = {".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", "+": "plus", "~": "tilde"}


def _net(text: str) -> str:
    said = []
    for part in re.findall(r"[A-Za-z]+|\d+|[./@_+~-]", text):
        if part in _NET_SIGNS:
            said.append(_NET_SIGNS[part])
        elif part.isdigit():
            said.append(digit_by_digit(part) if len(part) > 4 or part.startswith("0") else cardinal(int(part)))
        else:
            said.append(_net_word(part))
    return " ".join(said)


def _net_word(word: str) -> str:
    """Letters of an address: a word where it can be one."""
    small = word.lower()
    if small in ("com", "org", "net", "edu", "gov", "info", "biz", "dev", "app"):
        return small
    if small in ("www", "io", "ai", "co", "uk", "us", "tv", "me"):
        return "co" if small == "co" else "me" if small == "me" else spell(word)
    if (
        in_lexicon(small)
        and (len(small) > 3 or re.search("[aeiouy]", small))
        and small not in ("pdf", "css", "csv", "ts", "py", "js")
    ):
        return small
    return small if len(small) > 4 and re.search("[aeiouy]", small) else spell(word)


def address(match: re.Match, script: Script) -> str:
    """An email address."""
    return _net(match[0])


def url(match: re.Match, script: Script) -> str:
    """Host and path; the scheme goes without saying, what stands behind `?` or `#` is left out."""
    text = match[0]
    tail = re.search(r"[.,;:!?)'\"\]]+$", text)
    text = text[: tail.start()] if tail else text
    rest = re.search(r"[?#].*", text)
    if rest:
        script.drop(rest[0])
        text = text[: rest.start()]
    text = re.sub(r"^\w+://(?:www\.)?", "", text).rstrip("/")
    odd = "".join(sorted(set(re.findall(r"[^A-Za-z0-9./@_+~-]", text))))
    if odd:
        script.drop(odd)
    mark = tail[0][-1] if tail and tail[0][-1] in ".,;:!?" else ""
    return f"{_net(text)} {mark}"


def domain(match: re.Match, script: Script) -> str | None:
    """`example.org`, `report.pdf`."""
    if re.fullmatch(r"[\d.]+", match[0]):
        return None
    last = match[0].rsplit(".", 1)[-1]
    if last in ("in", "no", "me", "it", "us", "to", "is", "so", "be", "de", "es", "au") and "/" not in match[0]:
        return None  # a full stop without its space
    return _net(match[0])


def handle(match: re.Match, script: Script) -> str:
    """`@nasa`."""
    return f"at {_net(match[1])}"


def hashtag(match: re.Match, script: Script) -> str:
    """`#GoodMorning`."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+", match[1])
    return "hashtag " + " ".join(_net_word(p) if p.isalpha() else pairs(p) for p in parts)

"""A script on its way to spoken words: its characters made plain, read once from left to right by a table of rules.

Each character belongs to exactly one rule, and a rule says what it read or reports it as left out: nothing is lost
without a sign. The rules stand in [`rules`](rules.py).
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .units import CURRENCIES, GREEK, SUPERSCRIPTS, SYMBOLS, VULGAR


MAX_TEXT_CHARACTERS = 15_000  # ten minutes of quick speech
MAX_WORD_CHARACTERS = 100  # the longest word of English has 45; parsers below recurse over a word
_SEEN_BEFORE = 200
PUNCTUATION = frozenset([".", ",", ";", ":", "!", "?", "..."])


class Token(NamedTuple):
    """A word, a letter's name (one capital), or a punctuation mark that makes a pause.

    Attributes:
        text: as it is to be spoken; words may hold apostrophes, hyphens and accents.
        phonemes: where the script gives them.
    """

    text: str
    phonemes: tuple[str, ...] = ()

    @property
    def is_pause(self) -> bool:
        return self.text in PUNCTUATION


class Rule(NamedTuple):
    """What a rule reads, from where the last one ended.

    Attributes:
        name: of the kind of text.
        pattern: what it looks like.
        say: the words as a template, or a function of the match and the script; `None` leaves it to later rules.
        example: what a reader may write.
        spoken: the words of the example.
    """

    name: str
    pattern: re.Pattern
    say: "str | Callable[[re.Match, Script], str | Sequence[Token] | None]"
    example: str
    spoken: str


@dataclass
class Script:
    """A script while it is read.

    Attributes:
        text: with plain characters.
        rules: in the order in which they are tried.
        shouted: whether there are no small letters.
        tokens: what is said so far.
        dropped: what is not said, as written.
    """

    text: str
    rules: Sequence[Rule]
    shouted: bool = False
    tokens: list[Token] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def drop(self, what: str) -> str:
        """Reports something as left out; gives the words for it, none."""
        what = " ".join(what.split())
        self.dropped.append(what if len(what) <= 60 else f"{what[:57]}...")
        return ""

    def before(self, match: re.Match) -> str:
        """The text before a match, as much of it as rules look at."""
        return self.text[max(0, match.start() - _SEEN_BEFORE) : match.start()]

    def read(self) -> "Script":
        """Reads the whole text.

        Raises:
            ValueError: something that no rule reads.
        """
        position = 0
        while position < len(self.text):
            position = self._step(position)
        return self

    def part(self, text: str) -> list[Token]:
        """What a piece of text inside of a larger one says."""
        inner = Script(text, self.rules, self.shouted).read()
        self.dropped += inner.dropped
        return inner.tokens

    def _step(self, position: int) -> int:
        for rule in self.rules:
            match = rule.pattern.match(self.text, position)
            if match is None or match.end() == position:
                continue
            dropped = len(self.dropped)
            said = match.expand(rule.say) if isinstance(rule.say, str) else rule.say(match, self)
            if said is None:
                continue
            tokens = tokenize(said) if isinstance(said, str) else list(said)
            if any(c.isalnum() for c in match[0]) and len(self.dropped) == dropped and all(t.is_pause for t in tokens):
                raise ValueError(f"{match[0]!r} cannot be said; write it out in words.")
            self.tokens += tokens
            return match.end()
        raise ValueError(f"{self.text[position : position + 20]!r} cannot be read; write it out in words.")


def tokenize(said: str) -> list[Token]:
    """Words and marks, spaces between them, as tokens."""
    return [Token(word) for word in said.split()]


_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼ′`´", "'"),
        **dict.fromkeys("“”„«»‹›", " "),
        **dict.fromkeys("‐‑", "-"),
        **dict.fromkeys("—―•·", ", "),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff\ufe0e\ufe0f", ""),
        "″": '"', "…": "...", "⁄": "/", "µ": "μ", "∆": "Δ", "Ω": "Ω", "℃": "°C", "℉": "°F", "º": "°", "∕": "/", "＄": "$",
        "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
        "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i",
    }
)  # fmt: skip
_KEPT = frozenset([*VULGAR, *SUPERSCRIPTS, *SYMBOLS, *GREEK, *CURRENCIES, *"−–™®℠₀₁₂₃₄₅₆₇₈₉"])


def plain_characters(text: str) -> str:
    """The text in Latin letters (accents kept), digits and the symbols that have rules.

    Raises:
        ValueError: letters of another script.
    """
    text = html.unescape(text).translate(_TYPOGRAPHY)
    text = "".join(c if c in _KEPT else unicodedata.normalize("NFKC", c).translate(_TYPOGRAPHY) for c in text)
    text = unicodedata.normalize("NFC", text)
    foreign = sorted({c for c in text if c.isalnum() and not _speakable(c)})
    lone_greek = re.search("[{}]{{2}}".format("".join(GREEK)), text)
    if lone_greek:
        foreign.append(lone_greek[0])
    if foreign:
        raise ValueError(f"only English in Latin letters can be spoken; the text holds {''.join(foreign[:10])!r}.")
    text = "".join(c if c == "\n" or (c.isprintable() and not c.isspace()) else " " for c in text)
    return re.sub(r" *\n\s*", "\n", re.sub(" {2,}", " ", text)).strip()


def _speakable(character: str) -> bool:
    return character in _KEPT or unaccented(character).isascii()


def unaccented(text: str) -> str:
    """Letters without their marks: `cafe` for `café`."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def read_script(text: str, rules: Sequence[Rule]) -> Script:
    """The script's tokens, and what is left out.

    Raises:
        ValueError: not a string, nothing to say, longer than 5000 characters, a word longer than 100, letters of another
            script than Latin, something that cannot be said.
    """
    if not isinstance(text, str):
        raise ValueError(f"the text must be a string, got {type(text).__name__}.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"the text has {len(text)} characters; at most {MAX_TEXT_CHARACTERS} are spoken at once.")
    plain = plain_characters(text)
    _check_words(plain.split())
    script = Script(plain, rules, shouted=_is_shouted(plain)).read()
    if not any(not token.is_pause for token in script.tokens):
        raise ValueError("the text has no words to say; give a sentence in English.")
    return script


def _is_shouted(text: str) -> bool:
    """Capitals throughout, and more of them than one initialism has."""
    return not any(c.islower() for c in text) and len(re.findall(r"[^\W\d_]{2,}", text)) > 1


def _check_words(words: Iterable[str]) -> None:
    for word in words:
        if len(word) > MAX_WORD_CHARACTERS and "://" not in word and "|" not in word:
            raise ValueError(f"a word of {len(word)} characters ({word[:20]}...) cannot be said; put spaces in it.")

# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Written English to spoken words with their IPA, by gruut (MIT; lexicon and models are inside its wheel).

gruut reads numbers, dates, times, the commonest abbreviations and, by a trained model, names that no lexicon has. This
module prepares text for it: typography, capitals, money, fractions and the like, which it would spell out or skip.
"""

import re
import sqlite3
import threading
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple


if TYPE_CHECKING:
    from pathlib import Path

    from gruut import TextProcessor


MAX_TEXT_CHARACTERS = 5000
MAX_WORD_CHARACTERS = 100  # the longest word of English has 45; parsers below recurse over a word
LANGUAGE = "en_US"


class SpokenWord(NamedTuple):
    """A word as gruut writes it out, with IPA symbols (stress marks before vowels); none for punctuation."""

    text: str
    ipa: tuple[str, ...]


# --- characters ---------------------------------------------------------------------------------------------------

_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛ʼ′`´", "'"),
        **dict.fromkeys('“”„«»‹›"″', " "),
        **dict.fromkeys("‐‑−", "-"),
        **dict.fromkeys("–—―•", ", "),
        "…": "...", "⁄": "/", "×": " times ", "÷": " divided by ", "°": " degrees ",
        "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
        "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i",
    }
)  # fmt: skip

# unit, units, hundredth, hundredths
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
_MAGNITUDES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion", "tn": "trillion"}
_MONTHS = {
    "Jan": "January", "Feb": "February", "Aug": "August", "Sep": "September", "Sept": "September", "Oct": "October",
    "Nov": "November", "Dec": "December",
}  # fmt: skip
_MAGNITUDE_WORDS = "hundred|thousand|million|billion|trillion"


def _plain_characters(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHY)).translate(_TYPOGRAPHY)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    foreign = sorted({c for c in text if c.isalnum() and not c.isascii()})
    if foreign:
        raise ValueError(f"only English in Latin letters can be spoken; the text holds {''.join(foreign[:10])!r}.")
    return "".join(c if (c.isascii() and c.isprintable()) or c in _CURRENCIES else " " for c in text)


# --- expressions --------------------------------------------------------------------------------------------------


def _money(match: re.Match) -> str:
    unit, units, part, parts = _CURRENCIES[match["sign"]]
    whole, fraction = match["whole"] or "0", match["fraction"] or ""
    magnitude = match["magnitude"]
    if magnitude:
        amount = whole + (f".{fraction}" if fraction else "")
        return f" {amount} {_MAGNITUDES.get(magnitude.lower(), magnitude)} {units} "
    cents = int(fraction.ljust(2, "0")) if fraction else 0
    spoken = [f"{whole} {unit if whole == '1' else units}"] if int(whole.replace(",", "")) or not cents else []
    if cents:
        spoken.append(f"{cents} {part if cents == 1 else parts}")
    return f" {' and '.join(spoken)} "


def _fraction(match: re.Match) -> str:
    above, below = int(match[1]), int(match[2])
    if not 0 < above < below:
        return f"{above} {below}"
    name = {2: "half", 4: "quarter"}.get(below) or _written_out(f"{below}{_ordinal_suffix(below)}")
    whole = "and " if match.string[: match.start()].rstrip()[-1:].isdigit() else ""
    return f"{whole}{above} {name}{'s' if above > 1 else ''}"


def _ordinal_suffix(number: int) -> str:
    return "th" if 10 < number % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _decade(match: re.Match) -> str:
    spoken = _written_out(match[1])
    return spoken.removesuffix("y") + "ies" if spoken.endswith("y") else spoken + "s"


def _written_out(text: str) -> str:
    return " ".join(word.text for word in _gruut_words(text) if word.ipa)


def _spelled(match: re.Match) -> str:
    return " ".join(re.sub(r"[^A-Za-z0-9]", "", match[0])).upper()


def _apart(match: re.Match) -> str:
    """Letters and digits of one token ("MP3", "f2", "5kg"); short or vowelless letters are spelled."""
    parts = re.findall(r"[A-Za-z]+|\d+", match[0])
    return " ".join(
        " ".join(part.upper()) if part.isalpha() and (len(part) < 3 or not re.search("[aeiouy]", part, re.I)) else part
        for part in parts
    )


# In this order. Only what gruut would skip, spell or misread: it handles 3rd, 12.5%, 10:05, 10/12/2024, Dr., Mr., vs.
_EXPRESSIONS: tuple[tuple[re.Pattern, str | Callable[[re.Match], str]], ...] = tuple(
    (re.compile(pattern), spoken)
    for pattern, spoken in (
        (r"\b[eE]\.\s?[gG]\.,?", "for example "),
        (r"\b[iI]\.\s?[eE]\.,?", "that is "),
        (r"\b[eE]tc\.(?=\s+[a-z0-9])|\b[eE]tc\b", "et cetera"),
        (r"\bPh\.\s?D\b\.?", "P H D"),
        (r"\bProf\.(?=\s)", "Professor"),
        (r"\bGen\.(?=\s+[A-Z])", "General"),
        (r"\bSgt\.(?=\s)", "Sergeant"),
        (r"\bCapt\.(?=\s)", "Captain"),
        (r"\bCol\.(?=\s+[A-Z])", "Colonel"),
        (r"\bLt\.(?=\s)", "Lieutenant"),
        (r"\bRev\.(?=\s+[A-Z])", "Reverend"),
        (r"\b(?:No|no|Nr|nr)\.\s*(?=\d)|#\s?(?=\d)", "number "),
        (r"(?<![A-Z][a-z] )(?<![a-z] )\bSt\.(?=\s+[A-Z])", "Saint"),
        (r"(?<=[a-z] )(?<!street )(?<!Street )St\.(?=\s+[A-Z][a-z]+('s)?\b)", "Saint"),
        (r"\b(Jan|Feb|Aug|Sept?|Oct|Nov|Dec)\b\.?(?=\s\d)", lambda match: _MONTHS[match[1]]),
        (r"(?<!\S)'n'(?!\S)", "and"),
        (r"\bwww\.", "W W W dot "),
        (r"\b[A-Z]{1,3}&[A-Z]{1,3}\b", lambda match: " ".join(match[0]).replace("&", "and")),
        (r"(?<![A-Za-z0-9])(?:[A-Za-z]\.){2,}[A-Za-z]?", _spelled),
        (
            rf"(?P<sign>[$£€¥₹])\s?(?P<whole>\d+(?:,\d{{3}})*|(?=\.\d))(?:\.(?P<fraction>\d{{1,2}}))?"
            rf"(?:\s?(?P<magnitude>(?:k|K|m|M|bn|b|B|tn)\b|(?<=\s)(?:{_MAGNITUDE_WORDS})\b))?",
            _money,
        ),
        (r"\b\d{3}-\d{4}\b|(?<![\d.,:/-])0\d+\b(?![.,:/]\d)|(?<![\d,.])\d{8,}\b", _spelled),
        (r"(?<![\d/])(\d{1,3})/(\d{1,3})(?![\d/])", _fraction),
        (r"\b(\d*\d0)'?s\b", _decade),
        (r"(?<![\d-])(\d+)-(\d+)(?![\d-])", r"\1 to \2"),
        (r" degrees\s+C\b", " degrees celsius"),
        (r" degrees\s+F\b", " degrees fahrenheit"),
        (r"\s+%", "%"),
        (r"(?<=[A-Za-z])/(?=[A-Za-z])", " "),
        (r"&", " and "),
        (r"\+(?=\s?\d)", " plus "),
        (r"(?<=\d)\s?=\s?(?=\d)", " equals "),
        (r"(?<=\w)@(?=\w)", " at "),
        (r"(?<=[a-z])\.(?=[a-z]{2})", " dot "),
        (r"(?<=[a-z])\.(?=[A-Z])", ". "),
        (r"[*_~^|<>\[\](){}\\]", " "),
        (r"\b(?!\d+(?:st|nd|rd|th|am|pm|AM|PM)\b)(?=\w*\d)(?=\w*[A-Za-z])\w+", _apart),
    )
)

# --- capitals -----------------------------------------------------------------------------------------------------

_CAPITALS = re.compile(r"\b([A-Z]{2,})('?s\b|\b)")
_LONGEST_INITIALISM = 5
# Spelled in running text although the lexicon knows a word of the same letters.
_SPELLED_CAPITALS = frozenset({"US", "IT", "UN", "AM", "PM", "ID"})


def _speakable_capitals(text: str) -> str:
    """Capitals that are words ("NASA", "BIN BLUE") in lower case; initialisms ("FBI", "US") are spelled."""
    shouted = not any(c.islower() for c in text)

    def replace(match: re.Match) -> str:
        word, ending = match.groups()
        is_word = in_lexicon(word.lower()) and (shouted or word not in _SPELLED_CAPITALS)
        if is_word or len(word) > _LONGEST_INITIALISM:
            return word.lower() + ending
        return " ".join(word) + ("'s" if ending else "")

    return _CAPITALS.sub(replace, text)


def normalize_text(text: str) -> str:
    """Text as gruut reads it well.

    Raises:
        ValueError: not a string, nothing to say, longer than 5000 characters, a word longer than 100, or letters of
            another script than Latin.
    """
    if not isinstance(text, str):
        raise ValueError(f"the text must be a string, got {type(text).__name__}.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"the text has {len(text)} characters; at most {MAX_TEXT_CHARACTERS} are spoken at once.")
    text = " ".join(_plain_characters(text).split())
    for pattern, spoken in _EXPRESSIONS:
        text = pattern.sub(spoken, text)
    text = " ".join(_speakable_capitals(text).split())
    if not any(c.isalnum() for c in text):
        raise ValueError("the text has no words to say; give a sentence in English.")
    longest = max(text.split(), key=len)
    if len(longest) > MAX_WORD_CHARACTERS:
        raise ValueError(f"a word of {len(longest)} characters ({longest[:20]}...) cannot be said; put spaces in it.")
    return text


# --- gruut --------------------------------------------------------------------------------------------------------

_LOCK = threading.RLock()  # gruut's processor and its database connection serve one thread at a time


def _indexed_lexicon(path: "Path") -> sqlite3.Connection:
    """gruut's lexicon in memory with an index: its file has none, so that every look-up reads all 120,000 words."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute("ATTACH ? AS wheel", (str(path),))
    connection.execute(
        "CREATE TABLE word_phonemes AS SELECT word, pron_order, role, phonemes FROM wheel.word_phonemes"
    )
    connection.execute("CREATE INDEX by_word ON word_phonemes (word)")
    connection.commit()
    connection.execute("DETACH wheel")
    return connection


@lru_cache(maxsize=1)
def _processor() -> "TextProcessor":
    from gruut import TextProcessor
    from gruut.phonemize import SqlitePhonemizer

    processor = TextProcessor(default_lang=LANGUAGE)
    lookup = processor.get_settings(LANGUAGE).lookup_phonemes
    lookup.phonemizer = SqlitePhonemizer(_indexed_lexicon(lookup.db_path), **lookup.phonemizer_args)
    return processor


@lru_cache(maxsize=4096)
def in_lexicon(word: str) -> bool:
    """Whether gruut's lexicon has the word as written."""
    with _LOCK:
        return _processor().get_settings(LANGUAGE).lookup_phonemes(word, do_transforms=False) is not None


def _gruut_words(text: str) -> list[SpokenWord]:
    with _LOCK:
        processor = _processor()
        graph, root = processor(text)
        return [
            SpokenWord(word.text, tuple(word.phonemes or ()) if word.is_spoken else ())
            for sentence in processor.sentences(graph, root)
            for word in sentence.words
        ]


# Endings after an apostrophe, for words whose inflected form no lexicon has.
_ENDINGS = {"'ll": ("ə", "l"), "'ve": ("ə", "v"), "'re": ("ɚ",), "'d": ("d",), "'s": ("z",)}
_SIBILANTS = frozenset(["s", "z", "ʃ", "ʒ", "t͡ʃ", "d͡ʒ"])
_VOICELESS = frozenset(["p", "t", "k", "f", "θ"])


def _with_ending(word: str) -> tuple[str, ...] | None:
    """IPA of an unknown word with an apostrophe and an ending ("O'Neil's", "I'd've"), `None` for other words."""
    stem, apostrophe, ending = word.lower().rpartition("'")
    suffix = _ENDINGS.get(apostrophe + ending)
    if not stem or suffix is None or in_lexicon(word.lower()):
        return None
    ipa = _with_ending(stem) or next((spoken.ipa for spoken in _gruut_words(stem) if spoken.ipa), ())
    if not ipa:
        return None
    if ending == "s" and ipa[-1] in _SIBILANTS:
        return (*ipa, "ɪ", "z")
    if ending == "s" and ipa[-1] in _VOICELESS:
        return (*ipa, "s")
    if ending == "d" and ipa[-1] in ("t", "d"):
        return (*ipa, "ɪ", "d")
    return (*ipa, *suffix)


@lru_cache(maxsize=512)
def spoken_words(text: str) -> tuple[SpokenWord, ...]:
    """The words of a text in the order in which they are spoken, and punctuation without sounds between them.

    Raises:
        ValueError: see [`normalize_text`]; a word that cannot be said.
    """
    words = []
    for word in _gruut_words(normalize_text(text)):
        ipa = (_with_ending(word.text) if word.ipa and "'" in word.text else None) or word.ipa
        if not ipa and any(c.isalnum() for c in word.text):
            raise ValueError(f"{word.text!r} cannot be said; write it out in words.")
        words.append(SpokenWord(word.text, ipa))
    return tuple(words)

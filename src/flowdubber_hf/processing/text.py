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
"""English text to the phonemes that every part of the package shares.

Numbers, money, dates, abbreviations and unknown names are spoken by gruut (MIT; its model is inside the wheel), whose
IPA is mapped to ARPAbet with stress, the alphabet of the dubbing benchmarks' forced alignments. This module adds what
gruut leaves open: letters as letter names, capitals, typographic characters, and silences.
"""

import re
import threading
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from gruut import TextProcessor


PAD_PHONEME = "<pad>"  # id 0, the blank of CTC too
SILENCE_PHONEME = "sil"  # before the first word and after the last one
OPTIONAL_PHONEME = "sp"  # between two words; may last no time at all
NOISE_PHONEME = "spn"

CONSONANTS = (
    ["B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"]
)  # fmt: skip
VOWELS = ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"]
STRESSES = ("0", "1", "2")

#: The one inventory: the index of a phoneme is its id.
PHONEMES: tuple[str, ...] = (
    PAD_PHONEME,
    SILENCE_PHONEME,
    OPTIONAL_PHONEME,
    NOISE_PHONEME,
    *CONSONANTS,
    *(vowel + stress for vowel in VOWELS for stress in STRESSES),
)
_IDS = {phoneme: index for index, phoneme in enumerate(PHONEMES)}

ACCENTS = ("us", "gb")
MAX_TEXT_CHARACTERS = 5000

# gruut's English IPA (its lexicon is CMUdict in IPA) back to ARPAbet.
_IPA_CONSONANTS = {
    "b": "B", "t͡ʃ": "CH", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "d͡ʒ": "JH", "k": "K", "l": "L",
    "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "s": "S", "ʃ": "SH", "t": "T", "θ": "TH", "v": "V",
    "w": "W", "j": "Y", "z": "Z", "ʒ": "ZH",
}  # fmt: skip
_IPA_VOWELS = {
    "ɑ": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɔ": "AO", "aʊ": "AW", "aɪ": "AY", "ɛ": "EH", "ɚ": "ER", "ɝ": "ER",
    "eɪ": "EY", "ɪ": "IH", "i": "IY", "oʊ": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW",
}  # fmt: skip
_IPA_STRESSES = {"ˈ": "1", "ˌ": "2"}

_LETTER_A = ("EY1",)
_LETTER_Z = {"us": ("Z", "IY1"), "gb": ("Z", "EH1", "D")}
_DIGITS = frozenset(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
_LETTER_PREPOSITIONS = frozenset(["at", "by", "in", "with"])

_TYPOGRAPHY = str.maketrans(
    {
        "‘": "'", "’": "'", "‚": "'", "‛": "'", "ʼ": "'", "′": "'", "`": "'", "´": "'",
        "“": " ", "”": " ", "„": " ", "«": " ", "»": " ", "‹": " ", "›": " ", '"': " ", "″": " ",
        "‐": "-", "‑": "-", "–": ", ", "—": ", ", "―": ", ", "−": "-", "…": "...", "•": ", ", "°": " degrees ",
        "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
        "ð": "th", "Ð": "Th", "þ": "th", "Þ": "Th", "ı": "i",
    }
)  # fmt: skip
_CURRENCY_SIGNS = "£€¥₹"
_LATIN_ABBREVIATIONS = (
    (re.compile(r"\be\.\s?g\.,?", re.IGNORECASE), "for example "),
    (re.compile(r"\bi\.\s?e\.,?", re.IGNORECASE), "that is "),
    (re.compile(r"\betc\.(?=\s+[a-z0-9,;])|\betc\b\.?", re.IGNORECASE), "et cetera"),
)
_CAPITALS = re.compile(r"(?<![\w.])[A-Z]{2,}(?![\w.][A-Za-z])(?=\W|$)")
_LONGEST_INITIALISM = 5
# Spelled in running text although the lexicon knows a word of the same letters.
_SPELLED_CAPITALS = frozenset({"US", "IT", "UN", "AM", "PM", "ID"})


@dataclass(frozen=True)
class Phonemization:
    """What is spoken: `sil w1 sp w2 sp ... wn sil`.

    Attributes:
        phonemes: names from [`PHONEMES`].
        word_index: index into `words` of each phoneme, -1 on silences.
        words: the spoken words in lower case, numbers and abbreviations written out.
    """

    phonemes: list[str]
    word_index: list[int]
    words: list[str]

    @property
    def ids(self) -> list[int]:
        return phoneme_ids(self.phonemes)

    @property
    def optional(self) -> list[bool]:
        """True on the pauses between words, which may last no time at all."""
        return [phoneme == OPTIONAL_PHONEME for phoneme in self.phonemes]

    @property
    def pronunciations(self) -> list[list[str]]:
        """The phonemes of each word."""
        spoken: list[list[str]] = [[] for _ in self.words]
        for phoneme, index in zip(self.phonemes, self.word_index, strict=True):
            if index >= 0:
                spoken[index].append(phoneme)
        return spoken


def phoneme_ids(phonemes: Iterable[str]) -> list[int]:
    """Ids of phoneme names.

    Raises:
        ValueError: a name that is not in [`PHONEMES`].
    """
    try:
        return [_IDS[phoneme] for phoneme in phonemes]
    except KeyError as error:
        raise ValueError(
            f"{error.args[0]!r} is no phoneme of this package; see flowdubber_hf.processing.text.PHONEMES."
        ) from error


def assemble(words: Sequence[str], pronunciations: Sequence[Sequence[str]]) -> Phonemization:
    """Joins the words' phonemes with the silences around and between them.

    Raises:
        ValueError: no words.
    """
    if not words:
        raise ValueError("the text has no words to say.")
    phonemes, word_index = [SILENCE_PHONEME], [-1]
    for index, pronunciation in enumerate(pronunciations):
        if index:
            phonemes.append(OPTIONAL_PHONEME)
            word_index.append(-1)
        phonemes += pronunciation
        word_index += [index] * len(pronunciation)
    return Phonemization([*phonemes, SILENCE_PHONEME], [*word_index, -1], list(words))


def phonemize(text: str, accent: str = "us") -> Phonemization:
    """English text as stressed ARPAbet with silences.

    A lone letter is a letter's name ("at f two"); so is a lone "a" beside other letters, before a digit in "at a two"
    and at the end of a phrase, otherwise it is the article.

    Args:
        text: at most 5000 characters; upper and lower case, digits, punctuation, accented Latin letters.
        accent: `us` or `gb`; decides the name of the letter z ("zee", "zed").

    Raises:
        ValueError: nothing to say, letters of another script, too long, unknown accent.
    """
    if accent not in ACCENTS:
        raise ValueError(f"unknown accent {accent!r}; choose from {', '.join(ACCENTS)}.")
    tokens = _tokens(normalize_text(text))
    words = [token for token in tokens if token.pronunciation]
    if not words:
        raise ValueError("the text has no words to say; give a sentence in English.")
    pronunciations = [
        _letter_pronunciation(token.text, before, after, accent) or token.pronunciation
        for before, token, after in _with_neighbours(tokens)
        if token.pronunciation
    ]
    return assemble([token.text.lower() for token in words], pronunciations)


def pronunciation_choices(word: str, pronunciation: Sequence[str]) -> list[list[str]]:
    """The word's pronunciations between which only the sound can decide: "zee" and "zed"; otherwise the one given."""
    if word == "z":
        return [list(choice) for choice in _LETTER_Z.values()]
    return [list(pronunciation)]


def normalize_text(text: str) -> str:
    """Typography, accents and capitals as gruut expects them.

    Raises:
        ValueError: not a string, empty, too long, or letters of another script than Latin.
    """
    if not isinstance(text, str):
        raise ValueError(f"the text must be a string, got {type(text).__name__}.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ValueError(f"the text has {len(text)} characters; at most {MAX_TEXT_CHARACTERS} are spoken at once.")
    text = unicodedata.normalize("NFKC", text.translate(_TYPOGRAPHY)).translate(_TYPOGRAPHY)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    foreign = sorted({c for c in text if c.isalnum() and not c.isascii()})
    if foreign:
        raise ValueError(f"only English in Latin letters can be spoken; the text holds {''.join(foreign[:10])!r}.")
    text = "".join(c if (c.isascii() and c.isprintable()) or c in _CURRENCY_SIGNS else " " for c in text)
    for pattern, spoken in _LATIN_ABBREVIATIONS:
        text = pattern.sub(spoken, text)
    text = " ".join(_speakable_capitals(text).split())
    if not any(c.isalnum() for c in text):
        raise ValueError("the text has no words to say; give a sentence in English.")
    return text


def _speakable_capitals(text: str) -> str:
    """Capitals that are words ("NASA", "BIN BLUE") in lower case; initialisms ("FBI", "US") are left to be spelled."""
    shouted = not any(c.islower() for c in text)

    def replace(match: re.Match) -> str:
        word = match.group()
        if not shouted and word in _SPELLED_CAPITALS:
            return word
        is_word = _in_lexicon(word.lower()) or len(word) > _LONGEST_INITIALISM
        return word.lower() if is_word else word

    return _CAPITALS.sub(replace, text)


_LOCAL = threading.local()


def _processor() -> "TextProcessor":
    """gruut's processor of this thread: it holds a database connection, which belongs to one thread."""
    if not hasattr(_LOCAL, "processor"):
        from gruut import TextProcessor

        _LOCAL.processor = TextProcessor(default_lang="en_US")
    return _LOCAL.processor


@lru_cache(maxsize=4096)
def _in_lexicon(word: str) -> bool:
    return _processor().get_settings("en_US").lookup_phonemes(word, do_transforms=False) is not None


@dataclass(frozen=True)
class _Token:
    text: str
    pronunciation: tuple[str, ...]  # empty: punctuation


@lru_cache(maxsize=512)
def _tokens(text: str) -> tuple[_Token, ...]:
    processor = _processor()
    graph, root = processor(text)
    tokens: list[_Token] = []
    for sentence in processor.sentences(graph, root):
        for word in sentence.words:
            spoken = _arpabet(word.text, word.phonemes) if word.is_spoken and word.phonemes else ()
            tokens.append(_Token(word.text, spoken))
    return tuple(tokens)


def _arpabet(word: str, ipa: Sequence[str]) -> tuple[str, ...]:
    phonemes = []
    for symbol in ipa:
        stress = _IPA_STRESSES.get(symbol[:1], "0")
        sound = symbol.lstrip("".join(_IPA_STRESSES)).replace("ː", "")
        if sound in _IPA_VOWELS:
            phonemes.append(_IPA_VOWELS[sound] + stress)
        elif sound in _IPA_CONSONANTS:
            phonemes.append(_IPA_CONSONANTS[sound])
        else:
            raise ValueError(f"the word {word!r} has a sound ({symbol}) that English does not; write it otherwise.")
    return tuple(phonemes)


def _with_neighbours(tokens: Sequence[_Token]) -> Iterable[tuple[str | None, _Token, str | None]]:
    """Each token with the words beside it; `None` at the ends and at punctuation."""
    texts = [token.text if token.pronunciation else None for token in tokens]
    return zip([None, *texts[:-1]], tokens, [*texts[1:], None], strict=True)


def _is_letter(word: str | None) -> bool:
    return word is not None and len(word) == 1 and word.isalpha()


def _letter_pronunciation(word: str, before: str | None, after: str | None, accent: str) -> tuple[str, ...] | None:
    """Phonemes of a lone letter whose name gruut does not settle, `None` for every other word."""
    if word in ("z", "Z"):
        return _LETTER_Z[accent]
    if word not in ("a", "A"):
        return None
    names = (
        after is None
        or _is_letter(before)
        or _is_letter(after)
        or (before in _LETTER_PREPOSITIONS and after in _DIGITS)
        or (word == "A" and before is not None)
    )
    return _LETTER_A if names else None

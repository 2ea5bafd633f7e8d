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

The words and their IPA come from [`english`](english.py); here they become ARPAbet with stress, the alphabet of the
dubbing benchmarks' forced alignments, letters get their names, and silences are laid between the words.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .english import SpokenWord, spoken_words


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


#: What stands at a silence: nothing (a spoken phoneme), an end of the clip, the end of a sentence, of a clause, of a word.
PAUSES = ("", "edge", "sentence", "clause", "word")
_SENTENCE_MARKS, _CLAUSE_MARKS = frozenset(".!?…"), frozenset(",;:—–-()[]")


@dataclass(frozen=True)
class Phonemization:
    """What is spoken: `sil w1 sp w2 sp ... wn sil`, with `sil` in place of `sp` where a sentence ends.

    Attributes:
        phonemes: names from [`PHONEMES`].
        word_index: index into `words` of each phoneme, -1 on silences.
        words: the spoken words in lower case, numbers and abbreviations written out.
        clause_ends: indices of the words behind which a comma or the like stands.
    """

    phonemes: list[str]
    word_index: list[int]
    words: list[str]
    clause_ends: frozenset[int] = frozenset()

    @property
    def pauses(self) -> list[str]:
        """Of each phoneme one of [`PAUSES`]."""
        kinds, last = [], len(self.phonemes) - 1
        for place, (phoneme, word) in enumerate(zip(self.phonemes, self.word_index, strict=True)):
            if word >= 0:
                kinds.append("")
            elif place in (0, last):
                kinds.append("edge")
            elif phoneme == SILENCE_PHONEME:
                kinds.append("sentence")
            else:
                kinds.append("clause" if self.word_index[place - 1] in self.clause_ends else "word")
        return kinds

    @property
    def breaks(self) -> list[str]:
        """What ends behind each word: `word`, `clause` or `sentence`, as [`assemble`] takes it."""
        inner = [pause for pause in self.pauses[1:-1] if pause]
        last = "clause" if len(self.words) - 1 in self.clause_ends else "sentence"
        return [*inner, last]

    @property
    def pause_ids(self) -> list[int]:
        """Indices of `pauses` in [`PAUSES`]."""
        return [PAUSES.index(pause) for pause in self.pauses]

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


def assemble(
    words: Sequence[str], pronunciations: Sequence[Sequence[str]], breaks: Sequence[str] | None = None
) -> Phonemization:
    """Joins the words' phonemes with the silences around and between them.

    Args:
        breaks: what ends behind each word, `word`, `clause` or `sentence`; words alone where not given.

    Raises:
        ValueError: no words.
    """
    if not words:
        raise ValueError("the text has no words to say; give a sentence in English.")
    breaks = ["word"] * len(words) if breaks is None else list(breaks)
    phonemes, word_index = [SILENCE_PHONEME], [-1]
    for index, pronunciation in enumerate(pronunciations):
        if index:
            phonemes.append(SILENCE_PHONEME if breaks[index - 1] == "sentence" else OPTIONAL_PHONEME)
            word_index.append(-1)
        phonemes += pronunciation
        word_index += [index] * len(pronunciation)
    clause_ends = frozenset(index for index, kind in enumerate(breaks) if kind == "clause")
    return Phonemization([*phonemes, SILENCE_PHONEME], [*word_index, -1], list(words), clause_ends)


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
    spoken = spoken_words(text)
    pronunciations = [
        _letter_pronunciation(word.text, before, after, accent) or _arpabet(word.text, word.ipa)
        for before, word, after in _with_neighbours(spoken)
        if word.ipa
    ]
    return assemble([word.text.lower() for word in spoken if word.ipa], pronunciations, _breaks(spoken))


def pronunciation_choices(word: str, pronunciation: Sequence[str]) -> list[list[str]]:
    """The word's pronunciations between which only the sound can decide: "zee" and "zed"; otherwise the one given."""
    if word == "z":
        return [list(choice) for choice in _LETTER_Z.values()]
    return [list(pronunciation)]


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


def _breaks(words: Sequence[SpokenWord]) -> list[str]:
    """What ends behind each spoken word, by the marks that follow it."""
    breaks: list[str] = []
    for word in words:
        if word.ipa:
            breaks.append("word")
        elif breaks and _SENTENCE_MARKS & set(word.text):
            breaks[-1] = "sentence"
        elif breaks and _CLAUSE_MARKS & set(word.text) and breaks[-1] == "word":
            breaks[-1] = "clause"
    return breaks


def _with_neighbours(words: Sequence[SpokenWord]) -> Iterable[tuple[str | None, SpokenWord, str | None]]:
    """Each word with the words beside it; `None` at the ends and at punctuation."""
    texts = [word.text if word.ipa else None for word in words]
    return zip([None, *texts[:-1]], words, [*texts[1:], None], strict=True)


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

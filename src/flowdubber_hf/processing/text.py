"""English text to the phonemes that every part of the package shares.

The words and their IPA come from [`english`](english.py); here they become ARPAbet with stress, the alphabet of the
dubbing benchmarks' forced alignments, letters get their names, and silences are laid between the words.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..work.wording import listed
from .english import Reading, SpokenWord, read_english
from .phonemes import (
    CONSONANTS,
    NOISE_PHONEME,
    OPTIONAL_PHONEME,
    PAD_PHONEME,
    PHONEMES,
    SILENCE_PHONEME,
    STRESSES,
    VOWELS,
    ipa_to_arpabet,
    phoneme_ids,
)
from .reading.lexicon import NO_WORDS, Lexicon, lexicon_of, read_lexicon


__all__ = [
    "ACCENTS",
    "CONSONANTS",
    "NOISE_PHONEME",
    "NO_WORDS",
    "OPTIONAL_PHONEME",
    "PAD_PHONEME",
    "PHONEMES",
    "SILENCE_PHONEME",
    "STRESSES",
    "VOWELS",
    "Lexicon",
    "Phonemization",
    "assemble",
    "lexicon_of",
    "phoneme_ids",
    "phonemize",
    "pronunciation_choices",
    "read_lexicon",
]

ACCENTS = ("us", "gb")

_LETTER_A = ("EY1",)
_LETTER_Z = {"us": ("Z", "IY1"), "gb": ("Z", "EH1", "D")}
_DIGITS = frozenset(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
_LETTER_PREPOSITIONS = frozenset(["at", "by", "in", "with"])
_TOLD_WORDS = 10  # in a warning, before it only counts


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
        clause_ends: indices of the words that are followed by a comma or the like.
        guessed: those of `words` whose sounds are guessed from their letters, each once.
        dropped: parts of the script that are not spoken, as written.
    """

    phonemes: list[str]
    word_index: list[int]
    words: list[str]
    clause_ends: frozenset[int] = frozenset()
    guessed: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

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
    def warnings(self) -> list[str]:
        """What one should know before such a script is dubbed, a sentence each."""
        told = []
        if self.dropped:
            told.append(f"not said of the script: {listed(self.dropped, _TOLD_WORDS, quoted=True)}.")
        if self.guessed:
            told.append(
                f"the pronunciation of {listed(self.guessed, _TOLD_WORDS, quoted=True)} is guessed, no lexicon has it; if it is wrong, write it as "
                "it sounds, or give its phonemes: [name|N EY1 M]."
            )
        return told

    @property
    def ids(self) -> list[int]:
        return phoneme_ids(self.phonemes)

    @property
    def optional(self) -> list[bool]:
        """True on the pauses between words, which may last no time at all."""
        return [phoneme == OPTIONAL_PHONEME for phoneme in self.phonemes]

    def part(self, first: int, last: int) -> "Phonemization":
        """What is said between two pauses, with silence in their place; `first` and `last` are their places in `phonemes`."""
        inner = self.word_index[first + 1 : last]
        spoken = [index for index in inner if index >= 0]
        lowest, highest = min(spoken), max(spoken)
        return Phonemization(
            phonemes=[SILENCE_PHONEME, *self.phonemes[first + 1 : last], SILENCE_PHONEME],
            word_index=[-1, *(index - lowest if index >= 0 else -1 for index in inner), -1],
            words=self.words[lowest : highest + 1],
            clause_ends=frozenset(index - lowest for index in self.clause_ends if lowest <= index <= highest),
        )

    @property
    def punctuated(self) -> str:
        """The words with a comma or full stop where a clause or sentence ends."""
        marks = {"word": "", "clause": ",", "sentence": "."}
        return " ".join(word + marks[kind] for word, kind in zip(self.words, self.breaks, strict=True))

    @property
    def pronunciations(self) -> list[list[str]]:
        """The phonemes of each word."""
        spoken: list[list[str]] = [[] for _ in self.words]
        for phoneme, index in zip(self.phonemes, self.word_index, strict=True):
            if index >= 0:
                spoken[index].append(phoneme)
        return spoken


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


def phonemize(text: str, accent: str = "us", lexicon: Lexicon = NO_WORDS) -> Phonemization:
    """English text as stressed ARPAbet with silences.

    A lone letter is a letter's name ("at f two"); so is a lone "a" beside other letters, before a digit in "at a two"
    and at the end of a phrase, otherwise it is the article. docs/text.md shows how numbers, abbreviations and the like
    are read.

    Args:
        text: at most 15,000 characters; upper and lower case, digits, punctuation, accented Latin letters; pronunciations
            as `[name|N EY1 M]`.
        accent: `us` or `gb`; decides the name of the letter z ("zee", "zed").
        lexicon: words with their phonemes that take precedence over the package's own, see [`read_lexicon`].

    Raises:
        ValueError: nothing to say, letters of another script, too long, unknown accent, wrong phonemes.
    """
    if accent not in ACCENTS:
        raise ValueError(f"unknown accent {accent!r}; choose from {', '.join(ACCENTS)}.")
    reading = read_english(text, lexicon)
    pronunciations = [
        (None if word.given else _letter_pronunciation(word.text, before, after, accent))
        or ipa_to_arpabet(word.text, word.ipa)
        for before, word, after in _with_neighbours(reading.words)
        if word.ipa
    ]
    result = assemble(
        [word.text.lower() for word in reading.words if word.ipa], pronunciations, _breaks(reading.words)
    )
    return replace(result, guessed=_guessed(reading), dropped=list(reading.dropped))


def _guessed(reading: Reading) -> list[str]:
    return list(dict.fromkeys(word.text.lower() for word in reading.words if word.guessed))


def pronunciation_choices(word: str, pronunciation: Sequence[str]) -> list[list[str]]:
    """The word's pronunciations between which only the sound can decide: "zee" and "zed"; otherwise the one given."""
    if word == "z":
        return [list(choice) for choice in _LETTER_Z.values()]
    return [list(pronunciation)]


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
    """A small letter by itself; a capital is a letter for certain, beside which an "a" may be the article: "a BMW"."""
    return word is not None and len(word) == 1 and word.islower()


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
        or word == "A"
    )
    return _LETTER_A if names else None

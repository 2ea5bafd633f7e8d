"""How a word is said: a user's lexicon, this package's own, gruut's, CMUdict's newer words, derivation, a guess.

The package's own list (`lexicon_words.txt`) holds what the open ones have wrong or not at all. CMUdict's words that gruut's
copy of it lacks are in `lexicon_cmudict.txt`, with its licence.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from ..phonemes import arpabet_to_ipa, ipa_to_arpabet, is_vowel, parse_phonemes
from . import derivation, trained_english
from .script import unaccented


MAX_LEXICON_BYTES = 8 * 2**20
MAX_LEXICON_LINES = 200_000
MAX_LINE_CHARACTERS = 1_000
_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['-](?=[^\W\d_])|'$)*|'[^\W\d_]+")


class Lexicon(Mapping[str, tuple[str, ...]]):
    """Words of a user, in small letters, with phonemes of this package; hashable, so that what was read with it is kept.

    Args:
        words: to pronunciations as `["N", "EY1", "M"]`.
    """

    def __init__(self, words: Mapping[str, tuple[str, ...]] = MappingProxyType({})):
        self._words = {word.lower(): tuple(phonemes) for word, phonemes in words.items()}
        self._key = tuple(sorted(self._words.items()))

    def __getitem__(self, word: str) -> tuple[str, ...]:
        return self._words[word]

    def __iter__(self) -> Iterator[str]:
        return iter(self._words)

    def __len__(self) -> int:
        return len(self._words)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Lexicon) and self._key == other._key


NO_WORDS = Lexicon()


def read_lexicon(path: str | Path) -> Lexicon:
    """A lexicon file: lines of a word and its phonemes in the style of CMUdict, `name  N EY1 M`; `#` and `;;;` begin notes.

    Raises:
        ValueError: no such file, too large, not UTF-8, or a line that is wrong, with its number.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no lexicon {path}.")
    if path.stat().st_size > MAX_LEXICON_BYTES:
        raise ValueError(f"the lexicon {path} is larger than {MAX_LEXICON_BYTES // 2**20} MiB.")
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_LEXICON_BYTES + 1).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"the lexicon {path} is not in UTF-8 (byte {error.start}); save it so.") from error
    except OSError as error:
        raise ValueError(f"the lexicon {path} cannot be read ({error.strerror}).") from error
    if len(lines) > MAX_LEXICON_LINES:
        raise ValueError(f"the lexicon {path} has {len(lines)} lines; at most {MAX_LEXICON_LINES}.")
    words: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = _entry(line)
        except ValueError as error:
            raise ValueError(f"the lexicon {path}, line {number}: {error}") from error
        if entry is not None:
            words.setdefault(*entry)
    if not words:
        raise ValueError(f"the lexicon {path} has no words; write lines like: name  N EY1 M")
    return Lexicon(words)


def lexicon_of(path: str | Path | None) -> Lexicon:
    """The lexicon of an option: none without a file; a file is read once until it changes.

    Raises:
        ValueError: see [`read_lexicon`].
    """
    if path is None:
        return NO_WORDS
    path = Path(path)
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return _read_once(path, changed)


@lru_cache(maxsize=8)
def _read_once(path: Path, changed: int) -> Lexicon:
    return read_lexicon(path)


def _entry(line: str) -> tuple[str, tuple[str, ...]] | None:
    """Word and phonemes of a line, `None` of an empty one."""
    if len(line) > MAX_LINE_CHARACTERS:
        raise ValueError(f"{len(line)} characters; at most {MAX_LINE_CHARACTERS}.")
    line = re.sub(r"(^|\s)#.*|^;;;.*", "", line).strip()
    if not line:
        return None
    written, _, phonemes = line.partition(" ") if "\t" not in line else line.partition("\t")
    word = re.sub(r"\(\d+\)$", "", written).lower().replace("’", "'")
    if not _WORD.fullmatch(word):
        raise ValueError(f"{written[:40]!r} is no single word of letters; write a word, spaces, its phonemes.")
    return word, parse_phonemes(phonemes)


@lru_cache(maxsize=2)
def _own(name: str) -> Mapping[str, tuple[str, ...]]:
    """A list of the package: a word and its phonemes a line."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    entries = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {word: tuple(phonemes) for word, *phonemes in entries}


def own_words() -> Mapping[str, tuple[str, ...]]:
    """The package's own list: word to phonemes."""
    return _own("lexicon_words.txt")


@dataclass(frozen=True)
class Pronunciation:
    """IPA of a word, and whether it is a guess from its letters."""

    ipa: tuple[str, ...]
    guessed: bool = False


def in_lexicon(word: str) -> bool:
    """Whether a word as written, in small letters, is in a lexicon that comes with the package."""
    return word in own_words() or bool(trained_english.pronunciations(word)) or word in _own("lexicon_cmudict.txt")


def known(word: str, tag: str = "") -> tuple[str, ...] | None:
    """IPA of a word in small letters that the lexicons have, by its part of speech where that decides; else `None`."""
    own = own_words().get(word)
    if own:
        return arpabet_to_ipa(own)
    listed = trained_english.pronunciations(word)
    if listed:
        return _by_part_of_speech(listed, tag)
    newer = _own("lexicon_cmudict.txt").get(word)
    return arpabet_to_ipa(newer) if newer else None


# Which of a lexicon's parts of speech a tag may stand for, in this order.
_SAME = {
    "VBP": ("VB",), "VBZ": ("VB",), "VBN": ("VBN", "VBD", "VB"), "VBG": ("VB",), "NNS": ("NN",), "NNP": ("NN",), "NNPS": ("NN",),
    "RB": ("RB", "JJ"), "JJR": ("JJ",), "JJS": ("JJ",), "MD": ("VB",),
}  # fmt: skip


def _by_part_of_speech(listed: tuple[tuple[str, tuple[str, ...]], ...], tag: str) -> tuple[str, ...]:
    roles: dict[str, tuple[str, ...]] = {}
    for role, ipa in listed:
        roles.setdefault(role, ipa)
    for role in (tag, *_SAME.get(tag, ()), ""):
        if role in roles:
            return roles[role]
    return listed[0][1]


def pronounce(word: str, tag: str = "", lexicon: Lexicon = NO_WORDS) -> Pronunciation | None:
    """How a word is said; `None` where nobody could say it, so that it must be spelled.

    Args:
        word: as written, apostrophes and hyphens inside.
        tag: its part of speech, from Penn Treebank's.
        lexicon: of the user.
    """
    small = word.lower()
    given = lexicon.get(small) or lexicon.get(unaccented(small))
    if given:
        return Pronunciation(arpabet_to_ipa(given))
    accented = own_words().get(small)
    plain = unaccented(small)
    ipa = arpabet_to_ipa(accented) if accented else known(plain, tag)
    if ipa is None:
        ipa = derivation.derive(plain, lambda stem: _stem(stem, lexicon))
    if ipa is not None:
        return Pronunciation(ipa) if _has_vowel(plain, ipa) else None
    guessed = _guessed(plain)
    return Pronunciation(guessed, True) if _has_vowel(plain, guessed) else None


def _guessed(word: str) -> tuple[str, ...]:
    """IPA of a word that no lexicon has: of two known ones, a guessed stem with its ending, or all of it from its letters."""
    if "'" in word:
        ipa = derivation.derive(word, _guessed)
        if ipa:
            return ipa
    return derivation.compound(word, known) or trained_english.guess(word)


def _stem(word: str, lexicon: Lexicon) -> tuple[str, ...] | None:
    given = lexicon.get(word)
    return arpabet_to_ipa(given) if given else known(word)


def _has_vowel(word: str, ipa: tuple[str, ...]) -> bool:
    return any(map(is_vowel, ipa_to_arpabet(word, ipa)))

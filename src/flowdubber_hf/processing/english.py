"""Written English to spoken words with their IPA.

[`rules`](reading/rules.py) writes a script out in words, [`lexicon`](reading/lexicon.py) says how each is spoken, and
[`homographs`](reading/homographs.py) decides between words that are spelled alike.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from .phonemes import arpabet_to_ipa
from .reading import homographs, trained_english
from .reading.derivation import hyphen_beginning
from .reading.lexicon import NO_WORDS, Lexicon, Pronunciation, known, pronounce
from .reading.rules import RULES
from .reading.script import MAX_TEXT_CHARACTERS, MAX_WORD_CHARACTERS, Token, read_script, unaccented


__all__ = ["MAX_TEXT_CHARACTERS", "MAX_WORD_CHARACTERS", "Reading", "SpokenWord", "read_english", "spoken_words"]


class SpokenWord(NamedTuple):
    """A word, written out, with IPA symbols (stress marks before vowels); none for punctuation.

    Attributes:
        text: the word; a letter's name is one capital; a punctuation mark as written.
        ipa: its sounds.
        guessed: whether they are guessed from its letters.
        given: whether the script or the user's lexicon gives them.
    """

    text: str
    ipa: tuple[str, ...]
    guessed: bool = False
    given: bool = False


class Reading(NamedTuple):
    """What is said of a script.

    Attributes:
        words: in the order in which they are spoken, and punctuation between them.
        dropped: parts of the script that are not spoken, as written.
    """

    words: tuple[SpokenWord, ...]
    dropped: tuple[str, ...]


@lru_cache(maxsize=512)
def read_english(text: str, lexicon: Lexicon = NO_WORDS) -> Reading:
    """The words of a text, and what of it is not said.

    Args:
        text: at most 15,000 characters.
        lexicon: pronunciations that go before all others but those in the text.

    Raises:
        ValueError: see [`~script.read_script`]; a word that cannot be said.
    """
    script = read_script(text, RULES)
    words: list[SpokenWord] = []
    for sentence in _sentences(script.tokens):
        words += _said(sentence, lexicon)
    return Reading(tuple(words), tuple(dict.fromkeys(script.dropped)))


def spoken_words(text: str, lexicon: Lexicon = NO_WORDS) -> tuple[SpokenWord, ...]:
    """The words of a text in the order in which they are spoken, and punctuation without sounds between them.

    Raises:
        ValueError: see [`read_english`].
    """
    return read_english(text, lexicon).words


def _sentences(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Tokens up to each mark that ends a sentence; hyphened words as the words that they are said in."""
    sentence: list[Token] = []
    for token in tokens:
        sentence.append(token)
        if token.text in (".", "!", "?"):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _said(sentence: Sequence[Token], lexicon: Lexicon) -> Iterator[SpokenWord]:
    """The words of a sentence with their sounds."""
    words = [token.text for token in sentence if not token.is_pause]
    tags = iter(trained_english.parts_of_speech([unaccented(word) for word in words]))
    small = [word.lower() for word in words]
    index = -1
    for token in sentence:
        if token.is_pause:
            yield SpokenWord(token.text, ())
            continue
        index += 1
        yield from _word(token, next(tags), small, index, lexicon)


def _word(token: Token, tag: str, words: Sequence[str], index: int, lexicon: Lexicon) -> Iterator[SpokenWord]:
    """A token's words: one, two where a beginning stands before a hyphen, letters where nobody could say it."""
    text = unaccented(token.text)
    if token.phonemes:
        yield SpokenWord(text, arpabet_to_ipa(token.phonemes), given=True)
        return
    if len(text) == 1 and text.isupper():
        yield SpokenWord(text, _letter(text))
        return
    given = lexicon.get(token.text.lower()) or lexicon.get(text.lower())
    if given:
        yield SpokenWord(text, arpabet_to_ipa(given), given=True)
        return
    sense = homographs.by_sense(words, index) if token.text == text else None
    said = Pronunciation(arpabet_to_ipa(sense.split())) if sense else pronounce(token.text, tag, lexicon)
    if said and "-" in text and not known(text.lower()):
        yield from _hyphened(text, tag, lexicon)
    elif said:
        yield SpokenWord(text, said.ipa, said.guessed)
    else:
        yield from _spelled(text)


def _hyphened(text: str, tag: str, lexicon: Lexicon) -> Iterator[SpokenWord]:
    """`re-enter`: a beginning and a word; `co-op`: one word."""
    head, _, rest = text.partition("-")
    joined = known(text.replace("-", "").lower(), tag)
    if joined:
        yield SpokenWord(text.replace("-", ""), joined)
        return
    beginning = hyphen_beginning(head.lower())
    first = Pronunciation(beginning) if beginning else pronounce(head, "", lexicon)
    for part, said in ((head, first), *((part, pronounce(part, tag, lexicon)) for part in rest.split("-"))):
        if said:
            yield SpokenWord(part, said.ipa, said.guessed)
        else:
            yield from _spelled(part)


def _spelled(text: str) -> Iterator[SpokenWord]:
    """Letter by letter; an ending s is said with the last one.

    Raises:
        ValueError: too long for that.
    """
    letters = [c.upper() for c in text if c.isalpha()]
    if not letters or len(letters) > 12:
        raise ValueError(
            f"{text!r} has no vowel and cannot be said; write it as it sounds, or give its phonemes: [{text}|...]."
        )
    for letter in letters:
        yield SpokenWord(letter, _letter(letter))


@lru_cache(maxsize=26)
def _letter(letter: str) -> tuple[str, ...]:
    """IPA of a letter's name."""
    if letter == "A":
        return arpabet_to_ipa(("EY1",))
    return trained_english.pronunciations(letter.lower())[0][1]

"""The bundled model was trained on these phonemes: no change of how English is read may touch them."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools

import pytest

from flowdubber_hf.processing.text import phonemize


COMMANDS = {"bin": "B IH1 N", "lay": "L EY1", "place": "P L EY1 S", "set": "S EH1 T"}
COLOURS = {"blue": "B L UW1", "green": "G R IY1 N", "red": "R EH1 D", "white": "W AY1 T"}
PREPOSITIONS = {"at": "AE1 T", "by": "B AY1", "in": "IH1 N", "with": "W IH1 TH"}
LETTERS = {
    "a": "EY1", "b": "B IY1", "c": "S IY1", "d": "D IY1", "e": "IY1", "f": "EH1 F", "g": "JH IY1", "h": "EY1 CH",
    "i": "AY1", "j": "JH EY1", "k": "K EY1", "l": "EH1 L", "m": "EH1 M", "n": "EH1 N", "o": "OW1", "p": "P IY1",
    "q": "K Y UW1", "r": "AA1 R", "s": "EH1 S", "t": "T IY1", "u": "Y UW1", "v": "V IY1", "x": "EH1 K S",
    "y": "W AY1", "z": "Z IY1",
}  # fmt: skip
DIGITS = {
    "zero": "Z IH1 R OW0", "one": "W AH1 N", "two": "T UW1", "three": "TH R IY1", "four": "F AO1 R",
    "five": "F AY1 V", "six": "S IH1 K S", "seven": "S EH1 V AH0 N", "eight": "EY1 T", "nine": "N AY1 N",
}  # fmt: skip
ADVERBS = {"again": "AH0 G EH1 N", "now": "N AW1", "please": "P L IY1 Z", "soon": "S UW1 N"}
SLOTS = (COMMANDS, COLOURS, PREPOSITIONS, LETTERS, DIGITS, ADVERBS)


def sentences():
    """All of preposition, letter, digit and adverb, under commands and colours in turn: every pair of neighbours occurs."""
    openings = itertools.cycle(itertools.product(COMMANDS, COLOURS))
    for ending in itertools.product(PREPOSITIONS, LETTERS, DIGITS, ADVERBS):
        yield (*next(openings), *ending)


@pytest.mark.parametrize("accent", ["us", "gb"])
def test_every_word_of_the_grammar_has_its_phonemes(accent):
    for words in sentences():
        result = phonemize(" ".join(words), accent)
        expected = [slot[word] for slot, word in zip(SLOTS, words, strict=True)]
        expected[3] = "Z EH1 D" if (words[3], accent) == ("z", "gb") else expected[3]
        assert result.words == list(words)
        assert [" ".join(spoken) for spoken in result.pronunciations] == expected, words
        assert not result.warnings


@pytest.mark.parametrize("accent", ["us", "gb"])
def test_letters_keep_their_names_in_capitals_and_digits_as_figures(accent):
    figures = dict(zip(DIGITS, "0123456789", strict=True))
    for letter, digit in itertools.product(LETTERS, DIGITS):
        for written in (
            f"bin blue at {letter} {figures[digit]} now",
            f"BIN BLUE AT {letter.upper()} {digit.upper()} NOW",
        ):
            assert (
                phonemize(written, accent).pronunciations
                == phonemize(f"bin blue at {letter} {digit} now", accent).pronunciations
            )

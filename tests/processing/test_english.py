"""From a text to its words with their sounds."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.processing.english import read_english, spoken_words


def words(text: str) -> list[str]:
    return [word.text for word in spoken_words(text)]


def test_words_and_marks_in_their_order():
    found = spoken_words("Bin blue, now.")
    assert [word.text for word in found] == ["Bin", "blue", ",", "now", "."]
    assert [bool(word.ipa) for word in found] == [True, True, False, True, False]
    assert not any(word.guessed or word.given for word in found)


def test_a_word_that_no_lexicon_has_is_guessed():
    (word,) = spoken_words("flowdubberish")
    assert word.guessed and word.ipa


def test_hyphens_join_words_and_capitals_are_spelled():
    assert words("well-known") == ["well", "known"]
    assert words("BBC") == ["B", "B", "C"]


def test_what_is_not_said_is_told_once():
    reading = read_english("Hello \U0001f600 there \U0001f600")
    assert reading.dropped == ("\U0001f600",)
    assert [word.text for word in reading.words if word.ipa] == ["Hello", "there"]


def test_what_cannot_be_said_is_refused():
    with pytest.raises(ValueError, match="only English in Latin letters"):
        read_english("\u4f60\u597d")

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import threading

import pytest

from flowdubber_hf.processing.text import (
    CONSONANTS,
    PAUSES,
    PHONEMES,
    Phonemization,
    assemble,
    phoneme_ids,
    phonemize,
    pronunciation_choices,
)


def spoken(text: str) -> str:
    return " ".join(phonemize(text).words)


def said(text: str, word: str, accent: str = "us") -> str:
    result = phonemize(text, accent)
    return " ".join(result.pronunciations[result.words.index(word)])


def test_inventory_is_fixed():
    assert PHONEMES[:4] == ("<pad>", "sil", "sp", "spn")
    assert len(CONSONANTS) == 24
    assert len(PHONEMES) == len(set(PHONEMES)) == 4 + 24 + 15 * 3
    # ids are part of every checkpoint: these must never move
    assert phoneme_ids(["B", "ZH", "AA0", "UW2"]) == [4, 27, 28, 72]


def test_layout():
    result = phonemize("bin blue")
    assert result.phonemes == ["sil", "B", "IH1", "N", "sp", "B", "L", "UW1", "sil"]
    assert result.word_index == [-1, 0, 0, 0, -1, 1, 1, 1, -1]
    assert result.words == ["bin", "blue"]
    assert result.optional == [name == "sp" for name in result.phonemes]
    assert result.ids == [PHONEMES.index(name) for name in result.phonemes]
    assert result.pronunciations == [["B", "IH1", "N"], ["B", "L", "UW1"]]


def test_punctuation_makes_pauses_and_no_sounds():
    result = phonemize("Well, yes... no!")
    assert result.pronunciations == phonemize("well yes no").pronunciations
    assert [pause for pause in result.pauses if pause] == ["edge", "clause", "sentence", "edge"]


def test_same_text_same_phonemes():
    assert phonemize("Xavierquist met O'Neil.") == phonemize("Xavierquist met O'Neil.")


@pytest.mark.parametrize(
    "shout", ["bin blue at f two now", "BIN BLUE AT F TWO NOW", "bin blue at f 2 now", "Bin blue at F2 now"]
)
def test_grid_sentence_however_it_is_written(shout):
    result = phonemize(shout)
    assert result.words == ["bin", "blue", "at", "f", "two", "now"]
    assert result.pronunciations[3] == ["EH1", "F"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("place red at a two please", "EY1"),
        ("place red at a 2 please", "EY1"),
        ("a d a m", "EY1"),
        ("vitamin A is good", "EY1"),
        ("grade a.", "EY1"),
        ("I have a two and a cat", "AH0"),
        ("A man left", "AH0"),
    ],
)
def test_letter_a_and_article(text, expected):
    assert said(text, "a") == expected


def test_letter_z_follows_the_accent():
    text = "bin blue at z zero now"
    assert said(text, "z") == "Z IY1"
    assert said(text, "z", accent="gb") == "Z EH1 D"
    assert pronunciation_choices("z", ["Z", "IY1"]) == [["Z", "IY1"], ["Z", "EH1", "D"]]
    assert pronunciation_choices("zoo", ["Z", "UW1"]) == [["Z", "UW1"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25", "twenty five"),
        ("$25.50", "twenty five dollars and fifty cents"),
        ("$1, £2.01 and €5", "one dollar two pounds and one penny and five euros"),
        ("$5 million or $2.5bn", "five million dollars or two point five billion dollars"),
        ("$.50", "fifty cents"),
        ("the 3rd", "the third"),
        ("in 1998", "in nineteen ninety eight"),
        ("the 1990s", "the nineteen nineties"),
        ("1,234", "one thousand two hundred and thirty four"),
        ("3.14 and 0.05", "three point one four and zero point zero five"),
        ("2/3 of 1 1/2", "two thirds of one and one half"),
        ("agent 007", "agent zero zero seven"),
        ("5-10 people", "five to ten people"),
        ("call 555-1234", "call five five five one two three four"),
        ("12.5% of 5 %", "twelve point five percent of five percent"),
        ("2 + 2 = 4", "two plus two equals four"),
        ("-5 at 20°C", "minus five at twenty degrees celsius"),
        ("at 10:05 or 4:00 p.m.", "at ten oh five or four p m"),
        ("No. 5 and #7", "number five and number seven"),
        ("MP3, 5kg, 3-D", "m p three five kilograms three d"),
    ],
)
def test_numbers(text, expected):
    assert spoken(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith and Mr. Jones", "doctor smith and mister jones"),
        ("St. John's on Main St. today", "saint john's on main street today"),
        ("Prof. X, Ph.D.", "professor x p h d"),
        ("fruit, e.g. apples, etc.", "fruit for example apples et cetera"),
        ("NASA and the FBI", "nasa and the f b i"),
        ("in the U.S. and the US", "in the u s and the u s"),
        ("give it to US NOW", "give it to u s now"),
        ("PLEASE HELP US", "please help us"),
        ("R&B, AT&T & more", "r and b a t and t and more"),
        ("and/or well-known", "and or well known"),
        ("mail foo@bar.com", "mail foo at bar dot com"),
        ("Jan. 3rd", "january third"),
        ("rock 'n' roll", "rock and roll"),
    ],
)
def test_abbreviations(text, expected):
    assert spoken(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“quoted” — it’s ‘fine’…", "quoted it's fine"),
        ("café naïve Zoë", "cafe naive zoe"),
        ("hello 🙂 *world* (yes) [no]", "hello world yes"),
        ("one\ttwo\nthree", "one two three"),
        ("½ cup ﬁne", "one half cup fine"),
    ],
)
def test_typography(text, expected):
    assert spoken(text) == expected


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("don't", "don't", "D OW1 N T"),
        ("I've", "i've", "AY1 V"),
        ("O'Neil's", "o'neil's", "OW0 N IY1 L Z"),
        ("Kwixit's", "kwixit's", "K W IH1 K S IH0 T S"),
        ("FBI's", "i's", "AY1 Z"),
    ],
)
def test_contractions_and_endings(text, word, expected):
    assert said(text, word) == expected


def test_words_of_two_sounds_follow_the_sentence():
    assert said("they live here", "live") == "L IH1 V"
    assert said("live music", "live") == "L AY1 V"


def test_unknown_names_are_guessed():
    result = phonemize("Xavierquist visited Llanfairpwllgwyngyll")
    assert all(len(pronunciation) > 4 for pronunciation in result.pronunciations)


@pytest.mark.parametrize("text", ["", "   ", "...", "!?", "🙂", "-", "'", "$", "\x00", "“”"])
def test_nothing_to_say(text):
    with pytest.raises(ValueError, match="no words to say"):
        phonemize(text)


@pytest.mark.parametrize("text", ["你好", "hello мир", "مرحبا", "٣"])
def test_other_scripts_are_refused(text):
    with pytest.raises(ValueError, match="only English in Latin letters"):
        phonemize(text)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="must be a string"):
        phonemize(None)
    with pytest.raises(ValueError, match="at most 15000"):
        phonemize("a " * 7501)
    with pytest.raises(ValueError, match="put spaces"):
        phonemize("'s" * 200)
    with pytest.raises(ValueError, match="unknown accent"):
        phonemize("hello", accent="au")
    with pytest.raises(ValueError, match="no phoneme"):
        phoneme_ids(["QQ"])
    with pytest.raises(ValueError, match="no words"):
        assemble([], [])


def test_other_threads_may_call_it():
    results: list[Phonemization] = []
    threads = [threading.Thread(target=lambda: results.append(phonemize("some other words here"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [phonemize("some other words here")] * 3


@pytest.mark.parametrize(
    ("text", "breaks"),
    [
        ("bin blue now", ["word", "word", "sentence"]),
        ("Well, yes. No!", ["clause", "sentence", "sentence"]),
        ("Dr. Smith came. He left", ["word", "word", "sentence", "word", "sentence"]),
        ("We met at 5 p.m. on Monday.", ["word"] * 7 + ["sentence"]),
        ("It costs 3.50, no more", ["word"] * 5 + ["clause", "word", "sentence"]),
        ("One; two: three", ["clause", "clause", "sentence"]),
        ("Yes \u2014 no", ["clause", "sentence"]),
        ("Wait... what?!", ["sentence", "sentence"]),
        ("now,", ["clause"]),
    ],
)
def test_what_ends_behind_each_word(text, breaks):
    result = phonemize(text)
    assert len(breaks) == len(result.words), result.words
    assert result.breaks == breaks
    # What is assembled again from these is the same script.
    again = assemble(result.words, result.pronunciations, result.breaks)
    assert (again.phonemes, again.word_index, again.pauses) == (result.phonemes, result.word_index, result.pauses)


def test_each_silence_is_of_a_kind():
    result = phonemize("Dr. Smith came, he said. He left")
    kinds = [pause for pause in result.pauses if pause]
    assert kinds == ["edge", "word", "word", "clause", "word", "sentence", "word", "edge"]
    spoken = {"edge": "sil", "sentence": "sil", "clause": "sp", "word": "sp"}
    for phoneme, word, pause in zip(result.phonemes, result.word_index, result.pauses, strict=True):
        assert (pause == "") == (word >= 0)
        assert pause == "" or phoneme == spoken[pause]
    assert result.pause_ids == [PAUSES.index(pause) for pause in result.pauses]

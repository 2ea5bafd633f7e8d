"""How written English is read: hundreds of written-out cases, and the guard that nothing is lost without a sign."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import random
from pathlib import Path

import pytest

from flowdubber_hf.processing.phonemes import PHONEMES, arpabet_to_ipa, ipa_to_arpabet, is_vowel, parse_phonemes
from flowdubber_hf.processing.reading import numerals, trained_english
from flowdubber_hf.processing.reading.lexicon import Lexicon, lexicon_of, own_words, read_lexicon
from flowdubber_hf.processing.reading.rules import RULES
from flowdubber_hf.processing.reading.script import read_script
from flowdubber_hf.processing.text import phonemize


FOLDER = Path(__file__).parent


def rows(name: str) -> list[tuple[str, ...]]:
    """Lines of a table of cases, without headings."""
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if "\t" in line]


def written(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\t", "\t")


CASES = [(written(text), words, dropped[0] if dropped else "") for text, words, *dropped in rows("english_cases.tsv")]


@pytest.mark.parametrize(("text", "words", "dropped"), CASES)
def test_what_people_write(text, words, dropped):
    result = phonemize(text)
    assert " ".join(result.words) == words
    assert "|".join(result.dropped) == dropped
    assert bool(result.warnings) == bool(dropped or result.guessed)


@pytest.mark.parametrize(("text", "word", "phonemes"), rows("english_sounds.tsv"))
def test_how_words_sound(text, word, phonemes):
    result = phonemize(text)
    assert " ".join(result.pronunciations[result.words.index(word)]) == phonemes


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_reads_its_example(rule):
    assert " ".join(phonemize(rule.example).words) == rule.spoken


def test_the_documentation_shows_every_rule(repository):
    page = (repository / "docs/text.md").read_text(encoding="utf-8")
    for rule in RULES:
        example = rule.example.replace("\n", " ⏎ ").replace("|", "\\|")
        assert f"| {rule.name} | `{example}` | {rule.spoken} |" in page, rule.name


# ---------------------------------------------------------------------------------------------------------------------
# The guard


def test_nothing_of_a_script_is_lost_without_a_sign():
    """Whatever is written and however it is put together: said, named as left out, or refused with a sentence."""
    draw = random.Random(0)
    pieces = [text for text, *_ in CASES] + list("abcXYZ0123456789.,;:!?'\"()[]{}<>|/\\-–—*&%$€#@+=~^½²µé\n\t🙂")
    marks = ["lantern", "copper", "window", "garden", "velvet"]
    for _ in range(400):
        order = draw.sample(marks, 3)
        text = " ".join(part for mark in order for part in (draw.choice(pieces), mark, draw.choice(pieces)))
        try:
            result = phonemize(text)
        except ValueError as error:
            assert str(error).endswith((".", "?")), text
            continue
        assert all(any(map(is_vowel, spoken)) for spoken in result.pronunciations), text
        if any(dropped.endswith("...") for dropped in result.dropped):  # shortened
            continue
        for mark in order:
            assert mark in result.words or any(mark in dropped for dropped in result.dropped), (mark, text)


def test_each_character_belongs_to_a_rule_that_says_or_reports_it():
    for text, *_ in CASES:
        script = read_script(text, RULES)
        assert script.tokens, text


def test_a_word_without_a_vowel_is_spelled_or_refused():
    assert phonemize("the xkcd comic").words == ["the", "x", "k", "c", "d", "comic"]
    assert phonemize("ssh into it").words[:3] == ["s", "s", "h"]
    with pytest.raises(ValueError, match="has no vowel"):
        phonemize("bzbzbzbzbzbzbzb")


def test_no_word_of_the_own_list_lacks_a_vowel_or_has_a_wrong_phoneme():
    for word, phonemes in own_words().items():
        assert parse_phonemes(" ".join(phonemes)) == phonemes, word


def test_guessed_words_are_told():
    result = phonemize("Mi nombre es Blorptag Fnizzle, hello")
    assert {"blorptag", "fnizzle"} <= set(result.guessed)
    assert "hello" not in result.guessed
    assert '"blorptag"' in result.warnings[0] and "guessed" in result.warnings[0]
    assert not phonemize("hello there").warnings


def test_many_dropped_things_are_named_shortly():
    result = phonemize("hello " + " ".join(f"[{number}]" for number in range(30)))
    assert len(result.dropped) == 30
    assert "and 20 more" in result.warnings[0]


@pytest.mark.parametrize(
    "piece", ["a", "1", "(", "a-", "A.", "1,", "<", "[", "$1 ", "1:1:", "Dr. A ", "1 Main ", "*a", "AB: ", "½", "x²"]
)
def test_long_scripts_end_soon(piece):
    """Patterns that go back over what they have read would take minutes here."""
    text = (piece * 5000)[:5000]
    try:
        assert phonemize(text).words
    except ValueError as error:
        assert str(error)


# ---------------------------------------------------------------------------------------------------------------------
# Numbers in words


def test_numbers_count_up():
    """Each is another, and the words of a number are those of its parts."""
    seen = {numerals.cardinal(number) for number in range(3000)}
    assert len(seen) == 3000
    assert len({numerals.ordinal(number) for number in range(3000)}) == 3000
    assert numerals.cardinal(1_000_001) == "one million and one"
    assert numerals.cardinal(-7) == "minus seven"
    assert numerals.cardinal(10**30).startswith("one zero zero")


def test_roman_numerals_are_read_back():
    values = dict(
        zip(
            (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
            ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"],
            strict=True,
        )
    )

    def numeral(number: int) -> str:
        written = ""
        for value, letters in values.items():
            written += letters * (number // value)
            number %= value
        return written

    for number in range(1, 4000):
        assert numerals.roman(numeral(number)) == number
    assert [numerals.roman(text) for text in ("", "IIII", "VX", "IC", "ABC", "i")] == [None] * 6


# ---------------------------------------------------------------------------------------------------------------------
# Pronunciations that are given


def test_a_pronunciation_in_the_script():
    result = phonemize("say [name|n ey1 m] twice, [Zoë|Z OW IY]")
    assert result.words == ["say", "name", "twice", "zoe"]
    assert result.pronunciations[1] == ["N", "EY1", "M"]
    assert result.pronunciations[3] == ["Z", "OW0", "IY0"]
    assert phonemize("[z|Z EH1 D] is said", "us").pronunciations[0] == ["Z", "EH1", "D"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[name|N EY9 M]", "'EY9' is no phoneme.*did you mean EY"),
        ("[name|]", "there are no phonemes"),
        ("[name|N M]", "has no vowel"),
        ("[two words|N EY1 M]", "one word"),
        ("[name|sil]", "'SIL' is no phoneme"),
        ("[name|" + "N EY1 " * 150 + "]", "too many for a word"),
    ],
)
def test_wrong_pronunciations_name_what_is_wrong(text, message):
    with pytest.raises(ValueError, match=message):
        phonemize(text)


def test_phonemes_and_ipa_are_the_same_both_ways():
    spoken = PHONEMES[4:]
    assert ipa_to_arpabet("x", arpabet_to_ipa(spoken)) == spoken


def test_a_lexicon_goes_before_all_others(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text(
        "# mine\n;;; too\nTomato  T AH0 M AA1 T OW2\nkm\tK EY1 EH1 M\nzoë Z OW1\nhello(2) HH EY1\n", encoding="utf-8"
    )
    lexicon = read_lexicon(file)
    result = phonemize("Tomato, hello Zoe's [tomato|T AA1]", lexicon=lexicon)
    assert result.words == ["tomato", "hello", "zoe's", "tomato"]
    assert result.pronunciations[0] == ["T", "AH0", "M", "AA1", "T", "OW2"]
    assert result.pronunciations[1] == ["HH", "EY1"]
    assert result.pronunciations[3] == ["T", "AA1"]
    assert phonemize("tomato").pronunciations[0] != result.pronunciations[0]
    assert not phonemize("blorptag", lexicon=Lexicon({"blorptag": ("B", "AO1")})).guessed


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name N EY9 M\n", "line 1: 'EY9' is no phoneme"),
        (b"hello HH AH0 L OW1\nname\n", "line 2: there are no phonemes"),
        (b"two-3 T UW1\n", "line 1: 'two-3' is no single word"),
        (b"bad \xff\n", "not in UTF-8"),
        (b"\n# only notes\n", "has no words"),
        (b"name " + b"N " * 600 + b"\n", "line 1: 1205 characters; at most 1000"),
        (b"\0\0\0 N EY1\n", "no single word"),
        (b"a EY1\n" * 200_001, "has 200002 lines"),
    ],
)
def test_wrong_lexicons_name_the_line(tmp_path, content, message):
    file = tmp_path / "names.txt"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_lexicon(file)


def test_lexicons_that_are_no_files(tmp_path):
    for path in (tmp_path, tmp_path / "missing.txt"):
        with pytest.raises(ValueError, match="there is no lexicon"):
            lexicon_of(path)
    large = tmp_path / "large.txt"
    with large.open("wb") as file:
        file.truncate(9 * 2**20)
    with pytest.raises(ValueError, match="larger than 8 MiB"):
        lexicon_of(large)
    assert len(lexicon_of(None)) == 0


def test_a_lexicon_is_read_again_when_it_changes(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("name N EY1\n")
    assert lexicon_of(file)["name"] == ("N", "EY1")
    file.write_text("name M EY1\n")
    import os

    os.utime(file, ns=(1, 1))
    assert lexicon_of(file)["name"] == ("M", "EY1")


# ---------------------------------------------------------------------------------------------------------------------
# The models of gruut_lang_en, run without gruut


def test_the_tagger_and_the_guesser_read_as_they_were_trained():
    assert trained_english.parts_of_speech(["They", "use", "the", "use"]) == ["PRP", "VBP", "DT", "NN"]
    assert trained_english.parts_of_speech([]) == []
    assert trained_english.guess("blorptag") == ("b", "l", "ˈɔ", "ɹ", "p", "t", "ə", "ɡ")

"""Capitals, codes of letters and digits, and plain words. Each function takes the match of a rule and the script, and gives words."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

from .context import spell
from .lexicon import in_lexicon, own_words
from .numerals import cardinal, digit_by_digit, pairs, plural
from .script import Script, unaccented
from .units import SUBSCRIPTS
from .vocabulary import (
    AFTER_AUXILIARY,
    AUXILIARY_BEFORE,
    LONGEST_INITIALISM,
    MIXED_CASE,
    SPELLED_AFTER_ARTICLE,
    SPELLED_CAPITALS,
    WITHOUT_APOSTROPHE,
    WORDS_WHEN_SHOUTED,
)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# --- capitals and codes ---


def joined(match: re.Match, script: Script) -> str:
    """`R&B`, `M&Ms`."""
    return f"{spell(match[1])} and {spell(match[2])}{chr(39) + 's' if match[3] else ''}"


def graded(match: re.Match, script: Script) -> str | None:
    """`C++`, `C#`, `A+`."""
    sign = {"++": "plus plus", "+": "plus", "#": "sharp", "-": "minus"}[match["sign"]]
    if sign == "minus" and match["letter"] not in "ABCDF":
        return None
    return f"{match['letter']} {sign}"


def mixed_code(match: re.Match, script: Script) -> str:
    """Letters and digits of one token: `MP3`, `f2`, `B747`, `1080p`, `100s`."""
    text = match[0].translate(SUBSCRIPTS)
    if re.fullmatch(r"\d+s", text):
        said = plural(pairs(text[:-1]) if len(text) > 3 else cardinal(int(text[:-1])))
        return said.removeprefix("one ") if int(text[:-1]) in (100, 1000) else said
    if re.fullmatch(r"\d+ers", text):
        said = cardinal(int(text[:-3]))
        return said + ("rs" if said.endswith("e") else "ers")
    parts = re.findall(r"[A-Za-z]+|\d+", text)
    return " ".join(_letters_of_code(part, len(parts)) if part.isalpha() else _digits_of_code(part) for part in parts)


def _letters_of_code(letters: str, count: int) -> str:
    small = letters.lower()
    spelled = (
        len(letters) < 3
        or not re.search("[aeiouy]", small)
        or (letters.isupper() and (letters in SPELLED_CAPITALS or not in_lexicon(small)))
    )
    return spell(letters) if spelled else capitals(letters, False)


def _digits_of_code(digits: str) -> str:
    if digits.startswith("0") and len(digits) > 1:
        return digit_by_digit(digits)
    return (
        pairs(digits)
        if len(digits) in (3, 4)
        else cardinal(int(digits))
        if len(digits) < 3
        else digit_by_digit(digits)
    )


def hyphened_code(match: re.Match, script: Script) -> str:
    """`COVID-19`, `F-16`, `I-95`."""
    letters = match["letters"]
    if match["tail"] == "s":
        return f"{spell(letters)} {plural(_digits_of_code(match['digits']))}"
    said = (
        spell(letters)
        if (len(letters) < 3 and not in_lexicon(letters.lower())) or len(letters) == 1
        else capitals(letters, script.shouted)
    )
    return f"{said} {_digits_of_code(match['digits'])} {match['tail'].upper()}"


def capitals(word: str, shouted: bool, before: str = "") -> str:
    """A word that has several capitals: initialisms are spelled, the others are words in small letters."""
    if word in MIXED_CASE:
        return MIXED_CASE[word]
    small = word.lower()
    stem, mark, ending = word.partition("'")
    if re.fullmatch(r"[A-Z]{2,}s", word) and not shouted:
        stem, ending = word[:-1], "s"
    if stem.isupper() and ending.lower() in ("s", ""):
        if _is_word(stem, shouted, before):
            return stem.lower() + (f"{mark}s" if ending else "")
        return " ".join(stem) + ("'s" if ending else "")
    if in_lexicon(small) or "'" in word or small.startswith(("mc", "mac", "o'")):
        return small
    parts = re.findall(r"[A-Z]+(?![^\W\d_A-Z])|[A-Z]?[^\W\d_A-Z]+", word)
    return " ".join(_camel_part(part) for part in parts) if len(parts) > 1 else small


def _camel_part(part: str) -> str:
    if (part.isupper() and not (len(part) > 3 and in_lexicon(part.lower()))) or len(part) == 1:
        return spell(part)
    return part.lower() if re.search("[aeiouyAEIOUY]", unaccented(part)) else spell(part)


def _is_word(word: str, shouted: bool, before: str) -> bool:
    if shouted:
        if word in SPELLED_CAPITALS and word not in WORDS_WHEN_SHOUTED:
            return False
        return in_lexicon(word.lower()) or len(word) > LONGEST_INITIALISM
    if word in SPELLED_CAPITALS:
        return False
    if word in SPELLED_AFTER_ARTICLE and re.search(r"(?i)\b(?:the|a|an|by|from|of)\s$", before):
        return False
    return in_lexicon(word.lower()) or len(word) > LONGEST_INITIALISM


# --- words ----------------------------------------------------------------------------------------------------------


def fronted(match: re.Match, script: Script) -> str | None:
    """`'em`, `'cause`: a word with its apostrophe, unless a quotation begins."""
    text = match[0].lower()
    return {"'n": "and", "'till": "until", "'til": "until"}.get(text, text)


def word(match: re.Match, script: Script) -> str | None:
    """Everything that is a word: hyphens, capitals, apostrophes left out."""
    text, before, after = match[0], script.before(match), script.text[match.end() :]
    if text.endswith("'") and (before.count("'") % 2 and not re.match(r"\s+\w", after)):
        text = text[:-1]
    if text in MIXED_CASE:
        return MIXED_CASE[text]
    if "-" in text:
        return " ".join(_hyphened(text, script, before))
    return _plain(text, script, before, after)


def _hyphened(text: str, script: Script, before: str) -> list[str]:
    small = text.lower()
    if in_lexicon(small) or unaccented(small) in own_words():
        return [small]
    joined = small.replace("-", "")
    head = small.split("-")[0]
    if head in ("co", "re", "pre", "de", "anti", "semi", "multi", "non", "un") and len(joined) > 4:
        return [small if head not in ("non", "un") else f"{head} {small.partition('-')[2]}"]
    return [_plain(part, script, before if index == 0 else "", "") for index, part in enumerate(text.split("-"))]


def _plain(text: str, script: Script, before: str, after: str) -> str:
    small = text.lower()
    if len(text) == 1:
        return _lone_letter(text, script, before, after)
    if not text.isupper() or script.shouted:
        if small in WITHOUT_APOSTROPHE:
            return WITHOUT_APOSTROPHE[small]
        if small in AUXILIARY_BEFORE and text != "ID" and re.match(rf"\s+(?:{'|'.join(AFTER_AUXILIARY)})\b", after):
            return AUXILIARY_BEFORE[small]
    if sum(c.isupper() for c in text) > 1 or (text[0].islower() and not text.islower()):
        return capitals(text, script.shouted, before)
    if not re.search("[aeiouy]", unaccented(small)) and not in_lexicon(small):
        return spell(text) if len(text) <= LONGEST_INITIALISM else text
    return text


def _lone_letter(text: str, script: Script, before: str, after: str) -> str:
    """A capital is a letter's name; the articles at the beginning of a sentence, "I" and what was shouted are not."""
    if text in ("I", "i") or script.shouted or text.islower():
        return text if text != "A" else "a"
    starts = not before.strip() or re.search(r"[.!?:\n\"'(]\s*$", before)
    article_follows = re.match(r"\s+[^\W\d_A-Z]|\s+[A-Z]\w", after)
    if text == "A" and starts and article_follows and not re.match(r"\s+(?:is|and|or|was|to)\b", after):
        return "a"
    return text

"""What the rules of [`normalization`](normalization.py) say for words, names, addresses and directions."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Sequence

from .lexicon import in_lexicon, own_words
from .normalization_words import (
    ABBREVIATIONS,
    AFTER_AUXILIARY,
    AUXILIARY_BEFORE,
    BEFORE_NUMBERS,
    DIRECTION_WORDS,
    DIRECTIONS,
    DOTTED,
    LONGEST_INITIALISM,
    MIXED_CASE,
    NOT_SPEAKERS,
    NUMBERED,
    RULERS,
    SAINTS,
    SPELLED_AFTER_ARTICLE,
    SPELLED_CAPITALS,
    STATES,
    STREET_WORDS,
    STREETS,
    SUBSCRIPTS,
    TITLES,
    WITHOUT_APOSTROPHE,
    WORDS_WHEN_SHOUTED,
)
from .numerals import cardinal, digit_by_digit, ordinal, pairs, plural, roman
from .phonemes import parse_phonemes
from .script import Script, Token, unaccented


_FUNCTION_WORDS = frozenset(
    [
        "He",
        "She",
        "It",
        "The",
        "They",
        "We",
        "I",
        "You",
        "But",
        "And",
        "This",
        "That",
        "There",
        "Then",
        "When",
        "What",
        "Who",
        "How",
        "Why",
        "If",
        "In",
        "On",
        "At",
        "So",
        "My",
        "His",
        "Her",
        "Our",
        "Their",
        "A",
        "An",
        "Please",
        "No",
        "Yes",
        "Is",
        "Are",
        "Was",
        "Do",
        "Did",
        "Can",
    ]
)


def spell(letters: str) -> str:
    """Letters by their names, digits by theirs."""
    said = [c.upper() if c.isalpha() else digit_by_digit(c) for c in unaccented(letters) if c.isalnum()]
    return " ".join(said)


def _ends_sentence(script: Script, end: int, certain: bool = True) -> bool:
    """Whether a full stop that belongs to an abbreviation ends the sentence too."""
    after = script.text[end:]
    if re.match(r"[\s\"')]*$", after):
        return True
    following = re.match(r"[\"')]*\s+([A-Z][a-z']*)", after)
    return bool(following and certain and following[1] in _FUNCTION_WORDS)


# --- what is not said -----------------------------------------------------------------------------------------------


def dropped(match: re.Match, script: Script) -> str:
    """Left out, and reported."""
    return script.drop(match[0])


def given(match: re.Match, script: Script) -> Sequence[Token]:
    """`[name|N EY1 M]`.

    Raises:
        ValueError: no single word, or wrong phonemes.
    """
    word = " ".join(match[1].split())
    if not re.fullmatch(r"[^\W_](?:[\w'-]*)", word):
        raise ValueError(f"{match[0][:60]!r} must hold one word and its phonemes, like [name|N EY1 M].")
    try:
        return [Token(unaccented(word), parse_phonemes(match[2]))]
    except ValueError as error:
        raise ValueError(f"in {match[0][:60]!r}: {error}") from error


def link(match: re.Match, script: Script) -> Sequence[Token]:
    """The words of a link; its address is left out."""
    script.drop(match[2])
    return script.part(match[1])


def direction(match: re.Match, script: Script) -> str | None:
    """`(laughs)`, `*sighs*`; parentheses that are no stage direction are read."""
    inner = (match[1] or match[2]).strip().lower()
    found = inner.rstrip(".,!").split()
    is_direction = bool(found) and (
        (found[0] in DIRECTION_WORDS and len(found) <= 6)
        or (found[-1] in DIRECTION_WORDS and len(found) <= 3)
        or inner in ("v.o.", "o.s.", "o.c.", "vo", "os", "beat")
    )
    return script.drop(match[0]) if is_direction else None


def speaker(match: re.Match, script: Script) -> str | None:
    """`ANNA: come in`."""
    name = match[1]
    if name.split()[0].rstrip(".") in NOT_SPEAKERS or not any(c.isalpha() for c in name):
        return None
    return script.drop(match[0])


# --- addresses of the net -------------------------------------------------------------------------------------------

_NET_SIGNS = {".": "dot", "/": "slash", "@": "at", "-": "dash", "_": "underscore", "+": "plus", "~": "tilde"}


def _net(text: str) -> str:
    said = []
    for part in re.findall(r"[A-Za-z]+|\d+|[./@_+~-]", text):
        if part in _NET_SIGNS:
            said.append(_NET_SIGNS[part])
        elif part.isdigit():
            said.append(digit_by_digit(part) if len(part) > 4 or part.startswith("0") else cardinal(int(part)))
        else:
            said.append(_net_word(part))
    return " ".join(said)


def _net_word(word: str) -> str:
    """Letters of an address: a word where it can be one."""
    small = word.lower()
    if small in ("com", "org", "net", "edu", "gov", "info", "biz", "dev", "app"):
        return small
    if small in ("www", "io", "ai", "co", "uk", "us", "tv", "me"):
        return "co" if small == "co" else "me" if small == "me" else spell(word)
    if (
        in_lexicon(small)
        and (len(small) > 3 or re.search("[aeiouy]", small))
        and small not in ("pdf", "css", "csv", "ts", "py", "js")
    ):
        return small
    return small if len(small) > 4 and re.search("[aeiouy]", small) else spell(word)


def address(match: re.Match, script: Script) -> str:
    """An email address."""
    return _net(match[0])


def url(match: re.Match, script: Script) -> str:
    """Host and path; the scheme goes without saying, what stands behind `?` or `#` is left out."""
    text = match[0]
    tail = re.search(r"[.,;:!?)'\"\]]+$", text)
    text = text[: tail.start()] if tail else text
    rest = re.search(r"[?#].*", text)
    if rest:
        script.drop(rest[0])
        text = text[: rest.start()]
    text = re.sub(r"^\w+://(?:www\.)?", "", text).rstrip("/")
    odd = "".join(sorted(set(re.findall(r"[^A-Za-z0-9./@_+~-]", text))))
    if odd:
        script.drop(odd)
    mark = tail[0][-1] if tail and tail[0][-1] in ".,;:!?" else ""
    return f"{_net(text)} {mark}"


def domain(match: re.Match, script: Script) -> str | None:
    """`example.org`, `report.pdf`."""
    if re.fullmatch(r"[\d.]+", match[0]):
        return None
    last = match[0].rsplit(".", 1)[-1]
    if last in ("in", "no", "me", "it", "us", "to", "is", "so", "be", "de", "es", "au") and "/" not in match[0]:
        return None  # a full stop without its space
    return _net(match[0])


def handle(match: re.Match, script: Script) -> str:
    """`@nasa`."""
    return f"at {_net(match[1])}"


def hashtag(match: re.Match, script: Script) -> str:
    """`#GoodMorning`."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+", match[1])
    return "hashtag " + " ".join(_net_word(p) if p.isalpha() else pairs(p) for p in parts)


# --- abbreviations with their contexts ------------------------------------------------------------------------------


def doctor_or_drive(match: re.Match, script: Script) -> str | None:
    """`Dr.` and `St.`: before a name doctor and saint, behind one drive and street."""
    before, after = script.before(match), script.text[match.end() :]
    following = re.match(r"\s+([A-Z][a-z']*)", after)
    previous = re.search(r"([A-Z][\w.']*|\d+(?:st|nd|rd|th))\s$", before)
    in_address = re.search(
        r"\d[A-Za-z]?\s+(?:[NSEW]{1,2}\.?\s+)?(?:(?:[A-Z][\w.']*|\d+(?:st|nd|rd|th))\s+){1,3}$", before
    )
    doctor, drive = ("doctor", "drive") if match["word"] == "Dr" else ("saint", "street")
    name_follows = following is not None and following[1] not in _FUNCTION_WORDS - {"Who"}
    if previous and previous[1] in _FUNCTION_WORDS:
        previous = None
    if not match["dot"] and not name_follows and not previous:
        return None
    is_saint = name_follows and (match["word"] == "Dr" or following[1].removesuffix("'s") in SAINTS)
    starts = previous is not None and re.search(r"(?:^|[.!?\"]\s+)$", before[: previous.start()])
    if in_address or (previous and not is_saint and not (starts and name_follows)):
        said = drive
    elif name_follows or match["word"] == "Dr":
        said = doctor
    else:
        said = drive
    stop = match["dot"] and said == drive and _ends_sentence(script, match.end())
    return f"{said} ." if stop else said


def compass(match: re.Match, script: Script) -> str | None:
    """`12 N. Oak St.`: only in an address."""
    if not re.search(r"\d[A-Za-z]?\s$", script.before(match)):
        return None
    if not re.match(
        rf"\s+(?:(?:[A-Z][\w.']*|\d+(?:st|nd|rd|th))\s+){{0,3}}(?:{'|'.join(STREET_WORDS)})\b",
        script.text[match.end() :],
    ):
        return None
    return DIRECTIONS[match["word"]]


def state(match: re.Match, script: Script) -> str | None:
    """`Portland, OR`."""
    if not re.search(r"[A-Z][a-z.]+,\s$", script.before(match)):
        return None
    return STATES.get(match["word"])


def latin(match: re.Match, script: Script) -> str:
    """e.g., i.e., etc., et al."""
    if match["eg"]:
        return "for example"
    if match["ie"]:
        return "that is"
    return "et cetera" if match["etc"] else "et al"


def dotted_letters(match: re.Match, script: Script) -> str:
    """`the U.S.`, `p.m.`, `Ph.D.`: letter by letter."""
    possessive = match[0].endswith("'s")
    text = match[0].removesuffix("'s")
    said = spell(text) + ("'s" if possessive else "")
    return f"{said} ." if text.endswith(".") and _ends_sentence(script, match.end()) else said


def slashed(match: re.Match, script: Script) -> str:
    """`w/o`, `n/a`."""
    known = {"w/o": "without", "w/": "with", "b/c": "because", "c/o": "care of"}
    return known.get(match["word"]) or spell(match["word"])


def abbreviation(match: re.Match, script: Script) -> str | None:
    """Titles before names, streets behind them, words before numbers, and those that need no context."""
    word, dot = match["word"], match["dot"]
    before, after = script.before(match), script.text[match.end() :]
    number_follows = re.match(r"\s?#?\d", after) if dot else re.match(r"\s\d", after)
    said = None
    if (
        word in TITLES
        and re.match(r"\s+[A-Z]", after)
        and (dot or word in ("Mr", "Mrs", "Ms", "Prof", "Mt", "Sgt", "Capt", "Lt"))
    ):
        said = TITLES[word]
    elif (
        word in STREETS
        and re.search(r"(?:[A-Z][\w.']*|\d(?:st|nd|rd|th)?)\s$", before)
        and (dot or word not in ("Pl", "Ct", "Ter", "Av", "Sq"))
    ):
        said = STREETS[word]
    elif (
        word in BEFORE_NUMBERS
        and number_follows
        and (
            dot
            or word
            in (
                "Apt",
                "apt",
                "Ste",
                "Hwy",
                "Rte",
                "Rm",
                "Vol",
                "Fig",
                "Ext",
                "ext",
                "Ep",
                "approx",
                "Bldg",
                "pg",
                "Nr",
                "Lvl",
                "lvl",
            )
        )
    ):
        said = BEFORE_NUMBERS[word]
    elif (
        dot
        and word in DOTTED
        and not (word in ("no", "in", "max", "col", "fig", "ed") and _ends_sentence(script, match.end()))
        and word != "no"
    ):
        said = DOTTED[word]
    elif word in ABBREVIATIONS and (
        dot or not in_lexicon(word.lower()) or word in ("vs", "Jr", "etc", "dept", "mph", "lbs")
    ):
        said = ABBREVIATIONS[word]
    if said is None or (word in ("Sun", "Sat", "Mon", "Wed") and not re.match(r",?\s+\d", after) and not dot):
        return None
    if not dot or (word in TITLES and said == TITLES[word]):
        return said
    return f"{said} ." if _ends_sentence(script, match.end()) else said


# --- capitals, numerals, codes --------------------------------------------------------------------------------------

_WORD_NUMERALS = frozenset(
    [
        "MIX",
        "CD",
        "DC",
        "MD",
        "CV",
        "MC",
        "CC",
        "MM",
        "XL",
        "XXL",
        "LCD",
        "DI",
        "DIM",
        "LID",
        "MILD",
        "VIM",
        "CIVIL",
        "LIVID",
        "MI",
        "ID",
        "DIV",
        "CIV",
        "MV",
        "LV",
        "VI",
        "DL",
        "CL",
        "XI",
        "IV",
        "ML",
        "LL",
        "LC",
        "CM",
        "IL",
        "XX",
        "XXX",
        "DD",
        "DDI",
        "DM",
        "MCI",
    ]
)


def numeral(match: re.Match, script: Script) -> str | None:
    """Numerals of rulers as ordinals, of what is counted as cardinals, others only where they can be nothing else."""
    said = _numeral(match[1], script.before(match), script.text[match.end() :], script.shouted)
    return said and said + (match[2] or "")


def _numeral(letters: str, before: str, after: str, shouted: bool) -> str | None:
    value = roman(letters.upper())
    if value is None:
        return None
    previous = re.search(r"([A-Za-zÀ-ÿ']+)\s$", before)
    name = previous[1] if previous else ""
    if name.lower() == "war" and letters == "I" and re.search(r"\bWorld\s+War\s$", before):
        return "one"
    if name.lower() in NUMBERED and (letters.isupper() or name.lower() in _NUMBERED_IN_SMALL):
        return None if letters in ("I", "i") and name.lower() in _BEFORE_SPEAKER else cardinal(value)
    if not letters.isupper() or (shouted and len(letters) == 1):
        return None
    if re.match(r"(?:th|st|nd|rd)?\s+century\b", after):
        return ordinal(value)
    if (name in RULERS and value <= 30) or (
        len(letters) > 1 and name[:1].isupper() and re.match(r"\sof\s[A-Z]", after)
    ):
        is_numeral = len(letters) > 1 or letters in "VX" or (letters == "I" and _ruler_one(name, before, after))
        return f"the {ordinal(value)}" if is_numeral else None
    if len(letters) == 1:
        return None
    after_name = name[:1].isupper() and name.lower() not in _LOWER_FUNCTION
    if letters in _WORD_NUMERALS:
        return cardinal(value) if letters in ("VI", "XX", "LV") and after_name else None
    return None if len(letters) == 2 and letters not in ("II", "IX", "VI") and not after_name else cardinal(value)


_NUMBERED_IN_SMALL = frozenset({"chapter", "part", "act", "scene", "volume", "section", "book", "page"})
_BEFORE_SPEAKER = frozenset(
    [
        "page",
        "option",
        "plan",
        "play",
        "group",
        "question",
        "mark",
        "zone",
        "case",
        "item",
        "form",
        "war",
        "class",
        "time",
        "grade",
    ]
)
_LOWER_FUNCTION = frozenset(word.lower() for word in _FUNCTION_WORDS)


def _ruler_one(name: str, before: str, after: str) -> bool:
    """Whether the I behind a ruler's name is a numeral rather than the speaker: "Elizabeth I was queen", "William I am"."""
    pronoun_verb = re.match(
        r"\s+(?:am|'m|was|have|had|will|would|think|know|love|want|need|can|could|do|did|don|saw|met|like|see|must|should|hope|said|told)\b",
        after,
    )
    royal = re.search(
        rf"(?i)(?:king|queen|emperor|empress|tsar|czar|pope|pharaoh|sultan|of|by|under)\s{name}\s$", before
    )
    return bool(royal) or not (
        pronoun_verb or (re.match(r"\s+[a-z']+", after) is None and after.strip()[:1].isalpha())
    )


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

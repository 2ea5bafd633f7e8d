"""Abbreviations with their contexts, and Roman numerals. Each function takes the match of a rule and the script, and gives words."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

from .context import FUNCTION_WORDS, ends_sentence, spell
from .lexicon import in_lexicon
from .numerals import cardinal, ordinal, roman, year
from .places import DIRECTIONS, NUMBERED, RULERS, SAINTS, STATES, STREET_WORDS, STREETS, TITLES
from .script import Script
from .vocabulary import ABBREVIATIONS, BEFORE_NUMBERS, DOTTED


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


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
    name_follows = following is not None and following[1] not in FUNCTION_WORDS - {"Who"}
    if previous and previous[1] in FUNCTION_WORDS:
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
    stop = match["dot"] and said == drive and ends_sentence(script, match.end())
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
    return f"{said} ." if text.endswith(".") and ends_sentence(script, match.end()) else said


def slashed(match: re.Match, script: Script) -> str:
    """`w/o`, `n/a`."""
    known = {"w/o": "without", "w/": "with", "b/c": "because", "c/o": "care of"}
    return known.get(match["word"]) or spell(match["word"])


def abbreviation(match: re.Match, script: Script) -> str | None:
    """Titles before names, streets behind them, words before numbers, and those that need no context."""
    word, dot = match["word"], match["dot"]
    before, after = script.before(match), script.text[match.end() :]
    number_follows = re.match(r"\s?#?\d|\s[IVXLC]+\b", after) if dot else re.match(r"\s\d", after)
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
        and not (word in ("no", "in", "max", "col", "fig", "ed") and ends_sentence(script, match.end()))
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
    return f"{said} ." if ends_sentence(script, match.end()) else said


# --- capitals, numerals, codes --------------------------------------------------------------------------------------

_WORD_NUMERALS = frozenset(
    _words(
        "MIX CD DC MD CV MC CC MM XL XXL LCD DI DIM LID MILD VIM CIVIL LIVID MI ID DIV CIV MV LV VI DL CL XI IV ML "
        "LL LC CM IL XX XXX DD DDI DM MCI"
    )
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
    if 1000 <= value < 2100:
        return year(value)
    return None if len(letters) == 2 and letters not in ("II", "IX", "VI") and not after_name else cardinal(value)


_NUMBERED_IN_SMALL = frozenset({"chapter", "part", "act", "scene", "volume", "section", "book", "page"})
_BEFORE_SPEAKER = frozenset(
    _words("page option plan play group question mark zone case item form war class time grade")
)
_LOWER_FUNCTION = frozenset(word.lower() for word in FUNCTION_WORDS)


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

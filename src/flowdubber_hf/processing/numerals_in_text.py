"""What the rules of [`normalization`](normalization.py) say for numbers: each takes a match and the script, gives words."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

from .normalization_words import (
    CURRENCIES,
    EMERGENCY_BEFORE,
    MAGNITUDES,
    MONTH_NAMES,
    MONTHS,
    PAIRED,
    PERIODS,
    STATES,
    STREET_WORDS,
    SUPERSCRIPTS,
    UNITS,
    UNITS_ONLY_APART,
    UNITS_ONLY_CLOSE,
    VULGAR,
    WEEKDAYS,
)
from .numerals import cardinal, decimal, digit_by_digit, fraction, ordinal, pairs, plural, year
from .script import Script


# Words behind a quantity that are not the noun whose size it is.
_BEHIND_QUANTITIES = frozenset(
    [
        "for",
        "in",
        "to",
        "of",
        "on",
        "and",
        "or",
        "at",
        "from",
        "per",
        "is",
        "a",
        "ago",
        "away",
        "apart",
        "later",
        "long",
        "wide",
        "tall",
        "high",
        "deep",
        "thick",
        "further",
        "farther",
        "east",
        "west",
        "north",
        "south",
        "down",
        "up",
        "above",
        "below",
        "before",
        "after",
        "off",
        "behind",
        "than",
        "with",
        "by",
        "into",
        "across",
        "as",
        "were",
        "are",
        "was",
        "when",
        "if",
        "that",
        "every",
        "each",
        "less",
        "more",
        "shorter",
        "longer",
        "old",
        "the",
        "an",
    ]
)
_LENGTHS = frozenset({"m", "km", "ft", "mm", "cm", "mi", "yd"})
_SIGNS = {"-": "minus ", "−": "minus ", "+": "plus ", "±": "plus or minus ", "~": "about ", "≈": "about "}
_ONE = ("1", "-1", "½", "¼", "¾", "⅓", "⅔")


def integer(digits: str) -> int:
    """A whole number with or without marks between the thousands."""
    return int(re.sub(r"\D", "", digits))


def whole(digits: str) -> str:
    """Digits as a number; led by zeros one by one."""
    digits = re.sub(r"[^\d]", "", digits)
    return digit_by_digit(digits) if len(digits) > 1 and digits.startswith("0") else cardinal(int(digits))


def quantity(text: str) -> tuple[str, bool]:
    """A number of any kind in words, and whether its unit stands in the singular."""
    text = text.strip()
    sign = _SIGNS.get(text[0], "")
    text = text[1:].strip() if sign else text
    mixed = re.fullmatch(r"([\d,]*?)(?:\.(\d+))?\s?([^\d\s,./])", text)
    if mixed and mixed[3] in VULGAR:
        part = VULGAR[mixed[3]]
        if not mixed[1]:
            return sign + fraction(*part), True
        return f"{sign}{whole(mixed[1])} and {_half_of(*part)}", False
    slashed = re.fullmatch(r"(?:([\d,]+) )?(\d+)/(\d+)", text)
    if slashed:
        above, below = int(slashed[2]), int(slashed[3])
        if not 0 < above < below:
            return f"{sign}{(slashed[1] and whole(slashed[1])) or ''} {cardinal(above)} over {cardinal(below)}", False
        before = f"{whole(slashed[1])} and " if slashed[1] else ""
        return sign + before + fraction(above, below), not before
    head, point, tail = text.partition(".")
    if point:
        return sign + decimal(head.replace(",", ""), tail), False
    return sign + whole(head), integer(head) == 1


def _half_of(above: int, below: int) -> str:
    """Behind "and": "a half", "three quarters"."""
    words = fraction(above, below)
    return words.replace("one ", "a ", 1) if above == 1 else words


def amount(text: str) -> tuple[str, bool]:
    """A number or two of them ("5-10"), in words, and whether the unit stands in the singular."""
    parts = re.split(r"(?<=[\d\u00bc-\u00be\u2150-\u215e])(?:\s?[-–]\s?|\sto\s)", text)
    said = [quantity(part) for part in parts]
    return " to ".join(words for words, _ in said), said[-1][1] and len(said) == 1


def _adjective(match: re.Match, script: Script, hyphened: bool = False) -> bool:
    """Whether a quantity stands before its noun: "a ten kilometer run"."""
    article = re.search(
        r"(?i)\b(?:an?|this|that|each|every|another|one|my|your|his|her|our|their)\s$", script.before(match)
    )
    after = re.match(r"[ -]([a-z]+)", script.text[match.end() :])
    return bool(after and after[1] not in _BEHIND_QUANTITIES and (article or hyphened))


def with_unit(text: str, unit: tuple[str, str], singular: bool = False) -> str:
    """An amount and its unit, in the plural where it is not one."""
    words, one = amount(text)
    return f"{words} {unit[0] if one or singular else unit[1]}"


def _per(match: re.Match) -> str:
    per = match["per"]
    if not per:
        return ""
    name = PERIODS[per]
    return " each" if name == "each" else f" {'an' if name == 'hour' else 'a'} {name}"


# --- quantities -----------------------------------------------------------------------------------------------------


def unit(match: re.Match, script: Script) -> str | None:
    """`10 km`; a unit that is a word or letter too must stand as units do."""
    name, gap = match["unit"], match["gap"]
    if (name in UNITS_ONLY_CLOSE and gap) or (name in UNITS_ONLY_APART and not gap):
        return None
    if (
        name == "m"
        and match["amount"].isdigit()
        and gap
        and re.search(r"(?i)\b(?:in|at|by|with)\s$", script.before(match))
    ):
        return None  # a letter: "in 5 m"
    if name in ("mo", "h", "t", "g", "s", "l", "in") and gap == " " and re.match(r"['-]", script.text[match.end() :]):
        return None
    singular = _adjective(match, script, hyphened=gap.strip() == "-" or (not gap and name in _LENGTHS))
    sign = _SIGNS.get((match.groupdict().get("sign") or " ")[0], "")
    per = _per(match) if "per" in match.re.groupindex else ""
    names = UNITS.get(name) or ("inch", "inches")
    return sign + with_unit(match["amount"], names, singular) + per


def percent(match: re.Match, script: Script) -> str:
    """`12.5%`."""
    words, _ = amount(match["amount"])
    return f"{_sign(match)}{words} {'percent' if match['unit'] == '%' else 'per mille'}"


def _sign(match: re.Match) -> str:
    return _SIGNS.get((match["sign"] or " ")[0], "")


def signed(match: re.Match, script: Script) -> str:
    """A number with or without a sign."""
    return _sign(match) + quantity(match["amount"])[0]


def mixed(match: re.Match, script: Script) -> str:
    """`2½`."""
    return _sign(match) + quantity(match["whole"] + match["vulgar"])[0]


def slash_fraction(match: re.Match, script: Script) -> str:
    """`2/3`, `1 1/2`; no proper fraction is read as a division."""
    above, below = int(match["above"]), int(match["below"])
    before = f"{whole(match['whole'])} " if match["whole"] else ""
    if not 0 < above < below:
        return f"{before}{cardinal(above)} over {cardinal(below)}"
    if below > 100:
        return f"{before}{cardinal(above)} out of {cardinal(below)}"
    return f"{before}{'and ' if before else ''}{fraction(above, below)}"


def feet(match: re.Match, script: Script) -> str | None:
    """`6'2"`."""
    if match[1] is None or _closes_quote(script, match):
        return None
    inches, one = quantity(match[2])
    return f"{cardinal(int(match[1]))} {'foot' if match[1] == '1' else 'feet'} {inches} {'inch' if one else 'inches'}"


def _closes_quote(script: Script, match: re.Match) -> bool:
    return match[0].endswith('"') and script.text.count('"', 0, match.start()) % 2 == 1


def inches(match: re.Match, script: Script) -> str | None:
    """`27"`, where the sign does not close a quotation."""
    if _closes_quote(script, match):
        return None
    return with_unit(match["amount"], ("inch", "inches"), _adjective(match, script))


def angle(match: re.Match, script: Script) -> str:
    """Degrees, minutes and seconds of a place."""
    parts = [with_unit(match[1], ("degree", "degrees")), with_unit(match[2], ("minute", "minutes"))]
    parts += [with_unit(match[3], ("second", "seconds"))] if match[3] else []
    parts += [{"N": "north", "S": "south", "E": "east", "W": "west"}[match[4]]] if match[4] else []
    return " ".join(parts)


def scientific(match: re.Match, script: Script) -> str:
    """`1.5e-3`."""
    return f"{quantity(match['a'])[0]} times ten to the {'minus ' if match['sign'] == '-' else ''}{cardinal(int(match['b']))}"


def power(match: re.Match, script: Script) -> str:
    """Raised digits, `x^2`."""
    digits = "".join(SUPERSCRIPTS[c] for c in match["up"]) if match["up"] else match["down"]
    if digits in ("2", "3"):
        return {"2": "squared", "3": "cubed"}[digits]
    sign = _SIGNS.get(digits[0], "")
    number = digits.lstrip("+-")
    return f"to the power of {sign}{cardinal(int(number))}" if number else sign


def dimension(match: re.Match, script: Script) -> str:
    """`1920x1080`."""
    number = match["one"]
    paired = number.isdigit() and len(number) in (3, 4)
    return f"{pairs(number) if paired else quantity(number)[0]} by"


def arithmetic(match: re.Match, script: Script) -> str | None:
    """Signs between numbers or letters."""
    sign, before = match["sign"], script.before(match)
    spaced = before.endswith(" ") and bool(match["gap"])
    if (sign == "-" and not spaced) or (sign == "/" and not before[-1:].isdigit()):
        return None
    if not re.search(r"(?:\d|\b[A-Za-z]|\))$", before.rstrip()):
        return None
    return {"*": "times", "/": "over", "<": "is less than", ">": "is greater than", "−": "minus", "-": "minus"}[sign]


def number_range(match: re.Match, script: Script) -> str:
    """`5-10`."""
    if match["one"].isdigit() and len(match["one"]) == 4 and len(match["two"]) == 4:
        return f"{year(int(match['one']))} to {year(int(match['two']))}"
    return f"{quantity(match['one'])[0]} to {quantity(match['two'])[0]}"


# --- money ----------------------------------------------------------------------------------------------------------


def money(match: re.Match, script: Script) -> str:
    """An amount in a currency, with its hundredths, magnitude, range and period."""
    code = match["code"]
    names = CURRENCIES[code]
    groups = match.groupdict()
    text = match["amount"]
    if match.start("amount") < match.start("code") and re.search(r",\d\d?$", text):
        text = text.replace(",", ".")  # 5,50 €
    sign = _sign(match) if groups.get("sign") else ""
    upper = groups.get("upper")
    if upper:
        magnitude = groups.get("magnitude2") or groups.get("magnitude")
        words = f"{_money_words(text, groups.get('magnitude') if groups.get('magnitude2') else None)} to {_money_words(upper, magnitude)} {names[1]}"
    elif groups.get("magnitude"):
        words = f"{_money_words(text, groups['magnitude'])} {names[0 if _adjective(match, script) else 1]}"
    else:
        words = _dollars_and_cents(text, names, _adjective(match, script))
    return f"{sign}{words}{_per(match)}"


def _money_words(text: str, magnitude: str | None) -> str:
    word = MAGNITUDES.get(magnitude.lower(), magnitude.lower()) if magnitude else ""
    return f"{quantity(text)[0]} {word}".strip()


def _dollars_and_cents(text: str, names: tuple[str, str, str, str], adjective: bool) -> str:
    one, several, part, parts = names
    head, _, tail = text.partition(".")
    amount_in_units = integer(head) if head else 0
    if len(tail) > 2 or (tail and not part):
        return f"{quantity(text)[0]} {several}"
    cents = int(tail.ljust(2, "0")) if tail else 0
    said = []
    if amount_in_units or not cents:
        said.append(
            f"{cardinal(amount_in_units)} {one if amount_in_units == 1 or (adjective and not cents) else several}"
        )
    if cents:
        said.append(f"{cardinal(cents)} {part if cents == 1 or (adjective and not said) else parts}")
    return " and ".join(said)


def magnitude(match: re.Match, script: Script) -> str:
    """`5M users`."""
    return _money_words(match["amount"], match["magnitude"])


# --- dates ----------------------------------------------------------------------------------------------------------


def _date_words(month: int, day: int, of_year: str | None) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    number = int(of_year) if of_year else 0
    if of_year and len(of_year) == 2:
        number += 2000 if number < 50 else 1900
    return f"{MONTHS[month - 1]} {ordinal(day)} {year(number) if of_year else ''}".lower()


def date(match: re.Match, script: Script) -> str | None:
    """`2023-12-25`."""
    return _date_words(int(match["month"]), int(match["day"]), match["year"])


def numeric_date(match: re.Match, script: Script) -> str | None:
    """`25.12.2023`, `12/25/2023`: where both orders are possible, the day leads with full stops, else the month."""
    one, two, mark = int(match["one"]), int(match["two"]), match["mark"]
    if len(match["year"]) == 2 and mark != "/":
        return None
    day_first = mark == "." or one > 12
    if day_first and two > 12:
        day_first = False
    return _date_words(two, one, match["year"]) if day_first else _date_words(one, two, match["year"])


_DATE_BEFORE = re.compile(
    r"(?i)\b(?:on|by|until|till|before|after|since|dated|date:?|from|due|through|mon|tue|wed|thu|fri|sat|sun|\w+day),?\s$"
)


def short_date(match: re.Match, script: Script) -> str | None:
    """`12/25` behind "on" and its like; elsewhere it may be a fraction."""
    if not _DATE_BEFORE.search(script.before(match)) or match[0] in ("1/2", "1/4", "3/4"):
        return None
    return _date_words(int(match["month"]), int(match["day"]), None)


def _month_name(text: str) -> str:
    return MONTH_NAMES.get(text) or MONTH_NAMES[text.capitalize()]


def month_day(match: re.Match, script: Script) -> str | None:
    """`July 4, 1776`; "May" and a number, and what goes on as a quantity, are left alone."""
    after = script.text[match.end() :]
    if match["month"] == "May" and re.match(r"\s[a-z]+s\b", after):
        return None
    said = f"{_month_name(match['month'])} {ordinal(int(match['day']))}"
    if match["last"]:
        said += f" to {ordinal(int(match['last']))}"
    if match["year"]:
        return f"{said} {year(int(match['year']))}"
    return f"{said} {match['comma']}"


def day_month(match: re.Match, script: Script) -> str | None:
    """`4 July`, `the 25th of December 2023`."""
    if (
        match["month"] == "May"
        and not match["suffix"]
        and not match["year"]
        and re.match(r"\s[a-z]", script.text[match.end() :])
    ):
        return None
    article = "" if re.search(r"(?i)\b(?:the|every|each|this|a)\s$", script.before(match)) else "the "
    if match["suffix"] and match["of"]:
        article = ""
    when = f" {year(int(match['year']))}" if match["year"] else ""
    return f"{article}{ordinal(int(match['day']))} of {_month_name(match['month'])}{when}"


def weekdays(match: re.Match, script: Script) -> str:
    """`Mon-Fri`, `Tue, 5 pm`."""
    if not match["two"]:
        return WEEKDAYS[match["one"]]
    return f"{WEEKDAYS[match['one']]} {'or' if '/' in match['mark'] else 'to'} {WEEKDAYS[match['two']]}"


def year_or_number(match: re.Match, script: Script) -> str | None:
    """Four digits: a year, unless what follows is counted."""
    number, rest = int(match[1]), match["rest"]
    if rest:
        upper = int(match[3])
        return f"{year(number)} to {year(upper)}" if len(match[3]) == 4 else f"{year(number)} to {cardinal(upper)}"
    counted = re.match(
        r"\s(?!(?:was|has|is|its|his|this|as|across|news|series|always|sees|needs|gets|goes|plus|minus|times|less|versus)\b)(?:[a-z]+s|[a-z]*men|people|children)\b",
        script.text[match.end() :],
    )
    in_time = re.search(
        r"(?i)\b(?:in|since|by|until|till|from|of|year|circa|around|before|after|early|late|mid|spring|summer|autumn|fall|winter|between|during)[\s-]$",
        script.before(match),
    )
    if counted and not in_time and number % 100:
        return cardinal(number)
    return year(number)


def short_year(match: re.Match, script: Script) -> str:
    """`'69`, `'05`."""
    return f"oh {whole(match[1][1])}" if match[1].startswith("0") else cardinal(int(match[1]))


def decade(match: re.Match, script: Script) -> str | None:
    """`1990s`, `'80s`, `20s`, `100s`."""
    number = int(match[2])
    said = plural(year(number) if len(match[2]) == 4 else cardinal(number))
    return said.removeprefix("one ") if number in (100, 1000) else said


# --- times ----------------------------------------------------------------------------------------------------------


def _minutes(digits: str) -> str:
    if digits == "00" or not digits:
        return ""
    return f"oh {cardinal(int(digits))}" if digits[0] == "0" else cardinal(int(digits))


def clock(match: re.Match, script: Script) -> str | None:
    """`10:05`, `4 pm`, `16:30`."""
    hour, minutes, half = int(match["h"]), match["m"], match["half"]
    if half:
        hour = hour - 12 if hour > 12 else hour or 12
        return f"{cardinal(hour)} {_minutes(minutes)} {' '.join(c for c in half.upper() if c.isalpha())}"
    if not minutes:
        return None
    if re.match(r"\s?:\s?\d", script.text[match.end() :]):
        return None
    if minutes == "00":
        if hour in (0, 24):
            return "midnight"
        if re.match(r"\s?o'?clock\b", script.text[match.end() :]):
            return cardinal(hour)
        return f"{cardinal(hour)} {'hundred' if hour > 12 else _oclock(script, match)}"
    return f"{cardinal(hour or 12)} {_minutes(minutes)}"


def _oclock(script: Script, match: re.Match) -> str:
    """Not where the other end of a span of time follows or has gone before."""
    near = re.match(r"\s?(?:[-–]|to\b|in the\b)", script.text[match.end() :]) or re.search(
        r"\d\s?(?:[-–]|to)\s?$", script.before(match)
    )
    return "" if near else "o'clock"


def duration(match: re.Match, script: Script) -> str:
    """`3:05:10` as hours, minutes and seconds."""
    parts = [with_unit(str(int(match["h"])), ("hour", "hours"))] if int(match["h"]) else []
    parts += [with_unit(str(int(match["m"])), ("minute", "minutes"))] if int(match["m"]) else []
    seconds = f"{int(match['s'])}.{match['f']}" if match["f"] else str(int(match["s"]))
    parts += [with_unit(seconds, ("second", "seconds"))] if float(seconds) or not parts else []
    return f"{' '.join(parts[:-1])} and {parts[-1]}" if parts[1:] else parts[0]


def known_pair(match: re.Match, script: Script) -> str:
    """`24/7` and other pairs that are names."""
    return " ".join(cardinal(int(part)) if part.isdigit() else "by" for part in re.findall(r"\d+|x", match[0]))


# --- numbers that are names -----------------------------------------------------------------------------------------


def telephone(match: re.Match, script: Script) -> str | None:
    """Groups of digits, a short pause between them; letters as words."""
    text = match[0]
    if re.fullmatch(r"\d{3}-\d{4}", text) and re.search(r"(?i)\bpages?\s$", script.before(match)):
        return None
    groups = []
    for group in re.findall(r"\d+|[A-Z]+", text):
        if group.isalpha():
            groups.append(group.lower())
        elif re.fullmatch(r"8\d\d|900", group) and group[1:] in ("00",) and not text.startswith("+4"):
            groups.append(f"{cardinal(int(group[0]))} hundred")
        else:
            groups.append(digit_by_digit(group))
    return ("plus " if text.startswith("+") else "") + " , ".join(groups)


def emergency(match: re.Match, script: Script) -> str | None:
    """Three digits that are dialled."""
    before = script.before(match).lower().split()[-2:]
    if not before or (before[-1] not in EMERGENCY_BEFORE and not (before[-1:] == ["the"] and match[1] == "911")):
        return None
    return digit_by_digit(match[1])


def version(match: re.Match, script: Script) -> str:
    """`2.0.1`, `v3`; four parts below 256 are an address of the net."""
    parts = (match["one"] or match["two"]).split(".")
    if not match["v"] and len(parts) == 4 and all(int(part) < 256 for part in parts):
        return " dot ".join(pairs(part) for part in parts)
    return ("version " if match["v"] else "") + " point ".join(whole(part) for part in parts)


def zip_code(match: re.Match, script: Script) -> str | None:
    """Five digits behind a state, or where "zip" is said."""
    before, after = script.before(match), script.text[match.end() :]
    names = [name for name in STATES.values() if name != "D C"]
    at_state = re.search(rf"(?:\b(?:{'|'.join(STATES)}|D\.C\.)|\b(?:{'|'.join(names)}))\.?,?\s$", before)
    said_so = re.search(r"(?i)\b(?:zip|zip code|postcode|postal code)(?: is)?:?\s$", before) or re.match(
        r"(?i)\s?\(?\s?zip", after
    )
    if not at_state and not said_so:
        return None
    return digit_by_digit(match[1]) + (f" , {digit_by_digit(match[2])}" if match[2] else "")


_HOUSE = re.compile(
    r"\s+(?:[NSEW]{{1,2}}\.?\s+)?(?:(?:[A-Z][\w.']*|\d+(?:st|nd|rd|th))\s+){{1,3}}?(?:{})\b".format(
        "|".join(STREET_WORDS)
    )
)


def house(match: re.Match, script: Script) -> str | None:
    """The number of a house, before its street."""
    if not _HOUSE.match(script.text[match.end() :]):
        return None
    return f"{pairs(match['number'])} {match['letter'].upper()}"


def paired(match: re.Match, script: Script) -> str | None:
    """The number of a room, a road, a flight."""
    before = re.search(r"([A-Za-z-]+)\.?\s#?$", script.before(match))
    if before is None or before[1].lower() not in PAIRED:
        return None
    return f"{pairs(match[1])} {match[2].upper()}"

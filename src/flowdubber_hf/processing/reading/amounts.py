"""Quantities and money of a script. Each function takes the match of a rule and the script, and gives words."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

from .numerals import cardinal, decimal, digit_by_digit, fraction, pairs, year
from .script import Script
from .units import CURRENCIES, MAGNITUDES, PERIODS, SUPERSCRIPTS, UNITS, UNITS_ONLY_APART, UNITS_ONLY_CLOSE, VULGAR


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Words behind a quantity that are not the noun whose size it is.
_BEHIND_QUANTITIES = frozenset(
    _words(
        "for in to of on and or at from per is a ago away apart later long wide tall high deep thick further "
        "farther east west north south down up above below before after off behind than with by into across as were "
        "are was when if that every each less more shorter longer old the an"
    )
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
    mixed_hyphen = re.fullmatch(r"(\d+)\s?-\s?(\d+/\d+)", text)
    if mixed_hyphen and not quantity(mixed_hyphen[2])[0].count("over"):
        return quantity(f"{mixed_hyphen[1]} {mixed_hyphen[2]}")
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
    if name == "m" and re.search(r"\d\s?(?:h|hrs?|hours?)\s$", script.before(match)):
        name = "min"
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
    before = f"{whole(match['whole'])} " if match["whole"] else ""  # "3-1/2" too
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


def size(match: re.Match, script: Script) -> str | None:
    """The x between two lengths."""
    return (
        "by"
        if re.search(r"\d\s?(?:in|ft|mm|cm|m|km|yd|mi|px|inches|feet|meters)\.?\s$|\d['\"]\s$", script.before(match))
        else None
    )


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

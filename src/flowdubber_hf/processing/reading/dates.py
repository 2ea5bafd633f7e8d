"""Dates and times of a script. Each function takes the match of a rule and the script, and gives words."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

from .amounts import whole, with_unit
from .numerals import cardinal, ordinal, plural, year
from .places import MONTH_NAMES, MONTHS, WEEKDAYS
from .script import Script


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

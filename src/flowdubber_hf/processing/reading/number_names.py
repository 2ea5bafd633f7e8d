"""Numbers that are names: telephones, versions, houses, rooms. Each function takes the match of a rule and the script, and gives words."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

from .amounts import whole
from .numerals import cardinal, digit_by_digit, pairs
from .places import EMERGENCY_BEFORE, PAIRED, STATES, STREET_WORDS
from .script import Script


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


def hyphened_digits(match: re.Match, script: Script) -> str:
    """`9-1-1`, `1-2-3`: one number after the other."""
    return " , ".join(whole(part) for part in match[0].split("-"))


def emergency(match: re.Match, script: Script) -> str | None:
    """Three digits that are dialled."""
    before = script.before(match).lower().split()[-2:]
    if not before or (before[-1] not in EMERGENCY_BEFORE and not (before[-1:] == ["the"] and match[1] == "911")):
        return None
    return digit_by_digit(match[1])


def version(match: re.Match, script: Script) -> str | None:
    """`2.0.1`, `v3`; four parts below 256 are an address of the net. A lone v and digit may be a letter: "at v2"."""
    parts = (match["one"] or match["two"]).split(".")
    if match["v"] and len(parts) == 1 and re.search(r"(?i)\b(?:at|by|in|with)\s$", script.before(match)):
        return None
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

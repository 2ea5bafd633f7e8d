"""Numbers as they are said: "one hundred and one", "nineteen oh five", "twenty first", and Roman numerals."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re


DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SMALL = (
    *DIGITS, "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_GROUPS = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion")
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip

MAX_CARDINAL = 10 ** (3 * len(_GROUPS)) - 1
_ROMAN = re.compile(r"M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}


def _below_thousand(number: int) -> str:
    hundreds, rest = divmod(number, 100)
    words = [f"{_SMALL[hundreds]} hundred"] if hundreds else []
    if rest:
        words += ["and"] if hundreds else []
        words.append(_SMALL[rest] if rest < 20 else f"{_TENS[rest // 10]} {_SMALL[rest % 10] if rest % 10 else ''}")
    return " ".join(words).strip()


def cardinal(number: int) -> str:
    """A whole number in words, "and" before what follows the hundreds; digit by digit above `MAX_CARDINAL`."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number < 20:
        return _SMALL[number]
    if number > MAX_CARDINAL:
        return digit_by_digit(str(number))
    groups: list[int] = []
    rest = number
    while rest:
        rest, group = divmod(rest, 1000)
        groups.append(group)
    words = [
        f"{_below_thousand(group)} {_GROUPS[index]}".strip() for index, group in enumerate(groups) if index and group
    ][::-1]
    if groups[0]:
        words += ["and"] if words and groups[0] < 100 else []
        words.append(_below_thousand(groups[0]))
    return " ".join(words)


def ordinal(number: int) -> str:
    """The number's place in a row: "twenty first"."""
    *before, last = cardinal(number).split()
    last = _ORDINALS[last] if last in _ORDINALS else f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join([*before, last])


def digit_by_digit(digits: str) -> str:
    """Each digit by its name; what is no digit is passed over."""
    return " ".join(DIGITS[int(digit)] for digit in digits if digit.isdigit())


def pairs(digits: str) -> str:
    """Rooms, houses, flights, models: "one oh one", "twelve hundred", "fifteen fifty five", "seven forty seven"."""
    if digits.startswith("0") or len(digits) > 4:
        return digit_by_digit(digits)
    if len(digits) < 3:
        return cardinal(int(digits))
    head, tail = digits[:-2], digits[-2:]
    if tail == "00":
        return cardinal(int(digits)) if head.endswith("0") else f"{cardinal(int(head))} hundred"
    return f"{cardinal(int(head))} {f'oh {DIGITS[int(tail[1])]}' if tail[0] == '0' else cardinal(int(tail))}"


def year(number: int) -> str:
    """A year: "nineteen oh five", "two thousand and five", "twenty ten"."""
    if 1000 <= number <= 9999 and number % 1000 >= 10:
        return pairs(str(number))
    return cardinal(number)


def decimal(whole: str, fraction: str) -> str:
    """`12.05` as "twelve point zero five"; without a whole part "point five"."""
    start = f"{cardinal(int(whole))} " if whole else ""
    return f"{start}point {digit_by_digit(fraction)}"


def plural(words: str) -> str:
    """The plural of the last word of a number: "nineties", "thousands", "thirds"."""
    if words.endswith(("ss", "x", "ch", "sh")):
        return words + "es"
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def fraction(above: int, below: int) -> str:
    """A proper fraction: "three quarters", "one half", "five twelfths"."""
    name = {2: "half", 4: "quarter"}.get(below) or ordinal(below)
    if above != 1:
        name = "halves" if below == 2 else plural(name)
    return f"{cardinal(above)} {name}"


def roman(numeral: str) -> int | None:
    """The value of a well-formed Roman numeral in capitals, `None` for anything else."""
    if not numeral or not _ROMAN.fullmatch(numeral):
        return None
    values = [_ROMAN_VALUES[letter] for letter in numeral]
    return sum(-value if value < after else value for value, after in zip(values, [*values[1:], 0], strict=True))

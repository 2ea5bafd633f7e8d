"""What several rules ask of the text around a match, and letters by their names."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

from .numerals import digit_by_digit
from .script import Script, unaccented


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FUNCTION_WORDS = frozenset(
    _words(
        "He She It The They We I You But And This That There Then When What Who How Why If In On At So My His Her "
        "Our Their A An Please No Yes Is Are Was Do Did Can"
    )
)


def spell(letters: str) -> str:
    """Letters by their names, digits by theirs."""
    said = [c.upper() if c.isalpha() else digit_by_digit(c) for c in unaccented(letters) if c.isalnum()]
    return " ".join(said)


def ends_sentence(script: Script, end: int, certain: bool = True) -> bool:
    """Whether a full stop that belongs to an abbreviation ends the sentence too."""
    after = script.text[end:]
    if re.match(r"[\s\"')]*$", after):
        return True
    following = re.match(r"[\"')]*\s+([A-Z][a-z']*)", after)
    return bool(following and certain and following[1] in FUNCTION_WORDS)

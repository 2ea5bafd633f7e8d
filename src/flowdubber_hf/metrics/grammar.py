"""Whether a script is a sentence that a closed grammar can say."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

from .functional import GRID_GRAMMAR, LETTER_Z, normalize_words


def _slots(grammar: str) -> list[set[str]]:
    """The words of each slot of a grammar of one sentence of slots, as words are compared."""
    rules = dict(re.findall(r"<(\w+)>\s*=\s*([^;]+);", grammar))
    order = re.findall(r"<(\w+)>", rules.pop("sentence"))
    return [{LETTER_Z.get(word.strip(), word.strip()) for word in rules[name].split("|")} for name in order]


_GRID_SLOTS = _slots(GRID_GRAMMAR)


def is_grid_sentence(text: str) -> bool:
    """Whether a text is one of the sentences of the GRID corpus ("bin blue at f two now")."""
    words = normalize_words(text)
    return len(words) == len(_GRID_SLOTS) and all(word in slot for word, slot in zip(words, _GRID_SLOTS, strict=True))


def grammar_for(text: str) -> str | None:
    """GRID's grammar for its own sentences, `None` (any English) for others."""
    return GRID_GRAMMAR if is_grid_sentence(text) else None

# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Whether a script is a sentence that a closed grammar can say."""

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

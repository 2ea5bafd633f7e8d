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
"""The best of several takes of a dub, chosen by what a user has too: the reference voice and the script."""

from collections.abc import Callable, Sequence

import numpy as np

from ..extras import absent, pip_line
from ..metrics import functional
from ..metrics.grammar import grammar_for
from .scorers import EXTRA
from .settings import check_takes


WORD_PACKAGES = ("pocketsphinx", "jiwer")
PACKAGES = ("resemblyzer", *WORD_PACKAGES)


def require_selection(count: int) -> None:
    """Refuses a choice that could not be made, before any take is.

    Raises:
        ValueError: no such number of takes.
        ImportError: what tells voices and words apart is not installed.
    """
    check_takes(count)
    missing = absent(PACKAGES)
    if count > 1 and missing:
        raise ImportError(f"--best-of {count} needs {', '.join(missing)}: {pip_line(EXTRA, missing)}")


def choose_take(similarities: Sequence[float], count_wrong_words: Callable[[int], int]) -> int:
    """Which take to keep: of the more similar half (rounded up) the one with the fewest wrong words, ties by similarity.

    Args:
        similarities: of each take to the reference voice, higher is better; equal ones count in their order.
        count_wrong_words: wrong words of the take at an index; asked only where it matters.

    Returns:
        Index of the take.

    Raises:
        ValueError: no take.
    """
    if not similarities:
        raise ValueError("there is no take to choose from.")
    order = sorted(range(len(similarities)), key=lambda index: (-similarities[index], index))
    kept = order[: (len(order) + 1) // 2]
    if len(kept) == 1:
        return kept[0]
    return min(kept, key=lambda index: (count_wrong_words(index), order.index(index)))


def choose_sound(
    sounds: Sequence[np.ndarray],
    reference: np.ndarray,
    text: str,
    similarity: Callable[[np.ndarray, np.ndarray], float] | None = None,
) -> tuple[int, list[dict[str, float | int | None]]]:
    """The take that [`choose_take`] keeps: similarity by GE2E, words by PocketSphinx.

    Args:
        sounds: takes of the same text, `(samples,)` at 16 kHz.
        reference: `(samples,)` at 16 kHz, the voice they should have.
        text: what they should say.
        similarity (*optional*): of a take and the reference, in place of resemblyzer's, which is then not needed.

    Returns:
        Index of the take, and `similarity` and `wrong_words` of each, the latter `None` where they did not matter.

    Raises:
        ValueError: no take, or a silent one.
    """
    measure = functional.speaker_similarity if similarity is None else similarity
    similarities = [measure(sound, reference) for sound in sounds]
    wrong: dict[int, int] = {}

    def count_wrong_words(index: int) -> int:
        if index not in wrong:
            heard = " ".join(functional.recognize_words(sounds[index], grammar_for(text)))
            wrong[index] = functional.word_errors(text, heard).errors
        return wrong[index]

    chosen = choose_take(similarities, count_wrong_words)
    takes = [
        {"similarity": round(value, 6), "wrong_words": wrong.get(index)} for index, value in enumerate(similarities)
    ]
    return chosen, takes

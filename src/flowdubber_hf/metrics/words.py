"""Wrong words: how many of a script were not heard as they are written."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from .checks import require


DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LETTER_Z = {"zed": "z", "zee": "z"}

Normalization = Literal["package", "field"]
Average = Literal["corpus", "clips"]


def normalize_words(text: str) -> list[str]:
    """Words as this package compares them: lower case, no punctuation but apostrophes, single digits spelled, z for "zed" and
    "zee".

    The family's convention (punctuation removed, each digit a word), with the letter names of GRID made one, and with
    punctuation parting words ("well-known" is two) where the family's glues them ("wellknown").
    """
    spelled = re.sub(r"\d", lambda digit: f" {DIGITS[int(digit[0])]} ", text.lower())
    words = re.sub(r"[^\w\s']", " ", spelled).split()
    return [LETTER_Z.get(word, word) for word in words]


def normalize_words_as_the_field(text: str) -> list[str]:
    """Words as the dubbing papers' scripts compare them: punctuation deleted, apostrophes too ("it's" is "its",
    "well-known" is "wellknown"), each digit a word of its own, lower case.

    Source: StyleDubber's word error rate script.
    """
    bare = re.sub(r"[^\w\s]", "", text)
    return re.sub(r"\d", lambda digit: f" {DIGITS[int(digit[0])]}", bare).lower().split()


_NORMALIZATIONS: Mapping[str, Callable[[str], list[str]]] = {
    "package": normalize_words,
    "field": normalize_words_as_the_field,
}


class WordErrors(NamedTuple):
    """Wrong words of one clip: what a summary adds up.

    Attributes:
        substitutions: words heard as others.
        deletions: words of the reference that were not heard.
        insertions: words heard that the reference does not have.
        words: of the reference.
    """

    substitutions: int
    deletions: int
    insertions: int
    words: int

    @property
    def errors(self) -> int:
        """All three together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def heard(self) -> int:
        """Words that were heard."""
        return self.words - self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors over the words of the reference; 0 is best, above 1 where more was heard than written."""
        return self.errors / self.words

    @property
    def swapped_rate(self) -> float | None:
        """Errors over the words that were heard: the rate with the two texts swapped. `None` where nothing was heard."""
        return self.errors / self.heard if self.heard else None


def word_errors(reference: str, hypothesis: str, *, normalization: Normalization = "package") -> WordErrors:
    """Wrong words of one clip, by the shortest edit (jiwer).

    Args:
        reference: what should be heard.
        hypothesis: what was heard; an empty text is all words deleted.
        normalization: [`normalize_words`] ("package") or [`normalize_words_as_the_field`] ("field").

    Raises:
        ValueError: the reference holds no word: there is nothing to miss.
    """
    normalize = _NORMALIZATIONS.get(normalization)
    if normalize is None:
        raise ValueError(f"normalization is one of {', '.join(_NORMALIZATIONS)}, got {normalization!r}.")
    truth, heard = normalize(reference), normalize(hypothesis)
    if not truth:
        raise ValueError("a reference text holds no word; leave that clip out.")
    if not heard:
        return WordErrors(0, len(truth), 0, len(truth))
    counts = require("jiwer").process_words(" ".join(truth), " ".join(heard))
    return WordErrors(counts.substitutions, counts.deletions, counts.insertions, len(truth))


def _all_word_errors(
    references: Sequence[str], hypotheses: Sequence[str], normalization: Normalization
) -> list[WordErrors]:
    if len(references) != len(hypotheses) or not references:
        raise ValueError(f"as many heard texts as scripts are needed, got {len(hypotheses)} and {len(references)}.")
    pairs = zip(references, hypotheses, strict=True)
    return [word_errors(*pair, normalization=normalization) for pair in pairs]


def word_error_rate(
    references: Sequence[str],
    hypotheses: Sequence[str],
    *,
    average: Average = "corpus",
    swapped: bool = False,
    normalization: Normalization = "package",
) -> float:
    """Substituted, deleted and inserted words per word of the reference; 0 is best, above 1 is possible.

    Args:
        references: what should be heard, one text a clip.
        hypotheses: what was heard, in the same order; an empty text is all words deleted.
        average: "corpus" divides the errors of all clips by the words of all clips, "clips" is the plain mean of the clips'
            own rates, as the dubbing papers give it.
        swapped: divide by the words that were heard, as the dubbing papers' scripts do, which call
            `jiwer.wer(prediction, reference)`. A dub that babbles then looks better, one that drops words looks worse.
        normalization: [`normalize_words`] ("package") or [`normalize_words_as_the_field`] ("field").

    Raises:
        ValueError: a reference without a word; with `swapped`, nothing was heard to divide by (see [`family_word_error_rate`],
            which leaves such clips out and counts them).
    """
    clips = _all_word_errors(references, hypotheses, normalization)
    if average not in ("corpus", "clips"):
        raise ValueError(f"average is corpus or clips, got {average!r}.")
    lengths = [clip.heard if swapped else clip.words for clip in clips]
    errors = [clip.errors for clip in clips]
    if average == "corpus":
        errors, lengths = [sum(errors)], [sum(lengths)]
    if not all(lengths):
        raise ValueError(
            "the swapped rate divides by the words that were heard, and nothing was; use family_word_error_rate, which "
            "leaves such clips out and counts them."
        )
    return sum(wrong / length for wrong, length in zip(errors, lengths, strict=True)) / len(lengths)


class FamilyRate(NamedTuple):
    """The dubbing papers' rate and the clips it leaves out.

    Attributes:
        rate: mean over the clips in which something was heard.
        skipped: clips in which nothing was heard.
    """

    rate: float
    skipped: int


def family_word_error_rate(references: Sequence[str], hypotheses: Sequence[str]) -> FamilyRate:
    """The word error rate as the dubbing papers' scripts compute it, to compare with their figures; 0 is best.

    Their normalisation, prediction and reference swapped (errors over the heard words), the plain mean over clips, and clips
    in which nothing was heard left out, so that a silent dub costs nothing: read `skipped` with it. Transcripts must be
    Whisper's: large-v3 for Chem and V2C, base for GRID.

    Source: StyleDubber's word error rate script, which its successors use.

    Args:
        references: what should be heard, one text a clip.
        hypotheses: what was heard, in the same order.

    Raises:
        ValueError: a reference without a word, or nothing was heard in any clip.
    """
    rates = [clip.swapped_rate for clip in _all_word_errors(references, hypotheses, "field")]
    counted = [rate for rate in rates if rate is not None]
    if not counted:
        raise ValueError("nothing was heard in any clip: the family's rate leaves all of them out.")
    return FamilyRate(sum(counted) / len(counted), len(rates) - len(counted))

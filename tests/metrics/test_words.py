"""Word error rates in their variants, against counts made by hand."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.metrics import functional
from flowdubber_hf.metrics.functional import WordErrors


pytest.importorskip("jiwer")


def test_errors_of_a_clip_are_counted_by_kind():
    # bin -> lay, blue dropped, now added
    errors = functional.word_errors("bin blue at f", "lay at f now")
    assert errors == WordErrors(substitutions=1, deletions=1, insertions=1, words=4)
    assert (errors.errors, errors.heard) == (3, 4)
    assert errors.rate == pytest.approx(3 / 4)


def test_a_clip_in_which_nothing_is_heard_is_all_deleted():
    errors = functional.word_errors("bin blue", " ... ")
    assert errors == WordErrors(0, 2, 0, 2)
    assert errors.rate == 1.0
    assert errors.swapped_rate is None


def test_a_copy_has_no_errors():
    assert functional.word_errors("Bin blue at F2, now!", "bin blue at f two now").errors == 0


def test_the_two_averages_differ_where_clips_have_different_lengths():
    references, heard = ["a b c d", "a"], ["a b c d", "b"]
    assert functional.word_error_rate(references, heard) == pytest.approx(1 / 5)
    assert functional.word_error_rate(references, heard, average="clips") == pytest.approx((0 + 1) / 2)


def test_swapped_order_divides_by_the_words_that_were_heard():
    # one of four words is heard: three errors, of four in the right order, of one in the swapped one
    references, heard = ["a b c d"], ["a"]
    assert functional.word_error_rate(references, heard) == pytest.approx(3 / 4)
    assert functional.word_error_rate(references, heard, swapped=True) == pytest.approx(3 / 1)
    assert functional.word_error_rate(heard, references, swapped=True) == pytest.approx(3 / 4)


def test_swapped_order_is_jiwers_with_the_texts_exchanged():
    jiwer = pytest.importorskip("jiwer")
    references, heard = ["a b c d", "x y z"], ["a c d e f", "y z"]
    exchanged = jiwer.wer(heard, references)
    assert functional.word_error_rate(references, heard, swapped=True) == pytest.approx(exchanged)


def test_swapped_order_needs_something_heard():
    assert functional.word_error_rate(["a b", "c"], ["a", ""], swapped=True) == pytest.approx(2 / 1)
    with pytest.raises(ValueError, match="family_word_error_rate"):
        functional.word_error_rate(["a b", "c"], ["a", ""], swapped=True, average="clips")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 2 well-known!", ["its", "two", "wellknown"]),
        ("At F25, ZED.", ["at", "f", "two", "five", "zed"]),
        ("?!", []),
    ],
)
def test_the_field_deletes_punctuation_and_spells_digits(text, words):
    assert functional.normalize_words_as_the_field(text) == words


def test_the_normalisation_can_be_chosen():
    assert functional.word_error_rate(["well-known"], ["wellknown"]) == 1.0
    assert functional.word_error_rate(["well-known"], ["wellknown"], normalization="field") == 0.0
    assert functional.word_errors("bin z", "bin zed", normalization="field").errors == 1


def test_the_familys_rate_leaves_silent_clips_out_and_counts_them():
    # swapped: 1 error of 2 heard words, 0 of 1; the silent clip is not in the mean
    found = functional.family_word_error_rate(["a b", "c", "d e"], ["a x", "c", ""])
    assert found == (pytest.approx(0.25), 1)
    with pytest.raises(ValueError, match="nothing was heard"):
        functional.family_word_error_rate(["a"], [""])


@pytest.mark.parametrize("options", [{"average": "mean"}, {"normalization": "whisper"}])
def test_unknown_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        functional.word_error_rate(["a"], ["a"], **options)

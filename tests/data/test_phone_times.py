# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.data.phone_times import forced_phone_times, given_phone_times, textgrid_times
from flowdubber_hf.data.textgrid import read_textgrid
from support.made_recordings import SCRIPT, script_voice, word_times


LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.0
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.0
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.2
            text = ""
        intervals [2]:
            xmin = 0.2
            xmax = 0.5
            text = "set"
        intervals [3]:
            xmin = 0.5
            xmax = 0.8
            text = "the ""red"" one"
        intervals [4]:
            xmin = 0.8
            xmax = 1.0
            text = ""
    item [2]:
        class = "TextTier"
        name = "bells"
        xmin = 0
        xmax = 1.0
        points: size = 1
        points [1]:
            number = 0.5
            mark = "ding"
    item [3]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 1.0
        intervals: size = 2
        intervals [1]:
            xmin = 0.2
            xmax = 5e-1
            text = "EH1"
        intervals [2]:
            xmin = 0.5
            xmax = 0.8
            text = "AH0"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1
<exists>
1
"IntervalTier"
"words"
0
1
2
0
0.5
"one"
0.5
1
"two"
"""


def test_textgrids_long_and_short(tmp_path):
    (tmp_path / "a.TextGrid").write_text(LONG, encoding="utf-8")
    words = [("", 0.0, 0.2), ("set", 0.2, 0.5), ('the "red" one', 0.5, 0.8), ("", 0.8, 1.0)]
    assert read_textgrid(tmp_path / "a.TextGrid") == {"words": words, "phones": [("EH1", 0.2, 0.5), ("AH0", 0.5, 0.8)]}
    (tmp_path / "b.TextGrid").write_text(SHORT, encoding="utf-16")
    assert read_textgrid(tmp_path / "b.TextGrid") == {"words": [("one", 0.0, 0.5), ("two", 0.5, 1.0)]}
    assert textgrid_times(tmp_path / "a.TextGrid")[0] == words[1:3]
    assert textgrid_times(tmp_path / "b.TextGrid")[1] is None


@pytest.mark.parametrize(
    "content", ["", "nonsense", LONG[:400], LONG.replace("TextGrid", "Pitch"), '"ooTextFile" 1 2 3']
)
def test_what_is_no_textgrid_is_said(tmp_path, content):
    (tmp_path / "x.TextGrid").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="no TextGrid"):
        read_textgrid(tmp_path / "x.TextGrid")


def test_given_phones_become_the_clips_phonemes():
    words = [("Set", 0.2, 0.5), ("red", 0.7, 1.0)]
    phones = [("sil", 0, 0.2), ("S", 0.2, 0.3), ("eh1", 0.3, 0.4), ("T", 0.4, 0.5), ("sp", 0.5, 0.7)]
    phones += [("R", 0.7, 0.8), ("EH1", 0.8, 0.9), ("D", 0.9, 1.0)]
    timed = given_phone_times(words, phones, 1.5)
    assert timed.phonemes == ["sil", "S", "EH1", "T", "sp", "R", "EH1", "D", "sil"]
    assert timed.word_index == [-1, 0, 0, 0, -1, 1, 1, 1, -1]
    assert timed.words == [("set", 0.2, 0.5), ("red", 0.7, 1.0)]
    assert timed.times[0] == (0.0, 0.2)
    assert timed.times[4] == (0.5, 0.7)
    assert timed.times[-1] == (1.0, 1.5)
    assert timed.score is None


@pytest.mark.parametrize(
    ("words", "phones", "match"),
    [
        ([("a", 0.2, 0.5)], [("AH", 0.2, 0.5)], "no phoneme of this package"),
        ([("a", 0.2, 0.5)], [("AH0", 0.6, 0.9)], "lies in no word"),
        ([("a", 0.2, 0.5), ("b", 0.5, 0.6)], [("AH0", 0.2, 0.5)], "has no phones"),
        ([("a", 0.5, 0.2)], [("AH0", 0.2, 0.5)], "out of order"),
        ([("a", 0.2, float("nan"))], [("AH0", 0.2, 0.5)], "not finite"),
        ([("a", 0.2, 9.0)], [("AH0", 0.2, 9.0)], "last until"),
    ],
)
def test_wrong_phone_times_are_refused(words, phones, match):
    with pytest.raises(ValueError, match=match):
        given_phone_times(words, phones, 1.0)


def test_forced_times_of_the_projects_own_voice():
    pytest.importorskip("pocketsphinx")
    timed = forced_phone_times(script_voice(), SCRIPT, word_times())
    assert [word for word, _, _ in timed.words] == SCRIPT.split()
    assert len(timed.differences) == 2 * len(SCRIPT.split())
    assert np.median(timed.differences) < 0.03
    assert -35 < timed.score < 0
    kept = forced_phone_times(script_voice(), SCRIPT, word_times(), keep_given=True)
    np.testing.assert_allclose([w[1] for w in kept.words], [w[1] for w in word_times()], atol=1e-3)
    assert kept.phonemes == timed.phonemes
    assert all(a[1] == b[0] for a, b in zip(kept.times, kept.times[1:], strict=False))


def test_words_that_are_not_the_texts_are_not_compared():
    pytest.importorskip("pocketsphinx")
    timed = forced_phone_times(script_voice(), SCRIPT, word_times()[:-1])
    assert timed.differences == []
    assert "not compared" in timed.remarks[0]
    with pytest.raises(ValueError, match="--times forced"):
        forced_phone_times(script_voice(), SCRIPT, word_times()[:-1], keep_given=True)

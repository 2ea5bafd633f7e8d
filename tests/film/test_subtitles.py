"""What was spoken, when, with the text's own capitals and stops, in lines that can be read."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

import numpy as np
import pytest

from flowdubber_hf.film.subtitles import (
    Spoken,
    Subtitle,
    embedded,
    subtitles_of,
    timed_text,
    two_lines,
    write_subtitles,
)


def spoken(
    text: str, said: str | None = None, start: float = 1.0, speaker: str = "Anna", step: float = 0.25
) -> Spoken:
    """Words a quarter of a second long, one after the other."""
    words = (said or text).lower().replace(",", "").replace(".", "").replace("?", "").split()
    return Spoken(text, [(word, start + step * at, start + step * (at + 1)) for at, word in enumerate(words)], speaker)


def test_the_text_keeps_its_capitals_and_stops_and_gets_the_times_of_the_words():
    assert timed_text(spoken("Set red, Anna. Now?")) == [
        ("Set", 1.0, 1.25),
        ("red,", 1.25, 1.5),
        ("Anna.", 1.5, 1.75),
        ("Now?", 1.75, 2.0),
    ]


@pytest.mark.parametrize(
    ("text", "said", "expected"),
    [
        ("Give me £5 now", "give me five pounds now", [(1.0, 1.25), (1.25, 1.5), (1.5, 2.0), (2.0, 2.25)]),
        ("At 9 30 today", "at half past nine today", [(1.0, 1.25), (1.25, 1.5), (1.5, 2.0), (2.0, 2.25)]),
        ("Well - go", "well go", [(1.0, 1.25), (1.25, 1.25), (1.25, 1.5)]),
        ("- go", "go", [(1.0, 1.0), (1.0, 1.25)]),
    ],
)
def test_what_is_not_written_as_it_was_spoken_shares_the_time_between(text, said, expected):
    timed = timed_text(spoken(text, said))
    assert [word for word, _, _ in timed] == text.split()
    np.testing.assert_allclose([times for _, *times in timed], expected)


def test_words_stand_for_themselves_where_there_is_no_text():
    assert timed_text(Spoken("", [("go", 1.0, 2.0)])) == [("go", 1.0, 2.0)]
    assert timed_text(Spoken("Go", [])) == []


def test_a_short_line_is_one_subtitle():
    assert subtitles_of([spoken("Who is there?")]) == [Subtitle(1.0, 1.75, ("Who is there?",), "Anna")]


def test_a_long_line_is_broken_in_two_where_it_reads_best():
    text = "We met at the station, and nobody came to take us home again."
    (subtitle,) = subtitles_of([spoken(text)])
    assert subtitle.lines == ("We met at the station,", "and nobody came to take us home again.")
    assert two_lines("a" * 60) == ("a" * 60,)
    assert two_lines("word " * 13 + "word") == ("word " * 6 + "word", "word " * 6 + "word")
    assert [one.lines for one in subtitles_of([spoken("word " * 16 + "word")])] == [
        two_lines("word " * 15 + "word"),
        ("word",),
    ]


def test_a_speech_is_several_subtitles_that_end_with_sentences():
    text = (
        "The train was late, so we waited for it in the rain. Nobody had told us that it would not come before the morning. "
        "When it came we were asleep, and the guard did not see us under the old wooden bench."
    )
    shown = subtitles_of([spoken(text)])
    assert shown[0].text.replace("\n", " ") == "The train was late, so we waited for it in the rain."
    assert " ".join(one.text for one in shown).replace("\n", " ") == text
    assert all(len(line) <= 42 for one in shown for line in one.lines) and all(len(one.lines) <= 2 for one in shown)
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(shown))


def test_a_pause_ends_a_subtitle_and_speakers_stand_in_order_of_time():
    line = Spoken("Wait. Go!", [("wait", 1.0, 1.2), ("go", 3.0, 3.1)], "Ben")
    shown = subtitles_of([line, spoken("Yes", start=2.0)])
    assert [(one.start, one.text, one.speaker) for one in shown] == [
        (1.0, "Wait.", "Ben"),
        (2.0, "Yes", "Anna"),
        (3.0, "Go!", "Ben"),
    ]
    assert shown[0].end == pytest.approx(1.3) and shown[2].end == pytest.approx(3.3)  # a blink is too short


SHOWN = [Subtitle(3661.5, 3662.25, ("Who is", "there?"), "Anna"), Subtitle(3663.0, 3664.0, ("<b> & {x}",), "B,en")]


def test_files_of_three_kinds(tmp_path):
    srt = write_subtitles(tmp_path / "a.srt", SHOWN).read_text()
    assert srt.startswith("1\n01:01:01,500 --> 01:01:02,250\nWho is\nthere?\n\n2\n")
    vtt = write_subtitles(tmp_path / "a.vtt", SHOWN).read_text()
    assert vtt.startswith("WEBVTT\n\n01:01:01.500 --> 01:01:02.250\n<v Anna>Who is\nthere?\n\n")
    assert "<v B,en>&lt;b&gt; &amp; {x}\n" in vtt
    ass = write_subtitles(tmp_path / "a.ass", SHOWN).read_text()
    assert r"Dialogue: 0,1:01:01.50,1:01:02.25,Default,Anna,0,0,0,,Who is\Nthere?" in ass
    assert "Default,B en,0,0,0,,<b> & (x)\n" in ass
    with pytest.raises(ValueError, match=r"subtitles: a\.txt must end in \.srt, \.vtt, \.ass"):
        write_subtitles(tmp_path / "a.txt", SHOWN)
    assert embedded(SHOWN)[0] == (3661.5, 3662.25, "Who is\nthere?")


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass"])
def test_other_readers_find_the_same(tmp_path, suffix):
    pysubs2 = pytest.importorskip("pysubs2")
    path = write_subtitles(tmp_path / f"a{suffix}", SHOWN)
    events = pysubs2.load(str(path), keep_unknown_html_tags=True).events
    assert [(event.start, event.end) for event in events] == [(3661500, 3662250), (3663000, 3664000)]
    assert events[0].text.endswith(r"Who is\Nthere?")
    assert suffix != ".ass" or events[0].name == "Anna"

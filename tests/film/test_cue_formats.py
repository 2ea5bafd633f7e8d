"""Cue files of every kind: times, names, lines, and what is wrong with them."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import pytest

from flowdubber_hf.film.cue_formats.encoding import decode_cues
from flowdubber_hf.film.cue_formats.raw import Mistake, RawCue, Turn, read_clock
from flowdubber_hf.film.cue_formats.reading import read_raw_cues


SRT = """1
00:01:02,400 --> 00:01:04,900
Set red by nine again.

2
00:01:05,100 --> 00:01:07,000
<i>He said</i>
12

3
0:01:08,000 --> 0:01:xx,000
Gone.
"""
ASS = """[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,0,0,0,100,100,0,0,1,2,2,2,10,10,10,1
Style: Slanted,Arial,20,&H00FFFFFF,&H000000FF,&H00000000,&H00000000,0,-1,0,0,100,100,0,0,1,2,2,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.50,Default,Anna,0,0,0,,Hello{\\b1} there,\\Nfriend.
Comment: 0,0:00:03.00,0:00:04.00,Default,Anna,0,0,0,,Not shown.
Dialogue: 0,0:00:05.00,0:00:06.00,Slanted,,0,0,0,,From afar.
Dialogue: 0,0:00:07.00,0:00:08.00,Default,,0,0,0,,{\\p1}m 0 0 l 10 0{\\p0}
Dialogue: 0,0:00:0x.00,0:00:09.00,Default,,0,0,0,,Bad.
"""
TTML = """<?xml version="1.0" encoding="UTF-8"?>
<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" xmlns:tts="http://www.w3.org/ns/ttml#styling"
    xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:frameRate="25" ttp:tickRate="1000">
 <head><metadata><ttm:agent xml:id="a1" type="person"><ttm:name type="full">Anna Example</ttm:name></ttm:agent></metadata>
  <styling><style xml:id="s1" tts:fontStyle="italic"/></styling></head>
 <body begin="10s"><div>
  <p begin="00:00:01.500" end="00:00:02.500" ttm:agent="a1">Two
     lines<br/>here.</p>
  <p begin="3000t" dur="25f"><span style="s1">Afar.</span></p>
  <p begin="00:00:05:05" end="00:00:06:00">Frames.</p>
  <p begin="x" end="00:00:09.000">Bad.</p>
 </div></body>
</tt>
"""


def read(folder: Path, text: str | bytes) -> list[RawCue | Mistake]:
    file = folder / "cues"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_raw_cues(file)


def test_subrip(tmp_path: Path) -> None:
    first, second, third = read(tmp_path, SRT)
    assert first == RawCue(2, 62_400_000, 64_900_000, (Turn("Set red by nine again."),))
    # A number at a cue's end is the cue's own: the next one's stands behind it.
    assert second.turns == (Turn("He said\n12"),) and not second.italic
    assert third == Mistake(11, "'0:01:xx,000' is no time; write it like 00:01:02.400.")


def test_webvtt_voices_notes_and_settings(tmp_path: Path) -> None:
    text = (
        "WEBVTT - title\n\nNOTE a comment\nof two lines\n\nSTYLE\n::cue { color: red }\n\nintro\n"
        "00:00.500 --> 01:01:02.000 line:0 align:start\n<v.loud Anna Example>Q&amp;A <c.red>now</c>\n\n"
        "00:02:00.000 --> 00:02:01.000\n<i>Afar.</i>\n\nstray words\n\n00:03:00.000 --> 00:03:02.000\n<v A>One</v>\n<v B>Two\n"
    )
    first, second, stray, third = read(tmp_path, text)
    assert first == RawCue(10, 500_000, 3_662_000_000, (Turn("Q&A now", "Anna Example"),))
    assert second.italic and second.turns == (Turn("Afar."),)
    assert stray == Mistake(16, "no times; a cue of WebVTT begins with 00:00:00.000 --> 00:00:00.000.")
    assert third.turns == (Turn("One", "A"), Turn("Two", "B"))


def test_substation_names_comments_drawings_and_italics(tmp_path: Path) -> None:
    found = read(tmp_path, ASS)
    assert found[0] == RawCue(11, 1_000_000, 2_500_000, (Turn("Hello there,\nfriend.", "Anna"),))
    assert found[1].silent == "a comment" and found[3].silent == "a drawing"
    assert found[2].italic and not found[0].italic
    assert Mistake(15, "'0:00:0x.00' is no time; write it like 0:01:02.40.") in found


def test_substation_in_an_unusual_order_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 10: the fields of its events"):
        read(tmp_path, ASS.replace("Layer, Start, End, Style, Name", "Layer, End, Start, Style, Name"))


def test_ttml_agents_ticks_frames_and_nested_times(tmp_path: Path) -> None:
    first, second, third, bad = read(tmp_path, TTML)
    assert first.turns == (Turn("Two lines\nhere.", "Anna Example"),)
    assert (first.start, first.end, first.line) == (11_500_000, 12_500_000, 7)
    assert second.italic and (second.start, second.end) == (13_000_000, 14_000_000)
    assert (third.start, third.end) == (15_200_000, 16_000_000)
    assert isinstance(bad, Mistake) and bad.line == 11


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('<!DOCTYPE tt [<!ENTITY a "b">]><tt/>', "a document type"),
        ('<?xml version="1.0"?><!DOCTYPE tt SYSTEM "file:///etc/passwd"><tt/>', "a document type"),
        ("<html></html>", "not TTML"),
        ("<tt><body>", "line 1: not XML"),
        ("<tt>" + "<div>" * 50, "nested too deeply"),
        ('<tt xmlns:p="p" p:frameRate="1e999999999"/>', "is no number"),
        ("just words", "line 1: not SRT, VTT, ASS, TTML or JSONL"),
        ("WEBVTT\n\n", "no cue is in it"),
    ],
)
def test_what_is_no_cue_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"start": 0, "end": 1, "text": "a", "spaeker": "b"}, "no field 'spaeker'; did you mean speaker?"),
        ({"start": 0.5, "end": 1, "text": "a"}, "start: must be whole microseconds"),
        ({"start": 0, "text": "a"}, "it has no end."),
        ({"start": 0, "end": 1, "text": "a", "timing": "later"}, "timing: must be one of auto"),
        ({"start": 0, "end": 1, "text": "a", "mouth_box": [9, 0, 1, 1]}, "mouth_box: must have x0 < x1"),
        ({"start": 0, "end": 1, "text": "a", "id": "../x"}, "id: must be letters"),
        ({"start": 0, "end": 1, "text": "a", "best_of": True}, "best_of: must be a whole number"),
        ({"start": 0, "end": 1, "text": "a", "gain_db": 400}, "gain_db: must be decibels"),
        ({"start": 0, "end": 1, "text": "a", "skip": 1}, "skip: must be true or false"),
        ([1], "the line is no JSON object."),
    ],
)
def test_native_lines_name_their_field(tmp_path: Path, row: object, message: str) -> None:
    found = read(tmp_path, '{"start": 0, "end": 9, "text": "a"}\n' + json.dumps(row))
    assert found[1].line == 2 and message in found[1].message


def test_encodings(tmp_path: Path) -> None:
    text = "1\r\n00:00:01,000 --> 00:00:02,000\r\nOh là là.\r\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        assert read(tmp_path, text.encode(encoding))[0].turns == (Turn("Oh là là."),), encoding
    with pytest.raises(ValueError, match="line 3: not UTF-8; cp1252 fits: convert it"):
        read(tmp_path, text.encode("cp1252"))
    with pytest.raises(ValueError, match="cp1251 fits"):
        decode_cues("Привет, как дела".encode("cp1251"), "x")
    with pytest.raises(ValueError, match="zero bytes"):
        decode_cues(b"a\0b" * 3, "x")


@pytest.mark.parametrize("text", ["1:60.0", "1:2:3:4", "", "-1:00", "1:00:61"])
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="no time"):
        read_clock(text)


def test_times() -> None:
    assert read_clock("1:02:03.5") == 3_723_500_000
    assert read_clock("02:03,045") == 123_045_000

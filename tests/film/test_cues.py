"""Cue sheets: speakers, speech and noise, ids, problems that are told all at once."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from fractions import Fraction
from pathlib import Path

import pytest

from flowdubber_hf.film import CueSheet, read_cues
from flowdubber_hf.film.cues import write_cues


def clock(seconds: float) -> str:
    return f"00:{int(seconds) // 60:02}:{int(seconds) % 60:02},{round(seconds * 1000) % 1000:03}"


def sheet(folder: Path, *texts: str, rttm: str | None = None, **options: object) -> CueSheet:
    """Cues of two seconds that follow each other, three seconds apart."""
    blocks = [f"{n}\n{clock(3 * n)} --> {clock(3 * n + 2)}\n{text}\n" for n, text in enumerate(texts, 1)]
    (folder / "cues.srt").write_text("\n".join(blocks), encoding="utf-8")
    if rttm is not None:
        (folder / "who.rttm").write_text(rttm)
        options["rttm"] = folder / "who.rttm"
    return read_cues(folder / "cues.srt", **options)


def told(found: CueSheet) -> list[str]:
    return [str(problem) for problem in found.problems]


@pytest.mark.parametrize(
    ("text", "speaker", "said"),
    [
        ("ANNA: Hello there.", "anna", "Hello there."),
        ("[Anna]: Hello there.", "anna", "Hello there."),
        ("[ANNA] Hello there.", "anna", "Hello there."),
        ("[SPEAKER_01] Hello there.", "speaker_01", "Hello there."),
        ("[SPEAKER_01]: Hello there.", "speaker_01", "Hello there."),
        ("MR. O'NEIL: Hello there.", "mr. o'neil", "Hello there."),
        ("Anna: Hello there.", "anna", "Hello there."),
        ("Note: hello there.", None, "Note: hello there."),
        ("[sighs] Hello (laughs) there.", None, "Hello there."),
        ("- Hello there.", None, "Hello there."),
        ("[Worcester|W UH1 S T ER0] is there.", None, "[Worcester|W UH1 S T ER0] is there."),
        ("STOP!", None, "STOP!"),
        ("Hello\nthere.", None, "Hello there."),
    ],
)
def test_speaker_and_words(tmp_path: Path, text: str, speaker: str | None, said: str) -> None:
    cue = sheet(tmp_path, text, "Some more words here.", known=["Anna"]).cues[0]
    assert (cue.speaker, cue.text, cue.skip) == (speaker, said, False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[door slams]", "a sound"),
        ("(laughs)", "a sound"),
        ("♪ La la la ♪", "music"),
        ("# Happy birthday #", "music"),
        ("PHONE RINGS", "a sound, by its capitals"),
        ("...", "no words"),
        ("ANNA: [sighs]", "a sound"),
    ],
)
def test_what_is_not_speech_is_listed_and_skipped(tmp_path: Path, text: str, why: str) -> None:
    found = sheet(tmp_path, text, "Some more words here.")
    assert found.problems == () and (found.cues[0].skip, found.cues[0].note) == (True, why)


def test_a_sheet_in_capitals_is_speech(tmp_path: Path) -> None:
    assert not any(cue.skip for cue in sheet(tmp_path, "WE MUST GO", "COME WITH ME").cues)


@pytest.mark.parametrize(
    "text", ["<i>Hello there.</i>", "(V.O.) Hello there.", "ANNA (O.S.): Hello there.", "(off) Hello there."]
)
def test_voices_from_elsewhere_have_cue_timing(tmp_path: Path, text: str) -> None:
    cue = sheet(tmp_path, text).cues[0]
    assert (cue.timing, cue.text) == ("cue", "Hello there.")


def test_two_dashes(tmp_path: Path) -> None:
    text = "- Hello.\n- Good bye then."
    assert told(sheet(tmp_path, text)) == [
        "cue 1 (line 2, 0:00:03.000): 2 speakers in one cue; give each a cue of its own, or --split-dashes to share out its time."
    ]
    first, second = sheet(tmp_path, text, split_dashes=True).cues
    assert (first.text, second.text) == ("Hello.", "Good bye then.")
    assert first.start == 3_000_000 and first.end == second.start and second.end == 5_000_000
    assert first.id != second.id and first.number == second.number == 1
    rttm = "SPEAKER f 1 3.0 0.7 <NA> <NA> ben <NA> <NA>\nSPEAKER f 1 3.9 1.5 <NA> <NA> Anna <NA> <NA>\n"
    first, second = sheet(tmp_path, text, rttm=rttm).cues
    assert (first.speaker, second.speaker) == ("ben", "anna")
    assert (first.start, first.end, second.start, second.end) == (3_000_000, 3_700_000, 3_900_000, 5_000_000)


def test_rttm_names_who_has_most_of_a_cue(tmp_path: Path) -> None:
    rttm = "SPEAKER f 1 3.0 1.3 <NA> <NA> anna <NA> <NA>\nSPEAKER f 1 6.0 0.82 <NA> <NA> anna <NA> <NA>\n"
    rttm += "SPEAKER f 1 7.0 0.76 <NA> <NA> ben <NA> <NA>\n"
    found = sheet(tmp_path, "Hello there.", "Who is it?", "BEN: Not me.", rttm=rttm)
    assert [(cue.number, cue.speaker) for cue in found.cues] == [(1, "anna"), (3, "ben")]
    assert told(found) == ["cue 2 (line 6, 0:00:06.000): 41 % anna, 38 % ben: name the speaker."]


@pytest.mark.parametrize(
    "text", ["SPEAKER f 1 x 1 <NA> <NA> a <NA> <NA>", "SPEAKER f 1 1", "SPEAKER f 1 nan 1 n n a n n"]
)
def test_no_rttm(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        sheet(tmp_path, "Hello.", rttm=text)


def test_carried_speakers(tmp_path: Path) -> None:
    texts = ("ANNA: Hello there.", "It is me.", "BEN: Oh.", "Well then.")
    assert [cue.speaker for cue in sheet(tmp_path, *texts).cues] == ["anna", None, "ben", None]
    assert [cue.speaker for cue in sheet(tmp_path, *texts, speakers="carry").cues] == ["anna", "anna", "ben", "ben"]


def test_ids_stay_when_cues_come_and_go(tmp_path: Path) -> None:
    before = {cue.text: cue.id for cue in sheet(tmp_path, "One word.", "Two words.", "Three.").cues}
    text = (tmp_path / "cues.srt").read_text()
    (tmp_path / "cues.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nNew.\n\n" + text)
    after = {cue.text: cue.id for cue in read_cues(tmp_path / "cues.srt").cues}
    assert before.items() <= after.items() and len(set(after.values())) == 4


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    (tmp_path / "cues.vtt").write_text(
        "WEBVTT\n\n00:04.000 --> 00:03.000\nBack.\n\n00:05.000 --> 00:05.000\nNever.\n\n00:06.000 --> 00:07.000\n\n"
        "00:08.000 --> 00:09.000\n<v Anna>BEN: Hi.\n\n00:1x.000 --> 00:20.000\nNo.\n\n00:30.000 --> 00:31.000\nGood.\n"
    )
    found = read_cues(tmp_path / "cues.vtt")
    assert [cue.text for cue in found.cues] == ["Good."]
    assert told(found) == [
        "cue 1 (line 3, 0:00:04.000): ends before it begins; correct its times.",
        "cue 2 (line 6, 0:00:05.000): lasts no time; correct its times.",
        "cue 3 (line 9, 0:00:06.000): has no text; write what is said, or leave the cue out.",
        "cue 4 (line 11, 0:00:08.000): names two speakers, Anna and BEN; leave one of them.",
        "cue 5 (line 14): '00:1x.000' is no time; write it like 00:01:02.400.",
    ]


def test_two_voices_in_one_cue(tmp_path: Path) -> None:
    (tmp_path / "cues.vtt").write_text("WEBVTT\n\n00:04.000 --> 00:06.000\n<v Anna>Hi.\n<v Ben>Ho.\n")
    assert "2 speakers in one cue" in told(read_cues(tmp_path / "cues.vtt"))[0]
    (tmp_path / "cues.vtt").write_text("WEBVTT\n\n00:04.000 --> 00:06.000\n<v Anna>Hi.\n<v ANNA>Ho.\n")
    assert read_cues(tmp_path / "cues.vtt").cues[0].text == "Hi. Ho."


def test_native_files_give_what_was_written(tmp_path: Path) -> None:
    cues = sheet(tmp_path, "ANNA: Hello there.", "[bang]", "(V.O.) NOTE WELL: go.", known=["anna"]).cues
    write_cues(tmp_path / "cues.jsonl", cues)
    again = read_cues(tmp_path / "cues.jsonl").cues
    assert [cue.as_row() for cue in again] == [cue.as_row() for cue in cues]
    write_cues(tmp_path / "twice.jsonl", [cues[0], cues[0]])
    assert "is another cue's already" in told(read_cues(tmp_path / "twice.jsonl"))[0]


def test_cue_rate(tmp_path: Path) -> None:
    cue = sheet(tmp_path, "Hello.", cue_rate=Fraction(25 * 1001, 24000)).cues[0]
    assert (cue.start, cue.end) == (round(3_000_000 * 24 / 25.025), round(5_000_000 * 24 / 25.025))


@pytest.mark.parametrize("options", [{"speakers": "any"}, {"cue_rate": Fraction(9)}])
def test_wrong_options(tmp_path: Path, options: dict) -> None:
    with pytest.raises(ValueError, match="must"):
        sheet(tmp_path, "Hello.", **options)

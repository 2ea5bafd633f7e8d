"""Cues against voices, the film's length and each other; the table of voices."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import itertools
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.demo import demo_reference
from flowdubber_hf.film.checks import check_cues
from flowdubber_hf.film.cues import Cue
from flowdubber_hf.film.problems import BadFilm, FilmProblem, raise_errors
from flowdubber_hf.film.script import sentences, split_cue
from flowdubber_hf.film.settings import FilmSettings, read_rate
from flowdubber_hf.film.voices import Voice, VoiceTable, check_voices, read_voices
from flowdubber_hf.processing.wav import write_wav


TABLE = VoiceTable({"anna": Voice("anna"), "carl": Voice("carl")}, (), frozenset(["anna", "carl"]))
MINUTE = 60_000_000


def cue(
    number: int,
    start: float,
    end: float,
    text: str = "Set red by nine.",
    speaker: str | None = "anna",
    **given: object,
) -> Cue:
    return Cue(f"c{number}", number, 10 * number, round(start * 1e6), round(end * 1e6), text, speaker, **given)


def told(*cues: Cue, duration: int = MINUTE, table: VoiceTable = TABLE, borrow: float = 0.0) -> list[str]:
    return [str(problem) for problem in check_cues(cues, duration, table, "us", 20.0, borrow)]


def test_nothing_is_wrong() -> None:
    assert told(cue(1, 1, 3), cue(2, 2, 4, speaker="carl"), cue(3, 3, 5)) == []


def test_ends_after_the_film() -> None:
    assert told(cue(1, 1, 3), cue(2, 58, 64)) == [
        "cue 2 (line 20, 0:00:58.000): ends 4.0 s after the film; correct its end."
    ]
    assert "begins after the film's end" in told(cue(1, 1, 3), cue(2, 70, 74))[0]
    assert told(cue(1, 58, 60.9)) == []


def test_cues_of_another_rate_are_told_once() -> None:
    cues = [cue(n, n * 3, n * 3 + 2) for n in range(1, 31)]
    duration = round(92_000_000 / (25 * 1001 / 24000))
    assert told(*cues, duration=duration) == ["cues: cues run 4.27 % slow: made for 23.976 fps? --cue-rate 25/23.976"]


def test_voices_that_are_missing() -> None:
    assert told(cue(14, 1, 3, speaker="ben")) == [
        'cue 14 (line 140, 0:00:01.000): no voice "ben" in voices.toml; it has anna, carl.'
    ]
    assert "names no speaker" in told(cue(1, 1, 3, speaker=None))[0]
    default = replace(TABLE, voices={"default": Voice("default")})
    assert told(cue(1, 1, 3, speaker=None), cue(2, 4, 6, speaker="ben"), table=default) == []
    # What is wrong with a voice is told of the voice, not of its cues.
    assert told(cue(1, 1, 3, speaker="ben"), table=replace(TABLE, named=frozenset(["ben"]))) == []
    assert 'no voice "ben"' in told(cue(1, 1, 3, voice="Ben"))[0]


def test_a_speaker_does_not_overlap_itself() -> None:
    found = told(cue(1, 1, 9), cue(2, 2, 3, speaker="carl"), cue(3, 8.5, 10))
    assert found == ['cue 3 (line 30, 0:00:08.500): overlaps cue 1 of the same speaker "anna" by 0.50 s.']


def test_too_many_phonemes() -> None:
    text = "Everybody in the village remembers the terrible winter of that year."
    found = told(cue(14, 1, 2.8, text))
    assert len(found) == 1 and "phonemes a second, at most 25; drop about" in found[0] and "words" in found[0]
    hurried = list(check_cues([cue(1, 1, 3.2, text)], MINUTE, TABLE, "us", 20.0))
    assert len(hurried) == 1 and not hurried[0].is_error and "at most 20" in hurried[0].message
    assert told(cue(1, 1, 3.2, text), borrow=0.5) == []
    assert told(cue(1, 1, 3.2, text), cue(2, 3.25, 5, speaker="carl"), borrow=0.5) != []


def test_text_that_nobody_can_say() -> None:
    assert "cue 1" in told(cue(1, 1, 3, "Привет"))[0]


def test_long_cues_need_sentences() -> None:
    assert "without the end of a sentence" in told(cue(1, 0, 59.9 + 10, "one two three " * 30), duration=2 * MINUTE)[0]
    assert told(cue(1, 0, 70, "One two three four. " * 20), duration=2 * MINUTE) == []


def test_parts_of_a_long_cue() -> None:
    parts = split_cue("One two three four. " * 20, 0, 70_000_000, "us")
    assert len(parts) == 3 and " ".join(part.text for part in parts) == ("One two three four. " * 20).strip()
    assert parts[0].start == 0 and parts[-1].end == 70_000_000
    assert all(a.end == b.start for a, b in itertools.pairwise(parts))
    assert all(part.end - part.start <= 30_000_000 for part in parts)
    assert len(split_cue("One. Two.", 0, 60_000_000, "us")) == 1


def test_sentences() -> None:
    assert sentences("Mr. Smith came. He was J. S. Bach? No... Yes") == [
        "Mr. Smith came.",
        "He was J. S. Bach?",
        "No...",
        "Yes",
    ]


@pytest.mark.parametrize("given", [{"face": "none", "timing": "lips"}, {"face": "t1", "timing": "cue"}])
def test_what_contradicts_itself(given: dict) -> None:
    assert "leave one of them out" in told(cue(1, 1, 3, **given))[0]


def test_all_errors_are_raised_at_once() -> None:
    problems = [
        FilmProblem("b", 2),
        FilmProblem("w", 1, is_error=False),
        FilmProblem("a", 1),
        FilmProblem("f", where="film"),
    ]
    with pytest.raises(BadFilm, match="film: f\ncue 1: a\ncue 2: b") as caught:
        raise_errors(problems)
    assert len(caught.value.problems) == 3
    raise_errors(problems[1:2])
    with pytest.raises(BadFilm, match="and 10 more problems"):
        raise_errors([FilmProblem("x", number) for number in range(60)])


# ---------------------------------------------------------------------------------------------------------------------


def table(folder: Path, text: str) -> VoiceTable:
    (folder / "voices.toml").write_text(text)
    return read_voices(folder / "voices.toml")


def test_voices(tmp_path: Path) -> None:
    found = table(
        tmp_path,
        '["Mr  Ben"]\nfrom = [[61.2, 68.9], [402, 406.5]]\ngain_db = -3\npan = 0.5\nconsent = "signed"\n[anna]\nreference = "a.wav"\n',
    )
    assert found.problems == ()
    assert found.voices["mr ben"].spans == ((61_200_000, 68_900_000), (402_000_000, 406_500_000))
    assert found.voices["anna"].reference == tmp_path / "a.wav" and found.find("anna") is found.voices["anna"]
    assert found.find("dora") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a]\nreference = 'x'\nrefrence = 'y'", "[a] has no field 'refrence'; did you mean reference?"),
        ("[a]\n", "[a] needs either reference"),
        ("[a]\nreference = 'x'\nfrom = [[1, 3]]", "[a] needs either reference"),
        ("[a]\nfrom = [[1, 1.5]]", "a voice needs between 1 s and 600 s"),
        ("[a]\nfrom = [[3, 1]]", "ends before it begins"),
        ("[a]\nfrom = [1, 3]", "must be pairs of seconds"),
        ("[a]\nfrom = [[nan, 3]]", "must be pairs of seconds"),
        ("[a]\nreference = 'x'\npan = 2", "pan must be a number from -1 to 1"),
        ("[a]\nreference = 'x'\nconsent = ''", "consent must be a text"),
        ("a = 1", "[a] must be a table"),
        ("[a]\nreference = 'x'\n[A]\nreference = 'y'", "another table has this name"),
        ("", "no voice is in it"),
    ],
)
def test_what_is_wrong_with_a_voice(tmp_path: Path, text: str, message: str) -> None:
    problems = table(tmp_path, text).problems
    assert len(problems) == 1 and message in problems[0].message and problems[0].where.endswith("voices.toml")


def test_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not valid TOML"):
        table(tmp_path, "[a")


def test_recordings_are_heard(tmp_path: Path) -> None:
    write_wav(tmp_path / "good.wav", demo_reference())
    write_wav(tmp_path / "short.wav", demo_reference()[:8000])
    write_wav(tmp_path / "silent.wav", np.zeros(32000, np.float32))
    names = ("good", "short", "silent", "missing")
    found = table(
        tmp_path, "\n".join(f"[{name}]\nreference = '{name}.wav'" for name in names) + "\n[extra]\nfrom = [[1, 90]]\n"
    )
    told = {str(problem): problem.is_error for problem in check_voices(found, names, "voices.toml", MINUTE, True)}
    assert len(told) == 4
    assert told.pop("voices.toml: [extra] is no cue's voice.") is False
    assert all(told.values())
    for part in ("[short]", "lasts 0.50 s"), ("[silent]", "is silent"), ("[missing]", "there is no recording"):
        assert any(all(one in line for one in part) for line in told), part
    spans = [str(problem) for problem in check_voices(found, ["extra"], "v", MINUTE, True) if problem.is_error]
    assert spans == ["v: [extra] has a span of from that ends after the film."]
    assert "which has no sound" in next(
        str(p) for p in check_voices(found, ["extra"], "v", MINUTE, False) if p.is_error
    )


def test_settings() -> None:
    files = {"film": "a", "cues": "b", "voices": "c", "output": "out/d.mkv"}
    assert FilmSettings(**files).work_folder == Path("out/d.mkv.film")
    for wrong in ({"timing": "now"}, {"speakers": "x"}, {"borrow": -1}, {"max_phonemes_per_second": 30}):
        with pytest.raises(ValueError, match="must"):
            FilmSettings(**files, **wrong)


def test_rates() -> None:
    assert read_rate("25/23.976") == Fraction(25 * 1001, 24000)
    assert read_rate("1.5") == Fraction(3, 2)
    for wrong in ("", "x", "1/0", "-1", "1/2/3", "1e9"):
        with pytest.raises(ValueError, match=r"like 25/23\.976"):
            read_rate(wrong)

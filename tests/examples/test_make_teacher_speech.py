"""Speech of a teacher: sentences and voices that repeat for a seed, nothing excluded, files that agree and go on after a stop."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.text import PHONEMES, phonemize
from flowdubber_hf.processing.video import probe_video
from support.training_runs import load_script


pytestmark = pytest.mark.slow


REPOSITORY = Path(__file__).parents[2]
make_teacher_speech = load_script(REPOSITORY, "make_teacher_speech")
teachers, teacher_sentences = (load_script(REPOSITORY, name) for name in ("teachers", "teacher_sentences"))
BOOK = """CHAPTER I. A WALK

"We had better go into the avenue," said Mr. Fairfax.  She could not follow him, and the
rain fell. No.

It was the 3rd of May. Have you never any
balls at Northampton? The children walked to school in the pouring rain.
"""


class Hummer:
    """A teacher that hums 0.1 s for each phoneme, in the pitch of its voice, after and before half a second of silence."""

    name = "hummer"
    families = (("low", "high"), ("odd",))
    late = 0.0

    def __init__(self):
        self.said = []

    def speak(self, text, parts, tempo):
        self.said.append((text, parts, tempo))
        spoken = phonemize(text)
        starts = [0.0, *(0.5 + 0.1 / tempo * place for place in range(len(spoken.phonemes) - 1))]
        length = round(8000 * (starts[-1] + 0.5))
        pitch = sum(share * {"low": 100, "high": 200, "odd": 300}[name] for name, share in parts)
        sound = 0.1 * np.sin(2 * np.pi * pitch * np.arange(length) / 8000)
        return teachers.Spoken(sound.astype(np.float32), 8000, spoken, [start + self.late for start in starts])


@pytest.fixture
def hummer(monkeypatch):
    """The teacher, in whose sounds the phonemes are found where it put them."""
    teacher = Hummer()
    made = {}

    def align(sound, spoken):
        made["samples"] = len(sound)
        seconds, count = len(sound) / 16000, len(spoken.phonemes)
        inner = np.linspace(0.5, seconds - 0.5, count - 1)
        ends = [0.0, *inner, seconds]
        return list(pairwise(ends))

    monkeypatch.setattr(make_teacher_speech, "align", align)
    monkeypatch.setitem(make_teacher_speech.TEACHERS, "flite", lambda args: teacher)
    make_teacher_speech.teacher_of.cache_clear()
    yield teacher
    make_teacher_speech.teacher_of.cache_clear()


def rows_of(folder):
    return [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]


def run(folder, *more):
    numbers = ("--num_sentences", "5", "--num_voices", "4", "--num_heads", "1")
    make_teacher_speech.main(["--output", str(folder), *numbers, *more])


def test_sentences_repeat_for_a_seed_and_are_english():
    draw = teacher_sentences.draw_sentences
    first, other = draw(40, 0), draw(40, 1)
    assert first == draw(60, 0)[:40] and first != other and len(set(first)) == 40
    for sentence in first[:10]:
        assert len(phonemize(sentence).words) >= 3


def test_books_are_cut_into_plain_sentences(tmp_path):
    path = tmp_path / "book.txt"
    path.write_text(BOOK)
    found = teacher_sentences.book_sentences([path], 0)
    assert sorted(found) == [
        "Have you never any balls at Northampton?",
        "She could not follow him, and the rain fell.",
        "The children walked to school in the pouring rain.",
    ]
    drawn = teacher_sentences.draw_sentences(20, 0, [path])
    assert set(drawn) & set(found) == set(found) - {"The children walked to school in the pouring rain."}
    assert drawn[0] in found and drawn[1] not in found
    path.write_text("Nothing.")
    with pytest.raises(ValueError, match="no plain English sentence"):
        teacher_sentences.draw_sentences(2, 0, [path])


def test_excluded_sentences_and_those_of_the_judge_are_never_made():
    gone, *kept = teacher_sentences.draw_sentences(30, 0)
    assert teacher_sentences.draw_sentences(29, 0, excluded=[gone.upper()]) == kept
    judged = set(map(teacher_sentences.normalised, teacher_sentences.JUDGED_BY.read_text().splitlines()))
    assert len(judged) == 30
    assert not judged & set(map(teacher_sentences.normalised, teacher_sentences.draw_sentences(5000, 0)))


def test_every_phoneme_of_english_is_said():
    said = {
        phoneme.rstrip("012")
        for sentence in teacher_sentences.draw_sentences(400, 0)
        for phoneme in phonemize(sentence).phonemes
    }
    assert len(said - {"sil", "sp"}) == 39


def test_voices_repeat_for_a_seed_and_are_mixed_in_a_family():
    voices = [teachers.draw_voice(Hummer, number, 0) for number in range(40)]
    assert voices == [teachers.draw_voice(Hummer, number, 0) for number in range(40)]
    assert voices[3:] != [teachers.draw_voice(Hummer, number, 1) for number in range(3, 40)]
    assert [voice.parts for voice in voices[:3]] == [(("low", 1.0),), (("high", 1.0),), (("odd", 1.0),)]
    assert len({voice.name for voice in voices}) == 40
    for voice in voices[3:]:
        assert sum(share for _, share in voice.parts) == pytest.approx(1)
        names = {name for name, _ in voice.parts}
        assert names <= {"low", "high"} or names == {"odd"}
        assert 0.8 < voice.tempo < 1.2 and 0.8 < voice.size < 1.2
    assert any(len(voice.parts) == 2 for voice in voices)


def test_files_and_rows_agree(tmp_path, hummer):
    run(tmp_path, "--room_share", "0.5")
    rows = rows_of(tmp_path)
    assert [row["text"] for row in rows] == [text for text, *_ in hummer.said]
    assert [row["speaker"] for row in rows] == [
        "hummer-low", "hummer-high", "hummer-odd", "hummer-0003", "hummer-low",
    ]  # fmt: skip
    assert [row["source"] for row in rows] == ["hummer-drawn"] + 4 * ["hummer"]
    for row in rows:
        sound = load_audio(tmp_path / row["audio"])
        spoken = phonemize(row["text"])
        assert [phone for phone, *_ in row["phones"]] == [
            phoneme for phoneme in spoken.phonemes if phoneme not in ("sil", "sp")
        ]
        assert [word for word, *_ in row["words"]] == spoken.words
        assert row["words"][-1][2] == row["phones"][-1][2] < len(sound) / 16000
        assert -34 < 20 * np.log10(np.sqrt(np.mean(sound**2))) < -16
    assert probe_video(tmp_path / rows[0]["video"]).num_frames == round(
        len(load_audio(tmp_path / rows[0]["audio"])) / 640
    )


def test_a_larger_head_is_deeper_and_as_fast(tmp_path, hummer):
    run(tmp_path)
    voice = teachers.draw_voice(hummer, 3, 0)
    text, parts, tempo = hummer.said[3]
    assert parts == voice.parts and tempo == pytest.approx(voice.tempo * voice.size)
    sound = load_audio(tmp_path / rows_of(tmp_path)[3]["audio"])
    count = len(phonemize(text).phonemes)
    assert len(sound) / 16000 == pytest.approx(voice.size + 0.1 * (count - 2) / voice.tempo, abs=0.01)
    pitch = sum(share * {"low": 100, "high": 200, "odd": 300}[name] for name, share in parts)
    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argmax(spectrum) * 16000 / len(sound) == pytest.approx(pitch / voice.size, rel=0.02)


def test_it_goes_on_where_it_stopped(tmp_path, hummer):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole)
    hummer.said.clear()
    run(parts, "--num_sentences", "2")
    (parts / "rows" / "000001.json").unlink()  # ended before its row was written
    run(parts)
    assert len(hummer.said) == 6
    assert rows_of(parts) == rows_of(whole)
    run(parts)
    assert len(hummer.said) == 6
    with pytest.raises(ValueError, match="other settings"):
        run(parts, "--seed", "1")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="something else"):
        run(tmp_path / "other")


def test_a_sentence_on_which_the_times_disagree_is_left_out(tmp_path, hummer, monkeypatch, capsys):
    hummer.late = 0.4  # in common: no disagreement
    run(tmp_path / "late")
    assert len(rows_of(tmp_path / "late")) == 5
    aligned = make_teacher_speech.align

    def astray(sound, spoken):
        times = aligned(sound, spoken)
        middle = len(times) // 2
        shift = 0.3 if len(hummer.said) == 7 else 0.0
        return [*times[:middle], *((start + shift, end + shift) for start, end in times[middle:])]

    monkeypatch.setattr(make_teacher_speech, "align", astray)
    run(tmp_path / "astray")
    assert len(rows_of(tmp_path / "astray")) == 4
    assert "left out: 1" in capsys.readouterr().out


def test_numbers_that_make_no_sense(tmp_path, hummer):
    for wrong in (("--num_sentences", "0"), ("--num_heads", "-1"), ("--room_share", "2")):
        with pytest.raises(ValueError, match="must"):
            run(tmp_path / "out", *wrong)
    assert not (tmp_path / "out").exists()


def test_missing_programs_and_files_are_named(tmp_path, monkeypatch):
    make_teacher_speech.teacher_of.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="apt install flite"):
        run(tmp_path / "out")
    with pytest.raises(ValueError, match="--model"):
        run(tmp_path / "out", "--teacher", "kokoro")
    with pytest.raises(ValueError, match="no voices of Kokoro"):
        teachers.Kokoro(tmp_path / "model.onnx", tmp_path)
    np.zeros(10, np.float32).tofile(tmp_path / "af_heart.bin")
    with pytest.raises(ValueError, match=r"af_heart\.bin is no voice"):
        teachers.Kokoro(tmp_path / "model.onnx", tmp_path)


def test_kokoro_has_a_symbol_for_every_phoneme():
    for british in (False, True):
        for phoneme in PHONEMES:
            if phoneme.isupper():
                assert all(symbol in teachers._SYMBOLS for symbol in teachers.kokoro_symbols(phoneme, british))
    assert teachers.kokoro_symbols("AY1", False) == "ˈI" and teachers.kokoro_symbols("AH0", False) == "ə"
    assert teachers.kokoro_symbols("OW2", True) == "ˌQ" and teachers.kokoro_symbols("OW2", False) == "ˌO"


def test_kokoro_is_asked_for_phonemes_and_tells_their_starts(tmp_path, monkeypatch):
    asked = []

    class Session:
        def run(self, outputs, inputs):
            asked.append(inputs)
            steps = np.arange(inputs["tokens"].shape[1], dtype=np.float32)[None]
            return np.zeros((1, int(steps.sum()) * 600), np.float32), steps

    monkeypatch.setattr(teachers, "_kokoro_session", lambda model, durations: Session())
    for name, value in (("af_heart", 1.0), ("am_adam", 3.0), ("bf_emma", 5.0), ("af_nicole", 9.0)):
        np.full((510, 256), value, np.float32).tofile(tmp_path / f"{name}.bin")
    teacher = teachers.Kokoro(tmp_path / "model.onnx", tmp_path)
    assert teacher.families == (("af_heart", "am_adam"), ("bf_emma",))
    spoken = teacher.speak("Go, now?", (("af_heart", 0.25), ("am_adam", 0.75)), 1.1)
    (inputs,) = asked
    symbols = "ɡˈO, nˈW?"
    assert inputs["tokens"].tolist() == [[0, *(teachers._SYMBOLS[symbol] for symbol in symbols), 0]]
    assert inputs["style"].shape == (1, 256) and np.allclose(inputs["style"], 2.5)
    assert inputs["speed"] == pytest.approx([1.1])
    # Steps of 0 to 10: the start, G, two for OW, two for the comma, N, two for AW, two at the end.
    assert spoken.starts == pytest.approx([0.0, 0.0, 0.025, 0.15, 0.375, 0.525, 0.9])
    assert spoken.phonemization.phonemes == ["sil", "G", "OW1", "sp", "N", "AW1", "sil"]
    with pytest.raises(ValueError, match="shorter"):
        teacher.speak("many words " * 100, (("af_heart", 1.0),), 1.0)


def test_a_file_that_is_no_model_is_told(tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    with pytest.raises(ValueError, match="there is no file"):
        teachers._kokoro_session(tmp_path / "model.onnx", "durations")
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ValueError, match="is not Kokoro-82M"):
        teachers._kokoro_session(tmp_path / "model.onnx", "durations")


@pytest.mark.skipif(shutil.which("flite") is None, reason="the program flite is not installed")
def test_flite_says_it(tmp_path):
    pytest.importorskip("pocketsphinx")
    make_teacher_speech.teacher_of.cache_clear()
    given = ("--num_sentences", "2", "--num_heads", "1", "--num_voices", "2", "--teacher", "flite")
    make_teacher_speech.main(["--output", str(tmp_path), *given])
    first, second = rows_of(tmp_path)
    assert first["video"].endswith(".mp4") and probe_video(tmp_path / first["video"]).num_frames > 25
    assert "video" not in second and second["speaker"] == "flite-rms"
    slow, fast = (teachers.Flite().speak(second["text"], (("rms", 1.0),), tempo).sound.size for tempo in (0.8, 1.2))
    assert slow > 1.3 * fast

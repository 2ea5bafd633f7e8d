"""A film dubbed: the same bytes however often it is stopped, and takes that are never written over."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from flowdubber_hf.demo import demo_reference
from flowdubber_hf.film import run as run_module
from flowdubber_hf.film.run import DubbedFilm, RunSettings, run_film
from flowdubber_hf.processing.sound import load_audio
from flowdubber_hf.processing.wav import write_wav
from support.films import TEXT, film_folder, plan_in, speech
from support.video_files import head_frames, write_clip


pytestmark = pytest.mark.slow


FAST = {"steps": 1, "device": "cpu", "judge": False}


folder = pytest.fixture(scope="module")(film_folder)


def digests(folder: Path, pattern: str = "takes/*/*.wav") -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob(pattern)
    }


@pytest.fixture(scope="module")
def dubbed(folder: Path) -> DubbedFilm:
    settings = RunSettings(**FAST, stems=True, subtitles=folder / "spoken.srt", embed_subtitles=True)
    return run_film(plan_in(folder, folder / "dubbed.mkv"), settings)


def test_every_cue_is_said_in_its_window(dubbed: DubbedFilm, folder: Path):
    assert len(dubbed.cues) == 4 and dubbed.failed == []
    for cue in dubbed.cues:
        start, end = cue.plan.window
        assert (
            cue.made
            and cue.seed == 0
            and [word for word, _, _ in cue.words] == ["place", "blue", "at", "f", "two", "now"]
        )
        assert all(start <= first < last <= end + 1 for _, first, last in cue.words)
        assert len(load_audio(cue.file)) == round((end - start) * 16000 / 1e6)
    assert (folder / "spoken.srt").read_text().count("Place blue at f two now.") == 4


def test_the_film_has_the_dub_first_and_its_own_sound_second(dubbed: DubbedFilm, folder: Path):
    with av.open(str(dubbed.output.path)) as made, av.open(str(folder / "film.mp4")) as film:
        kinds = [stream.type for stream in made.streams]
        assert kinds.count("audio") == 2 and kinds.count("video") == 1 and kinds.count("subtitle") == 1
        same = [[bytes(packet) for packet in one.demux(video=0) if packet.size] for one in (made, film)]
    assert same[0] == same[1]
    assert dubbed.output.levels.true_peak <= -1.0


def test_a_file_of_somebody_elses_is_not_replaced(dubbed: DubbedFilm, folder: Path):
    (folder / "precious.mkv").write_bytes(b"precious")
    with pytest.raises(ValueError, match=r"precious\.mkv exists"):
        run_film(plan_in(folder, folder / "precious.mkv"), RunSettings(**FAST))
    assert (folder / "precious.mkv").read_bytes() == b"precious"


def test_stems_add_up_and_are_as_long_as_the_film(dubbed: DubbedFilm):
    from flowdubber_hf.processing.long_wav import LongWav

    stems = {name: LongWav(file) for name, file in dubbed.output.stems.items()}
    whole = {name: one.read(0, one.samples) for name, one in stems.items()}
    assert {one.shape for one in whole.values()} == {whole["mix"].shape}
    np.testing.assert_array_equal(whole["mix"], sum(one for name, one in whole.items() if name != "mix"))
    assert all(np.abs(one).max() > 0.01 for name, one in whole.items() if name in ("anna", "ben"))


def test_a_second_run_makes_nothing_and_gives_the_same_bytes(dubbed: DubbedFilm, folder: Path):
    before = dubbed.output.path.read_bytes()
    again = run_film(plan_in(folder, folder / "dubbed.mkv"), RunSettings(**FAST, embed_subtitles=True))
    assert not any(cue.made for cue in again.cues)
    assert again.output.path.read_bytes() == before


def test_a_cue_done_again_leaves_the_others_alone(dubbed: DubbedFilm, folder: Path):
    plan, work = plan_in(folder, folder / "dubbed.mkv"), folder / "dubbed.mkv.film"
    before = digests(work)
    settings = RunSettings(**FAST)
    again = run_film(plan, settings, redo=["2"], stop_after="dub")
    assert [cue.made for cue in again.cues] == [False, True, False, False] and again.cues[1].seed == 1
    after = digests(work)
    assert before.items() <= after.items() and len(after) == len(before) + 1
    with_seed = run_film(plan, RunSettings(**{**FAST, "seed": 7}), redo=["2"], stop_after="dub", only=["2"])
    assert with_seed.cues[1].seed == 7
    back = run_film(plan, settings, accept={"2": 0}, stop_after="dub")
    assert back.cues[1].seed == 0 and not any(cue.made for cue in back.cues)
    with pytest.raises(ValueError, match="cue 2 has no take 5; it has 0, 1, 7"):
        run_film(plan, settings, accept={"2": 5})
    with pytest.raises(ValueError, match="no cue '99'"):
        run_film(plan, settings, redo=["99"])


def test_another_text_is_another_take_and_the_old_one_stays(dubbed: DubbedFilm, folder: Path, tmp_path: Path):
    work = folder / "dubbed.mkv.film"
    before = digests(work)
    sheet = (folder / "film.srt").read_text().replace("ANNA: Place blue", "ANNA: Set red", 1)
    (tmp_path / "other.srt").write_text(sheet)
    plan = plan_in(folder, folder / "dubbed.mkv", cues=tmp_path / "other.srt")
    again = run_film(plan, RunSettings(**FAST), stop_after="dub")
    assert sum(cue.made for cue in again.cues) == 1
    assert before.items() <= digests(work).items()


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(dubbed: DubbedFilm, folder: Path, monkeypatch):
    plan = plan_in(folder, folder / "other.mkv")
    make, calls = run_module.make_take, []

    def stop_at_the_third(*given):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return make(*given)

    monkeypatch.setattr(run_module, "make_take", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run_film(plan, RunSettings(**FAST, embed_subtitles=True))
    again = run_film(plan, RunSettings(**FAST, embed_subtitles=True))
    assert sum(cue.made for cue in again.cues) == 2
    first = {cue.plan.id: cue.file.read_bytes() for cue in dubbed.cues}
    assert {cue.plan.id: cue.file.read_bytes() for cue in again.cues} == first


def test_several_processes_give_the_same_bytes(dubbed: DubbedFilm, folder: Path):
    plan = plan_in(folder, folder / "two.mkv")
    again = run_film(plan, RunSettings(**FAST, num_proc=2), stop_after="dub")
    assert {cue.plan.id: cue.file.read_bytes() for cue in again.cues} == {
        cue.plan.id: cue.file.read_bytes() for cue in dubbed.cues
    }


def test_a_cue_that_fails_is_told_and_the_film_made_without_it(folder: Path, monkeypatch):
    plan = plan_in(folder, folder / "partial.mkv")
    make = run_module.make_take

    def fails_for_ben(pipe, plan, cue, voice, *rest):
        if voice.name == "ben":
            raise ValueError("this voice is hoarse.")
        return make(pipe, plan, cue, voice, *rest)

    monkeypatch.setattr(run_module, "make_take", fails_for_ben)
    done = run_film(plan, RunSettings(**FAST))
    assert [cue.problem for cue in done.failed] == ["this voice is hoarse."] * 2 and done.output is not None


@pytest.mark.slow
def test_a_cue_of_more_than_a_minute_is_said_in_parts(tmp_path: Path):
    count = 21
    write_clip(tmp_path / "film.mp4", np.tile(head_frames(), (count, 1, 1, 1)), sound=np.tile(speech(), count))
    write_wav(tmp_path / "anna.wav", demo_reference())
    (tmp_path / "voices.toml").write_text('[anna]\nreference = "anna.wav"\n')
    (tmp_path / "film.srt").write_text(f"1\n00:00:00,400 --> 00:01:02,500\nANNA: {' '.join([TEXT] * count)}\n")
    plan = plan_in(tmp_path, tmp_path / "dubbed.mkv")
    (cue,) = plan.cues
    assert [part.timing for part in cue.parts] == ["lips"] * 3
    done = run_film(plan, RunSettings(**FAST, stems=True))
    assert done.failed == []
    sound, (start, end) = load_audio(done.cues[0].file), cue.window
    assert len(sound) == round((end - start) * 16000 / 1e6)
    times = [time for _, first, last in done.cues[0].words for time in (first, last)]
    assert len(times) == 2 * 6 * count and times == sorted(times) and start <= times[0] and times[-1] <= end
    for before, after in pairwise(cue.parts):
        assert before.window[1] <= after.window[0]
        joint = round((after.microseconds[0] - start) * 16000 / 1e6)
        assert np.abs(sound[joint - 160 : joint + 160]).max() < 0.1 * np.abs(sound).max()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"background": "duck=3"}, "background"),
        ({"background": "separate"}, "separator"),
        ({"loudness": "loud"}, "loudness"),
        ({"num_proc": 0}, "num_proc"),
        ({"best_of": 0}, "best-of"),
        ({"steps": 0}, "steps"),
        ({"subtitles": Path("a.txt")}, "subtitles"),
    ],
)
def test_what_cannot_be_is_refused_before_a_model_is_loaded(folder: Path, changed, message, monkeypatch):
    monkeypatch.setattr(run_module, "_pipeline", None)
    plan = plan_in(folder, folder / "refused.mkv")
    with pytest.raises(ValueError, match=message):
        run_film(plan, RunSettings(**{**FAST, **changed}))
    assert not (folder / "refused.mkv").exists()


def test_a_loaded_pipeline_is_taken_and_no_other_is_loaded(
    dubbed: DubbedFilm, folder: Path, tmp_path: Path, monkeypatch
):
    pipe = run_module._pipeline("flowdubber-grid-tiny", "cpu")
    monkeypatch.setattr(run_module, "_pipeline", lambda *given: pytest.fail("a second copy was loaded"))
    again = run_film(plan_in(folder, tmp_path / "dubbed.mkv"), RunSettings(**FAST), stop_after="dub", pipe=pipe)
    first = {cue.plan.id: cue.file.read_bytes() for cue in dubbed.cues}
    assert {cue.plan.id: cue.file.read_bytes() for cue in again.cues} == first
    with pytest.raises(ValueError, match="leave num_proc at 1"):
        run_film(again.plan, RunSettings(**FAST, num_proc=2), pipe=pipe)


def test_a_voice_that_changed_is_heard_anew(dubbed: DubbedFilm, folder: Path, tmp_path: Path):
    from flowdubber_hf.demo import demo_reference
    from flowdubber_hf.processing.wav import write_wav

    (tmp_path / "voices.toml").write_text((folder / "voices.toml").read_text())
    outcomes = []
    for pitch in (1.0, 1.6):
        write_wav(tmp_path / "anna.wav", demo_reference(pitch), overwrite=True)
        plan = plan_in(folder, tmp_path / "dubbed.mkv", voices=tmp_path / "voices.toml")
        outcomes.append(run_film(plan, RunSettings(**FAST), only=["1"], stop_after="dub").cues[0])
    fresh = plan_in(folder, tmp_path / "fresh.mkv", voices=tmp_path / "voices.toml")
    alone = run_film(fresh, RunSettings(**FAST), only=["1"], stop_after="dub").cues[0]
    assert outcomes[0].file.read_bytes() != outcomes[1].file.read_bytes() == alone.file.read_bytes()

"""A film that is stopped, killed, shared out or cannot be written: nothing is lost, and the bytes are the same in the end."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flowdubber_hf.cli import main
from flowdubber_hf.film import run as run_module
from flowdubber_hf.film import run_settings
from flowdubber_hf.film.problems import BadFilm
from flowdubber_hf.film.run import DubbedFilm, RunSettings, run_film
from flowdubber_hf.work.files import create_beside, remove_abandoned
from support.films import film_files, film_folder, plan_in
from support.video_files import head_frames, write_clip


pytestmark = pytest.mark.slow


FAST = {"steps": 1, "device": "cpu", "judge": False}
KILLED = """
import os, signal, sys, threading
from flowdubber_hf.film import FilmSettings, plan_film
from flowdubber_hf.film.run import RunSettings, run_film

film, cues, voices, output, last = sys.argv[1:]

def end():
    os.kill(os.getpid(), signal.SIGKILL)

def tell(stage, share):
    if stage == last == "film":
        threading.Timer(0.05, end).start()  # while the file is being written
    elif stage == last:
        end()

plan = plan_film(FilmSettings(film=film, cues=cues, voices=voices, output=output), progress=tell)
run_film(plan, RunSettings(steps=1, device="cpu", judge=False), on_progress=tell)
end()
"""


folder = pytest.fixture(scope="module")(film_folder)


def takes_of(dubbed: DubbedFilm) -> dict[str, bytes]:
    return {cue.plan.id: cue.file.read_bytes() for cue in dubbed.cues}


@pytest.fixture(scope="module")
def dubbed(folder: Path) -> DubbedFilm:
    return run_film(plan_in(folder, folder / "dubbed.mkv"), RunSettings(**FAST))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system kills otherwise")
def test_a_run_that_is_killed_in_every_stage_comes_to_the_same_bytes(dubbed: DubbedFilm, folder: Path):
    output = folder / "killed.mkv"
    for stage in ("shots", "faces", "dub", "sound", "mix", "film"):
        given = [*map(str, film_files(folder).values()), str(output), stage]
        ended = subprocess.run([sys.executable, "-c", KILLED, *given], capture_output=True, timeout=600, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
        assert not output.exists() or output.read_bytes() == dubbed.output.path.read_bytes()
    again = run_film(plan_in(folder, output), RunSettings(**FAST))
    assert takes_of(again) == takes_of(dubbed)
    assert output.read_bytes() == dubbed.output.path.read_bytes()


def test_a_run_that_is_killed_when_its_files_are_just_there_knows_them_again(folder: Path, dubbed, monkeypatch):
    plan = plan_in(folder, folder / "just.mkv")
    settings = RunSettings(**FAST, subtitles=folder / "just.srt")

    def killed(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flowdubber_hf.film.assemble.note_own", killed)
        with pytest.raises(KeyboardInterrupt):
            run_film(plan, settings)
    assert (folder / "just.mkv").exists() and (folder / "just.srt").exists()
    run_film(plan, settings)
    assert (folder / "just.mkv").read_bytes() == dubbed.output.path.read_bytes()


def test_what_killed_runs_left_is_removed_when_nobody_writes_it(tmp_path: Path):
    old, new, other = (create_beside(tmp_path / name) for name in ("film.mkv", "film.mkv", "other.mkv"))
    mine = tmp_path / ".notes-of-mine.txt"
    mine.write_text("precious")
    long_ago = time.time() - 3600
    for file in (old, other, mine):
        os.utime(file, (long_ago, long_ago))
    remove_abandoned(tmp_path, "film")
    assert not old.exists() and new.exists() and other.exists() and mine.exists()
    remove_abandoned(tmp_path)
    assert new.exists() and not other.exists() and mine.exists()
    remove_abandoned(tmp_path / "missing")


def test_a_run_removes_what_a_killed_one_left_beside_film_and_takes(dubbed: DubbedFilm, folder: Path):
    work = folder / "dubbed.mkv.film"
    left = [create_beside(folder / "dubbed.mkv"), create_beside(work / "sound" / "film.wav")]
    for file in left:
        os.utime(file, (0, 0))
    run_film(plan_in(folder, folder / "dubbed.mkv"), RunSettings(**FAST), stop_after="dub")
    assert not any(file.exists() for file in left)


def test_processes_of_accelerate_share_the_cues(dubbed: DubbedFilm, folder: Path, monkeypatch):
    """Rank 1 makes its share and no film; who makes the rest writes the film, in the same bytes."""

    class State:
        def __init__(self, cpu, timeout):
            assert cpu

        def wait_for_everyone(self):
            pass

    monkeypatch.setattr("accelerate.PartialState", State)
    plan = plan_in(folder, folder / "shared.mkv")
    monkeypatch.setattr(run_module, "world", lambda: (1, 2))
    part = run_film(plan, RunSettings(**FAST))
    assert part.cues == () and part.output is None
    assert len(list(plan.settings.work_folder.glob("takes/*/*.wav"))) == 2
    monkeypatch.setattr(run_module, "world", lambda: (0, 1))
    whole = run_film(plan, RunSettings(**FAST))
    assert sum(cue.made for cue in whole.cues) == 2 and takes_of(whole) == takes_of(dubbed)
    assert whole.output.path.read_bytes() == dubbed.output.path.read_bytes()


def test_one_process_alone_chooses_another_seed(dubbed: DubbedFilm, folder: Path, monkeypatch):
    monkeypatch.setattr("accelerate.PartialState", lambda cpu, timeout: pytest.MonkeyPatch)
    monkeypatch.setattr(run_module, "join_world", lambda processes, device: lambda: None)
    plan = plan_in(folder, folder / "again.mkv")
    run_film(plan, RunSettings(**FAST), only=["1"], stop_after="dub")
    monkeypatch.setattr(run_module, "world", lambda: (0, 2))
    first = run_film(plan, RunSettings(**FAST), only=["1"], redo=["1"], stop_after="dub")
    monkeypatch.setattr(run_module, "world", lambda: (1, 2))
    run_film(plan, RunSettings(**FAST), only=["1"], redo=["1"], stop_after="dub")
    assert first.cues[0].seed == 1
    assert sorted(file.stem[-2:] for file in plan.settings.work_folder.glob("takes/*/*.wav")) == ["-0", "-1"]


@pytest.mark.slow
def test_accelerate_launch_gives_the_same_bytes(folder: Path):
    film, cues, voices = map(str, film_files(folder).values())

    def given(name: str) -> list[str]:
        files = ["--cues", cues, "--voices", voices, "--output", str(folder / name)]
        return ["film", film, *files, "--steps", "1", "--device", "cpu", "--quiet"]

    launch = [
        "--cpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
        "--dynamo_backend",
        "no",
    ]
    launch += ["--main_process_port", "0", "-m", "flowdubber_hf"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *launch, *given("launched.mkv")]
    for more in ([], ["--redo", "2"]):
        ended = subprocess.run([*command, *more], capture_output=True, timeout=900, check=False)
        assert ended.returncode == 0, ended.stderr.decode()
        assert main([*given("alone.mkv"), *more]) == 0
        assert (folder / "launched.mkv").read_bytes() == (folder / "alone.mkv").read_bytes()
    takes = list((folder / "launched.mkv.film").glob("takes/*/*.wav"))
    assert len(takes) == 5


# ---------------------------------------------------------------------------------------------------------------------


def test_a_separator_that_fails_ends_with_its_last_line_and_loses_nothing(folder: Path, capsys):
    film, cues, voices = map(str, film_files(folder).values())
    program = f"{sys.executable} -c \"print('begun'); print('CUDA out of memory'); exit(3)\" {{input}} {{output}}"
    given = ["film", film, "--cues", cues, "--voices", voices, "--output", str(folder / "separated.mkv")]
    given += ["--steps", "1", "--device", "cpu", "--background", "separate", "--separator", program]
    assert main(given) == 1
    assert "failed with code 3: CUDA out of memory All takes are kept" in capsys.readouterr().err
    assert not (folder / "separated.mkv").exists()
    assert len(list((folder / "separated.mkv.film").glob("takes/*/*.wav"))) == 4


def test_a_disk_that_is_too_small_is_told_before_the_work(folder: Path, monkeypatch):
    plan = plan_in(folder, folder / "large.mkv")
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(run_settings.shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(run_module, "_pipeline", None)
    with pytest.raises(ValueError, match=r"take about 0\.0 GB, and 0\.0 GB are free; free some"):
        run_film(plan, RunSettings(**FAST))


def test_a_disk_that_is_full_ends_the_work_and_keeps_finished_takes(folder: Path, monkeypatch):
    plan, write, calls = plan_in(folder, folder / "full.mkv"), run_module.write_wav, []

    def full_at_the_third(*given, **options):
        calls.append(1)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(*given, **options)

    monkeypatch.setattr(run_module, "write_wav", full_at_the_third)
    with pytest.raises(ValueError, match=r"there is no space left for it.*what is finished is kept"):
        run_film(plan, RunSettings(**FAST))
    assert len(list(plan.settings.work_folder.glob("takes/*/*.wav"))) == 2


def test_the_work_folder_of_another_film_is_kept(dubbed: DubbedFilm, folder: Path, tmp_path: Path):
    write_clip(tmp_path / "other.mp4", head_frames())
    work = folder / "dubbed.mkv.film"
    sheet = tmp_path / "other.srt"
    sheet.write_text("1\n00:00:00,400 --> 00:00:02,500\nANNA: Place blue at f two now.\n")
    with pytest.raises(BadFilm, match=r"work: .*dubbed\.mkv\.film is of another film \(.*film\.mp4\).*--work"):
        plan_in(folder, tmp_path / "other.mkv", film=tmp_path / "other.mp4", cues=sheet, work=work)
    assert dubbed.plan.settings.work_folder == work and (work / "plan.json").is_file()
    again = plan_in(folder, folder / "dubbed.mkv")
    assert [cue.id for cue in again.cues] == [cue.id for cue in dubbed.plan.cues]


def test_words_of_another_script_lie_where_the_mouth_moves(folder: Path):
    sheet = folder / "translated.srt"
    sheet.write_text("1\n00:00:00,300 --> 00:00:02,900\nANNA: We never saw the sea.\n")
    plan = plan_in(folder, folder / "translated.mkv", cues=sheet, timing="activity")
    assert plan.cues[0].timing == "activity"
    done = run_film(plan, RunSettings(**FAST), stop_after="dub")
    assert done.failed == []
    words = done.cues[0].words
    assert [word for word, _, _ in words] == ["we", "never", "saw", "the", "sea"]
    assert words[0][1] > 350_000 and words[-1][2] < 2_650_000  # the head speaks from 0.5 to 2.4 s

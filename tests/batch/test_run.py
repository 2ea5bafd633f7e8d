"""Batches: checked first, shared out, resumed, and stopped by no single clip."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import errno
import json
import wave
from dataclasses import replace

import pytest

from flowdubber_hf.batch import run
from flowdubber_hf.batch.plan import RESULTS_NAME, BatchSettings, plan_batch
from flowdubber_hf.batch.run import run_batch
from flowdubber_hf.dubbing.jobs import BadJobs
from support.batch_listings import line, write_clips, write_listing


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def few_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="module")
def model(untrained_model):
    return str(untrained_model)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def settings(clips, model, tmp_path):
    """Settings for a listing of these lines, which is written."""

    def build(*rows, **changed):
        listing = write_listing(clips, *rows)
        given = {"steps": 1, "guidance_scale": 1.0}
        options = {"suffix": ".wav", "model": model, "device": "cpu", "quiet": True, "given": given, **changed}
        return BatchSettings(listing, tmp_path / "dubs", **options)

    return build


def dub(settings):
    return run_batch(plan_batch(settings))


def problems(settings):
    with pytest.raises(BadJobs) as caught:
        plan_batch(settings)
    return [(problem.line, problem.field, problem.message) for problem in caught.value.problems]


def test_clips_are_dubbed_and_told_of(settings, tmp_path):
    batch = dub(settings(line("one", seed=3), line("two", output="scene/second.mp4")))
    assert (batch.dubbed, batch.kept, batch.failed) == (2, 0, [])
    folder = tmp_path / "dubs"
    with wave.open(str(folder / "one.wav")) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (16000, 48000)
    assert (folder / "scene/second.mp4").stat().st_size > 10_000
    rows = [json.loads(text) for text in (folder / RESULTS_NAME).read_text().splitlines()]
    assert rows == list(batch.rows)
    assert [row["line"] for row in rows] == [1, 2]
    assert rows[0]["settings"]["seed"] == 3
    assert [word["word"] for word in rows[1]["words"]] == line("two")["script"].split()


def test_a_clip_that_fails_does_not_stop_the_others(settings, tmp_path):
    batch = dub(settings(line("faceless"), line("one")))
    assert (batch.dubbed, batch.kept) == (1, 0)
    (failed,) = batch.failed
    assert (failed["line"], failed["video"].endswith("faceless.mp4")) == (1, True)
    assert "no face" in failed["problem"]
    assert (tmp_path / "dubs/one.wav").is_file()
    assert not (tmp_path / "dubs/faceless.wav").exists()


def test_what_is_finished_is_kept_and_what_has_changed_is_done_again(settings, tmp_path):
    folder = tmp_path / "dubs"
    before = dub(settings(line("one"), line("two"), line("three")))
    sounds = {name: (folder / f"{name}.wav").read_bytes() for name in ("one", "two", "three")}
    again = dub(settings(line("one"), line("two"), line("three")))
    assert (again.dubbed, again.kept, again.rows) == (0, 3, before.rows)
    (folder / "three.wav").unlink()
    changed = dub(settings(line("one"), line("two", seed=9), line("three")))
    assert (changed.dubbed, changed.kept) == (2, 1)
    assert (folder / "one.wav").read_bytes() == sounds["one"]
    assert (folder / "two.wav").read_bytes() != sounds["two"]
    assert (folder / "three.wav").read_bytes() == sounds["three"]


def test_a_stopped_run_goes_on(settings, tmp_path, monkeypatch):
    real = run.do_job

    def stop_at_two(pipe, job, overwrite):
        if job.video.stem == "two":
            job.output.write_bytes(b"half a file")  # killed while it wrote
            raise KeyboardInterrupt
        return real(pipe, job, overwrite)

    monkeypatch.setattr(run, "do_job", stop_at_two)
    asked = settings(line("one"), line("two"), line("three"))
    with pytest.raises(KeyboardInterrupt):
        dub(asked)
    monkeypatch.setattr(run, "do_job", real)
    batch = dub(asked)
    assert (batch.dubbed, batch.kept, batch.failed) == (2, 1, [])


def test_files_of_others_are_kept(settings, tmp_path):
    folder = tmp_path / "dubs"
    folder.mkdir()
    (folder / "two.wav").write_bytes(b"precious")
    asked = settings(line("one"), line("two"))
    ((number, field, message),) = problems(asked)
    assert (number, field) == (2, "output")
    assert "give --overwrite" in message
    assert sorted(path.name for path in folder.iterdir()) == ["two.wav"]
    assert dub(settings(line("one"), line("two"), overwrite=True)).dubbed == 2
    edited = folder / "one.wav"
    edited.write_bytes(b"cut by hand")  # a dub that somebody has changed since
    assert [number for number, _, _ in problems(asked)] == [1]
    assert edited.read_bytes() == b"cut by hand"


def test_the_results_of_others_are_kept(settings, tmp_path):
    (tmp_path / "dubs").mkdir()
    (tmp_path / "dubs" / RESULTS_NAME).write_text("precious")
    with pytest.raises(ValueError, match="choose another folder"):
        plan_batch(settings(line("one")))


def test_the_failure_of_a_changed_line_leaves_the_older_dub_replaceable(settings, monkeypatch):
    assert dub(settings(line("one"))).dubbed == 1
    monkeypatch.setattr(run, "do_job", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("out of memory")))
    ((failed),) = dub(settings(line("one", seed=1))).failed
    assert failed["problem"] == "RuntimeError: out of memory"
    monkeypatch.undo()
    assert dub(settings(line("one", seed=2))).dubbed == 1


def test_everything_is_looked_at_before_a_model_is_loaded(settings, clips, monkeypatch, tmp_path):
    monkeypatch.setattr(run, "load_pipeline", None)
    (clips / "text.mp4").write_text("this is no video")
    asked = settings(
        line("one"),
        line("one", output="a.wav", script="?!"),
        line("one", output="b.wav", script="place blue at f two now " * 8),
        line("one", output="c.wav", reference="short.wav"),
        line("one", output="d.wav", mouth_box=[0, 0, 9000, 9000]),
        line("text"),
    )
    found = problems(asked)
    assert [(number, field) for number, field, _ in found] == [
        (2, "script"),
        (3, "script"),
        (4, "reference"),
        (5, "mouth_box"),
        (6, "video"),
    ]
    assert "phonemes" in found[1][2]
    assert "at least 1 s" in found[2][2]
    assert "cannot be read" in found[4][2]
    assert not (tmp_path / "dubs").exists()


def test_cheap_mistakes_come_first(settings):
    asked = settings(
        line("nowhere"),
        line("one", steps=0),
        line("one", output="a.wav", guidance_scale=1.4),
        line("one", output="b.wav", reference_text="hello"),
        line("one", output="c.wav", seed=-1, temperature=11),
        line("one", output="d.wav", mouth_box=[50, 50, 10, 90]),
    )
    found = problems(asked)
    assert [(number, field) for number, field, _ in found] == [
        (1, "video"),
        (2, "steps"),
        (3, "guidance_scale"),
        (4, "reference_text"),
        (5, "temperature"),
        (5, "seed"),
        (6, "mouth_box"),
    ]


def test_outputs_may_not_be_inputs(settings, clips):
    asked = settings(line("one", output="two.mp4"), line("two", output="x.mp4"), overwrite=True)
    assert problems(replace(asked, output=clips)) == [
        (1, "output", f"{clips / 'two.mp4'} is one of the inputs; choose another name.")
    ]


def test_two_processes(settings, tmp_path):
    batch = dub(settings(line("one"), line("faceless"), line("two"), num_proc=2))
    assert (batch.dubbed, [row["line"] for row in batch.failed]) == (2, [2])
    assert dub(settings(line("one"), line("two"))).kept == 2


def test_processes_of_accelerate_share_the_clips(settings, tmp_path, monkeypatch):
    """Rank 1 does the second clip and tells nothing; rank 0 does the rest and tells of all."""
    waits = []

    class State:
        def __init__(self, cpu, timeout):
            assert cpu

        def wait_for_everyone(self):
            waits.append(run.world())

    monkeypatch.setattr("accelerate.PartialState", State)
    plan = plan_batch(settings(line("one"), line("two"), line("three")))
    monkeypatch.setattr(run, "world", lambda: (1, 2))
    assert run_batch(plan).rows == ()
    assert [file.name for file in (tmp_path / "dubs").glob("*.wav")] == ["two.wav"]
    monkeypatch.setattr(run, "world", lambda: (0, 2))
    monkeypatch.setattr("flowdubber_hf.batch.plan.world", lambda: (0, 2))
    batch = run_batch(plan)
    assert (batch.dubbed, batch.failed) == (3, [])
    assert waits == [(1, 2), (1, 2), (0, 2), (0, 2)]
    with pytest.raises(ValueError, match="leave --num-proc out"):
        plan_batch(settings(line("one"), num_proc=2))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"num_proc": 0}, "--num-proc"),
        ({"model": "./nowhere"}, "no folder"),
        ({"device": "abacus"}, "--device abacus"),
    ],
)
def test_bad_settings(settings, changed, words):
    with pytest.raises(ValueError, match=words):
        plan_batch(settings(line("one"), **changed))


def test_all_mistakes_are_named_at_once_whatever_kind_they_are(settings, clips):
    """A script, a video that does not decode, another that is missing and a field that there is not, in one go."""
    (clips / "broken.mp4").write_bytes(b"no video")
    rows = (
        line("one", script="[music]"),
        line("broken", script="[music]"),
        line("nowhere"),
        line("two", sede=1),
    )
    found = {(number, field) for number, field, _ in problems(settings(*rows))}
    assert found == {(1, "script"), (2, "script"), (2, "video"), (3, "video"), (4, "sede")}


@pytest.mark.parametrize("output", ["dubs.jsonl/one.wav", "work/one.wav", "Work/one.wav"])
def test_outputs_named_like_the_runs_own_files(settings, output):
    ((number, field, message),) = problems(settings(line("one", output=output)))
    assert (number, field) == (1, "output") and "this run's own files" in message


def test_an_output_inside_of_another_output(settings):
    ((number, field, message),) = problems(settings(line("one", output="a.wav"), line("two", output="a.wav/b.wav")))
    assert (number, field) == (2, "output") and "the output of line 1" in message


def test_a_listing_where_the_results_would_go(settings, tmp_path):
    planned = settings(line("one"))
    (tmp_path / "dubs/work").mkdir(parents=True)
    for name in ("dubs.jsonl", "work/jobs.jsonl"):
        listing = tmp_path / "dubs" / name
        listing.write_bytes(planned.listing.read_bytes())
        with pytest.raises(ValueError, match="keeps its own files"):
            plan_batch(replace(planned, listing=listing))


def test_a_full_disk_ends_the_batch_with_a_sentence_and_keeps_what_is_done(settings, tmp_path, monkeypatch):
    planned = settings(line("one"), line("two"))
    real = run.do_job

    def full_at_two(pipe, job, overwrite):
        if job.output.stem == "two":
            raise ValueError("two.wav cannot be written") from OSError(errno.ENOSPC, "No space left on device")
        return real(pipe, job, overwrite)

    monkeypatch.setattr(run, "do_job", full_at_two)
    with pytest.raises(ValueError, match=r"no space left for it; free some.*what is finished is kept"):
        dub(planned)
    monkeypatch.undo()
    batch = dub(planned)
    assert (batch.kept, batch.dubbed, batch.failed) == (1, 1, [])

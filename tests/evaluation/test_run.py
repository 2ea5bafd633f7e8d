"""Whole evaluations of clips made by the tests: what copies, shifts, other voices and missing files cost; stops and restarts."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.evaluation import run, work
from flowdubber_hf.evaluation.comparison import compare
from flowdubber_hf.evaluation.run import plan_evaluation, run_evaluation
from flowdubber_hf.evaluation.work import work_on
from flowdubber_hf.processing.audio import load_audio, resample
from support.evaluation_corpus import CLIPS, late, settings, write_corpus, write_outputs
from support.made_recordings import script_voice


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def model(untrained_model):
    return str(untrained_model)


def evaluate(*arguments, **changed):
    return run_evaluation(plan_evaluation(settings(*arguments, **changed))).summary


def rows(output):
    return {row["clip"]: row for row in map(json.loads, (output / "clips.jsonl").read_text().splitlines())}


WORDS = ("word-sync", "word-sync-given", "sync-kl", "duration", "length", "wer-grammar", "energy")


def test_a_copy_is_perfect_and_a_shift_costs_what_it_is(corpus, tmp_path):
    pytest.importorskip("pocketsphinx")
    pytest.importorskip("jiwer")
    truth = load_audio(corpus / "anna" / "one.mp4")[:48000]
    sounds = {"anna_one": truth, "anna_two": late(0.2)}
    outputs = write_outputs(tmp_path / "theirs", sounds)
    summary = evaluate(corpus, tmp_path / "out", outputs=outputs, metrics=WORDS, pictures=("anna_two",))
    copy, shifted, missing = (rows(tmp_path / "out")[name] for name in CLIPS)
    assert copy["word_sync_ms"] == pytest.approx(0, abs=2)  # one rounding to 16 bits lies between
    assert copy["word_sync_steady_ms"] == pytest.approx(0, abs=2)
    assert (copy["duration_ms"], copy["sync_kl"]) == pytest.approx((0, 0), abs=2)
    assert copy["energy"] == pytest.approx(1, abs=1e-3)
    assert copy["length_ms"] == shifted["length_ms"] == 0
    assert shifted["word_sync_steady_ms"] == pytest.approx(200, abs=15)
    assert np.median(shifted["word_sync_steady_differences_ms"]) == pytest.approx(200, abs=11)
    assert shifted["duration_ms"] < 30
    # the file that is not there
    assert missing["problem"] == "there is no file of this name"
    assert missing["word_sync_ms"] is None
    assert summary["without_sound"] == {"ben_one": missing["problem"]}
    figure = summary["figures"]["word_sync_steady_ms"]
    assert (figure["clips"], figure["value"]) == (2, pytest.approx(100, abs=10))
    assert figure["low"] < figure["value"] < figure["high"]
    names = ("clips.jsonl", "summary.json", "table.md", "figures.png", "pairing.jsonl", "anna_two.png")
    assert all((tmp_path / "out" / name).stat().st_size > 100 for name in names)
    assert "Without a sound, in no figure: 1 clips (ben_one)" in (tmp_path / "out" / "table.md").read_text()


def test_another_voice_is_less_alike(corpus, tmp_path):
    pytest.importorskip("resemblyzer")
    deeper = resample(script_voice(), 12000)[: len(script_voice())]
    outputs = write_outputs(tmp_path / "theirs", {"anna_one": script_voice(), "anna_two": deeper})
    evaluate(corpus, tmp_path / "out", outputs=outputs, metrics=("ge2e",), setting=1)
    same, other, _ = (rows(tmp_path / "out")[name]["ge2e"] for name in CLIPS)
    assert same > 0.98
    assert other < same - 0.1


def test_truth_against_itself(corpus, tmp_path):
    summary = evaluate(corpus, tmp_path / "out", sound="truth", metrics=("length", "energy"), setting=1)
    assert summary["figures"]["energy"]["value"] == pytest.approx(1)
    assert summary["model"] is None


def test_dubs_of_a_model_and_its_ceilings(corpus, model, tmp_path):
    pytest.importorskip("pocketsphinx")
    options = {"model": model, "steps": 1, "guidance_scale": 1.0, "limit": 1}
    summary = evaluate(corpus, tmp_path / "dub", pictures=("anna_one",), solver="midpoint", sway=-0.5, **options)
    assert summary["figures"]["length_ms"]["value"] == 0
    assert summary["settings"]["solver"] == "midpoint"
    assert summary["dubbing"]["clips"] == 1
    assert (tmp_path / "dub" / "anna_one.png").is_file()
    sounds = {"dub": load_audio(tmp_path / "dub" / "sounds" / "anna_one.wav")}
    for sound in ("vocoded", "true_times"):
        evaluate(corpus, tmp_path / sound, sound=sound, **options)
        sounds[sound] = load_audio(tmp_path / sound / "sounds" / "anna_one.wav")
    evaluate(corpus, tmp_path / "no_lips", without=("lips",), **options)
    sounds["no_lips"] = load_audio(tmp_path / "no_lips" / "sounds" / "anna_one.wav")
    assert {len(sound) for sound in sounds.values()} == {48000}
    assert len({sound.tobytes() for sound in sounds.values()}) == 4
    found = compare([tmp_path / "dub", tmp_path / "vocoded"])
    lines = found.table.splitlines()
    assert len(lines) == 4
    assert "true sound, vocoded" in lines[3]
    assert (found.pairs[0]["clips"], found.pairs[0]["changed"]) == (1, {"sound": ["dub", "vocoded"]})


def test_the_best_take_is_kept(corpus, model, tmp_path):
    for package in ("resemblyzer", "pocketsphinx", "jiwer"):
        pytest.importorskip(package)
    options = {"model": model, "steps": 1, "guidance_scale": 1.0, "limit": 1}
    evaluate(corpus, tmp_path / "out", best_of=3, **options)
    row = rows(tmp_path / "out")["anna_one"]
    assert [take["seed"] for take in row["takes"]] == [0, 1, 2]
    (kept,) = (take for take in row["takes"] if take["seed"] == row["seed"])
    assert sorted((take["similarity"] for take in row["takes"]), reverse=True).index(kept["similarity"]) < 2
    evaluate(corpus, tmp_path / "alone", seed=row["seed"], **options)
    assert rows(tmp_path / "alone")["anna_one"]["seed"] == row["seed"]
    sizes = [(tmp_path / name / "sounds" / "anna_one.wav").stat().st_size for name in ("out", "alone")]
    assert sizes[0] == sizes[1]


def test_clips_that_cannot_be_dubbed_are_counted(corpus, model, tmp_path, monkeypatch):
    options = {"model": model, "steps": 1, "guidance_scale": 1.0}
    dub = work.SoundMaker.dub

    def refuse(self, clip, *arguments):
        if clip.name == "anna_two":
            raise ValueError("no face was\nfound.")
        return dub(self, clip, *arguments)

    monkeypatch.setattr(work.SoundMaker, "dub", refuse)
    summary = evaluate(corpus, tmp_path / "out", **options)
    assert summary["without_sound"] == {"anna_two": "no face was found."}
    assert summary["figures"]["length_ms"]["clips"] == 2


def test_if_no_clip_can_be_dubbed_the_reason_is_told(corpus, model, tmp_path):
    with pytest.raises(ValueError, match=r"none of the 3 clips has a sound; anna_one: .*guidance"):
        evaluate(corpus, tmp_path / "out", model=model, steps=1, guidance_scale=2.0)


# ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def outputs(tmp_path):
    return write_outputs(tmp_path / "theirs", {name: late(0.1 * number) for number, name in enumerate(CLIPS)})


def test_finished_clips_are_not_done_again(corpus, outputs, tmp_path, monkeypatch):
    first = settings(corpus, tmp_path / "out", outputs=outputs, metrics=("length", "energy"))
    run_evaluation(plan_evaluation(first))
    before = (tmp_path / "out" / "clips.jsonl").read_bytes()
    scored = []
    score = work._scorer
    monkeypatch.setattr(work, "_scorer", lambda name, *rest: scored.append(name) or score(name, *rest))
    run_evaluation(plan_evaluation(first))
    assert scored == []
    assert (tmp_path / "out" / "clips.jsonl").read_bytes() == before
    # one more metric: only it is measured; another sound: only its clip is
    run_evaluation(plan_evaluation(dataclasses.replace(first, metrics=("length", "energy", "word-sync-given"))))
    assert scored == ["word-sync-given"] * 3
    (outputs / "anna_two.wav").unlink()
    write_outputs(outputs, {"anna_two": late(0.4)})
    run_evaluation(plan_evaluation(first))
    assert scored[3:] == ["length", "energy"]


def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(corpus, outputs, tmp_path, monkeypatch):
    options = {"outputs": outputs, "metrics": ("length", "energy")}
    evaluate(corpus, tmp_path / "whole", **options)
    done = []

    def stop(job, clip):
        if done:
            raise KeyboardInterrupt
        done.append(clip.name)
        return work_on(job, clip)

    monkeypatch.setattr(run, "work_on", stop)
    with pytest.raises(KeyboardInterrupt):
        evaluate(corpus, tmp_path / "out", **options)
    monkeypatch.setattr(run, "work_on", work_on)
    assert not (tmp_path / "out" / "clips.jsonl").exists()
    (tmp_path / "out" / "work" / "anna_two.json").write_text('{"sound_key": "ha')  # a record that cannot be read
    evaluate(corpus, tmp_path / "out", **options)
    whole, resumed = ((tmp_path / name / "clips.jsonl").read_bytes() for name in ("whole", "out"))
    assert whole == resumed


def test_two_processes_write_the_same_bytes(corpus, model, tmp_path):
    options = {"model": model, "steps": 1, "guidance_scale": 1.0, "metrics": ("length", "energy"), "limit": 2}
    for count in (1, 2):
        evaluate(corpus, tmp_path / str(count), num_proc=count, **options)
    for name in ("clips.jsonl", "sounds/anna_one.wav", "sounds/anna_two.wav"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_processes_of_accelerate_share_the_clips(corpus, outputs, tmp_path, monkeypatch):
    """Rank 1 does the second clip and writes no results; rank 0 does the rest and writes them all."""

    class State:
        def __init__(self, cpu, timeout):
            assert cpu

        def wait_for_everyone(self):
            pass

    monkeypatch.setattr("accelerate.PartialState", State)
    plan = plan_evaluation(settings(corpus, tmp_path / "out", outputs=outputs))
    monkeypatch.setattr(run, "world", lambda: (1, 2))
    assert run_evaluation(plan).summary is None
    assert [file.name for file in (tmp_path / "out" / "work").glob("*.json")] == ["anna_two.json"]
    monkeypatch.setattr(run, "world", lambda: (0, 2))
    assert run_evaluation(plan).summary["figures"]["length_ms"]["clips"] == 3


def test_the_folder_of_another_evaluation_is_kept(corpus, outputs, tmp_path):
    first = settings(corpus, tmp_path / "out", outputs=outputs)
    run_evaluation(plan_evaluation(first))
    other = dataclasses.replace(first, setting=1)
    with pytest.raises(ValueError, match=r"other settings \(setting 2 -> 1\).*--overwrite"):
        plan_evaluation(other)
    summary = run_evaluation(plan_evaluation(dataclasses.replace(other, overwrite=True))).summary
    assert summary["setting"] == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("precious")
    with pytest.raises(ValueError, match="not empty and no evaluation"):
        plan_evaluation(settings(corpus, tmp_path / "mine", outputs=outputs))
    with pytest.raises(ValueError, match="same folder"):
        plan_evaluation(settings(corpus, outputs, outputs=outputs))


def test_pairing_that_was_written_can_be_given_again(corpus, outputs, tmp_path):
    evaluate(corpus, tmp_path / "out", outputs=outputs)
    pairs = tmp_path / "out" / "pairing.jsonl"
    evaluate(corpus, tmp_path / "again", outputs=outputs, pairing=pairs)
    assert (tmp_path / "again" / "pairing.jsonl").read_bytes() == pairs.read_bytes()
    assert rows(tmp_path / "again") == rows(tmp_path / "out")


def test_a_network_that_fails_ends_in_one_line(corpus, outputs, tmp_path, monkeypatch):
    def fail(self, sample):
        raise RuntimeError("CUDA out of memory.\nTried to allocate ...")

    monkeypatch.setattr(work.Scorer, "score", fail)
    with pytest.raises(ValueError, match=r"the work on anna_one failed: CUDA out of memory\. Finished clips are kept"):
        evaluate(corpus, tmp_path / "out", outputs=outputs)


def test_speed_has_its_own_place(corpus, model, tmp_path, monkeypatch):
    """The cold command is another process, tested elsewhere."""
    from flowdubber_hf.evaluation import speed

    monkeypatch.setattr(speed, "measure_command", lambda settings, clip: ({"seconds": 9.0, "peak_gb": 0.5}, {}))
    monkeypatch.setattr(speed, "WARM_UP_CALLS", 0)
    monkeypatch.setattr(speed, "TIMED_CALLS", 1)
    options = {"model": model, "steps": 1, "guidance_scale": 1.0, "limit": 1}
    summary = evaluate(corpus, tmp_path / "out", speed=True, **options)
    assert summary["speed"]["real_time_factor"] > 0
    assert {"lips", "alignment", "flow", "vocoder"} <= set(summary["speed"]["stages"])
    assert "Cold, `flowdubber dub`" in (tmp_path / "out" / "table.md").read_text()
    assert "seconds" not in (tmp_path / "out" / "clips.jsonl").read_text()


def test_code_is_told_apart_by_its_hash():
    """Names that are no file would silently hash nothing."""
    package = Path(work.__file__).parents[1]
    assert all((package / name).exists() for name in (*work.SOUND_CODE, *work.SCORE_CODE))
    assert work.hash_code(work.SOUND_CODE) == work.hash_code(work.SOUND_CODE) != work.hash_code(work.SCORE_CODE)

"""What the pipeline says of a dub's timing, and dubs of clips that do not show the speaker."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest
import torch

from flowdubber_hf import cli
from flowdubber_hf.batch.listing import read_jobs
from flowdubber_hf.dubbing.jobs import BadJobs
from flowdubber_hf.models.aligner import FlowDubberAlignerEncoding
from flowdubber_hf.models.aligner.searches import LEAST_TELLING
from flowdubber_hf.pipelines.flowdubber.passes import Pass, Timing, whole_clip
from flowdubber_hf.pipelines.flowdubber.timing import (
    FAST_WORDS,
    FLAT_LIPS,
    check_room,
    flat_lips,
    hurried_words,
    words_to_drop,
)
from flowdubber_hf.processing.lips import NoFaceError
from flowdubber_hf.processing.text import phonemize
from support.batch_listings import line, write_clips, write_listing
from support.pipeline_calls import BOXES, SCRIPTS, demo_voice, frames, generator, inputs
from support.tiny_models import tiny_aligner, tiny_pipeline
from support.video_files import noise_frames, write_clip


pytestmark = pytest.mark.slow


def timed(text: str, *starts_and_ends: tuple[float, float]) -> tuple:
    written = phonemize(text)
    return written, [(word, *times) for word, times in zip(written.words, starts_and_ends, strict=True)]


# ---------------------------------------------------------------------------------------------------- remarks


def test_words_that_nobody_could_follow_are_named():
    # bin, blue, now, set have 3, 3, 2 and 3 phonemes: 8 in 0.3 s, then a second for one word.
    written, words = timed("bin blue now set", (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (1.0, 2.0))
    (told,) = hurried_words(written, words)
    assert told.startswith('"bin blue now" at 0.50 s is spoken at 27 phonemes a second')
    assert "shorten the script there" in told


def test_twenty_phonemes_a_second_can_be_followed():
    written, words = timed("bin blue now", (0.0, 0.1), (0.1, 0.3), (0.3, 0.41))
    assert hurried_words(written, words) == []
    written, words = timed("bin blue now", (0.0, 0.1), (0.1, 0.3), (0.3, 0.39))
    assert len(hurried_words(written, words)) == 1
    # A single fast word among slow ones is followed.
    written, words = timed("bin blue now", (0.0, 0.5), (0.5, 0.51), (0.6, 1.0))
    assert hurried_words(written, words) == []


def test_hurried_words_beside_each_other_are_one_warning():
    fast = [(0.1 * place, 0.1 * place + 0.1) for place in range(5)]
    slow = [(1.0 + place, 2.0 + place) for place in range(3)]
    later = [(4.0 + 0.1 * place, 4.1 + 0.1 * place) for place in range(3)]
    written, words = timed("bin blue red set bin now now now red set bin", *fast, *slow, *later)
    first, second = hurried_words(written, words)
    assert first.startswith('"bin blue red set bin" at 0.00 s') and second.startswith('"red set bin" at 4.00 s')


def test_short_scripts_and_long_runs():
    written, words = timed("blue set", (0.0, 0.1), (0.1, 0.2))
    assert FAST_WORDS > 2 and len(hurried_words(written, words)) == 1
    count = 30
    text = " ".join(["blue"] * count)
    written, words = timed(text, *[(0.05 * n, 0.05 * (n + 1)) for n in range(count)])
    (told,) = hurried_words(written, words)
    assert told.split('"')[1].endswith("...") and len(told.split('"')[1]) == 60
    assert hurried_words(written, words[1:]) == []  # a word without a time cannot be counted
    written, words = timed("blue set red", (0.5, 0.5), (0.5, 0.5), (0.5, 0.5))
    assert len(hurried_words(written, words)) == 1  # no time at all


def test_how_many_words_to_drop():
    written = phonemize("bin blue now set red")  # 3, 3, 2, 3, 3 phonemes; 20 a second can be followed
    assert [words_to_drop(written, seconds) for seconds in (0.1, 0.15, 0.29, 0.3, 0.4, 0.55)] == [5, 4, 4, 3, 2, 1]
    assert words_to_drop(written, 100) == 1


def test_a_script_without_room_is_told_how_much_to_leave_out():
    written = phonemize("bin blue now set red")
    needed = 14 + 2
    check_room(written, needed)
    with pytest.raises(ValueError, match=f"has {needed} phonemes but the clip only 8 frames") as caught:
        check_room(written, 8)
    assert "(0.32 s)" in str(caught.value) and "leave out about 3 of its 5 words" in str(caught.value)


def test_flat_lips_are_told_row_by_row():
    whole = [whole_clip(row, phonemize("at two"), 100) for row in range(3)]
    told = Timing([(whole, FlowDubberAlignerEncoding(telling=torch.tensor([0.0, LEAST_TELLING, 2.0])))])
    assert flat_lips(told, 3) == [[FLAT_LIPS], [], []]
    assert flat_lips(Timing([(whole, FlowDubberAlignerEncoding())]), 3) == [[], [], []]


def test_flat_lips_of_a_long_clip_are_told_with_their_times():
    passes = [Pass(0, phonemize("at two"), 0, start, start + 250) for start in (0, 250, 500)]
    told = Timing([(passes, FlowDubberAlignerEncoding(telling=torch.tensor([2.0, 0.0, 0.5])))])
    assert flat_lips(told, 1) == [[f"10-20 s, 20-30 s: {FLAT_LIPS}"]]


# ---------------------------------------------------------------------------------------------------- dubs


@pytest.fixture(scope="module")
def pipe():
    """Without a language model; its aligner knows natural durations."""
    torch.manual_seed(0)
    aligner = tiny_aligner(num_duration_layers=1, duration_hidden_size=16).eval()
    torch.nn.init.zeros_(aligner.duration_predictor.out.weight)  # every phoneme lasts 80 ms
    torch.nn.init.zeros_(aligner.duration_predictor.out.bias)
    return tiny_pipeline(language_model=False, aligner=aligner)


def call(**changed) -> dict:
    return inputs(**{"guidance_scale": 1.0, **changed})


def test_a_cue_needs_no_face_and_reads_none(pipe):
    noise = noise_frames(50)
    with pytest.raises(NoFaceError):
        pipe(**call(video=noise, mouth_box=None))
    dub = pipe(**call(video=noise, mouth_box=None, timing="cue"))
    other = pipe(**call(video=noise_frames(50, seed=5), mouth_box=None, timing="cue"))
    assert torch.equal(dub.audios[0], other.audios[0])  # whatever is seen
    assert dub.audios[0].shape == (50 * 640,) and torch.isfinite(dub.audios[0]).all()
    assert dub.alignments is None and dub.mouths == [None]
    assert FLAT_LIPS not in dub.warnings[0]
    assert [word for word, _, _ in dub.words[0]] == SCRIPTS[0].split()
    assert (dub.paths[0].sum(axis=0) == 1).all()


def test_a_cue_begins_at_once_and_lasts_as_long_as_is_natural(pipe):
    short, long = (pipe(**call(video=frames(count), mouth_box=None, timing="cue")).words[0] for count in (100, 200))
    assert short == long and short[0][1] < 0.2
    assert 0.5 < short[-1][2] < 1.2  # eight phonemes
    middle = pipe(**call(video=frames(200), without=["lips"])).words[0]
    assert middle[0][1] > 1.0 and middle[0][1] + middle[-1][2] == pytest.approx(8.0, abs=0.1)


def test_a_file_without_a_face_can_be_cued_beside_others(pipe, tmp_path):
    file = write_clip(tmp_path / "faceless.mp4", noise_frames(30, 96, 128), rate=30)
    both = {"script": list(SCRIPTS), "reference_audio": [demo_voice(), demo_voice(1.6, seed=1)], "mouth_box": None}
    dub = pipe(**call(**both, video=[file, file], fps=None, generator=[generator(0), generator(1)], timing="cue"))
    assert [sound.shape for sound in dub.audios] == [(16000,)] * 2
    alone = pipe(**call(video=file, fps=None, mouth_box=None, timing="cue"))
    assert alone.words[0] == dub.words[0]
    np.testing.assert_array_equal(alone.paths[0], dub.paths[0])


def test_a_cue_without_natural_durations_shares_the_time_evenly():
    plain = tiny_pipeline(language_model=False)
    dub = plain(**call(mouth_box=None, timing="cue"))
    counts = dub.paths[0].sum(axis=1)
    spoken = counts[[name != "sp" for name in dub.phonemes[0]]]
    assert spoken.max() - spoken.min() <= 1 and counts.sum() == 80


def test_a_still_picture_is_told(pipe):
    still = np.repeat(frames(1), 60, axis=0)
    assert FLAT_LIPS in pipe(**call(video=still)).warnings[0]
    # Where the timing is given, or the lips alone decide, nothing follows "at a natural tempo".
    count = len(phonemize(SCRIPTS[0]).phonemes)
    given = [240 - count + 1, *[1] * (count - 1)]
    assert FLAT_LIPS not in pipe(**call(video=still, phoneme_frames=given)).warnings[0]
    assert FLAT_LIPS not in tiny_pipeline(language_model=False)(**call(video=still)).warnings[0]


def test_natural_durations_take_over_where_lips_are_flat(pipe):
    still = pipe(**call(video=np.repeat(frames(1), 60, axis=0))).words[0]
    unseen = pipe(**call(video=frames(60), without=["lips"])).words[0]
    assert still == unseen


def test_hurried_words_are_warned_of(pipe):
    count = len(phonemize(SCRIPTS[0]).phonemes)
    rushed = [1] * (count - 1)
    dub = pipe(**call(phoneme_frames=[*rushed, 80 - len(rushed)]))
    assert any("phonemes a second, too fast to follow" in warning for warning in dub.warnings[0])


def test_a_script_that_cannot_fit_is_refused_with_a_cue_too(pipe):
    with pytest.raises(ValueError, match="leave out about"):
        pipe(**call(script=" ".join(["place blue at f two now"] * 3), mouth_box=None, timing="cue"))


def test_wrong_timings_are_refused(pipe):
    with pytest.raises(ValueError, match="`timing` must be one of lips, cue, got 'clock'"):
        pipe(**call(timing="clock"))
    with pytest.raises(ValueError, match="`mouth_box` says where lips are read, and timing='cue' reads none"):
        pipe(**call(timing="cue", mouth_box=BOXES[0]))


# ---------------------------------------------------------------------------------------------------- commands


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def model(pipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    pipe.save_pretrained(folder)
    return folder


def options(model) -> list[str]:
    return list(map(str, ["--model", model, "--steps", 1, "--guidance-scale", 1, "--device", "cpu"]))


def test_the_command_dubs_a_cue(clips, model, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    files = ["--video", str(clips / "faceless.mp4"), "--reference", str(clips / "voice.wav"), "--script", SCRIPTS[0]]
    command = ["dub", *files, "--output", str(tmp_path / "dub.wav"), *options(model)]
    assert cli.main(command) == 2
    assert "no face" in capsys.readouterr().err
    assert cli.main([*command, "--timing", "cue", "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["settings"]["timing"] == "cue" and report["samples"] == 32000
    command = [*command, "--overwrite"]
    assert cli.main([*command, "--timing", "clock"]) == 2
    assert "--timing" in capsys.readouterr().err
    assert cli.main([*command, "--timing", "cue", "--mouth-box", "10,10,60,60", "--dry-run"]) == 2
    assert "the timing `cue` reads none" in capsys.readouterr().err


def test_a_line_of_a_batch_is_a_cue(clips, model, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    rows = [line("faceless", timing="cue", output="a.wav"), line("faceless", output="b.wav")]
    listing = write_listing(clips, *rows)
    out = str(tmp_path / "dubs")
    assert cli.main(["dub", "--batch", str(listing), "--output", out, *options(model), "--json", "-"]) == 1
    first, second = json.loads(capsys.readouterr().out)["results"]
    assert first["problem"] is None and "no face" in second["problem"]


def test_the_timing_of_a_line_is_checked(clips, model, tmp_path, capsys):
    (job,) = read_jobs(write_listing(clips, line("one", timing="cue")), tmp_path, {"timing": "lips"})
    assert job.job.timing == "cue"
    (job,) = read_jobs(write_listing(clips, line("one")), tmp_path, {"timing": "cue"})
    assert job.job.timing == "cue"
    (job,) = read_jobs(write_listing(clips, line("one")), tmp_path, {})
    assert job.job.timing == "lips"
    with pytest.raises(BadJobs, match="timing"):
        read_jobs(write_listing(clips, line("two", timing=3)), tmp_path, {})
    rows = [line("one", timing="clock"), line("two", timing="cue", mouth_box=[1, 2, 30, 40])]
    listing, out = str(write_listing(clips, *rows)), str(tmp_path / "dubs")
    assert cli.main(["dub", "--batch", listing, "--output", out, *options(model), "--dry-run"]) == 2
    told = capsys.readouterr().err
    assert "line 1, timing" in told and "must be one of lips, cue, got 'clock'" in told
    assert "line 2, mouth_box" in told and "the timing `cue` reads none" in told

"""Every wrong input is refused on the server, with a message that belongs to its field."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from dataclasses import replace

import numpy as np
import pytest

from flowdubber_hf.demo import demo_reference
from flowdubber_hf.page import limits
from flowdubber_hf.page.limits import Problem, Problems, Request, check_request, for_visitors
from flowdubber_hf.processing.video import write_wav
from support.video_files import noise_frames, write_clip, write_sound


pytestmark = pytest.mark.slow


@pytest.fixture
def good(media):
    return Request(str(media / "head.mp4"), "place blue at f two now", str(media / "voice.wav"), consent=True)


def problems(request, max_takes=4, max_seconds=limits.MAX_CLIP_SECONDS):
    with pytest.raises(Problems) as found:
        check_request(request, "us", max_takes, max_seconds)
    return found.value.by_field


def test_what_is_right_passes(good):
    checked = check_request(good, "us", 4)
    assert checked.info.num_frames == 75
    assert checked.phonemes.words == good.script.split()
    assert checked.voice.shape == demo_reference().shape


def test_an_empty_request_hears_of_everything_at_once():
    assert list(problems(Request(None, ""))) == ["clip", "script", "voice", "consent"]


def test_nothing_is_missing_from_the_fields():
    assert set(problems(Request(None, None, steps=0))) <= set(limits.FIELDS)


def test_clips_that_are_none(good, media, tmp_path):
    def message(path):
        found = problems(replace(good, clip=str(path)))
        assert set(found) == {"clip"}
        assert str(tmp_path) not in found["clip"] and str(media) not in found["clip"]
        return found["clip"]

    assert "cannot be read as a video" in message(media / "text.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes((media / "head.mp4").read_bytes()[:3000])
    assert "cannot be read as a video" in message(cut)
    assert "no video stream" in message(write_sound(tmp_path / "sound.mp4"))
    assert "hardly more than a picture" in message(write_clip(tmp_path / "still.mp4", noise_frames(2)))
    assert "no longer on the server" in message(tmp_path / "gone.mp4")


def test_size_length_and_picture_are_limited(good, media, tmp_path, monkeypatch):
    clip = str(media / "head.mp4")
    assert "at most 2 s" in problems(good, max_seconds=2.0)["clip"]
    monkeypatch.setattr(limits, "MAX_PICTURE_SIDE", 300)
    assert "360x288; at most 300 pixels" in problems(good)["clip"]
    monkeypatch.setattr(limits, "MAX_FILE_BYTES", 1000)
    assert "at most 0 MB" in problems(replace(good, clip=clip))["clip"]


@pytest.mark.parametrize("value", ["many", "0", "601", "nan", None, 600.5])
def test_a_wrong_limit_is_said(value):
    with pytest.raises(ValueError, match="--max-seconds must lie between 1 and 600"):
        limits.check_max_seconds(value, "--max-seconds")


def test_a_limit_as_number_or_text():
    assert limits.check_max_seconds("60", "") == limits.check_max_seconds(60, "") == 60.0


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("", "Type the words"),
        ("  \n", "Type the words"),
        (None, "Type the words"),
        ("😀🎬", "no words to say"),
        ("...", "no words to say"),
        ("привет", "only English"),
        ("a " * 201, "at most 400"),
        ("incomprehensibilities " * 15, "too long for this clip: 15 words in 3.0 s"),
    ],
)
def test_scripts(good, script, message):
    found = problems(replace(good, script=script))
    assert set(found) == {"script"}
    assert message.lower() in found["script"].lower()


def test_voices(good, media, tmp_path):
    def message(**changed):
        found = problems(replace(good, **changed))
        assert set(found) == {"voice"}
        return found["voice"]

    assert "Upload or record the voice" in message(voice=None)
    assert "cannot be read as sound" in message(voice=str(media / "text.mp4"))
    assert "at least 1 s" in message(voice=str(write_wav(tmp_path / "short.wav", demo_reference()[:8000])))
    assert "silent" in message(voice=str(write_wav(tmp_path / "silent.wav", np.zeros(20000, np.float32))))
    long = np.tile(demo_reference(), 13)
    assert "lasts 31 s; at most 30 s" in message(voice=str(write_wav(tmp_path / "long.wav", long)))
    assert "no sound of its own" in message(own_sound=True, clip=str(media / "mute.mp4"))


def test_the_clips_own_sound_needs_no_recording(good):
    assert len(check_request(replace(good, voice=None, own_sound=True), "us", 1).voice) >= 48000


@pytest.mark.parametrize("consent", [False, None, "yes", 1])
def test_nothing_without_consent(good, consent):
    assert problems(replace(good, consent=consent)) == {"consent": limits.NO_CONSENT}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"steps": 0}, "Steps must be a whole number from 1 to 50"),
        ({"steps": 2.5}, "Steps must be a whole number"),
        ({"steps": None}, "Steps must"),
        ({"guidance_scale": 9}, "Guidance must be a number from 1 to 4"),
        ({"guidance_scale": math.nan}, "Guidance must"),
        ({"seed": -1}, "Seed must be a whole number from 0 to 2147483647"),
        ({"seed": "1"}, "Seed must"),
        ({"takes": 5}, "Takes must be a whole number from 1 to 4"),
        ({"temperature": 2}, "Temperature must be a number from 0 to 1.5"),
    ],
)
def test_settings(good, changed, message):
    assert message in problems(replace(good, **changed))["settings"]


def test_takes_where_none_can_be_chosen(good):
    assert "cannot choose between takes" in problems(replace(good, takes=2), max_takes=1)["settings"]


def test_messages_for_visitors():
    said = "2 faces were seen; the largest is taken. Choose another with --mouth-box x0,y0 (mouth_box= in Python)."
    assert for_visitors(said) == "2 faces were seen; the largest is taken."
    assert for_visitors("/tmp/a.b/clip.mp4 is 9x9. Scale it down.", "/tmp/a.b/clip.mp4", "The clip") == (
        "The clip is 9x9. Scale it down."
    )


def test_a_missing_clip_is_one_problem():
    with pytest.raises(Problem, match="Upload a clip"):
        limits.check_clip(None)

# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from clips import head_frames
from flowdubber_hf.processing import demo
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.demo import (
    DEMO_SCRIPT,
    demo_reference,
    demo_speech,
    demo_timeline,
    make_demo,
    make_talking_head,
    speech_timeline,
)
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor
from flowdubber_hf.processing.references import check_reference
from flowdubber_hf.processing.text import PHONEMES, phonemize
from flowdubber_hf.processing.video import probe_video


def test_files(tmp_path: Path) -> None:
    files = make_demo(tmp_path / "new" / "demo")
    info = probe_video(files.video)
    assert (info.width, info.height, info.num_frames, info.num_samples) == (360, 288, 75, 48000)
    assert info.warnings == ()
    with pytest.raises(ValueError, match="no sound"):
        load_audio(files.video)
    reference = load_audio(files.reference)
    check_reference(reference)
    assert len(reference) >= 32000
    assert files.script == DEMO_SCRIPT
    assert json.loads(files.timeline.read_text()) == demo_timeline()
    before = {path: path.read_bytes() for path in (files.video, files.reference, files.timeline)}
    with pytest.raises(ValueError, match="exists already"):
        make_demo(tmp_path / "new" / "demo")
    make_demo(tmp_path / "new" / "demo", overwrite=True)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be written"):
        make_demo(tmp_path / "file" / "demo")


def test_timeline_is_the_scripts() -> None:
    timeline = demo_timeline()
    assert timeline[0]["start"] == 0.0
    assert timeline[-1]["end"] == 3.0
    assert all(a["end"] == b["start"] and a["start"] < a["end"] for a, b in pairwise(timeline))
    assert timeline[-1]["start"] < 2.6
    spoken = [part["phoneme"] for part in timeline if part["word"]]
    expected = [name for name in phonemize(DEMO_SCRIPT).phonemes if name not in ("sil", "sp")]
    assert spoken == expected
    assert list(dict.fromkeys(part["word"] for part in timeline if part["word"])) == DEMO_SCRIPT.split()


def test_voice_is_a_voice() -> None:
    sound = demo_reference()
    assert sound.dtype == np.float32
    np.testing.assert_array_equal(sound, demo_reference())
    assert 0.4 < np.abs(sound).max() <= 0.5
    # "red": periodic at the pitch of a man; "s": mostly above 3 kHz.
    vowel, hiss = sound[int(0.62 * 16000) :][:1600], sound[int(0.2 * 16000) :][:1024]
    correlation = np.correlate(vowel, vowel, "full")[1599:]
    period = 100 + int(np.argmax(correlation[100:200]))
    assert correlation[period] > 0.6 * correlation[0]
    assert 90 <= 16000 / period <= 150
    power = np.abs(np.fft.rfft(hiss * np.hanning(1024))) ** 2
    assert power[192:].sum() > 5 * power[:192].sum()


def test_other_voices() -> None:
    plain, high = (np.abs(np.fft.rfft(sound)) for sound in (demo_reference(), demo_reference(pitch=1.7, tract=1.15)))
    frequencies = np.fft.rfftfreq(38400, 1 / 16000)
    loudest = [float(frequencies[np.argmax(spectrum)]) for spectrum in (plain, high)]
    assert loudest[1] > loudest[0]
    with pytest.raises(ValueError, match="pitch must lie"):
        demo_reference(pitch=4)
    assert demo_speech().shape == (48000,)


def test_mouth_follows_the_timeline() -> None:
    """In the crops the mouth's middle is dark while a vowel is spoken, and not while lips are closed."""
    crops = FlowDubberLipFeatureExtractor()(head_frames(), fps=25)["crops"].astype(np.float32)
    assert crops.shape[0] == 75
    change = np.abs(crops - crops[:8].mean(axis=0))[:, 30:70, 20:76].mean(axis=(1, 2))
    first, last = (round(time * 25) for time in (demo_timeline()[0]["end"], demo_timeline()[-1]["start"]))
    assert change[first + 4 : last - 2].mean() > 3 * change[: first - 3].mean()
    assert change[last + 5 :].mean() < change[first + 4 : last - 2].mean() / 2
    vowels = [part for part in demo_timeline() if part["phoneme"] in ("EY1", "AE1", "AW1")]
    closed = [part for part in demo_timeline() if part["phoneme"] in ("P", "B")]
    middle = [round((part["start"] + part["end"]) / 2 * 25) for part in vowels]
    shut = [round((part["start"] + part["end"]) / 2 * 25) for part in closed]
    assert change[middle].min() > change[shut].max()


FREE_TEXT = "The boy usually paid more for five good books."


@pytest.fixture(scope="module")
def talking_head(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    path = tmp_path_factory.mktemp("head") / "head.mp4"
    return path, make_talking_head(FREE_TEXT, path)


def test_any_text_has_a_timeline() -> None:
    timeline = speech_timeline(FREE_TEXT)
    assert [part["phoneme"] for part in timeline if part["word"]] == [
        name for name in phonemize(FREE_TEXT).phonemes if name not in ("sil", "sp")
    ]
    assert all(a["end"] == b["start"] and a["start"] < a["end"] for a, b in pairwise(timeline))
    assert timeline[0]["start"] == 0.0
    assert timeline[0]["end"] == 0.3
    assert 0.3 - 1e-3 <= timeline[-1]["end"] - timeline[-1]["start"] < 0.34 + 1e-3
    assert timeline[-1]["end"] * 25 == pytest.approx(round(timeline[-1]["end"] * 25))
    spoken = len(timeline) - 2
    assert 10 < spoken / (timeline[-1]["start"] - timeline[0]["end"]) < 14


def test_every_phoneme_has_a_duration_and_a_mouth() -> None:
    spoken = [name for name in PHONEMES if name[0].isupper()]
    assert len({name.rstrip("012") for name in spoken}) == 39
    for name in spoken:
        assert 0.03 < demo._of_phoneme(demo._DURATIONS, name) < 0.2
        assert demo._of_phoneme(demo._MOUTHS, name)


def test_mouth_opens_on_vowels_and_closes_on_lips() -> None:
    segments = demo._text_segments("The happy man may buy a map of Africa.", "us")
    track = demo._mouth_track(segments, segments[-1].end)
    opening, press = track[:, 0], track[:, 3]

    def during(values: np.ndarray, part: demo._Segment) -> np.ndarray:
        return values[int(part.start * 25) : int(part.end * 25) + 1]

    vowels = [part for part in segments if part.phoneme in ("AE1", "EY1")]
    lips = [part for part in segments if part.phoneme in ("P", "B", "M")]
    assert len(vowels) >= 4
    assert len(lips) >= 6
    assert min(during(opening, part).max() for part in vowels) > 0.4
    assert max(during(opening, part).min() for part in lips) < 0.25
    assert min(during(press, part).max() for part in lips) > 0.5
    assert max(during(press, part).min() for part in vowels) < 0.2
    assert opening[[0, 1, -1, -2]].max() < 0.02


def test_talking_head_is_a_face_with_a_moving_mouth(talking_head: tuple[Path, list[dict]]) -> None:
    path, timeline = talking_head
    info = probe_video(path)
    assert (info.width, info.height) == (360, 288)
    assert info.num_frames == round(timeline[-1]["end"] * 25)
    found = FlowDubberLipFeatureExtractor()(str(path))
    assert found["crops"].shape[0] == info.num_frames
    assert list(found["warnings"]) == []
    crops = found["crops"].astype(np.float32)
    change = np.abs(crops - crops[:4].mean(axis=0))[:, 30:70, 20:76].mean(axis=(1, 2))
    first, last = round(timeline[0]["end"] * 25), round(timeline[-1]["start"] * 25)
    assert change[first + 3 : last - 2].mean() > 3 * change[: first - 2].mean()


def test_talking_head_is_the_same_every_time_and_replaces_nothing(
    talking_head: tuple[Path, list[dict]], tmp_path: Path
) -> None:
    path, timeline = talking_head
    assert timeline == speech_timeline(FREE_TEXT)
    with pytest.raises(ValueError, match="exists already"):
        make_talking_head(FREE_TEXT, path)
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    make_talking_head("Oh.", first)
    make_talking_head("Oh.", second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_talking_head_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no words"):
        make_talking_head("...", tmp_path / "a.mp4")
    with pytest.raises(ValueError, match="mp4"):
        make_talking_head("Oh.", tmp_path / "a.wav")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="no folder"):
        make_talking_head("Oh.", tmp_path / "file" / "a.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]

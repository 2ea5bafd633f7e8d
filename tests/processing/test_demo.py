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
from flowdubber_hf.processing.audio import check_reference, load_audio
from flowdubber_hf.processing.demo import DEMO_SCRIPT, demo_reference, demo_timeline, make_demo
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor
from flowdubber_hf.processing.text import phonemize
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

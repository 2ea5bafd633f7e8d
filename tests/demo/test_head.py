"""The drawn head: a face whose mouth is read as one."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.demo import demo_timeline, make_talking_head, speech_timeline
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor
from flowdubber_hf.processing.video import probe_video
from support.video_files import head_frames


pytestmark = pytest.mark.slow


FREE_TEXT = "The boy usually paid more for five good books."


@pytest.fixture(scope="module")
def talking_head(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict]]:
    path = tmp_path_factory.mktemp("head") / "head.mp4"
    return path, make_talking_head(FREE_TEXT, path)


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

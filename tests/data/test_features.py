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
import importlib.util
import json
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from flowdubber_hf.data.features import (
    GRID_VALIDATION_CLIPS,
    Clip,
    FeatureStore,
    count_video_frames,
    feature_path,
    read_sources,
    run_stage,
    save_array,
    save_text,
    write_manifest,
)


FRAMES = 12


def write_clip(path: Path, frames: int, samples: int) -> None:
    """A small mp4: grey frames at 25 fps and a tone of `samples` at 16 kHz."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=16000)
        audio.layout = "mono"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 10 * index, np.uint8), "rgb24")
            container.mux(video.encode(frame))
        tone = 0.3 * np.sin(np.arange(samples) * 0.2, dtype=np.float32)
        sound = av.AudioFrame.from_ndarray(tone[None], "fltp", "mono")
        sound.sample_rate, sound.time_base, sound.pts = 16000, Fraction(1, 16000), 0
        container.mux(audio.encode(sound))
        for stream in (video, audio):
            container.mux(stream.encode(None))


def write_wav(path: Path, samples: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=16000)
        stream.layout = "mono"
        tone = (8000 * np.sin(np.arange(samples) * 0.2)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(tone[None], "s16", "mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def write_rows(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def raw(tmp_path) -> Path:
    """A raw data folder: one clip with video, one utterance, and one file that is no sound."""
    data = tmp_path / "raw"
    (data / "grid" / "s9").mkdir(parents=True)
    (data / "speech" / "an4").mkdir(parents=True)
    write_clip(data / "grid" / "s9" / "clip.mp4", FRAMES, 9000)
    grid = {
        "file_name": "s9/clip.mp4",
        "speaker": "s9",
        "text": "bin blue",
        "split": "dev",
        "words": [["bin", 0.1, 0.2]],
    }
    write_rows(data / "grid" / "metadata.jsonl", [grid])
    write_wav(data / "speech" / "an4" / "a.wav", 8000)
    (data / "speech" / "an4" / "broken.wav").write_bytes(b"no sound at all")
    speech = [
        {"file_name": f"an4/{name}.wav", "speaker": "an4-x", "text": None, "source": "AN4"} for name in ("a", "broken")
    ]
    write_rows(data / "speech" / "metadata.jsonl", speech)
    return data


def load_script(repository: Path):
    spec = importlib.util.spec_from_file_location("prepare_features", repository / "examples" / "prepare_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_prepare_script_writes_resumes_and_reports(raw, tmp_path, repository, capsys):
    script = load_script(repository)
    output = tmp_path / "features"
    arguments = ["--data", str(raw), "--output", str(output), "--stages", "audio", "--num_workers", "1"]
    script.main(arguments)
    first = capsys.readouterr().out
    assert "audio: 2 written, 0 there before, 1 dropped" in first
    assert "dropped an4/broken" in first

    store = FeatureStore(output)
    clip = store["grid/s9/clip"]
    assert (clip.split, clip.speaker, clip.source, clip.text) == ("dev", "grid-s9", "grid", "bin blue")
    assert (clip.num_frames, clip.num_samples) == (FRAMES, FRAMES * 640)
    sound = store.audio(clip.id)
    assert sound.shape == (FRAMES * 640,)
    assert sound.dtype == np.float32
    assert 0.2 < np.abs(sound).max() < 0.5
    assert store["an4/a"].num_samples == 8000
    assert store["an4/a"].num_frames == 0
    assert not list(output.rglob(".*"))  # no temporary names are left

    written = os.stat(feature_path(output, "audio", clip.id)).st_mtime_ns
    script.main(arguments)
    assert "audio: 0 written, 2 there before, 1 dropped" in capsys.readouterr().out
    assert os.stat(feature_path(output, "audio", clip.id)).st_mtime_ns == written


def test_two_processes_write_the_same(raw, tmp_path):
    clips = read_sources(raw)
    for workers, name in ((1, "one"), (2, "two")):
        run_stage("audio", raw, tmp_path / name, clips, num_workers=workers, progress=False)
    path = feature_path(Path(), "audio", "an4/a")
    assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_store_selects_clips(tmp_path):
    rows = [("a", "train", "grid"), ("b", "val", "grid"), ("c", "train", "an4")]
    write_manifest(
        tmp_path, [Clip(id=name, split=split, speaker="x", text="hi", source=source) for name, split, source in rows]
    )
    for name in "abc":
        save_array(feature_path(tmp_path, "audio", name), np.zeros(640, np.int16))
    save_array(feature_path(tmp_path, "crops", "b"), np.zeros((1, 96, 96), np.uint8))
    store = FeatureStore(tmp_path)
    assert len(store) == 3
    assert [clip.id for clip in store.clips()] == ["a", "b", "c"]
    assert [clip.id for clip in store.clips("train")] == ["a", "c"]
    assert [clip.id for clip in store.clips(("train", "val"), "grid")] == ["a", "b"]
    assert [clip.id for clip in store.clips(needs=("audio", "crops"))] == ["b"]
    assert store.crops("b").shape == (1, 96, 96)
    with pytest.raises(ValueError, match="--stages crops"):
        store.crops("a")


def test_store_reads_phonemes(tmp_path):
    write_manifest(tmp_path, [Clip(id="a", split="train", speaker="x", text="a b", source="grid")])
    row = {
        "phonemes": ["sil", "EY1", "sp", "B", "IY1", "sil"],
        "word_index": [-1, 0, -1, 1, 1, -1],
        "words": ["a", "b"],
        "times": [[0, 0.1], [0.1, 0.2], [0.2, 0.2], [0.2, 0.3], [0.3, 0.4], [0.4, 0.5]],
    }
    save_text(feature_path(tmp_path, "phones", "a"), json.dumps(row))
    phones = FeatureStore(tmp_path).phones("a")
    assert phones.times.shape == (6, 2)
    assert phones.times.dtype == np.float32
    assert phones.ids[0] == 1
    assert phones.optional == [False, False, True, False, False, False]


def test_validation_clips_are_fixed_and_only_from_train(shared_data):
    clips = read_sources(shared_data)
    held_out = [clip for clip in clips if clip.split == "val" and clip.source == "grid"]
    for speaker, count in GRID_VALIDATION_CLIPS.items():
        assert sum(clip.speaker == f"grid-{speaker}" for clip in held_out) == count
    assert sum(clip.split == "dev" for clip in clips) == 40
    assert sum(clip.split == "zero_shot" for clip in clips) == 18
    speech_speakers = {
        split: {c.speaker for c in clips if c.source != "grid" and c.split == split} for split in ("train", "val")
    }
    assert speech_speakers["val"]
    assert not speech_speakers["train"] & speech_speakers["val"]
    assert len({clip.id for clip in clips}) == len(clips)
    assert [clip.id for clip in clips if clip.split == "val"] == [
        clip.id for clip in read_sources(shared_data) if clip.split == "val"
    ]


def test_frames_are_counted(raw):
    assert count_video_frames(raw / "grid" / "s9" / "clip.mp4") == FRAMES
    assert count_video_frames(raw / "speech" / "an4" / "a.wav") == 0
    with pytest.raises(ValueError, match="cannot be read"):
        count_video_frames(raw / "speech" / "an4" / "broken.wav")


def test_errors_say_what_to_do(tmp_path, raw):
    with pytest.raises(ValueError, match="prepare_features"):
        FeatureStore(tmp_path)
    with pytest.raises(ValueError, match="data folder"):
        read_sources(tmp_path)
    with pytest.raises(ValueError, match="unknown stage"):
        run_stage("hands", raw, tmp_path, [])
    (raw / "speech" / "metadata.jsonl").write_text("{not json\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"line 1 is not JSON"):
        read_sources(raw)
    clip = Clip(id="x", split="train", speaker="x", text="hi", source="grid", file_name="x.wav")
    report = run_stage("phones", raw, tmp_path, [clip], progress=False)
    assert "run the stage audio first" in report.dropped["x"]


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(ValueError):
        save_array(tmp_path / "x.npy", np.array([{}], dtype=object))
    assert list(tmp_path.iterdir()) == []

"""Further voices of those that there are: pitch, length and times go with the size, and a voice keeps its own."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.data.corpora import read_corpus
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.processing.audio import SAMPLING_RATE, load_audio
from support.dubbing_dataset import write_dubbing_dataset
from support.training_runs import load_script


pytestmark = pytest.mark.slow

script = load_script(Path(__file__).parents[2], "resize_voices")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_dubbing_dataset(tmp_path_factory.mktemp("data"))


def run(dataset: Path, output: Path, *more: str) -> list[dict]:
    script.main(["--dataset", str(dataset), "--output", str(output), *more])
    return [json.loads(line) for line in (output / "metadata.jsonl").read_text().splitlines()]


def pitch(sound: np.ndarray) -> float:
    """The strongest frequency in Hz, to a fraction of one."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 16 * len(sound)))
    return spectrum.argmax() * SAMPLING_RATE / (16 * len(sound))


def test_sound_and_times_go_with_the_size(dataset, tmp_path):
    store, rows = FeatureStore(dataset), run(dataset, tmp_path / "out", "--sources", "made-sound")
    assert len(rows) == 2 * 4 and {row["source"] for row in rows} == {"made-sound-resized"}
    for row in rows:
        name, number = row["audio"].removesuffix(".flac").rsplit("-", 1)
        clip, size = store[name], script.draw_size(store[name].speaker, int(number), 0)
        low, high = script.LARGER if int(number) % 2 else script.SMALLER
        assert low <= size <= high and row["speaker"] == f"{clip.speaker}-{number}" and row["text"] == clip.text
        sound, before = load_audio(tmp_path / "out" / row["audio"]), store.audio(name)
        assert len(sound) == pytest.approx(size * len(before), abs=1)
        assert pitch(sound) * size == pytest.approx(pitch(before), rel=0.003)
        aligned = store.phones(name)
        times = [tuple(times) for times, index in zip(aligned.times, aligned.word_index, strict=True) if index >= 0]
        np.testing.assert_allclose([phone[1:] for phone in row["phones"]], size * np.array(times), atol=1e-4)
        assert [word for word, _, _ in row["words"]] == aligned.words
        assert row["words"][1][1:] == [row["phones"][3][1], row["phones"][-1][2]]


def test_a_voice_has_one_size_and_speakers_differ(dataset, tmp_path):
    rows = run(dataset, tmp_path / "out", "--sizes", "4", "--seed", "3")
    assert {row["speaker"] for row in rows} == {f"speaker{who}-{number}" for who in (0, 1) for number in range(4)}
    assert len(rows) == 4 * 12  # the two held-out clips are not taken
    lengths = {}
    for row in rows:
        lengths.setdefault(row["speaker"], set()).add(len(load_audio(tmp_path / "out" / row["audio"])))
    assert all(len(found) == 1 for found in lengths.values()) and len(set().union(*lengths.values())) == 8


def test_prepare_reads_it(dataset, tmp_path):
    rows = run(dataset, tmp_path / "out")
    corpus = read_corpus(tmp_path / "out")
    assert len(corpus.recordings) == len(rows)
    assert {recording.speaker for recording in corpus.recordings} == {
        f"{row['source']}-{row['speaker']}" for row in rows
    }


def test_finished_clips_are_kept(dataset, tmp_path):
    rows = run(dataset, tmp_path / "out")
    files = [tmp_path / "out" / row["audio"] for row in rows]
    files[0].unlink()
    before = [file.stat().st_mtime_ns for file in files[1:]]
    assert run(dataset, tmp_path / "out") == rows
    assert files[0].is_file() and [file.stat().st_mtime_ns for file in files[1:]] == before


def test_what_is_refused(dataset, tmp_path, monkeypatch):
    run(dataset, tmp_path / "out")
    with pytest.raises(ValueError, match="made with other settings"):
        run(dataset, tmp_path / "out", "--seed", "1")
    with pytest.raises(ValueError, match="holds something else"):
        run(dataset, dataset)
    with pytest.raises(ValueError, match="at least 1"):
        run(dataset, tmp_path / "none", "--sizes", "0")
    with pytest.raises(ValueError, match="no clip of the split train"):
        run(dataset, tmp_path / "other", "--sources", "unknown")
    monkeypatch.setattr(script, "MAX_SECONDS", 1.0)
    assert {row["audio"][-6] for row in run(dataset, tmp_path / "short")} == {
        "0"
    }  # larger heads take more than a second

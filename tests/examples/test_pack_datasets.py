"""Datasets made small and whole again: what is small is exact, sound and crops stay in place and near."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.data.features import FeatureStore
from support.prepared_dataset import write_prepared
from support.training_runs import load_script


pytestmark = pytest.mark.slow


pytest.importorskip("pyarrow")
script = load_script(Path(__file__).parents[2], "pack_datasets")
PHONES = {
    "phonemes": ["sil", "HH", "AY1", "sil"],
    "word_index": [-1, 0, 0, -1],
    "words": [("hi", 0.2, 0.8)],
    "times": [[0.0, 0.2], [0.2, 0.4], [0.4, 0.8], [0.8, 1.0]],
}


def chirp(seconds: float) -> np.ndarray:
    times = np.arange(round(16000 * seconds)) / 16000
    return (0.3 * np.sin(2 * np.pi * (200 + 400 * times) * times)).astype(np.float32)


def mouths(frames: int) -> np.ndarray:
    """Bright ovals that open and close."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    heights = 0.2 + 0.4 * np.abs(np.sin(np.arange(frames) / 4))
    return np.stack([(200 * np.exp(-((x / 0.5) ** 2) - (y / height) ** 2)).astype(np.uint8) for height in heights])


@pytest.fixture
def datasets(tmp_path):
    style = np.linspace(-1, 1, 256, dtype=np.float32).tolist()
    seen = write_prepared(
        tmp_path / "seen",
        [
            {"id": "a/1", "crops": mouths(25), "audio": chirp(1.0), "phones": PHONES, "style": style, "text": "hi"},
            {"id": "a/2", "crops": mouths(30), "audio": chirp(1.2), "split": "val"},
        ],
    )
    heard = write_prepared(
        tmp_path / "heard",
        [{"id": f"b/{n}", "audio": chirp(0.7 + 0.01 * n), "tokens": ([n] * 35, [1] * 32)} for n in range(3)],
    )
    return [seen, heard]


@pytest.mark.parametrize("num_proc", ["1", "2"])
def test_there_and_back(datasets, tmp_path, num_proc, monkeypatch):
    monkeypatch.syspath_prepend(Path(script.__file__).parent)  # where new processes find the script
    kit, whole = tmp_path / "kit", tmp_path / "whole"
    script.main(["pack", *map(str, datasets), "--output", str(kit), "--num_proc", num_proc, "--max_mb", "1"])
    script.main(["unpack", str(kit), "--output", str(whole), "--num_proc", num_proc])
    before, after = FeatureStore(datasets), FeatureStore([whole / "seen", whole / "heard"])
    assert [clip.id for clip in after.clips("train")] == [clip.id for clip in before.clips("train")]
    assert [clip.id for clip in after.clips("val")] == ["a/2"]
    for clip in [*before.clips("train"), *before.clips("val")]:
        sounds = [np.asarray(store.audio(clip.id), np.float64) for store in (before, after)]
        assert sounds[0].shape == sounds[1].shape
        lags = range(-40, 41)
        alike = [np.corrcoef(sounds[0][100:-100], np.roll(sounds[1], lag)[100:-100])[0, 1] for lag in lags]
        assert max(alike) > 0.98 and abs(lags[int(np.argmax(alike))]) <= 2  # samples
        if before.has("crops", clip.id):
            crops = [store.crops(clip.id).astype(float) for store in (before, after)]
            assert np.abs(crops[0] - crops[1]).mean() < 4
            assert np.abs(crops[0][3] - crops[1][3]).mean() < np.abs(crops[0][3] - crops[1][8]).mean()
    for name in ("style", "semantic_tokens", "text", "phonemes", "phoneme_times", "words"):
        rows = [[row[name] for folder in folders for row in script.rows_of(folder)] for folders in
                (datasets, [whole / "seen", whole / "heard"])]  # fmt: skip
        assert rows[0] == rows[1]


def test_too_large_a_kit_and_places_that_are_taken_are_refused(datasets, tmp_path):
    kit = tmp_path / "kit"
    pack = ["pack", *map(str, datasets), "--output", str(kit), "--num_proc", "1"]
    with pytest.raises(ValueError, match=r"more than 0\.0001"):
        script.main([*pack, "--max_mb", "0.0001"])
    assert not kit.exists()
    kit.mkdir()
    with pytest.raises(ValueError, match="is there already"):
        script.main(pack)
    with pytest.raises(ValueError, match="same folder name"):
        script.main(["pack", str(datasets[0]), str(datasets[0]), "--output", str(tmp_path / "new")])
    with pytest.raises(ValueError, match="there is no folder"):
        script.main(["unpack", str(tmp_path / "none"), "--output", str(tmp_path / "new")])


def test_what_has_another_length_is_refused():
    with pytest.raises(ValueError, match="in place of 16000"):
        script.whole_sound(script.small_sound(chirp(0.5), 24), 16000)
    with pytest.raises(ValueError, match="in place of 9"):
        script.whole_crops(script.small_crops(mouths(8), 20), 9)

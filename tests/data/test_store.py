# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pickle
import sys

import numpy as np
import pytest

from flowdubber_hf.data.dataset import shard_lengths, write_data
from flowdubber_hf.data.features import FeatureStore
from support.prepared_dataset import write_prepared


pytest.importorskip("pyarrow")

PHONES = {
    "phonemes": ["sil", "EY1", "sp", "B", "IY1", "sil"],
    "word_index": [-1, 0, -1, 1, 1, -1],
    "words": [("a", 0.1, 0.2), ("b", 0.2, 0.4)],
    "times": [[0, 0.1], [0.1, 0.2], [0.2, 0.2], [0.2, 0.3], [0.3, 0.4], [0.4, 1.0]],
}


def clip_rows(count: int = 40) -> list[dict]:
    generator = np.random.default_rng(0)
    rows = []
    for index in range(count):
        row = {"id": f"grid/s1/c{index:02d}", "split": "val" if index % 10 == 3 else "train", "text": "a b"}
        row["audio"] = generator.integers(-9000, 9000, 640 * 5 + index).astype(np.int16)
        row["crops"] = np.full((5, 96, 96), 3 * index, np.uint8)
        row["style"] = np.full(256, 1 / 16, np.float32)
        row["phones"] = PHONES if index % 2 else None
        row["tokens"] = ([1, 2, index], [4, 5]) if index % 4 else None
        rows.append(row)
    return rows


@pytest.fixture
def folder(tmp_path):
    return write_prepared(tmp_path / "grid", clip_rows())


def test_every_clip_is_read_back(folder):
    store = FeatureStore(folder)
    assert len(store) == 40
    for index, row in enumerate(clip_rows()):
        clip = store[row["id"]]
        assert (clip.split, clip.num_frames, clip.num_samples) == (row["split"], 5, 3200 + index)
        np.testing.assert_array_equal(np.rint(store.audio(clip.id) * 32767), row["audio"])
        np.testing.assert_allclose(store.crops(clip.id), row["crops"], atol=1)
        np.testing.assert_array_equal(store.style(clip.id), row["style"])
        assert store.has("tokens", clip.id) == (index % 4 != 0)
        if index % 4:
            assert store.tokens(clip.id)[0].tolist() == [1, 2, index]
            assert store.tokens(clip.id)[1].dtype == np.int64


def test_phonemes(folder):
    phones = FeatureStore(folder).phones("grid/s1/c01")
    assert phones.words == ["a", "b"]
    assert phones.times.shape == (6, 2)
    assert phones.times.dtype == np.float32
    assert phones.ids[0] == 1
    assert phones.optional == [False, False, True, False, False, False]


def test_selection(folder):
    store = FeatureStore(folder)
    assert len(store.clips()) == 40
    assert [clip.id for clip in store.clips("val")] == [f"grid/s1/c{index:02d}" for index in (3, 13, 23, 33)]
    assert len(store.clips(("train", "val"), "grid")) == 40
    assert store.clips(source="an4") == []
    assert len(store.clips(needs=("audio", "phones"))) == 20
    assert len(store.clips(needs=("crops", "tokens", "phones"))) == 20
    assert len(store.clips(needs=("tokens",))) == 30
    with pytest.raises(ValueError, match="unknown kind 'hands'"):
        store.clips(needs=("hands",))
    with pytest.raises(ValueError, match="unknown kind"):
        store.has("hands", "grid/s1/c01")


def test_several_folders_are_one_store(folder, tmp_path):
    write_prepared(tmp_path / "speech", [{"id": "an4/a", "source": "an4", "corpus_words": [("a", 0.5, 1.0)]}])
    store = FeatureStore([folder, tmp_path / "speech"])
    assert len(store) == 41
    assert store["an4/a"].words == [("a", 0.5, 1.0)]
    assert store.folders == [folder, tmp_path / "speech"]
    assert "an4/a" in store
    assert "an4/b" not in store
    assert not store.has("crops", "an4/a")
    assert store.audio("an4/a").shape == (16000,)
    with pytest.raises(ValueError, match="twice"):
        FeatureStore([folder, folder])


def test_a_store_goes_to_other_processes(folder):
    store = pickle.loads(pickle.dumps(FeatureStore(folder)))
    assert store.crops("grid/s1/c39").shape == (5, 96, 96)
    assert len(store.clips("val")) == 4


def test_what_is_missing_is_said(folder, tmp_path):
    store = FeatureStore(folder)
    with pytest.raises(ValueError, match="no phones: it has no transcript"):
        store.phones("grid/s1/c00")
    with pytest.raises(ValueError, match="--speech_tokenizer"):
        store.tokens("grid/s1/c00")
    with pytest.raises(ValueError, match="there is no clip x"):
        store.audio("x")
    with pytest.raises(ValueError, match="flowdubber prepare"):
        FeatureStore(tmp_path)


def test_without_pyarrow_the_way_out_is_said(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install '\.\[train\]'"):
        FeatureStore(folder)


def test_shards_hold_what_fits():
    assert shard_lengths([5, 5, 5, 50, 1], shard_bytes=10) == [2, 1, 1, 1]
    assert shard_lengths([]) == []
    assert sum(shard_lengths([100] * 1000, shard_bytes=1050)) == 1000


def test_many_files_are_read_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr("flowdubber_hf.data.dataset.SHARD_BYTES", 4)
    monkeypatch.setattr("flowdubber_hf.data.dataset.shard_lengths", lambda sizes: [4] * (len(sizes) // 4))
    write_prepared(tmp_path, [{"id": f"x/{index}", "audio": np.full(640, index, np.int16)} for index in range(12)])
    assert [path.name for path in sorted((tmp_path / "data").iterdir())] == [
        f"train-0000{i}-of-00003.parquet" for i in range(3)
    ]
    store = FeatureStore(tmp_path)
    assert [clip.id for clip in store.clips()] == [f"x/{index}" for index in range(12)]
    assert store.audio("x/9")[0] * 32767 == pytest.approx(9)


def test_a_failed_write_leaves_the_old_data(folder):
    before = sorted(path.name for path in (folder / "data").iterdir())

    def rows():
        yield {"id": 3.5}

    with pytest.raises(ValueError, match="does not fit the columns"):
        write_data(folder, {"train": (rows(), [1])})
    assert sorted(path.name for path in (folder / "data").iterdir()) == before
    assert [path.name for path in folder.iterdir()] == ["data"]
    with pytest.raises(ValueError, match="rows are missing"):
        write_data(folder, {"train": (iter(()), [1])})

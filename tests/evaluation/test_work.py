"""Records of clips: what is kept of them, and what of a damaged one is believed."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import numpy as np
import pytest

from flowdubber_hf.evaluation.clips import EvaluationClip
from flowdubber_hf.evaluation.work import (
    Record,
    clip_record,
    hash_code,
    hash_weights,
    maps_file,
    read_maps,
    record_file,
)


CLIP = EvaluationClip("anna_one", "data/anna/one", "anna", "bin blue", Path("one.mp4"), Path("one.mp4"))
WHOLE = {
    "sound_key": "k",
    "problem": None,
    "details": {"timings": {"total": 1.5}},
    "scores": {"length": {"key": "a", "values": {"length": 3.0}, "problems": {}}},
}


def write(folder: Path, content: str) -> None:
    record_file(folder, CLIP).parent.mkdir(parents=True, exist_ok=True)
    record_file(folder, CLIP).write_text(content)


def test_a_record_comes_back_as_it_was_written(tmp_path):
    assert clip_record(tmp_path, CLIP) == Record()
    write(tmp_path, json.dumps(WHOLE))
    assert clip_record(tmp_path, CLIP) == Record(**WHOLE)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        json.dumps({**WHOLE, "sound_key": 1}),
        json.dumps({**WHOLE, "scores": {"length": {"key": "a"}}}),
        json.dumps({**WHOLE, "details": {"timings": {"total": "soon"}}}),
        json.dumps({name: value for name, value in WHOLE.items() if name != "details"}),
    ],
)
def test_of_a_damaged_record_nothing_is_believed(tmp_path, content):
    write(tmp_path, content)
    assert clip_record(tmp_path, CLIP) == Record()


def test_maps_that_cannot_be_read_are_none(tmp_path):
    assert read_maps(tmp_path, CLIP) == {}
    file = maps_file(tmp_path, CLIP)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"PK damaged")
    assert read_maps(tmp_path, CLIP) == {}
    np.savez_compressed(file, path=np.eye(3))
    assert np.array_equal(read_maps(tmp_path, CLIP)["path"], np.eye(3))
    np.savez_compressed(file, path=np.array([{}], dtype=object))  # would have to be unpickled
    assert read_maps(tmp_path, CLIP) == {}


def test_hashes_follow_the_files(tmp_path):
    whole, part = hash_code(["metrics"]), hash_code(["metrics/words.py"])
    assert len(whole) == len(part) == 24 and whole != part
    assert hash_code(["metrics"]) == whole
    assert hash_weights("flowdubber-grid-tiny") == hash_weights("flowdubber-grid-tiny") is not None
    assert hash_weights("someone/on-the-hub") is None

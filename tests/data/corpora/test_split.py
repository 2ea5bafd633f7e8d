"""The validation part that is carved from `train`."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib

import pytest

from flowdubber_hf.data.corpora import read_corpus
from flowdubber_hf.data.corpora.recording import Recording
from flowdubber_hf.data.corpora.split import carve_validation


def recordings(counts: dict[str, int]) -> list[Recording]:
    return [
        Recording(f"x/{name}/{i}", speaker=name, video="v") for name, count in counts.items() for i in range(count)
    ]


def test_validation_takes_a_share_of_each_speaker():
    held_out = [
        item
        for item in carve_validation(recordings({"a": 60, "b": 31, "c": 5}), 1 / 30, "clip")
        if item.split == "val"
    ]
    assert sorted(item.speaker for item in held_out) == ["a", "a", "b"]
    again = carve_validation(recordings({"a": 60, "b": 31, "c": 5})[::-1], 1 / 30, "clip")
    assert {item.id for item in again if item.split == "val"} == {item.id for item in held_out}


def test_small_sets_have_one_clip_to_validate_on():
    assert [item.split for item in carve_validation(recordings({"a": 5, "b": 4}), 1 / 30, "clip")].count("val") == 1
    assert [item.split for item in carve_validation(recordings({"a": 1}), 1 / 30, "clip")] == ["train"]


def test_validation_by_speaker_shares_no_voice():
    carved = carve_validation(recordings({str(i): 3 for i in range(100)}), 0.1, "speaker")
    train, val = ({item.speaker for item in carved if item.split == split} for split in ("train", "val"))
    assert val
    assert len(val) < 25
    assert not train & val


def test_a_given_validation_part_stays():
    given = [Recording("x/1", split="val", video="v"), *recordings({"a": 60})]
    assert carve_validation(given, 0.5, "clip") == given
    with pytest.raises(ValueError, match="val_share"):
        carve_validation(given, 1.5, "clip")


def test_the_shared_clips_keep_their_validation_parts(shared_data):
    grid = read_corpus(shared_data / "grid").recordings
    assert not any(clip.problem for clip in grid)
    splits = [clip.split for clip in grid]
    assert (splits.count("dev"), splits.count("zero_shot"), splits.count("val")) == (40, 22, 29)
    of_s1 = sorted(clip.id for clip in grid if clip.split == "val" and clip.speaker == "grid-s1")
    assert (len(of_s1), digest(of_s1)) == (28, "460c18b47c9af0a1")
    speech = read_corpus(shared_data / "speech", val_by="speaker", val_share=0.02).recordings
    sources = {"librispeech", "an4", "speechocean762"}
    assert sources <= {clip.source for clip in speech}  # others may join, and move nothing of these
    held_out = sorted(clip.id for clip in speech if clip.split == "val" and clip.source in sources)
    assert (len(held_out), digest(held_out)) == (61, "6eb9c7e060606b0a")
    assert all(clip.id.startswith(f"{clip.source}/") for clip in speech)
    assert len({clip.id for clip in (*grid, *speech)}) == len(grid) + len(speech)


def digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]

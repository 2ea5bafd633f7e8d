"""Bad clips are found before training, by name, and stop the run or are left out."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest
from accelerate import Accelerator

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.training.arguments import TrainingArguments
from flowdubber_hf.training.checks import find_problem, of_speakers, usable_clips
from support.dubbing_dataset import clip
from support.prepared_dataset import write_prepared


NEEDS = ("audio", "phones", "crops", "style")


def phones(**changed) -> dict:
    return {**clip("x", 0)["phones"], **changed}


BAD = {
    "silent": ({"audio": np.zeros(16000)}, "the sound is silent throughout"),
    "short": ({"audio": np.ones(3200) * 0.1}, "the sound has 3200 samples but there are 25 video frames"),
    "no_text": ({"text": " "}, "the text is empty"),
    "unknown": ({"phones": phones(phonemes=["sil", "QQ", *["sil"] * 6])}, "unknown phonemes QQ"),
    "disorder": ({"phones": phones(times=[(0.5, 0.1)] * 8)}, "the phonemes' times are not in order"),
    "late": ({"phones": phones(times=[(0.0, 3.0)] * 7 + [(3.0, 3.1)])}, "not in order"),
    "behind": (
        {"phones": phones(times=[(0.1 * n, 0.1 * n + 0.1) for n in range(7)] + [(0.7, 3.1)])},
        "behind the sound",
    ),
    "style": ({"style": np.zeros(256, np.float32)}, "the style vector is not a finite vector"),
    "nan": ({"style": np.full(256, np.nan, np.float32)}, "the style vector is not a finite vector"),
}


def crowded() -> dict:
    """More phonemes than frames."""
    names = ["sil"] + ["B"] * 30 + ["sil"]
    times = [(n / 32, (n + 1) / 32) for n in range(32)]
    return {"phonemes": names, "word_index": [-1] + [0] * 30 + [-1], "words": ["b"], "times": times}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rows = [clip("good", 0), clip("other", 1), clip("crowded", 2, phones=crowded())]
    rows += [clip(name, 3 + n, **changed) for n, (name, (changed, _)) in enumerate(BAD.items())]
    return FeatureStore(write_prepared(tmp_path_factory.mktemp("data"), rows))


def options(folder, **changed) -> TrainingArguments:
    folder.mkdir(exist_ok=True)
    return TrainingArguments(dataset=[], output_dir=str(folder), **changed)


@pytest.mark.parametrize("name", BAD)
def test_problems_are_told(store, name):
    assert BAD[name][1] in find_problem(store, store[name], NEEDS)


def test_more_phonemes_than_frames(store):
    assert find_problem(store, store["crowded"], NEEDS) == "32 phonemes do not fit into 25 frames"


def test_good_clips_have_none(store):
    assert find_problem(store, store["good"], NEEDS) is None
    assert "no tokens" in find_problem(store, store["good"], ("tokens",))


def test_bad_clips_stop_the_run_by_name(store, tmp_path):
    with pytest.raises(
        ValueError, match=r"10 of 12 clips cannot be trained on:\n  crowded: 32 phonemes(.|\n)*--skip_bad"
    ):
        usable_clips(store, store.clips(), NEEDS, options(tmp_path), Accelerator(cpu=True))


def test_bad_clips_can_be_left_out(store, tmp_path, capsys):
    arguments = options(tmp_path, skip_bad_clips=True)
    found = usable_clips(store, store.clips(), NEEDS, arguments, Accelerator(cpu=True))
    assert [clip.id for clip in found] == ["good", "other"]
    assert "left out 10 of 12 clips" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "skipped_clips.json").read_text())) == 10


def test_speakers_are_chosen(store, tmp_path):
    clips = [store["good"], store["other"]]
    assert of_speakers(clips, options(tmp_path)) == clips
    assert of_speakers(clips, options(tmp_path, speakers=["speaker1"])) == clips[1:]
    assert of_speakers(clips, options(tmp_path, exclude_speakers=["speaker1"])) == clips[:1]

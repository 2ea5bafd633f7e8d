"""What a checkpoint's settings tell before it is loaded."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import pytest

from flowdubber_hf.checkpoints.sources import local_checkpoint
from flowdubber_hf.demo import make_demo
from flowdubber_hf.dubbing.jobs import DubJob, check_clip, check_model
from flowdubber_hf.dubbing.loading import ModelFacts, model_facts
from flowdubber_hf.processing.text import ACCENTS, phonemize


pytestmark = pytest.mark.slow


def test_the_bundled_model_speaks_british_english_and_has_a_language_model():
    facts = model_facts(local_checkpoint("flowdubber-grid-tiny"))
    assert facts == ModelFacts(("gb",), True)


def test_a_checkpoint_without_its_settings_may_speak_either(tmp_path):
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FlowDubberPipeline"}))
    assert model_facts(tmp_path) == ModelFacts(ACCENTS, False)
    assert model_facts(None) == ModelFacts(ACCENTS, None)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    return make_demo(folder).video


def test_phonemes_are_counted_as_the_model_says_them(clip):
    """ "zed" has a phoneme more than "zee": a script that only just has room for the one has none for the other."""
    from flowdubber_hf.processing.video import probe_video

    frames = probe_video(clip).num_frames
    script = "z"
    while sum(not one for one in phonemize(f"{script} z", "us").optional) <= frames:
        script += " z"
    counted = {accent: sum(not one for one in phonemize(script, accent).optional) for accent in ACCENTS}
    assert counted["us"] <= frames < counted["gb"]
    job = DubJob(Path(clip), script, Path(clip), Path("dub.wav"))
    assert [problem.field for problem in check_clip(job, ModelFacts(("gb",)))] == ["script"]
    assert not list(check_clip(job, ModelFacts(("us",))))
    assert not list(check_clip(job, ModelFacts()))  # not known yet: one of them has room


def test_a_model_without_a_language_model_cannot_be_guided():
    job = DubJob(Path("a"), "a", Path("a"), Path("a.wav"), reference_text="a")
    assert [one.field for one in check_model(job, ModelFacts(("us",), False))] == ["guidance_scale", "reference_text"]
    assert not list(check_model(job, ModelFacts(("us",), True))) and not list(check_model(job, ModelFacts()))

"""The checkpoint inside the package: whole, small, free of code and of this or that machine's paths, and it dubs."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re

import numpy as np
import pytest
import torch

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.checkpoints.sources import bundled_checkpoints
from flowdubber_hf.demo import make_demo


pytestmark = pytest.mark.slow


NAME = "flowdubber-grid-tiny"


@pytest.fixture(scope="module")
def folder():
    assert NAME in bundled_checkpoints(), "the package lacks its checkpoint"
    return bundled_checkpoints()[NAME]


@pytest.fixture(scope="module")
def pipe(folder):
    pipe = FlowDubberPipeline.from_pretrained(NAME)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_size_and_kinds_of_files(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40e6
    assert {path.suffix for path in files} <= {".json", ".jinja", ".safetensors", ".md", ".txt"}
    assert not [path for path in files if path.is_symlink()]


def test_no_path_of_a_machine(folder):
    for path in folder.rglob("*.json"):
        absolute = re.findall(r'"(?:/|[A-Z]:\\\\)\w[^"]*"', path.read_text(encoding="utf-8"))
        assert path.name == "tokenizer.json" or not absolute, (path, absolute)


def test_every_part_is_there_in_full_precision(pipe):
    assert all(part is not None for part in pipe.components.values())
    models = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    assert {model.dtype for model in models} == {torch.float32}
    assert not any(model.training for model in models)


def test_dubs_the_demo(pipe, tmp_path):
    demo = make_demo(tmp_path)

    def dub(**changed):
        generator = torch.Generator("cpu").manual_seed(0)
        return pipe(
            script=demo.script, video=demo.video, reference_audio=demo.reference, generator=generator, **changed
        )

    spoken = dub()
    (sound,) = spoken.audios
    assert sound.shape == (48000,)
    assert np.isfinite(sound).all()
    loudness = float(np.sqrt(np.mean(sound**2)))
    assert 0.003 < loudness < 0.5
    assert [word for word, _, _ in spoken.words[0]] == demo.script.split()
    np.testing.assert_array_equal(dub().audios[0], sound)
    plain = dub(guidance_scale=1.0).audios[0]
    assert not np.allclose(plain, sound)

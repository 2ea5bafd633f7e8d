"""Pictures of mels and alignment maps."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.drawing.speech import alignment_picture, mel_picture
from flowdubber_hf.processing.text import PHONEMES


def test_pictures_show_what_they_are_given():
    pytest.importorskip("matplotlib")
    probabilities = np.eye(4).repeat(3, axis=1)
    path = np.eye(4).repeat(12, axis=1)
    names = list(PHONEMES[4:8])
    picture = alignment_picture(probabilities, {"true": path, "found": path}, names, "clip")
    other = alignment_picture(probabilities, {"true": path, "found": path[::-1]}, names, "clip")
    assert picture.shape == other.shape
    assert (picture != other).any()
    orange = (picture.astype(int) - [255, 127, 14]).__abs__().sum(axis=2) < 30
    assert orange.sum() > 100  # the true path is seen
    mel = np.random.default_rng(0).normal(size=(80, 50))
    assert (mel_picture({"true": mel, "dub": mel}, "a") != mel_picture({"true": mel, "dub": mel + 1}, "a")).any()


def test_missing_matplotlib_is_said(monkeypatch):
    import importlib

    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(ImportError, match=r"matplotlib.*pip install .*\[train\]"):
        mel_picture({"true": np.zeros((80, 10))}, "a")

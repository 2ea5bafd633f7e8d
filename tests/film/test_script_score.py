"""The aligner's word on which mouth says a script."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.film.faces import cut_mouths, find_faces
from flowdubber_hf.film.script_score import ScriptScore
from support.films import TEXT, still_head
from support.video_files import head_frames


@pytest.fixture(scope="module")
def score() -> ScriptScore:
    return ScriptScore()


def mouths(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grey = pictures.mean(axis=3).astype(np.uint8)
    (track,) = cut_mouths(lambda: iter(grey), find_faces(lambda: iter(grey), len(grey)), 0)
    return track.crops, track.seen


def test_the_mouth_that_says_it_scores_higher(score: ScriptScore) -> None:
    assert score(TEXT, *mouths(head_frames())) > score(TEXT, *mouths(still_head())) + 0.1


def test_a_script_that_does_not_fit(score: ScriptScore) -> None:
    assert score(TEXT, np.zeros((10, 96, 96), np.uint8), np.ones(10, bool)) == float("-inf")

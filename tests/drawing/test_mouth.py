"""The measure of an open mouth, against a mouth that the tests know."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from flowdubber_hf.demo.mouth import mouth_track
from flowdubber_hf.demo.timeline import demo_segments
from flowdubber_hf.drawing.mouth import mouth_opening
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor
from support.video_files import head_frames


def test_opening_follows_the_drawn_mouth():
    crops = FlowDubberLipFeatureExtractor()(head_frames(), fps=25.0)["crops"]
    drawn = mouth_track(demo_segments())
    seen = mouth_opening(crops)
    assert seen.shape == (75,)
    assert (seen.min(), seen.max()) == (0, 1)
    best = max(abs(np.corrcoef(seen, drawn[:75, axis])[0, 1]) for axis in range(drawn.shape[1]))
    assert best > 0.7


def test_a_mouth_that_rests_is_shut():
    crops = np.full((10, 96, 96), 120, np.uint8)
    assert not mouth_opening(crops).any()

# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The measure of an open mouth, against a mouth that the tests know."""

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

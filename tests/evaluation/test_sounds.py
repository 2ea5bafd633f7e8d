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
"""Which of several takes is kept, and what the options of the dub become."""

import pytest

from flowdubber_hf.evaluation.settings import EvaluateSettings, check_settings
from flowdubber_hf.evaluation.sounds import SoundMaker, call_arguments
from flowdubber_hf.evaluation.takes import choose_take


@pytest.mark.parametrize(
    ("similarities", "wrong", "kept"),
    [
        ([0.7], [6], 0),
        ([0.7, 0.9], [0, 6], 1),  # of two, the more similar half is one: its words do not matter
        ([0.7, 0.9, 0.8], [0, 3, 1], 2),  # 0.9 and 0.8 stay; the second has fewer wrong words
        ([0.7, 0.9, 0.8, 0.6], [0, 2, 2, 0], 1),  # a tie in words goes to the more similar
        ([0.8, 0.8, 0.8], [1, 0, 0], 1),  # equal similarities count in their order
    ],
)
def test_the_best_take(similarities, wrong, kept):
    assert choose_take(similarities, wrong.__getitem__) == kept


def test_words_are_counted_only_in_the_better_half():
    asked = []
    choose_take([0.1, 0.4, 0.2, 0.3], lambda index: asked.append(index) or 0)
    assert set(asked) == {1, 3}


def test_no_take():
    with pytest.raises(ValueError, match="no take"):
        choose_take([], lambda index: 0)


def settings(**changed):
    return EvaluateSettings(data="data", output="output", **changed)


def test_options_of_the_dub_reach_the_pipeline():
    plain = call_arguments(settings())
    assert plain == {"num_inference_steps": 10, "guidance_scale": 1.4, "temperature": None}
    full = call_arguments(settings(steps=2, sway=-1.0, without=("lips", "style"), temperature=0.5))
    assert full["without"] == ["lips", "style"]
    assert full["sigmas"] == pytest.approx([1.0, 1 - (0.5 - (2**-0.5 - 0.5))])
    with pytest.raises(ValueError, match="sway"):
        call_arguments(settings(sway=3.0))


class Recorded(SoundMaker):
    """Takes are told apart by their seeds, nothing is dubbed."""

    def dub(self, clip, seed, timing=None):
        return seed


def test_a_single_take_has_the_seed():
    assert Recorded(settings(seed=7))(None) == 7


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"setting": 4}, "--setting"),
        ({"sound": "echo"}, "--sound"),
        ({"solver": "rk45"}, "--solver"),
        ({"without": ("hands",)}, "--without"),
        ({"outputs": "x", "sound": "truth"}, "--outputs"),
        ({"outputs": "x", "speed": True}, "--speed"),
        ({"sound": "truth", "best_of": 2}, "--best-of"),
        ({"best_of": 0}, "--best-of"),
        ({"voices": "x"}, "--voices"),
        ({"num_proc": 0}, "--num-proc"),
        ({"limit": 0}, "--limit"),
        ({"seed": -1}, "--seed"),
        ({"metrics": ()}, "--metrics"),
    ],
    ids=str,
)
def test_settings_that_cannot_be(changed, message):
    with pytest.raises(ValueError, match=message):
        check_settings(settings(**changed))


def test_the_title_says_what_is_not_the_default():
    assert settings().title == "flowdubber-grid-tiny"
    assert settings(sound="truth").title == "true sound"
    changed = settings(without=("lips",), steps=4, best_of=8, sound="true_times")
    assert changed.title == "flowdubber-grid-tiny, true times, without lips, steps 4, best of 8"
    assert settings(steps=4, name="mine").title == "mine"

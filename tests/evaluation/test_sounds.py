"""What the options of an evaluation become."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest

from flowdubber_hf.evaluation.settings import EvaluateSettings, check_settings
from flowdubber_hf.evaluation.sounds import call_arguments


pytestmark = pytest.mark.slow


def settings(**changed):
    return EvaluateSettings(data="data", output="output", **changed)


def test_options_of_the_dub_reach_the_pipeline():
    plain = call_arguments(settings())
    assert plain == {"guidance_scale": 1.4, "style_guidance_scale": None, "colour_match": None, "temperature": None}
    full = call_arguments(settings(steps=2, sway=-1.0, temperature=0.5))
    assert full["sigmas"] == pytest.approx([1.0, 1 - (0.5 - (2**-0.5 - 0.5))])
    with pytest.raises(ValueError, match="sway"):
        call_arguments(settings(sway=3.0))


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
    changed = settings(without=("lips",), steps=8, best_of=8, sound="true_times")
    assert changed.title == "flowdubber-grid-tiny, true times, without lips, steps 8, best of 8"
    assert settings(steps=8, name="mine").title == "mine"

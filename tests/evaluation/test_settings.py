"""Settings of an evaluation: what excludes what, and the title of a row."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import pytest

from flowdubber_hf.evaluation.settings import EvaluateSettings, check_settings


DATA, OUTPUT = Path("clips"), Path("out")


def given(**changed) -> EvaluateSettings:
    return EvaluateSettings(DATA, OUTPUT, **changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"setting": 4}, "--setting must be 1, 2 or 3"),
        ({"sound": "song"}, "--sound must be one of"),
        ({"solver": "magic"}, "--solver must be one of"),
        ({"without": ("lips", "soul")}, "--without takes .*'soul'"),
        ({"outputs": DATA, "sound": "truth"}, "leave --sound out"),
        ({"outputs": DATA, "speed": True}, "leave --outputs out"),
        ({"sound": "truth", "speed": True}, "leave --sound out"),
        ({"best_of": 2, "sound": "truth"}, "--best-of chooses among dubs"),
        ({"best_of": 0}, "takes|best"),
        ({"voices": DATA}, "belong to --setting 3"),
        ({"setting": 3, "pairing": DATA, "voices_split": "dev"}, "leave --voices-split out"),
        ({"num_proc": 0}, "--num-proc must be at least 1"),
        ({"limit": 0}, "--limit must be at least 1"),
        ({"seed": -1}, "--seed must lie between"),
        ({"metrics": ()}, "--metrics is empty"),
    ],
)
def test_what_cannot_be_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        check_settings(given(**changed))


def test_the_defaults_and_a_third_setting_are_fine():
    check_settings(given())
    check_settings(given(setting=3, voices=DATA, best_of=2, without=("lips",)))


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({}, "flowdubber-grid-tiny"),
        ({"name": "ours"}, "ours"),
        ({"outputs": DATA / "theirs"}, "theirs"),
        ({"sound": "truth"}, "true sound"),
        ({"sound": "true_times", "steps": 8}, "flowdubber-grid-tiny, true times, steps 8"),
        ({"without": ("lips",), "best_of": 3}, "flowdubber-grid-tiny, without lips, best of 3"),
        ({"guidance_scale": 1.0, "voices": DATA}, "flowdubber-grid-tiny, guidance scale 1.0, voices of clips"),
    ],
)
def test_a_row_says_what_is_not_the_default(changed, title):
    assert given(**changed).title == title


def test_what_needs_a_model():
    assert given().needs_model and given().dubs
    assert given(sound="vocoded").needs_model and not given(sound="vocoded").dubs
    assert not given(sound="truth").needs_model
    assert not given(outputs=DATA).needs_model and not given(outputs=DATA).dubs

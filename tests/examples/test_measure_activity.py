"""What is measured of lines that the mouth does not say."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def script(repository: Path) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(repository / "examples")
        return importlib.import_module("measure_activity")


def test_scenes_of_every_kind(script):
    film = script.compose(importlib.import_module("film_pieces").DrawnCast(), 3)
    assert [cue["kind"] for cue in film.cues] == ["one", "away", "pause"]
    assert len(film.cuts) == 1 + 1 + 3 + 1 + 2  # shots but the first, with what stands between
    one, _, pause = film.cues
    assert len(pause["words"]) == 2 * len(one["words"]) and pause["script"].count(".") == 2
    assert pause["end"] > pause["words"][-1][2] * 1e6 > pause["start"]


def test_when_the_actor_speaks_and_the_dub_is_heard(script):
    words = [["a", 0.1, 0.2], ["b", 0.25, 0.3], ["c", 0.6, 0.7]]
    assert np.flatnonzero(script.actor_speaks(words, 0.0, 50)).tolist() == [*range(5, 15), *range(30, 35)]
    assert np.flatnonzero(script.actor_speaks(words, 0.5, 10)).tolist() == [5, 6, 7, 8, 9]
    sound = np.repeat([0.0, 0.5, 0.001, 0.1], 320).astype(np.float32)
    assert script.heard(sound).tolist() == [False, True, False, True]


def test_the_table_has_all_kinds(script):
    rows = [{"kind": kind, "inside": 0.5, "covered": 0.25} for kind in script.KINDS]
    text = script.table({"activity": rows, "cue": rows})
    assert text.count("50.0 % | 50.0 % | 25.0 % | 25.0 %") == 4 and "| all | 3 |" in text

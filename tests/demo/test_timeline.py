"""When the demo's words, and those of any text, are said."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

import pytest

from flowdubber_hf.demo import (
    DEMO_SCRIPT,
    demo_timeline,
    speech_timeline,
)
from flowdubber_hf.processing.text import phonemize


def test_timeline_is_the_scripts() -> None:
    timeline = demo_timeline()
    assert timeline[0]["start"] == 0.0
    assert timeline[-1]["end"] == 3.0
    assert all(a["end"] == b["start"] and a["start"] < a["end"] for a, b in pairwise(timeline))
    assert timeline[-1]["start"] < 2.6
    spoken = [part["phoneme"] for part in timeline if part["word"]]
    expected = [name for name in phonemize(DEMO_SCRIPT).phonemes if name not in ("sil", "sp")]
    assert spoken == expected
    assert list(dict.fromkeys(part["word"] for part in timeline if part["word"])) == DEMO_SCRIPT.split()


FREE_TEXT = "The boy usually paid more for five good books."


def test_any_text_has_a_timeline() -> None:
    timeline = speech_timeline(FREE_TEXT)
    assert [part["phoneme"] for part in timeline if part["word"]] == [
        name for name in phonemize(FREE_TEXT).phonemes if name not in ("sil", "sp")
    ]
    assert all(a["end"] == b["start"] and a["start"] < a["end"] for a, b in pairwise(timeline))
    assert timeline[0]["start"] == 0.0
    assert timeline[0]["end"] == 0.3
    assert 0.3 - 1e-3 <= timeline[-1]["end"] - timeline[-1]["start"] < 0.34 + 1e-3
    assert timeline[-1]["end"] * 25 == pytest.approx(round(timeline[-1]["end"] * 25))
    spoken = len(timeline) - 2
    assert 10 < spoken / (timeline[-1]["start"] - timeline[0]["end"]) < 14

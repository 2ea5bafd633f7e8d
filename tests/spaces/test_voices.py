"""Voices as they are given, videos among them, and scripts drafted from a clip."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from flowdubber_hf.demo import demo_reference
from flowdubber_hf.extras import absent
from flowdubber_hf.page import draft
from flowdubber_hf.page.limits import MAX_SCRIPT_CHARACTERS, Problem
from flowdubber_hf.page.voices import prepare_voice
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.video import write_wav


pytestmark = pytest.mark.slow


def test_a_recording_stays_as_it_is(media, tmp_path):
    voice = media / "voice.wav"
    assert prepare_voice(str(voice), tmp_path) == (voice, [])
    assert not list(tmp_path.iterdir())


def test_of_a_video_the_sound_is_taken(media, tmp_path):
    shown, _ = prepare_voice(str(media / "head.mp4"), tmp_path)
    assert shown == tmp_path / "head.wav"
    np.testing.assert_allclose(load_audio(shown), load_audio(media / "head.mp4"), atol=1 / 16384)  # 16 bits


def test_what_is_wrong_with_a_voice_is_told_when_it_is_given(media, tmp_path):
    with pytest.raises(Problem, match="sound"):
        prepare_voice(str(media / "mute.mp4"), tmp_path)
    loud = write_wav(tmp_path / "loud.wav", np.clip(6 * demo_reference(), -0.5, 0.5))
    _, (remark,) = prepare_voice(str(loud), tmp_path)
    assert remark.startswith("This recording is clipped")


def test_a_draft_of_the_script(media):
    if absent([draft.RECOGNISER]):
        pytest.skip("no recogniser here")
    words = draft.draft_script(str(media / "head.mp4")).split()
    assert words and all(word.isalpha() or "'" in word for word in words)


def test_drafts_are_no_longer_than_a_script_may_be(media, monkeypatch):
    monkeypatch.setattr(draft, "recognize_words", lambda sound, grammar: ["wonderful"] * 100)
    text = draft.draft_script(str(media / "head.mp4"))
    assert MAX_SCRIPT_CHARACTERS - 10 < len(text) <= MAX_SCRIPT_CHARACTERS and text.endswith("wonderful")


def test_no_draft_of_silence(media, monkeypatch):
    with pytest.raises(Problem, match="no sound of its own"):
        draft.draft_script(str(media / "mute.mp4"))
    monkeypatch.setattr(draft, "recognize_words", lambda sound, grammar: [])
    with pytest.raises(Problem, match="No words were heard"):
        draft.draft_script(str(media / "head.mp4"))
    with pytest.raises(Problem, match="Upload a clip"):
        draft.draft_script(None)

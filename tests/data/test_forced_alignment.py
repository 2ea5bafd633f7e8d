# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json

import numpy as np
import pytest

from flowdubber_hf.data.forced_alignment import (
    MAX_STOP_SECONDS,
    AlignmentError,
    _SpokenWord,
    _without_long_stops,
    align,
    align_text,
    contiguous_times,
)
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.text import phonemize


pytestmark = pytest.mark.slow


pytest.importorskip("pocketsphinx")


def grid_clips(shared_data, speaker: str, letter: str, count: int) -> list[dict]:
    lines = (shared_data / "grid" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if row["speaker"] == speaker and row["words"][3][0] == letter][:count]


def word_starts(phonemization, times) -> list[float]:
    return [times[phonemization.word_index.index(index)][0] for index in range(len(phonemization.words))]


def test_times_of_a_hand_made_alignment():
    # two words of two phones, 0.1 s of pause between them, 1 s of sound
    words = [_SpokenWord("w0", [(0.2, 0.3), (0.3, 0.4)]), _SpokenWord("w1", [(0.5, 0.6), (0.6, 0.8)])]
    expected = [(0.0, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 0.8), (0.8, 1.0)]
    np.testing.assert_allclose(contiguous_times([word.phones for word in words], 1.0), expected)


def test_speech_to_the_very_ends_leaves_a_frame_of_silence():
    words = [_SpokenWord("w0", [(0.0, 0.5), (0.5, 1.01)])]
    np.testing.assert_allclose(
        contiguous_times([word.phones for word in words], 1.0), [(0.0, 0.01), (0.01, 0.5), (0.5, 0.99), (0.99, 1.0)]
    )


def test_a_stop_after_a_pause_is_cut_and_others_are_not():
    stop, fricative = [[["P", "AA1"]]], [[["S", "AA1"]]]
    long_phone = [(0.0, 0.9), (0.9, 1.0)]
    segments = [_SpokenWord("<sil>", [(0.0, 0.0)]), _SpokenWord("w0", long_phone)]
    assert _without_long_stops(segments, stop)[0].phones[0] == (0.9 - MAX_STOP_SECONDS, 0.9)
    assert _without_long_stops(segments, fricative)[0].phones == long_phone
    inside = [_SpokenWord("w0", [(0.0, 0.1), (0.1, 0.2)]), _SpokenWord("w1", [(0.2, 1.0), (1.0, 1.1)])]
    assert _without_long_stops(inside, stop * 2)[1].phones[0] == (0.2, 1.0)


def test_real_clips_agree_with_the_corpus(shared_data):
    errors = []
    for row in grid_clips(shared_data, "s1", "f", 3):
        sound = load_audio(shared_data / "grid" / row["file_name"])
        phonemization, times = align_text(sound, row["text"])
        assert phonemization == phonemize(row["text"])
        assert times == align(sound, phonemization)  # the same call twice gives the same times
        flat = np.array(times)
        assert flat.shape == (len(phonemization.phonemes), 2)
        assert flat[0, 0] == 0.0
        assert flat[-1, 1] == pytest.approx(len(sound) / 16000)
        np.testing.assert_array_equal(flat[1:, 0], flat[:-1, 1])
        spoken = ~np.array(phonemization.optional)
        assert (flat[spoken, 1] > flat[spoken, 0]).all()
        assert (flat[:, 1] >= flat[:, 0]).all()
        errors += [
            start - word[1] for start, word in zip(word_starts(phonemization, times), row["words"], strict=True)
        ]
    assert np.median(np.abs(errors)) < 0.03


def test_the_spoken_name_of_a_letter_is_chosen(shared_data):
    row = grid_clips(shared_data, "s1", "z", 1)[0]
    phonemization, times = align_text(load_audio(shared_data / "grid" / row["file_name"]), row["text"])
    assert phonemization.pronunciations[3] == ["Z", "EH1", "D"]  # a British speaker
    assert len(times) == len(phonemization.phonemes)


def test_failures_are_said_and_leave_no_trace(shared_data):
    row = grid_clips(shared_data, "s1", "f", 1)[0]
    sound = load_audio(shared_data / "grid" / row["file_name"])
    before = align(sound, phonemize(row["text"]))
    with pytest.raises(AlignmentError):
        align(sound[:8000], phonemize("many more words than half a second of sound could ever hold " * 3))
    assert align(sound, phonemize(row["text"])) == before


@pytest.mark.parametrize("shape", [(100,), (2, 16000), (16000 * 61,)])
def test_sound_of_a_wrong_shape_is_refused(shape):
    with pytest.raises(ValueError, match="alignment needs"):
        align(np.zeros(shape, np.float32), phonemize("hello"))

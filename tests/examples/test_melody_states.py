"""The true melody as states: as many as the speech has, each with its phoneme and its pitch."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.processing.phonemes import PHONEME_CLASSES
from flowdubber_hf.training.semantic_features import SemanticCache
from flowdubber_hf.training.speech_tokenizer_data import frame_labels
from support.dubbing_dataset import FRAMES, clip
from support.prepared_dataset import write_prepared
from support.training_runs import load_script


def test_states_are_those_of_the_clips_own_speech(repository, tmp_path):
    samples = 640 * FRAMES
    beats = 2 * np.pi * 260.0 * np.arange(samples) / 16000
    tone = sum(np.sin(k * beats) / k for k in range(1, 5))
    quiet = np.where(np.arange(samples) < samples // 2, 0.02, 0.2)  # 20 dB louder in the second half
    data = write_prepared(tmp_path / "data", [clip("made/0", 0, split="train", audio=tone * quiet)])
    main = load_script(repository, "melody_states").main
    for _ in range(2):  # what is there is kept
        main(["--dataset", str(data), "--cache", str(tmp_path / "cache")])
    cache, store = SemanticCache(tmp_path / "cache"), FeatureStore(data)
    assert cache.settings["codes"] == "spoken" and cache.samples("made/0") == [0]
    states, (made,) = cache.get("made/0"), store.clips()
    assert states.shape[1] == cache.hidden_size == len(PHONEME_CLASSES) + 3
    times = store.phones("made/0").times
    first = int(max(0.0, times[1, 0] - 0.1) * 50)
    labels = frame_labels(store.phones("made/0"), 50, 50)[first : first + len(states)]
    np.testing.assert_array_equal(states[:, : len(PHONEME_CLASSES)].argmax(1), labels)
    height, voiced, loudness = states[:, -3:].T
    assert voiced.mean() > 0.9 and abs(np.median(height) - 3.0) < 0.1  # an octave above 130 Hz
    assert loudness[-5:].min() > np.median(loudness[:5]) + 0.3
    assert made.num_samples == samples

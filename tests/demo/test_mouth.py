"""Each phoneme's mouth, and the mouth's way through them."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from flowdubber_hf.demo.mouth import MOUTHS, mouth_track
from flowdubber_hf.demo.timeline import DURATIONS, Segment, of_phoneme, text_segments
from flowdubber_hf.processing.text import PHONEMES


def test_every_phoneme_has_a_duration_and_a_mouth() -> None:
    spoken = [name for name in PHONEMES if name[0].isupper()]
    assert len({name.rstrip("012") for name in spoken}) == 39
    for name in spoken:
        assert 0.03 < of_phoneme(DURATIONS, name) < 0.2
        assert of_phoneme(MOUTHS, name)


def test_mouth_opens_on_vowels_and_closes_on_lips() -> None:
    segments = text_segments("The happy man may buy a map of Africa.", "us")
    track = mouth_track(segments)
    opening, press = track[:, 0], track[:, 3]

    def during(values: np.ndarray, part: Segment) -> np.ndarray:
        return values[int(part.start * 25) : int(part.end * 25) + 1]

    vowels = [part for part in segments if part.phoneme in ("AE1", "EY1")]
    lips = [part for part in segments if part.phoneme in ("P", "B", "M")]
    assert len(vowels) >= 4
    assert len(lips) >= 6
    assert min(during(opening, part).max() for part in vowels) > 0.4
    assert max(during(opening, part).min() for part in lips) < 0.25
    assert min(during(press, part).max() for part in lips) > 0.5
    assert max(during(press, part).min() for part in vowels) < 0.2
    assert opening[[0, 1, -1, -2]].max() < 0.02

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
"""From prepared features to batches: whole frames of phonemes, augmentation, padding."""

import numpy as np
import pytest
import torch

from flowdubber_hf.data.augmentation import augment_crops, change_tempo, cut_silence, hold_frames, normalize_crops
from flowdubber_hf.data.dubbing import DubbingExample, collate, phoneme_frames


def frames(ends: list[float], optional: list[bool], count: int) -> list[int]:
    times = np.stack([np.array([0.0, *ends[:-1]]), np.array(ends)], axis=1)
    return phoneme_frames(times, np.array(optional), count).tolist()


def test_boundaries_go_to_the_nearest_frame():
    assert frames([0.2, 0.39, 0.41, 1.0], [False] * 4, 25) == [5, 5, 1, 14]
    assert frames([0.2, 0.2, 0.4, 1.0], [False, True, False, False], 25) == [5, 0, 5, 15]


def test_every_obligatory_phoneme_gets_a_frame():
    assert frames([0.01, 0.02, 0.03, 0.2], [False] * 4, 5) == [1, 1, 1, 2]
    assert frames([0.2, 0.2, 0.2, 0.2], [False] * 4, 5) == [2, 1, 1, 1]
    assert sum(frames([0.1, 0.5, 0.9, 1.3], [False] * 4, 30)) == 30  # the last one fills the clip
    with pytest.raises(ValueError, match="3 phonemes do not fit into 2"):
        frames([0.1, 0.2, 0.3], [False] * 3, 2)


@pytest.mark.parametrize("seed", range(20))
def test_random_times_give_whole_clips(seed):
    generator = np.random.default_rng(seed)
    ends = np.sort(generator.uniform(0, 1.6, 12)).tolist()
    optional = [index % 3 == 1 for index in range(12)]
    found = frames(ends, optional, 40)
    assert sum(found) == 40 and min(found) >= 0
    assert all(count >= 1 for count, flag in zip(found, optional, strict=True) if not flag)


def test_crops_are_centred_and_normalised():
    crops = np.zeros((2, 96, 96), np.uint8)
    crops[:, 4:92, 4:92] = 255
    values = normalize_crops(crops)
    assert values.shape == (2, 88, 88)
    assert values.min().item() == pytest.approx((1 - 0.421) / 0.165, rel=1e-5)


def test_augmentation_is_seeded_and_finite():
    crops = np.random.default_rng(0).integers(0, 256, (6, 96, 96), dtype=np.uint8)
    first, second = (augment_crops(crops, np.random.default_rng(seed)) for seed in (1, 1))
    other = augment_crops(crops, np.random.default_rng(2))
    assert first.shape == (6, 88, 88) and torch.isfinite(first).all()
    assert torch.equal(first, second) and not torch.equal(first, other)


def test_time_augmentation_keeps_order_and_bounds():
    generator = np.random.default_rng(0)
    phonemes = np.repeat([0, 1, 2, 3], [10, 3, 4, 8])
    for _ in range(50):
        kept = cut_silence(phonemes, generator)
        assert set(phonemes[kept]) == {0, 1, 2, 3} and (np.diff(kept) == 1).all()
        played = change_tempo(25, 0.12, generator)
        assert (np.diff(played) >= 0).all() and played.max() <= 24 and 22 <= len(played) <= 29
        held = hold_frames(25, generator)
        assert held.shape == (25,) and (held <= np.arange(25)).all() and (held != np.arange(25)).any()


def example(phonemes: int, num_frames: int, states: int | None) -> DubbingExample:
    generator = np.random.default_rng(phonemes)
    owners = np.sort(generator.integers(0, phonemes, num_frames))
    return DubbingExample(
        phonemes=np.arange(1, phonemes + 1),
        optional=np.zeros(phonemes, bool),
        frame_phonemes=owners,
        mel_phonemes=np.repeat(owners, 4),
        lips=torch.ones(num_frames, 8),
        mel=torch.ones(80, 4 * num_frames),
        style=np.ones(256, np.float32),
        semantic=None if states is None else np.ones((states, 5), np.float32),
    )


def test_collate_pads_and_masks():
    batch = collate([example(4, 10, 6), example(6, 7, None)])
    assert batch["input_ids"].tolist() == [[1, 2, 3, 4, 0, 0], [1, 2, 3, 4, 5, 6]]
    assert batch["frame_path"].shape == (2, 6, 10) and batch["frame_path"].sum((1, 2)).tolist() == [10, 7]
    assert batch["path"].shape == (2, 6, 40) and batch["path"].sum((1, 2)).tolist() == [40, 28]
    assert batch["lip_mask"].sum(1).tolist() == [10, 7] and batch["mel_mask"].sum(1).tolist() == [40, 28]
    assert batch["lips"].shape == (2, 10, 8) and batch["mel"].shape == (2, 80, 40)
    assert batch["semantic_mask"].sum(1).tolist() == [6, 1] and batch["has_semantic"].tolist() == [True, False]
    assert batch["mel"][1, :, 28:].abs().sum() == 0


def test_collate_pads_to_a_given_length():
    batch, short = collate([example(4, 10, None)], 12), collate([example(4, 10, None)], 3)
    assert (
        batch["lips"].shape == (1, 12, 8) and batch["mel"].shape == (1, 80, 48) and batch["path"].shape == (1, 4, 48)
    )
    assert batch["frame_path"].shape == (1, 4, 12) and batch["mel_mask"].shape == (1, 48)
    assert batch["lip_mask"].sum() == 10 and batch["lips"][:, 10:].abs().sum() == 0
    assert short["lips"].shape == (1, 10, 8)

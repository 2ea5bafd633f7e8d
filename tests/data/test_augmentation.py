"""What is drawn over mouth crops, and the pictures of a pause."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch

from flowdubber_hf.data.augmentation import draw_hair, draw_occluder, pause_frames, shade, unseen_spans


DRAWINGS = (draw_hair, draw_occluder, shade)


def crops(frames: int = 9) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).uniform(0, 1, (frames, 96, 96)).astype(np.float32))


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing.__name__)
@pytest.mark.parametrize("seed", range(12))
def test_drawings_are_pictures_and_seeded(drawing, seed):
    plain = crops()
    drawn, again = (drawing(plain, np.random.default_rng(seed)) for _ in range(2))
    assert drawn.shape == plain.shape and drawn.dtype == plain.dtype
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert torch.equal(drawn, again)
    assert not torch.equal(drawn, plain) and torch.equal(plain, crops())  # what is drawn over stays
    assert not torch.equal(drawn, drawing(plain, np.random.default_rng(seed + 100)))


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda drawing: drawing.__name__)
def test_a_single_frame_can_be_drawn_over(drawing):
    assert drawing(crops(1), np.random.default_rng(3)).shape == (1, 96, 96)


def test_hair_hides_the_lip_and_leaves_the_top_of_the_crop():
    changes = []
    for seed in range(30):
        plain = torch.full((3, 96, 96), 0.5)
        changes.append((draw_hair(plain, np.random.default_rng(seed)) - plain).abs().mean(0))
    change = torch.stack(changes).mean(0)
    assert change[:15].max() < 0.05 < change[34:44, 38:58].mean()


def test_an_occluder_comes_and_goes():
    lengths = []
    for seed in range(30):
        plain = crops(60)
        moved = (draw_occluder(plain, np.random.default_rng(seed)) != plain).any(-1).any(-1)
        frames = torch.nonzero(moved)[:, 0]
        assert (frames.diff() == 1).all()
        lengths.append(len(frames))
    assert max(lengths) < 40 and len(set(lengths)) > 5


def test_pictures_of_a_pause_go_to_and_fro():
    silence = np.array([7, 8, 9, 10])
    assert pause_frames(silence, 9).tolist() == [7, 8, 9, 10, 9, 8, 7, 8, 9]
    assert pause_frames(silence, 2).tolist() == [7, 8]
    assert pause_frames(silence, 0).tolist() == []
    assert pause_frames(np.array([4]), 3).tolist() == [4, 4, 4]
    assert pause_frames(np.array([4, 5]), 5).tolist() == [4, 5, 4, 5, 4]


def test_unseen_spans_last_a_moment():
    for seed in range(20):
        seen = unseen_spans(200, np.random.default_rng(seed))
        assert 1 <= (~seen).sum() <= 38
        assert (np.diff(np.concatenate([[True], seen, [True]]).astype(int)) == -1).sum() <= 2
    assert not unseen_spans(1, np.random.default_rng(0)).any()

"""Faces cut as the public judge of lip-sync wants them: places by hand, grey beside the picture, the clip's own times."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest

from flowdubber_hf.processing.faces import _cut, face_crops
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor, face_squares
from flowdubber_hf.processing.video import GreyClip, iter_grid
from support.video_files import head_frames, numbered_frames, write_clip


def boxes_of(x: float, y: float, side: float, count: int) -> np.ndarray:
    """Mouth crops' squares of a face: the mouth lies 0.31 of the face's side below its middle, the crop is 0.594 of it."""
    half = 0.594 * side / 2
    return np.tile([x - half, y + 0.31 * side - half, x + half, y + 0.31 * side + half], (count, 1))


def test_face_squares_are_where_the_mouths_say():
    np.testing.assert_allclose(face_squares(boxes_of(80, 60, 40, 3)), np.tile([80, 60, 40], (3, 1)))


def test_a_whole_number_crop_is_a_slice_and_grey_beside_the_picture():
    frame = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(_cut(frame, 20, 15, 10, 10), frame[10:20, 15:25])
    np.testing.assert_array_equal(_cut(frame, 48, 20, 8, 8)[:, 6:], np.full((8, 2, 3), 110))
    smaller = cv2.resize(frame[8:28, 10:30], (10, 10), interpolation=cv2.INTER_LINEAR)
    assert np.abs(_cut(frame, 20, 18, 20, 10).astype(int) - smaller).max() <= 1


def test_crops_are_lower_and_wider_than_the_face(tmp_path):
    """By hand: 1.54 times the square wide; its middle 0.257 of the square below the square's."""
    frames = np.zeros((4, 200, 200, 3), np.uint8)
    frames[:, 120, :] = frames[:, :, 100] = 255  # a cross
    clip = write_clip(tmp_path / "clip.mkv", frames, codec="ffv1", pixel_format="bgr0")
    crops = face_crops(clip, boxes_of(100.5, 120.5 - 0.257 * 50, 50, 4), size=77)  # one pixel a pixel
    assert crops.shape == (4, 77, 77, 3) and crops.dtype == np.uint8
    bright = crops[0].max(axis=-1) > 100
    np.testing.assert_array_equal(np.flatnonzero(bright.all(axis=0)), [38])
    np.testing.assert_array_equal(np.flatnonzero(bright.all(axis=1)), [38])


def test_real_tracking_puts_the_mouth_in_the_middle(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", head_frames()[:20])
    found = FlowDubberLipFeatureExtractor()(clip)
    crops = face_crops(clip, found["boxes"])
    assert crops.shape == (20, 224, 224, 3)
    side = 1.10 * 1.40 * (found["boxes"][0, 2] - found["boxes"][0, 0]) / 0.594
    mouth = crops[0][120 - 16 : 120 + 16, 112 - 24 : 112 + 24].mean(axis=-1)  # of 224: 0.534 of the height
    frame = next(iter_grid(clip, "rgb24"))
    x, y = (found["boxes"][0, :2] + found["boxes"][0, 2:]) / 2
    half_height, half_width = 16 * side / 224, 24 * side / 224
    there = frame[round(y - half_height) : round(y + half_height), round(x - half_width) : round(x + half_width)]
    assert abs(mouth.mean() - there.mean()) < 4


def test_frames_of_the_grid_in_colour_are_those_in_grey(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", numbered_frames(30), rate=30)
    colour, grey = list(iter_grid(clip, "rgb24")), list(GreyClip(clip))
    assert len(colour) == len(grey) == 25
    for one, other in zip(colour, grey, strict=True):
        assert abs(one.mean() - other.mean()) < 3


@pytest.mark.parametrize("count", [4, 6])
def test_boxes_of_another_clip(tmp_path, count):
    clip = write_clip(tmp_path / "clip.mp4", numbered_frames(5))
    with pytest.raises(ValueError, match=f"than the {count} of the boxes"):
        face_crops(clip, boxes_of(30, 20, 20, count))

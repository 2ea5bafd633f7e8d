# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from flowdubber_hf.processing import frames
from flowdubber_hf.processing.faces import face_crops
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor, NoFaceError
from support.video_files import head_frames, noise_frames, write_clip


pytestmark = pytest.mark.slow


# Where the demo's head has its mouth, and how wide it is at rest (pixels of its 360 x 288 picture).
MOUTH = np.array([180.0, 204.0])
MOUTH_WIDTH = 49.0


@pytest.fixture(scope="module")
def extractor() -> FlowDubberLipFeatureExtractor:
    return FlowDubberLipFeatureExtractor()


@pytest.fixture(scope="module")
def head(extractor: FlowDubberLipFeatureExtractor) -> dict:
    """The extractor's answer to the plain demo clip."""
    return extractor(head_frames(), fps=25)


def _centres(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def test_shapes_and_values(head: dict) -> None:
    assert head["crops"].shape == (75, 96, 96)
    assert head["crops"].dtype == np.uint8
    assert head["lip_values"].shape == (1, 75, 88, 88)
    assert head["lip_values"].dtype == torch.float32
    assert (head["num_frames"], head["num_samples"], head["duration"]) == (75, 48000, 3.0)
    assert head["found"].all()
    assert head["boxes"].shape == (75, 4)
    assert head["warnings"] == []
    expected = (head["crops"][:, 4:92, 4:92] / 255.0 - 0.421) / 0.165
    np.testing.assert_allclose(head["lip_values"][0].numpy(), expected, atol=1e-5)


def test_the_crop_lies_on_the_mouth_and_does_not_jitter(head: dict) -> None:
    centres = _centres(head["boxes"])
    sides = head["boxes"][:, 2] - head["boxes"][:, 0]
    assert np.abs(centres - MOUTH).max() < 9
    assert (np.abs(sides / MOUTH_WIDTH - 1.95) < 0.4).all()
    assert np.abs(np.diff(centres, axis=0)).max() < 1.0  # the drawn head sways by less than 0.3 pixels a frame
    assert np.abs(np.diff(sides)).max() < 0.2


def test_head_movement_is_followed(extractor: FlowDubberLipFeatureExtractor, head: dict) -> None:
    path = 14.0 * np.sin(2 * np.pi * 1.2 * np.arange(75) / 25)  # quick: up to 4 pixels a frame
    frames = np.stack([np.roll(frame, round(shift), axis=1) for frame, shift in zip(head_frames(), path, strict=True)])
    moved = extractor(frames, fps=25)
    movement = _centres(moved["boxes"])[:, 0] - _centres(head["boxes"])[:, 0]
    error = movement - np.round(path)
    assert np.abs(error - error.mean()).mean() < 1.2
    assert moved["found"].all()


def test_file_and_array_agree(extractor: FlowDubberLipFeatureExtractor, head: dict, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "head.mp4", head_frames())
    result = extractor(path)
    assert np.abs(_centres(result["boxes"]) - _centres(head["boxes"])).max() < 4
    assert np.abs(result["crops"].astype(float) - head["crops"]).mean() < 8
    assert result["num_samples"] == 48000
    again = extractor(str(path))
    np.testing.assert_array_equal(again["crops"], result["crops"])


def test_other_frame_rate(extractor: FlowDubberLipFeatureExtractor, head: dict) -> None:
    faster = head_frames().repeat(2, axis=0)
    result = extractor(faster, fps=50)
    assert result["num_frames"] == 75
    assert np.abs(result["crops"].astype(float) - head["crops"]).mean() < 2


def test_rotated_phone_clip(extractor: FlowDubberLipFeatureExtractor, head: dict, tmp_path: Path) -> None:
    lying = np.rot90(head_frames()[:30], -1, axes=(1, 2))  # stored on its side, shown upright by the metadata
    result = extractor(write_clip(tmp_path / "phone.mp4", lying, rotation=90))
    assert result["found"].all()
    assert np.abs(_centres(result["boxes"]) - _centres(head["boxes"])[:30]).max() < 3


@pytest.mark.parametrize("scale", [0.5, 2.6])
def test_crops_do_not_depend_on_resolution(extractor: FlowDubberLipFeatureExtractor, head: dict, scale: float) -> None:
    frames = np.stack(
        [cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in head_frames()[:26]]
    )
    result = extractor(frames, fps=25)
    assert np.abs(_centres(result["boxes"]) / scale - _centres(head["boxes"])[:26]).max() < 4
    sides = (result["boxes"][:, 2] - result["boxes"][:, 0]) / scale
    assert np.abs(sides - (head["boxes"][:26, 2] - head["boxes"][:26, 0])).max() < 6


def test_odd_size(extractor: FlowDubberLipFeatureExtractor) -> None:
    result = extractor(head_frames()[:15, :271, 17:346], fps=25)
    assert result["found"].all()


def test_small_face_in_a_large_picture(extractor: FlowDubberLipFeatureExtractor) -> None:
    frames = np.full((13, 720, 900, 3), 110, np.uint8)
    small = np.stack([cv2.resize(frame, (216, 172), interpolation=cv2.INTER_AREA) for frame in head_frames()[:13]])
    frames[:, 300:472, 500:716] = small
    result = extractor(frames, fps=25)
    target = np.array([500, 300]) + MOUTH * 0.6
    assert np.abs(_centres(result["boxes"]) - target).max() < 8


def test_of_several_faces_the_largest_is_taken(extractor: FlowDubberLipFeatureExtractor, head: dict) -> None:
    heads = head_frames()[:30]
    small = np.stack([cv2.resize(frame, (216, 172), interpolation=cv2.INTER_AREA) for frame in heads])
    both = np.full((30, 288, 576, 3), 110, np.uint8)
    both[:, 60:232, :216] = small
    both[:, :, 216:] = heads
    result = extractor(both, fps=25)
    assert np.abs(_centres(result["boxes"]) - (MOUTH + np.array([216, 0]))).max() < 9
    assert "2 faces" in result["warnings"][0]
    # A larger face that is seen for a moment does not win against the one that stays.
    brief = both.copy()
    brief[8:, :, 216:] = 110
    result = extractor(brief, fps=25)
    assert np.abs(_centres(result["boxes"]) - (MOUTH * 0.6 + np.array([0, 60]))).max() < 9


def test_lost_frames_are_interpolated_and_reported(extractor: FlowDubberLipFeatureExtractor, head: dict) -> None:
    frames = head_frames().copy()
    frames[30:42] = 0
    result = extractor(frames, fps=25)
    lost = ~result["found"]
    assert lost[30:42].all()
    assert lost.sum() == 12
    assert "12 of 75 frames" in result["warnings"][0]
    assert np.abs(_centres(result["boxes"]) - _centres(head["boxes"])).max() < 4


def test_single_frame_and_face_at_the_end_only(extractor: FlowDubberLipFeatureExtractor) -> None:
    assert extractor(head_frames()[:1], fps=25)["lip_values"].shape == (1, 1, 88, 88)
    frames = head_frames()[:20].copy()
    frames[:17] = 0
    result = extractor(frames, fps=25)
    assert result["found"].tolist() == [False] * 17 + [True] * 3


def test_face_cut_by_the_edge_repeats_the_edge(extractor: FlowDubberLipFeatureExtractor) -> None:
    frames = head_frames()[:8, :225]
    result = extractor(frames, fps=25, mouth_box=(155, 196, 205, 212))
    assert result["boxes"][0, 3] > 225
    assert result["crops"][0, -1].std() > 0


def test_no_face_says_what_to_do(extractor: FlowDubberLipFeatureExtractor) -> None:
    with pytest.raises(ValueError, match="--mouth-box"):
        extractor(noise_frames(10, 96, 128), fps=25)
    with pytest.raises(ValueError, match="--mouth-box"):
        extractor(np.zeros((10, 96, 128, 3), np.uint8), fps=25)
    flash = np.zeros((75, 288, 360, 3), np.uint8)
    flash[24] = head_frames()[24]  # one frame in three seconds is no talking head
    with pytest.raises(ValueError, match="--mouth-box"):
        extractor(flash, fps=25)


def test_mouth_box(extractor: FlowDubberLipFeatureExtractor, head: dict) -> None:
    result = extractor(head_frames()[:10], fps=25, mouth_box=(155, 194, 205, 214))
    assert result["found"].all()
    assert np.abs(_centres(result["boxes"]) - MOUTH).max() < 1e-6
    # Noise has no face, but the user says where the mouth is.
    assert extractor(noise_frames(5, 96, 128), fps=25, mouth_box=(20, 20, 60, 40))["num_frames"] == 5
    for box, message in (
        ((1, 2, 3), "four numbers"),
        ((10, 10, 5, 20), "inside the picture"),
        ((0, 0, 400, 20), "inside the picture"),
        ((-1, 0, 40, 20), "inside the picture"),
        ((10, 10, 20, 20), "16 pixels"),
        ((float("nan"), 0, 40, 20), "four numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            extractor(head_frames()[:2], fps=25, mouth_box=box)


def test_arguments(extractor: FlowDubberLipFeatureExtractor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fps="):
        extractor(head_frames()[:2])
    with pytest.raises(ValueError, match="Leave fps out"):
        extractor(tmp_path / "a.mp4", fps=25)
    with pytest.raises(ValueError, match="no file"):
        extractor(tmp_path / "a.mp4")
    for settings in ({"detector": "dlib"}, {"input_size": 100}, {"frame_rate": 30}, {"image_std": 0.0}):
        with pytest.raises(ValueError):
            FlowDubberLipFeatureExtractor(**settings)


def test_save_and_load(tmp_path: Path) -> None:
    extractor = FlowDubberLipFeatureExtractor(input_size=80, detector="haar")
    extractor.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert stored["feature_extractor_type"] == "FlowDubberLipFeatureExtractor"
    loaded = FlowDubberLipFeatureExtractor.from_pretrained(tmp_path)
    assert loaded.to_dict() == extractor.to_dict()
    assert loaded.normalize(np.zeros((2, 96, 96), np.uint8)).shape == (2, 80, 80)


def test_normalize_batches(extractor: FlowDubberLipFeatureExtractor) -> None:
    crops = np.random.default_rng(0).integers(0, 255, (2, 3, 96, 96)).astype(np.uint8)
    batch = extractor.normalize(crops)
    assert batch.shape == (2, 3, 88, 88)
    torch.testing.assert_close(batch[1], extractor.normalize(crops[1]))


def test_mediapipe_missing_or_working(head: dict) -> None:
    extractor = FlowDubberLipFeatureExtractor(detector="mediapipe")
    try:
        from mediapipe import solutions  # noqa: F401
    except (ImportError, AttributeError):
        with pytest.raises(ValueError, match=r"pip install '\.\[mediapipe\]'"):
            extractor(head_frames()[:5], fps=25)
    else:
        result = extractor(head_frames(), fps=25)
        assert np.abs(_centres(result["boxes"]) - _centres(head["boxes"])).mean() < 8


def test_grid_speakers(extractor: FlowDubberLipFeatureExtractor, data_folder: Path) -> None:
    """On real faces the lips are in the middle of the crop: that is where it changes most while someone speaks."""
    for speaker in ("s1", "s4", "s25"):
        path = sorted((data_folder / "grid" / speaker).glob("*.mp4"))[0]
        result = extractor(path)
        assert result["found"].all()
        assert result["crops"].shape[0] * 640 == result["num_samples"]
        change = result["crops"].astype(np.float32).std(axis=0)
        assert change[34:66, 24:72].mean() > 1.5 * change[:20, 10:86].mean()
        assert np.abs(np.diff(_centres(result["boxes"]), 2, axis=0)).mean() < 0.005 * (
            result["boxes"][0, 2] - result["boxes"][0, 0]
        )


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_face_on_its_side_is_found_and_told(tmp_path, head, turn):
    lying = np.rot90(head_frames()[:30], -turn // 90, axes=(1, 2))
    clip = write_clip(tmp_path / "a.mp4", lying)
    for given in ({"video": str(clip)}, {"video": lying, "fps": 25}):
        found = FlowDubberLipFeatureExtractor()(**given)
        assert found["turn"] == turn
        assert (
            f"--turn {turn}" in found["warnings"][0]
            and f"turned by {turn} degrees counter-clockwise" in found["warnings"][0]
        )
        assert np.abs(_centres(found["boxes"]) - _centres(head["boxes"])[:30]).max() < 4
        asked = FlowDubberLipFeatureExtractor()(**given, turn=turn)
        assert asked["turn"] == turn and not asked["warnings"]
        np.testing.assert_array_equal(asked["crops"], found["crops"])
        with pytest.raises(NoFaceError):
            FlowDubberLipFeatureExtractor()(**given, turn=0)
    crops = face_crops(clip, found["boxes"], turn=turn)
    upright = face_crops(write_clip(tmp_path / "b.mp4", head_frames()[:30]), found["boxes"])
    assert np.abs(crops.astype(float) - upright).mean() < 4


def test_a_mouth_box_counts_in_the_turned_picture(tmp_path, head):
    clip = write_clip(tmp_path / "a.mp4", np.rot90(head_frames()[:5], axes=(1, 2)))
    box = (250, 150, 350, 260)  # inside of 360 x 288, outside of 288 x 360
    found = FlowDubberLipFeatureExtractor()(str(clip), mouth_box=box, turn=270)
    upright = FlowDubberLipFeatureExtractor()(head_frames()[:5], fps=25, mouth_box=box)
    assert np.abs(found["crops"].astype(float) - upright["crops"]).mean() < 3
    for turn in (45, "90", True, -90):
        with pytest.raises(ValueError, match="turn must be one of 0, 90, 180, 270"):
            FlowDubberLipFeatureExtractor()(str(clip), mouth_box=box, turn=turn)


def test_pictures_that_are_reduced_give_the_same_mouth(monkeypatch, tmp_path):
    clip = write_clip(tmp_path / "a.mp4", head_frames()[:20])
    whole = FlowDubberLipFeatureExtractor()(str(clip))
    monkeypatch.setattr(frames.GreyClip.__init__, "__defaults__", (0, 192_000_000, 180))
    reduced = FlowDubberLipFeatureExtractor()(str(clip))
    assert np.abs(_centres(reduced["boxes"]) - _centres(whole["boxes"])).max() < 4  # in pixels of the clip
    assert np.abs(reduced["crops"].astype(float) - whole["crops"]).mean() < 12
    box = (120, 150, 240, 260)
    one, other = (
        FlowDubberLipFeatureExtractor()(given, mouth_box=box, **rate)["crops"]
        for given, rate in ((str(clip), {}), (head_frames()[:20], {"fps": 25}))
    )
    assert np.abs(one.astype(float) - other).mean() < 6


def test_a_size_that_changes_inside_the_file_keeps_the_mouth_in_its_place(tmp_path):
    larger = np.stack([cv2.resize(picture, (720, 576)) for picture in head_frames()[20:40]])
    one, other = write_clip(tmp_path / "a.ts", head_frames()[:20]), write_clip(tmp_path / "b.ts", larger, start=22)
    (tmp_path / "c.ts").write_bytes(one.read_bytes() + other.read_bytes())
    found = FlowDubberLipFeatureExtractor()(str(tmp_path / "c.ts"))
    plain = FlowDubberLipFeatureExtractor()(head_frames()[:40], fps=25)
    assert "size changes" in " ".join(found["warnings"]) and len(found["crops"]) == 40
    assert np.abs(_centres(found["boxes"]) - _centres(plain["boxes"])).max() < 4
    assert np.abs(found["crops"].astype(float) - plain["crops"]).mean() < 12


def test_a_clip_is_measured_without_a_face(
    extractor: FlowDubberLipFeatureExtractor, head: dict, tmp_path: Path
) -> None:
    lengths = ("num_frames", "num_samples", "duration")
    measured = extractor.measure(head_frames(), fps=25)
    assert {name: measured[name] for name in lengths} == {name: head[name] for name in lengths}
    assert set(measured) == {*lengths, "warnings"} and measured["warnings"] == []
    faceless = write_clip(tmp_path / "faceless.mp4", noise_frames(30), rate=30)
    found = extractor.measure(faceless)
    assert (found["num_frames"], found["num_samples"], found["duration"]) == (25, 16000, pytest.approx(1.0))
    with pytest.raises(NoFaceError):
        extractor(faceless)


def test_what_is_measured_is_checked(extractor: FlowDubberLipFeatureExtractor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fps"):
        extractor.measure(noise_frames(5))
    (tmp_path / "text.mp4").write_text("no film", encoding="utf-8")
    with pytest.raises(ValueError, match=r"text\.mp4"):
        extractor.measure(tmp_path / "text.mp4")

"""LSE-C and LSE-D: the search over offsets, short clips, and the bundled judge."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import flowdubber_hf
from flowdubber_hf.metrics.sync import (
    DEFAULT_SYNCNET,
    area_under_curve,
    embed_clip,
    frames_needed,
    lip_sync,
    load_syncnet,
    offset_distances,
)
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor
from models.test_syncnet import randomize_norms, tiny_syncnet


pytestmark = pytest.mark.slow


def embeddings(windows: int = 40, size: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(windows, size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("delay", [-6, 0, 3])
def test_late_sound_has_a_positive_offset(delay, pad):
    lips = embeddings()
    sound = torch.roll(lips, delay, dims=0)  # what is seen at t is heard at t + delay
    distances = offset_distances(lips, sound, 10, pad)
    assert distances.shape == (21,)
    assert int(distances.argmin()) - 10 == delay


def test_pairs_that_are_missing_are_left_out_or_zeros():
    lips, sound = embeddings(4, seed=0), embeddings(5, seed=1)
    left_out = offset_distances(lips, sound, 2)
    assert left_out[0] == pytest.approx(float((lips[2:] - sound[:2] + 1e-6).norm(dim=1).mean()))
    assert left_out[3] == pytest.approx(float((lips[:3] - sound[1:4] + 1e-6).norm(dim=1).mean()))
    # The public program: the sound's embeddings between zeros, each mouth against the five around its place.
    padded = torch.nn.functional.pad(sound[:4], (0, 0, 2, 2))
    rows = [torch.nn.functional.pairwise_distance(lips[i : i + 1].repeat(5, 1), padded[i : i + 5]) for i in range(4)]
    torch.testing.assert_close(offset_distances(lips, sound, 2, pad=True), torch.stack(rows).mean(0))


def test_too_few_windows():
    with pytest.raises(ValueError, match="at least 6 windows, got 5"):
        offset_distances(embeddings(5), embeddings(9), 3)


@pytest.fixture(scope="module")
def judge():
    model = tiny_syncnet()
    randomize_norms(model)
    return model


def clip(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Crops `(frames, 24, 24)` and sound."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (frames, 24, 24), np.uint8), 0.1 * random.standard_normal(640 * frames, np.float32)


def test_scores_are_minimum_and_median_of_the_curve(judge):
    mouths, sound = clip(20)
    found = lip_sync(judge, mouths, sound, max_offset=4)
    assert found.distances.shape == (9,)
    assert found.distance == pytest.approx(found.distances.min())
    assert found.confidence == pytest.approx(np.median(found.distances) - found.distances.min())
    assert found.offset == found.distances.argmin() - 4
    assert 0 < found.distance < 2 and found.confidence >= 0
    again = lip_sync(judge, torch.from_numpy(mouths), torch.from_numpy(sound), max_offset=4)
    assert again.distance == found.distance
    # What is longer than the other is cut.
    longer = lip_sync(judge, np.concatenate([mouths, mouths[:3]]), np.append(sound, sound[:100]), max_offset=4)
    assert longer.distance == found.distance


def test_short_clips_say_how_long_they_must_be(judge):
    assert frames_needed(judge, 4) == 12 and frames_needed(judge) == 34
    assert math.isfinite(lip_sync(judge, *clip(12), max_offset=4).distance)
    with pytest.raises(ValueError, match=r"at least 12 video frames with sound \(0\.48 s\), got 11"):
        lip_sync(judge, *clip(11), max_offset=4)
    mouths, sound = clip(30)
    with pytest.raises(ValueError, match=r"at least 34 .* got 10"):
        lip_sync(judge, mouths, sound[:6400])
    with pytest.raises(ValueError, match="shorter than a window of 5"):
        embed_clip(judge, *clip(3))
    with pytest.raises(ValueError, match="max_offset must be"):
        lip_sync(judge, mouths, sound, max_offset=0)


def test_pictures_and_sound_that_do_not_fit(judge):
    mouths, sound = clip(40)
    with pytest.raises(ValueError, match=r"grey mouth crops of the shape \(batch, frames, 24, 24\)"):
        lip_sync(judge, np.stack([mouths] * 3, axis=-1), sound)
    colour = tiny_syncnet(crop_channels=3)
    with pytest.raises(ValueError, match=r"colour faces of the shape \(batch, frames, 24, 24, 3\)"):
        lip_sync(colour, mouths, sound)
    assert math.isfinite(lip_sync(colour, np.stack([mouths] * 3, axis=-1), sound).distance)
    with pytest.raises(ValueError, match="floats of the shape"):
        lip_sync(judge, mouths, (sound * 32767).astype(np.int16))


def test_mfcc_windows_are_one_fewer():
    layers = [{"channels": 4, "kernel": [13, 20]}]
    model = tiny_syncnet(audio_features="mfcc", audio_size=13, audio_layers=[{**layers[0], "stride": [1, 4]}])
    lips, sound = embed_clip(model, *clip(9))
    assert len(lips) == 5 and len(sound) == 4
    assert frames_needed(model, 2) == 9
    assert math.isfinite(lip_sync(model, *clip(9), max_offset=2).distance)


def test_silence_and_stillness_have_a_score(judge):
    mouths, sound = clip(20)
    for frames, voice in ((np.zeros_like(mouths), sound), (mouths, np.zeros_like(sound))):
        found = lip_sync(judge, frames, voice, max_offset=4)
        assert math.isfinite(found.distance) and found.confidence >= 0


def test_area_under_curve_is_a_count_of_pairs():
    lower, higher = torch.tensor([0.1, 0.5, 0.5]), torch.tensor([0.5, 0.7, 0.05, 0.9])
    wins = sum((a < b) + 0.5 * (a == b) for a in lower.tolist() for b in higher.tolist()) / 12
    assert area_under_curve(lower, higher) == pytest.approx(wins)
    assert area_under_curve(lower, lower) == 0.5
    with pytest.raises(ValueError, match="both kinds"):
        area_under_curve(lower, torch.empty(0))


# Loading


def test_judges_that_are_none(judge, tmp_path):
    with pytest.raises(ValueError, match="neither bundled"):
        load_syncnet("no-such-judge")
    with pytest.raises(ValueError, match="no config"):
        load_syncnet(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "flowdubber_vocoder"}')
    with pytest.raises(ValueError, match="does not hold the part syncnet, but the part vocoder"):
        load_syncnet(tmp_path)
    judge.save_pretrained(tmp_path)
    assert not load_syncnet(tmp_path).training
    from safetensors.torch import load_file, save_file

    weights = load_file(tmp_path / "model.safetensors")
    weights.pop("lips.out.bias")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights \(1: lips\.out\.bias\)"):
        load_syncnet(tmp_path)


def test_the_bundled_judge_is_small_and_whole():
    folder = Path(flowdubber_hf.__file__).parent / "pretrained" / DEFAULT_SYNCNET
    assert sum(path.stat().st_size for path in folder.iterdir()) < 346_000
    model = load_syncnet()
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    assert frames_needed(model) == 40
    random = np.random.default_rng(0)
    mouths = random.integers(0, 256, (40, 96, 96), np.uint8)
    found = lip_sync(model, mouths, 0.1 * random.standard_normal(25600, np.float32))
    assert 0 < found.distance < 2 and found.confidence >= 0


def test_the_bundled_judge_finds_delays_in_a_recording(data_folder):
    """A clip that it was not trained on."""
    lines = (data_folder / "grid" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    row = next(row for row in map(json.loads, lines) if row["split"] == "dev")
    path = data_folder / "grid" / row["file_name"]
    mouths, sound, model = FlowDubberLipFeatureExtractor()(path)["crops"], load_audio(path), load_syncnet()
    found = lip_sync(model, mouths, sound)
    assert abs(found.offset) <= 1 and found.confidence > 0.1
    late = lip_sync(model, mouths, np.concatenate([np.zeros(6 * 640, np.float32), sound]))
    assert abs(late.offset - 6) <= 1
    assert lip_sync(model, mouths, np.ascontiguousarray(sound[::-1])).confidence < found.confidence

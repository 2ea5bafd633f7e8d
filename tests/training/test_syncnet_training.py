"""Training of the lip-sync judge: cuts, the contrastive loss, the stage, its script and the evaluation's."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.metrics.sync import load_syncnet
from flowdubber_hf.models.syncnet import FlowDubberSyncNet
from flowdubber_hf.training.batching import row_generator
from flowdubber_hf.training.syncnet_stage import (
    SyncNetObjective,
    SyncNetSettings,
    SyncNetStage,
    augment_features,
    augment_pictures,
)
from models.test_syncnet import tiny_config
from support.prepared_dataset import write_prepared
from support.training_runs import check_batches, check_parts_equal_whole, load_script, log_of, run_here, same, unmoved


pytestmark = pytest.mark.slow


FRAMES = 44


def talking(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bar that opens and shuts with the loudness of a buzz: crops `(44, 96, 96)` and sound."""
    random = np.random.default_rng(seed)
    opening = np.repeat(random.random(FRAMES // 4), 4)
    rows = np.abs(np.arange(96) - 60)[None, :, None] < 4 + 20 * opening[:, None, None]
    crops = np.where(np.broadcast_to(rows, (FRAMES, 96, 96)), 40, 180).astype(np.uint8)
    times = np.arange(640 * FRAMES) / 16000
    loudness = np.repeat(opening, 640)
    return crops, (0.3 * loudness * np.sign(np.sin(2 * np.pi * 120 * times))).astype(np.float32)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Two speakers with three clips to train on and one held out, and a clip of sound alone."""
    clips = [{"id": "an4/x/0", "speaker": "x", "source": "an4"}]
    for number in range(8):
        crops, sound = talking(number)
        speaker, split = "ab"[number % 2], "val" if number > 5 else "train"
        clips.append(
            {"id": f"grid/{speaker}/{number}", "speaker": speaker, "split": split, "crops": crops, "audio": sound}
        )
    return write_prepared(tmp_path_factory.mktemp("dataset"), clips)


def tiny(**changes) -> FlowDubberSyncNet:
    """Windows of five frames on 96-pixel crops, made eight times smaller."""
    torch.manual_seed(0)
    return FlowDubberSyncNet(tiny_config(crop_size=96, crop_reduction=8, **changes))


def make_stage(dataset: Path, **settings) -> SyncNetStage:
    store = FeatureStore(dataset)
    clips, held_out = (store.clips(split, needs=("audio", "crops")) for split in ("train", "val"))
    settings = SyncNetSettings(**{"num_frames": 16, **settings})
    return SyncNetStage(tiny(), store, clips, held_out, settings, batch_size=4)


def test_batches(dataset):
    stage = make_stage(dataset)
    check_batches(stage)
    batch = stage.batch(3, [0, 2])
    assert batch["frames"].shape == (2, 1, 16, 12, 12) and batch["features"].shape == (2, 3, 80, 64)
    assert torch.equal(stage.batch(3, range(4))["frames"][2], batch["frames"][1])
    names = stage.names(3)
    assert len(names) == 12 and all(name.startswith("grid/") for name in names)


def test_sound_belongs_to_the_pictures_and_swapped_sound_does_not(dataset):
    stage = make_stage(dataset, augmentation=0.0)
    for row in range(8):
        item = stage.cuts.draw(row_generator(0, 1, row))
        opening = (item["frames"][0] < 100).float().mean((1, 2))
        loudness = item["features"].amax(1).unflatten(1, (16, 4)).mean(2)
        agree = [float(torch.corrcoef(torch.stack([opening, sound]))[0, 1]) for sound in loudness]
        assert agree[0] > 0.7 and agree[0] > max(agree[1:])


def test_swapped_sound_is_of_another_clip_of_the_speaker(dataset):
    stage = make_stage(dataset)
    for row in range(20):
        clip, *others = stage.cuts.choose(row_generator(0, 0, row))
        assert all(other.id != clip.id and other.speaker == clip.speaker for other in others)


def test_rare_speakers_come_more_often_than_their_clips(dataset):
    store = FeatureStore(dataset)
    clips = [
        clip for clip in store.clips("train", needs=("crops",)) if clip.id != "grid/b/1" and clip.id != "grid/b/3"
    ]
    model, shares = tiny(), {}
    for balance in (0.0, 1.0):
        stage = SyncNetStage(
            model, store, clips, clips, SyncNetSettings(num_frames=16, speaker_balance=balance), batch_size=4
        )
        chosen = [stage.cuts.choose(row_generator(0, 0, row))[0].speaker for row in range(300)]
        shares[balance] = chosen.count("b") / 300
    assert shares[0.0] == pytest.approx(0.5, abs=0.1) and shares[1.0] == pytest.approx(0.25, abs=0.1)
    # A speaker with one clip is compared with others.
    assert {clip.speaker for row in range(20) for clip in stage.cuts.choose(row_generator(0, 0, row))} == {"a", "b"}


def test_views_keep_shape_and_range():
    frames = 255 * torch.rand(1, 10, 12, 12, generator=torch.Generator().manual_seed(0))
    features = torch.randn(80, 40, generator=torch.Generator().manual_seed(0))
    for seed in range(10):
        view = augment_pictures(frames, 1.0, np.random.default_rng(seed))
        assert view.shape == frames.shape and torch.isfinite(view).all() and view.min() > -60 and view.max() < 320
        heard = augment_features(features, 1.0, np.random.default_rng(seed))
        assert heard.shape == features.shape and torch.isfinite(heard).all()
    assert not torch.equal(view, augment_pictures(frames, 1.0, np.random.default_rng(11)))


def test_the_loss_is_that_of_the_right_window(dataset):
    """Written out window by window."""
    stage = make_stage(dataset)
    stage.model.eval()
    batch = stage.batch(0, [0, 1])
    lips, sounds = stage.model.embed(batch)
    assert lips.shape == (2, 12, 6) and sounds.shape == (2, 3, 12, 6)
    losses = []
    for row in range(2):
        for place in range(12):
            candidates = [(0, other) for other in range(12) if abs(other - place) != 1]
            swapped = [(sound, other) for sound in (1, 2) for other in range(12)]
            right = candidates.index((0, place))
            heard = torch.stack([sounds[row, sound, other] for sound, other in candidates + swapped])
            seen = torch.stack([lips[row, other] for _, other in candidates])
            losses.append(-torch.log_softmax(10 * heard @ lips[row, place], 0)[right])
            losses.append(-torch.log_softmax(10 * seen @ sounds[row, 0, place], 0)[right])
    torch.testing.assert_close(stage.model(batch)["loss"], torch.stack(losses).mean(), atol=1e-4, rtol=1e-4)


def test_parts_of_a_batch_equal_the_whole(dataset):
    stage = make_stage(dataset)
    stage.model.eval()  # the batch norms' statistics are the processes' common ones in the loop
    check_parts_equal_whole(stage)


def test_every_parameter_moves(dataset):
    # Ahead of a batch norm a bias has no gradient but rounding, which Adam follows all the same.
    assert unmoved(make_stage(dataset)) == []


def test_it_learns_what_moves_with_the_sound(dataset):
    stage = make_stage(dataset, augmentation=0.0)
    before = stage.validate(stage.model.eval())
    assert before == stage.validate(stage.model) and stage.best in before
    optimizer = torch.optim.AdamW(stage.model.parameters(), 1e-2)
    stage.model.train()
    for step in range(30):
        stage.model(stage.batch(step, range(4)))["loss"].backward()
        optimizer.step()
        optimizer.zero_grad()
    after = stage.validate(stage.model.eval())
    assert after["val_confusion"] < before["val_confusion"] and after["val_confusion"] < 0.35
    assert after["val_loss"] < before["val_loss"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_frames": 1}, "at least 2"),
        ({"num_swapped": 0}, "at least 2 and 1"),
        ({"speaker_balance": 2.0}, "0 .. 1"),
        ({"augmentation": -1.0}, "negative"),
        ({"num_frames": 60}, "choose a smaller --num_frames"),
        ({"num_frames": 5}, "no two windows of 5"),
    ],
)
def test_settings_out_of_range(dataset, settings, message):
    with pytest.raises(ValueError, match=message):
        make_stage(dataset, **settings)


# The scripts


@pytest.fixture(scope="module")
def trained(dataset, repository, tmp_path_factory) -> Path:
    """Two steps of the script."""
    start, output = tmp_path_factory.mktemp("start"), tmp_path_factory.mktemp("out") / "syncnet"
    tiny().save_pretrained(start)
    options = ["--dataset", str(dataset), "--output_dir", str(output), "--init_from", str(start), "--max_steps", "2"]
    options += ["--batch_size", "4", "--num_frames", "16", "--warmup_steps", "1", "--logging_steps", "1"]
    with pytest.MonkeyPatch.context() as patch:
        run_here(load_script(repository, "train_syncnet"), patch, *options)
    return output


def test_script_trains_and_saves(trained):
    assert [step for step, _ in log_of(trained, "loss")] == [1, 2]
    assert all(math.isfinite(value) for _, value in log_of(trained, "val_confusion"))
    start, end = tiny(), load_syncnet(trained / "best")
    assert end.config.window_frames == 5 and not same(start.state_dict(), end.state_dict())
    assert sorted(path.name for path in (trained / "model").iterdir()) == ["config.json", "model.safetensors"]


def test_evaluation_prints_and_saves_a_table(trained, dataset, repository, monkeypatch, tmp_path, capsys):
    script = load_script(repository, "evaluate_syncnet")
    monkeypatch.setattr(script, "SHIFTS", range(3, 8))
    monkeypatch.setattr(script, "SHIFT_GROUPS", ((3, 4), (5, 7)))
    options = ["--dataset", str(dataset), "--split", "train", "--model", str(trained / "best"), "--limit", "3"]
    monkeypatch.setattr("sys.argv", ["evaluate_syncnet", *options, "--output", str(tmp_path / "figures.json")])
    script.main()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["clips"] == 3 and figures["windows"] == 3 * 40
    assert list(figures["by_shift"]) == ["3-4", "5-7"] and list(figures["offset_right"]) == ["0", "-8", "-4", "4", "8"]
    areas = [figures["shifted"], figures["swapped"], *figures["by_shift"].values()]
    assert all(0 <= area[kind] <= 1 for area in areas for kind in ("window", "clip"))
    out = capsys.readouterr().out
    assert "| another clip's |" in out and "| sound (3 clips) | LSE-D | LSE-C |" in out
    assert all(len(figures["lse"][name]) == 2 for name in script.SPOILT) and "drift of 80 ms" in out


def test_evaluation_says_what_is_missing(trained, dataset, repository, monkeypatch, capsys):
    script = load_script(repository, "evaluate_syncnet")
    for options, message in (
        (["--model", "nothing"], "no judge of lip-sync"),
        (["--model", str(trained / "best"), "--split", "dev"], "no clip of at least 34"),
        (["--model", str(trained / "best"), "--dataset", str(trained)], "flowdubber prepare"),
    ):
        monkeypatch.setattr("sys.argv", ["evaluate_syncnet", "--dataset", str(dataset), *options])
        with pytest.raises(SystemExit) as stop:
            script.main()
        assert stop.value.code == 2 and message in capsys.readouterr().err


def test_delayed_sound(repository):
    delayed = load_script(repository, "evaluate_syncnet").delayed
    sound = np.arange(1, 2001, dtype=np.float32)
    late, early = delayed(sound, 1), delayed(sound, -1)
    assert len(late) == len(early) == 2000
    assert not late[:640].any() and late[640] == 1 and early[0] == 641 and not early[-640:].any()
    assert np.array_equal(delayed(sound, 0), sound)


def test_spoilt_sound(repository):
    script = load_script(repository, "evaluate_syncnet")
    sound = np.sin(np.arange(32000) * 0.05, dtype=np.float32)
    added = script.with_noise(sound, 20) - sound
    assert 20 * np.log10(np.std(sound) / np.std(added)) == pytest.approx(20, abs=0.1)
    impulse = np.zeros(32000, np.float32)
    impulse[16000 + 1280] = 1
    moved = script.drifted(impulse, 0.08)
    assert abs(int(moved.argmax()) - 16000) <= 2 and len(moved) == 32000
    assert all(len(spoil(sound)) == len(sound) for spoil in script.SPOILT.values())


def test_the_scale_is_no_part_of_the_judge(dataset, tmp_path):
    stage = make_stage(dataset)
    stage.save(stage.model, tmp_path)
    assert not any("scale" in name for name in FlowDubberSyncNet.from_pretrained(tmp_path).state_dict())
    assert isinstance(stage.model, SyncNetObjective) and stage.model.log_scale.requires_grad

"""Training of the vocoder: F0 tracks, losses, the stage and its script."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.vocoder import FlowDubberVocoder
from flowdubber_hf.processing.audio import HOP_LENGTH
from flowdubber_hf.training.vocoder_adversary import VocoderAdversary, compressed_spectrum, relative_distance
from flowdubber_hf.training.vocoder_data import draw_softening, load_pitch_tracks, soften_mel
from flowdubber_hf.training.vocoder_losses import (
    VocoderLossWeights,
    energy_distance,
    magnitudes,
    pitch_loss,
    pitch_targets,
)
from flowdubber_hf.training.vocoder_pitch import fill_unvoiced, track_pitch
from flowdubber_hf.training.vocoder_stage import VocoderSettings, VocoderStage
from models.test_vocoder import random_mel, tiny_config, tiny_vocoder, voice
from support.training_runs import (
    check_batches,
    check_parts_equal_whole,
    check_resume,
    check_two_processes,
    load_script,
    log_of,
    run_here,
    same,
    unmoved,
    write_dataset,
)


pytestmark = pytest.mark.slow


# Pitch tracks and losses


@pytest.mark.parametrize("pitch", [75.0, 110.0, 220.0, 400.0])
def test_pitch_tracker_on_a_known_voice(pitch):
    sound = torch.cat([torch.zeros(1, 3200), voice(pitch), torch.zeros(1, 3200)], dim=1)
    sound = sound + 1e-4 * torch.randn(sound.shape, generator=torch.Generator().manual_seed(0))
    found, voiced = track_pitch(sound)
    assert found.shape == voiced.shape == (1, sound.shape[1] // HOP_LENGTH)
    assert voiced[0, 25:65].all()
    assert not voiced[0, :15].any() and not voiced[0, -15:].any()
    assert (found[0, 25:65] / pitch - 1).abs().max() < 0.01


def test_pitch_tracker_takes_noise_and_silence_for_unvoiced():
    noise = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    assert track_pitch(noise)[1].float().mean() < 0.1
    pitch, voiced = track_pitch(torch.zeros(1, 16000))
    assert not voiced.any()
    assert torch.isfinite(pitch).all()


def test_gaps_are_bridged_in_log_frequency():
    pitch = torch.tensor([1.0, 100.0, 1.0, 400.0, 1.0])
    voiced = torch.tensor([False, True, False, True, False])
    torch.testing.assert_close(fill_unvoiced(pitch, voiced), torch.tensor([100.0, 100.0, 200.0, 400.0, 400.0]))
    assert fill_unvoiced(pitch, torch.zeros(5, dtype=torch.bool)).tolist() == [120.0] * 5


def test_pitch_classes_decode_to_their_pitch():
    model = FlowDubberVocoder(tiny_config(num_pitch_bins=192))
    pitch = torch.tensor([[60.0, 97.3, 123.4, 311.0, 500.0]])
    targets = pitch_targets(pitch, model.pitch_grid)
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(1, 5))
    logits = torch.cat([targets.clamp(min=1e-9).log(), torch.zeros(1, 1, 5)], dim=1)
    model.pitch_net.forward = lambda mel, mask: logits
    decoded = model.predict_pitch(random_mel(1, 5)).pitch
    assert (1200 * torch.log2(decoded / pitch)).abs()[0, 1:4].max() < 3


def test_magnitudes_of_white_noise_are_its_deviation():
    noise = 0.3 * torch.randn(1, 64000, generator=torch.Generator().manual_seed(0))
    for window in (128, 2048):
        assert abs(magnitudes(noise, window).square().mean().sqrt() - 0.3) < 0.02


def test_energy_distance_prefers_noise_of_the_right_level():
    def noise(seed: int, level: float) -> torch.Tensor:
        return level * torch.randn(2, 16000, generator=torch.Generator().manual_seed(seed))

    weights = VocoderLossWeights()
    truth = noise(0, 0.1)
    right = energy_distance(truth, noise(1, 0.1), noise(2, 0.1), weights)
    for level in (0.05, 0.2):
        assert energy_distance(truth, noise(1, level), noise(2, level), weights) > right
    # A steady pulse train of the same power is nearer to no recording of noise than noise is, once repetition counts.
    pulses = voice(62.5, 1.0).expand(2, -1)
    pulses = pulses * 0.1 / pulses.std()
    assert energy_distance(truth, pulses, pulses.roll(97, dims=1), weights) > right
    torch.testing.assert_close(energy_distance(truth, truth, truth, weights).item(), 0.0, atol=2e-3, rtol=0)


def test_pitch_loss_is_a_mean_over_rows():
    grid = torch.linspace(4.0, 6.0, 8)
    generator = torch.Generator().manual_seed(0)
    logits, voicing = torch.randn(3, 8, 5, generator=generator), torch.randn(3, 5, generator=generator)
    pitch = 60 + 300 * torch.rand(3, 5, generator=generator)
    voiced = torch.tensor([[True] * 5, [False] * 5, [True, False, True, False, False]])
    parts = (logits, voicing, pitch, voiced)
    whole = pitch_loss(*parts, grid, VocoderLossWeights())
    rows = [pitch_loss(*(part[row : row + 1] for part in parts), grid, VocoderLossWeights()) for row in range(3)]
    torch.testing.assert_close(whole, sum(rows) / 3)


def test_compressed_spectrum_keeps_phase_and_compresses_levels():
    sound = torch.randn(2, 4096, generator=torch.Generator().manual_seed(0))
    loud, quiet = compressed_spectrum(sound, 512), compressed_spectrum(0.3 * sound, 512)
    assert loud.shape == (2, 2, 29, 257)
    torch.testing.assert_close(quiet, loud * 0.3**0.3, rtol=0.02, atol=5e-3)
    assert torch.isfinite(compressed_spectrum(torch.zeros(1, 4096), 512)).all()


def test_relative_distance_knows_no_scale():
    made, recorded = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0)).unbind()
    torch.testing.assert_close(
        relative_distance(20 * made, 20 * recorded), relative_distance(made, recorded), rtol=1e-2, atol=0
    )


def test_each_side_hears_its_own_losses():
    adversary = VocoderAdversary(hidden_size=2)
    truth, sound = 0.1 * torch.randn(2, 2, 4096, generator=torch.Generator().manual_seed(0))
    sound.requires_grad_()
    losses = adversary(truth, sound)
    (losses.fooling + losses.features).backward(retain_graph=True)
    assert sound.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in adversary.parameters())
    sound.grad = None
    losses.critic.backward()
    assert sound.grad is None
    # A bias may be pulled both ways alike.
    moved = {name for name, parameter in adversary.named_parameters() if parameter.grad.abs().sum() > 0}
    assert moved >= {name for name, _ in adversary.named_parameters() if "bias" not in name}


def test_an_adversary_learns_to_tell_noise_from_a_voice():
    torch.manual_seed(0)
    adversary = VocoderAdversary(hidden_size=4)
    optimizer = torch.optim.AdamW(adversary.parameters(), lr=3e-3)
    truth = voice(110.0, 0.5).expand(2, -1)
    sound = 0.1 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1))
    first = adversary(truth, sound)
    for _ in range(30):
        optimizer.zero_grad()
        adversary(truth, sound).critic.backward()
        optimizer.step()
    last = adversary(truth, sound)
    assert last.critic < 0.5 * first.critic and last.fooling > first.fooling + 0.5


def test_softened_mels_keep_shape_and_a_third_of_the_rows():
    mel = random_mel(60, 20)
    draws = [draw_softening(np.random.default_rng(row), 20) for row in range(60)]
    soft = soften_mel(mel, *(torch.stack([draw[name] for draw in draws]) for name in ("soften", "soften_noise")))
    assert soft.shape == mel.shape
    unchanged = (soft == mel).flatten(1).all(dim=1).float().mean()
    assert 0.15 < unchanged < 0.55
    assert (soft - mel).abs().mean() < 0.5


# The stage


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def tracks(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tracks") / "pitch_tracks.safetensors"


def make_stage(dataset: Path, tracks: Path, **settings) -> VocoderStage:
    store = FeatureStore(dataset)
    settings = VocoderSettings(**{"num_frames": 40, "validation_cuts": 3, "soften_from": 2, **settings})
    clips, held_out = store.clips("train"), store.clips("val")
    return VocoderStage(tiny_vocoder().train(), store, clips, held_out, settings, 4, tracks)


def test_batches(dataset, tracks):
    stage = make_stage(dataset, tracks, num_frames=200)
    check_batches(stage)
    batch = stage.batch(3, [0, 2])
    assert batch["waveform"].shape == (2, 200 * HOP_LENGTH) and batch["noise"].shape == (2, 2, 200 * HOP_LENGTH)
    assert batch["pitch"].shape == batch["voiced"].shape == (2, 200)
    assert (batch["waveform"][:, 160 * HOP_LENGTH :] == 0).all() and not batch["voiced"][:, 160:].any()
    assert batch["waveform"].abs().max() < 1
    assert torch.equal(stage.batch(3, range(4))["noise"][2], batch["noise"][1])
    assert "soften" not in stage.batch(1, [0]) and "soften" in stage.batch(2, [0])
    assert {*make_stage(dataset, tracks, video_share=1.0).names(0)} <= {clip.id for clip in stage.cuts.with_video}
    assert {name.split("/")[0] for name in make_stage(dataset, tracks, video_share=0.0).names(0)} == {"an4"}


def test_pitch_tracks_are_kept(dataset, tracks, monkeypatch):
    first = make_stage(dataset, tracks)
    monkeypatch.setattr("flowdubber_hf.training.vocoder_data.track_pitch", None)  # must not be asked again
    assert same(make_stage(dataset, tracks).batch(0, [1]), first.batch(0, [1]))
    store = FeatureStore(dataset)
    found = load_pitch_tracks(store, store.clips("train"), tracks, 60.0, 500.0)
    assert found["grid/a/0"][0, 40:120].median() == pytest.approx(110, rel=0.03)


@pytest.mark.parametrize("adversarial_weight", [0.0, 0.5])
def test_parts_of_a_batch_equal_the_whole(dataset, tracks, adversarial_weight):
    stage = make_stage(dataset, tracks, predicted_pitch_share=0.5, adversarial_weight=adversarial_weight)
    # Of critics that cannot tell yet, biases are pulled both ways alike: what is left of them is rounding.
    check_parts_equal_whole(stage, step=3, tolerance=5e-3 if adversarial_weight else 1e-4)


@pytest.mark.parametrize("adversarial_weight", [0.0, 0.5])
def test_every_parameter_moves(dataset, tracks, adversarial_weight):
    left = unmoved(make_stage(dataset, tracks, adversarial_weight=adversarial_weight))
    # Critics that cannot tell yet pull the last bias both ways alike.
    assert [name for name in left if not name.endswith("score.bias")] == []


def test_the_adversary_learns_first_and_is_then_heard(dataset, tracks):
    stage = make_stage(dataset, tracks, adversarial_weight=0.5, adversarial_from=2)
    assert [float(stage.batch(step, [0])["adversarial"]) for step in (1, 2)] == [0.0, 0.5]
    assert "adversarial" not in make_stage(dataset, tracks).batch(2, [0])

    def heard(step: int) -> tuple[dict, torch.Tensor]:
        stage.model.zero_grad()
        losses = stage.model(stage.batch(1, [0, 1]) | {"adversarial": stage.batch(step, [0])["adversarial"]})
        losses["loss"].backward()
        return losses, stage.model.model.filter_net.conv_out.weight.grad.clone()

    (alone, before), (_, after) = heard(1), heard(2)
    assert {"critic", "fooling", "features"} <= set(alone)
    torch.testing.assert_close(alone["loss"], alone["energy"] + alone["pitch"] + alone["critic"])
    assert not torch.allclose(before, after)
    assert "critic" not in stage.model.measure(stage.validation_batch([0, 1]))


def test_validation_is_repeatable(dataset, tracks):
    stage = make_stage(dataset, tracks)
    stage.model.eval()
    first, second = (stage.validate(stage.model) for _ in range(2))
    assert first == second
    names = {"val_loss", "val_energy", "val_pitch", "val_pitch_off_by_50_cents", "val_voicing_wrong"}
    assert set(first) == names and stage.best in names


def test_samples_of_held_out_clips(dataset, tracks):
    pytest.importorskip("matplotlib")
    stage = make_stage(dataset, tracks)
    samples = stage.samples(stage.model.eval())
    names = {name.rpartition("/")[0] for name in samples.sounds}
    assert names <= {clip.id for clip in FeatureStore(dataset).clips("val")}
    assert set(samples.pictures) == {f"{name}/mel" for name in names}


def test_samples(dataset, tracks):
    pytest.importorskip("matplotlib")
    stage = make_stage(dataset, tracks)
    samples = stage.samples(stage.model.eval())
    assert set(samples.sounds) == {f"grid/{name}/3/{kind}" for name in "ab" for kind in ("true", "vocoder")}
    assert len(samples.sounds["grid/a/3/vocoder"]) == len(samples.sounds["grid/a/3/true"])


@pytest.mark.parametrize(
    "settings",
    [
        {"windows_per_step": 9},
        {"video_share": 1.5},
        {"num_frames": 8},
        {"validation_cuts": 0},
        {"adversarial_weight": -1.0},
    ],
)
def test_settings_out_of_range(dataset, tracks, settings):
    with pytest.raises(ValueError, match=r"must|needs"):
        make_stage(dataset, tracks, **settings)


# The script


@pytest.fixture(scope="module")
def options(dataset, tmp_path_factory) -> list[str]:
    start = tmp_path_factory.mktemp("start")
    tiny_vocoder().save_pretrained(start)
    options = ["--dataset", str(dataset), "--init_from", str(start), "--batch_size", "4", "--num_frames", "24"]
    return [*options, "--validation_cuts", "2", "--warmup_steps", "1"]


@pytest.mark.parametrize("adversary", [[], ["--adversarial_weight", "0.1"]], ids=["alone", "adversary"])
def test_script_resumes_exactly(repository, monkeypatch, options, tmp_path, adversary):
    script = load_script(repository, "train_vocoder")

    def run(*more: str) -> None:
        run_here(script, monkeypatch, *options, *adversary, *more)

    check_resume(run, tmp_path, monkeypatch, VocoderStage, "model/model.safetensors")
    for name in ("best", "model"):
        model = FlowDubberVocoder.from_pretrained(tmp_path / "parts" / name)
        assert torch.isfinite(model(random_mel(1, 5))).all()
    assert all(math.isfinite(value) for _, value in log_of(tmp_path / "parts", "val_energy"))


def test_two_processes_equal_one(repository, monkeypatch, options, tmp_path):
    check_two_processes(repository, "train_vocoder", monkeypatch, tmp_path, options)


def test_bad_options_are_one_line(repository, monkeypatch, dataset, tmp_path):
    script = load_script(repository, "train_vocoder")
    options = ["--dataset", str(dataset), "--output_dir", str(tmp_path / "out")]
    for name in ("soften_from", "adversarial_from"):
        with pytest.raises(ValueError, match=name):
            run_here(script, monkeypatch, *options, f"--{name}", "2")
    with pytest.raises(ValueError, match="flowdubber prepare"):
        run_here(script, monkeypatch, "--dataset", str(tmp_path), "--output_dir", str(tmp_path / "out"))

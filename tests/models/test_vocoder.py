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
"""Contracts of the vocoder and analytic checks of its sources, its filters and its losses."""

import importlib.util
import inspect
import json
import math
from pathlib import Path

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import SpeechT5HifiGan

from flowdubber_hf.models.vocoder import FlowDubberVocoder, FlowDubberVocoderConfig
from flowdubber_hf.models.vocoder.modeling_vocoder import frame_signal, overlap_add, pulse_train
from flowdubber_hf.processing.audio import HOP_LENGTH, MEL_SETTINGS, NUM_MELS, SAMPLING_RATE, log_mel
from flowdubber_hf.training.vocoder_data import VocoderDataset, load_pitch_tracks, soften_mel
from flowdubber_hf.training.vocoder_losses import (
    VocoderLossWeights,
    energy_distance,
    magnitudes,
    pitch_targets,
)
from flowdubber_hf.training.vocoder_pitch import fill_unvoiced, track_pitch
from flowdubber_hf.training.vocoder_step import VocoderTrainingStep, validate


SCRIPT = Path(__file__).parents[2] / "examples" / "train_vocoder.py"


def tiny_config(**kwargs) -> FlowDubberVocoderConfig:
    settings = {
        "hidden_size": 16,
        "dilations": [1, 2],
        "pitch_hidden_size": 12,
        "pitch_dilations": [1, 2],
        "num_pitch_bins": 32,
    }
    return FlowDubberVocoderConfig(**(settings | kwargs))


def tiny_vocoder() -> FlowDubberVocoder:
    torch.manual_seed(0)
    return FlowDubberVocoder(tiny_config()).eval()


def random_mel(batch: int, frames: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return -5 + 2 * torch.randn(batch, frames, NUM_MELS, generator=generator)


def voice(pitch: float, seconds: float = 0.5, level: float = 0.02) -> torch.Tensor:
    """`(1, samples)`: fifteen harmonics of equal strength."""
    time = torch.arange(int(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    return level * sum(torch.cos(2 * math.pi * pitch * k * time) for k in range(1, 16))[None]


def assert_same_sound(first: torch.Tensor, second: torch.Tensor) -> None:
    """Phases add up F0 over time, so rounding in F0 shows in the top harmonics: 1 % of the level is the same sound."""
    assert first.shape == second.shape
    assert (first - second).square().mean().sqrt() < 0.01 * second.square().mean().sqrt()


@pytest.fixture(scope="module")
def vocoder() -> FlowDubberVocoder:
    return tiny_vocoder()


# Model contracts


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 2, 3, 7, 40])
def test_length_is_exact(vocoder, frames):
    waveform = vocoder(random_mel(2, frames))
    assert waveform.shape == (2, frames * HOP_LENGTH)
    assert waveform.dtype == torch.float32
    assert torch.isfinite(waveform).all()


@torch.no_grad()
def test_called_like_speecht5_hifigan(vocoder):
    ours = list(inspect.signature(FlowDubberVocoder.forward).parameters)
    theirs = list(inspect.signature(SpeechT5HifiGan.forward).parameters)
    assert ours[1] == theirs[1] == "spectrogram"
    mel = random_mel(1, 9)
    assert vocoder(spectrogram=mel[0]).shape == (9 * HOP_LENGTH,)
    assert_same_sound(vocoder(mel[0]), vocoder(mel)[0])
    assert vocoder.config.sampling_rate == SAMPLING_RATE


@torch.no_grad()
def test_batch_gives_what_single_calls_give(vocoder):
    mel = random_mel(3, 20)
    batched = vocoder(mel)
    for row in range(3):
        assert_same_sound(batched[row], vocoder(mel[row : row + 1])[0])


@torch.no_grad()
@pytest.mark.parametrize("junk", [0.0, -20.0, float("nan")])
def test_padding_does_not_leak(vocoder, junk):
    mel = random_mel(2, 30)
    mask = torch.ones(2, 30, dtype=torch.bool)
    mask[1, 17:] = False
    padded = mel.clone()
    padded[1, 17:] = junk
    waveform = vocoder(padded, attention_mask=mask)
    assert_same_sound(waveform[0], vocoder(mel[:1])[0])
    assert_same_sound(waveform[1, : 17 * HOP_LENGTH], vocoder(mel[1:, :17])[0])
    assert waveform[1, 17 * HOP_LENGTH :].abs().max() == 0


@torch.no_grad()
def test_same_seed_same_samples(vocoder):
    mel = random_mel(2, 12)
    assert torch.equal(vocoder(mel), vocoder(mel))

    def seeded(*seeds: int) -> torch.Tensor:
        return vocoder(mel, generator=[torch.Generator().manual_seed(seed) for seed in seeds])

    assert torch.equal(seeded(1, 2), seeded(1, 2))
    assert not torch.equal(seeded(1, 2)[0], seeded(3, 2)[0])
    assert torch.equal(seeded(1, 2)[1], seeded(3, 2)[1])
    one = [vocoder(mel, generator=torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*one)
    with pytest.raises(ValueError, match="one generator a row"):
        vocoder(mel, generator=[torch.Generator()])


@torch.no_grad()
def test_drawing_noise_leaves_the_global_state_alone(vocoder):
    before = torch.get_rng_state()
    vocoder(random_mel(1, 5))
    assert torch.equal(before, torch.get_rng_state())


@torch.no_grad()
@pytest.mark.parametrize("value", [-1e30, -30.0, math.log(1e-5), 0.0, 30.0, float("inf"), float("-inf"), float("nan")])
def test_extreme_mels_stay_finite(vocoder, value):
    mel = random_mel(1, 10)
    mel[:, 3:7] = value
    assert torch.isfinite(vocoder(mel)).all()


@torch.no_grad()
def test_mel_of_silence_is_all_but_silent(vocoder):
    waveform = vocoder(torch.full((1, 50, NUM_MELS), math.log(1e-5)))
    assert waveform.square().mean().sqrt() < 1e-3


@pytest.mark.parametrize("shape", [(2, 80, 10), (10,), (1, 0, 80), (1, 1, 5, 80)])
def test_wrong_shapes_are_refused(vocoder, shape):
    with pytest.raises(ValueError, match="a spectrogram has the shape"):
        vocoder(torch.zeros(shape))


@torch.no_grad()
def test_save_and_load(vocoder, tmp_path):
    mel = random_mel(1, 10)
    vocoder.save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").is_file()
    loaded = FlowDubberVocoder.from_pretrained(tmp_path).eval()
    for name, value in vocoder.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name
    assert torch.equal(loaded.bin_positions, vocoder.bin_positions)
    assert torch.equal(loaded.window, vocoder.window)
    assert torch.equal(loaded.pitch_grid, vocoder.pitch_grid)
    assert torch.equal(vocoder(mel), loaded(mel))


@torch.no_grad()
def test_half_precision_on_disk_computes_in_float32(tmp_path):
    model = tiny_vocoder()
    mel = random_mel(1, 10)
    expected = model(mel)
    model.half().save_pretrained(tmp_path)
    loaded = FlowDubberVocoder.from_pretrained(tmp_path).eval()
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    assert (log_mel(loaded(mel)) - log_mel(expected)).abs().mean() < 0.2


def test_builds_on_meta():
    with torch.device("meta"):
        model = FlowDubberVocoder(tiny_config())
    assert all(weight.is_meta for weight in model.parameters())


def test_same_seed_same_fresh_weights():
    first, second = tiny_vocoder().state_dict(), tiny_vocoder().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_fft": 512}, "four hops"),
        ({"gains_per_frame": 3}, "divide hop_length"),
        ({"fmax": 9000.0}, "the mel must lie"),
        ({"pitch_min": 500.0}, "F0 must lie"),
        ({"hidden_size": 0}, "must be positive"),
        ({"dilations": []}, "at least one block"),
        ({"hidden_size": "wide"}, "hidden_size"),
    ],
)
def test_config_refuses_nonsense(settings, message):
    with pytest.raises((ValueError, StrictDataclassError), match=message):
        tiny_config(**settings)


def test_config_round_trip_and_shared_mel(tmp_path):
    tiny_config(max_log_gain=5.0).save_pretrained(tmp_path)
    loaded = FlowDubberVocoderConfig.from_pretrained(tmp_path)
    assert loaded.max_log_gain == 5.0
    assert list(loaded.dilations) == [1, 2]
    shared = {name: value for name, value in MEL_SETTINGS.items() if name != "win_length"}
    assert {name: getattr(loaded, name) for name in shared} == shared


def test_a_training_step_moves_every_parameter():
    model = tiny_vocoder().train()
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    waveform = voice(130.0)[:, : 40 * HOP_LENGTH].expand(2, -1)
    pitch = torch.full((2, 40), 130.0)
    batch = {"waveform": waveform, "pitch": pitch, "voiced": pitch > 0}
    losses = VocoderTrainingStep(model)(batch, torch.Generator().manual_seed(0))
    losses["loss"].backward()
    optimizer.step()
    for name, value in model.named_parameters():
        assert torch.isfinite(value).all(), name
        assert not torch.equal(value, before[name]), name


# Signal processing


@pytest.mark.parametrize("pitch", [80.0, 125.0, 200.0, 333.0])
def test_constant_pitch_gives_equal_harmonics_and_nothing_between(pitch):
    samples = SAMPLING_RATE
    phase = (torch.arange(samples, dtype=torch.float64) * pitch / SAMPLING_RATE).remainder(1).float()
    limit = 0.48 * SAMPLING_RATE
    pulses = pulse_train(torch.full((1, samples), pitch), phase[None], limit)[0]
    # One second: bin k is k Hz, and every harmonic is a bin.
    amplitude = 2 * torch.fft.rfft(pulses.double()).abs() / samples
    count = int(limit // pitch)
    harmonics = (torch.arange(1, count + 1) * pitch).long()
    torch.testing.assert_close(amplitude[harmonics], torch.full((count,), pitch / 100).double(), atol=2e-3, rtol=1e-3)
    rest = amplitude.clone()
    rest[harmonics] = 0
    rest[int(pitch * (count + 1))] = 0  # the harmonic that fades in below the limit
    assert rest.max() < 2e-3 * pitch / 100


def test_moving_pitch_makes_no_click():
    frames = 100
    pitch = torch.linspace(90, 250, frames)[None]
    pulses = tiny_vocoder().make_sources(pitch)[0, 0]
    # Below every F0 there is nothing, however the count of harmonics changes on the way.
    spectrum = torch.fft.rfft(pulses * torch.hann_window(len(pulses))).abs()
    hertz = torch.linspace(0, SAMPLING_RATE / 2, len(spectrum))
    assert spectrum[hertz < 70].max() < 1e-2 * spectrum.max()


def test_pulses_keep_their_phase_over_frames():
    sources = tiny_vocoder().make_sources(torch.full((1, 60), 100.0))
    period = SAMPLING_RATE // 100
    torch.testing.assert_close(
        sources[0, 0, 1600:3200], sources[0, 0, 1600 + period : 3200 + period], atol=1e-2, rtol=0
    )
    assert sources.shape == (3, 1, 60 * HOP_LENGTH)


@torch.no_grad()
def test_long_sound_keeps_its_pitch():
    # Two minutes: in float32 the phase would be off by then.
    pulses = tiny_vocoder().make_sources(torch.full((1, 12000), 200.0))[0, 0]
    tail = pulses[-SAMPLING_RATE:]
    amplitude = 2 * torch.fft.rfft(tail).abs() / SAMPLING_RATE
    assert abs(amplitude[200] - 2.0) < 0.01
    assert amplitude[100] < 0.01


def test_noise_is_white_and_beats_with_the_pulses():
    pulses, noise, pulsed = tiny_vocoder().make_sources(torch.full((1, 400), 100.0))[:, 0]
    assert abs(noise.std() - 1) < 0.02
    assert abs(noise.mean()) < 0.02
    near_pulse = pulses > 0.5 * pulses.max()
    assert pulsed[near_pulse].std() > 2 * pulsed[~near_pulse].std()


def test_frames_and_overlap_add_are_inverse():
    signal = torch.randn(2, 20 * HOP_LENGTH)
    window = torch.hann_window(640)
    frames = frame_signal(signal, 640, HOP_LENGTH)
    assert frames.shape == (2, 20, 640)
    weights = overlap_add(window.square().expand(1, 20, -1), HOP_LENGTH)
    torch.testing.assert_close(overlap_add(frames * window * window, HOP_LENGTH) / weights, signal)
    # Frame t sees the same samples as mel frame t: 240 samples before it begins.
    torch.testing.assert_close(frames[:, 5], signal[:, 5 * 160 - 240 : 5 * 160 + 400])


def test_linear_bins_lie_between_their_mels():
    model = tiny_vocoder()
    positions = model.bin_positions
    assert positions.shape == (321,)
    assert positions[0] == 0 and positions[-1] == NUM_MELS - 1
    assert (positions.diff() >= 0).all()
    # Slaney's scale is linear to 1000 Hz = 15 mel, so its 25 Hz bins are evenly spaced there.
    steps = positions[3:38].diff()
    torch.testing.assert_close(steps, steps.mean().expand(len(steps)), atol=1e-4, rtol=0)


@torch.no_grad()
def test_loudness_curve_shapes_the_sound():
    model = tiny_vocoder()
    mel = random_mel(1, 20)
    filters, sources = model.predict_filters(mel), model.make_sources(torch.full((1, 20), 120.0))
    filters.gain = torch.zeros(1, 80)
    flat = model.synthesize(filters, sources)
    filters.gain = torch.full((1, 80), math.log(0.5))
    torch.testing.assert_close(model.synthesize(filters, sources), flat / 2)


@torch.no_grad()
def test_untrained_filters_already_follow_the_mel():
    model = tiny_vocoder()
    for backbone in (model.pitch_net, model.filter_net):
        backbone.conv_out.weight.zero_()
        backbone.conv_out.bias.zero_()
    noise = 0.05 * torch.randn(1, 2 * SAMPLING_RATE, generator=torch.Generator().manual_seed(0))
    mel = log_mel(noise)
    again = log_mel(model(mel.transpose(1, 2)))
    assert (again.mean() - mel.mean()).abs() < 1.0


# Training parts


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


def test_softened_mels_keep_shape_and_a_third_of_the_rows():
    mel = random_mel(60, 20)
    soft = soften_mel(mel, torch.Generator().manual_seed(0))
    assert soft.shape == mel.shape
    same = (soft == mel).flatten(1).all(dim=1).float().mean()
    assert 0.15 < same < 0.55
    assert (soft - mel).abs().mean() < 0.5


def test_validation_is_repeatable():
    pitch = torch.full((2, 40), 130.0)
    batch = {"waveform": voice(130.0)[:, : 40 * HOP_LENGTH].expand(2, -1), "pitch": pitch, "voiced": pitch > 0}
    first, second = (validate(tiny_vocoder(), [batch]) for _ in range(2))
    assert first == second
    assert set(first) == {
        "val_loss",
        "val_energy",
        "val_pitch",
        "val_pitch_off_by_50_cents",
        "val_voicing_wrong",
    }


# The example script


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Path:
    import numpy as np

    root = tmp_path_factory.mktemp("features")
    rows = []
    for index, pitch in enumerate((110.0, 180.0, 140.0)):
        name = f"grid/s1/clip{index}"
        sound = voice(pitch, 1.0)[0] + 0.001 * torch.randn(SAMPLING_RATE)
        (root / "audio" / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(root / "audio" / f"{name}.npy", (sound.numpy() * 32767).astype(np.int16))
        split = "val" if index == 2 else "train"
        row = {"id": name, "split": split, "speaker": "s1", "text": None, "source": "grid", "num_samples": len(sound)}
        rows.append(row | {"num_frames": 25, "words": []})
    (root / "manifest.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


def test_cuts_are_repeatable_and_padded(features, tmp_path):
    from flowdubber_hf.data.features import FeatureStore

    store = FeatureStore(features)
    clips = store.clips("train")
    tracks = load_pitch_tracks(store, clips, tmp_path / "tracks.safetensors", 60.0, 500.0)
    assert load_pitch_tracks(store, clips, tmp_path / "tracks.safetensors", 60.0, 500.0).keys() == tracks.keys()
    data = VocoderDataset(store, clips, tracks, num_frames=120, length=4)
    item = data[2]
    assert item["waveform"].shape == (120 * HOP_LENGTH,)
    assert item["pitch"].shape == item["voiced"].shape == (120,)
    assert not item["voiced"][100:].any()
    assert torch.equal(item["waveform"], data[2]["waveform"])
    assert item["waveform"].abs().max() < 1


def test_training_resumes_and_ends_with_a_model(features, tmp_path):
    spec = importlib.util.spec_from_file_location("train_vocoder", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    start = tmp_path / "start"
    tiny_vocoder().save_pretrained(start)
    settings = {
        "features": features,
        "output_dir": tmp_path / "run",
        "init_from": start,
        "batch_size": 2,
        "num_frames": 24,
        "validate_every": 2,
        "validation_clips": 2,
        "cpu": True,
    }
    script.train(script.Arguments(max_train_steps=2, **settings))
    script.train(script.Arguments(max_train_steps=3, **settings))
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "val_energy" in line] == [2, 3]
    assert all(math.isfinite(line["val_energy"]) for line in lines if "val_energy" in line)
    for name in ("best", "final"):
        model = FlowDubberVocoder.from_pretrained(tmp_path / "run" / name)
        assert torch.isfinite(model(random_mel(1, 5))).all()

"""Contracts of the vocoder and analytic checks of its sources, its filters and its losses."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import inspect
import math

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import SpeechT5HifiGan

from flowdubber_hf.models.vocoder import FlowDubberVocoder, FlowDubberVocoderConfig
from flowdubber_hf.models.vocoder.modeling_vocoder import frame_signal, overlap_add, pulse_train
from flowdubber_hf.processing.audio import HOP_LENGTH, MEL_SETTINGS, NUM_MELS, SAMPLING_RATE, log_mel


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


def test_a_long_mel_is_made_into_sound_in_pieces(monkeypatch):
    vocoder = tiny_vocoder()
    mel = random_mel(2, 150)
    mask = torch.arange(150) < torch.tensor([[150], [70]])
    whole, whole_masked = vocoder(mel), vocoder(mel, attention_mask=mask)
    monkeypatch.setattr("flowdubber_hf.models.vocoder.modeling_vocoder.BLOCK_FRAMES", 32)
    assert_same_sound(vocoder(mel), whole)
    assert_same_sound(vocoder(mel, attention_mask=mask), whole_masked)

"""Contracts of the style encoder, its signal processing against known cases, and Resemblyzer where it is installed."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import importlib.util
import math

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassError

from flowdubber_hf.models.style import FlowDubberStyleEncoder, FlowDubberStyleEncoderConfig
from flowdubber_hf.models.style.conversion import convert_style_encoder
from flowdubber_hf.models.style.modeling_style import raise_volume, trim_silence
from support.model_contracts import ModelContracts


RATE = 16000


def tiny_config(**kwargs) -> FlowDubberStyleEncoderConfig:
    return FlowDubberStyleEncoderConfig(**({"hidden_size": 12, "num_hidden_layers": 2, "style_size": 16} | kwargs))


def tiny_encoder() -> FlowDubberStyleEncoder:
    torch.manual_seed(0)
    model = FlowDubberStyleEncoder(tiny_config()).eval()
    with torch.no_grad():
        model.linear.bias.fill_(0.1)  # keeps the ReLU of fresh weights open
    return model


def sound(seconds: float, seed: int = 0, level: float = 0.1) -> torch.Tensor:
    """`(samples,)`: noise bursts of half a second with pauses."""
    time = torch.arange(int(seconds * RATE)) / RATE
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(seed))
    return level * noise * (torch.sin(2 * math.pi * time) > -0.3)


@pytest.fixture(scope="module")
def encoder() -> FlowDubberStyleEncoder:
    return tiny_encoder()


@torch.no_grad()
@pytest.mark.parametrize("seconds", [0.05, 0.5, 1.0, 3.3, 7.0])
def test_style_has_unit_length(encoder, seconds):
    style = encoder(sound(seconds)[None]).style
    assert style.shape == (1, 16)
    assert (style >= 0).all()
    torch.testing.assert_close(style.norm(dim=1), torch.ones(1))


@torch.no_grad()
def test_batch_and_padding_give_what_single_calls_give(encoder):
    rows = [sound(1.0, 1), sound(4.0, 2), sound(2.5, 3)]
    batch = torch.full((3, 4 * RATE), 7.0)  # what stands in the padding must not matter
    mask = torch.zeros(3, 4 * RATE, dtype=torch.bool)
    for index, row in enumerate(rows):
        batch[index, : len(row)] = row
        mask[index, : len(row)] = True
    styles = encoder(batch, attention_mask=mask).style
    for index, row in enumerate(rows):
        torch.testing.assert_close(styles[index], encoder(row[None]).style[0], atol=1e-5, rtol=1e-4)


class TestContracts(ModelContracts):
    output = "style"

    def make(self) -> FlowDubberStyleEncoder:
        return tiny_encoder()

    def inputs(self) -> dict[str, torch.Tensor]:
        return {"input_values": torch.stack([sound(1.0, 1), sound(1.0, 2)])}


@torch.no_grad()
def test_loudness_of_quiet_sound_does_not_matter(encoder):
    loud, quiet = (encoder(sound(2.0, level=level)[None]).style for level in (0.01, 0.001))
    torch.testing.assert_close(loud, quiet, atol=1e-4, rtol=1e-3)


@torch.no_grad()
def test_silence_is_finite(encoder):
    assert torch.isfinite(encoder(torch.zeros(2, RATE)).style).all()


@pytest.mark.parametrize("shape", [(16000,), (1, 0), (1, 1, 16000)])
def test_wrong_shapes_are_refused(encoder, shape):
    with pytest.raises(ValueError, match=r"\(batch, samples\)"):
        encoder(torch.zeros(shape))


def test_a_row_of_padding_only_is_refused(encoder):
    mask = torch.ones(2, RATE)
    mask[1] = 0
    with pytest.raises(ValueError, match="at least one sample"):
        encoder(torch.zeros(2, RATE), attention_mask=mask)


@torch.no_grad()
@pytest.mark.parametrize("half", [False, True])
def test_save_and_load(tmp_path, half):
    model, input_values = tiny_encoder(), sound(2.0)[None]
    expected = model(input_values).style
    (model.half() if half else model).save_pretrained(tmp_path)
    loaded = FlowDubberStyleEncoder.from_pretrained(tmp_path).eval()
    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    fresh = tiny_encoder()
    assert torch.equal(loaded.window, fresh.window)
    assert torch.equal(loaded.mel_filters, fresh.mel_filters)
    torch.testing.assert_close(
        loaded(input_values).style, expected, atol=1e-3 if half else 1e-7, rtol=1e-2 if half else 1e-6
    )


def test_a_training_step_moves_every_parameter():
    model = tiny_encoder().train()
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    style = model(torch.stack([sound(2.0, 1), sound(2.0, 2)])).style
    (style * torch.linspace(-1, 1, 16)).sum().backward()
    optimizer.step()
    for name, value in model.named_parameters():
        assert torch.isfinite(value).all(), name
        assert not torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 0}, "must be positive"),
        ({"n_fft": 100}, "n_fft"),
        ({"min_coverage": 0.0}, "min_coverage"),
        ({"window_rate": 0.1}, "leave gaps"),
        ({"num_mels": 1.5}, "num_mels"),
    ],
)
def test_config_refuses_nonsense(settings, message):
    with pytest.raises((ValueError, StrictDataclassError), match=message):
        tiny_config(**settings)


def test_volume_is_raised_never_lowered():
    quiet, loud = 0.001 * torch.ones(1000), 0.5 * torch.ones(1000)
    torch.testing.assert_close(raise_volume(quiet, -30.0), torch.full((1000,), 10 ** (-30 / 20)))
    assert torch.equal(raise_volume(loud, -30.0), loud)
    assert torch.equal(raise_volume(torch.zeros(10), -30.0), torch.zeros(10))


def test_pauses_are_shortened():
    noise = 0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    pause = 1e-4 * torch.randn(2 * RATE, generator=torch.Generator().manual_seed(1))
    trimmed = trim_silence(torch.cat([noise, pause, noise]), RATE, 15.0)
    assert 2 * RATE * 0.95 < len(trimmed) < 2.6 * RATE
    assert len(trim_silence(noise, RATE, 15.0)) > 0.95 * RATE
    assert len(trim_silence(torch.zeros(RATE), RATE, 15.0)) == RATE // 480 * 480


@pytest.mark.parametrize(
    ("samples", "starts"),
    # By hand: a step is round(16000 / 1.3 / 160) = 77 frames; a window needs 120 of its 160 frames.
    [(8000, [0]), (25600, [0]), (160 * 196, [0]), (160 * 197, [0, 77]), (160 * 300, [0, 77, 154])],
)
def test_windows(samples, starts):
    assert tiny_encoder()._window_starts(samples) == starts


# Resemblyzer


@pytest.fixture(scope="module")
def converted() -> FlowDubberStyleEncoder:
    if importlib.util.find_spec("resemblyzer") is None:
        pytest.skip("resemblyzer is not installed")
    return convert_style_encoder("resemblyzer")


@torch.no_grad()
@pytest.mark.parametrize("seconds", [0.7, 1.6, 2.4, 5.1])
def test_equals_resemblyzer_on_the_same_sound(converted, seconds):
    resemblyzer = pytest.importorskip("resemblyzer", exc_type=ImportError)
    theirs = resemblyzer.VoiceEncoder("cpu", verbose=False)
    waveform = sound(seconds, level=0.05)
    expected = theirs.embed_utterance(waveform.numpy().astype(np.float32))
    ours = converted(waveform[None], trim=False).style[0].numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def public_state() -> dict[str, torch.Tensor]:
    """Names and shapes of `model_state` in Resemblyzer's pretrained.pt: an LSTM of three layers over 40 mels, a linear layer, and
    the training loss' own two numbers."""
    shapes = {"similarity_weight": (1,), "similarity_bias": (1,), "linear.weight": (256, 256), "linear.bias": (256,)}
    for layer in range(3):
        shapes |= {
            f"lstm.weight_ih_l{layer}": (1024, 256 if layer else 40),
            f"lstm.weight_hh_l{layer}": (1024, 256),
            f"lstm.bias_ih_l{layer}": (1024,),
            f"lstm.bias_hh_l{layer}": (1024,),
        }
    generator = torch.Generator().manual_seed(0)
    return {name: 0.05 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


@torch.no_grad()
def test_converted_weights_give_what_the_public_names_give_by_hand(tmp_path):
    public = public_state()
    torch.save({"step": 7, "model_state": public, "optimizer_state": {"lr": 0.1}}, tmp_path / "pretrained.pt")
    model = convert_style_encoder(tmp_path)
    waveform = sound(1.6, level=0.1)
    lstm = torch.nn.LSTM(40, 256, 3, batch_first=True)
    lstm.load_state_dict({name[5:]: value for name, value in public.items() if name.startswith("lstm.")})
    frames = model._windows(waveform, trim=False)
    last = lstm(frames)[0][:, -1]
    expected = (last @ public["linear.weight"].T + public["linear.bias"]).relu()
    expected = torch.nn.functional.normalize(torch.nn.functional.normalize(expected, dim=1).mean(0), dim=0)
    torch.testing.assert_close(model(waveform[None], trim=False).style[0], expected, atol=1e-6, rtol=1e-5)


def test_conversion_refuses_other_files(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        convert_style_encoder(tmp_path / "missing.pt")
    torch.save({"model_state": {"linear.weight": torch.zeros(2, 2)}}, tmp_path / "other.pt")
    with pytest.raises(
        ValueError, match=r"other\.pt is not Resemblyzer's encoder: the checkpoint lacks lstm.weight_ih_l0"
    ):
        convert_style_encoder(tmp_path / "other.pt")

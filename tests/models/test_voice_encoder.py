"""The vector field's own ear for voices: off by default, without effect at first, blind to padding, and it learns."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from flowdubber_hf.models.vector_field import FlowDubberVectorField
from flowdubber_hf.training.dubber_run import with_voice_encoder
from flowdubber_hf.training.presets import VECTOR_FIELD_PRESETS
from flowdubber_hf.training.vector_field_adapter import ADAPTABLE
from support.tiny_models import hearing_vector_field as hearing
from support.tiny_models import tiny_vector_field


def mel(frames: int, rows: int = 1, seed: int = 1) -> torch.Tensor:
    return torch.randn(rows, 80, frames, generator=torch.Generator().manual_seed(seed)) - 5


def test_without_it_a_model_is_what_it_was():
    field = tiny_vector_field()
    assert field.voice_encoder is None and not any("voice" in name for name in field.state_dict())
    with pytest.raises(ValueError, match="has no voice encoder"):
        field.hear(mel(20))


@torch.no_grad()
def test_a_new_one_adds_nothing_and_leaves_the_rest():
    torch.manual_seed(0)
    field = tiny_vector_field().eval()
    grown = with_voice_encoder(field)
    assert grown.hear(mel(30, 2)).eq(0).all()
    assert with_voice_encoder(grown) is grown
    assert grown.config.mel_std == field.config.mel_std
    for name, value in field.state_dict().items():
        assert torch.equal(grown.state_dict()[name], value), name


@torch.no_grad()
def test_new_tokens_tell_nothing_and_leave_the_rest():
    field, fused = hearing(), torch.randn(2, 24, 32)
    grown = with_voice_encoder(field, 4).eval()
    assert grown.voice_size == 256 + 4 * 8 and with_voice_encoder(grown, 4) is with_voice_encoder(grown) is grown
    style, sounds = torch.randn(2, 256), mel(30, 2)
    heard = field.hear(sounds)
    torch.testing.assert_close(grown.hear(sounds)[:, :256], heard)
    voice = grown.voice(style, grown.hear(sounds))
    torch.testing.assert_close(voice[:, :256], style + heard)
    torch.testing.assert_close(grown.prior(fused, voice), field.prior(fused, field.voice(style, heard)))
    for other in (0, 8):
        with pytest.raises(ValueError, match="the vector field has 4"):
            with_voice_encoder(grown, other)


@torch.no_grad()
def test_frames_ask_the_tokens():
    field, fused, style = hearing(4), torch.randn(2, 24, 32), torch.randn(2, 256)
    voice = field.voice(style, field.hear(mel(40, 2)))
    told = field.prior(fused, voice) - field.prior(fused, voice[:, :256])
    assert told.std(2).max() > 1e-2  # not the same in every frame
    other = torch.cat([voice[:, :256], voice[:, 256:].flip(0)], dim=1)
    assert (field.prior(fused, other) - field.prior(fused, voice)).abs().max() > 1e-2
    # No voice, as where the style is dropped, is no tokens.
    nothing = field.prior(fused, torch.zeros(2, field.voice_size))
    torch.testing.assert_close(nothing, field.prior(fused, torch.zeros(2, 256)))
    # The velocity takes the same voice and knows nothing of its tokens.
    inputs = (torch.randn(2, 80, 24), torch.tensor(0.5), torch.randn(2, 80, 24))
    assert torch.equal(field(*inputs, voice).sample, field(*inputs, other).sample)


@torch.no_grad()
@pytest.mark.parametrize("tokens", [0, 4])
def test_batches_and_padding(tokens):
    field, sounds = hearing(tokens), mel(40, 2)
    plain = field.hear(sounds)
    assert plain.shape == (2, 256 + 8 * tokens) and plain[0].sub(plain[1]).abs().max() > 1e-3
    torch.testing.assert_close(field.hear(sounds[1:]), plain[1:])
    padded = torch.nn.functional.pad(sounds, (0, 9), value=3.0)
    mask = (torch.arange(49) < 40).expand(2, -1)
    torch.testing.assert_close(field.hear(padded, mask), plain, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("tokens", [0, 4])
def test_no_voice_adds_nothing(tokens):
    field, mask = hearing(tokens), torch.tensor([[True] * 12, [False] * 12])
    heard = field.hear(mel(12, 2), mask)
    assert heard[0].abs().max() > 1e-3 and heard[1].eq(0).all()


def test_every_weight_learns():
    field = hearing(4).train()
    heard = field.hear(mel(30, 2), torch.tensor([[True] * 30, [True] * 20 + [False] * 10]))
    field.prior(torch.randn(2, 24, 32), heard).square().sum().backward()
    asked = field.prior_decoder.layers[0].voice_attention
    for name, weight in [*field.voice_encoder.named_parameters(), *asked.named_parameters()]:
        assert weight.grad.abs().sum() > 0, name


@torch.no_grad()
def test_saved_and_loaded(tmp_path):
    field = hearing(4)
    field.save_pretrained(tmp_path)
    loaded = FlowDubberVectorField.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(loaded.hear(mel(25)), field.hear(mel(25)), rtol=0, atol=0)


@torch.no_grad()
def test_half_precision():
    field = hearing(4)
    full = field.hear(mel(300))
    half = field.to(torch.bfloat16).hear(mel(300).bfloat16())
    assert half.dtype == torch.bfloat16
    assert torch.cosine_similarity(half.float(), full).item() > 0.99


@pytest.mark.parametrize(
    "changed", [{"voice_hidden_size": 9}, {"voice_hidden_size": 8, "num_voice_layers": -1}, {"num_voice_tokens": 4}]
)
def test_sizes_are_checked(changed):
    with pytest.raises(ValueError, match="voice"):
        tiny_vector_field(**changed)


def test_adapters_leave_it_as_it_is():
    """What was heard before an adapter is loaded stays what would be heard."""
    names = [name for name, _ in hearing().voice_encoder.named_modules()]
    assert not {name.split(".")[-1] for name in names} & set(ADAPTABLE)


def test_it_is_small():
    with torch.device("meta"):
        field = with_voice_encoder(FlowDubberVectorField(**VECTOR_FIELD_PRESETS["tiny"]), 32)
    assert sum(weight.numel() for weight in field.voice_encoder.parameters()) < 250_000

"""Public HiFi-GAN weights: the same sound as the generator's definition gives under the public names."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from transformers import SpeechT5HifiGan

from flowdubber_hf.models.vocoder.conversion import convert_hifigan, hifigan_config
from flowdubber_hf.processing.audio import with_headroom
from support.tiny_models import tiny_pipeline


pytestmark = pytest.mark.slow


# The settings of EmoDubber's Vocoder_16KHz/config.json, at a quarter of its channels for speed.
PUBLIC = {
    "resblock": "1",
    "batch_size": 128,
    "upsample_rates": [8, 5, 2, 2],
    "upsample_kernel_sizes": [16, 10, 4, 4],
    "upsample_initial_channel": 64,
    "resblock_kernel_sizes": [3, 7, 11],
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "num_mels": 80,
    "n_fft": 640,
    "hop_size": 160,
    "win_size": 640,
    "sampling_rate": 16000,
    "fmin": 0,
    "fmax": 8000,
    "fmax_for_loss": None,
}


def public_shapes(config: dict) -> dict[str, tuple[int, ...]]:
    """Weight shapes of the public generator, as its models.py lays it out: `(out, in, kernel)`, transposed `(in, out, kernel)`."""
    channels = config["upsample_initial_channel"]
    shapes = {"conv_pre": (channels, config["num_mels"], 7)}
    for stage, kernel in enumerate(config["upsample_kernel_sizes"]):
        shapes[f"ups.{stage}"] = (channels, channels // 2, kernel)
        channels //= 2
        for number, (kernel, dilations) in enumerate(
            zip(config["resblock_kernel_sizes"], config["resblock_dilation_sizes"], strict=True)
        ):
            block = stage * len(config["resblock_kernel_sizes"]) + number
            for part in range(len(dilations)):
                shapes[f"resblocks.{block}.convs1.{part}"] = (channels, channels, kernel)
                shapes[f"resblocks.{block}.convs2.{part}"] = (channels, channels, kernel)
    shapes["conv_post"] = (1, channels, 7)
    return shapes


def public_state(config: dict) -> dict[str, torch.Tensor]:
    """Random weights in the public form: direction, magnitude, bias."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in public_shapes(config).items():
        biases = shape[1] if name.startswith("ups.") else shape[0]
        state[f"{name}.weight_v"] = torch.randn(shape, generator=generator)
        state[f"{name}.weight_g"] = 0.5 + torch.rand(shape[0], 1, 1, generator=generator)
        state[f"{name}.bias"] = 0.1 * torch.randn(biases, generator=generator)
    return state


def by_hand(state: dict[str, torch.Tensor], config: dict, mel: torch.Tensor) -> torch.Tensor:
    """The generator of Kong et al. from its definition: `(batch, 80, frames)` to `(batch, samples)`."""

    def layer(name: str) -> tuple[torch.Tensor, torch.Tensor]:
        direction, magnitude = state[f"{name}.weight_v"].double(), state[f"{name}.weight_g"].double()
        length = torch.stack([row.flatten().dot(row.flatten()) for row in direction]).sqrt()
        return direction * (magnitude.flatten() / length)[:, None, None], state[f"{name}.bias"].double()

    def same(values: torch.Tensor, name: str, kernel: int, dilation: int = 1) -> torch.Tensor:
        return F.conv1d(values, *layer(name), padding=dilation * (kernel - 1) // 2, dilation=dilation)

    def leaky(values: torch.Tensor, slope: float) -> torch.Tensor:
        return torch.maximum(values, slope * values)

    values = same(mel.double(), "conv_pre", 7)
    rates = zip(config["upsample_rates"], config["upsample_kernel_sizes"], strict=True)
    kernels = config["resblock_kernel_sizes"]
    for stage, (rate, kernel) in enumerate(rates):
        values = F.conv_transpose1d(leaky(values, 0.1), *layer(f"ups.{stage}"), rate, (kernel - rate) // 2)
        branches = []
        for number, kernel in enumerate(kernels):
            branch, block = values, f"resblocks.{stage * len(kernels) + number}"
            for part, dilation in enumerate(config["resblock_dilation_sizes"][number]):
                inner = same(leaky(branch, 0.1), f"{block}.convs1.{part}", kernel, dilation)
                branch = branch + same(leaky(inner, 0.1), f"{block}.convs2.{part}", kernel)
            branches.append(branch)
        values = sum(branches) / len(branches)
    return same(leaky(values, 0.01), "conv_post", 7).tanh()[:, 0]


def write(folder: Path, state: dict[str, torch.Tensor], **changes) -> Path:
    folder.mkdir(exist_ok=True)
    torch.save({"generator": state}, folder / "g_05000000")
    (folder / "config.json").write_text(json.dumps({**PUBLIC, **changes}))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("hifigan"), public_state(PUBLIC))


@torch.no_grad()
def test_converted_weights_give_what_the_public_names_give_by_hand(folder, tmp_path):
    convert_hifigan(folder).save_pretrained(tmp_path)
    vocoder = SpeechT5HifiGan.from_pretrained(tmp_path).eval()
    mel = -5 + 2 * torch.randn(2, 13, 80, generator=torch.Generator().manual_seed(1))
    sound, expected = vocoder(mel), by_hand(public_state(PUBLIC), PUBLIC, mel.transpose(1, 2))
    assert sound.shape == expected.shape == (2, 160 * 13 + 4)
    torch.testing.assert_close(sound.double(), expected, atol=2e-6, rtol=1e-5)
    assert 0.05 < float(sound.std()) < 0.9  # neither silent nor at its bounds


def test_the_family_s_size():
    shapes = public_shapes({**PUBLIC, "upsample_initial_channel": 512})
    with torch.device("meta"):
        model = SpeechT5HifiGan(hifigan_config({**PUBLIC, "upsample_initial_channel": 512}))
    weights = sum(math.prod(shape) for shape in shapes.values())
    biases = sum(shape[1] if name.startswith("ups.") else shape[0] for name, shape in shapes.items())
    assert sum(parameter.numel() for parameter in model.parameters()) == weights + biases
    assert 13.2e6 < weights + biases < 14.2e6


def test_it_takes_the_bundled_vocoder_s_place(folder):
    vocoder = convert_hifigan(folder)
    assert (vocoder.mean == 0).all() and (vocoder.scale == 1).all() and not vocoder.config.normalize_before
    pipe = tiny_pipeline(vocoder=vocoder)
    mel = pipe.vector_field.normalize(-5 + torch.randn(1, 80, 8))
    sound = pipe.decode(mel, [8], [1280])[0]
    # The four samples that the kernel of the stride-5 stage adds at the end are cut.
    expected = vocoder(pipe.vector_field.denormalize(mel).transpose(1, 2))[0]
    assert len(expected) == 1284
    torch.testing.assert_close(sound, with_headroom(expected[:1280]), atol=1e-6, rtol=1e-5)
    vocoder.config.fmax = 7600.0
    with pytest.raises(ValueError, match=r"vocoder\.fmax is 7600\.0, but the package's fmax is 8000\.0"):
        tiny_pipeline(vocoder=vocoder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sampling_rate": 22050}, "sampling_rate 22050"),
        ({"hop_size": 256}, "hop_length 256"),
        ({"fmax": 7600}, "fmax 7600"),
        ({"win_size": 1024}, "win_length 1024"),
        ({"n_fft": None}, "n_fft as a number"),
        ({"resblock": "2"}, "resblock 1"),
        ({"upsample_rates": [8, 4, 2, 2]}, "must multiply to hop_size 160"),
        ({"upsample_kernel_sizes": [16, 10, 4]}, "a kernel for each"),
        ({"upsample_kernel_sizes": [16, 4, 4, 4]}, "must not be less"),
        ({"upsample_initial_channel": 60}, "cannot be halved"),
        ({"upsample_rates": "8522"}, "upsample_rates as a list"),
    ],
)
def test_settings_of_another_vocoder(changes, reason):
    with pytest.raises(ValueError, match=reason):
        hifigan_config({**PUBLIC, **changes})


def test_an_upper_end_that_is_not_given_is_half_the_rate():
    assert hifigan_config({**PUBLIC, "fmax": None}).fmax == 8000


def test_weights_that_do_not_fit_the_settings(tmp_path):
    state = public_state(PUBLIC)
    wider = write(tmp_path / "wider", state, upsample_initial_channel=128)
    with pytest.raises(
        ValueError, match=r"does not fit config.json: .*conv_pre.weight \(64, 80, 7\) instead of \(128, 80, 7\)"
    ):
        convert_hifigan(wider)
    extra = write(tmp_path / "extra", {**state, "speakers.weight": torch.zeros(3, 4)})
    with pytest.raises(ValueError, match=r"unexpected speakers\.weight"):
        convert_hifigan(extra)
    lacking = write(tmp_path / "lacking", {name: value for name, value in state.items() if name != "ups.1.bias"})
    with pytest.raises(ValueError, match=r"lacks ups\.1\.bias"):
        convert_hifigan(lacking)
    (lacking / "config.json").unlink()
    with pytest.raises(ValueError, match="--settings"):
        convert_hifigan(lacking)
    named = convert_hifigan(
        write(tmp_path / "named", state) / "g_05000000", settings=tmp_path / "named" / "config.json"
    )
    assert named.config.upsample_rates == [8, 5, 2, 2]

"""The lip reader: its shape, the public weights by hand under their own names, and its place in an aligner."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from torch.nn import functional as F

from flowdubber_hf import (
    FlowDubberAlignerConfig,
    FlowDubberAlignerModel,
    FlowDubberLipReader,
    FlowDubberLipReaderConfig,
)
from flowdubber_hf.models.lip_reader.conversion import convert_lip_reader, public_lip_reader_name
from support.tiny_models import tiny_aligner


pytestmark = pytest.mark.slow


STAGES = (64, 128, 256, 512)


def tiny_config(**changes) -> FlowDubberLipReaderConfig:
    return FlowDubberLipReaderConfig(**({"stem_size": 4, "stage_sizes": [4, 8], "blocks_per_stage": 1} | changes))


def tiny_reader(seed: int = 0, **changes) -> FlowDubberLipReader:
    torch.manual_seed(seed)
    return FlowDubberLipReader(tiny_config(**changes)).eval()


def crops(batch: int = 1, frames: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, frames, 88, 88, generator=torch.Generator().manual_seed(seed))


# The public network


def public_state(slopes: bool) -> dict[str, torch.Tensor]:
    """Random weights under the names of the public Lipreading network with a ResNet-18 for video; of its word network only the
    last layer."""
    generator = torch.Generator().manual_seed(0)
    state = {}

    def convolution(name: str, *shape: int) -> None:
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) * (2 / np.prod(shape[1:])) ** 0.5

    def norm(name: str, size: int) -> None:
        state[f"{name}.weight"] = 0.5 + torch.rand(size, generator=generator)
        state[f"{name}.bias"] = 0.1 * torch.randn(size, generator=generator)
        state[f"{name}.running_mean"] = 0.1 * torch.randn(size, generator=generator)
        state[f"{name}.running_var"] = 0.5 + torch.rand(size, generator=generator)
        state[f"{name}.num_batches_tracked"] = torch.tensor(1000)

    def slope(name: str, size: int) -> None:
        if slopes:
            state[f"{name}.weight"] = 0.5 * torch.rand(size, generator=generator)

    convolution("frontend3D.0", 64, 1, 5, 7, 7)
    norm("frontend3D.1", 64)
    slope("frontend3D.2", 64)
    width = 64
    for stage, size in enumerate(STAGES, start=1):
        for block in range(2):
            name = f"trunk.layer{stage}.{block}"
            convolution(f"{name}.conv1", size, width, 3, 3)
            norm(f"{name}.bn1", size)
            slope(f"{name}.relu1", size)
            convolution(f"{name}.conv2", size, size, 3, 3)
            norm(f"{name}.bn2", size)
            slope(f"{name}.relu2", size)
            if width != size:
                convolution(f"{name}.downsample.0", size, width, 1, 1)
                norm(f"{name}.downsample.1", size)
            width = size
    state["tcn.tcn_output.weight"] = torch.zeros(500, 768)
    return state


def by_hand(state: dict[str, torch.Tensor], kind: str, lips: torch.Tensor) -> torch.Tensor:
    """The features before the word network, from the definition: `(B, F, 88, 88)` to `(B, F, 512)`."""

    def norm(values: torch.Tensor, name: str) -> torch.Tensor:
        mean, variance, weight, bias = (
            state[f"{name}.{part}"].view(-1, *[1] * (values.ndim - 2))
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (values - mean) / (variance + 1e-5).sqrt() * weight + bias

    def activate(values: torch.Tensor, name: str) -> torch.Tensor:
        if kind == "prelu":
            slope = state[f"{name}.weight"].view(-1, *[1] * (values.ndim - 2))
            return torch.where(values > 0, values, slope * values)
        return values.clamp(min=0) if kind == "relu" else values * torch.sigmoid(values)

    values = F.conv3d(lips[:, None], state["frontend3D.0.weight"], None, (1, 2, 2), (2, 3, 3))
    values = activate(norm(values, "frontend3D.1"), "frontend3D.2")
    values = F.max_pool3d(values, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    values = torch.cat([values[:, :, frame] for frame in range(values.shape[2])])  # frame by frame, batches inside
    for stage in range(1, 5):
        for block in range(2):
            name, stride = f"trunk.layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            inner = F.conv2d(values, state[f"{name}.conv1.weight"], None, stride, 1)
            inner = activate(norm(inner, f"{name}.bn1"), f"{name}.relu1")
            inner = norm(F.conv2d(inner, state[f"{name}.conv2.weight"], None, 1, 1), f"{name}.bn2")
            if f"{name}.downsample.0.weight" in state:
                values = norm(
                    F.conv2d(values, state[f"{name}.downsample.0.weight"], None, stride), f"{name}.downsample.1"
                )
            values = activate(values + inner, f"{name}.relu2")
    return values.flatten(2).mean(2).view(lips.shape[1], lips.shape[0], 512).transpose(0, 1)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["prelu", "relu", "swish"])
def test_converted_weights_give_what_the_public_names_give_by_hand(tmp_path, kind):
    state = public_state(slopes=kind == "prelu")
    checkpoint = {"epoch_idx": 80, "model_state_dict": state, "best_prec": np.float64(0.89)}
    torch.save(checkpoint, tmp_path / "lrw_resnet18_mstcn_video.pth")
    reader = convert_lip_reader(tmp_path, activation=None if kind == "prelu" else kind)
    reader.save_pretrained(tmp_path / "out")
    reader = FlowDubberLipReader.from_pretrained(tmp_path / "out").eval()
    lips = crops(2, 4)
    features = reader(lips).lip_features
    assert features.shape == (2, 4, 512)
    torch.testing.assert_close(features, by_hand(state, kind, lips), atol=1e-4, rtol=1e-4)
    assert float((features[0, 0] - features[0, 1]).abs().mean()) > 1e-3  # the picture matters


def test_public_names_are_those_of_the_model():
    with torch.device("meta"):
        reader = FlowDubberLipReader(FlowDubberLipReaderConfig())
    shapes = {public_lip_reader_name(name): value.shape for name, value in reader.state_dict().items()}
    public = {name: value.shape for name, value in public_state(slopes=True).items() if not name.startswith("tcn.")}
    assert shapes == public
    assert (
        11.1e6 < sum(parameter.numel() for parameter in reader.parameters()) < 11.3e6
    )  # ResNet-18 without its classifier


def test_files_that_are_no_such_lip_reader(tmp_path):
    path, state = tmp_path / "x.pth", public_state(slopes=False)
    torch.save({"model_state_dict": state}, path)
    with pytest.raises(
        ValueError, match=r"does not tell which activation.*--activation.*swish for lrw_resnet18_mstcn"
    ):
        convert_lip_reader(path)
    with pytest.raises(ValueError, match=r"lacks frontend3D\.2\.weight"):
        convert_lip_reader(path, activation="prelu")
    shuffle = {name: value for name, value in state.items() if not name.startswith("trunk.")}
    torch.save({"model_state_dict": shuffle | {"trunk.0.1.0.weight": torch.zeros(1)}}, path)
    with pytest.raises(ValueError, match=r"lacks trunk\.layer1\.0\.conv1\.weight.*unexpected trunk\.0\.1\.0\.weight"):
        convert_lip_reader(path, activation="relu")


# The model


@torch.no_grad()
def test_padding_says_nothing():
    reader = tiny_reader()
    lips, mask = crops(2, 6), torch.ones(2, 6, dtype=torch.bool)
    mask[1, 4:] = False
    together = reader(lips, mask).lip_features
    torch.testing.assert_close(together[1, :4], reader(lips[1:, :4]).lip_features[0], atol=1e-5, rtol=1e-4)


def test_crops_of_another_shape():
    with pytest.raises(ValueError, match=r"\(B, F, 88, 88\), got \(1, 3, 96, 96\)"):
        tiny_reader()(torch.zeros(1, 3, 96, 96))


@pytest.mark.parametrize(
    "changes", [{"stage_sizes": []}, {"stem_stride": 3}, {"activation": "tanh"}, {"image_std": 0.0}, {"stem_size": 0}]
)
def test_settings_that_make_no_network(changes):
    with pytest.raises(StrictDataclassError, match=next(iter(changes))):
        tiny_config(**changes)


# In an aligner


@torch.no_grad()
def test_an_aligner_takes_its_weights_over():
    reader = tiny_reader(seed=1, activation="silu")
    sizes = tiny_aligner().config.to_dict() | FlowDubberAlignerConfig.lip_reader_settings(reader.config)
    aligner = FlowDubberAlignerModel(FlowDubberAlignerConfig(**sizes)).eval()
    projection = aligner.lip_encoder.projection.weight.clone()
    aligner.take_lip_reader(reader)
    seen = []
    handle = aligner.lip_encoder.projection.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    aligner.lip_encoder(crops(1, 3), None)
    handle.remove()
    assert torch.equal(seen[0], reader(crops(1, 3)).lip_features)
    assert torch.equal(projection, aligner.lip_encoder.projection.weight)  # what is behind stays


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stage_sizes": [4, 16]}, r"lip_stage_sizes is \[4, 8\] here and \[4, 16\] there"),
        ({"activation": "relu"}, "lip_activation is prelu here and relu there"),
        ({"image_mean": 0.5}, "lip_image_mean is 0.421 here and 0.5 there"),
    ],
)
def test_an_aligner_refuses_another_reader_by_name(changes, reason):
    with pytest.raises(ValueError, match=reason):
        tiny_aligner().take_lip_reader(tiny_reader(**changes))


def test_the_paper_s_aligner_has_the_public_reader_s_shape():
    with torch.device("meta"):
        aligner = FlowDubberAlignerModel(FlowDubberAlignerConfig())
        reader = FlowDubberLipReader(FlowDubberLipReaderConfig())
    assert tuple(aligner.lip_encoder.projection.weight.shape) == (256, 512)  # Conv1d(512, 256, 1) of the siblings
    own = aligner.lip_encoder.state_dict()
    assert all(own[name].shape == value.shape for name, value in reader.trunk.state_dict().items())

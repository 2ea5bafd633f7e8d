"""The lip-sync judge: shapes, windows, the public network's weights and its sound features."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
import torch
from huggingface_hub.errors import StrictDataclassClassValidationError
from torch.nn import functional as F

from flowdubber_hf.models.syncnet import FlowDubberSyncNet, FlowDubberSyncNetConfig
from flowdubber_hf.models.syncnet.conversion import convert_syncnet, public_syncnet_name
from flowdubber_hf.models.syncnet.mfcc import mfcc


def tiny_config(**changes) -> FlowDubberSyncNetConfig:
    """Windows of five frames on 24-pixel crops."""
    settings = {
        "window_frames": 5,
        "embedding_size": 6,
        "hidden_size": 8,
        "crop_size": 24,
        "crop_reduction": 2,
        "lip_layers": [
            {"channels": 4, "kernel": [3, 5], "stride": [1, 2], "pool": [1, 2]},
            {"channels": 6, "kernel": [3, 2]},
        ],
        "audio_layers": [
            {"channels": 4, "kernel": [8, 4], "stride": [8, 2]},
            {"channels": 6, "kernel": [10, 3], "pool": [1, 3], "pool_stride": [1, 2]},
            {"channels": 6, "kernel": [1, 3]},
        ],
    }
    return FlowDubberSyncNetConfig(**{**settings, **changes})


def tiny_syncnet(seed: int = 0, **changes) -> FlowDubberSyncNet:
    torch.manual_seed(seed)
    return FlowDubberSyncNet(tiny_config(**changes)).eval()


def random_clip(frames: int = 12, size: int = 24, rows: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures `(rows, frames, size, size)` uint8 and sound `(rows, samples)`."""
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randint(0, 256, (rows, frames, size, size), dtype=torch.uint8, generator=generator)
    return pictures, 0.1 * torch.randn(rows, 640 * frames, generator=generator)


def randomize_norms(model: FlowDubberSyncNet) -> None:
    """Batch norms as after training."""
    generator = torch.Generator().manual_seed(1)
    for name, value in model.named_buffers():
        if name.endswith("running_mean"):
            value.copy_(0.1 * torch.randn(value.shape, generator=generator))
        elif name.endswith("running_var"):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))


def test_default_sizes():
    model = FlowDubberSyncNet(FlowDubberSyncNetConfig()).eval()
    assert 100_000 < sum(weight.numel() for weight in model.parameters()) < 165_000
    pictures, sound = random_clip(13, 96, rows=1)
    out = model(model.prepare_frames(pictures), model.prepare_sound(sound))
    assert out.lip_embeddings.shape == out.audio_embeddings.shape == (1, 3, 48)
    torch.testing.assert_close(out.lip_embeddings.norm(dim=-1), torch.ones(1, 3))


def test_a_clip_is_its_windows():
    model = tiny_syncnet()
    randomize_norms(model)
    pictures, sound = random_clip()
    frames, features = model.prepare_frames(pictures), model.prepare_sound(sound)
    whole = model(frames, features)
    assert whole.lip_embeddings.shape == whole.audio_embeddings.shape == (2, 8, 6)
    for window in (0, 3, 7):
        part = model(frames[:, :, window : window + 5], features[..., 4 * window : 4 * window + 20])
        torch.testing.assert_close(part.lip_embeddings[:, 0], whole.lip_embeddings[:, window])
        torch.testing.assert_close(part.audio_embeddings[:, 0], whole.audio_embeddings[:, window])


def test_sound_windows_are_cut_where_layers_pad_time():
    padded = [
        {"channels": 4, "kernel": [8, 3], "stride": [8, 1], "padding": [0, 1]},
        {"channels": 6, "kernel": [10, 20]},
    ]
    model = tiny_syncnet(audio_layers=padded)
    features = model.prepare_sound(random_clip()[1])
    whole = model.embed_sound(features)
    assert whole.shape == (2, 8, 6)
    torch.testing.assert_close(model.embed_sound(features[..., 12:32])[:, 0], whole[:, 3])


def test_a_still_face_and_the_level_of_the_sound_do_not_count():
    model = tiny_syncnet()
    pictures, sound = random_clip()
    darker = (pictures // 2).float() + torch.arange(24.0)  # half the contrast, another face behind the movement
    torch.testing.assert_close(
        model.prepare_frames(darker), model.prepare_frames((pictures // 2) * 2), atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(model.prepare_sound(sound), model.prepare_sound(0.5 * sound), atol=1e-3, rtol=1e-3)
    assert torch.isfinite(model.prepare_frames(torch.zeros_like(pictures))).all()
    assert torch.isfinite(model.prepare_sound(torch.zeros_like(sound))).all()


def test_half_precision_is_for_the_disk(tmp_path):
    model = tiny_syncnet()
    randomize_norms(model)
    pictures, sound = random_clip()
    before = model(model.prepare_frames(pictures), model.prepare_sound(sound))
    model.half().save_pretrained(tmp_path)
    again = FlowDubberSyncNet.from_pretrained(tmp_path)
    assert {value.dtype for value in again.parameters()} == {torch.float32}
    after = again(again.prepare_frames(pictures), again.prepare_sound(sound))
    torch.testing.assert_close(before.lip_embeddings, after.lip_embeddings, atol=1e-2, rtol=1e-2)
    assert again.config.lip_layers == tiny_config().lip_layers


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"audio_features": "plp"}, "audio_features"),
        ({"crop_channels": 2}, "crop_channels"),
        ({"crop_reduction": 5}, "divide"),
        ({"lip_layers": []}, "at least one"),
        ({"window_frames": 6}, "one position"),
        ({"audio_layers": [{"channels": 4, "kernel": [80, 20]}]}, "one position a video frame"),
        (
            {"lip_layers": [{"channels": 4, "kernel": [7, 12], "padding": [1, 0]}]},
            "must not pad time",
        ),
    ],
)
def test_settings_that_do_not_fit(changes, message):
    with pytest.raises(StrictDataclassClassValidationError, match=message):
        tiny_config(**changes)


def test_inputs_of_another_shape():
    model = tiny_syncnet()
    pictures, sound = random_clip()
    with pytest.raises(ValueError, match="grey mouth crops"):
        model.prepare_frames(pictures[..., None])
    with pytest.raises(ValueError, match="3200 samples or more"):
        model.prepare_sound(sound[:, :3000])
    with pytest.raises(ValueError, match="fewer than the 5"):
        model(model.prepare_frames(pictures[:, :4]), model.prepare_sound(sound))


# The public network


def public_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of `syncnet_v2.model`, as SyncNetModel.py of joonson/syncnet_python lays them out."""
    lips = {0: (96, 3, 5, 7, 7), 4: (256, 96, 1, 5, 5), 8: (256, 256, 1, 3, 3), 11: (256, 256, 1, 3, 3),
            14: (256, 256, 1, 3, 3), 18: (512, 256, 1, 6, 6)}  # fmt: skip
    sound = {0: (64, 1, 3, 3), 4: (192, 64, 3, 3), 8: (384, 192, 3, 3), 11: (256, 384, 3, 3), 14: (256, 256, 3, 3),
             18: (512, 256, 5, 4)}  # fmt: skip
    shapes = {}
    for name, layers in (("netcnnlip", lips), ("netcnnaud", sound)):
        for position, shape in layers.items():
            shapes[f"{name}.{position}.weight"] = shape
            shapes[f"{name}.{position}.bias"] = shape[:1]
            for kind in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{name}.{position + 1}.{kind}"] = shape[:1]
    for name in ("netfclip", "netfcaud"):
        shapes |= {f"{name}.0.weight": (512, 512), f"{name}.0.bias": (512,)}
        shapes |= {f"{name}.1.{kind}": (512,) for kind in ("weight", "bias", "running_mean", "running_var")}
        shapes |= {f"{name}.3.weight": (1024, 512), f"{name}.3.bias": (1024,)}
    return shapes


@pytest.fixture(scope="module")
def public_state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in public_shapes().items():
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 100
        state[name] = torch.randn(shape, generator=generator) * fan_in**-0.5
        if name.endswith("running_var"):
            state[name] = 0.5 + torch.rand(shape, generator=generator)
    return state


@pytest.fixture(scope="module")
def public_model(public_state, tmp_path_factory) -> FlowDubberSyncNet:
    """The converter's way: a file of tensors to a folder to a model."""
    folder = tmp_path_factory.mktemp("public")
    torch.save(public_state, folder / "syncnet_v2.model")
    model = convert_syncnet(folder / "syncnet_v2.model")
    model.save_pretrained(folder / "out")
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["config.json", "model.safetensors"]
    return FlowDubberSyncNet.from_pretrained(folder / "out").eval()


def public_norm(state: dict[str, torch.Tensor], name: str, values: torch.Tensor) -> torch.Tensor:
    parts = (state[f"{name}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias"))
    return F.relu(F.batch_norm(values, *parts))


def public_head(state: dict[str, torch.Tensor], name: str, values: torch.Tensor) -> torch.Tensor:
    values = F.linear(values.flatten(1), state[f"{name}.0.weight"], state[f"{name}.0.bias"])
    return F.linear(public_norm(state, f"{name}.1", values), state[f"{name}.3.weight"], state[f"{name}.3.bias"])


def test_public_names_are_all_taken(public_state, public_model, tmp_path):
    own = [name for name in public_model.state_dict() if not name.endswith("num_batches_tracked")]
    assert sorted(map(public_syncnet_name, own)) == sorted(public_state)
    # Files of newer versions of PyTorch hold the counters too.
    norms = [name for name in public_state if name.endswith("running_var")]
    counters = {name.replace("running_var", "num_batches_tracked"): torch.tensor(3) for name in norms}
    torch.save(public_state | counters, tmp_path / "newer.model")
    assert convert_syncnet(tmp_path).config.embedding_size == 1024


@torch.no_grad()
def test_public_sound_stream(public_state, public_model):
    features = 5 * torch.randn(1, 1, 13, 24, generator=torch.Generator().manual_seed(2))
    found = public_model.embed_sound(features)
    assert found.shape == (1, 2, 1024)
    for window in range(2):
        values = features[..., 4 * window : 4 * window + 20]
        for position, padding in ((0, 1), (4, 1), (8, 1), (11, 1), (14, 1), (18, 0)):
            name = f"netcnnaud.{position}"
            values = F.conv2d(values, public_state[f"{name}.weight"], public_state[f"{name}.bias"], padding=padding)
            values = public_norm(public_state, f"netcnnaud.{position + 1}", values)
            if position == 4:
                values = F.max_pool2d(values, 3, (1, 2))
            elif position == 14:
                values = F.max_pool2d(values, 3, 2)
        expected = public_head(public_state, "netfcaud", values)
        torch.testing.assert_close(found[:, window], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_public_lip_stream_reads_red_green_blue(public_state, public_model):
    faces = torch.randint(0, 256, (1, 5, 224, 224, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    found = public_model.lips(public_model.prepare_frames(faces))
    assert found.shape == (1, 1, 1024)
    values = faces.flip(-1).permute(0, 4, 1, 2, 3).float()  # blue, green, red of 0..255, as OpenCV reads them
    steps = {0: (2, 0), 4: (2, 1), 8: (1, 1), 11: (1, 1), 14: (1, 1), 18: (1, 0)}
    for position, (stride, padding) in steps.items():
        name = f"netcnnlip.{position}"
        weight, bias = public_state[f"{name}.weight"], public_state[f"{name}.bias"]
        values = F.conv3d(values, weight, bias, (1, stride, stride), (0, padding, padding))
        values = public_norm(public_state, f"netcnnlip.{position + 1}", values)
        if position in (0, 4, 14):
            values = F.max_pool3d(values, (1, 3, 3), (1, 2, 2), (0, int(position == 4), int(position == 4)))
    expected = public_head(public_state, "netfclip", values)
    torch.testing.assert_close(found[:, 0], expected, atol=1e-2, rtol=1e-3)


def test_files_that_are_no_public_syncnet(public_state, tmp_path):
    path = tmp_path / "x.model"
    small = {name: torch.zeros(1, 1) for name in public_state}
    torch.save(small, path)
    with pytest.raises(
        ValueError, match=r"not the public SyncNet: .* netcnnlip\.0\.weight \(1, 1\) instead of \(96, 3, 5"
    ):
        convert_syncnet(path)
    torch.save(public_state | {"encoder.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"unexpected encoder\.weight"):
        convert_syncnet(path)
    torch.save({name: value for name, value in public_state.items() if name != "netfclip.1.bias"}, path)
    with pytest.raises(ValueError, match=r"lacks netfclip\.1\.bias"):
        convert_syncnet(path)


# The public network's sound features


def test_mfcc_frames_and_energy():
    assert mfcc(torch.zeros(1, 16000)).shape == (1, 13, 99)
    assert mfcc(torch.zeros(1, 300)).shape == (1, 13, 1)
    assert torch.isfinite(mfcc(torch.zeros(1, 640))).all()
    # The first coefficient is the log energy of the pre-emphasised window over the transform's length: an impulse of one half
    # gives 16384^2 (1 + 0.97^2), all in one window (257 bins, the two at the ends once).
    sound = torch.zeros(1, 800)
    sound[0, 200] = 0.5
    transform = torch.fft.rfft(torch.tensor([1.0, -0.97]), 512).abs().square().sum()
    assert mfcc(sound)[0, 0, 0] == pytest.approx(float(torch.log(16384.0**2 * transform / 512)), abs=1e-4)
    # A louder sound moves the energy alone.
    noise = 0.1 * torch.randn(1, 1600, generator=torch.Generator().manual_seed(0))
    quiet, loud = mfcc(noise), mfcc(2 * noise)
    torch.testing.assert_close(quiet[:, 1:], loud[:, 1:], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        loud[:, 0] - quiet[:, 0], torch.full_like(quiet[:, 0], 2 * np.log(2)), atol=1e-4, rtol=0
    )


def test_mfcc_equals_python_speech_features():
    package = pytest.importorskip("python_speech_features")
    generator = torch.Generator().manual_seed(0)
    sound = (0.2 * torch.randn(9000, generator=generator)).clamp(-1, 1) * torch.linspace(0, 1, 9000)
    samples = (sound * 32768).round().clamp(-32768, 32767)
    expected = package.mfcc(samples.numpy().astype(np.int16), 16000).T
    torch.testing.assert_close(
        mfcc(samples[None] / 32768)[0], torch.from_numpy(expected).float(), atol=1e-3, rtol=1e-4
    )

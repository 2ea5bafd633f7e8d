"""UTMOS: contracts of the model, the names of its public weights, and its whole computation done once more by hand."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from torch.nn import functional as F

from flowdubber_hf.checkpoints.foreign import rename
from flowdubber_hf.models.utmos import FlowDubberUtmos, FlowDubberUtmosConfig
from flowdubber_hf.models.utmos.conversion import PUBLIC_NAMES, convert_utmos
from support.model_contracts import ModelContracts


pytestmark = pytest.mark.slow


TINY_WAV2VEC2 = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": [8, 8, 8],
    "conv_kernel": [10, 3, 2],
    "conv_stride": [5, 2, 2],
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
}


def tiny_config(**settings) -> FlowDubberUtmosConfig:
    sizes = {"wav2vec2_config": TINY_WAV2VEC2, "domain_size": 3, "judge_size": 5, "lstm_size": 6, "projection_size": 7}
    return FlowDubberUtmosConfig(**(sizes | settings))


def tiny_model() -> FlowDubberUtmos:
    torch.manual_seed(0)
    return FlowDubberUtmos(tiny_config()).eval()


def noise(rows: int, samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(rows, samples, generator=torch.Generator().manual_seed(seed))


def public_shapes(config: FlowDubberUtmosConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the file utmos22_strong_step7459_v1.pt, at the sizes of `config`."""
    listener = config.wav2vec2_config
    width, inner, channels = listener.hidden_size, listener.intermediate_size, listener.conv_dim[-1]
    shapes = {
        "domain_emb": (1, config.domain_size),
        "judge_emb": (1, config.judge_size),
        "wav2vec2.mask_emb": (width,),
        "wav2vec2.layer_norm.weight": (channels,),
        "wav2vec2.layer_norm.bias": (channels,),
        "wav2vec2.post_extract_proj.weight": (width, channels),
        "wav2vec2.post_extract_proj.bias": (width,),
        "wav2vec2.feature_extractor.conv_layers.0.2.weight": (listener.conv_dim[0],),
        "wav2vec2.feature_extractor.conv_layers.0.2.bias": (listener.conv_dim[0],),
        "wav2vec2.encoder.pos_conv.0.bias": (width,),
        "wav2vec2.encoder.pos_conv.0.weight_g": (1, 1, listener.num_conv_pos_embeddings),
        "wav2vec2.encoder.pos_conv.0.weight_v": (
            width,
            width // listener.num_conv_pos_embedding_groups,
            listener.num_conv_pos_embeddings,
        ),
        "wav2vec2.encoder.layer_norm.weight": (width,),
        "wav2vec2.encoder.layer_norm.bias": (width,),
        "projection.0.weight": (config.projection_size, 2 * config.lstm_size),
        "projection.0.bias": (config.projection_size,),
        "projection.2.weight": (1, config.projection_size),
        "projection.2.bias": (1,),
    }
    inputs = [1, *listener.conv_dim]
    for layer, kernel in enumerate(listener.conv_kernel):
        name = f"wav2vec2.feature_extractor.conv_layers.{layer}.0.weight"
        shapes[name] = (inputs[layer + 1], inputs[layer], kernel)
    linear = {f"self_attn.{part}_proj": (width, width) for part in ("q", "k", "v", "out")}
    linear |= {"fc1": (inner, width), "fc2": (width, inner)}
    for layer in range(listener.num_hidden_layers):
        stem = f"wav2vec2.encoder.layers.{layer}"
        for part, shape in linear.items():
            shapes |= {f"{stem}.{part}.weight": shape, f"{stem}.{part}.bias": shape[:1]}
        for norm in ("self_attn_layer_norm", "final_layer_norm"):
            shapes |= {f"{stem}.{norm}.weight": (width,), f"{stem}.{norm}.bias": (width,)}
    gates = 4 * config.lstm_size
    for end in ("l0", "l0_reverse"):
        shapes |= {
            f"blstm.weight_ih_{end}": (gates, width + config.domain_size + config.judge_size),
            f"blstm.weight_hh_{end}": (gates, config.lstm_size),
            f"blstm.bias_ih_{end}": (gates,),
            f"blstm.bias_hh_{end}": (gates,),
        }
    return shapes


def public_state(config: FlowDubberUtmosConfig) -> dict[str, torch.Tensor]:
    """Random weights under which the sound carries through: matrices by their width, norms near one."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    for name, shape in sorted(public_shapes(config).items()):
        norm = len(shape) == 1 and name.endswith("weight")
        scale = 2 / math.sqrt(math.prod(shape[1:])) if len(shape) > 1 else 0.1
        state[name] = float(norm) + scale * torch.randn(shape, generator=generator)
    return state


def by_hand(weights: dict[str, torch.Tensor], config: FlowDubberUtmosConfig, wave: torch.Tensor) -> torch.Tensor:
    """Scores `(batch,)` of `(batch, samples)` sound by the public names alone, with plain tensor operations."""
    listener = config.wav2vec2_config

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = wave[:, None]
    for layer, stride in enumerate(listener.conv_stride):
        stem = f"wav2vec2.feature_extractor.conv_layers.{layer}"
        x = F.conv1d(x, weights[f"{stem}.0.weight"], stride=stride)
        if layer == 0:  # each channel by its own mean and deviation over the whole sound
            x = (x - x.mean(dim=2, keepdim=True)) / (x.var(dim=2, keepdim=True, unbiased=False) + 1e-5).sqrt()
            x = x * weights[f"{stem}.2.weight"][:, None] + weights[f"{stem}.2.bias"][:, None]
        x = F.gelu(x)
    x = linear(norm(x.transpose(1, 2), "wav2vec2.layer_norm"), "wav2vec2.post_extract_proj")

    stem = "wav2vec2.encoder.pos_conv.0"
    direction = weights[f"{stem}.weight_v"]
    kernel = weights[f"{stem}.weight_g"] * direction / direction.square().sum(dim=(0, 1), keepdim=True).sqrt()
    places = F.conv1d(
        x.transpose(1, 2),
        kernel,
        weights[f"{stem}.bias"],
        padding=listener.num_conv_pos_embeddings // 2,
        groups=listener.num_conv_pos_embedding_groups,
    )
    x = norm(x + F.gelu(places[..., :-1]).transpose(1, 2), "wav2vec2.encoder.layer_norm")

    heads = listener.num_attention_heads
    for layer in range(listener.num_hidden_layers):
        stem = f"wav2vec2.encoder.layers.{layer}"
        query, key, value = (
            linear(x, f"{stem}.self_attn.{part}_proj").unflatten(2, (heads, -1)).transpose(1, 2) for part in "qkv"
        )
        attention = (query @ key.transpose(2, 3) / math.sqrt(query.shape[-1])).softmax(dim=-1)
        mixed = (attention @ value).transpose(1, 2).flatten(2)
        x = norm(x + linear(mixed, f"{stem}.self_attn.out_proj"), f"{stem}.self_attn_layer_norm")
        x = norm(x + linear(F.gelu(linear(x, f"{stem}.fc1")), f"{stem}.fc2"), f"{stem}.final_layer_norm")

    constants = torch.cat([weights["domain_emb"], weights["judge_emb"]], dim=1)
    x = torch.cat([x, constants[:, None].repeat(*x.shape[:2], 1)], dim=2)
    lstm = nn.LSTM(x.shape[2], config.lstm_size, batch_first=True, bidirectional=True)
    lstm.load_state_dict({name[6:]: value for name, value in weights.items() if name.startswith("blstm.")})
    frames = linear(linear(lstm(x)[0], "projection.0").relu(), "projection.2")
    return 3 + 2 * frames[..., 0].mean(dim=1)


# The public weights


def test_public_names_and_shapes_are_those_of_the_model():
    config = FlowDubberUtmosConfig()
    with torch.device("meta"):
        model = FlowDubberUtmos(config)
    shapes = public_shapes(config)
    del shapes["wav2vec2.mask_emb"]
    normalised = "wav2vec2.encoder.pos_conv.0."
    for half, name in enumerate(("weight_g", "weight_v")):
        shapes[f"{normalised}parametrizations.weight.original{half}"] = shapes.pop(normalised + name)
    assert {rename(name, PUBLIC_NAMES): tuple(value.shape) for name, value in model.state_dict().items()} == shapes


def test_the_defaults_are_the_public_sizes():
    shapes = public_shapes(FlowDubberUtmosConfig())
    assert shapes["wav2vec2.encoder.pos_conv.0.weight_v"] == (768, 48, 128)
    assert shapes["wav2vec2.encoder.layers.11.fc1.weight"] == (3072, 768)
    assert "wav2vec2.encoder.layers.12.fc1.weight" not in shapes
    assert shapes["wav2vec2.feature_extractor.conv_layers.6.0.weight"] == (512, 512, 2)
    assert shapes["blstm.weight_ih_l0"] == (2048, 1024)
    assert shapes["projection.0.weight"] == (2048, 1024)
    assert sum(math.prod(shape) for shape in shapes.values()) == 102_772_097 + 768


@torch.no_grad()
def test_converted_weights_give_what_the_public_names_give_by_hand(tmp_path):
    config = tiny_config()
    public = public_state(config)
    torch.save(public, tmp_path / "public.pt")
    model = convert_utmos(tmp_path / "public.pt", config=config)
    tone = 0.1 * torch.sin(torch.arange(1000.0) / 5)
    wave = torch.cat([noise(1, 1000), tone[None]])
    scores = model(wave).scores
    torch.testing.assert_close(scores, by_hand(public, config, wave), atol=1e-4, rtol=1e-4)
    assert abs(float(scores[0] - scores[1])) > 0.01  # the sound matters


@torch.no_grad()
def test_newer_names_of_the_normalised_weight_are_taken(tmp_path):
    config = tiny_config()
    public = public_state(config)
    stem = "wav2vec2.encoder.pos_conv.0."
    newer = dict(public)
    newer[stem + "parametrizations.weight.original0"] = newer.pop(stem + "weight_g")
    newer[stem + "parametrizations.weight.original1"] = newer.pop(stem + "weight_v")
    torch.save(public, tmp_path / "older.pt")
    torch.save(newer, tmp_path / "newer.pt")
    older, newer = (convert_utmos(tmp_path / name, config=config) for name in ("older.pt", "newer.pt"))
    assert torch.equal(older(noise(1, 500)).scores, newer(noise(1, 500)).scores)


def test_conversion_refuses_what_is_not_utmos(tmp_path):
    config = tiny_config()
    public = public_state(config)
    others = {
        "lacking": {name: value for name, value in public.items() if name != "judge_emb"},
        "shape": public | {"domain_emb": torch.zeros(1, 4)},
        "other": public | {"phoneme_encoder.weight": torch.zeros(1)},
    }
    reasons = {
        "lacking": "lacks judge_emb",
        "shape": "domain_emb .1, 4. instead of .1, 3.",
        "other": "phoneme_encoder",
    }
    for name, content in others.items():
        torch.save(content, tmp_path / f"{name}.pt")
        with pytest.raises(ValueError, match=rf"is not utmos22_strong: .*{reasons[name]}"):
            convert_utmos(tmp_path / f"{name}.pt", config=config)


# The model


@torch.no_grad()
def test_padding_under_a_mask_and_the_company_do_not_matter():
    model = tiny_model()
    lengths = (200, 477, 900)
    batch, mask = torch.zeros(3, 900), torch.zeros(3, 900)
    for row, length in enumerate(lengths):
        batch[row, :length] = noise(1, length, row)[0]
        mask[row, :length] = 1
    together = model(batch, attention_mask=mask).scores
    alone = torch.cat([model(noise(1, length, row)).scores for row, length in enumerate(lengths)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    equal = torch.cat([noise(1, 500, 1), noise(1, 500, 2)])
    torch.testing.assert_close(
        model(equal).scores, torch.cat([model(row[None]).scores for row in equal]), atol=1e-5, rtol=1e-5
    )


@torch.no_grad()
def test_silence_has_a_finite_score():
    assert torch.isfinite(tiny_model()(torch.zeros(1, 1000)).scores).all()


@torch.no_grad()
def test_the_shortest_sound_has_one_frame():
    model = tiny_model()
    shortest = model.config.min_samples
    assert shortest == ((2 - 1) * 2 + 3 - 1) * 5 + 10  # from the last of the three layers to the first
    assert torch.isfinite(model(noise(1, shortest)).scores).all()
    with pytest.raises(ValueError, match=f"{shortest} samples or more is needed, got {shortest - 1}"):
        model(noise(1, shortest - 1))
    with pytest.raises(ValueError, match="got 0"):
        model(noise(2, 500), attention_mask=torch.tensor([[1] * 500, [0] * 500]))
    assert FlowDubberUtmosConfig().min_samples == 400


class TestContracts(ModelContracts):
    output = "scores"

    def make(self) -> FlowDubberUtmos:
        return tiny_model()

    def inputs(self) -> dict[str, torch.Tensor]:
        return {"input_values": noise(2, 800)}


@pytest.mark.parametrize("shape", [(500,), (1, 1, 500)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"\(batch, samples\)"):
        tiny_model()(torch.zeros(shape))


@torch.no_grad()
def test_save_and_load(tmp_path):
    model, wave = tiny_model(), noise(1, 800)
    model.save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.bin"))
    loaded, report = FlowDubberUtmos.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"]
    assert torch.equal(loaded.eval()(wave).scores, model(wave).scores)
    assert loaded.config.lstm_size == 6
    assert loaded.config.wav2vec2_config.mask_time_prob == 0.0


def test_nothing_is_masked_in_training():
    model = tiny_model()
    listener = model.config.wav2vec2_config
    assert (listener.mask_time_prob, listener.mask_feature_prob, listener.layerdrop) == (0.0, 0.0, 0.0)
    assert not any("masked_spec_embed" in name for name, _ in model.named_parameters())


def test_a_training_step_moves_every_parameter():
    model = tiny_model()
    before = {name: value.clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(2):  # the last layer's weights start near zero: what lies below moves with the second step
        optimizer.zero_grad()
        (model(noise(2, 500)).scores * torch.tensor([1.0, -2.0])).sum().backward()
        optimizer.step()
    for name, value in model.named_parameters():
        assert torch.isfinite(value).all(), name
        if not name.endswith("k_proj.bias"):  # the same for all keys: the softmax takes it out
            assert not torch.equal(value, before[name]), name


@pytest.mark.parametrize(
    ("settings", "message"), [({"lstm_size": 0}, "must be positive"), ({"judge_size": 1.5}, "judge_size")]
)
def test_config_refuses_nonsense(settings, message):
    with pytest.raises((ValueError, StrictDataclassError), match=message):
        tiny_config(**settings)

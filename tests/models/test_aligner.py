"""Contracts of the aligner: padding, batches, saving, meta device, gradients, the null, errors."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch
from transformers import AutoConfig, AutoModel

from flowdubber_hf.models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel, durations_to_path
from flowdubber_hf.processing.text import PHONEMES
from flowdubber_hf.training.dubber import alignment_losses, contrastive, ctc_loss
from flowdubber_hf.training.presets import ALIGNER_PRESETS
from support.model_contracts import ModelContracts


TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 48,
    "num_prenet_layers": 1,
    "lip_stem_size": 4,
    "lip_stem_stride": 4,
    "lip_stage_sizes": [4, 8],
    "lip_blocks_per_stage": 1,
    "num_lip_layers": 2,
    "semantic_hidden_size": 24,
    "num_fusion_layers": 1,
    "fusion_feedforward_ratio": 2,
    "fusion_attention_window": 6,
}


def make_model(**changes) -> FlowDubberAlignerModel:
    torch.manual_seed(0)
    return FlowDubberAlignerModel(FlowDubberAlignerConfig(**{**TINY, **changes})).eval()


def make_inputs(batch: int = 2, phonemes: int = 7, frames: int = 12, states: int = 9) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "input_ids": torch.randint(1, 73, (batch, phonemes), generator=generator),
        "attention_mask": torch.ones(batch, phonemes, dtype=torch.bool),
        "optional_mask": torch.zeros(batch, phonemes, dtype=torch.bool),
        "lip_values": torch.randn(batch, frames, 88, 88, generator=generator),
        "lip_mask": torch.ones(batch, frames, dtype=torch.bool),
        "style": torch.nn.functional.normalize(torch.randn(batch, 256, generator=generator), dim=-1),
        "semantic_features": torch.randn(batch, states, 24, generator=generator),
        "semantic_mask": torch.ones(batch, states, dtype=torch.bool),
    }


def row(inputs: dict[str, torch.Tensor], index: int) -> dict[str, torch.Tensor]:
    return {name: value[index : index + 1] for name, value in inputs.items()}


def pad(inputs: dict[str, torch.Tensor], amounts: dict[str, int], garbage: float = 3.0) -> dict[str, torch.Tensor]:
    """Pads the second dimension with rubbish under a False mask."""
    padded = {}
    for name, value in inputs.items():
        amount = amounts.get(name, 0)
        shape = [0, 0] * (value.ndim - 2) + [0, amount]
        fill = 0 if value.dtype == torch.bool else garbage
        padded[name] = torch.nn.functional.pad(value, shape, value=fill)
    return padded


PADDING = {
    "input_ids": 3,
    "attention_mask": 3,
    "optional_mask": 3,
    "lip_values": 5,
    "lip_mask": 5,
    "semantic_features": 4,
    "semantic_mask": 4,
}


def test_config_size_is_the_inventory():
    assert FlowDubberAlignerConfig().vocab_size == len(PHONEMES)


@torch.no_grad()
def test_shapes_and_path():
    model, inputs = make_model(), make_inputs()
    output = model(**inputs)
    assert output.fused.shape == (2, 48, 32) and output.ctc_logits.shape == (2, 48, 73)
    assert (output.encoding.path.sum(1) == 1).all()
    assert (output.encoding.path.sum(2) >= 1).all()
    torch.testing.assert_close(output.encoding.alignment.exp().sum(1), torch.ones(2, 12))


@torch.no_grad()
def test_a_boundary_lies_where_the_interpolated_probabilities_cross():
    """The second phoneme overtakes 1.25 mel frames after the middle of video frame 1, at mel frame 7.25."""
    scores = torch.tensor([4.0, 1.25, -2.75, -4.0])
    alignment = torch.stack([scores, -scores])[None]
    masks = torch.ones(1, 2, dtype=torch.bool), torch.ones(1, 4, dtype=torch.bool)
    for steps, start in ((1, 8), (2, 8), (4, 7)):
        path = make_model(path_steps_per_frame=steps).search(alignment, *masks)
        assert path.shape == (1, 2, 16) and (path.sum(1) == 1).all()
        assert int(path[0, 1].argmax()) == start, steps


@torch.no_grad()
def test_path_steps_are_batched_without_padding():
    model = make_model(path_steps_per_frame=4)
    alignment, mask = torch.randn(1, 3, 6).log_softmax(1), torch.ones(1, 3, dtype=torch.bool)
    alone = model.search(alignment, mask, torch.ones(1, 6, dtype=torch.bool))
    padded = torch.nn.functional.pad(alignment, (0, 4), value=7.0)
    together = model.search(padded, mask, torch.arange(10)[None] < 6)
    torch.testing.assert_close(together[:, :, :24], alone)
    assert together[:, :, 24:].sum() == 0


class TestContracts(ModelContracts):
    output = "fused"

    def make(self) -> FlowDubberAlignerModel:
        return make_model()

    def inputs(self) -> dict[str, torch.Tensor]:
        return make_inputs()


@torch.no_grad()
def test_padding_never_reaches_the_result():
    model, inputs = make_model(), make_inputs()
    plain, padded = model(**inputs), model(**pad(inputs, PADDING))
    torch.testing.assert_close(padded.fused[:, :48], plain.fused, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(padded.encoding.path[:, :7, :48], plain.encoding.path)
    assert padded.fused[:, 48:].abs().max() == 0 and padded.encoding.path[:, :, 48:].sum() == 0


@torch.no_grad()
def test_save_and_load(tmp_path):
    model, inputs = make_model(), make_inputs()
    model.save_pretrained(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir() if path.name.startswith("model")] == [".safetensors"]
    for loaded in (FlowDubberAlignerModel.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)):
        torch.testing.assert_close(loaded.eval()(**inputs).fused, model(**inputs).fused)
    assert AutoConfig.from_pretrained(tmp_path).to_diff_dict() == model.config.to_diff_dict()


@torch.no_grad()
def test_missing_weights_are_initialised_as_a_fresh_model(tmp_path):
    """Built on the meta device with nothing to load, every weight must still be what `_init_weights` makes."""
    model = make_model()
    loaded = FlowDubberAlignerModel.from_pretrained(None, config=model.config, state_dict={})
    for (name, fresh), (_, found) in zip(model.named_parameters(), loaded.named_parameters(), strict=True):
        assert torch.isfinite(found).all(), name
        assert abs(fresh.float().std(correction=0) - found.float().std(correction=0)) < 0.1 + 0.3 * fresh.std(
            correction=0
        ), name


def test_builds_on_meta():
    with torch.device("meta"):
        model = FlowDubberAlignerModel(FlowDubberAlignerConfig())
    assert sum(parameter.numel() for parameter in model.parameters()) > 20_000_000


def test_tiny_preset_is_small():
    with torch.device("meta"):
        model = FlowDubberAlignerModel(FlowDubberAlignerConfig(**ALIGNER_PRESETS["tiny"]))
    assert sum(parameter.numel() for parameter in model.parameters()) < 4_500_000


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_size": 30},
        {"alignment_temperature": 0},
        {"lip_stage_sizes": []},
        {"fusion_kernel_size": 4},
        {"hidden_size": "wide"},
        {"lip_stem_stride": 3},
        {"path_steps_per_frame": 3},
    ],
)
def test_bad_configs_are_refused(changes):
    with pytest.raises(Exception, match=r"hidden_size|temperature|stage|kernel|stride|path_steps"):
        FlowDubberAlignerConfig(**{**TINY, **changes})


@torch.no_grad()
def test_the_null_replaces_only_the_language_models_part():
    model, inputs = make_model(), make_inputs()
    encoding = model.encode(**{k: v for k, v in inputs.items() if not k.startswith("semantic")})
    known = model.fuse(encoding, inputs["semantic_features"], inputs["semantic_mask"]).fused
    null = model.fuse(encoding).fused
    assert (known - null).abs().max() > 1e-3
    dropped = model.fuse(
        encoding, inputs["semantic_features"], inputs["semantic_mask"], torch.tensor([True, False])
    ).fused
    torch.testing.assert_close(dropped[0], null[0])
    torch.testing.assert_close(dropped[1], known[1])


@torch.no_grad()
def test_sound_alone_needs_a_path():
    model, inputs = make_model(), make_inputs()
    arguments = {key: inputs[key] for key in ("input_ids", "attention_mask", "style")}
    with pytest.raises(ValueError, match="pass `lip_mask`, to an aligner with a predictor of them, or pass `path`"):
        model.encode(**arguments)
    path = durations_to_path(torch.tensor([[8, 8, 8, 8, 8, 4, 4]] * 2))
    encoding = model.encode(**arguments, path=path)
    assert encoding.lip_states.shape == (2, 12, 32) and encoding.alignment is None
    with pytest.raises(ValueError, match="`style` is required"):
        model.encode(inputs["input_ids"], inputs["attention_mask"])


@torch.no_grad()
def test_lip_features_stand_for_lip_values():
    model, inputs = make_model(), make_inputs()
    features = model.lip_encoder(inputs.pop("lip_values"), inputs["lip_mask"])
    direct = model(**make_inputs()).fused
    torch.testing.assert_close(model(**inputs, lip_features=features).fused, direct)


def test_a_training_step_moves_every_parameter():
    model, inputs = make_model().train(), make_inputs()
    frame_path = durations_to_path(torch.tensor([[2, 2, 2, 2, 2, 1, 1]] * 2))
    path = frame_path.repeat_interleave(4, dim=2)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0)
    drop = torch.tensor([True, False])
    output = model(**inputs, path=path, knowledge_drop=drop)
    silent = model(
        **{k: v for k, v in inputs.items() if not k.startswith("lip_v")}, path=path
    )  # the learned vector for missing lips
    batch = {**inputs, "path": path}
    loss = contrastive(output.encoding, frame_path, 0.1) + ctc_loss(output, batch) + silent.fused.square().mean()
    loss.backward()
    optimizer.step()
    still = [name for name, value in model.named_parameters() if torch.equal(value, before[name])]
    # The last pre-softmax biases cancel in a softmax over queries' keys only when the gradient is exactly zero.
    assert still == []


def test_gradient_checkpointing_gives_the_same_gradients():
    inputs = {**make_inputs(), "lips": make_inputs()["lip_values"]}
    inputs["frame_path"] = durations_to_path(torch.tensor([[2, 2, 2, 2, 2, 1, 1]] * 2))
    inputs["path"] = inputs["frame_path"].repeat_interleave(4, dim=2)
    gradients = []
    for checkpointing in (False, True):
        model = make_model(hidden_dropout=0.0).train()
        if checkpointing:
            model.gradient_checkpointing_enable()
        loss = alignment_losses(model, inputs)["loss"]
        loss.backward()
        gradients.append((loss.detach(), model.phoneme_encoder.embedding.weight.grad))
    torch.testing.assert_close(gradients[0], gradients[1])


@torch.no_grad()
def test_half_precision_stays_finite():
    model, inputs = make_model().to(torch.bfloat16), make_inputs()
    inputs = {k: v.to(torch.bfloat16) if v.is_floating_point() else v for k, v in inputs.items()}
    output = model(**inputs)
    assert output.fused.dtype == torch.bfloat16 and torch.isfinite(output.fused).all()


@torch.no_grad()
def test_delayed_lips_delay_the_frames():
    """Nothing in the aligner knows absolute time: features that start later give the same map, later."""
    model, inputs = make_model(), make_inputs(frames=30)
    still = inputs["lip_values"][:, :1].expand(-1, 10, -1, -1)
    late = torch.cat([still, inputs["lip_values"]], dim=1)
    base = model.lip_encoder(inputs["lip_values"], None)
    moved = model.lip_encoder(late, None)
    torch.testing.assert_close(moved[:, 22:30], base[:, 12:20], atol=1e-4, rtol=1e-3)

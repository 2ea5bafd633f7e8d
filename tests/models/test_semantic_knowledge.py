"""The language model's way to the phonemes by a taught path: place, own words, the null, padding."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import pytest
import torch

from flowdubber_hf.models.aligner import (
    FlowDubberAlignerConfig,
    FlowDubberAlignerModel,
    dual_contrastive_loss,
    durations_to_path,
)
from flowdubber_hf.models.aligner.semantic_knowledge import own_word_share, resample
from flowdubber_hf.processing.text import phoneme_ids


SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "intermediate_size": 48,
    "num_prenet_layers": 1,
    "lip_stem_size": 4,
    "lip_stem_stride": 4,
    "lip_stage_sizes": [4],
    "lip_blocks_per_stage": 1,
    "num_lip_layers": 1,
    "semantic_hidden_size": 12,
    "num_fusion_layers": 1,
    "fusion_feedforward_ratio": 1,
}
WORDS = phoneme_ids(["sil", "B", "IH1", "N", "sp", "B", "L", "UW1", "sil"])


def make_model(channel: str = "path") -> FlowDubberAlignerModel:
    torch.manual_seed(0)
    return FlowDubberAlignerModel(FlowDubberAlignerConfig(**SIZES, semantic_channel=channel)).eval()


def open_outputs(model: FlowDubberAlignerModel) -> None:
    """As a training does, which the outputs' zeros wait for."""
    for layer in (model.semantic_path.phoneme_out, model.semantic_path.frame_out):
        torch.nn.init.normal_(layer.weight, std=0.3)


def make_inputs(lengths=(9, 6), frames=(14, 11)) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    size = max(lengths)
    mask = torch.arange(size) < torch.tensor(lengths)[:, None]
    return {
        "input_ids": torch.tensor(WORDS).expand(len(lengths), -1) * mask,
        "attention_mask": mask,
        "lip_features": torch.randn(len(lengths), max(frames), 32, generator=generator),
        "lip_mask": torch.arange(max(frames)) < torch.tensor(frames)[:, None],
        "style": torch.randn(len(lengths), 256, generator=generator),
    }


def make_states(lengths=(20, 12)) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    states = torch.randn(len(lengths), max(lengths), 12, generator=generator)
    return states, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def test_a_frame_takes_the_states_at_its_own_place():
    """Two phonemes, of two and of four tokens, of four and of two mel frames: each lies between two tokens in their proportion."""
    tokens = durations_to_path(torch.tensor([[2, 4, 0]]))
    path = durations_to_path(torch.tensor([[4, 2, 1]]), 8)
    values = torch.arange(6.0)[None, :, None]
    placed, reached = resample(values, tokens, path)
    assert reached[0].tolist() == [True] * 6 + [False] * 2  # the third phoneme has no token, the last frame no phoneme
    assert placed[0, :6, 0].tolist() == [0.0, 0.25, 0.75, 1.25, 2.5, 4.5]


def test_places_are_exact_in_mixed_precision():
    """bfloat16 rounds token 399 to 400, which a row of 400 tokens does not have."""
    tokens, path = durations_to_path(torch.tensor([[1, 399]])), durations_to_path(torch.tensor([[2, 798]]))
    values = torch.arange(400.0)[None, :, None]
    placed, _ = resample(values, tokens, path)
    assert placed[0, -1, 0] == 399
    torch.testing.assert_close(resample(values, tokens.bfloat16(), path.bfloat16())[0], placed)


def test_the_share_of_the_own_word_is_counted_by_words():
    ids = torch.tensor([WORDS])
    owners = durations_to_path(torch.tensor([[2, 1, 1, 1, 0, 1, 1, 1, 2]]))
    real, heard = torch.ones(1, 9, dtype=torch.bool), torch.ones(1, 10, dtype=torch.bool)
    even = own_word_share(torch.zeros(1, 9, 10), owners, ids, real, heard, 0.1)
    assert [round(float(value), 6) for value in even] == [0.3, 0.3]
    own_phoneme, own_fellow = owners.clone(), torch.zeros_like(owners)
    own_fellow[0, 1:4, 2] = own_fellow[0, 5:8, 7] = 1.0  # every phoneme at one token of its word
    for similarity in (own_phoneme, own_fellow):
        assert own_word_share(similarity, owners, ids, real, heard, 0.01)[0] > 0.999
    assert own_word_share(own_phoneme.flip(2), owners, ids, real, heard, 0.01)[0] < 0.35
    assert own_word_share(own_phoneme, 0 * owners, ids, real, heard, 0.01) == (0.0, 0.0)


@torch.no_grad()
def test_a_new_path_starts_at_the_null_and_leaves_it_when_opened():
    model, inputs = make_model(), make_inputs()
    encoding, states = model.encode(**inputs), make_states()
    null = model.fuse(encoding).fused
    torch.testing.assert_close(model.fuse(encoding, *states).fused, null)
    open_outputs(model)
    known = model.fuse(encoding, *states)
    assert (known.fused - null).abs().mean() > 0.01
    dropped = model.fuse(encoding, *states, torch.tensor([True, False])).fused
    torch.testing.assert_close(dropped[0], null[0])
    torch.testing.assert_close(dropped[1], known.fused[1])
    without = model.fuse(encoding, *states, phoneme_drop=torch.tensor([True, False])).fused
    assert (without[0] - known.fused[0]).abs().mean() > 0.01
    torch.testing.assert_close(without[1], known.fused[1])


@torch.no_grad()
def test_a_speech_shorter_than_its_script_tells_nothing():
    model, inputs = make_model(), make_inputs(lengths=(9, 9), frames=(14, 14))
    open_outputs(model)
    encoding = model.encode(**inputs)
    output = model.fuse(encoding, *make_states((20, 5)))
    assert output.knowledge.tokens.sum((1, 2)).tolist() == [20, 0]
    torch.testing.assert_close(output.fused[1], model.fuse(encoding).fused[1])


@torch.no_grad()
def test_padding_and_other_rows_have_no_say():
    model, inputs, (states, heard) = make_model(), make_inputs(), make_states()
    open_outputs(model)
    together = model.fuse(model.encode(**inputs), states, heard)
    for row, (phonemes, frames, tokens) in enumerate(((9, 14, 20), (6, 11, 12))):
        sizes = {"input_ids": phonemes, "attention_mask": phonemes, "lip_features": frames, "lip_mask": frames}
        alone = {name: value[row : row + 1, : sizes.get(name)] for name, value in inputs.items()}
        single = model.fuse(model.encode(**alone), states[row : row + 1, :tokens], heard[row : row + 1, :tokens])
        torch.testing.assert_close(together.fused[row, : 4 * frames], single.fused[0], atol=1e-5, rtol=1e-4)
        assert torch.equal(together.knowledge.tokens[row, :phonemes, :tokens], single.knowledge.tokens[0])
    rubbish = torch.where(heard[..., None], states, 7.0)
    torch.testing.assert_close(model.fuse(model.encode(**inputs), rubbish, heard).fused, together.fused)


def test_true_tokens_take_the_place_of_searched_ones_where_they_are_known():
    model, inputs = make_model(), make_inputs(lengths=(9, 9), frames=(14, 14))
    owners = durations_to_path(torch.tensor([[4, 1, 1, 1, 0, 1, 1, 1, 10], [0] * 9]))
    known = model.fuse(model.encode(**inputs), *make_states((20, 20)), owners=owners).knowledge.tokens
    assert torch.equal(known[0], owners[0])
    assert known[1].sum() == 20 and bool((known[1].sum(0) == 1).all())


def test_the_loss_teaches_the_own_word_and_the_path():
    """States that say which phoneme is spoken, and nothing else: 40 steps bring the attention from even to its own word."""
    model, inputs = make_model(), make_inputs(lengths=(9,), frames=(14,))
    counts = torch.tensor([[3, 2, 4, 2, 1, 3, 2, 5, 3]])
    owners = durations_to_path(counts)
    torch.manual_seed(3)
    spoken = torch.randn(73, 12)[inputs["input_ids"]]
    states = owners.transpose(1, 2) @ spoken + 0.1 * torch.randn(1, 25, 12)
    heard = torch.ones(1, 25, dtype=torch.bool)
    with torch.no_grad():
        encoding = model.encode(**inputs)
    optimizer = torch.optim.Adam(model.semantic_path.parameters(), lr=5e-3)

    def share() -> float:
        known = model.know(encoding, states, heard)
        return float(
            own_word_share(
                known.similarity, owners, inputs["input_ids"], inputs["attention_mask"], heard, model.semantic_path.tau
            )[0]
        )

    before = share()
    for _ in range(40):
        known = model.know(encoding, states, heard)
        loss = dual_contrastive_loss(
            known.similarity, owners, inputs["attention_mask"], heard, model.semantic_path.tau
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert before < 0.6 and share() > 0.9
    assert model.know(encoding, states, heard).tokens.sum(2).tolist() == counts.tolist()


def test_an_unknown_channel_is_refused():
    with pytest.raises(Exception, match="semantic_channel"):
        FlowDubberAlignerConfig(**SIZES, semantic_channel="telepathy")


def test_a_channel_has_its_own_weights_alone():
    by_path, by_attention = make_model(), make_model("attention")
    assert by_path.semantic_attention is None and by_attention.semantic_path is None
    assert FlowDubberAlignerConfig().semantic_channel == "attention"

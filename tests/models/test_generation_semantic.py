"""The decoder's step as plain tensor code writes what the library's layers write, and leaves them what it cannot compute."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import copy

import pytest
import torch
from transformers import AutoTokenizer

from flowdubber_hf.checkpoints.sources import bundled_checkpoints
from flowdubber_hf.models.semantic import (
    FlowDubberSemanticForConditionalGeneration,
    build_prompt,
    generation_semantic,
    pad_prompts,
    semantic_config,
)


pytestmark = pytest.mark.slow


SCRIPTS = ["bin blue at f two now", "the children walked to school", "set white with z one again", "no"]
SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.fixture(scope="module")
def bundled():
    folder = bundled_checkpoints()["flowdubber-grid-tiny"]
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    model = FlowDubberSemanticForConditionalGeneration.from_pretrained(folder / "semantic_model", dtype=torch.float32)
    return model.eval(), tokenizer


@pytest.fixture
def small() -> FlowDubberSemanticForConditionalGeneration:
    torch.manual_seed(0)
    model = FlowDubberSemanticForConditionalGeneration(semantic_config("tiny", text_config=SMALL)).eval()
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(0, 0.5)
    return model


def prompts_of(tokenizer) -> list[list[int]]:
    """Prompts of several lengths, with and without a transcript."""
    generator = torch.Generator().manual_seed(3)
    draw = lambda high, count: torch.randint(0, high, (count,), generator=generator)  # noqa: E731
    references = [None, "place red by b nine soon", None, "now"]
    return [
        build_prompt(tokenizer, script, reference, draw(4096, 32), draw(512, 20 + 7 * row), " ")
        for row, (script, reference) in enumerate(zip(SCRIPTS, references, strict=True))
    ]


def write(model, prompts, monkeypatch, steps, **changed):
    """What `steps` writes, whatever the rule would choose."""
    monkeypatch.setattr(generation_semantic, "computes_plainly", lambda decoder: steps == "plain")
    ids, mask = pad_prompts(prompts, 0)
    generators = [torch.Generator().manual_seed(row) for row in range(len(prompts))]
    return model.generate_semantics(ids, mask, generators, **{"max_new_tokens": 150, "min_new_tokens": 150, **changed})


@pytest.mark.parametrize("rows", [[0], [1], [2], [3], [0, 1, 2, 3]])
def test_same_tokens_with_the_bundled_model(bundled, monkeypatch, rows):
    """All 150 of each prompt, alone and beside others of other lengths."""
    model, tokenizer = bundled
    prompts = [prompts_of(tokenizer)[row] for row in rows]
    plain = write(model, prompts, monkeypatch, "plain")
    library = write(model, prompts, monkeypatch, "library")
    assert plain.semantic_tokens.shape == (len(rows), 150)
    assert torch.equal(plain.semantic_tokens, library.semantic_tokens)
    torch.testing.assert_close(plain.hidden_states, library.hidden_states, atol=1e-3, rtol=1e-3)


def test_ends_at_the_same_place(bundled, monkeypatch):
    model, tokenizer = bundled
    prompts = prompts_of(tokenizer)
    plain = write(model, prompts, monkeypatch, "plain", min_new_tokens=1, max_new_tokens=600)
    library = write(model, prompts, monkeypatch, "library", min_new_tokens=1, max_new_tokens=600)
    assert torch.equal(plain.mask, library.mask)
    assert not plain.mask.all()


@pytest.mark.parametrize("steps", ["plain", "library"])
def test_rows_that_have_ended_are_no_longer_computed(bundled, monkeypatch, steps):
    """Nor do they change what the others write, whose limits are their own."""
    model, tokenizer = bundled
    prompts = prompts_of(tokenizer)
    limits = [12, 3, 30, 5]
    kind = generation_semantic.PlainSteps if steps == "plain" else generation_semantic.LibrarySteps
    sizes, take = [], kind.__call__
    monkeypatch.setattr(
        kind, "__call__", lambda self, tokens, step: sizes.append(len(tokens)) or take(self, tokens, step)
    )
    together = write(model, prompts, monkeypatch, steps, min_new_tokens=3, max_new_tokens=limits)
    assert together.mask.sum(1).tolist() == limits
    assert sizes == [4] * 3 + [3] * 2 + [2] * 7 + [1] * 18
    monkeypatch.setattr(generation_semantic, "CROWDED", 0.0)
    sizes.clear()
    apart = write(model, prompts, monkeypatch, steps, min_new_tokens=3, max_new_tokens=limits)
    assert sizes == [4] * 30
    assert torch.equal(together.mask, apart.mask)
    assert torch.equal(together.semantic_tokens, apart.semantic_tokens)
    torch.testing.assert_close(together.hidden_states, apart.hidden_states, atol=1e-3, rtol=1e-3)


def test_limits_of_rows(small):
    ids = torch.tensor([[5, 6], [7, 8]])
    with pytest.raises(ValueError, match="one for each of the 2 rows, got 3"):
        small.generate_semantics(ids, max_new_tokens=[3, 3, 3])
    with pytest.raises(ValueError, match="must hold, got 2 and"):
        small.generate_semantics(ids, max_new_tokens=[1, 3], min_new_tokens=2)


@pytest.mark.parametrize("small_matrix", [0, generation_semantic.SMALL_MATRIX])
def test_weights_of_large_models_are_not_copied(small, monkeypatch, small_matrix):
    """The same results; what a layer holds is then the model's own memory."""
    library = write(small, [[5, 6, 7]], monkeypatch, "library", max_new_tokens=9, min_new_tokens=9)
    monkeypatch.setattr(generation_semantic, "SMALL_MATRIX", small_matrix)
    plain = write(small, [[5, 6, 7]], monkeypatch, "plain", max_new_tokens=9, min_new_tokens=9)
    assert torch.equal(plain.semantic_tokens, library.semantic_tokens)
    layer = generation_semantic._PlainLayer(small.model.layers[0])
    own = {weight.untyped_storage().data_ptr() for weight in small.model.layers[0].parameters()}
    held = {weight.untyped_storage().data_ptr() for weight in (layer.up, layer.gate, layer.down, layer.maps[0][0])}
    assert (held <= own) == (small_matrix == 0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions(small, monkeypatch, dtype):
    """In half precision the products round in another order, so only nearby states can be asked for."""
    small.to(dtype)
    plain = write(small, [[5, 6, 7], [9]], monkeypatch, "plain", max_new_tokens=1, min_new_tokens=1)
    library = write(small, [[5, 6, 7], [9]], monkeypatch, "library", max_new_tokens=1, min_new_tokens=1)
    assert plain.hidden_states.dtype == dtype
    torch.testing.assert_close(plain.hidden_states, library.hidden_states, atol=0.05, rtol=0.05)


def test_results_can_be_learned_from(small):
    """They are ordinary tensors, not those of inference mode."""
    output = small.generate_semantics(torch.tensor([[5, 6]]), max_new_tokens=3, min_new_tokens=3)
    weight = torch.ones(32, requires_grad=True)
    (output.hidden_states * weight).sum().backward()
    assert weight.grad.abs().sum() > 0


def test_ordinary_models_are_computed_plainly(bundled, small):
    assert generation_semantic.computes_plainly(bundled[0].model)
    assert generation_semantic.computes_plainly(small.to(torch.bfloat16).model)


class TestLeftToTheLibrary:
    def test_another_attention(self, small):
        eager = FlowDubberSemanticForConditionalGeneration._from_config(small.config, attn_implementation="eager")
        assert not generation_semantic.computes_plainly(eager.model)

    def test_adapters(self, small):
        peft = pytest.importorskip("peft")
        prompt = torch.tensor([[5, 6, 7]])
        options = {"max_new_tokens": 12, "min_new_tokens": 12, "temperature": 0}
        before = small.generate_semantics(prompt, **options)
        adapted = copy.deepcopy(small)
        peft.inject_adapter_in_model(
            peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False), adapted
        )
        assert not generation_semantic.computes_plainly(adapted.model)
        after = adapted.generate_semantics(prompt, **options)
        assert not torch.allclose(before.hidden_states, after.hidden_states, atol=1e-3)

    def test_hooks(self, small):
        seen = []
        handle = small.model.layers[1].mlp.register_forward_hook(lambda *_: seen.append(1))
        small.generate_semantics(torch.tensor([[5, 6]]), max_new_tokens=3, min_new_tokens=3)
        assert len(seen) == 4
        handle.remove()
        assert generation_semantic.computes_plainly(small.model)

    def test_replaced_forwards(self, small):
        """As accelerate's hooks do it, which bring offloaded weights."""
        layer = small.model.layers[0].self_attn.q_proj
        layer.forward = layer.forward
        assert not generation_semantic.computes_plainly(small.model)

    def test_quantised_weights(self, small):
        """Libraries put classes of their own in the place of the linear maps."""

        class Quantised(torch.nn.Linear):
            pass

        small.model.layers[1].mlp.up_proj.__class__ = Quantised
        assert not generation_semantic.computes_plainly(small.model)

    def test_autocast(self, small):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not generation_semantic.computes_plainly(small.model)

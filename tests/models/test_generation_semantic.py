"""The decoder's step as plain tensor code writes what the library's layers write, and leaves them what it cannot compute."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import contextlib
import copy
import gc
from types import SimpleNamespace

import pytest
import torch

from flowdubber_hf.models.semantic import (
    FlowDubberSemanticForConditionalGeneration,
    captured_steps,
    decoding_steps,
    generation_semantic,
    pad_prompts,
    semantic_config,
)
from flowdubber_hf.models.semantic.captured_steps import CapturedSteps, StaticSteps
from flowdubber_hf.models.semantic.decoding_steps import LibrarySteps, PlainSteps
from support.language_model import bundled_language_model, prompts_of
from support.tape import TapedGraph


pytestmark = pytest.mark.slow


SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.fixture(scope="module")
def bundled():
    return bundled_language_model()


@pytest.fixture
def small() -> FlowDubberSemanticForConditionalGeneration:
    torch.manual_seed(0)
    model = FlowDubberSemanticForConditionalGeneration(semantic_config("tiny", text_config=SMALL)).eval()
    with torch.no_grad():
        model.model.embed_tokens.weight.normal_(0, 0.5)
    return model


def write(model, prompts, monkeypatch, steps, **changed):
    """What `steps` writes, whatever the rule would choose."""
    monkeypatch.setattr(generation_semantic, "choose_steps", lambda *_: steps)
    ids, mask = pad_prompts(prompts, 0)
    generators = [torch.Generator().manual_seed(row) for row in range(len(prompts))]
    return model.generate_semantics(ids, mask, generators, **{"max_new_tokens": 150, "min_new_tokens": 150, **changed})


@pytest.mark.parametrize("rows", [[0], [1], [2], [3], [0, 1, 2, 3]])
def test_same_tokens_with_the_bundled_model(bundled, monkeypatch, rows):
    """All 150 of each prompt, alone and beside others of other lengths."""
    model, tokenizer = bundled
    prompts = [prompts_of(tokenizer)[row] for row in rows]
    plain = write(model, prompts, monkeypatch, PlainSteps)
    library = write(model, prompts, monkeypatch, LibrarySteps)
    assert plain.semantic_tokens.shape == (len(rows), 150)
    assert torch.equal(plain.semantic_tokens, library.semantic_tokens)
    torch.testing.assert_close(plain.hidden_states, library.hidden_states, atol=1e-3, rtol=1e-3)


def test_ends_at_the_same_place(bundled, monkeypatch):
    model, tokenizer = bundled
    prompts = prompts_of(tokenizer)
    plain = write(model, prompts, monkeypatch, PlainSteps, min_new_tokens=1, max_new_tokens=600)
    library = write(model, prompts, monkeypatch, LibrarySteps, min_new_tokens=1, max_new_tokens=600)
    assert torch.equal(plain.mask, library.mask)
    assert not plain.mask.all()


@pytest.mark.parametrize("steps", [PlainSteps, LibrarySteps])
def test_rows_that_have_ended_are_no_longer_computed(bundled, monkeypatch, steps):
    """Nor do they change what the others write, whose limits are their own."""
    model, tokenizer = bundled
    prompts = prompts_of(tokenizer)
    limits = [12, 3, 30, 5]
    sizes, take = [], steps.__call__
    monkeypatch.setattr(
        steps, "__call__", lambda self, tokens, step: sizes.append(len(tokens)) or take(self, tokens, step)
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


@pytest.mark.parametrize("small_matrix", [0, decoding_steps.SMALL_MATRIX])
def test_weights_of_large_models_are_not_copied(small, monkeypatch, small_matrix):
    """The same results; what a layer holds is then the model's own memory."""
    library = write(small, [[5, 6, 7]], monkeypatch, LibrarySteps, max_new_tokens=9, min_new_tokens=9)
    monkeypatch.setattr(decoding_steps, "SMALL_MATRIX", small_matrix)
    plain = write(small, [[5, 6, 7]], monkeypatch, PlainSteps, max_new_tokens=9, min_new_tokens=9)
    assert torch.equal(plain.semantic_tokens, library.semantic_tokens)
    layer = decoding_steps._PlainLayer(small.model.layers[0])
    own = {weight.untyped_storage().data_ptr() for weight in small.model.layers[0].parameters()}
    held = {weight.untyped_storage().data_ptr() for weight in (layer.up, layer.gate, layer.down, layer.maps[0][0])}
    assert (held <= own) == (small_matrix == 0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions(small, monkeypatch, dtype):
    """In half precision the products round in another order, so only nearby states can be asked for."""
    small.to(dtype)
    plain = write(small, [[5, 6, 7], [9]], monkeypatch, PlainSteps, max_new_tokens=1, min_new_tokens=1)
    library = write(small, [[5, 6, 7], [9]], monkeypatch, LibrarySteps, max_new_tokens=1, min_new_tokens=1)
    assert plain.hidden_states.dtype == dtype
    torch.testing.assert_close(plain.hidden_states, library.hidden_states, atol=0.05, rtol=0.05)


def test_results_can_be_learned_from(small):
    """They are ordinary tensors, not those of inference mode."""
    output = small.generate_semantics(torch.tensor([[5, 6]]), max_new_tokens=3, min_new_tokens=3)
    weight = torch.ones(32, requires_grad=True)
    (output.hidden_states * weight).sum().backward()
    assert weight.grad.abs().sum() > 0


def test_ordinary_models_are_computed_plainly(bundled, small):
    assert decoding_steps.computes_plainly(bundled[0].model)
    assert decoding_steps.computes_plainly(small.to(torch.bfloat16).model)


class TestLeftToTheLibrary:
    def test_another_attention(self, small):
        eager = FlowDubberSemanticForConditionalGeneration._from_config(small.config, attn_implementation="eager")
        assert not decoding_steps.computes_plainly(eager.model)

    def test_adapters(self, small):
        peft = pytest.importorskip("peft")
        prompt = torch.tensor([[5, 6, 7]])
        options = {"max_new_tokens": 12, "min_new_tokens": 12, "temperature": 0}
        before = small.generate_semantics(prompt, **options)
        adapted = copy.deepcopy(small)
        peft.inject_adapter_in_model(
            peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False), adapted
        )
        assert not decoding_steps.computes_plainly(adapted.model)
        after = adapted.generate_semantics(prompt, **options)
        assert not torch.allclose(before.hidden_states, after.hidden_states, atol=1e-3)

    def test_hooks(self, small):
        seen = []
        handle = small.model.layers[1].mlp.register_forward_hook(lambda *_: seen.append(1))
        small.generate_semantics(torch.tensor([[5, 6]]), max_new_tokens=3, min_new_tokens=3)
        assert len(seen) == 4
        handle.remove()
        assert decoding_steps.computes_plainly(small.model)

    def test_replaced_forwards(self, small):
        """As accelerate's hooks do it, which bring offloaded weights."""
        layer = small.model.layers[0].self_attn.q_proj
        layer.forward = layer.forward
        assert not decoding_steps.computes_plainly(small.model)

    def test_quantised_weights(self, small):
        """Libraries put classes of their own in the place of the linear maps."""

        class Quantised(torch.nn.Linear):
            pass

        small.model.layers[1].mlp.up_proj.__class__ = Quantised
        assert not decoding_steps.computes_plainly(small.model)

    def test_autocast(self, small):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not decoding_steps.computes_plainly(small.model)


class TestRecorded:
    """The step that CUDA records: here its operations are recorded and replayed by a stand-in, on the memory they were recorded on."""

    @pytest.fixture
    def graphs(self, monkeypatch) -> list[TapedGraph]:
        """All recordings that were made."""
        made = []

        def record(device):
            made.append(TapedGraph(device))
            return made[-1]

        monkeypatch.setattr(captured_steps, "Recording", record)
        return made

    @pytest.mark.parametrize("rows", [[1], [0, 1, 2, 3]])
    def test_same_tokens(self, bundled, monkeypatch, graphs, rows):
        model, tokenizer = bundled
        prompts = [prompts_of(tokenizer)[row] for row in rows]
        plain = write(model, prompts, monkeypatch, PlainSteps)
        recorded = write(model, prompts, monkeypatch, CapturedSteps)
        assert [graph.calls for graph in graphs] == [150]
        assert torch.equal(plain.semantic_tokens, recorded.semantic_tokens)
        torch.testing.assert_close(plain.hidden_states, recorded.hidden_states, atol=1e-3, rtol=1e-3)

    def test_rows_that_have_ended_stay(self, bundled, monkeypatch, graphs):
        """The shapes are fixed; what a row writes and where it ends is the same."""
        model, tokenizer = bundled
        options = {"min_new_tokens": 3, "max_new_tokens": [12, 5, 30, 3]}
        plain = write(model, prompts_of(tokenizer), monkeypatch, PlainSteps, **options)
        recorded = write(model, prompts_of(tokenizer), monkeypatch, CapturedSteps, **options)
        assert recorded.mask.sum(1).tolist() == [12, 5, 30, 3]
        assert torch.equal(plain.semantic_tokens, recorded.semantic_tokens)
        with pytest.raises(RuntimeError, match="with all rows"):
            StaticSteps.keep(None, torch.tensor([0]))

    def test_a_step_that_python_counts_is_found_out(self, small, monkeypatch, graphs):
        """A recorded step that took its place from Python would write on in one place for ever."""
        place = lambda self: StaticSteps.advance(self)  # noqa: E731

        def counted(self):
            self.step = torch.full((1,), self.number)
            place(self)

        def count(self, tokens, step):
            self.number = step
            return StaticSteps.__call__(self, tokens, step)

        options = {"max_new_tokens": 12, "min_new_tokens": 12, "temperature": 0}
        plain = write(small, [[5, 6, 7]], monkeypatch, PlainSteps, **options)
        monkeypatch.setattr(CapturedSteps, "advance", counted)
        monkeypatch.setattr(CapturedSteps, "__call__", count)
        recorded = write(small, [[5, 6, 7]], monkeypatch, CapturedSteps, **options)
        assert not torch.allclose(plain.hidden_states, recorded.hidden_states, atol=1e-3)

    def test_its_memory_is_free_at_the_end(self, small, monkeypatch, graphs):
        """At once, not when Python looks for circles."""
        held = []
        monkeypatch.setattr(CapturedSteps, "__del__", lambda self: held.append(len(self.caches)), raising=False)
        gc.disable()
        try:
            write(small, [[5, 6, 7]], monkeypatch, CapturedSteps, max_new_tokens=6, min_new_tokens=6)
            assert held == [2]
        finally:
            gc.enable()

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_half_precision(self, small, monkeypatch, graphs, dtype):
        small.to(dtype)
        options = {"max_new_tokens": 6, "min_new_tokens": 6, "temperature": 0}
        plain = write(small, [[5, 6, 7], [9]], monkeypatch, PlainSteps, **options)
        recorded = write(small, [[5, 6, 7], [9]], monkeypatch, CapturedSteps, **options)
        torch.testing.assert_close(plain.hidden_states[:, 0], recorded.hidden_states[:, 0], atol=0.05, rtol=0.05)

    def test_when_a_step_is_recorded(self, small):
        """On a card, unless it is switched off; what only the library can compute never is."""
        decoder = small.model
        assert captured_steps.choose_steps(decoder, use_cuda_graphs=True) is PlainSteps
        on_card = SimpleNamespace(embed_tokens=SimpleNamespace(weight=SimpleNamespace(is_cuda=True)))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(captured_steps, "computes_plainly", lambda decoder: True)
            assert captured_steps.choose_steps(on_card, use_cuda_graphs=True) is CapturedSteps
            assert captured_steps.choose_steps(on_card, use_cuda_graphs=False) is PlainSteps
            patch.setattr(captured_steps, "computes_plainly", lambda decoder: False)
            assert captured_steps.choose_steps(on_card, use_cuda_graphs=True) is LibrarySteps

    def test_the_models_switch_arrives(self, small, monkeypatch):
        asked = []
        monkeypatch.setattr(
            generation_semantic,
            "choose_steps",
            lambda decoder, use_cuda_graphs: asked.append(use_cuda_graphs) or PlainSteps,
        )
        for small.use_cuda_graphs in (True, False):
            small.generate_semantics(torch.tensor([[5, 6]]), max_new_tokens=2)
        assert asked == [True, False]


class FakeCuda:
    """As much of `torch.cuda` as a recording asks for; a capture runs nothing, or is refused."""

    def __init__(self, refuses: bool):
        self.refuses, self.replayed, self.capturing = refuses, 0, False

    def Stream(self, device):
        return SimpleNamespace(wait_stream=lambda other: None)

    current_stream = Stream

    def stream(self, stream):
        return contextlib.nullcontext()

    def CUDAGraph(self):
        return SimpleNamespace(replay=self.replay)

    def replay(self):
        self.replayed += 1

    @contextlib.contextmanager
    def graph(self, graph, stream, capture_error_mode):
        self.capturing = True
        try:
            yield
        finally:
            self.capturing = False
        if self.refuses:
            raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.parametrize("refuses", [False, True])
def test_a_recording_goes_on_where_cuda_refuses(monkeypatch, refuses):
    """The function runs at each call until it is recorded, and at every call where it cannot be."""
    cuda, ran, told = FakeCuda(refuses), [], []
    monkeypatch.setattr(captured_steps.torch, "cuda", cuda)
    monkeypatch.setattr(captured_steps.logger, "warning_once", told.append)
    recording = captured_steps.Recording(torch.device("cpu"))
    for _ in range(6):
        recording(lambda: ran.append(cuda.capturing))
    warm_up = captured_steps.WARM_UP_STEPS
    assert ran == [False] * warm_up + [True] + [False] * (6 - warm_up) * refuses
    assert cuda.replayed == (0 if refuses else 6 - warm_up)
    assert [("could not be recorded" in line and "not permitted" in line) for line in told] == [True] * refuses

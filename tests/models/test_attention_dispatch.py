"""Which function attends is the caller's choice, as in the libraries' own models."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Iterator

import pytest
import torch
from diffusers.models.attention_dispatch import AttentionBackendName, _AttentionBackendRegistry, attention_backend
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from flowdubber_hf.checkpoints.sources import bundled_checkpoints
from flowdubber_hf.models.aligner import FlowDubberAlignerModel
from flowdubber_hf.models.speech_tokenizer import FlowDubberSpeechTokenizer
from flowdubber_hf.models.vector_field import FlowDubberVectorField
from support.tiny_models import tiny_aligner


FOLDER = bundled_checkpoints()["flowdubber-grid-tiny"]


@pytest.fixture
def counted() -> Iterator[set[str]]:
    """The kinds of modules that a function registered as `counted` was called by."""
    kinds: set[str] = set()

    def attend(module, *given, **options):
        kinds.add(type(module).__name__)
        return sdpa_attention_forward(module, *given, **options)

    AttentionInterface.register("counted", attend)
    yield kinds
    AttentionInterface._global_mapping.pop("counted")


@torch.no_grad()
def fused(aligner: FlowDubberAlignerModel) -> torch.Tensor:
    """Of a padded batch of noise, with knowledge, so that every attention has its part."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1, 70, (2, 9), generator=generator)
    mask = torch.arange(9) < torch.tensor([[9], [6]])
    frames = torch.arange(20) < torch.tensor([[20], [14]])
    style = torch.randn(2, 256, generator=generator)
    lips = torch.randn(2, 20, aligner.config.hidden_size, generator=generator)
    encoding = aligner.encode(ids, mask, lip_mask=frames, style=style, lip_features=lips)
    states = torch.randn(2, 11, aligner.config.semantic_hidden_size, generator=generator)
    return aligner.fuse(encoding, states).fused


@torch.no_grad()
def voice_tokens(tokenizer: FlowDubberSpeechTokenizer) -> torch.Tensor:
    """The perceiver's latents of noise."""
    context = torch.randn(1, 50, tokenizer.config.ecapa_out_channels, generator=torch.Generator().manual_seed(0))
    return tokenizer.speaker_encoder.perceiver_sampler(context)


CASES = [(FlowDubberAlignerModel, "aligner", fused), (FlowDubberSpeechTokenizer, "speech_tokenizer", voice_tokens)]


@pytest.mark.parametrize(("kind", "part", "result"), CASES)
class TestTransformersModels:
    def test_eager_equals_sdpa(self, kind, part, result):
        model = kind.from_pretrained(FOLDER / part, dtype=torch.float32).eval()
        assert model.config._attn_implementation == "sdpa"
        expected = result(model)
        model.set_attn_implementation("eager")
        torch.testing.assert_close(result(model), expected, atol=1e-4, rtol=1e-4)
        eager = kind.from_pretrained(FOLDER / part, dtype=torch.float32, attn_implementation="eager").eval()
        torch.testing.assert_close(result(eager), expected, atol=1e-4, rtol=1e-4)

    def test_a_registered_function_is_called(self, kind, part, result, counted):
        result(kind.from_pretrained(FOLDER / part, dtype=torch.float32, attn_implementation="counted").eval())
        assert counted == {{"aligner": "FlowDubberAlignerAttention"}.get(part, "FlowDubberPerceiverAttention")}

    def test_what_cannot_be_is_refused(self, kind, part, result):
        with pytest.raises(ValueError, match=r"(?i)flex"):
            kind.from_pretrained(FOLDER / part, attn_implementation="flex_attention")


def test_states_that_are_attended_to_go_the_same_way(counted):
    aligner = tiny_aligner(semantic_channel="attention", style_size=256)
    aligner.config._attn_implementation = "counted"
    fused(aligner)
    assert counted == {"FlowDubberAlignerAttention", "FlowDubberSemanticAttention"}


class TestVectorField:
    @pytest.fixture
    def field(self):
        active = _AttentionBackendRegistry._active_backend
        yield FlowDubberVectorField.from_pretrained(FOLDER / "vector_field", torch_dtype=torch.float32).eval()
        _AttentionBackendRegistry.set_active_backend(active)

    @staticmethod
    @torch.no_grad()
    def velocity(field, frames=48):
        generator = torch.Generator().manual_seed(0)
        mask = torch.arange(frames) < torch.tensor([[frames], [32]])
        noise, prior = torch.randn(2, 2, 80, frames, generator=generator)
        return field(noise, torch.tensor(0.3), prior, torch.randn(2, 256, generator=generator), mask).sample

    def test_backends_agree_and_are_asked(self, field):
        expected = self.velocity(field)
        field.set_attention_backend("_native_math")
        backends = {
            module.processor._attention_backend for module in field.modules() if hasattr(module, "get_processor")
        }
        assert backends == {AttentionBackendName._NATIVE_MATH}
        torch.testing.assert_close(self.velocity(field), expected, atol=1e-4, rtol=1e-4)

    def test_the_context_manager_counts(self, field, monkeypatch):
        asked = []
        original = _AttentionBackendRegistry._backends[AttentionBackendName._NATIVE_MATH]
        monkeypatch.setitem(
            _AttentionBackendRegistry._backends,
            AttentionBackendName._NATIVE_MATH,
            lambda **given: asked.append(1) or original(**given),
        )
        self.velocity(field)
        assert not asked
        with attention_backend("_native_math"):
            self.velocity(field)
        assert len(asked) == sum(
            hasattr(module, "qkv") for name, module in field.named_modules() if "prior" not in name
        )

    def test_an_unknown_backend_is_refused(self, field):
        with pytest.raises(ValueError, match="must be one of"):
            field.set_attention_backend("mine")

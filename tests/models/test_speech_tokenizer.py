"""Speech tokenizer: quantisers against hand arithmetic, and the contracts of a transformers model."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from flowdubber_hf.models.speech_tokenizer import (
    SPEECH_TOKENIZER_PRESETS,
    FlowDubberSpeechTokenizer,
    FlowDubberSpeechTokenizerConfig,
)
from flowdubber_hf.models.speech_tokenizer.front_end import mel_features, normalize_volume, unfold_mel
from flowdubber_hf.models.speech_tokenizer.quantization import (
    FlowDubberFactorizedVectorQuantizer,
    FlowDubberFiniteScalarQuantizer,
)
from flowdubber_hf.processing.audio import log_mel


pytestmark = pytest.mark.slow


SMALL = {
    **SPEECH_TOKENIZER_PRESETS["tiny"],
    "hidden_size": 16,
    "intermediate_size": 24,
    "latent_size": 16,
    "num_encoder_layers": 2,
    "num_prenet_layers": 1,
    "num_postnet_layers": 1,
    "codebook_size": 32,
    "speaker_mel_bins": 32,
    "speaker_seconds": 1,
    "ecapa_channels": 16,
    "ecapa_out_channels": 24,
    "ecapa_bottleneck_size": 8,
    "speaker_latent_size": 12,
    "perceiver_num_layers": 1,
    "perceiver_num_heads": 2,
    "perceiver_head_dim": 8,
    "decoder_channels": 32,
}
SMALL_WAV2VEC2 = {
    **SMALL,
    "feature_type": "wav2vec2",
    "feature_size": 32,
    "feature_mean": 0.0,
    "feature_std": 1.0,
    "sample_ratios": [1, 1],
    "wav2vec2_layers": [1, 2],
    "wav2vec2_config": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "conv_dim": [16] * 7,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
        "layerdrop": 0.0,
    },
}
FRONT_ENDS = {"mel": SMALL, "wav2vec2": SMALL_WAV2VEC2}


def make_model(settings: dict = SMALL) -> FlowDubberSpeechTokenizer:
    torch.manual_seed(0)
    model = FlowDubberSpeechTokenizer(FlowDubberSpeechTokenizerConfig(**settings))
    with torch.no_grad():  # codes that the encoder's vectors tell apart
        features, mask = model.extract_features(make_sound(2, 16000))
        vectors = model.quantizer.in_project(model.encoder(features, mask[:, None])).transpose(1, 2)[mask]
        model.quantizer.codebook.weight.copy_(vectors[torch.randperm(len(vectors))[: model.config.codebook_size]])
    return model.eval()


def make_sound(rows: int, samples: int, seed: int = 0) -> torch.Tensor:
    """Tones that glide, with noise: `(rows, samples)`."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(samples) / 16000
    pitch = 120 + 80 * torch.rand(rows, 1, generator=generator)
    tone = torch.sin(2 * math.pi * pitch * time * (1 + time)) * torch.sin(2 * math.pi * 3 * time).abs()
    return 0.3 * tone + 0.02 * torch.randn(rows, samples, generator=generator)


@pytest.fixture(scope="module", params=sorted(FRONT_ENDS))
def model(request) -> FlowDubberSpeechTokenizer:
    return make_model(FRONT_ENDS[request.param])


class TestFiniteScalarQuantizer:
    def test_all_indices_round_trip(self):
        quantizer = FlowDubberFiniteScalarQuantizer([4] * 6, 16)
        indices = torch.arange(4096)
        codes = quantizer.indices_to_codes(indices)
        assert codes.shape == (4096, 6)
        assert sorted(codes.unique().tolist()) == [-1.0, -0.5, 0.0, 0.5]
        assert torch.equal(quantizer.codes_to_indices(codes), indices)
        assert len({tuple(code) for code in codes.tolist()}) == 4096

    def test_first_dimension_is_the_least_significant_digit(self):
        codes = FlowDubberFiniteScalarQuantizer([4] * 6, 16).indices_to_codes(torch.tensor([0, 1, 4, 4095]))
        assert codes[0].tolist() == [-1.0] * 6
        assert codes[1].tolist() == [-0.5, *[-1.0] * 5]
        assert codes[2].tolist() == [-1.0, -0.5, *[-1.0] * 4]
        assert codes[3].tolist() == [0.5] * 6

    def test_rounding(self):
        # For 4 levels tanh(z + atanh(.5 / 1.5015)) * 1.5015 - .5 maps 0 to 0 and saturates at 1.0015 and -2.0015.
        quantizer = FlowDubberFiniteScalarQuantizer([4], 8)
        values = torch.tensor([[-9.0], [-0.9], [0.0], [9.0]])
        assert torch.allclose(quantizer.bound(values)[[0, 2, 3], 0], torch.tensor([-2.0015, 0.0, 1.0015]), atol=1e-5)
        assert quantizer.quantize(values)[:, 0].tolist() == [-1.0, -0.5, 0.0, 0.5]

    def test_odd_levels(self):
        quantizer = FlowDubberFiniteScalarQuantizer([3, 5], 8)
        codes = quantizer.indices_to_codes(torch.arange(15))
        assert torch.equal(quantizer.codes_to_indices(codes), torch.arange(15))
        assert codes.min() == -1 and codes.max() == 1

    def test_detokenize_equals_forward(self):
        quantizer = FlowDubberFiniteScalarQuantizer([4] * 6, 16)
        quantized, indices = quantizer(torch.randn(2, 5, 16) * 3)
        assert indices.shape == (2, 5) and int(indices.min()) >= 0 and int(indices.max()) < 4096
        assert torch.allclose(quantizer.detokenize(indices), quantized, atol=1e-6)

    def test_gradient_passes(self):
        values = torch.randn(3, 16, requires_grad=True)
        FlowDubberFiniteScalarQuantizer([4] * 6, 16)(values)[0].sum().backward()
        assert (values.grad != 0).any()


def hand_quantizer(normalize: bool = False) -> FlowDubberFactorizedVectorQuantizer:
    """Identity projections and the codes (1, 0), (0, 2), (-3, 0)."""
    quantizer = FlowDubberFactorizedVectorQuantizer(2, 3, 2, 0.25, 2.0, normalize, 0.5, 0.2)
    with torch.no_grad():
        for projection in (quantizer.in_project, quantizer.out_project):
            projection.weight.copy_(torch.eye(2)[..., None])
            projection.bias.zero_()
        quantizer.codebook.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0]]))
        quantizer.cluster_size.fill_(10.0)
    return quantizer


class TestFactorizedVectorQuantizer:
    def test_nearest_is_by_direction(self):
        # (0.1, 1) is nearer to (1, 0) in space but points along (0, 2); (-9, 1) along (-3, 0).
        vectors = torch.tensor([[0.1, 1.0], [5.0, 1.0], [-9.0, 1.0]]).T[None]
        quantizer = hand_quantizer().eval()
        assert quantizer.tokenize(vectors).tolist() == [[1, 0, 2]]
        assert quantizer.detokenize(torch.tensor([[1, 0, 2]]))[0].T.tolist() == [[0, 2], [1, 0], [-3, 0]]

    def test_losses_by_hand(self):
        vectors = torch.tensor([[0.0, 1.0], [2.0, 0.0]]).T[None]  # codes (0, 2) and (1, 0): squared errors 1 and 1
        output = hand_quantizer().train()(vectors)
        # mean over 2 positions x 2 dimensions = 0.5, times 0.25 + 2
        assert output.loss.item() == pytest.approx(0.5 * 2.25)
        assert output.active_codes.item() == 2 and output.perplexity.item() == pytest.approx(2.0, abs=1e-4)
        assert hand_quantizer().eval()(vectors).loss.item() == 0

    def test_unit_codes_by_hand(self):
        # (0, 1) and (2, 0) become (0, 1) and (1, 0), which are the unit codes themselves.
        output = hand_quantizer(normalize=True).train()(torch.tensor([[0.0, 1.0], [2.0, 0.0]]).T[None])
        assert output.loss.item() == pytest.approx(0.0, abs=1e-7)
        assert torch.allclose(output.quantized[0].T, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))

    def test_gradients(self):
        quantizer = hand_quantizer().train()
        vectors = torch.tensor([[0.0, 1.0]]).T[None].requires_grad_()
        output = quantizer(vectors)
        output.quantized.sum().backward(retain_graph=True)
        assert vectors.grad.flatten().tolist() == [1.0, 1.0]  # straight through
        vectors.grad = None
        output.loss.backward()
        # d/dz .25 * mean (z - e)^2 = .25 * (1 - 2); d/de 2 * mean (e - z)^2 = 2 * (2 - 1)
        assert vectors.grad.flatten().tolist() == [0.0, pytest.approx(-0.25)]
        assert quantizer.codebook.weight.grad[1].tolist() == [0.0, pytest.approx(2.0)]

    def test_padding_counts_nothing(self):
        vectors = torch.tensor([[0.0, 1.0], [2.0, 0.0], [7.0, 7.0]]).T[None]
        mask = torch.tensor([[True, True, False]])
        output = hand_quantizer().train()(vectors, mask)
        assert output.loss.item() == pytest.approx(0.5 * 2.25)
        assert output.active_codes.item() == 2

    def test_dead_codes_are_replaced(self):
        quantizer = hand_quantizer().train()
        quantizer.cluster_size.copy_(torch.tensor([10.0, 0.1, 10.0]))
        vectors = torch.tensor([[4.0, 4.0]]).T[None]
        assert quantizer(vectors).indices.tolist() == [[1]]
        assert quantizer.codebook.weight.tolist() == [[1, 0], [4, 4], [-3, 0]]
        assert quantizer.cluster_size.tolist() == [5.0, pytest.approx(0.5 + 0.5), 5.0]

    def test_evaluation_changes_nothing(self):
        quantizer = hand_quantizer().eval()
        quantizer.cluster_size.zero_()
        before = quantizer.codebook.weight.clone()
        quantizer(torch.randn(1, 2, 5))
        assert torch.equal(quantizer.codebook.weight, before) and quantizer.cluster_size.sum() == 0


class TestFrontEnd:
    def test_mel_features_are_the_shared_log_mel(self):
        config = FlowDubberSpeechTokenizerConfig(**SMALL)
        sound = make_sound(1, 3300)  # 20 mel frames, 10 tokens
        features = mel_features(sound, torch.tensor([3300]), config)
        assert features.shape == (1, 160, 10)
        assert torch.allclose(unfold_mel(features, config), log_mel(sound)[..., :20], atol=1e-5)

    def test_volume_by_hand(self):
        # 90 samples of 0.05 and 10 of 0.5: the levels from 90 to 98 are 0.5, so the gain is 0.2 / 0.5.
        sound = torch.cat([torch.full((90,), 0.05), torch.full((10,), 0.5)])
        assert torch.allclose(normalize_volume(sound), sound * 0.4)

    def test_volume_never_clips(self):
        sound = torch.cat([torch.full((99,), 0.02), torch.tensor([0.9])])
        assert normalize_volume(sound).abs().max() <= 1.0 + 1e-6

    def test_tokens_do_not_depend_on_loudness(self):
        model, sound = make_model(), make_sound(1, 16000)
        assert torch.equal(model.encode(sound).semantic_tokens, model.encode(sound * 2).semantic_tokens)


class TestModel:
    def test_token_ranges_and_rates(self, model):
        output = model.encode(make_sound(2, 16000 + 319))
        assert output.semantic_tokens.shape == (2, 50) and output.semantic_mask.all()
        assert output.global_tokens.shape == (2, 32)
        assert (
            int(output.semantic_tokens.min()) >= 0 and int(output.semantic_tokens.max()) < model.config.codebook_size
        )
        assert int(output.global_tokens.min()) >= 0 and int(output.global_tokens.max()) < 4096
        assert len(output.semantic_tokens.unique()) > 2
        waveform = model.decode(output.semantic_tokens, output.global_tokens)
        assert waveform.shape == (2, 16000) and waveform.abs().max() <= 1

    def test_batch_equals_single(self, model):
        lengths = [16000, 9999, 6420]
        sounds = make_sound(3, max(lengths))
        mask = torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]
        junk = torch.where(mask, sounds, 0.7)  # what lies in the padding must not matter
        batch = model.encode(junk, mask)
        waveforms = model.decode(batch.semantic_tokens, batch.global_tokens, batch.semantic_mask)
        for row, length in enumerate(lengths):
            single = model.encode(sounds[row : row + 1, :length])
            tokens = length // 320
            assert int(batch.semantic_mask[row].sum()) == tokens
            assert torch.equal(batch.semantic_tokens[row, :tokens], single.semantic_tokens[0])
            assert torch.equal(batch.global_tokens[row], single.global_tokens[0])
            alone = model.decode(single.semantic_tokens, single.global_tokens)
            assert torch.allclose(waveforms[row, : tokens * 320], alone[0], atol=1e-5)
            assert (waveforms[row, tokens * 320 :] == 0).all()

    def test_latents_are_padding_invariant(self, model):
        sound, short = make_sound(1, 12000), 7000
        padded = torch.nn.functional.pad(sound[:, :short], (0, 5000), value=0.3)
        mask = torch.arange(12000)[None] < short
        alone, alone_mask = model.extract_features(sound[:, :short])
        features, features_mask = model.extract_features(padded, mask)
        tokens = short // 320
        assert torch.allclose(features[..., :tokens], alone, atol=1e-4)
        with torch.no_grad():
            expected = model.encoder(alone, alone_mask[:, None])
            latents = model.encoder(features, features_mask[:, None])[..., :tokens]
        assert torch.allclose(latents, expected, atol=1e-4)

    def test_forward_is_padding_invariant(self, model):
        sound = make_sound(1, 8000)
        padded = torch.nn.functional.pad(sound, (0, 3000), value=0.5)
        mask = torch.arange(11000)[None] < 8000
        with torch.no_grad():
            alone, batch = model(sound), model(padded, mask)
        assert batch.loss.item() == pytest.approx(alone.loss.item(), abs=1e-4)
        assert torch.allclose(batch.waveform[:, :8000], alone.waveform, atol=1e-4)
        assert torch.allclose(batch.d_vector, alone.d_vector, atol=1e-5)

    def test_published_without_its_postnet(self, tmp_path: Path):
        model = make_model()
        sound = make_sound(1, 9000)
        before = model.encode(sound)
        model.drop_postnet()
        model.save_pretrained(tmp_path)
        loaded = FlowDubberSpeechTokenizer.from_pretrained(tmp_path)
        assert not [name for name in loaded.state_dict() if name.startswith("postnet")]
        assert torch.equal(loaded.encode(sound).semantic_tokens, before.semantic_tokens)
        with pytest.raises(ValueError, match="published without its postnet"):
            loaded(sound)

    def test_published_without_its_sound(self, tmp_path: Path):
        model = make_model()
        sound = make_sound(1, 9000)
        before = model.encode(sound)
        model.drop_sound()
        model.save_pretrained(tmp_path)
        loaded = FlowDubberSpeechTokenizer.from_pretrained(tmp_path)
        assert not loaded.makes_sound
        assert not [name for name in loaded.state_dict() if name.startswith(("prenet", "decoder", "postnet"))]
        after = loaded.encode(sound)
        assert torch.equal(after.semantic_tokens, before.semantic_tokens)
        assert torch.equal(after.global_tokens, before.global_tokens)
        with pytest.raises(ValueError, match="only reads sound"):
            loaded.decode(after.semantic_tokens, after.global_tokens)
        with pytest.raises(ValueError, match="only reads sound"):
            loaded(sound)

    def test_save_and_load(self, model, tmp_path: Path):
        model.save_pretrained(tmp_path)
        assert [path.suffix for path in tmp_path.glob("model*")] == [".safetensors"]
        loaded = FlowDubberSpeechTokenizer.from_pretrained(tmp_path)
        sound = make_sound(1, 9000)
        before, after = model.encode(sound), loaded.encode(sound)
        assert torch.equal(before.semantic_tokens, after.semantic_tokens)
        assert torch.equal(before.global_tokens, after.global_tokens)
        torch.testing.assert_close(  # loaded weights lie elsewhere in memory, which some processors' products round by
            model.decode(before.semantic_tokens, before.global_tokens),
            loaded.decode(after.semantic_tokens, after.global_tokens),
        )
        for (name, saved), tensor in zip(model.state_dict().items(), loaded.state_dict().values(), strict=True):
            assert torch.equal(saved, tensor), name
        assert isinstance(AutoModel.from_pretrained(tmp_path), FlowDubberSpeechTokenizer)
        assert loaded.config.to_dict()["fsq_levels"] == model.config.to_dict()["fsq_levels"]

    def test_missing_weights_are_initialised(self):
        torch.manual_seed(0)
        config = FlowDubberSpeechTokenizerConfig(**SMALL)
        loaded = FlowDubberSpeechTokenizer.from_pretrained(None, state_dict={}, config=config)
        for name, tensor in loaded.state_dict().items():
            assert torch.isfinite(tensor.float()).all(), name
        assert (loaded.encoder.encoder.convnext[0].gamma == 0.5).all()
        assert (loaded.prenet.vocos_backbone.norm.scale.bias == 1).all()
        assert (loaded.prenet.vocos_backbone.norm.shift.bias == 0).all()
        assert loaded.speaker_encoder.quantizer.project_in.weight.std().item() == pytest.approx(12**-0.5, rel=0.5)
        assert loaded.decoder.model[0].weight.std().item() == pytest.approx((16 * 7) ** -0.5, rel=0.1)

    def test_tuple_output(self, model):
        sound = make_sound(1, 6400)
        with torch.no_grad():
            output = model(sound)
        assert torch.equal(output.to_tuple()[0], output.loss)

    def test_determinism(self, model):
        sound = make_sound(1, 6400)
        assert torch.equal(model.encode(sound).semantic_tokens, model.encode(sound).semantic_tokens)

    def test_bfloat16(self):
        model = make_model().to(torch.bfloat16)
        output = model.encode(make_sound(1, 6400))
        assert model.decode(output.semantic_tokens, output.global_tokens).isfinite().all()

    def test_mixed_precision_keeps_the_features(self):
        model, sound = make_model(), make_sound(1, 6400)
        with torch.autocast("cpu", torch.bfloat16):
            features = model.extract_features(sound)[0]
            assert model(sound).loss.isfinite()
        assert torch.equal(features, model.extract_features(sound)[0])

    def test_gradient_checkpointing(self):
        sound = make_sound(2, 6400)
        gradients = []
        for checkpointing in (False, True):
            model = make_model().train()
            if checkpointing:
                model.gradient_checkpointing_enable()
            model.quantizer.cluster_size.fill_(1.0)
            model(sound).loss.backward()
            gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
        assert gradients[0].keys() == gradients[1].keys()
        for name, gradient in gradients[0].items():
            assert torch.allclose(gradient, gradients[1][name], atol=1e-5), name

    @pytest.mark.parametrize("front_end", sorted(FRONT_ENDS))
    def test_every_trainable_parameter_moves(self, front_end: str):
        model = make_model(FRONT_ENDS[front_end]).train()
        model.quantizer.cluster_size.fill_(1.0)
        before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
        output = model(make_sound(4, 9600))
        (output.loss + output.waveform.square().mean() + output.x_vector.square().mean()).backward()
        optimizer.step()
        still = [name for name, p in model.named_parameters() if torch.equal(p, before[name])]
        # The front end of wav2vec2 is frozen; nothing else stays.
        assert [name for name in still if not name.startswith("wav2vec2.")] == []
        assert front_end == "mel" or all(name in still for name in before if name.startswith("wav2vec2."))

    def test_frozen_front_end_stays_in_evaluation_mode(self):
        model = make_model(SMALL_WAV2VEC2).train()
        assert model.encoder.training and not model.wav2vec2.training

    def test_one_reference_serves_several_segments(self):
        model = make_model()
        with torch.no_grad():
            output = model(make_sound(4, 6400), reference_values=make_sound(2, 8000, seed=1))
        assert torch.equal(output.d_vector[0], output.d_vector[1])
        assert not torch.equal(output.d_vector[0], output.d_vector[2])

    def test_waveform_crop(self):
        model, sound = make_model(), make_sound(1, 6400)
        with torch.no_grad():
            assert model(sound, waveform_crop=(3, 5)).waveform.shape == (1, 1600)
            assert model(sound, waveform_crop=(0, 0)).waveform is None

    def test_decoded_features(self):
        model = make_model()
        tokens = model.encode(make_sound(1, 6400))
        assert model.decode_features(tokens.semantic_tokens, tokens.global_tokens).shape == (1, 80, 40)


class TestErrors:
    def test_too_short(self, model):
        with pytest.raises(ValueError, match="at least 640 samples"):
            model.encode(torch.zeros(1, 639))

    def test_too_short_by_mask(self, model):
        with pytest.raises(ValueError, match="at least 640 samples"):
            model.encode(torch.zeros(1, 6400), torch.arange(6400)[None] < 100)

    def test_left_padding(self, model):
        with pytest.raises(ValueError, match="padded on the right"):
            model.encode(torch.zeros(1, 6400), torch.arange(6400)[None] > 100)

    def test_shape(self, model):
        with pytest.raises(ValueError, match="batch, samples"):
            model.encode(torch.zeros(6400))

    def test_token_ranges(self, model):
        voice = torch.zeros(1, 32, dtype=torch.long)
        with pytest.raises(ValueError, match="semantic tokens must lie"):
            model.decode(torch.tensor([[0, 32]]), voice)
        with pytest.raises(ValueError, match="global tokens must lie"):
            model.decode(torch.tensor([[0, 1]]), voice + 4096)
        with pytest.raises(ValueError, match="shape"):
            model.decode(torch.tensor([[0, 1]]), voice[:, :31])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"feature_type": "waves"}, "feature_type"),
            ({"feature_size": 80}, "feature_size"),
            ({"upsample_rates": [8, 5, 4, 4]}, "upsample_rates"),
            ({"upsample_kernel_sizes": [16, 10, 8, 4]}, "upsample_kernel_sizes"),
            ({"decoder_channels": 40}, "decoder_channels"),
            ({"sample_ratios": [2]}, "sample_ratios"),
            ({"mel_settings": {"num_mels": 100}}, "another mel spectrogram"),
            ({"codebook_size": "many"}, "codebook_size"),
            ({"num_prenet_layers": 0}, "a postnet needs a prenet"),
        ],
    )
    def test_config(self, change: dict, message: str):
        with pytest.raises(Exception, match=message):
            FlowDubberSpeechTokenizerConfig(**{**SMALL, **change})

    @pytest.mark.parametrize("tail", [-1, 81])
    def test_more_silence_than_a_token_needs(self, tail):
        with pytest.raises(Exception, match=r"wav2vec2_tail.*0 \.\. 80"):
            FlowDubberSpeechTokenizerConfig(**SMALL_WAV2VEC2, wav2vec2_tail=tail)

    def test_wav2vec2_that_padding_would_change(self):
        settings = {**SMALL_WAV2VEC2["wav2vec2_config"], "feat_extract_norm": "group"}
        with pytest.raises(Exception, match="feat_extract_norm"):
            FlowDubberSpeechTokenizerConfig(**{**SMALL_WAV2VEC2, "wav2vec2_config": settings})


class TestSizes:
    def test_base_is_bicodec(self):
        with torch.device("meta"):
            model = FlowDubberSpeechTokenizer(FlowDubberSpeechTokenizerConfig())
        sizes = {name: sum(p.numel() for p in part.parameters()) / 1e6 for name, part in model.named_children()}
        print({name: round(size, 2) for name, size in sizes.items()})  # noqa: T201
        assert sizes.pop("wav2vec2") == pytest.approx(315.4, abs=0.5)
        # "About 156 M parameters", 626 MB of float32 on disk with weight norm's magnitudes.
        assert sum(sizes.values()) == pytest.approx(156.3, abs=0.5)
        names = dict(model.named_parameters())
        for name, shape in {
            "encoder.encoder.embed.weight": (384, 1024, 7),
            "encoder.downsample.1.1.convnext.1.pwconv1.weight": (2048, 384),
            "quantizer.in_project.weight": (8, 1024, 1),
            "quantizer.codebook.weight": (8192, 8),
            "speaker_encoder.speaker_encoder.layer2.se_res2block.1.convs.6.weight": (64, 64, 3),
            "speaker_encoder.perceiver_sampler.layers.1.0.to_kv.weight": (1024, 128),
            "speaker_encoder.perceiver_sampler.layers.1.1.2.weight": (128, 341),
            "speaker_encoder.quantizer.project_in.weight": (6, 128),
            "speaker_encoder.project.weight": (1024, 4096),
            "prenet.vocos_backbone.convnext.11.norm.scale.weight": (384, 1024),
            "postnet.linear_pre.weight": (384, 1024),
            "decoder.model.0.weight": (1536, 1024, 7),
            "decoder.model.4.block.2.block.3.weight": (96, 96, 1),
            "decoder.model.6.weight": (1, 96, 7),
        }.items():
            assert tuple(names[name].shape) == shape, name

    def test_tiny_is_tiny(self):
        with torch.device("meta"):
            model = FlowDubberSpeechTokenizer(FlowDubberSpeechTokenizerConfig(**SPEECH_TOKENIZER_PRESETS["tiny"]))
        assert sum(parameter.numel() for parameter in model.parameters()) < 3e6

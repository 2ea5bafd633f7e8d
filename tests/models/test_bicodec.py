"""BiCodec's layers against their definitions, in plain NumPy and double precision, from weights under the public names."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math

import numpy as np
import pytest
import torch
from transformers import Wav2Vec2FeatureExtractor

from flowdubber_hf.models.speech_tokenizer import FlowDubberSpeechTokenizer, FlowDubberSpeechTokenizerConfig
from flowdubber_hf.models.speech_tokenizer.conversion import bicodec_config, plan_bicodec, wav2vec2_config
from flowdubber_hf.models.speech_tokenizer.front_end import normalize_volume, reference_clip, speaker_mel
from support.spark_tts_release import (
    HEADS,
    KERNELS,
    RATES,
    SETTINGS,
    SMALL,
    bicodec_shapes,
    codec_settings,
    old_names,
    random_tensors,
    small_wav2vec2,
)


pytestmark = pytest.mark.slow


# --------------------------------------------------------------------------------------------------- plain definitions


def softmax(values: np.ndarray) -> np.ndarray:
    values = np.exp(values - values.max(-1, keepdims=True))
    return values / values.sum(-1, keepdims=True)


def gelu(values: np.ndarray) -> np.ndarray:
    return values * 0.5 * (1 + np.vectorize(math.erf)(values / math.sqrt(2)))


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def convolve(signal: np.ndarray, weight: np.ndarray, bias: np.ndarray, dilation: int = 1) -> np.ndarray:
    """`(inputs, length)` -> `(outputs, length)`: zeros beyond both ends; a weight with one input is depthwise."""
    width, length = weight.shape[2], signal.shape[1]
    reach = dilation * (width - 1) // 2
    padded = np.pad(signal, ((0, 0), (reach, reach)))
    total = np.repeat(bias[:, None], length, axis=1)
    for tap in range(width):
        piece = padded[:, tap * dilation : tap * dilation + length]
        depthwise = weight.shape[1] == 1 and len(signal) > 1
        total = total + (weight[:, :, tap] * piece if depthwise else weight[:, :, tap] @ piece)
    return total


def spread(signal: np.ndarray, weight: np.ndarray, bias: np.ndarray, rate: int) -> np.ndarray:
    """Transposed convolution: each sample adds its kernel `rate` places after the one before; the ends are cut evenly."""
    width, length = weight.shape[2], signal.shape[1]
    total = np.zeros((weight.shape[1], (length - 1) * rate + width))
    for place in range(length):
        total[:, place * rate : place * rate + width] += np.einsum("i,iok->ok", signal[:, place], weight)
    cut = (width - rate) // 2
    return total[:, cut : total.shape[1] - cut] + bias[:, None]


class Public:
    """BiCodec from the tensors of its checkpoint, one sound at a time; sequences are `(channels, length)`."""

    def __init__(self, tensors: dict[str, torch.Tensor]):
        self.tensors = {name: tensor.numpy().astype(np.float64) for name, tensor in tensors.items()}

    def weight(self, name: str) -> np.ndarray:
        """A weight, its normalisation folded: g v / |v| with a norm for each index of the first dimension."""
        if f"{name}.weight" in self.tensors:
            return self.tensors[f"{name}.weight"]
        pairs = (
            (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
            (".weight_g", ".weight_v"),
        )
        magnitude, direction = next(
            (self.tensors[name + g], self.tensors[name + v]) for g, v in pairs if name + g in self.tensors
        )
        norms = [np.sqrt((part**2).sum()) for part in direction]
        return np.stack([g.item() * v / norm for g, v, norm in zip(magnitude, direction, norms, strict=True)])

    def bias(self, name: str) -> np.ndarray:
        return self.tensors[f"{name}.bias"]

    def linear(self, name: str, rows: np.ndarray) -> np.ndarray:
        result = rows @ self.weight(name).T
        return result + self.bias(name) if f"{name}.bias" in self.tensors else result

    def conv(self, name: str, signal: np.ndarray, dilation: int = 1) -> np.ndarray:
        return convolve(signal, self.weight(name), self.bias(name), dilation)

    def layer_norm(self, name: str, rows: np.ndarray, condition: np.ndarray | None = None) -> np.ndarray:
        centred = rows - rows.mean(-1, keepdims=True)
        normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
        if condition is None:
            return normed * self.weight(name) + self.bias(name)
        return normed * self.linear(f"{name}.scale", condition) + self.linear(f"{name}.shift", condition)

    def batch_norm(self, name: str, signal: np.ndarray) -> np.ndarray:
        mean, variance = (self.tensors[f"{name}.running_{kind}"][:, None] for kind in ("mean", "var"))
        normed = (signal - mean) / np.sqrt(variance + 1e-5)
        return normed * self.weight(name)[:, None] + self.bias(name)[:, None]

    # ------------------------------------------------------------------------------------------ semantic half

    def backbone(self, name: str, signal: np.ndarray, layers: int, condition: np.ndarray | None = None) -> np.ndarray:
        signal = self.layer_norm(f"{name}.norm", self.conv(f"{name}.embed", signal).T, condition).T
        for number in range(layers):
            block = f"{name}.convnext.{number}"
            rows = self.layer_norm(f"{block}.norm", self.conv(f"{block}.dwconv", signal).T, condition)
            rows = self.linear(f"{block}.pwconv2", gelu(self.linear(f"{block}.pwconv1", rows)))
            signal = signal + (self.tensors[f"{block}.gamma"] * rows).T
        return self.layer_norm(f"{name}.final_layer_norm", signal.T).T

    def stages(self, name: str, signal: np.ndarray) -> np.ndarray:
        """At the ratio 1 the convolution and both skips of the resampling are the signal itself, and are summed."""
        for stage in range(2):
            signal = self.backbone(f"{name}.downsample.{stage}.1", signal + signal + signal, 2)
        return signal

    def encode(self, features: np.ndarray) -> np.ndarray:
        signal = self.stages("encoder", self.backbone("encoder.encoder", features, SMALL.encoder_layers))
        return self.linear("encoder.project", signal.T).T

    def quantize(self, latents: np.ndarray) -> np.ndarray:
        """Indices of the codes with the least distance where both have unit length."""
        vectors = unit(self.conv("quantizer.in_project", latents).T)
        codes = unit(self.tensors["quantizer.codebook.weight"])
        return ((vectors[:, None] - codes[None]) ** 2).sum(-1).argmin(-1)

    def dequantize(self, indices: np.ndarray) -> np.ndarray:
        return self.conv("quantizer.out_project", self.tensors["quantizer.codebook.weight"][indices].T)

    def decoder_net(self, name: str, latents: np.ndarray, layers: int, condition: np.ndarray | None) -> np.ndarray:
        signal = self.stages(name, self.linear(f"{name}.linear_pre", latents.T).T)
        signal = self.backbone(f"{name}.vocos_backbone", signal, layers, condition)
        return self.linear(f"{name}.linear", signal.T).T

    # ------------------------------------------------------------------------------------------ global half

    def conv_relu_norm(self, name: str, signal: np.ndarray) -> np.ndarray:
        return self.batch_norm(f"{name}.bn", np.maximum(self.conv(f"{name}.conv", signal), 0))

    def se_res2(self, name: str, signal: np.ndarray, dilation: int) -> np.ndarray:
        name = f"{name}.se_res2block"
        inner = self.conv_relu_norm(f"{name}.0", signal)
        groups = np.split(inner, 8)
        outputs, current = [], 0
        for number in range(7):
            current = self.conv(f"{name}.1.convs.{number}", current + groups[number], dilation)
            current = self.batch_norm(f"{name}.1.bns.{number}", np.maximum(current, 0))
            outputs.append(current)
        inner = self.conv_relu_norm(f"{name}.2", np.concatenate([*outputs, groups[7]]))
        gate = np.maximum(self.linear(f"{name}.3.linear1", inner.mean(1)), 0)
        gate = 1 / (1 + np.exp(-self.linear(f"{name}.3.linear2", gate)))
        return signal + inner * gate[:, None]

    def frames(self, mel: np.ndarray) -> np.ndarray:
        name = "speaker_encoder.speaker_encoder"
        second = self.se_res2(f"{name}.layer2", self.conv_relu_norm(f"{name}.layer1", mel), 2)
        third = self.se_res2(f"{name}.layer3", second, 3)
        fourth = self.se_res2(f"{name}.layer4", third, 4)
        return np.maximum(self.conv(f"{name}.conv", np.concatenate([second, third, fourth])), 0)

    def x_vector(self, frames: np.ndarray) -> np.ndarray:
        """Attentive statistics that see the global ones, the deviation of which is the sample's."""
        name = "speaker_encoder.speaker_encoder"
        length = frames.shape[1]
        mean = frames.mean(1, keepdims=True)
        deviation = np.sqrt(((frames - mean) ** 2).sum(1, keepdims=True) / (length - 1) + 1e-7)
        context = np.concatenate([frames, np.repeat(mean, length, 1), np.repeat(deviation, length, 1)])
        scores = self.conv(f"{name}.pool.linear2", np.tanh(self.conv(f"{name}.pool.linear1", context)))
        attention = softmax(scores)
        mean = (attention * frames).sum(1)
        variance = (attention * frames**2).sum(1) - mean**2
        pooled = np.concatenate([mean, np.sqrt(np.maximum(variance, 1e-7))])
        return self.linear(f"{name}.linear", self.batch_norm(f"{name}.bn", pooled[:, None])[:, 0])

    def resample(self, frames: np.ndarray) -> np.ndarray:
        """`(channels, length)` -> `(voice tokens, size)`."""
        name = "speaker_encoder.perceiver_sampler"
        context, latents = self.linear(f"{name}.proj_context", frames.T), self.tensors[f"{name}.latents"]
        for number in range(2):
            layer = f"{name}.layers.{number}"
            keys, values = np.split(self.linear(f"{layer}.0.to_kv", np.concatenate([latents, context])), 2, axis=1)
            queries = self.linear(f"{layer}.0.to_q", latents)
            heads = [
                softmax(query @ key.T / math.sqrt(key.shape[1])) @ value
                for query, key, value in zip(
                    *(np.split(part, HEADS, 1) for part in (queries, keys, values)), strict=True
                )
            ]
            latents = latents + self.linear(f"{layer}.0.to_out", np.concatenate(heads, axis=1))
            kept, gate = np.split(self.linear(f"{layer}.1.0", latents), 2, axis=1)
            latents = latents + self.linear(f"{layer}.1.2", kept * gelu(gate))
        return unit(latents) * math.sqrt(latents.shape[1]) * self.tensors[f"{name}.norm.gamma"]

    def voice_tokens(self, latents: np.ndarray) -> np.ndarray:
        """Each dimension is squashed, shifted and rounded to its levels; the first is the least significant digit."""
        values = self.linear("speaker_encoder.quantizer.project_in", latents)
        index, unit_value = np.zeros(len(values), dtype=np.int64), 1
        for dimension, levels in enumerate(SMALL.levels):
            half, offset = (levels - 1) * 1.001 / 2, 0.5 if levels % 2 == 0 else 0.0
            bounded = np.tanh(values[:, dimension] + math.atanh(offset / half)) * half - offset
            index += unit_value * (np.rint(bounded).astype(np.int64) + levels // 2)
            unit_value *= levels
        return index

    def d_vector(self, tokens: np.ndarray) -> np.ndarray:
        digits, rest = [], tokens
        for levels in SMALL.levels:
            digits.append((rest % levels - levels // 2) / (levels // 2))
            rest = rest // levels
        vectors = self.linear("speaker_encoder.quantizer.project_out", np.stack(digits, axis=1))
        return self.linear("speaker_encoder.project", vectors.T.reshape(-1))  # channel by channel

    # ------------------------------------------------------------------------------------------ wave generator

    def snake(self, name: str, signal: np.ndarray) -> np.ndarray:
        alpha = self.tensors[f"{name}.alpha"][0]
        return signal + np.sin(alpha * signal) ** 2 / (alpha + 1e-9)

    def waveform(self, latents: np.ndarray) -> np.ndarray:
        signal = self.conv("decoder.model.0", latents)
        for stage, (kernel, rate) in enumerate(zip(KERNELS, RATES, strict=True), start=1):
            block, length = f"decoder.model.{stage}.block", signal.shape[1]
            weight = self.weight(f"{block}.1")
            assert weight.shape[2] == kernel
            signal = spread(self.snake(f"{block}.0", signal), weight, self.bias(f"{block}.1"), rate)
            assert signal.shape[1] == rate * length
            for unit_number, dilation in ((2, 1), (3, 3), (4, 9)):
                inner = f"{block}.{unit_number}.block"
                update = self.conv(f"{inner}.1", self.snake(f"{inner}.0", signal), dilation)
                signal = signal + self.conv(f"{inner}.3", self.snake(f"{inner}.2", update))
        return np.tanh(self.conv("decoder.model.6", self.snake("decoder.model.5", signal)))[0]


# --------------------------------------------------------------------------------------------------------------- tests


def make_model(norm: str = "new") -> tuple[FlowDubberSpeechTokenizer, Public]:
    """This package's model with the converted weights, and the same network by its definitions."""
    public, front_end = random_tensors(bicodec_shapes(SMALL, norm)), small_wav2vec2(SMALL.feature)
    wav2vec2 = {old_names(name): tensor for name, tensor in front_end.state_dict().items()}
    settings = wav2vec2_config(front_end.config.to_dict(), {"do_normalize": True, "sampling_rate": 16000})
    config = bicodec_config(SETTINGS, codec_settings(SMALL)["audio_tokenizer"], settings)
    model = FlowDubberSpeechTokenizer(config).eval()
    recipes, _ = plan_bicodec(model, public, wav2vec2)
    model.load_state_dict({name: recipe.cook() for name, recipe in recipes.items()})
    return model.double(), Public(public)


@pytest.fixture(scope="module")
def pair():
    return make_model()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def batch(signal: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(signal)[None]


FOLDED = 2e-5  # weight normalisation is folded in single precision


def close(ours: torch.Tensor, theirs: np.ndarray, tolerance: float = 1e-9) -> None:
    """Equal but for the order of sums in double precision."""
    np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("norm", ["new", "old"])
def test_weight_normalisation_in_both_names_is_folded(norm):
    model, public = make_model(norm)
    for ours, name in (
        (model.decoder.model[0], "decoder.model.0"),
        (model.decoder.model[2].block[1], "decoder.model.2.block.1"),
        (model.decoder.model[3].block[4].block[3], "decoder.model.3.block.4.block.3"),
        (model.quantizer.in_project, "quantizer.in_project"),
    ):
        np.testing.assert_allclose(ours.weight.detach().numpy(), public.weight(name), rtol=1e-6, atol=1e-7)


class TestSemanticHalf:
    def test_encoder(self, pair, random):
        model, public = pair
        features = random.normal(size=(SMALL.feature, 23))
        close(model.encoder(batch(features))[0], public.encode(features))

    def test_nearest_code(self, pair, random):
        model, public = pair
        latents = random.normal(size=(SMALL.latent, 400))
        tokens = public.quantize(latents)
        assert len(set(tokens)) > 20
        np.testing.assert_array_equal(model.quantizer.tokenize(batch(latents))[0].numpy(), tokens)
        close(model.quantizer.detokenize(torch.from_numpy(tokens)[None])[0], public.dequantize(tokens), FOLDED)

    def test_length_of_a_code_counts_where_it_is_used_but_not_where_it_is_sought(self, pair, random):
        model, public = make_model()
        latents = random.normal(size=(SMALL.latent, 100))
        before = model.quantizer.tokenize(batch(latents))
        with torch.no_grad():
            model.quantizer.codebook.weight.mul_(torch.linspace(0.1, 9, SMALL.codes)[:, None])
        assert torch.equal(model.quantizer.tokenize(batch(latents)), before)
        public.tensors["quantizer.codebook.weight"] = model.quantizer.codebook.weight.detach().numpy()
        close(model.quantizer.detokenize(before)[0], public.dequantize(before[0].numpy()), FOLDED)

    def test_prenet_is_conditioned(self, pair, random):
        model, public = pair
        latents, voice = random.normal(size=(SMALL.latent, 17)), random.normal(size=SMALL.latent)
        expected = public.decoder_net("prenet", latents, SMALL.prenet_layers, voice)
        close(model.prenet(batch(latents), None, batch(voice))[0], expected)

    def test_postnet_is_not(self, pair, random):
        model, public = pair
        latents = random.normal(size=(SMALL.latent, 17))
        close(model.postnet(batch(latents))[0], public.decoder_net("postnet", latents, SMALL.postnet_layers, None))


class TestGlobalHalf:
    def test_ecapa(self, pair, random):
        model, public = pair
        mel = np.abs(random.normal(size=(SMALL.mels, 12)))
        ecapa = model.speaker_encoder.speaker_encoder
        frames = public.frames(mel)
        close(ecapa.frame_features(batch(mel))[0], frames)
        close(ecapa.embed(batch(frames))[0], public.x_vector(frames))

    def test_perceiver_resampler(self, pair, random):
        model, public = pair
        frames = random.normal(size=(1536, 30))
        close(model.speaker_encoder.perceiver_sampler(batch(frames).transpose(1, 2))[0], public.resample(frames))

    def test_rounding_and_digits(self, pair, random):
        model, public = pair
        latents = 3 * random.normal(size=(200, SMALL.speaker_latent))
        tokens = public.voice_tokens(latents)
        assert len(set(tokens)) > 30
        np.testing.assert_array_equal(model.speaker_encoder.quantizer(batch(latents))[1][0].numpy(), tokens)

    def test_d_vector_runs_through_the_channels(self, pair, random):
        model, public = pair
        tokens = random.integers(64, size=SMALL.voice_tokens)
        close(model.speaker_encoder.detokenize(batch(tokens))[0], public.d_vector(tokens))

    def test_all_codes_round_trip_as_the_definition_counts_them(self, pair):
        """The published quantiser has six dimensions of four levels."""
        from flowdubber_hf.models.speech_tokenizer.quantization import FlowDubberFiniteScalarQuantizer

        codes = np.stack([(np.arange(4096) // 4**place % 4 - 2) / 2 for place in range(6)], axis=1)
        quantizer = FlowDubberFiniteScalarQuantizer([4] * 6, 128)
        ours = quantizer.indices_to_codes(torch.arange(4096))
        np.testing.assert_array_equal(ours.numpy(), codes)
        assert torch.equal(quantizer.codes_to_indices(ours), torch.arange(4096))
        # A value in the middle of its level is rounded to it: the squashing is undone by hand.
        half = 3 * 1.001 / 2
        values = np.arctanh((2 * codes + 0.5) / half) - math.atanh(0.5 / half)
        assert torch.equal(
            quantizer.codes_to_indices(quantizer.quantize(torch.from_numpy(values))), torch.arange(4096)
        )


def test_wave_generator(pair, random):
    model, public = pair
    latents = random.normal(size=(SMALL.latent, 5))
    expected = public.waveform(latents)
    assert expected.shape == (1600,) and 0.1 < np.abs(expected).mean() < 0.9
    close(model.decoder(batch(latents))[0], expected, FOLDED)


# ----------------------------------------------------------------------------------------------------------- front end


def public_volume(sound: np.ndarray) -> np.ndarray:
    """The rule of 6.5 with its coefficient 0.2."""
    levels = np.sort(np.abs(sound))
    if levels[-1] < 0.1:
        sound = sound / max(levels[-1], 1e-3) * 0.1
    levels = levels[levels > 0.01]
    if len(levels) <= 10:
        return sound
    loud = levels[int(0.9 * len(levels)) : int(0.99 * len(levels))].mean()
    sound = sound * np.clip(0.2 / loud, 0.1, 10)
    return sound / max(1.0, np.abs(sound).max())


@pytest.mark.parametrize("level", [0.005, 0.05, 0.5, 3.0])
def test_volume(level, random):
    sound = level * np.tanh(random.normal(size=8000))
    np.testing.assert_allclose(normalize_volume(torch.from_numpy(sound)).numpy(), public_volume(sound), rtol=1e-9)


def slaney_filters(count: int, lowest: float) -> np.ndarray:
    """Triangles of unit area on Slaney's scale: even up to 1 kHz (15 mels), logarithmic above (27 a factor of 6.4)."""

    def mel(hertz):
        return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)

    def hertz(mels):
        return mels * 200 / 3 if mels < 15 else 1000 * math.exp((mels - 15) * math.log(6.4) / 27)

    edges = [hertz(value) for value in np.linspace(mel(lowest), mel(8000), count + 2)]
    bins = np.arange(513) * 16000 / 1024
    rows = [
        np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))) * 2 / (high - low)
        for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return np.stack(rows)


def public_mel(sound: np.ndarray, count: int) -> np.ndarray:
    """Magnitudes of 1024 points every 320, a Hann window of 640 in their middle, the ends mirrored."""
    window = np.zeros(1024)
    window[192:832] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)
    padded = np.pad(sound, 512, mode="reflect")
    frames = [padded[start : start + 1024] * window for start in range(0, len(sound) + 1, 320)]
    return slaney_filters(count, 10.0) @ np.abs(np.fft.rfft(np.stack(frames), axis=1)).T


def test_mel_of_the_global_branch(random):
    sound = 0.2 * random.normal(size=9600)
    config = FlowDubberSpeechTokenizerConfig()
    assert (config.speaker_mel_bins, config.speaker_fmin, config.speaker_seconds) == (128, 10.0, 6)
    mel = speaker_mel(torch.from_numpy(sound)[None], config)[0].numpy()
    assert mel.shape == (128, 31)
    np.testing.assert_allclose(mel, public_mel(sound, 128), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("samples", [40000, 96000, 123456])
def test_reference_is_the_first_six_seconds_tiled(samples, random):
    sound = random.normal(size=samples)
    expected = np.tile(sound, 96000 // samples + 1)[:96000]
    clip = reference_clip(torch.from_numpy(sound)[None], torch.tensor([samples]), 96000)
    np.testing.assert_array_equal(clip[0].numpy(), expected)


def public_features(sound: np.ndarray) -> np.ndarray:
    """The public front end layer by layer: what layers 11, 14 and 16 put out, counted from 1, and their mean."""
    model = small_wav2vec2(SMALL.feature).wav2vec2.double()
    extractor = Wav2Vec2FeatureExtractor(feature_size=1, sampling_rate=16000, do_normalize=True)
    values = extractor(sound, sampling_rate=16000, return_tensors="pt").input_values.double()
    with torch.no_grad():
        hidden = model.feature_projection(model.feature_extractor(values).transpose(1, 2))[0]
        hidden = hidden + model.encoder.pos_conv_embed(hidden)
        outputs = {}
        for number, layer in enumerate(model.encoder.layers, start=1):
            hidden = layer(hidden)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
            outputs[number] = hidden[0].T.numpy()
    return (outputs[11] + outputs[14] + outputs[16]) / 3


def test_features_are_the_mean_of_three_layers(pair, random):
    model, _ = pair
    sound = 0.3 * random.normal(size=16321)
    features, mask = model.extract_features(torch.from_numpy(sound)[None])
    assert features.shape == (1, SMALL.feature, 50) and mask.all()  # (16321 - 400) // 320 + 1
    assert model.extract_features(torch.from_numpy(sound[:16000])[None])[0].shape[2] == 49
    # The sound is normalised in single precision by both.
    np.testing.assert_allclose(features[0].numpy(), public_features(sound), rtol=1e-3, atol=1e-3)


def test_rows_of_a_batch_are_as_alone(pair, random):
    model, _ = pair
    sounds = [torch.from_numpy(0.3 * random.normal(size=samples)) for samples in (16321, 9919, 9920)]
    mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(sound) for sound in sounds], batch_first=True)
    together = model.encode(torch.nn.utils.rnn.pad_sequence(sounds, batch_first=True), mask)
    assert together.semantic_mask.sum(1).tolist() == [50, 30, 30]
    for row, sound in enumerate(sounds):
        alone = model.encode(sound[None])
        assert torch.equal(together.semantic_tokens[row][together.semantic_mask[row]], alone.semantic_tokens[0])
        assert torch.equal(together.global_tokens[row], alone.global_tokens[0])


def test_from_sound_to_tokens_and_back(random):
    model, public = make_model()
    model = model.float()
    time = np.arange(40000) / 16000
    sound = 0.2 * np.sin(2 * np.pi * (150 + 60 * time) * time) * np.sin(9 * time) + 0.01 * random.normal(size=40000)
    tokens = model.encode(torch.from_numpy(sound).float()[None])

    loud = public_volume(sound)
    semantic = public.quantize(public.encode(public_features(loud)))
    assert len(set(semantic)) > 3
    np.testing.assert_array_equal(tokens.semantic_tokens[0].numpy(), semantic)
    mel = public_mel(np.tile(loud, 3)[:96000], SMALL.mels)
    voice = public.voice_tokens(public.resample(public.frames(mel)))
    np.testing.assert_array_equal(tokens.global_tokens[0].numpy(), voice)

    semantic, d_vector = semantic[:6], public.d_vector(voice)
    latents = public.decoder_net("prenet", public.dequantize(semantic), SMALL.prenet_layers, d_vector)
    spoken = model.decode(torch.from_numpy(semantic)[None], torch.from_numpy(voice)[None])[0]
    np.testing.assert_allclose(spoken.numpy(), public.waveform(latents + d_vector[:, None]), rtol=1e-3, atol=1e-3)

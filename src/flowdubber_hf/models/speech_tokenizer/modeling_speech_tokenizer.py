"""FlowDubber speech tokenizer: sound to semantic and global tokens and back, with BiCodec's structure."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import torch
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import nn
from transformers import PreTrainedModel, Wav2Vec2Model
from transformers import initialization as init
from transformers.utils import ModelOutput

from flowdubber_hf.checkpoints.sources import BundledNames

from .configuration_speech_tokenizer import FlowDubberSpeechTokenizerConfig
from .ecapa import FlowDubberEcapaTdnn
from .front_end import (
    length_mask,
    mel_features,
    normalize_volumes,
    reference_clip,
    sample_lengths,
    speaker_mel,
    token_counts,
    unfold_mel,
    wav2vec2_inputs,
)
from .perceiver import FlowDubberPerceiverResampler, FlowDubberScaledUnitNorm
from .quantization import (
    FlowDubberFactorizedVectorQuantizer,
    FlowDubberFiniteScalarQuantizer,
    QuantizerOutput,
    full_precision,
)
from .vocos import FlowDubberConvNeXtBlock, FlowDubberFeatureDecoder, FlowDubberFeatureEncoder
from .wave_generator import FlowDubberSnake, FlowDubberWaveGenerator


@dataclass
class FlowDubberSpeechTokenizerEncoderOutput(ModelOutput):
    """
    Output of [`FlowDubberSpeechTokenizer.encode`].

    Args:
        semantic_tokens (`torch.LongTensor` of shape `(batch, tokens)`):
            50 a second: what is said. 0 where the mask is False.
        semantic_mask (`torch.BoolTensor` of shape `(batch, tokens)`):
            Which of them are real.
        global_tokens (`torch.LongTensor` of shape `(batch, 32)`):
            Who says it.
    """

    semantic_tokens: torch.LongTensor | None = None
    semantic_mask: torch.BoolTensor | None = None
    global_tokens: torch.LongTensor | None = None


@dataclass
class FlowDubberSpeechTokenizerOutput(ModelOutput):
    """
    Output of [`FlowDubberSpeechTokenizer`].

    Args:
        loss (`torch.FloatTensor` of shape `()`):
            `feature_loss + vq_loss`.
        feature_loss (`torch.FloatTensor` of shape `()`):
            Mean absolute difference of the postnet's features from the encoder's input.
        vq_loss (`torch.FloatTensor` of shape `()`):
            Weighted commitment and codebook losses; 0 in evaluation mode.
        waveform (`torch.FloatTensor` of shape `(batch, samples)`):
            The wave generator's sound, of the asked crop; `None` where none was asked for.
        predicted_features (`torch.FloatTensor` of shape `(batch, feature_size, tokens)`):
            Normalised features predicted by the postnet.
        features (`torch.FloatTensor` of shape `(batch, feature_size, tokens)`):
            Those of the input.
        quantized (`torch.FloatTensor` of shape `(batch, latent_size, tokens)`):
            Quantised latents, with straight-through gradient.
        d_vector, x_vector (`torch.FloatTensor` of shape `(batch, latent_size)`):
            The voice from the global tokens, and from the ECAPA-TDNN's pooling.
        semantic_tokens, semantic_mask, global_tokens:
            As in [`FlowDubberSpeechTokenizerEncoderOutput`].
        perplexity, active_codes (`torch.FloatTensor` of shape `()`):
            Of the semantic codes in this batch.
    """

    loss: torch.FloatTensor | None = None
    feature_loss: torch.FloatTensor | None = None
    vq_loss: torch.FloatTensor | None = None
    waveform: torch.FloatTensor | None = None
    predicted_features: torch.FloatTensor | None = None
    features: torch.FloatTensor | None = None
    quantized: torch.FloatTensor | None = None
    d_vector: torch.FloatTensor | None = None
    x_vector: torch.FloatTensor | None = None
    semantic_tokens: torch.LongTensor | None = None
    semantic_mask: torch.BoolTensor | None = None
    global_tokens: torch.LongTensor | None = None
    perplexity: torch.FloatTensor | None = None
    active_codes: torch.FloatTensor | None = None


class FlowDubberSpeakerEncoder(nn.Module):
    """Mel spectrogram of a voice to 32 tokens and back to a d-vector."""

    def __init__(self, config: FlowDubberSpeechTokenizerConfig):
        super().__init__()
        self.speaker_encoder = FlowDubberEcapaTdnn(
            config.speaker_mel_bins,
            config.ecapa_channels,
            config.ecapa_out_channels,
            config.ecapa_bottleneck_size,
            config.latent_size,
        )
        self.perceiver_sampler = FlowDubberPerceiverResampler(
            config.ecapa_out_channels,
            config.speaker_latent_size,
            config.num_global_tokens,
            config.perceiver_num_layers,
            config.perceiver_num_heads,
            config.perceiver_head_dim,
            config,
        )
        self.quantizer = FlowDubberFiniteScalarQuantizer(config.fsq_levels, config.speaker_latent_size)
        self.project = nn.Linear(config.speaker_latent_size * config.num_global_tokens, config.latent_size)

    def d_vector(self, quantized: torch.Tensor) -> torch.Tensor:
        """`(batch, tokens, speaker_latent_size)` -> `(batch, latent_size)`, flattened channel-major as in BiCodec."""
        return self.project(quantized.transpose(1, 2).flatten(1))

    def forward(self, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """`(batch, speaker_mel_bins, length)` -> tokens `(batch, 32)`, d-vector and x-vector `(batch, latent_size)`."""
        frames = self.speaker_encoder.frame_features(mel)
        quantized, tokens = self.quantizer(self.perceiver_sampler(frames.transpose(1, 2)))
        return tokens, self.d_vector(quantized), self.speaker_encoder.embed(frames)

    def tokenize(self, mel: torch.Tensor) -> torch.Tensor:
        """`(batch, speaker_mel_bins, length)` -> `(batch, 32)`."""
        frames = self.speaker_encoder.frame_features(mel)
        return self.quantizer(self.perceiver_sampler(frames.transpose(1, 2)))[1]

    def detokenize(self, tokens: torch.Tensor) -> torch.Tensor:
        """`(batch, 32)` -> d-vector `(batch, latent_size)`."""
        return self.d_vector(self.quantizer.detokenize(tokens))


class FlowDubberSpeechTokenizerPreTrainedModel(BundledNames, PreTrainedModel):
    """Weight initialisation and loading of the speech tokenizer."""

    config: FlowDubberSpeechTokenizerConfig
    base_model_prefix = "speech_tokenizer"
    main_input_name = "input_values"
    input_modalities = ("audio",)
    _supports_sdpa = True
    _supports_attention_backend = True
    supports_gradient_checkpointing = True
    _no_split_modules = ["FlowDubberConvNeXtBlock", "FlowDubberUpsamplingBlock"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        # Only modules that own a parameter or buffer are sure to come here.
        if hasattr(module, "initializer_std"):
            init.normal_(module.weight, std=module.initializer_std)
            if module.bias is not None:
                init.constant_(module.bias, module.initializer_bias)
        elif isinstance(module, FlowDubberConvNeXtBlock):
            init.constant_(module.gamma, module.layer_scale)
        elif isinstance(module, FlowDubberPerceiverResampler):
            init.normal_(module.latents)  # as long as what they read, or every voice gets the same tokens
        elif isinstance(module, FlowDubberScaledUnitNorm):
            init.ones_(module.gamma)
        elif isinstance(module, FlowDubberSnake):
            init.ones_(module.alpha)
        elif isinstance(module, FlowDubberFactorizedVectorQuantizer):
            init.zeros_(module.cluster_size)


class FlowDubberSpeechTokenizer(FlowDubberSpeechTokenizerPreTrainedModel):
    """Speech tokenizer with the structure of BiCodec, Spark-TTS's speech tokenizer.

    Sound becomes semantic tokens (50 a second) and 32 global tokens; together they become sound again. Modules:
    `encoder` and `quantizer` (semantic), `speaker_encoder` (global), `prenet` and `decoder` (sound), `postnet` (training
    only: predicts the encoder's input) and, for `feature_type="wav2vec2"`, the frozen `wav2vec2`.

    Args:
        config ([`FlowDubberSpeechTokenizerConfig`]): sizes and front end.
    """

    def __init__(self, config: FlowDubberSpeechTokenizerConfig):
        super().__init__(config)
        stages = len(config.sample_ratios)
        widths = (config.hidden_size, config.intermediate_size)
        latent = config.latent_size
        self.encoder = FlowDubberFeatureEncoder(
            config.feature_size, *widths, config.num_encoder_layers, latent, stages
        )
        self.quantizer = FlowDubberFactorizedVectorQuantizer(
            latent,
            config.codebook_size,
            config.codebook_dim,
            config.commitment_weight,
            config.codebook_weight,
            config.normalize_codes,
            config.codebook_decay,
            config.dead_code_threshold,
        )
        self.speaker_encoder = FlowDubberSpeakerEncoder(config)
        self.prenet: FlowDubberFeatureDecoder | None = None
        self.decoder: FlowDubberWaveGenerator | None = None
        if config.num_prenet_layers:
            self.prenet = FlowDubberFeatureDecoder(latent, *widths, config.num_prenet_layers, latent, stages, latent)
            self.decoder = FlowDubberWaveGenerator(
                latent, config.decoder_channels, config.upsample_rates, config.upsample_kernel_sizes
            )
        self.postnet: FlowDubberFeatureDecoder | None = None
        if config.num_postnet_layers:
            self.postnet = FlowDubberFeatureDecoder(
                latent, *widths, config.num_postnet_layers, config.feature_size, stages
            )
        self.wav2vec2: Wav2Vec2Model | None = None
        if config.feature_type == "wav2vec2":
            self.wav2vec2 = Wav2Vec2Model(config.wav2vec2_config)
            self.wav2vec2.requires_grad_(False)
        self.post_init()

    def drop_postnet(self) -> None:
        """Takes the training-only postnet out, so that a published model need not carry it."""
        self.postnet = None
        self.config.num_postnet_layers = 0

    def drop_sound(self) -> None:
        """Takes out what makes sound of tokens (prenet, wave generator, postnet): a dub only reads its reference with this model."""
        self.drop_postnet()
        self.prenet = self.decoder = None
        self.config.num_prenet_layers = 0

    @property
    def makes_sound(self) -> bool:
        """Whether tokens can be made sound again, see [`drop_sound`]."""
        return self.prenet is not None

    def _predict_latents(
        self, quantized: torch.Tensor, mask: torch.Tensor | None, voice: torch.Tensor
    ) -> torch.Tensor:
        if not self.makes_sound:
            raise ValueError(
                "this speech tokenizer was published without what makes sound of its tokens: it only reads sound. Load the "
                "training run's own folder, or set `num_prenet_layers` and train it."
            )
        return self.prenet(quantized, mask, voice)

    def _predict_features(self, latents: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.postnet is None:
            raise ValueError(
                "this speech tokenizer was published without its postnet, which only training needs; load the training "
                "run's own folder, or set `num_postnet_layers` and train it."
            )
        return self.postnet(latents, mask)

    def train(self, mode: bool = True) -> "FlowDubberSpeechTokenizer":
        """Sets the training mode of everything but the frozen front end."""
        super().train(mode)
        if self.wav2vec2 is not None:
            self.wav2vec2.eval()
        return self

    def extract_features(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The semantic branch's input.

        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): 16 kHz sound.
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*): real samples; padding on the right.

        Returns:
            Normalised features `(batch, feature_size, tokens)`, zero at padding, and the mask `(batch, tokens)`; one token
            for every full 320 samples, but see `wav2vec2_tail` of the configuration.
        """
        lengths = sample_lengths(input_values, attention_mask)
        with torch.no_grad():
            if self.wav2vec2 is None:
                with full_precision(input_values):
                    features = mel_features(input_values, lengths, self.config)
            else:
                features = self._wav2vec2_features(input_values, lengths)
        mask = length_mask(token_counts(lengths, self.config), features.shape[2])
        return (features * mask[:, None]).to(self.encoder.project.weight.dtype), mask

    def _wav2vec2_features(self, input_values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        values, mask = wav2vec2_inputs(input_values.float(), lengths, self.config.wav2vec2_tail)
        output = self.wav2vec2(values.to(self.wav2vec2.dtype), attention_mask=mask.long(), output_hidden_states=True)
        layers = [output.hidden_states[layer] for layer in self.config.wav2vec2_layers]
        mean = torch.stack(layers).float().mean(dim=0).transpose(1, 2)
        return (mean - self.config.feature_mean) / self.config.feature_std

    def _speaker_mel(self, input_values: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        samples = self.config.speaker_seconds * self.config.sampling_rate
        with torch.no_grad(), full_precision(input_values):
            mel = speaker_mel(reference_clip(input_values, lengths, samples), self.config)
        return mel.to(self.encoder.project.weight.dtype)

    def prepare(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Checks `(batch, samples)` sound and its mask, and brings it to a common loudness as configured.

        Returns:
            The sound, its lengths `(batch,)` and its mask `(batch, samples)`.

        Raises:
            ValueError: as in [`encode`].
        """
        lengths = sample_lengths(input_values, attention_mask)
        if self.config.volume_normalize:
            input_values = normalize_volumes(input_values, lengths)
        return input_values, lengths, length_mask(lengths, input_values.shape[1])

    @torch.no_grad()
    @apply_forward_hook
    def encode(
        self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None
    ) -> FlowDubberSpeechTokenizerEncoderOutput:
        """Sound to tokens.

        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): 16 kHz sound in [-1, 1], any loudness.
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*): real samples; padding on the right.

        Raises:
            ValueError: less than 40 ms of sound, or padding elsewhere than on the right.
        """
        values, lengths, sample_mask = self.prepare(input_values, attention_mask)
        features, mask = self.extract_features(values, sample_mask)
        tokens = self.quantizer.tokenize(self.encoder(features, mask[:, None]))
        return FlowDubberSpeechTokenizerEncoderOutput(
            semantic_tokens=tokens.masked_fill(~mask, 0),
            semantic_mask=mask,
            global_tokens=self.speaker_encoder.tokenize(self._speaker_mel(values, lengths)),
        )

    def encode_global(self, input_values: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        """The global tokens alone: `(batch, samples)` -> `(batch, 32)`."""
        with torch.no_grad():
            values, lengths, _ = self.prepare(input_values, attention_mask)
            return self.speaker_encoder.tokenize(self._speaker_mel(values, lengths))

    def _check_tokens(self, semantic_tokens: torch.Tensor, global_tokens: torch.Tensor) -> None:
        expected = (len(semantic_tokens), self.config.num_global_tokens)
        if semantic_tokens.ndim != 2 or tuple(global_tokens.shape) != expected:
            raise ValueError(
                f"semantic tokens must have the shape (batch, tokens) and global tokens {expected}, got "
                f"{tuple(semantic_tokens.shape)} and {tuple(global_tokens.shape)}."
            )
        for name, tokens, size in (
            ("semantic", semantic_tokens, self.config.codebook_size),
            ("global", global_tokens, self.config.global_codebook_size),
        ):
            if tokens.numel() and (int(tokens.min()) < 0 or int(tokens.max()) >= size):
                raise ValueError(f"{name} tokens must lie in 0 .. {size - 1}.")

    def _decode_latents(
        self, semantic_tokens: torch.Tensor, global_tokens: torch.Tensor, semantic_mask: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        self._check_tokens(semantic_tokens, global_tokens)
        mask = None if semantic_mask is None else semantic_mask.bool()[:, None]
        voice = self.speaker_encoder.detokenize(global_tokens)
        return self._predict_latents(self.quantizer.detokenize(semantic_tokens), mask, voice), voice, mask

    @torch.no_grad()
    def decode(
        self,
        semantic_tokens: torch.Tensor,
        global_tokens: torch.Tensor,
        semantic_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Tokens to sound.

        Args:
            semantic_tokens (`torch.LongTensor` of shape `(batch, tokens)`): what is said.
            global_tokens (`torch.LongTensor` of shape `(batch, 32)`): the voice.
            semantic_mask (`torch.BoolTensor` of shape `(batch, tokens)`, *optional*): real tokens.

        Returns:
            `torch.FloatTensor` of shape `(batch, 320 * tokens)` in [-1, 1], silent at padding.

        Raises:
            ValueError: tokens out of range or of a wrong shape, or a model without its sound, see [`drop_sound`].
        """
        latents, voice, mask = self._decode_latents(semantic_tokens, global_tokens, semantic_mask)
        return self.decoder(latents + voice[..., None], mask)

    @torch.no_grad()
    def decode_features(
        self,
        semantic_tokens: torch.Tensor,
        global_tokens: torch.Tensor,
        semantic_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Tokens to the features that the postnet predicts, in their own units.

        Returns:
            With mel features the natural-log mel `(batch, 80, 2 * tokens)` at 100 Hz (zero-loudness information aside, a
            vocoder's input); else `(batch, feature_size, tokens)`.
        """
        latents, _, mask = self._decode_latents(semantic_tokens, global_tokens, semantic_mask)
        features = self._predict_features(latents, mask)
        if self.config.feature_type == "mel":
            return unfold_mel(features, self.config)
        return features * self.config.feature_std + self.config.feature_mean

    def forward(
        self,
        input_values: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        reference_values: torch.Tensor | None = None,
        reference_mask: torch.Tensor | None = None,
        waveform_crop: tuple[int, int] | None = None,
        code_priorities: torch.Tensor | None = None,
        **kwargs,
    ) -> FlowDubberSpeechTokenizerOutput:
        """Reconstruction with its losses, for training.

        Args:
            input_values (`torch.Tensor` of shape `(batch, samples)`): 16 kHz sound of common loudness; unlike `encode`,
                this does not normalise the volume (a crop should keep its clip's).
            attention_mask (`torch.Tensor` of shape `(batch, samples)`, *optional*): real samples; padding on the right.
            reference_values, reference_mask (*optional*): sound for the global branch; `input_values` when not given. With
                fewer rows than `input_values`, each voice serves as many consecutive rows as there are more.
            waveform_crop (`(first token, tokens)`, *optional*): which part the wave generator makes; everything when not
                given, nothing for 0 tokens.
            code_priorities (`torch.Tensor` of shape `(batch, tokens)`, *optional*): in training, unused codes move onto
                the tokens with the lowest of these numbers; random when not given.
        """
        features, mask = self.extract_features(input_values, attention_mask)
        if reference_values is None:
            reference_values, reference_mask = input_values, attention_mask
        reference_lengths = sample_lengths(reference_values, reference_mask)
        global_tokens, d_vector, x_vector = self.speaker_encoder(
            self._speaker_mel(reference_values, reference_lengths)
        )
        d_vector = self._share_voices(d_vector, len(features))
        quantizer_output: QuantizerOutput = self.quantizer(
            self.encoder(features, mask[:, None]), mask, code_priorities
        )
        latents = self._predict_latents(quantizer_output.quantized, mask[:, None], d_vector)
        predicted = self._predict_features(latents, mask[:, None])
        cells = mask.sum().clamp(min=1) * self.config.feature_size
        feature_loss = ((predicted - features).abs() * mask[:, None]).sum() / cells
        return FlowDubberSpeechTokenizerOutput(
            loss=feature_loss + quantizer_output.loss,
            feature_loss=feature_loss,
            vq_loss=quantizer_output.loss,
            waveform=self._waveform(latents + d_vector[..., None], mask[:, None], waveform_crop),
            predicted_features=predicted * mask[:, None],
            features=features,
            quantized=quantizer_output.quantized,
            d_vector=d_vector,
            x_vector=x_vector,
            semantic_tokens=quantizer_output.indices.masked_fill(~mask, 0),
            semantic_mask=mask,
            global_tokens=global_tokens,
            perplexity=quantizer_output.perplexity,
            active_codes=quantizer_output.active_codes,
        )

    @staticmethod
    def _share_voices(d_vector: torch.Tensor, rows: int) -> torch.Tensor:
        if rows % len(d_vector):
            raise ValueError(f"{len(d_vector)} references cannot be shared evenly by {rows} sounds.")
        return d_vector.repeat_interleave(rows // len(d_vector), dim=0)

    def _waveform(
        self, latents: torch.Tensor, mask: torch.Tensor, crop: tuple[int, int] | None
    ) -> torch.Tensor | None:
        if crop is None:
            return self.decoder(latents, mask)
        first, tokens = crop
        if tokens == 0:
            return None
        return self.decoder(latents[..., first : first + tokens], mask[..., first : first + tokens])


__all__ = [
    "FlowDubberSpeechTokenizer",
    "FlowDubberSpeechTokenizerEncoderOutput",
    "FlowDubberSpeechTokenizerOutput",
    "FlowDubberSpeechTokenizerPreTrainedModel",
]

"""FlowDubber speech tokenizer configuration."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import ClassVar

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig, Wav2Vec2Config
from transformers.configuration_utils import SubConfigSpec

from flowdubber_hf.processing.audio import MEL_SETTINGS


FEATURE_TYPES = ("mel", "wav2vec2")
MEL_FRAMES_PER_TOKEN = 2
# wav2vec2's convolutions see 400 samples a step of 320.
WAV2VEC2_OVERLAP = 80

# wav2vec2-large-xlsr-53: the front end of BiCodec.
XLSR_SETTINGS = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
    "layerdrop": 0.0,
    "apply_spec_augment": False,
}

# Presets by name: keyword arguments of the configuration. `base` is BiCodec; `tiny` trains on a CPU.
SPEECH_TOKENIZER_PRESETS: dict[str, dict] = {
    "base": {},
    "tiny": {
        "feature_type": "mel",
        "feature_size": MEL_SETTINGS["num_mels"] * MEL_FRAMES_PER_TOKEN,
        "feature_mean": -6.4,
        "feature_std": 2.2,
        "hidden_size": 128,
        "intermediate_size": 512,
        "latent_size": 128,
        "num_encoder_layers": 5,
        "num_prenet_layers": 3,
        "num_postnet_layers": 2,
        "sample_ratios": [],
        "codebook_size": 512,
        "normalize_codes": True,
        "codebook_decay": 0.9,
        "speaker_log_mel": True,
        "ecapa_channels": 64,
        "ecapa_out_channels": 192,
        "ecapa_bottleneck_size": 32,
        "speaker_latent_size": 64,
        "perceiver_head_dim": 32,
        "perceiver_num_heads": 4,
        "decoder_channels": 128,
    },
}


@strict
class FlowDubberSpeechTokenizerConfig(PreTrainedConfig):
    r"""
    Configuration of [`FlowDubberSpeechTokenizer`]. The defaults are those of BiCodec (the tokenizer of Spark-TTS-0.5B).

    Args:
        feature_type (`str`, *optional*, defaults to `"wav2vec2"`):
            What the semantic branch hears: `"wav2vec2"` (mean of the hidden states `wav2vec2_layers` of a Wav2Vec2 model)
            or `"mel"` (two consecutive frames of the package's log-mel spectrogram for each token).
        feature_size (`int`, *optional*, defaults to 1024):
            Width of these features; 160 for `"mel"`.
        feature_mean, feature_std (`float`, *optional*, defaults to 0 and 1):
            The features enter the encoder, and leave the postnet, as `(features - mean) / std`.
        wav2vec2_config (`dict` or `Wav2Vec2Config`, *optional*):
            The front end for `"wav2vec2"`; wav2vec2-large-xlsr-53's when not given. `None` for `"mel"`.
        wav2vec2_layers (`list[int]`, *optional*, defaults to `[11, 14, 16]`):
            Hidden states that are averaged.
        wav2vec2_tail (`int`, *optional*, defaults to 80):
            Silent samples that the Wav2Vec2 model hears behind the sound. 80 give a token for every full 320 samples; with
            0, as in Spark-TTS, a second has 49.
        mel_settings (`dict`, *optional*):
            Settings of the log-mel spectrogram of `"mel"`. Filled in when not given; others than the package's are refused.
        volume_normalize (`bool`, *optional*, defaults to `True`):
            Whether `encode` first brings the sound to a common loudness.
        hidden_size, intermediate_size (`int`, *optional*, defaults to 384 and 2048):
            Widths of the ConvNeXt blocks of encoder, prenet and postnet.
        latent_size (`int`, *optional*, defaults to 1024):
            Width of the encoder's output, the quantised vectors and the d-vector.
        num_encoder_layers, num_prenet_layers, num_postnet_layers (`int`, *optional*, defaults to 12, 12 and 6):
            ConvNeXt blocks of each. No postnet layers leave the postnet, which only training needs, out; no prenet layers
            leave out all that makes sound of tokens (prenet, wave generator and postnet): sound is still read.
        sample_ratios (`list[int]`, *optional*, defaults to `[1, 1]`):
            One further stage of two ConvNeXt blocks each in encoder, prenet and postnet; only the ratio 1 (50 Hz) is
            supported, as in BiCodec's checkpoint.
        codebook_size, codebook_dim (`int`, *optional*, defaults to 8192 and 8):
            Semantic codes, and the width in which the nearest one is sought.
        commitment_weight, codebook_weight (`float`, *optional*, defaults to 0.25 and 2):
            Weights of the two quantisation losses.
        normalize_codes (`bool`, *optional*, defaults to `False`):
            Whether the projected vectors and the codes have unit length (BiCodec only compares their directions).
        codebook_decay, dead_code_threshold (`float`, *optional*, defaults to 0.99 and 0.2):
            Decay of the running count of each code's uses in a training batch, and the count under which it is replaced.
        speaker_mel_bins, speaker_n_fft, speaker_win_length, speaker_fmin (*optional*, defaults to 128, 1024, 640 and 10):
            The magnitude mel spectrogram of the global branch (hop = `hop_length`, Slaney).
        speaker_log_mel (`bool`, *optional*, defaults to `False`):
            Whether its logarithm is taken (BiCodec does not).
        speaker_seconds (`int`, *optional*, defaults to 6):
            Length of the reference: the beginning of the sound, repeated where it is shorter.
        ecapa_channels, ecapa_out_channels, ecapa_bottleneck_size (`int`, *optional*, defaults to 512, 1536 and 128):
            Widths of the ECAPA-TDNN.
        num_global_tokens (`int`, *optional*, defaults to 32):
            Global tokens of a voice.
        speaker_latent_size, perceiver_num_layers, perceiver_num_heads, perceiver_head_dim (`int`, *optional*, defaults to
            128, 2, 8 and 64): The perceiver resampler.
        fsq_levels (`list[int]`, *optional*, defaults to `[4, 4, 4, 4, 4, 4]`):
            Levels of the finite scalar quantiser: 4096 global codes.
        decoder_channels (`int`, *optional*, defaults to 1536):
            Channels after the wave generator's first convolution, halved at each upsampling.
        upsample_rates, upsample_kernel_sizes (`list[int]`, *optional*, defaults to `[8, 5, 4, 2]` and `[16, 11, 8, 4]`):
            Strides and kernels of the wave generator; the strides multiply to `hop_length`.

    Example:

    ```python
    >>> from flowdubber_hf.models.speech_tokenizer import (
    ...     SPEECH_TOKENIZER_PRESETS, FlowDubberSpeechTokenizer, FlowDubberSpeechTokenizerConfig,
    ... )

    >>> config = FlowDubberSpeechTokenizerConfig(**SPEECH_TOKENIZER_PRESETS["tiny"])
    >>> model = FlowDubberSpeechTokenizer(config)
    ```"""

    model_type = "flowdubber_speech_tokenizer"
    sub_configs_defaults: ClassVar[dict] = {"wav2vec2_config": SubConfigSpec(Wav2Vec2Config, optional=True)}

    sampling_rate: int = 16000
    hop_length: int = 320

    feature_type: str = "wav2vec2"
    feature_size: int = 1024
    feature_mean: float | int = 0.0
    feature_std: float | int = 1.0
    wav2vec2_config: dict | PreTrainedConfig | None = None
    wav2vec2_layers: list[int] | tuple[int, ...] = (11, 14, 16)
    wav2vec2_tail: int = WAV2VEC2_OVERLAP
    mel_settings: dict | None = None
    volume_normalize: bool = True

    hidden_size: int = 384
    intermediate_size: int = 2048
    latent_size: int = 1024
    num_encoder_layers: int = 12
    num_prenet_layers: int = 12
    num_postnet_layers: int = 6
    sample_ratios: list[int] | tuple[int, ...] = (1, 1)

    codebook_size: int = 8192
    codebook_dim: int = 8
    commitment_weight: float | int = 0.25
    codebook_weight: float | int = 2.0
    normalize_codes: bool = False
    codebook_decay: float | int = 0.99
    dead_code_threshold: float | int = 0.2

    speaker_mel_bins: int = 128
    speaker_n_fft: int = 1024
    speaker_win_length: int = 640
    speaker_fmin: float | int = 10.0
    speaker_log_mel: bool = False
    speaker_seconds: int = 6
    ecapa_channels: int = 512
    ecapa_out_channels: int = 1536
    ecapa_bottleneck_size: int = 128
    num_global_tokens: int = 32
    speaker_latent_size: int = 128
    perceiver_num_layers: int = 2
    perceiver_num_heads: int = 8
    perceiver_head_dim: int = 64
    fsq_levels: list[int] | tuple[int, ...] = (4, 4, 4, 4, 4, 4)

    decoder_channels: int = 1536
    upsample_rates: list[int] | tuple[int, ...] = (8, 5, 4, 2)
    upsample_kernel_sizes: list[int] | tuple[int, ...] = (16, 11, 8, 4)

    initializer_range: float = 0.02

    def __post_init__(self, **kwargs):
        if self.feature_type == "wav2vec2" and self.wav2vec2_config is None:
            self.wav2vec2_config = dict(XLSR_SETTINGS)
        if self.feature_type == "mel" and self.mel_settings is None:
            self.mel_settings = dict(MEL_SETTINGS)
        super().__post_init__(**kwargs)

    @property
    def token_rate(self) -> int:
        """Semantic tokens a second."""
        return self.sampling_rate // self.hop_length

    @property
    def global_codebook_size(self) -> int:
        """Number of different global tokens."""
        size = 1
        for level in self.fsq_levels:
            size *= level
        return size

    def validate_feature_type(self):
        """The front end is one of the two, and its settings fit it."""
        if self.feature_type not in FEATURE_TYPES:
            raise ValueError(f"`feature_type` must be one of {', '.join(FEATURE_TYPES)}, got {self.feature_type!r}.")
        if self.feature_type == "wav2vec2":
            self._validate_wav2vec2()
        else:
            self._validate_mel()

    def _validate_wav2vec2(self):
        config = self.wav2vec2_config
        if not isinstance(config, Wav2Vec2Config):
            return  # still a dict: checked again once it is built
        if config.hidden_size != self.feature_size:
            raise ValueError(
                f"`feature_size` ({self.feature_size}) must be the hidden size of `wav2vec2_config` ({config.hidden_size})."
            )
        if config.feat_extract_norm != "layer" or not config.do_stable_layer_norm:
            raise ValueError(
                "`wav2vec2_config` needs `feat_extract_norm='layer'` and `do_stable_layer_norm=True`: other variants "
                "let padding change the features."
            )
        field, hop = 1, 1
        for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
            field, hop = field + (kernel - 1) * hop, hop * stride
        if hop != self.hop_length or field - hop != WAV2VEC2_OVERLAP:
            raise ValueError(
                f"the convolutions of `wav2vec2_config` see {field} samples a step of {hop}, not "
                f"{self.hop_length + WAV2VEC2_OVERLAP} a step of {self.hop_length}."
            )
        if not 0 <= self.wav2vec2_tail <= WAV2VEC2_OVERLAP:
            raise ValueError(f"`wav2vec2_tail` must lie in 0 .. {WAV2VEC2_OVERLAP}, got {self.wav2vec2_tail}.")
        if not self.wav2vec2_layers or max(self.wav2vec2_layers) > config.num_hidden_layers:
            raise ValueError(
                f"`wav2vec2_layers` {list(self.wav2vec2_layers)} must lie within the {config.num_hidden_layers} layers."
            )

    def _validate_mel(self):
        if self.mel_settings is not None and dict(self.mel_settings) != MEL_SETTINGS:
            raise ValueError(
                f"this tokenizer was made for another mel spectrogram ({self.mel_settings}); this package computes "
                f"{MEL_SETTINGS}."
            )
        expected = MEL_SETTINGS["num_mels"] * MEL_FRAMES_PER_TOKEN
        if self.feature_size != expected:
            raise ValueError(f"`feature_size` must be {expected} for mel features, got {self.feature_size}.")
        if self.hop_length != MEL_SETTINGS["hop_length"] * MEL_FRAMES_PER_TOKEN:
            raise ValueError(f"`hop_length` must be {MEL_SETTINGS['hop_length'] * MEL_FRAMES_PER_TOKEN} samples.")

    def validate_sizes(self):
        """Rates and widths that must agree with each other."""
        product = 1
        for rate in self.upsample_rates:
            product *= rate
        if product != self.hop_length or len(self.upsample_rates) != len(self.upsample_kernel_sizes):
            raise ValueError(
                f"`upsample_rates` {list(self.upsample_rates)} must multiply to `hop_length` ({self.hop_length}) and have "
                "one kernel size each."
            )
        if any(
            kernel < rate or (kernel - rate) % 2
            for rate, kernel in zip(self.upsample_rates, self.upsample_kernel_sizes, strict=True)
        ):
            raise ValueError("each of `upsample_kernel_sizes` must exceed its rate by an even number.")
        if self.decoder_channels % 2 ** len(self.upsample_rates):
            raise ValueError(f"`decoder_channels` must be divisible by {2 ** len(self.upsample_rates)}.")
        if self.num_postnet_layers and not self.num_prenet_layers:
            raise ValueError("a postnet needs a prenet: give `num_prenet_layers`, or 0 for both.")
        if any(ratio != 1 for ratio in self.sample_ratios):
            raise ValueError(f"`sample_ratios` other than 1 are not supported, got {list(self.sample_ratios)}.")
        if any(level < 2 for level in self.fsq_levels):
            raise ValueError(f"`fsq_levels` must be 2 or more, got {list(self.fsq_levels)}.")
        if self.ecapa_channels % 8:
            raise ValueError(f"`ecapa_channels` must be divisible by 8, got {self.ecapa_channels}.")
        if self.feature_std <= 0:
            raise ValueError(f"`feature_std` must be positive, got {self.feature_std}.")


__all__ = ["SPEECH_TOKENIZER_PRESETS", "FlowDubberSpeechTokenizerConfig"]

"""Tiny random components of every kind that fit each other: the real classes at the smallest sizes that make sense."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

from flowdubber_hf.models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from flowdubber_hf.models.semantic import (
    FlowDubberSemanticForConditionalGeneration,
    build_tokenizer,
    semantic_config,
)
from flowdubber_hf.models.speech_tokenizer import FlowDubberSpeechTokenizer, FlowDubberSpeechTokenizerConfig
from flowdubber_hf.models.speech_tokenizer.configuration_speech_tokenizer import SPEECH_TOKENIZER_PRESETS
from flowdubber_hf.models.style import FlowDubberStyleEncoder, FlowDubberStyleEncoderConfig
from flowdubber_hf.models.vector_field import FlowDubberVectorField
from flowdubber_hf.models.vocoder import FlowDubberVocoder, FlowDubberVocoderConfig
from flowdubber_hf.pipelines.flowdubber import FlowDubberPipeline
from flowdubber_hf.processing.audio import MEL_SETTINGS
from flowdubber_hf.processing.lips import FlowDubberLipFeatureExtractor
from flowdubber_hf.processing.text import PHONEMES


HIDDEN_SIZE = 32
STYLE_SIZE = 256
LANGUAGE_MODEL = ("tokenizer", "speech_tokenizer", "semantic_model")


def tiny_aligner(**changed: Any) -> FlowDubberAlignerModel:
    sizes = {
        "vocab_size": len(PHONEMES),
        "hidden_size": HIDDEN_SIZE,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "num_prenet_layers": 1,
        "style_size": STYLE_SIZE,
        "lip_stem_size": 4,
        "lip_stage_sizes": [4, 8],
        "lip_blocks_per_stage": 1,
        "num_lip_layers": 1,
        "semantic_hidden_size": HIDDEN_SIZE,
        "num_semantic_heads": 2,
        "num_fusion_layers": 1,
        "num_fusion_heads": 2,
        "fusion_kernel_size": 5,
        "fusion_feedforward_ratio": 2,
    }
    return FlowDubberAlignerModel(FlowDubberAlignerConfig(**{**sizes, **changed}))


def tiny_vector_field(**changed: Any) -> FlowDubberVectorField:
    return FlowDubberVectorField(
        fused_size=HIDDEN_SIZE,
        style_size=STYLE_SIZE,
        prior_hidden_size=16,
        num_prior_layers=1,
        prior_intermediate_size=32,
        prior_kernel_size=3,
        postnet_size=16,
        channels=(16, 16),
        num_mid_blocks=1,
        num_heads=2,
        head_dim=8,
        feed_forward_ratio=2,
        mel_mean=-5.5,
        mel_std=2.2,
        mel_settings=dict(MEL_SETTINGS),
        **changed,
    )


def hearing_vector_field(num_voice_tokens: int = 0) -> FlowDubberVectorField:
    """A vector field whose voice encoder has learned something, and whose frames listen to its tokens."""
    torch.manual_seed(0)
    sizes = {"voice_hidden_size": 8, "num_voice_heads": 2, "num_voice_tokens": num_voice_tokens}
    field = tiny_vector_field(**sizes).eval()
    torch.nn.init.normal_(field.voice_encoder.style.weight)
    torch.nn.init.normal_(field.voice_encoder.style.bias)
    if num_voice_tokens:
        torch.nn.init.normal_(field.voice_encoder.tokens.weight)
        for layer in field.prior_decoder.layers:
            torch.nn.init.normal_(layer.voice_attention.told.weight)
    return field


def tiny_vocoder() -> FlowDubberVocoder:
    config = FlowDubberVocoderConfig(hidden_size=16, dilations=[1], pitch_hidden_size=16, pitch_dilations=[1])
    return FlowDubberVocoder(config)


def tiny_hifigan(**changed) -> SpeechT5HifiGan:
    """The library's vocoder at a size that takes no time; with the family's rates it gives four samples too many."""
    sizes = {"upsample_initial_channel": 32, "upsample_rates": [8, 5, 2, 2], "upsample_kernel_sizes": [16, 10, 4, 4]}
    sizes |= {"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1]], "sampling_rate": 16000}
    torch.manual_seed(0)
    return SpeechT5HifiGan(SpeechT5HifiGanConfig(**{**sizes, **changed})).eval()


def tiny_speech_tokenizer() -> FlowDubberSpeechTokenizer:
    sizes = {
        **SPEECH_TOKENIZER_PRESETS["tiny"],
        "hidden_size": 16,
        "intermediate_size": 32,
        "latent_size": 16,
        "num_encoder_layers": 1,
        "num_prenet_layers": 1,
        "num_postnet_layers": 1,
        "ecapa_channels": 16,
        "ecapa_out_channels": 24,
        "ecapa_bottleneck_size": 8,
        "speaker_latent_size": 16,
        "perceiver_head_dim": 8,
        "perceiver_num_heads": 2,
        "decoder_channels": 32,
    }
    return FlowDubberSpeechTokenizer(FlowDubberSpeechTokenizerConfig(**sizes))


def tiny_semantic_model() -> FlowDubberSemanticForConditionalGeneration:
    text_config = {
        "hidden_size": HIDDEN_SIZE,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    return FlowDubberSemanticForConditionalGeneration(semantic_config("tiny", text_config=text_config))


def tiny_style_encoder() -> FlowDubberStyleEncoder:
    return FlowDubberStyleEncoder(FlowDubberStyleEncoderConfig())


def tiny_components(language_model: bool = True, seed: int = 0) -> dict[str, Any]:
    """All components of a pipeline, seeded and in evaluation mode; the language model's three are `None` without it."""
    torch.manual_seed(seed)
    parts: dict[str, Any] = {
        "style_encoder": tiny_style_encoder(),
        "lip_feature_extractor": FlowDubberLipFeatureExtractor(),
        "aligner": tiny_aligner(),
        "vector_field": tiny_vector_field(),
        "scheduler": FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True),
        "vocoder": tiny_vocoder(),
        "tokenizer": build_tokenizer("tiny"),
        "speech_tokenizer": tiny_speech_tokenizer(),
        "semantic_model": tiny_semantic_model(),
    }
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    return parts if language_model else {**parts, **dict.fromkeys(LANGUAGE_MODEL)}


def tiny_pipeline(language_model: bool = True, **replaced: Any) -> FlowDubberPipeline:
    """A pipeline of `tiny_components` that shows no progress bar; keyword arguments replace parts."""
    pipe = FlowDubberPipeline(**{**tiny_components(language_model), **replaced})
    pipe.set_progress_bar_config(disable=True)
    return pipe

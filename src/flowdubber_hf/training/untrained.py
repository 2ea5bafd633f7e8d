"""All models of a pipeline at a preset's sizes with random weights: to count them, to try what a machine can carry, to test."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, SpeechT5HifiGan

from ..models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from ..models.semantic import (
    FlowDubberSemanticConfig,
    FlowDubberSemanticForConditionalGeneration,
    build_tokenizer,
    semantic_config,
)
from ..models.semantic.tokenization_semantic import END_OF_TEXT_TOKEN, PAD_TOKEN
from ..models.speech_tokenizer import FlowDubberSpeechTokenizer, FlowDubberSpeechTokenizerConfig
from ..models.speech_tokenizer.configuration_speech_tokenizer import SPEECH_TOKENIZER_PRESETS
from ..models.style import FlowDubberStyleEncoder, FlowDubberStyleEncoderConfig
from ..models.vector_field import FlowDubberVectorField
from ..models.vocoder import FlowDubberVocoder, FlowDubberVocoderConfig
from ..models.vocoder.conversion import FAMILY_SETTINGS, hifigan_config
from ..processing.audio import MEL_SETTINGS
from .presets import ALIGNER_PRESETS, VECTOR_FIELD_PRESETS


PRESETS = ("tiny", "base")
# The log-mel of speech about zero and one, where nothing was measured yet.
MEL_MEAN, MEL_STD = -5.5, 2.2


def untrained_models(preset: str = "base", **changes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Args:
        preset: `tiny` (bundled) or `base`, the paper's: Qwen2.5-0.5B with Spark-TTS's vocabulary, BiCodec behind
            wav2vec2-large, the LRW lip-reading ResNet-18 in the aligner, the family's 16 kHz HiFi-GAN.
        changes: part to settings of its config in place of the preset's.

    Returns:
        Part to model, in evaluation mode, all but the tokenizer (see [`byte_tokenizer`]). Inside `torch.device("meta")` they take
        no memory.

    Raises:
        ValueError: there is no such preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}.")

    def settings(part: str, **sizes: Any) -> dict[str, Any]:
        return {**sizes, **changes.get(part, {})}

    if preset == "base":
        vocoder = SpeechT5HifiGan(hifigan_config(settings("vocoder", **FAMILY_SETTINGS)))
    else:
        vocoder = FlowDubberVocoder(FlowDubberVocoderConfig(**settings("vocoder")))
    speech_tokenizer = FlowDubberSpeechTokenizerConfig(
        **settings("speech_tokenizer", **SPEECH_TOKENIZER_PRESETS[preset])
    )
    mel = {"mel_mean": MEL_MEAN, "mel_std": MEL_STD, "mel_settings": dict(MEL_SETTINGS)}
    parts = {
        "style_encoder": FlowDubberStyleEncoder(FlowDubberStyleEncoderConfig(**settings("style_encoder"))),
        "aligner": FlowDubberAlignerModel(FlowDubberAlignerConfig(**settings("aligner", **ALIGNER_PRESETS[preset]))),
        "vector_field": FlowDubberVectorField(**settings("vector_field", **VECTOR_FIELD_PRESETS[preset], **mel)),
        "vocoder": vocoder,
        "speech_tokenizer": FlowDubberSpeechTokenizer(speech_tokenizer),
        "semantic_model": FlowDubberSemanticForConditionalGeneration(
            semantic_config(preset, **settings("semantic_model"))
        ),
    }
    return {name: model.eval() for name, model in parts.items()}


def byte_tokenizer(config: FlowDubberSemanticConfig) -> PreTrainedTokenizerFast:
    """A vocabulary of a model's layout where the real one is not at hand: bytes as text, words that no text has up to
    `text_vocab_size`, then the speech tokens."""
    special = {PAD_TOKEN: config.pad_token_id, END_OF_TEXT_TOKEN: config.end_of_text_token_id}
    free = (number for number in range(config.text_vocab_size) if number not in special.values())
    vocabulary = dict(zip(sorted(pre_tokenizers.ByteLevel.alphabet()), free, strict=False)) | special
    vocabulary |= {f"<unused {number}>": number for number in free}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    text = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD_TOKEN, eos_token=END_OF_TEXT_TOKEN)
    return build_tokenizer("base", text_tokenizer=text, config=config)


__all__ = ["byte_tokenizer", "untrained_models"]

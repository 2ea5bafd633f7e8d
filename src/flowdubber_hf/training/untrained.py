"""All models of a pipeline at a preset's sizes with random weights: to count them, to try what a machine can carry, to test."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Collection, Mapping
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, SpeechT5HifiGan

from ..models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from ..models.lip_reader import FlowDubberLipReaderConfig
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
from .presets import ALIGNER_PRESETS, VECTOR_FIELD_PRESETS, VOCODER_PRESETS


PRESETS = ("tiny", "base")
# The log-mel of speech about zero and one, where nothing was measured yet.
MEL_MEAN, MEL_STD = -5.5, 2.2


def untrained_models(
    preset: str = "base", without: Collection[str] = (), **changes: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Args:
        preset: `tiny` (bundled) or `base`, the paper's: Qwen2.5-0.5B with Spark-TTS's vocabulary, BiCodec behind
            wav2vec2-large; lips and vocoder of this package (see [`untrained_family`]).
        without: parts that are not made.
        changes: part to settings of its config in place of the preset's.

    Returns:
        Part to model, in evaluation mode, all but the tokenizer (see [`byte_tokenizer`]). Inside `torch.device("meta")` they take
        no memory.

    Raises:
        ValueError: there is no such preset.
    """
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, got {preset!r}.")

    mel = {"mel_mean": MEL_MEAN, "mel_std": MEL_STD, "mel_settings": dict(MEL_SETTINGS)}
    makers = {
        "style_encoder": lambda sizes: FlowDubberStyleEncoder(FlowDubberStyleEncoderConfig(**sizes)),
        "aligner": lambda sizes: FlowDubberAlignerModel(FlowDubberAlignerConfig(**ALIGNER_PRESETS[preset] | sizes)),
        "vector_field": lambda sizes: FlowDubberVectorField(**VECTOR_FIELD_PRESETS[preset] | mel | sizes),
        "vocoder": lambda sizes: FlowDubberVocoder(FlowDubberVocoderConfig(**VOCODER_PRESETS[preset] | sizes)),
        "speech_tokenizer": lambda sizes: FlowDubberSpeechTokenizer(
            FlowDubberSpeechTokenizerConfig(**SPEECH_TOKENIZER_PRESETS[preset] | sizes)
        ),
        "semantic_model": lambda sizes: FlowDubberSemanticForConditionalGeneration(semantic_config(preset, **sizes)),
    }
    return {name: make(dict(changes.get(name, {}))).eval() for name, make in makers.items() if name not in without}


def untrained_family(**changes: Mapping[str, Any]) -> dict[str, Any]:
    """The two parts of `base` whose public weights have other sizes: an aligner that can take the LRW lip-reading ResNet-18, and the
    family's 16 kHz HiFi-GAN. Arguments and result as those of [`untrained_models`]."""
    lips = FlowDubberAlignerConfig.lip_reader_settings(FlowDubberLipReaderConfig())
    sizes = {**ALIGNER_PRESETS["base"], **lips, **changes.get("aligner", {})}
    return {
        "aligner": FlowDubberAlignerModel(FlowDubberAlignerConfig(**sizes)).eval(),
        "vocoder": SpeechT5HifiGan(hifigan_config({**FAMILY_SETTINGS, **changes.get("vocoder", {})})).eval(),
    }


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


__all__ = ["byte_tokenizer", "untrained_family", "untrained_models"]

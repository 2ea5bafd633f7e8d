"""Semantic language model: Qwen2 over text, voice and 50 Hz speech tokens."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from .configuration_semantic import LEAST_SPEECH_ROOM, FlowDubberSemanticConfig, semantic_config
from .modeling_semantic import FlowDubberSemanticForConditionalGeneration, FlowDubberSemanticOutput
from .spelling import NUM_PHONE_CODES, spelled, spelled_script
from .tokenization_semantic import build_prompt, build_tokenizer, check_tokenizer, pad_prompts, prompt_text


__all__ = [
    "LEAST_SPEECH_ROOM",
    "NUM_PHONE_CODES",
    "FlowDubberSemanticConfig",
    "FlowDubberSemanticForConditionalGeneration",
    "FlowDubberSemanticOutput",
    "build_prompt",
    "build_tokenizer",
    "check_tokenizer",
    "pad_prompts",
    "prompt_text",
    "semantic_config",
    "spelled",
    "spelled_script",
]

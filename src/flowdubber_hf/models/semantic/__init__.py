# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Semantic language model: Qwen2 over text, voice and 50 Hz speech tokens."""

from .configuration_semantic import LEAST_SPEECH_ROOM, FlowDubberSemanticConfig, semantic_config
from .modeling_semantic import FlowDubberSemanticForConditionalGeneration, FlowDubberSemanticOutput
from .tokenization_semantic import build_prompt, build_tokenizer, check_tokenizer, pad_prompts, prompt_text


__all__ = [
    "LEAST_SPEECH_ROOM",
    "FlowDubberSemanticConfig",
    "FlowDubberSemanticForConditionalGeneration",
    "FlowDubberSemanticOutput",
    "build_prompt",
    "build_tokenizer",
    "check_tokenizer",
    "pad_prompts",
    "prompt_text",
    "semantic_config",
]

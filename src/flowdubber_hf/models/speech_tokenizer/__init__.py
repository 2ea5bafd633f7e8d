"""Speech tokenizer: sound to semantic (50 Hz) and global tokens and back."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from transformers import AutoConfig, AutoModel

from .configuration_speech_tokenizer import SPEECH_TOKENIZER_PRESETS, FlowDubberSpeechTokenizerConfig
from .modeling_speech_tokenizer import (
    FlowDubberSpeechTokenizer,
    FlowDubberSpeechTokenizerEncoderOutput,
    FlowDubberSpeechTokenizerOutput,
)


AutoConfig.register("flowdubber_speech_tokenizer", FlowDubberSpeechTokenizerConfig, exist_ok=True)
AutoModel.register(FlowDubberSpeechTokenizerConfig, FlowDubberSpeechTokenizer, exist_ok=True)

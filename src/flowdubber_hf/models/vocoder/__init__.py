"""Log-mel to waveform."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from transformers import AutoConfig, AutoModel

from .configuration_vocoder import FlowDubberVocoderConfig
from .modeling_vocoder import FlowDubberVocoder, FlowDubberVocoderFilterOutput, FlowDubberVocoderPitchOutput


AutoConfig.register(FlowDubberVocoderConfig.model_type, FlowDubberVocoderConfig, exist_ok=True)
AutoModel.register(FlowDubberVocoderConfig, FlowDubberVocoder, exist_ok=True)

"""Reference voice to style vector."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from transformers import AutoConfig, AutoModel

from .configuration_style import FlowDubberStyleEncoderConfig
from .modeling_style import FlowDubberStyleEncoder, FlowDubberStyleEncoderOutput


AutoConfig.register(FlowDubberStyleEncoderConfig.model_type, FlowDubberStyleEncoderConfig, exist_ok=True)
AutoModel.register(FlowDubberStyleEncoderConfig, FlowDubberStyleEncoder, exist_ok=True)

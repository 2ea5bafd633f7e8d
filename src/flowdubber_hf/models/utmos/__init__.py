"""UTMOS: sound to the naturalness that listeners would give it."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from transformers import AutoConfig, AutoModel

from .configuration_utmos import FlowDubberUtmosConfig
from .modeling_utmos import FlowDubberUtmos, FlowDubberUtmosOutput


AutoConfig.register(FlowDubberUtmosConfig.model_type, FlowDubberUtmosConfig, exist_ok=True)
AutoModel.register(FlowDubberUtmosConfig, FlowDubberUtmos, exist_ok=True)

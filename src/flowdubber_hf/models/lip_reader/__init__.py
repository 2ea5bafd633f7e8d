"""Mouth crops to one feature a video frame: the visual front end of lip-reading networks."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from transformers import AutoConfig, AutoModel

from .configuration_lip_reader import FlowDubberLipReaderConfig
from .modeling_lip_reader import FlowDubberLipReader, FlowDubberLipReaderOutput


AutoConfig.register("flowdubber_lip_reader", FlowDubberLipReaderConfig, exist_ok=True)
AutoModel.register(FlowDubberLipReaderConfig, FlowDubberLipReader, exist_ok=True)

"""Lip encoder, phoneme encoder, dual contrastive aligning, semantic-aware phoneme learning, fusion."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from transformers import AutoConfig, AutoFeatureExtractor, AutoModel

from ...processing.lips import FlowDubberLipFeatureExtractor
from .alignment import dual_contrastive_loss, durations_to_path, length_scores, monotonic_search, search_durations
from .configuration_aligner import FlowDubberAlignerConfig
from .modeling_aligner import (
    FlowDubberAlignerEncoding,
    FlowDubberAlignerModel,
    FlowDubberAlignerOutput,
    FlowDubberAlignerPreTrainedModel,
)


AutoConfig.register("flowdubber_aligner", FlowDubberAlignerConfig, exist_ok=True)
AutoModel.register(FlowDubberAlignerConfig, FlowDubberAlignerModel, exist_ok=True)
AutoFeatureExtractor.register(FlowDubberAlignerConfig, FlowDubberLipFeatureExtractor, exist_ok=True)

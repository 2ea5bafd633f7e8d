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
"""Lip encoder, phoneme encoder, dual contrastive aligning, semantic-aware phoneme learning, fusion."""

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

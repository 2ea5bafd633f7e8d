"""The dubbing pipeline."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from .pipeline_flowdubber import FlowDubberPipeline
from .pipeline_output import FlowDubberPipelineOutput
from .prepared import PreparedClip, PreparedDub, PreparedVoice
from .processing_flowdubber import FlowDubberProcessor

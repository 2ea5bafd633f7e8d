"""Whether mouths and sound belong together."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from transformers import AutoConfig, AutoModel

from .configuration_syncnet import FlowDubberSyncNetConfig, syncnet_v2_config
from .modeling_syncnet import FlowDubberSyncNet, FlowDubberSyncNetOutput


AutoConfig.register(FlowDubberSyncNetConfig.model_type, FlowDubberSyncNetConfig, exist_ok=True)
AutoModel.register(FlowDubberSyncNetConfig, FlowDubberSyncNet, exist_ok=True)

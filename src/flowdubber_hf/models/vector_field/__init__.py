"""SATL mel prior and the U-Net velocity, with the equations of flow matching."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from .flow_matching import flow_matching_loss, guide, interpolate, prior_loss, velocity_target
from .modeling_vector_field import FlowDubberVectorField, FlowDubberVectorFieldOutput

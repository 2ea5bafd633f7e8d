"""Schedulers and the small functions that translate between a scheduler's convention and the method's."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from .flow_convention import flow_sigmas, flow_time, scheduler_output, set_flow_timesteps, solver_evaluations
from .scheduling_flow_match_midpoint import (
    FlowMatchMidpointDiscreteScheduler,
    FlowMatchMidpointDiscreteSchedulerOutput,
)

"""Whether a model is whole and works: files, weights, settings, and a trial of every part."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from .checkup import Checkup, examine
from .findings import Finding

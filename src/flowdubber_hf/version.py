"""The one place of the package's version."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

__version__ = "0.1.0"

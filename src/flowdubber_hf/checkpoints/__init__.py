"""Weights and settings as files: where they come from, whether they are whole and safe to read, foreign formats, saving."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

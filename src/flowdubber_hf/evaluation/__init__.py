"""Measures dubs the way the field does: dubbing or reading them, scoring, summing up, drawing."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

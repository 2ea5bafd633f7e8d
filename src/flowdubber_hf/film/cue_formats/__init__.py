"""Cue files of every kind as raw cues: times, turns of speech and the line that they stand in, nothing judged yet."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

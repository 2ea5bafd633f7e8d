"""What a dub can be asked for, in one place that imports nothing heavy."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

#: Where a dub's timing comes from: the lips, or the clip's length alone, from its start at a natural tempo.
TIMINGS = ("lips", "cue")

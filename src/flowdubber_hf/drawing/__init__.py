"""Pictures with matplotlib: figures without a window, mels, alignment maps, how far a mouth is open."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

"""The ground floor: text from outside read with bounds, and files that appear whole or not at all."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

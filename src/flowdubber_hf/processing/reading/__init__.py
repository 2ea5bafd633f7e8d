"""How written English is read: the rules, what they know, and the lexicons. [`english`](../english.py) puts them together."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

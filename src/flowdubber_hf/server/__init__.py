"""The resident mode, for tools that call once a line: one process keeps the model loaded and dubs one clip after the other for
programs of the same user on the same machine.

It speaks JSON over HTTP on the loopback address alone, and only with who can read the user's token file."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

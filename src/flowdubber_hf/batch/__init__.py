"""`flowdubber dub`: one clip, or many from a listing, each checked before a model is loaded."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

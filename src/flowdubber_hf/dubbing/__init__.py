"""A clip to dub, from its description to the file: described, checked, opened, sampled and judged in one place.

What dubs, whether one clip, a listing, an evaluation or the page, calls this package."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

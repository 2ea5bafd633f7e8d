"""Synthetic sounds whose pitch and loudness are known."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np


def glide(seconds: float, pitch: float, formant: float, swing: float = 40.0) -> np.ndarray:
    """A voiced sound `(samples,)` at 16 kHz, its pitch swinging about `pitch` Hz every 0.4 s, loudest near `formant` Hz."""
    time = np.arange(round(16000 * seconds)) / 16000
    phase = 2 * np.pi * np.cumsum(pitch + swing * np.sin(2 * np.pi * time / 0.4)) / 16000
    harmonics = np.arange(1, 25)[:, None]
    loudness = np.exp(-0.5 * ((harmonics * pitch - formant) / 400) ** 2)
    return (0.1 * (loudness * np.sin(harmonics * phase)).sum(axis=0)).astype(np.float32)

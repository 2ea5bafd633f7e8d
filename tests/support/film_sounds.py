"""Sounds for the tests of film mode."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib

import numpy as np


RATE = 48000


class Array:
    """Sound in memory of which any place can be asked for: `(channels, samples)` float32."""

    def __init__(self, sound: np.ndarray):
        self.sound = sound
        self.channels, self.samples = sound.shape

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.sound[:, start:stop].copy()

    def key(self, start: int, stop: int) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.sound[:, start:stop])).hexdigest()


def tone(seconds: float, frequency: float, amplitude: float) -> np.ndarray:
    """`(1, samples)` float32 at 48 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)[None]


def noise(seconds: float, amplitude: float, channels: int = 1, seed: int = 0) -> np.ndarray:
    """`(channels, samples)` float32 at 48 kHz, each channel another one."""
    generator = np.random.default_rng(seed)
    return (amplitude * generator.standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


def voice(seconds: float, pitch: float, seed: int = 0, rate: int = 16000) -> np.ndarray:
    """`(samples,)` float32: a buzz in syllables, which no other one resembles."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * pitch * (time + 0.01 * np.sin(2 * np.pi * 0.7 * time + seed))
    buzz = sum(np.sin(order * phase + generator.uniform(0, 6)) / order for order in range(1, 12))
    syllables = 0.2 + np.abs(np.sin(2 * np.pi * (2.5 + 0.1 * seed) * time + seed))
    return (0.12 * buzz * syllables + 0.002 * generator.standard_normal(len(time))).astype(np.float32)

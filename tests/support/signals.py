# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""Synthetic sounds whose pitch and loudness are known."""

import numpy as np


def glide(seconds: float, pitch: float, formant: float, swing: float = 40.0) -> np.ndarray:
    """A voiced sound `(samples,)` at 16 kHz, its pitch swinging about `pitch` Hz every 0.4 s, loudest near `formant` Hz."""
    time = np.arange(round(16000 * seconds)) / 16000
    phase = 2 * np.pi * np.cumsum(pitch + swing * np.sin(2 * np.pi * time / 0.4)) / 16000
    harmonics = np.arange(1, 25)[:, None]
    loudness = np.exp(-0.5 * ((harmonics * pitch - formant) / 400) ** 2)
    return (0.1 * (loudness * np.sin(harmonics * phase)).sum(axis=0)).astype(np.float32)

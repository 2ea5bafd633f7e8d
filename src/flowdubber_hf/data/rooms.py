"""Sound as another room and another microphone's distance would have it: made echoes, another level."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import numpy as np

from ..processing.audio import SAMPLING_RATE


_DECAY = 6.908  # of amplitude, in units of the time in which sound falls by 60 dB
_ECHOES, _ECHO_SECONDS = 8, (0.004, 0.04)  # single ones before the tail
_HIGHEST_PEAK = 0.97
# Walls swallow high tones: the tail is averaged over this many samples.
_DULL_SAMPLES = 3


@dataclass(frozen=True)
class Room:
    """A room as speech in it sounds.

    Attributes:
        seconds: in which the sound falls by 60 dB; a furnished room has 0.2 to 0.6.
        distance_db: of what comes straight from the mouth, above all that comes from the walls; 15 is near, 3 far.
        seed: of the walls.
    """

    seconds: float
    distance_db: float
    seed: int

    def response(self) -> np.ndarray:
        """`(samples,)` float32 at 16 kHz, what a click becomes; it begins with the click itself, 1.

        Raises:
            ValueError: a time that is no room's.
        """
        if not 0.05 <= self.seconds <= 3:
            raise ValueError(f"a room's sound falls by 60 dB in 0.05 to 3 seconds, not {self.seconds:g}.")
        generator = np.random.default_rng(self.seed)
        times = np.arange(round(self.seconds * SAMPLING_RATE)) / SAMPLING_RATE
        walls = generator.standard_normal(times.size) * np.exp(-_DECAY * times / self.seconds)
        walls = np.convolve(walls, np.full(_DULL_SAMPLES, 1 / _DULL_SAMPLES), "same")
        walls[: round(_ECHO_SECONDS[0] * SAMPLING_RATE)] = 0.0
        places = (generator.uniform(*_ECHO_SECONDS, _ECHOES) * SAMPLING_RATE).astype(int)
        walls[places] += generator.uniform(-4.0, 4.0, _ECHOES)
        walls *= 10 ** (-self.distance_db / 20) / np.sqrt(np.square(walls).sum())
        walls[0] = 1.0
        return walls.astype(np.float32)

    def sound(self, dry: np.ndarray) -> np.ndarray:
        """Speech `(samples,)` at 16 kHz in the room, as long as it was; nothing is moved in time."""
        response = self.response()
        size = 1 << (dry.size + response.size - 1).bit_length()
        spectrum = np.fft.rfft(dry, size) * np.fft.rfft(response, size)
        return np.fft.irfft(spectrum, size)[: dry.size].astype(np.float32)


def at_level(sound: np.ndarray, decibels: float) -> np.ndarray:
    """`(samples,)` at a mean power in dB below full scale; softer where its peaks would be cut otherwise.

    Raises:
        ValueError: silence.
    """
    power, peak = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64)))), float(np.abs(sound).max(initial=0.0))
    if power == 0:
        raise ValueError("silence has no level that could be changed.")
    return (sound * min(10 ** (decibels / 20) / power, _HIGHEST_PEAK / peak)).astype(np.float32)

"""A synthetic voice: a harmonic source through the resonances of the vocal tract, shaped noise for fricatives and bursts.

Enough to carry pitch, timbre and words, though nobody would take it for a person.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import numpy as np

from ..processing.audio import SAMPLING_RATE
from .timeline import Segment, demo_segments, reference_segments, smooth


_FRAME = 80  # samples between control points: 5 ms
_BANDWIDTHS = np.array([70.0, 90.0, 130.0, 200.0, 280.0])
_UPPER_FORMANTS = (3500.0, 4500.0)


@dataclass(frozen=True)
class _Sound:
    """Targets of a stretch of speech: formants 1 to 3 in Hz, strength of voice and noise, noise's centre and width in Hz."""

    formants: tuple[float, float, float]
    voice: float = 0.0
    noise: float = 0.0
    centre: float = 4000.0
    width: float = 1500.0


_REST = _Sound((500, 1500, 2500))
# Each phoneme is a run of (sound, share of its duration): diphthongs glide, stops close and then burst.
_SOUNDS: dict[str, tuple[tuple[_Sound, float], ...]] = {
    "sil": ((_REST, 1.0),),
    "P": ((_Sound((400, 1000, 2300)), 0.6), (_Sound((450, 1200, 2400), 0.0, 0.35, 1000, 1200), 0.4)),
    "B": ((_Sound((250, 1000, 2300), 0.12), 0.75), (_Sound((400, 1100, 2300), 0.4, 0.15, 900, 900), 0.25)),
    "T": ((_Sound((400, 1700, 2600)), 0.5), (_Sound((400, 1750, 2600), 0.0, 0.55, 4200, 1800), 0.5)),
    "D": ((_Sound((250, 1700, 2600), 0.12), 0.7), (_Sound((400, 1750, 2600), 0.3, 0.3, 3800, 1600), 0.3)),
    "G": ((_Sound((250, 1900, 2300), 0.12), 0.65), (_Sound((350, 2000, 2300), 0.3, 0.3, 2000, 900), 0.35)),
    "S": ((_Sound((400, 1650, 2600), 0.0, 0.6, 5600, 1500), 1.0),),
    "F": ((_Sound((400, 1200, 2400), 0.0, 0.08, 3000, 6000), 1.0),),
    "L": ((_Sound((360, 1100, 2700), 0.6), 1.0),),
    "R": ((_Sound((350, 1150, 1600), 0.6), 1.0),),
    "N": ((_Sound((270, 1500, 2500), 0.45), 1.0),),
    "EH1": ((_Sound((570, 1800, 2500), 1.0), 1.0),),
    "AE1": ((_Sound((690, 1700, 2450), 1.0), 1.0),),
    "AH0": ((_Sound((600, 1250, 2450), 0.8), 1.0),),
    "UW1": ((_Sound((320, 1000, 2250), 0.9), 1.0),),
    "EY1": ((_Sound((510, 1900, 2550), 1.0), 0.5), (_Sound((370, 2150, 2700), 0.9), 0.5)),
    "AY1": ((_Sound((730, 1200, 2500), 1.0), 0.5), (_Sound((400, 2000, 2600), 0.9), 0.5)),
    "AW1": ((_Sound((740, 1300, 2500), 1.0), 0.55), (_Sound((420, 950, 2400), 0.9), 0.45)),
}


def _controls(segments: list[Segment], pitch: float, tract: float) -> dict[str, np.ndarray]:
    """Control tracks every 5 ms; `pitch` and `tract` multiply the pitch and the resonances."""
    times = np.arange(round(segments[-1].end * SAMPLING_RATE / _FRAME)) * _FRAME / SAMPLING_RATE
    rows = np.zeros((len(times), 7))
    for part in segments:
        start = part.start
        for sound, share in _SOUNDS[part.phoneme]:
            end = start + share * (part.end - part.start)
            row = (*sound.formants, sound.voice, sound.noise, sound.centre, sound.width)
            rows[(times >= start - 1e-9) & (times < end)] = row
            start = end
    speech = (times >= segments[0].end) & (times < segments[-1].start)
    progress = np.cumsum(speech) / max(1, speech.sum())
    return {
        "formants": smooth(rows[:, :3], 4.0) * tract,
        "voice": smooth(rows[:, 3:4], 2.2)[:, 0],
        "noise": smooth(rows[:, 4:5], 1.4)[:, 0],
        "band": rows[:, 5:7],
        "pitch": pitch * (128.0 - 32.0 * progress + 9.0 * np.sin(2 * np.pi * 2.1 * times)),
    }


def _tract(frequencies: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Complex response of the vocal tract: five resonances in a row. Both arguments broadcast; formants on the last axis."""
    upper = np.broadcast_to(_UPPER_FORMANTS, (*formants.shape[:-1], len(_UPPER_FORMANTS)))
    poles = np.concatenate([formants, upper], axis=-1)
    f = frequencies[..., None]
    return np.prod(poles**2 / (poles**2 - f**2 + 1j * f * _BANDWIDTHS), axis=-1)


def _voice(tracks: dict[str, np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """Sum of the harmonics of the pitch, each as strong and as delayed as the tract makes it."""
    frames = len(tracks["pitch"])
    points = np.arange(frames) * _FRAME
    samples = np.arange(frames * _FRAME)
    flutter = smooth(generator.normal(0.0, 1.0, frames), 2.0)
    pitch = np.interp(samples, points, tracks["pitch"] * (1.0 + 0.012 * flutter))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLING_RATE
    sound = np.zeros(len(samples))
    for number in range(1, int(7600 / tracks["pitch"].min()) + 1):
        frequency = number * tracks["pitch"]
        tilt = (1.0 + (frequency / 300.0) ** 2) ** -0.5 * np.exp(-frequency / 5000.0)  # glottis and lips together
        response = _tract(frequency, tracks["formants"]) * tilt * tracks["voice"] * (frequency < 7600)
        real, imaginary = np.interp(samples, points, response.real), np.interp(samples, points, response.imag)
        sound += real * np.cos(number * phase) - imaginary * np.sin(number * phase)
    return sound


def _noise(tracks: dict[str, np.ndarray], generator: np.random.Generator) -> np.ndarray:
    """White noise shaped every 5 ms: friction through its band, breath through the tract."""
    frames, size = len(tracks["noise"]), 4 * _FRAME
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLING_RATE)
    centre, width = tracks["band"][:, :1], tracks["band"][:, 1:]
    friction = tracks["noise"][:, None] * np.exp(-0.5 * ((frequencies - centre) / width) ** 2)
    breath = np.abs(_tract(frequencies[None], tracks["formants"][:, None])) * np.exp(-frequencies / 4000.0)
    shape = friction + 0.015 * tracks["voice"][:, None] * breath + 4e-4
    white = generator.normal(0.0, 1.0, frames * _FRAME + size)
    window = np.hanning(size + 1)[:-1] * 0.5  # four-fold overlap adds up to one
    sound = np.zeros(frames * _FRAME + size)
    for frame in range(frames):
        part = slice(frame * _FRAME, frame * _FRAME + size)
        sound[part] += np.fft.irfft(np.fft.rfft(white[part]) * shape[frame], size) * window
    return sound[size // 2 : size // 2 + frames * _FRAME]


def _speak(segments: list[Segment], pitch: float = 1.0, tract: float = 1.0) -> np.ndarray:
    """Synthetic speech `(samples,)` float32 at 16 kHz, peak 0.5."""
    if not (0.5 <= pitch <= 2.5 and 0.8 <= tract <= 1.3):
        raise ValueError(f"pitch must lie between 0.5 and 2.5 and tract between 0.8 and 1.3, got {pitch} and {tract}.")
    generator = np.random.default_rng(0)
    tracks = _controls(segments, pitch, tract)
    sound = _voice(tracks, generator) + _noise(tracks, generator)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def demo_reference(pitch: float = 1.0, tract: float = 1.0) -> np.ndarray:
    """The demo's voice saying "set red by nine again": `(38400,)` float32 at 16 kHz, the same at every call.

    Args:
        pitch (`float`, defaults to 1.0): multiplies the pitch, which falls from about 130 to 95 Hz; 0.5 to 2.5.
        tract (`float`, defaults to 1.0): multiplies the resonances; above 1 for the shorter vocal tracts of women and
            children, 0.8 to 1.3.

    Raises:
        ValueError: out of these ranges.
    """
    return _speak(reference_segments(), pitch, tract)


def demo_speech(pitch: float = 1.0, tract: float = 1.0) -> np.ndarray:
    """The same voice saying the demo's script in time with the head's mouth: `(48000,)` float32 at 16 kHz.

    Args:
        pitch, tract: as for [`demo_reference`].
    """
    return _speak(demo_segments(), pitch, tract)

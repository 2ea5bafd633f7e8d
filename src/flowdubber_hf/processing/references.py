"""References: whether a recording holds enough of a voice, whether it is clean, and its level, on which nothing may depend.

What tells a voice from noise, hum and tones without a model: it is periodic at a speaker's pitch, spreads over many bands, and
changes its colour and loudness all the time. The bounds below were read from 450 recordings of 300 speakers (GRID, LibriSpeech,
AN4, speechocean762, Picovoice), whose extremes they leave a margin, and from the same ones with noise, music and clipping.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass

import numpy as np

from .sound import SAMPLING_RATE


MIN_REFERENCE_SECONDS = 1.0
VOICE_PIECE_SAMPLES = 4 * SAMPLING_RATE  # of a reference, as much as a vector field hears at a time

_FRAME, _HOP, _FFT = 640, 160, 2048
_CHUNK = 2000  # frames whose spectra are held at once
_PITCH = (66, 400)  # Hz
_PERIODIC_BAND = (80, 1500)  # Hz, where the voice's harmonics stand out of breath and noise
_BANDS = np.array([80, 200, 400, 650, 1000, 1400, 2000, 2800, 3800, 5200, 7900])  # Hz

_MIN_PERIODICITY = 0.6
_LOUD_FRAMES = 25  # a quarter of a second: no click is as long
_BELOW_LOUD = 30.0  # dB
_AROUND_VOICED = 10  # frames of consonants and short pauses on either side of what is voiced
_MIN_VOICE_SECONDS = 0.9  # as measured here, of the second that is asked for
_MIN_COLOUR_CHANGE = 1.9  # dB; speech 4.5 and more, under noise as loud as itself 2.0, chords 1.6, brown noise 1.3
_MIN_BANDS, _BAND_RANGE = 3.0, 40.0  # bands within that many dB of the strongest; a tone has two
_MIN_DYNAMICS = 3.0  # dB between loud and quiet frames
_CLEAN_DYNAMICS = 22.0  # speech 26 and more, with music or noise 15 dB below it 20
_FLAT, _MAX_FLAT_SHARE = 0.97, 0.005  # of the peak; speech at most 0.0007, clipped by 3 dB 0.013
_MIN_CREST = (
    9.0  # dB in voice; speech 10.7 and more, clipped by 6 dB 9, also where a lossy codec has rounded its edges
)
_SILENCE = 1e-4

# The level at which the bundled dubber's speakers were heard, by the measure of `_level`, and how far they lie from it.
_USUAL_LEVEL, _USUAL_RANGE = -2.0, 0.8  # dBFS, dB


@dataclass(frozen=True)
class _Voice:
    """What a recording holds.

    Attributes:
        seconds: of voice.
        colour_change: how far the spectrum's shape changes in it, dB.
        bands: of ten, those that sound in it.
        dynamics: dB between the loud frames and the quiet ones of the recording.
        flat_share: of the samples of voice, those at the peak.
        crest: dB from the mean power of voice to its peak.
    """

    seconds: float
    colour_change: float
    bands: float
    dynamics: float
    flat_share: float
    crest: float

    @property
    def is_voice(self) -> bool:
        """Whether what is periodic in it is a voice."""
        return self.colour_change >= _MIN_COLOUR_CHANGE and self.bands >= _MIN_BANDS and self.dynamics >= _MIN_DYNAMICS


def check_reference(sound: np.ndarray, name: str = "the reference") -> list[str]:
    """Refuses a recording that does not tell a voice, and says what is wrong with one that does.

    Args:
        sound: `(samples,)` floats at 16 kHz.
        name: of the recording, in messages.

    Returns:
        Warnings, one sentence each: clipped, noisy.

    Raises:
        ValueError: shorter than a second, silent, or not a second of voice in it.
    """
    seconds = len(sound) / SAMPLING_RATE
    if seconds < MIN_REFERENCE_SECONDS:
        raise ValueError(f"{name} lasts {seconds:.2f} s; a voice needs at least {MIN_REFERENCE_SECONDS:.0f} s.")
    steady = sound - np.mean(sound, dtype=np.float64)
    if float(np.sqrt(np.mean(np.square(steady)))) < _SILENCE:
        raise ValueError(f"{name} is silent (below -80 dBFS); record it again or choose another file.")
    voice = _measure(steady)
    heard = voice.seconds if voice.is_voice else 0.0
    if heard < _MIN_VOICE_SECONDS:
        raise ValueError(
            f"{name} has not a second of voice in it ({heard:.1f} of {seconds:.1f} s sound like one; whispering, music and "
            "noise do not); choose a recording of one person speaking."
        )
    remarks = []
    if voice.flat_share > _MAX_FLAT_SHARE or voice.crest < _MIN_CREST:
        remarks.append(f"{name} is clipped: it was recorded too loud, and the dub takes on its distortion.")
    if voice.dynamics < _CLEAN_DYNAMICS:
        remarks.append(
            f"{name} is noisy, or has music under the voice: its quiet parts are only {voice.dynamics:.0f} dB below the loud "
            "ones, and the dub's voice suffers from that."
        )
    return remarks


def _flat_share(samples: np.ndarray) -> float:
    """Share of samples at the peak."""
    size = np.abs(samples)
    return float((size > _FLAT * size.max()).mean()) if size.any() else 0.0


def level_voice(sound: np.ndarray) -> np.ndarray:
    """A recording without offset and at the level at which voices were learned; usual ones stay as they are.

    The encoders of voices hear levels too: a recording 20 dB quieter would be another voice to them.

    Args:
        sound: `(samples,)` floats at 16 kHz.

    Returns:
        `(samples,)` float32.
    """
    steady = sound - np.mean(sound, dtype=np.float64)
    level = _level(steady)
    if not np.isfinite(level):
        return sound.astype(np.float32, copy=False)
    wanted = _USUAL_LEVEL + np.clip(level - _USUAL_LEVEL, -_USUAL_RANGE, _USUAL_RANGE)
    return (steady * 10 ** ((wanted - level) / 20)).astype(np.float32)


def voice_pieces(sound: np.ndarray) -> np.ndarray:
    """A recording in pieces of one length, at most 4 s, as few as that allows; less than a sample a piece is left out.

    Args:
        sound: `(samples,)`, not empty.

    Returns:
        `(pieces, samples)`.
    """
    count = -(-len(sound) // VOICE_PIECE_SAMPLES)
    length = len(sound) // count
    return sound[: count * length].reshape(count, length)


def _level(sound: np.ndarray) -> float:
    """dBFS that one of a thousand samples exceeds, pauses left out; minus infinity for silence."""
    frames = _frames(sound)
    power = np.mean(np.square(frames), axis=1)
    loud = frames[power > _loud(power) * 10 ** (-_BELOW_LOUD / 10)]
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(np.quantile(np.abs(loud), 0.999))) if loud.size else -np.inf


def _frames(sound: np.ndarray) -> np.ndarray:
    """`(frames, 640)`, one each 10 ms."""
    padded = np.pad(sound, (0, max(0, _FRAME - len(sound))))
    return np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]


def _loud(values: np.ndarray) -> float:
    """What the loudest quarter of a second has at least."""
    return float(np.sort(values)[-min(_LOUD_FRAMES, len(values))])


def _measure(sound: np.ndarray) -> _Voice:
    periodicity, bands = _spectral(_frames(sound))
    level = 10 * np.log10(bands.sum(axis=1) + 1e-12)
    loud = _loud(level)
    voiced = (periodicity > _MIN_PERIODICITY) & (level > loud - _BELOW_LOUD)
    voiced &= np.convolve(voiced, np.ones(3), "same") >= 2  # of three neighbours
    heard = np.convolve(voiced, np.ones(2 * _AROUND_VOICED + 1), "same") > 0.5
    colour = 10 * np.log10(bands[voiced] + 1e-12)
    change = (colour - colour.mean(axis=1, keepdims=True)).std(axis=0).mean() if voiced.any() else 0.0
    wide = (colour > colour.max(axis=1, keepdims=True) - _BAND_RANGE).sum(axis=1).mean() if voiced.any() else 0.0
    samples = _frames(sound)[heard, :_HOP] if heard.any() else sound
    peak = float(np.abs(samples).max())
    return _Voice(
        seconds=heard.sum() * _HOP / SAMPLING_RATE,
        colour_change=float(change),
        bands=float(wide),
        dynamics=loud - float(np.quantile(level, 0.1)),
        flat_share=_flat_share(samples),
        crest=float(20 * np.log10(peak / np.sqrt(np.mean(np.square(samples))))),
    )


def _spectral(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How periodic each frame is at a speaker's pitch `(frames,)`, at most about 1, and its power in ten bands `(frames, 10)`."""
    window = np.hanning(_FRAME)
    frequencies = np.fft.rfftfreq(_FFT, 1 / SAMPLING_RATE)
    harmonic = (frequencies > _PERIODIC_BAND[0]) & (frequencies < _PERIODIC_BAND[1])
    edges = np.searchsorted(frequencies, _BANDS)
    lags = slice(SAMPLING_RATE // _PITCH[1], SAMPLING_RATE // _PITCH[0])
    of_window = np.fft.irfft(np.abs(np.fft.rfft(window, _FFT)) ** 2)
    of_window = of_window[lags] / of_window[0]
    periodicity, bands = [], []
    for start in range(0, len(frames), _CHUNK):
        power = np.abs(np.fft.rfft(frames[start : start + _CHUNK] * window, _FFT)) ** 2 / _FFT
        correlation = np.fft.irfft(power * harmonic)
        periodicity.append((correlation[:, lags] / (correlation[:, :1] + 1e-12) / of_window).max(axis=1))
        bands.append(np.add.reduceat(power, edges, axis=1)[:, :-1])
    return np.concatenate(periodicity), np.concatenate(bands)

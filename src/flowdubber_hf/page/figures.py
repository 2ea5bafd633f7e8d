"""What is shown below a dub: words, waveform and mouth, spectrograms, and where the time went.

Everything is HTML and SVG in the page's own colours, so that it follows light and dark, prints sharply and can be read by
a screen reader; only the spectrograms are pictures.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import base64
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np
import torch

from ..drawing.mouth import mouth_opening
from ..processing.audio import N_FFT, SAMPLING_RATE, VIDEO_FRAME_RATE, log_mel


_POINTS_PER_SECOND = 100  # of the waveform's outline
_LETTER_WIDTH, _WORD_MARGIN = 7, 8  # pixels
_FITTING_WORDS, _MOST_PIXELS = 0.75, 160  # share of the words that are to fit; a second, however short they are
_MEL_RANGE = (-11.5, 1.0)  # natural log, black to white


def draw_timeline(
    sound: np.ndarray,
    own_sound: np.ndarray | None,
    words: Sequence[tuple[str, float, float]],
    mouths: np.ndarray,
    duration: float,
) -> str:
    """Words, waveform with mouth, mel after and before, one below the other on one axis of time.

    Args:
        sound: of the dub, `(samples,)` at 16 kHz.
        own_sound: of the clip, the same, or `None`.
        words: (word, start, end) in seconds.
        mouths: `(frames, 96, 96)` uint8, 25 a second.
        duration: of the clip in seconds.

    Returns:
        HTML. A word is a button that carries its start as `data-start`; the line that follows the playing clip is
        `.playhead`.
    """
    rows = [
        _row("Words", _words(words, duration), "words"),
        _row("Sound and mouth", _wave_and_mouth(sound, mouths, duration), "wave"),
        _row("Spectrogram of the dub", _mel(sound, duration, "Mel spectrogram of the dub"), "mel"),
    ]
    if own_sound is not None and len(own_sound) >= N_FFT:
        rows.append(
            _row(
                "Spectrogram before: the clip's own sound",
                _mel(own_sound, duration, "Mel spectrogram of the clip's own sound"),
                "mel",
            )
        )
    else:
        rows.append(
            _row("Spectrogram before: the clip's own sound", "<p>The clip has no sound of its own.</p>", "nothing")
        )
    return (
        '<div class="timeline"><div class="track" style="min-width:'
        f'{round(_pixels_per_second(words) * duration)}px">{"".join(rows)}{_axis(duration)}<div class="playhead" hidden=""></div></div></div>'
        '<p class="legend"><span class="key wave"></span>sound of the dub <span class="key mouth"></span>how far the mouth is '
        "open in the picture. Spectrograms: low tones at the bottom, high ones at the top, brighter is louder. "
        "Press a word to hear it.</p>"
    )


def _pixels_per_second(words: Sequence[tuple[str, float, float]]) -> float:
    """So many that most words fit into their boxes; where the page is narrower, the timeline scrolls."""
    wanted = [(_LETTER_WIDTH * len(word) + _WORD_MARGIN) / max(end - start, 0.01) for word, start, end in words]
    return min(_MOST_PIXELS, float(np.quantile(wanted, _FITTING_WORDS)))


def _row(name: str, content: str, kind: str) -> str:
    return f'<div class="row {kind}"><span class="name">{name}</span>{content}</div>'


def _share(seconds: float, duration: float) -> str:
    return f"{100 * seconds / duration:.2f}%"


def _words(words: Sequence[tuple[str, float, float]], duration: float) -> str:
    return "".join(
        f'<button type="button" data-start="{start:.3f}" data-end="{end:.3f}" '
        f'style="left:{_share(start, duration)};width:{_share(end - start, duration)}" '
        f'aria-label="{escape(word)}, {start:.2f} to {end:.2f} seconds" title="{escape(word)}, {start:.2f} to {end:.2f} s">'
        f"{escape(word)}</button>"
        for word, start, end in words
    )


def _wave_and_mouth(sound: np.ndarray, mouths: np.ndarray, duration: float) -> str:
    peaks = _peaks(sound, max(2, round(duration * _POINTS_PER_SECOND)))
    x = np.linspace(0, 100, len(peaks))
    upper = [f"{a:.2f},{50 - 48 * b:.1f}" for a, b in zip(x, peaks, strict=True)]
    lower = [f"{a:.2f},{50 + 48 * b:.1f}" for a, b in zip(x[::-1], peaks[::-1], strict=True)]
    opening = mouth_opening(mouths)
    times = (np.arange(len(opening)) + 0.5) / VIDEO_FRAME_RATE
    mouth = " ".join(f"{100 * t / duration:.2f},{96 - 92 * o:.1f}" for t, o in zip(times, opening, strict=True))
    return (
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        'aria-label="Waveform of the dub, and how far the mouth is open">'
        f'<polygon class="wave" points="{" ".join(upper + lower)}"/>'
        f'<polyline class="mouth" points="{mouth}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _peaks(sound: np.ndarray, count: int) -> np.ndarray:
    """Largest magnitudes of `count` equal parts, 0 to 1 with the loudest at 1."""
    edges = np.linspace(0, len(sound), count + 1).astype(int)[:-1]
    peaks = np.maximum.reduceat(np.abs(sound), edges)
    return peaks / max(float(peaks.max()), 1e-4)


def _mel(sound: np.ndarray, duration: float, name: str) -> str:
    """A picture that is as wide as the sound is long beside the clip."""
    samples = round(duration * SAMPLING_RATE)
    sound = np.pad(sound[:samples], (0, max(0, samples - len(sound))))
    mel = log_mel(torch.from_numpy(sound)).numpy()
    low, high = _MEL_RANGE
    grey = np.clip(np.round(255 * (mel - low) / (high - low)), 0, 255).astype(np.uint8)
    coloured = cv2.applyColorMap(np.ascontiguousarray(grey[::-1]), cv2.COLORMAP_MAGMA)
    _, png = cv2.imencode(".png", coloured)
    return f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(png.tobytes()).decode("ascii")}"/>'


def _axis(duration: float) -> str:
    step = 0.5 if duration <= 8 else 1.0
    ticks = np.arange(0, duration - 0.3 * step, step)
    marks = "".join(f'<span style="left:{_share(float(tick), duration)}">{tick:g} s</span>' for tick in ticks)
    return f'<div class="axis" aria-hidden="true">{marks}</div>'


def draw_seconds(seconds: dict[str, float], duration: float) -> str:
    """Where the time went, as a table with bars, folded away.

    Args:
        seconds: of each stage, by the name that visitors read.
        duration: of the clip in seconds.
    """
    total = sum(seconds.values())
    longest = max(max(seconds.values()), 1e-9)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="number">{spent:.2f} s</td>'
        f'<td class="bar" aria-hidden="true"><span style="width:{100 * spent / longest:.1f}%"></span></td></tr>'
        for name, spent in seconds.items()
    )
    return (
        '<p class="unseen" role="status">The dub is ready.</p>'
        f"<details><summary>{total:.1f} s of work for {duration:.1f} s of clip</summary>"
        f'<table class="seconds"><caption class="unseen">Seconds of each stage</caption><tbody>{rows}</tbody></table></details>'
    )


def draw_warnings(warnings: Sequence[str], takes: Sequence[dict]) -> str:
    """What the visitor should know about the result."""
    lines = [escape(warning) for warning in warnings]
    if takes:
        kept = next(number for number, take in enumerate(takes, 1) if take["kept"])
        lines.append(
            f"Take {kept} of {len(takes)} was kept: of the half closest to the voice, the one with the clearest words."
        )
    return f'<ul class="remarks">{"".join(f"<li>{line}</li>" for line in lines)}</ul>' if lines else ""

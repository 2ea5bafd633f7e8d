"""Mels and alignment maps over time."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..processing.audio import MEL_FRAME_RATE, VIDEO_FRAME_RATE
from .figures import new_figure, to_pixels


if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


def draw_mel(axis: "Axes", mel: np.ndarray, low: float, high: float) -> "AxesImage":
    """A `(channels, frames)` natural-log mel, 100 frames a second, its colours from `low` to `high`."""
    return axis.imshow(
        mel,
        origin="lower",
        aspect="auto",
        cmap="magma",
        vmin=low,
        vmax=high,
        extent=(0, mel.shape[1] / MEL_FRAME_RATE, 0, mel.shape[0]),
        interpolation="nearest",
    )


def draw_alignment(
    axis: "Axes",
    probabilities: np.ndarray | None,
    paths: Mapping[str, np.ndarray],
    phonemes: Sequence[str],
    seconds: float,
    colours: Sequence[str] = ("tab:orange", "tab:blue"),
    font_size: float = 7.0,
) -> "AxesImage | None":
    """The alignment map with paths over it; the first phoneme at the bottom, later paths thinner.

    Args:
        axis: to draw on.
        probabilities (`np.ndarray` of shape `(P, F)`, *optional*): of each phoneme in each frame, 0 to 1.
        paths: title to `(P, n)` 0/1 over the same time at any rate.
        phonemes: P names.
        seconds: of the whole.
        colours: of the paths.
        font_size: of the phonemes' names, in points.
    """
    count, drawn = len(phonemes), None
    if probabilities is not None:
        drawn = axis.imshow(
            probabilities,
            origin="lower",
            aspect="auto",
            cmap="Greys",
            vmin=0.0,
            vmax=1.0,
            extent=(0, seconds, -0.5, count - 0.5),
            interpolation="nearest",
        )
    widths = np.linspace(2.4, 1.4, len(paths)) if len(paths) > 1 else [1.6]
    for (name, path), colour, width in zip(paths.items(), colours, widths, strict=False):
        edges = np.linspace(0, seconds, path.shape[1] + 1)
        axis.stairs(path.argmax(axis=0), edges, baseline=None, label=name, color=colour, linewidth=width)
    axis.set_yticks(range(count), phonemes, fontsize=font_size)
    axis.set_ylim(-0.5, count - 0.5)
    axis.set_xlim(0, seconds)
    return drawn


def mel_picture(mels: Mapping[str, np.ndarray], title: str) -> np.ndarray:
    """Log-mels above each other on one colour scale, which is the first one's.

    Args:
        mels: title to `(80, frames)` natural-log mel, 100 frames a second; the first is the truth.
        title: of the picture.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ImportError: matplotlib is missing.
    """
    first = next(iter(mels.values()))
    longest = max(mel.shape[1] for mel in mels.values()) / MEL_FRAME_RATE
    figure = new_figure(max(6.0, 2.0 + 2.2 * longest), 0.6 + 1.9 * len(mels))
    axes = figure.subplots(len(mels), 1, sharex=True, squeeze=False)[:, 0]
    for axis, (name, mel) in zip(axes, mels.items(), strict=True):
        drawn = draw_mel(axis, mel, float(first.min()), float(first.max()))
        axis.set_title(name, fontsize=9, loc="left")
        axis.set_ylabel("mel channel", fontsize=8)
        axis.tick_params(labelsize=8)
    axes[-1].set_xlabel("seconds", fontsize=8)
    bar = figure.colorbar(drawn, ax=list(axes), pad=0.01, aspect=40)
    bar.set_label("natural log", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(title, fontsize=10)
    return to_pixels(figure)


def alignment_picture(
    probabilities: np.ndarray, paths: Mapping[str, np.ndarray], phonemes: Sequence[str], title: str
) -> np.ndarray:
    """The alignment map with paths over it, as [`draw_alignment`], with its legend and scale.

    Args:
        probabilities (`np.ndarray` of shape `(P, F)`): of each phoneme in each 25 fps frame, 0 to 1.
        paths: title to `(P, n)` 0/1 over the same time at any rate; the first is the truth.
        phonemes: P names.
        title: of the picture.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ImportError: matplotlib is missing.
    """
    count, frames = probabilities.shape
    seconds = frames / VIDEO_FRAME_RATE
    figure = new_figure(max(6.0, 1.6 + 2.4 * seconds), 1.2 + 0.17 * count)
    axis = figure.subplots()
    drawn = draw_alignment(axis, probabilities, paths, phonemes, seconds)
    axis.set_xlabel("seconds", fontsize=8)
    axis.tick_params(axis="x", labelsize=8)
    axis.legend(fontsize=8, loc="lower right")
    bar = figure.colorbar(drawn, pad=0.01, aspect=40)
    bar.set_label("probability", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    axis.set_title(title, fontsize=10)
    return to_pixels(figure)

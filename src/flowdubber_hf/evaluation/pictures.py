"""figures.png, how each figure is spread over the clips, and CLIP.png, where to look when a clip is bad."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..drawing.figures import new_figure, to_png
from ..drawing.mouth import mouth_opening
from ..drawing.speech import draw_alignment, draw_mel
from ..metrics import functional
from ..processing.audio import MEL_FRAME_RATE, VIDEO_FRAME_RATE, load_audio, log_mel
from ..processing.lips import FlowDubberLipFeatureExtractor
from .clips import EvaluationClip
from .scorers import Column
from .summary import counted_rows, format_figure
from .work import Record, read_maps


if TYPE_CHECKING:
    from matplotlib.axes import Axes


_TRUE, _DUBBED, _PLAN = "#1b6ca8", "#c8553d", "#6a994e"
_MAX_COLUMNS = 4
_DPI = 110
_MEL_RANGE = (-11.5, 1.0)  # natural log, from a quiet room to a loud vowel


# ---------------------------------------------------------------------------------------------------------------------
# All clips


def draw_figures(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]) -> bytes:
    """The distribution over clips of every figure, with its summary and interval, as a PNG file."""
    drawn = [column for column in columns if column.summary != "p95"]
    across = min(_MAX_COLUMNS, len(drawn))
    down = -(-len(drawn) // across)
    figure = new_figure(3.4 * across, 2.5 * down + 0.4, _DPI)
    axes = list(figure.subplots(down, across, squeeze=False).flat)
    for axis, column in zip(axes, drawn, strict=False):
        counted = counted_rows(column, [row for row in rows if row["problem"] is None], summary["setting"])
        values = [row[column.name] for row in counted if row[column.name] is not None]
        _draw_distribution(axis, column, values, summary["figures"][column.name])
    for axis in axes[len(drawn) :]:
        axis.set_visible(False)
    figure.suptitle(f"{summary['name']}, setting {summary['setting']}, {summary['clips']} clips of {summary['split']}")
    return to_png(figure)


def _draw_distribution(axis: "Axes", column: Column, values: Sequence[float], figure: Mapping[str, Any]) -> None:
    unit = f" ({column.unit})" if column.unit else ""
    axis.set_title("\n".join(textwrap.wrap(f"{column.title}{unit}", 34)), fontsize=9)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
    if not values:
        axis.text(0.5, 0.5, "none", ha="center", va="center", transform=axis.transAxes)
        axis.set_xticks([])
        axis.set_yticks([])
        return
    axis.hist(values, bins=_bins(values), color="#b9c7d5", edgecolor="white", linewidth=0.5, zorder=2)
    axis.plot(values, [0.02] * len(values), "|", color="#33475b", markersize=6, transform=axis.get_xaxis_transform())
    axis.set_ylabel("clips", fontsize=8)
    axis.yaxis.get_major_locator().set_params(integer=True)
    missing = f", {len(figure['missing'])} clips without" if figure["missing"] else ""
    label = "-"
    if figure["value"] is not None:
        label = format_figure(figure)
        axis.axvspan(figure["low"], figure["high"], color=_DUBBED, alpha=0.2, linewidth=0, zorder=1)
        axis.axvline(figure["value"], color=_DUBBED, linewidth=1.5, zorder=3)
    axis.set_xlabel(f"{label}{missing}", fontsize=9, color=_DUBBED)


def _bins(values: Sequence[float]) -> np.ndarray:
    """Edges of 12 bins that do not collapse where all values are one."""
    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, 13)


# ---------------------------------------------------------------------------------------------------------------------
# One clip


def _aligned(sound: np.ndarray, text: str) -> list[tuple[str, float, float]]:
    """Word times by forced alignment; none where it fails or cannot be had."""
    try:
        return [tuple(word) for word in functional.align_words_steadily(sound, text)]
    except (ValueError, ImportError):
        return []


def draw_clip(
    folder: Path, clip: EvaluationClip, file: Path, record: Record, row: Mapping[str, Any], title: str
) -> bytes:
    """True and measured mel with word times, the alignment map, and how far the mouth is open, as a PNG file.

    Args:
        folder: of the evaluation, where a dub's alignment lies.
        clip, record, row: what is known of it.
        file: the sound that was scored.
        title: of the system.
    """
    sound = load_audio(file)
    maps = read_maps(folder, clip)
    try:
        truth = clip.load_truth()
    except ValueError:
        truth = None
    try:
        crops = FlowDubberLipFeatureExtractor()(clip.video, mouth_box=clip.mouth_box)["crops"]
    except ValueError:
        crops = None
    heights = [1.0, 1.0, *([1.3] if maps else []), 0.6]
    figure = new_figure(11, 2.3 * sum(heights) + 0.5, _DPI)
    axes = list(figure.subplots(len(heights), 1, height_ratios=heights, sharex=True))
    true_words = list(clip.words or ()) or (_aligned(truth, clip.text) if truth is not None else [])
    words = _aligned(sound, clip.text)
    _draw_mel(axes[0], "true sound", truth, true_words, _TRUE)
    _draw_mel(axes[1], title, sound, words, _DUBBED)
    if maps:
        _draw_alignment(axes[2], maps, record.details["phonemes"])
    _draw_mouth(axes[-1], crops, {_TRUE: true_words, _DUBBED: words, _PLAN: record.details.get("words") or []})
    axes[-1].set_xlim(0, clip.num_samples / 16000)
    axes[-1].set_xlabel("seconds")
    figure.suptitle(f"{clip.name}: {clip.text}\n{_line_of_values(row)}", fontsize=10)
    return to_png(figure)


def _line_of_values(row: Mapping[str, Any]) -> str:
    """The clip's most telling values, those that were measured."""
    shown = {
        "word_sync_steady_ms": ("word starts {:.0f} ms", 1),
        "lse_c": ("LSE-C {:.2f}", 1),
        "wer_grammar": ("WER (grammar) {:.0f} %", 1),
        "wer": ("WER (Whisper) {:.0f} %", 1),
        "ge2e": ("GE2E {:.3f}", 1),
        "dnsmos": ("DNSMOS {:.2f}", 1),
        "mcd_dtw": ("MCD-DTW {:.1f} dB", 1),
    }
    return ", ".join(form.format(row[name]) for name, (form, _) in shown.items() if row.get(name) is not None)


def _draw_mel(axis: "Axes", title: str, sound: np.ndarray | None, words: Sequence[Sequence[Any]], colour: str) -> None:
    axis.set_ylabel(title, fontsize=9)
    axis.set_yticks([])
    if sound is None:
        axis.text(0.5, 0.5, "no sound", ha="center", va="center", transform=axis.transAxes)
        return
    mel = log_mel(torch.from_numpy(sound)).numpy()
    draw_mel(axis, mel, *_MEL_RANGE)
    for word, start, end in words:
        axis.axvline(start, color="white", linewidth=0.8)
        axis.axvline(end, color="white", linewidth=0.5, linestyle=":")
        axis.text(
            (start + end) / 2,
            75,
            word,
            color="white",
            fontsize=9,
            ha="center",
            va="top",
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5, "alpha": 0.9},
        )


def _draw_alignment(axis: "Axes", maps: Mapping[str, np.ndarray], phonemes: Sequence[str]) -> None:
    attention = maps.get("alignment")
    draw_alignment(
        axis,
        None if attention is None else np.sqrt(attention),
        {"path": maps["path"]},
        phonemes,
        maps["path"].shape[1] / MEL_FRAME_RATE,
        colours=(_DUBBED,),
        font_size=min(8.0, 140 / len(phonemes)),
    )
    axis.set_ylabel("path" if attention is None else "lip-phoneme map and path", fontsize=9)


def _draw_mouth(axis: "Axes", crops: np.ndarray | None, words: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    axis.set_ylabel("mouth", fontsize=9)
    axis.set_yticks([0, 1], ["shut", "open"], fontsize=8)
    axis.set_ylim(-0.55, 1.05)
    axis.spines[["top", "right"]].set_visible(False)
    if crops is not None:
        times = (np.arange(len(crops)) + 0.5) / VIDEO_FRAME_RATE
        axis.fill_between(times, mouth_opening(crops), color="#b9c7d5", linewidth=0)
        axis.plot(times, mouth_opening(crops), color="#33475b", linewidth=1)
    names = {_TRUE: "true words", _DUBBED: "words in the sound", _PLAN: "words as planned"}
    levels = {_TRUE: -0.12, _DUBBED: -0.27, _PLAN: -0.42}
    for colour, spoken in words.items():
        for number, (_, start, end) in enumerate(spoken):
            label = names[colour] if number == 0 else None
            axis.plot(
                [start, end], [levels[colour]] * 2, color=colour, linewidth=5, solid_capstyle="butt", label=label
            )
            axis.plot(start, levels[colour], "|", color="white", markersize=6, markeredgewidth=1.5)
    if any(words.values()):
        place = {
            "loc": "lower right",
            "bbox_to_anchor": (1.0, 0.98),
            "borderaxespad": 0.0,
        }  # above, clear of the curve
        axis.legend(fontsize=7, frameon=False, ncols=3, **place)

"""What was kept and dropped, and why: `report.json` and `report.png`."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from ..drawing.figures import new_figure, to_png
from ..processing.audio import SAMPLING_RATE
from ..work.files import replace_file
from .clip_work import Outcome
from .corpora.recording import Recording
from .dataset import split_order


Pair = tuple[Recording, Outcome]
WITHIN_SECONDS = 0.05


def _seconds(pairs: Iterable[Pair]) -> float:
    return sum(outcome.info["num_samples"] for _, outcome in pairs) / SAMPLING_RATE


def _split(pairs: Sequence[Pair]) -> dict[str, Any]:
    return {
        "clips": len(pairs),
        "hours": round(_seconds(pairs) / 3600, 4),
        "speakers": len({recording.speaker for recording, _ in pairs}),
        "with_video": sum(outcome.info["num_frames"] > 0 for _, outcome in pairs),
        "with_phonemes": sum("phonemes" in outcome.info for _, outcome in pairs),
    }


def _faces(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Of all clips with video whose picture could be read, kept or not."""
    seen = [outcome.info for _, outcome in pairs if outcome.info.get("num_frames")]
    frames = sum(info["num_frames"] for info in seen)
    without = sum(outcome.dropped is not None and outcome.dropped[0] == "no face" for _, outcome in pairs)
    looked_at = len(seen) + without
    return {
        "clips": looked_at,
        "clips_with_face": len(seen),
        "clips_with_face_share": round(len(seen) / looked_at, 4) if looked_at else None,
        "frames_with_face_share": round(sum(info["found"] for info in seen) / frames, 4) if frames else None,
    }


def _alignment(pairs: Sequence[Pair]) -> dict[str, Any]:
    failures = (
        "alignment failed",
        "text does not fit",
        "word times disagree",
        "too many phonemes",
        "bad times",
        "bad text",
    )
    scores = [info["score"] for _, outcome in pairs if (info := outcome.info).get("score") is not None]
    return {
        "aligned": sum("phonemes" in outcome.info for _, outcome in pairs),
        "forced": len(scores),
        "median_score": round(median(scores), 2) if scores else None,
        "failures": sum(outcome.dropped is not None and outcome.dropped[0] in failures for _, outcome in pairs),
    }


def _word_times(pairs: Sequence[Pair]) -> dict[str, Any] | None:
    """Forced against given word starts and ends, over all clips that have both, kept or not."""
    differences = [value for _, outcome in pairs for value in outcome.info.get("differences") or ()]
    if not differences:
        return None
    return {
        "clips": sum(bool(outcome.info.get("differences")) for _, outcome in pairs),
        "borders": len(differences),
        "median_ms": round(1000 * median(differences), 1),
        "mean_ms": round(1000 * fmean(differences), 1),
        "within_50_ms": round(sum(value <= WITHIN_SECONDS for value in differences) / len(differences), 4),
    }


def build_report(pairs: Sequence[Pair], settings: dict[str, Any]) -> dict[str, Any]:
    """Content of report.json; the same for any number of processes."""
    kept = [pair for pair in pairs if pair[1].dropped is None]
    dropped = {recording.id: outcome.dropped for recording, outcome in pairs if outcome.dropped is not None}
    remarks = {recording.id: notes for recording, outcome in kept if (notes := outcome.info.get("remarks"))}
    return {
        "clips": len(pairs),
        "kept": len(kept),
        "hours": round(_seconds(kept) / 3600, 4),
        "speakers": len({recording.speaker for recording, _ in kept}),
        "splits": {
            split: _split([pair for pair in kept if pair[0].split == split])
            for split in split_order(recording.split for recording, _ in kept)
        },
        "sources": dict(sorted(Counter(recording.source for recording, _ in kept).items())),
        "dropped": {
            "clips": len(dropped),
            "by_reason": dict(Counter(reason for reason, _ in dropped.values()).most_common()),
            "each": {name: f"{reason}: {message}" for name, (reason, message) in dropped.items()},
        },
        "faces": _faces(pairs),
        "alignment": _alignment(pairs),
        "word_times": _word_times(pairs),
        "remarks": remarks,
        "settings": settings,
    }


def summary(report: dict[str, Any]) -> list[str]:
    """The report in a few lines."""
    dropped, faces, words = report["dropped"], report["faces"], report["word_times"]
    lines = [
        f"{report['kept']} of {report['clips']} clips kept, {report['hours']:.2f} h, {report['speakers']} speakers"
    ]
    for split, row in report["splits"].items():
        lines.append(f"  {split}: {row['clips']} clips, {row['hours']:.2f} h, {row['speakers']} speakers")
    lines += [f"  dropped, {reason}: {count}" for reason, count in dropped["by_reason"].items()]
    if faces["clips"]:
        lines.append(
            f"faces: found in {faces['clips_with_face']} of {faces['clips']} clips with video, "
            f"{100 * (faces['frames_with_face_share'] or 0):.1f} % of their frames"
        )
    if words:
        lines.append(
            f"word times: {words['median_ms']:.0f} ms median from the corpus' own ({words['borders']} starts and ends, "
            f"{words['within_50_ms']:.0%} within 50 ms)"
        )
    return lines


def draw_report(report: dict[str, Any], pairs: Sequence[Pair], path: Path) -> None:
    """Draws the report as a PNG picture."""
    figure = new_figure(12, 7, dpi=80)
    axes = figure.subplots(2, 3)
    _bars(axes[0, 0], "clips", {"kept": report["kept"], **report["dropped"]["by_reason"]})
    _bars(axes[0, 1], "hours by split", {name: row["hours"] for name, row in report["splits"].items()})
    kept = [outcome.info for _, outcome in pairs if outcome.dropped is None]
    _histogram(axes[0, 2], "length of the kept clips (s)", [info["num_samples"] / SAMPLING_RATE for info in kept])
    infos = [outcome.info for _, outcome in pairs]
    shares = [info["found"] / info["num_frames"] for info in infos if info.get("num_frames")]
    _histogram(axes[1, 0], "share of frames with a face", shares, (0, 1))
    scores = [info["score"] for info in infos if info.get("score") is not None]
    _histogram(axes[1, 1], "alignment score (0 is the best)", scores)
    differences = [1000 * value for info in infos for value in info.get("differences") or ()]
    _histogram(axes[1, 2], "word times, ms from the corpus' own", differences, (0, 300))
    figure.suptitle(
        f"{report['kept']} of {report['clips']} clips, {report['hours']:.2f} h, {report['speakers']} speakers"
    )
    replace_file(path, to_png(figure))


def _bars(axis: Any, title: str, values: dict[str, float]) -> None:
    names = list(values)[::-1]
    bars = axis.barh(names, [values[name] for name in names])
    axis.bar_label(bars, fmt="%g", padding=3)
    axis.margins(x=0.2)
    axis.set_title(title)


def _histogram(axis: Any, title: str, values: Sequence[float], limits: tuple[float, float] | None = None) -> None:
    axis.set_title(title)
    if values:
        axis.hist(values, bins=30, range=limits)
        axis.set_ylabel("number")
    else:
        axis.text(0.5, 0.5, "none", ha="center", va="center", transform=axis.transAxes)

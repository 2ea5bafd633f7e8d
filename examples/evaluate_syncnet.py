"""What a lip-sync judge can tell apart: sound in sync from shifted sound and from another clip's, by window and by clip.

    python examples/evaluate_syncnet.py --dataset data/grid --split dev
    python examples/evaluate_syncnet.py --dataset data/grid --split zero_shot --model runs/syncnet/best --output zero_shot.json

Prints a table. The area under the curve is how often a distance in sync is below one that is not: 1 is perfect, 0.5 chance.
A window is one embedding, a clip the mean over its windows. "Swapped" takes the sound of every other clip, of the same
speaker where there are several. The best offset counts as right within one video frame (40 ms) of the true one, also with
the sound delayed or early by known numbers of frames. Last come LSE-D and LSE-C of spoilt sound: noise should cost little,
drift from the lips much. ("Drift" leaves start and end in place and comes to its full size in the middle.)
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from flowdubber_hf.data.features import FeatureStore, save_text
from flowdubber_hf.metrics.sync import (
    DEFAULT_SYNCNET,
    MAX_OFFSET,
    area_under_curve,
    embed_clip,
    frames_needed,
    lip_sync,
    load_syncnet,
)
from flowdubber_hf.models.syncnet import FlowDubberSyncNet
from flowdubber_hf.processing.audio import SAMPLES_PER_VIDEO_FRAME, SAMPLING_RATE
from pages import update_json
from render_cards import FIGURES, write_cards


SHIFTS = range(3, MAX_OFFSET + 1)
SHIFT_GROUPS = ((3, 4), (5, 7), (8, 10), (11, 15))
DELAYS = (-8, -4, 4, 8)
TOLERANCE = 1


def delayed(sound: np.ndarray, frames: int) -> np.ndarray:
    """`(samples,)` sound `frames` video frames late, and early where negative, filled up with silence."""
    moved = np.zeros_like(sound)
    samples = abs(frames) * SAMPLES_PER_VIDEO_FRAME
    if frames < 0:
        moved[:-samples] = sound[samples:]
    else:
        moved[samples:] = sound[: len(sound) - samples]
    return moved


def offset_right(model: FlowDubberSyncNet, mouths: np.ndarray, sound: np.ndarray, delay: int) -> bool:
    """Whether the best offset lies within [`TOLERANCE`] of the delay that the sound is given."""
    return abs(lip_sync(model, mouths, delayed(sound, delay)).offset - delay) <= TOLERANCE


def with_noise(sound: np.ndarray, decibels: float) -> np.ndarray:
    """`(samples,)` sound with white noise this far below its level."""
    noise = np.random.default_rng(0).standard_normal(len(sound), dtype=np.float32)
    return sound + noise * np.float32(np.sqrt(np.mean(np.square(sound))) * 10 ** (-decibels / 20))


def drifted(sound: np.ndarray, seconds: float) -> np.ndarray:
    """`(samples,)` sound whose middle comes `seconds` early, with start and end in place."""
    places = np.arange(len(sound))
    heard = places + seconds * SAMPLING_RATE * np.sin(np.pi * places / len(sound)) ** 2
    return np.interp(heard, places, sound).astype(np.float32)


SPOILT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as recorded": lambda sound: sound,
    "noise 20 dB below": lambda sound: with_noise(sound, 20),
    "noise 10 dB below": lambda sound: with_noise(sound, 10),
    "drift of 80 ms": lambda sound: drifted(sound, 0.08),
    "drift of 160 ms": lambda sound: drifted(sound, 0.16),
    "backwards": lambda sound: np.ascontiguousarray(sound[::-1]),
    "silence": np.zeros_like,
}


class Discrimination:
    """Distances of the clips of a split.

    Args:
        clips: by name, embeddings `(windows, size)` of mouths and of sound, and the speaker.
    """

    def __init__(self, clips: dict[str, tuple[torch.Tensor, torch.Tensor, str]]):
        self.clips = clips

    def _distances(self, lips: torch.Tensor, sound: torch.Tensor) -> torch.Tensor:
        count = min(len(lips), len(sound))
        return torch.nn.functional.pairwise_distance(lips[:count], sound[:count])

    def in_sync(self) -> list[torch.Tensor]:
        """`(windows,)` for each clip."""
        return [self._distances(lips, sound) for lips, sound, _ in self.clips.values()]

    def shifted(self, shift: int) -> list[torch.Tensor]:
        """`(pairs,)` for each clip with its sound early, and for each with it late."""
        early = [self._distances(lips[shift:], sound) for lips, sound, _ in self.clips.values()]
        return early + [self._distances(lips, sound[shift:]) for lips, sound, _ in self.clips.values()]

    def swapped(self) -> list[torch.Tensor]:
        """`(windows,)` for each pair of a clip and another one's sound."""
        found = []
        for name, (lips, _, speaker) in self.clips.items():
            others = [clip for other, clip in self.clips.items() if other != name]
            same = [clip for clip in others if clip[2] == speaker]
            found += [self._distances(lips, sound) for _, sound, _ in same or others]
        return found


def _areas(in_sync: list[torch.Tensor], other: list[torch.Tensor]) -> dict[str, float]:
    return {
        "window": area_under_curve(torch.cat(in_sync), torch.cat(other)),
        "clip": area_under_curve(torch.stack([d.mean() for d in in_sync]), torch.stack([d.mean() for d in other])),
    }


def measure(found: Discrimination) -> dict:
    """Areas under the curve by window and by clip."""
    in_sync = found.in_sync()
    shifted = {shift: found.shifted(shift) for shift in SHIFTS}
    figures: dict = {"clips": len(in_sync), "windows": sum(map(len, in_sync))}
    figures["shifted"] = _areas(in_sync, [clip for clips in shifted.values() for clip in clips])
    figures["by_shift"] = {
        f"{low}-{high}": _areas(in_sync, [clip for shift in range(low, high + 1) for clip in shifted[shift]])
        for low, high in SHIFT_GROUPS
    }
    if len(in_sync) > 1:
        figures["swapped"] = _areas(in_sync, found.swapped())
    return figures


def table(figures: dict) -> str:
    """The figures as Markdown."""
    lines = ["| sound in sync against | AUC, windows | AUC, clips |", "|---|---|---|"]
    rows = {f"shifted by {name} frames": areas for name, areas in figures["by_shift"].items()}
    rows = {f"shifted by {SHIFTS[0]}-{SHIFTS[-1]} frames": figures["shifted"]} | rows
    if "swapped" in figures:
        rows["another clip's"] = figures["swapped"]
    lines += [f"| {name} | {areas['window']:.3f} | {areas['clip']:.3f} |" for name, areas in rows.items()]
    lines += ["", "| sound late by (frames) | best offset within 1 frame |", "|---|---|"]
    lines += [f"| {name} | {100 * share:.0f} % |" for name, share in figures["offset_right"].items()]
    lines += ["", f"| sound ({figures['clips']} clips) | LSE-D | LSE-C |", "|---|---|---|"]
    lines += [f"| {name} | {lse_d:.3f} | {lse_c:.3f} |" for name, (lse_d, lse_c) in figures["lse"].items()]
    return "\n".join(lines)


def keep_figures(root: Path, split: str, figures: dict) -> None:
    """Puts the figures of a split into hub_cards/figures.json and renders the card that shows them."""
    kept = json.loads((root / FIGURES).read_text(encoding="utf-8")).get("judge", {"splits": {}})
    judge = {
        "command": "python examples/evaluate_syncnet.py --dataset prepared/grid --split dev --docs .",
        "date": time.strftime("%Y-%m-%d"),
        "torch": torch.__version__,
        "splits": {**kept["splits"], split: figures},
    }
    update_json(root / FIGURES, judge=judge)
    write_cards(root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", required=True, help="folder written by `flowdubber prepare`")
    parser.add_argument("--split", default="dev", help="split of it (default dev)")
    parser.add_argument("--model", default=DEFAULT_SYNCNET, help="bundled name, folder or Hub id")
    parser.add_argument("--limit", type=int, help="take the first clips only")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--docs", type=Path, help="repository whose card of the judge takes the figures")
    args = parser.parse_args()
    try:
        model, store = load_syncnet(args.model), FeatureStore(args.dataset)
        needed = frames_needed(model)
        clips = [clip for clip in store.clips(args.split, needs=("audio", "crops")) if clip.num_frames >= needed]
        clips = clips[: args.limit]
        if not clips:
            raise ValueError(
                f"{args.dataset} has no clip of at least {needed} video frames in the split {args.split}."
            )
    except ValueError as error:
        parser.error(str(error))
    embedded, right, scores = {}, dict.fromkeys((0, *DELAYS), 0), {name: np.zeros(2) for name in SPOILT}
    for clip in tqdm(clips, disable=None):
        mouths, sound = store.crops(clip.id), store.audio(clip.id)
        embedded[clip.id] = (*embed_clip(model, mouths, sound), clip.speaker)
        for delay in right:
            right[delay] += offset_right(model, mouths, sound, delay)
        for name, spoil in SPOILT.items():
            found = lip_sync(model, mouths, spoil(sound))
            scores[name] += (found.distance, found.confidence)
    figures = measure(Discrimination(embedded))
    figures["offset_right"] = {str(delay): count / len(clips) for delay, count in right.items()}
    figures["lse"] = {name: (total / len(clips)).tolist() for name, total in scores.items()}
    if args.output:
        save_text(args.output, json.dumps(figures, indent=1) + "\n")
    if args.docs:
        keep_figures(args.docs, args.split, figures)
    print(table(figures))


if __name__ == "__main__":
    main()

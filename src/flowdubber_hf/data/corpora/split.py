"""A validation part for a corpus that has none."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import math
from collections.abc import Sequence
from dataclasses import replace

from ...work.hashing import hash_number, hash_share
from .recording import Recording


DEFAULT_VALIDATION_SHARE = 1 / 30


def carve_validation(recordings: Sequence[Recording], share: float, by: str) -> list[Recording]:
    """Moves a part of `train` to `val`, unless the corpus has a `val` split; the same on every machine.

    Args:
        share: 0 carves nothing.
        by: `clip` takes, of each speaker, the floor(clips * share) ones whose ids have the lowest hashes (or, where that is
            none at all, one or more of all clips together); `speaker` takes all clips of the speakers whose names' hashes are
            below the share, so that validation hears voices that training does not.

    Raises:
        ValueError: a share outside of [0, 1), or another `by`.
    """
    if not 0 <= share < 1 or by not in ("clip", "speaker"):
        raise ValueError(f"val_share must lie in [0, 1) and val_by be clip or speaker, got {share} and {by!r}.")
    train = [item for item in recordings if item.split == "train" and item.problem is None]
    if share == 0 or len(train) < 2 or any(item.split == "val" for item in recordings):
        return list(recordings)
    if by == "speaker":
        held_out = {item.id for item in train if hash_share(item.speaker) < share}
    else:
        held_out = _lowest_hashes(train, share)
    return [replace(item, split="val") if item.id in held_out else item for item in recordings]


def _lowest_hashes(train: Sequence[Recording], share: float) -> set[str]:
    by_speaker: dict[str, list[str]] = {}
    for item in train:
        by_speaker.setdefault(item.speaker, []).append(item.id)
    chosen = {
        clip
        for clips in by_speaker.values()
        for clip in sorted(clips, key=hash_number)[: math.floor(len(clips) * share)]
    }
    if not chosen:
        count = max(1, math.floor(len(train) * share))
        chosen = set(sorted((item.id for item in train), key=hash_number)[:count])
    return chosen

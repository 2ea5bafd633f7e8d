"""Which clips training draws, and how often from each source of a dataset."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import logging
from collections.abc import Collection, Mapping, Sequence

from accelerate import Accelerator

from ..data.features import Clip, FeatureStore
from .arguments import TrainingArguments
from .checks import of_speakers, usable_clips


logger = logging.getLogger(__name__)


def source_shares(present: Collection[str], wanted: Mapping[str, float] | None) -> dict[str, float]:
    """Share of each source that is there; all alike where none is asked for.

    Args:
        present: sources of the clips.
        wanted: source to share. Those that are not there are left out with a warning, so that one recipe serves whoever
            has only some of its corpora.

    Raises:
        ValueError: none of the wanted sources is there.
    """
    shares = dict.fromkeys(sorted(present), 1.0) if not wanted else dict(wanted)
    missing = sorted(set(shares) - set(present))
    if missing:
        logger.warning("--sources: no clip of %s; the dataset has %s.", ", ".join(missing), ", ".join(sorted(present)))
    shares = {source: share for source, share in shares.items() if source in present and share > 0}
    if not shares:
        asked = ", ".join(wanted) if wanted else "any source"
        raise ValueError(
            f"there is no clip of {asked} to train on; the dataset has {', '.join(sorted(present)) or 'none'}."
        )
    return shares


def parse_shares(names: Sequence[str], shares: Sequence[float]) -> dict[str, float] | None:
    """Options `--sources` and `--source_shares` as one mapping; `None` where no source is named.

    Raises:
        ValueError: not one share a source, or a share that is not positive.
    """
    if shares and len(shares) != len(names):
        raise ValueError(f"give one share a source: {len(names)} sources and {len(shares)} shares were given.")
    if any(share <= 0 for share in shares):
        raise ValueError(f"shares of sources must be above 0, got {list(shares)}.")
    if not names:
        return None
    return dict(zip(names, shares or [1.0] * len(names), strict=True))


def clips_of(
    store: FeatureStore, arguments: TrainingArguments, accelerator: Accelerator, needs: Sequence[str] = ("audio",)
) -> tuple[list[Clip], list[Clip]]:
    """Clips to train on and to validate on, by the options `--speakers` and `--exclude_speakers`, all of them checked.

    Where the speakers that are trained on have no clip in `val`, the other speakers' validate, and where the dataset has
    no `val` at all the training clips do.

    Args:
        needs: what of a clip is used, see [`~training.checks.usable_clips`].

    Raises:
        ValueError: nothing to train on, or bad clips.
    """
    training = of_speakers(store.clips("train", needs=needs), arguments)
    if not training:
        raise ValueError(f"{', '.join(arguments.dataset)} has no clip to train on with {' and '.join(needs)}.")
    held_out = [clip for clip in store.clips("val", needs=needs) if clip.speaker not in arguments.exclude_speakers]
    held_out = of_speakers(held_out, arguments) or held_out
    usable = {clip.id for clip in usable_clips(store, [*training, *held_out], needs, arguments, accelerator)}
    training, held_out = ([clip for clip in clips if clip.id in usable] for clips in (training, held_out))
    return training, held_out or training

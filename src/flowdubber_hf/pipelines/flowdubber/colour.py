"""The colour of a voice: how loud each mel band of its louder sounds is on average. A dub can take on its reference's."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import torch


# Natural-log units below the loudest frame's mean over the bands: what is louder are mostly vowels, in any recording.
LOUDER = 4.0


def colour_of(mel: torch.Tensor) -> torch.Tensor:
    """Mean of the louder frames of a natural-log mel `(80, T)`, `(80,)`."""
    level = mel.mean(0)
    return mel[:, level > level.max() - LOUDER].mean(1)


def in_colour(mel: torch.Tensor, colour: torch.Tensor, share: float) -> torch.Tensor:
    """A natural-log mel `(80, T)` moved towards a colour `(80,)` by a share of the distance, the same in every frame; its level stays.

    That is a linear filter: what is said and when does not depend on it.
    """
    distance = colour - colour_of(mel)
    return mel + share * (distance - distance.mean())[:, None]


__all__ = ["colour_of", "in_colour"]

"""The shapes of the drawn mouth: one for each phoneme, and how it moves from one to the next."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..processing.audio import VIDEO_FRAME_RATE
from ..processing.text import SILENCE_PHONEME
from .timeline import Segment, of_phoneme, smooth


@dataclass(frozen=True)
class Mouth:
    """Shape of the mouth, 0 to 1 each: jaw opening, width (0.5 at rest, below when rounded), upper teeth, lips pressed."""

    opening: float
    width: float = 0.5
    teeth: float = 0.5
    press: float = 0.0


_PRESSED = (Mouth(0.0, 0.48, 0.0, 1.0),)
_LIP_TO_TEETH = (Mouth(0.10, 0.55, 1.0, 0.3),)
_HISS = (Mouth(0.15, 0.70, 1.0),)
_HUSH = (Mouth(0.18, 0.22, 0.9),)
_TONGUE_TO_TEETH = (Mouth(0.22, 0.55, 0.8),)
_BACK_OF_TONGUE = (Mouth(0.28, 0.52, 0.5),)

# A diphthong is a run of shapes.
MOUTHS: dict[str, tuple[Mouth, ...]] = {
    SILENCE_PHONEME: (Mouth(0.0, 0.5, 0.0, 0.1),),
    **dict.fromkeys(("P", "B", "M"), _PRESSED),
    **dict.fromkeys(("F", "V"), _LIP_TO_TEETH),
    **dict.fromkeys(("S", "Z"), _HISS),
    **dict.fromkeys(("SH", "ZH", "CH", "JH"), _HUSH),
    **dict.fromkeys(("TH", "DH"), _TONGUE_TO_TEETH),
    **dict.fromkeys(("K", "G", "NG"), _BACK_OF_TONGUE),
    "T": (Mouth(0.18, 0.60, 0.9),),
    "D": (Mouth(0.20, 0.58, 0.9),),
    "N": (Mouth(0.24, 0.55, 0.6),),
    "L": (Mouth(0.32, 0.55, 0.6),),
    "R": (Mouth(0.22, 0.25, 0.3),),
    "HH": (Mouth(0.34, 0.52, 0.5),),
    "W": (Mouth(0.14, 0.0, 0.0),),
    "Y": (Mouth(0.26, 0.72, 0.8),),
    "AA": (Mouth(0.90, 0.50, 0.5),),
    "AE": (Mouth(0.75, 0.70, 0.7),),
    "AH": (Mouth(0.60, 0.55, 0.5),),
    "AH0": (Mouth(0.42, 0.52, 0.5),),
    "AO": (Mouth(0.72, 0.25, 0.3),),
    "EH": (Mouth(0.58, 0.68, 0.7),),
    "ER": (Mouth(0.36, 0.30, 0.4),),
    "IH": (Mouth(0.42, 0.65, 0.7),),
    "IY": (Mouth(0.32, 0.82, 0.9),),
    "UH": (Mouth(0.34, 0.16, 0.1),),
    "UW": (Mouth(0.22, 0.02, 0.0),),
    "EY": (Mouth(0.55, 0.70, 0.7), Mouth(0.32, 0.80, 0.9)),
    "AY": (Mouth(0.90, 0.55, 0.6), Mouth(0.38, 0.75, 0.9)),
    "AW": (Mouth(0.95, 0.50, 0.5), Mouth(0.35, 0.08, 0.1)),
    "OW": (Mouth(0.55, 0.22, 0.2), Mouth(0.26, 0.04, 0.0)),
    "OY": (Mouth(0.66, 0.20, 0.3), Mouth(0.38, 0.72, 0.9)),
}


def mouth_track(segments: Sequence[Segment]) -> np.ndarray:
    """Opening, width, teeth and press of the mouth in every video frame `(F, 4)`; lips move before the sound is heard."""
    rate, seconds = 200, segments[-1].end
    rows = np.zeros((round(seconds * rate), 4))
    for part in segments:
        shapes = of_phoneme(MOUTHS, part.phoneme)
        edges = np.linspace(part.start, part.end, len(shapes) + 1)
        for mouth, (start, end) in zip(shapes, pairwise(edges), strict=True):
            row = (mouth.opening, mouth.width, mouth.teeth, mouth.press)
            rows[round(start * rate) : round(end * rate)] = row
    rows = smooth(rows, 0.026 * rate)
    times = (np.arange(round(seconds * VIDEO_FRAME_RATE)) + 0.5) / VIDEO_FRAME_RATE + 0.01
    return rows[np.minimum((times * rate).astype(int), len(rows) - 1)]

"""Whether a script fits into a clip, by its phonemes: told without a model."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from .sound import VIDEO_FRAME_RATE
from .text import Phonemization


#: Speech that nobody follows: phonemes a second over so many words.
FASTEST_PHONEMES_PER_SECOND, FAST_WORDS = 20, 3


def check_room(phonemization: Phonemization, num_frames: int) -> None:
    """Raises `ValueError` if a script has more phonemes than the clip has frames at 25 a second, and says how many words are
    too many."""
    needed = len(phonemization.phonemes) - sum(phonemization.optional)
    if needed > num_frames:
        seconds = num_frames / VIDEO_FRAME_RATE
        raise ValueError(
            f"the script has {needed} phonemes but the clip only {num_frames} frames at 25 a second ({seconds:.2f} s); leave "
            f"out about {words_to_drop(phonemization, seconds)} of its {len(phonemization.words)} words, or give a longer clip."
        )


def words_to_drop(phonemization: Phonemization, seconds: float) -> int:
    """How many of the words, taken from the end, have to go until the rest can be followed in so many seconds."""
    left = int(seconds * FASTEST_PHONEMES_PER_SECOND)
    kept = 0
    for pronunciation in phonemization.pronunciations:
        left -= len(pronunciation)
        if left < 0:
            break
        kept += 1
    return max(1, len(phonemization.words) - kept)

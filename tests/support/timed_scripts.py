"""Scripts with times that follow a rule, for the stages that learn durations."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import numpy as np

from flowdubber_hf.processing.text import phonemize
from flowdubber_hf.training.duration_stage import TimedScript


STYLE = [0.0] * 255 + [1.0]


def script(number: int) -> TimedScript:
    """Vowels last twice as long as consonants; every third script is said slowly."""
    generator = np.random.default_rng(number)
    written = phonemize(" ".join(generator.choice(["bin", "blue", "now", "set", "red"], 4)))
    lengths = [0.16 if name[-1].isdigit() else 0.08 for name in written.phonemes]
    lengths = [0.0 if pause == "word" else length for pause, length in zip(written.pauses, lengths, strict=True)]
    seconds = np.array(lengths, np.float32) * (1.3 if number % 3 == 0 else 1.0)
    ids, pauses = np.array(written.ids), np.array(written.pause_ids)
    return TimedScript(f"made/{number}", "made", ids, pauses, seconds, np.array(STYLE, np.float32))

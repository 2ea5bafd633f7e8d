"""A prepared dataset for the training tests, made without recordings: 8 + 2 clips with mouths, 4 of sound, 1 s each."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np

from support.prepared_dataset import write_prepared


FRAMES = 25
PHONEMES = ["sil", "B", "IH1", "N", "sp", "N", "AW1", "sil"]
WORDS = ["bin", "now"]


def clip(name: str, number: int, video: bool = True, **changed) -> dict:
    """One clip: noise and a tone as its sound, random mouths, two words."""
    generator = np.random.default_rng(number)
    samples = 640 * FRAMES
    tone = np.sin(np.arange(samples) * (0.05 + 0.01 * number))
    ends = [*np.sort(generator.uniform(0.1, 0.9, len(PHONEMES) - 1)).tolist(), 1.0]
    style = generator.normal(size=256).astype(np.float32)
    return {
        "id": name,
        "speaker": f"speaker{number % 2}",
        "source": "made" if video else "made-sound",
        "text": " ".join(WORDS),
        "audio": 0.3 * tone + 0.05 * generator.normal(size=samples),
        "crops": generator.integers(0, 256, (FRAMES, 96, 96), dtype=np.uint8) if video else None,
        "phones": {
            "phonemes": PHONEMES,
            "word_index": [-1, 0, 0, 0, -1, 1, 1, -1],
            "words": WORDS,
            "times": list(zip([0.0, *ends[:-1]], ends, strict=True)),
        },
        "style": style / np.linalg.norm(style),
        **changed,
    }


def clips() -> list[dict]:
    """All of them; `made/9` and `made/8` are the held-out ones."""
    video = [clip(f"made/{n}", n, split="val" if n >= 8 else "train") for n in range(10)]
    return video + [clip(f"sound/{n}", 20 + n, video=False) for n in range(4)]


def write_dubbing_dataset(folder: Path) -> Path:
    """Writes the dataset that `FeatureStore(folder)` reads."""
    return write_prepared(folder, clips())

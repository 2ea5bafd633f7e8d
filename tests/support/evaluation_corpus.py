"""A small corpus to evaluate, made by the tests, and settings that cost little."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import numpy as np

from flowdubber_hf.evaluation.settings import EvaluateSettings
from support.made_recordings import SCRIPT, script_voice, word_times, write_metadata, write_speaking_clip, write_voice


CLIPS = ("anna_one", "anna_two", "ben_one")


def write_corpus(folder: Path) -> Path:
    """Two clips of one speaker and one of another, all of the same 3 s, in the split dev."""
    rows = []
    for name in CLIPS:
        speaker, number = name.split("_")
        file = f"{speaker}/{number}.mp4"
        write_speaking_clip(folder / file)
        row = {"video": file, "text": SCRIPT, "speaker": speaker, "split": "dev", "words": word_times()}
        rows.append(row)
    return write_metadata(folder, rows)


def write_outputs(folder: Path, sounds: dict[str, np.ndarray]) -> Path:
    """Sounds of a system, named by clip."""
    for name, sound in sounds.items():
        write_voice(folder / f"{name}.wav", sound)
    return folder


def late(seconds: float) -> np.ndarray:
    """The voice of the clips, as long as before, starting later."""
    samples = round(seconds * 16000)
    return np.concatenate([np.zeros(samples, np.float32), script_voice()])[: len(script_voice())]


def settings(data: Path, output: Path, **changed: Any) -> EvaluateSettings:
    """Quiet and in one process; only the length is measured unless said otherwise."""
    return EvaluateSettings(**{"data": data, "output": output, "metrics": ("length",), "quiet": True, **changed})

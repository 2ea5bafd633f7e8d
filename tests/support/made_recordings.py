"""Recordings that the project makes itself: the demo's head saying the demo's words, with the times at which it says them."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from flowdubber_hf import demo
from flowdubber_hf.processing.video import write_wav
from support.video_files import head_frames, write_clip


SCRIPT = demo.DEMO_SCRIPT
FRAMES = 75


@lru_cache(maxsize=1)
def script_voice() -> np.ndarray:
    """`(48000,)` floats: the synthetic voice saying `SCRIPT` at the times at which the head's mouth moves."""
    return demo.demo_speech()


def word_times() -> list[list]:
    """[word, start, end] of `SCRIPT`."""
    words: list[list] = []
    for row in demo.demo_timeline():
        if row["word"] is None:
            continue
        if words and words[-1][0] == row["word"] and words[-1][2] == row["start"]:
            words[-1][2] = row["end"]
        else:
            words.append([row["word"], row["start"], row["end"]])
    return words


@lru_cache(maxsize=1)
def _speaking_bytes(folder: Path) -> bytes:
    path = write_clip(folder / "speaking.mp4", head_frames(), sound=script_voice())
    data = path.read_bytes()
    path.unlink()
    return data


def write_speaking_clip(path: Path) -> Path:
    """3 s of the head with its voice, 75 frames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_speaking_bytes(path.parent))
    return path


def write_voice(path: Path, sound: np.ndarray | None = None) -> Path:
    """A wav, of the demo's voice by default."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_wav(path, script_voice() if sound is None else sound)


def write_metadata(folder: Path, rows: list[dict[str, Any] | str]) -> Path:
    """Writes metadata.jsonl; strings are written as they are."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder

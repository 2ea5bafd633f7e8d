"""Clips and listings for `flowdubber dub --batch`."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path
from typing import Any

import numpy as np

from support.made_recordings import SCRIPT, write_speaking_clip, write_voice
from support.video_files import noise_frames, write_clip


def write_clips(folder: Path) -> Path:
    """`one.mp4`, `two.mp4`, `three.mp4` with a face, `faceless.mp4` without, and the voice `voice.wav`."""
    for name in ("one", "two", "three"):
        write_speaking_clip(folder / f"{name}.mp4")
    write_clip(folder / "faceless.mp4", noise_frames(50, 96, 128))
    write_voice(folder / "voice.wav")
    write_voice(folder / "short.wav", np.full(8000, 0.1, np.float32))
    return folder


def line(video: str, **changed: Any) -> dict[str, Any]:
    """A line that can be dubbed; `None` takes a field away."""
    row = {"video": f"{video}.mp4", "script": SCRIPT, "reference": "voice.wav", **changed}
    return {name: value for name, value in row.items() if value is not None}


def write_listing(folder: Path, *rows: dict[str, Any] | str, name: str = "jobs.jsonl") -> Path:
    """Lines of JSON; strings are written as they are."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name

# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""A small corpus to evaluate, made by the tests, and settings that cost little."""

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

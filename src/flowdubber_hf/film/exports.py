"""A dubbed film for other editors: what exports have in common, and a text-to-speech session of Subtitle Edit.

All exports hold the takes as they were made, in files of their own, at the times at which they are heard.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..processing.outputs import check_file
from ..work.files import replace_file, replacing


ENGINE = "FlowDubber"
SESSION = "SubtitleEditTts.json"
_MILLISECOND = 1000  # microseconds


@dataclass(frozen=True)
class ExportLine:
    """A line and its take.

    Attributes:
        id: of the cue.
        text: that is spoken.
        start, end: of the take in the film, microseconds.
        speaker: who says it.
        sound: the take, a wav file.
        seed: that it was made from.
    """

    id: str
    text: str
    start: int
    end: int
    speaker: str
    sound: Path
    seed: int = 0


def prepare_export(folder: Path, name: str, lines: Sequence[ExportLine], overwrite: bool) -> None:
    """Raises `ValueError` where an export cannot be written, before anything is."""
    if not lines:
        raise ValueError("export: there is no take to be exported.")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"export: {folder} is a file; give a folder.")
    if (folder / name).exists() and not overwrite:
        raise ValueError(
            f"export: {folder / name} exists already; choose another folder, or overwrite it (--overwrite)."
        )
    for line in lines:
        check_file(line.sound, f"take of cue {line.id}")
    folder.mkdir(parents=True, exist_ok=True)


def copy_file(source: Path, target: Path) -> None:
    """A file copied whole or not at all."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def write_json(path: Path, value: Any) -> Path:
    """JSON as people read it."""
    replace_file(path, (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode())
    return path


def export_subtitleedit(folder: Path, film: Path, lines: Sequence[ExportLine], overwrite: bool = False) -> Path:
    """Writes a session that Subtitle Edit opens by Video, Text to speech, Import: takes that can be heard, left out and moved.

    The files are named by their whole path, as Subtitle Edit reads them; export anew where the folder moves.

    Raises:
        ValueError: no take, one is missing, or the folder holds a session already.
    """
    prepare_export(folder, SESSION, lines, overwrite)
    items = []
    for number, line in enumerate(lines, 1):
        target = folder / f"{number:04}.wav"
        copy_file(line.sound, target)
        items.append(
            {
                "Text": line.text,
                "StartMs": round(line.start / _MILLISECOND),
                "EndMs": round(line.end / _MILLISECOND),
                "AudioFileName": str(target.absolute()),
                "SpeedFactor": 1.0,
                "EngineName": ENGINE,
                "VoiceName": line.speaker,
                "Model": "",
                "Instruction": "",
                "Include": True,
            }
        )
    cast = [
        {"Actor": speaker, "EngineName": ENGINE, "VoiceName": speaker, "Model": "", "Instruction": ""}
        for speaker in sorted({line.speaker for line in lines})
    ]
    session = {"VideoFileName": str(film.absolute()), "Items": items, "ActorVoiceMappings": cast}
    return write_json(folder / SESSION, session)

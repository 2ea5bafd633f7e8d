"""A film's lines as clips to train with: each the face of who says it, its sound and its words; what `flowdubber prepare` reads."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..processing.encoding import write_silent_video
from ..processing.face_tracking import CROP_OF_FACE, MOUTH_Y
from ..processing.frames import MAX_GREY_SIDE
from ..processing.sound import SAMPLING_RATE
from ..processing.wav import write_wav
from ..work.files import replace_file, replacing
from .faces import FaceTrack
from .mouths import Mouths
from .plan import FilmPlan
from .planned import CuePlan, PlannedSpan
from .source import FilmSource, film_sound, grid_frames
from .speaker import is_silent


LISTING = "metadata.jsonl"
LEAST_SEEN = 0.95  # of a clip's pictures
_REACH = 0.75  # of a face's side, to each side of its middle
_NOBODY = "unknown"


def write_training_clips(
    plan: FilmPlan, folder: Path, progress: Callable[[float], None] | None = None
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """
    Writes the lines of a film whose speaker is seen: `ID.mp4` with the face, `ID.wav`, and `metadata.jsonl`. Clips that are there already
    are kept: they depend on the film and the plan alone, by their names.

    Args:
        plan: of a film in its own language: its cues say what is heard.
        folder: made where missing.
        progress: called with the share that is done.

    Returns:
        The rows of the listing, and why each of the other lines is left out, by the cue's number.

    Raises:
        ValueError: the film has no sound, or no line can be used.
        OSError: a file cannot be written.
    """
    if not plan.source.has_sound:
        raise ValueError(f"{plan.source.path} has no sound to learn from.")
    folder.mkdir(parents=True, exist_ok=True)
    faces = Mouths.stored(plan.settings.work_folder)
    rows, left_out = [], {}
    for number, cue in enumerate(plan.cues, 1):
        for part in cue.parts:
            reason = _reason_against(part) or _write_clip(plan, cue, part, faces, folder, rows)
            if reason is not None:
                left_out[str(cue.cue.number)] = reason
        if progress is not None:
            progress(number / len(plan.cues))
    if not rows:
        raise ValueError(
            f"{plan.source.path}: no cue is said by a face that is seen all the time; nothing is left to learn from."
        )
    replace_file(folder / LISTING, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    return rows, left_out


def _reason_against(part: PlannedSpan) -> str | None:
    if part.error is not None:
        return part.error
    if part.track is None or part.timing != "lips":
        return "its speaker is not seen."
    if part.choice.unsure:
        return "unsure who speaks."
    if part.seen < LEAST_SEEN:
        return f"its speaker is seen in {100 * part.seen:.0f} % of it only."
    return None


def _write_clip(
    plan: FilmPlan, cue: CuePlan, part: PlannedSpan, faces: Mouths, folder: Path, rows: list[dict[str, Any]]
) -> str | None:
    """Writes a line and adds its row; or why it cannot be used."""
    sound = film_sound(plan.source, *part.microseconds)
    if is_silent(sound):
        return "the film is silent there."
    name = f"{cue.id}-{part.window[0]}-{part.window[1]}-{part.mouths_hash[:8]}"
    picture, voice = folder / f"{name}.mp4", folder / f"{name}.wav"
    if not picture.is_file():
        pictures = face_pictures(plan.source, faces.face(part.stretch, part.track), part.window)
        with replacing(picture) as temporary:
            write_silent_video(temporary, pictures)
    write_wav(voice, sound, SAMPLING_RATE, overwrite=True)
    rows.append(
        {
            "id": name,
            "video": picture.name,
            "audio": voice.name,
            "text": part.text,
            "speaker": cue.cue.speaker or _NOBODY,
        }
    )
    return None


def face_pictures(source: FilmSource, face: FaceTrack, window: tuple[int, int]) -> Iterator[np.ndarray]:
    """`(height, width, 3)` uint8 pictures of the part of a film in which a face stays for a window of the grid: sides are even."""
    first, stop = max(window[0], face.first), min(window[1], face.stop)
    boxes = face.boxes[first - face.first : stop - face.first]
    scale = min(1.0, MAX_GREY_SIDE / max(source.width, source.height))
    x0, y0, x1, y1 = (scale * edge for edge in face_region(boxes))
    for picture in grid_frames(source, *window):
        height, width = picture.shape
        left, top = (max(0, 2 * int(edge / 2)) for edge in (x0, y0))
        right, low = left + _even(min(width, x1) - left), top + _even(min(height, y1) - top)
        yield np.repeat(picture[top:low, left:right, None], 3, axis=2)


def _even(length: float) -> int:
    return max(2, 2 * int(length / 2))


def face_region(boxes: np.ndarray) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 around a face, of `(n, 4)` squares around its mouth; a few pixels may lie outside of the picture."""
    face = np.median(boxes[:, 2] - boxes[:, 0]) / CROP_OF_FACE
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2 - (MOUTH_Y - 0.5) * face
    reach = _REACH * face
    return float(x.min() - reach), float(y.min() - reach), float(x.max() + reach), float(y.max() + reach)

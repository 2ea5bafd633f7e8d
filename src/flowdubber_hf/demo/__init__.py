"""The demo input that the project makes itself: a drawn talking head, a synthetic voice, a script. No recording is used.

The head's mouth follows the script's phonemes on a known timeline, which is written beside the video, so that the timing
of a dub can be checked; [`make_talking_head`] draws the same head saying any English text.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..processing.encoding import write_silent_video
from ..processing.outputs import check_output, new_file
from ..processing.wav import write_wav
from ..work.files import replace_file, replacing
from .head import demo_frames, talking_head_frames
from .timeline import DEMO_REFERENCE_SCRIPT, DEMO_SCRIPT, DEMO_SECONDS, demo_timeline, speech_timeline
from .voice import demo_reference, demo_speech


@dataclass(frozen=True)
class DemoFiles:
    """What [`make_demo`] wrote.

    Attributes:
        video: silent clip of the head, mp4, 360 x 288, 25 frames a second, 3 s.
        reference: the voice, wav, 16 kHz, 2.4 s.
        script: the words that the mouth says.
        reference_script: the words of the reference.
        timeline: json file of `(phoneme, word, start_s, end_s)` of the script.
    """

    video: Path
    reference: Path
    script: str
    reference_script: str
    timeline: Path


def make_talking_head(
    text: str, path: str | Path, accent: str = "us", overwrite: bool = False, timeline: Sequence[dict] | None = None
) -> list[dict]:
    """Draws the head saying a text: a silent mp4, 360 x 288, 25 frames a second, the same bytes every time.

    Args:
        text: English, as for [`~processing.text.phonemize`].
        path: of the video, `.mp4`; written whole or not at all.
        accent: `us` or `gb`.
        overwrite (`bool`, *optional*, defaults to `False`): replace the file.
        timeline (*optional*): when the phonemes are said, as for [`talking_head_frames`], in place of average durations.

    Returns:
        What the mouth says when, as [`speech_timeline`].

    Raises:
        ValueError: text that cannot be said, a wrong timeline; the file is there already or cannot be written.
    """
    path = Path(path)
    timeline = speech_timeline(text, accent) if timeline is None else list(timeline)
    frames = talking_head_frames(timeline)
    with new_file(path, (".mp4",), overwrite) as temporary:
        write_silent_video(temporary, frames)
    return timeline


def make_demo(folder: str | Path, overwrite: bool = False) -> DemoFiles:
    """Writes the demo input: `demo.mp4`, `demo_reference.wav` and `demo_timeline.json`.

    Args:
        folder: made if it is not there.
        overwrite (`bool`, *optional*, defaults to `False`): replace files of these names.

    Raises:
        ValueError: the folder cannot be made or written, or a file is there already.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("demo.mp4", "demo_reference.wav", "demo_timeline.json"):
            check_output(folder / name, (".mp4", ".wav", ".json"), overwrite)
        files = DemoFiles(
            video=folder / "demo.mp4",
            reference=write_wav(folder / "demo_reference.wav", demo_reference(), overwrite=True),
            script=DEMO_SCRIPT,
            reference_script=DEMO_REFERENCE_SCRIPT,
            timeline=folder / "demo_timeline.json",
        )
        with replacing(files.video) as temporary:
            write_silent_video(temporary, demo_frames())
        replace_file(files.timeline, (json.dumps(demo_timeline(), indent=1) + "\n").encode())
    except OSError as error:
        raise ValueError(f"the demo cannot be written to {folder} ({error.strerror or error}).") from error
    return files

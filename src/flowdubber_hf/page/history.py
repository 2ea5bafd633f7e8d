"""The takes of a visit, to compare and to go back to: a bounded list, whose files lie in gradio's cache."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..work.files import replace_file
from .dubbing import Dub, write_report
from .figures import draw_seconds, draw_timeline, draw_warnings
from .limits import Request


MAX_TAKES = 8  # of a visit; the oldest goes
_LABEL_LETTERS = 28


@dataclass(frozen=True)
class Take:
    """What is kept of a dub. Everything large is a file: the server holds takes of many visitors.

    Attributes:
        number: of the take in this visit, from 1.
        request: that asked for it.
        seed: of the sound.
        files: paths by kind: `video`, `original`, `sound`, `subtitles`, `report`, `timeline` (HTML).
        words: (word, start, end) in seconds.
        phoneme_frames: mel frames of each phoneme.
        remarks, seconds: HTML.
    """

    number: int
    request: Request
    seed: int
    files: dict[str, str]
    words: list[tuple[str, float, float]]
    phoneme_frames: list[int]
    remarks: str
    seconds: str

    @property
    def label(self) -> str:
        """For the list of takes."""
        script = " ".join(self.request.script.split())
        script = script if len(script) <= _LABEL_LETTERS else script[: _LABEL_LETTERS - 1] + "…"
        moved = ", words moved" if self.request.phoneme_frames is not None else ""
        return f"{self.number}: {script} (seed {self.seed}{moved})"

    @property
    def is_there(self) -> bool:
        """Whether the server still has its files."""
        return all(Path(file).is_file() for file in self.files.values())

    def timeline(self) -> str:
        """HTML of the figures."""
        return Path(self.files["timeline"]).read_text(encoding="utf-8")


def keep(dub: Dub, request: Request, number: int, folder: Path, store: Callable[[str], str]) -> Take:
    """The take of a dub.

    Args:
        dub: finished.
        request: that asked for it.
        number: of the take.
        folder: of the request, which goes with it.
        store: keeps a file beyond the request and returns its new path.
    """
    timeline, report = folder / "timeline.html", write_report(dub, request, folder / "dubbed.json")
    drawn = draw_timeline(dub.sound, dub.own_sound, dub.words, dub.mouths, dub.duration)
    replace_file(timeline, drawn.encode())
    files = {
        "video": dub.video,
        "original": dub.original,
        "sound": dub.sound_file,
        "subtitles": dub.subtitles,
        "report": report,
        "timeline": timeline,
    }
    return Take(
        number=number,
        request=request,
        seed=dub.seed,
        files={kind: store(str(file)) for kind, file in files.items()},
        words=dub.words,
        phoneme_frames=dub.phoneme_frames,
        remarks=draw_warnings(dub.warnings, dub.takes),
        seconds=draw_seconds(dub.seconds, dub.duration),
    )


def added(takes: Sequence[Take], take: Take) -> list[Take]:
    """The takes with another one, at most `MAX_TAKES`."""
    return [*takes, take][-MAX_TAKES:]


def numbered(takes: Sequence[Take], number: int | None) -> Take | None:
    """The take of that number, if it is still kept."""
    return next((take for take in takes if take.number == number), None)

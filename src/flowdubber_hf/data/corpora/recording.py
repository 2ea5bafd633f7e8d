"""A clip as a corpus describes it, and the checks that every reader of a corpus shares."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ...processing.reading.script import MAX_TEXT_CHARACTERS
from ..phone_times import check_intervals
from ..textgrid import Interval


VIDEO_SUFFIXES = (".mp4", ".mpg", ".mpeg", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".wmv", ".flv", ".ts", ".3gp")
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".wma")
MAX_ID_LENGTH = 200
SPLIT_NAMES = {"validation": "val", "valid": "val", "training": "train", "testing": "test"}


class Dropped(ValueError):
    """Why a clip cannot be used.

    Attributes:
        reason: short, one of a few; the report counts by it.
        message: what exactly is wrong.
    """

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple:
        return Dropped, (self.reason, self.message)


@dataclass(frozen=True)
class Recording:
    """A clip as the corpus describes it; paths are relative to its folder.

    Attributes:
        id: unique, starts with the source.
        split, speaker, source: see [`~data.features.Clip`].
        text: what is said; `None` where nobody knows.
        video: file with the picture, and the sound unless `audio` is given. `None` for sound alone.
        audio: file with the sound.
        words: the corpus' own `(word, start, end)` in seconds.
        phones: its own `(phone, start, end)`.
        textgrid: file with words and phones; the only path that may be absolute, where the user named its folder.
        reference: id, or name in the corpus, of the clip whose voice is to be used.
        mouth_box: x0, y0, x1, y1 around the lips in pixels, where no face detector would find them.
        problem: why the clip cannot be used.
    """

    id: str
    split: str = "train"
    speaker: str = ""
    source: str = ""
    text: str | None = None
    video: str | None = None
    audio: str | None = None
    words: tuple[Interval, ...] | None = None
    phones: tuple[Interval, ...] | None = None
    textgrid: str | None = None
    reference: str | None = None
    mouth_box: tuple[float, ...] | None = None
    problem: Dropped | None = None

    @property
    def file_name(self) -> str:
        return self.video or self.audio or ""


@dataclass(frozen=True)
class Corpus:
    """What a reader found.

    Attributes:
        layout: name of the reader.
        license: Hub identifier of the corpus' licence, `other` where it is the user's.
        origin: one sentence for the dataset card.
        recordings: all of them, in a fixed order.
    """

    layout: str
    license: str
    origin: str
    recordings: tuple[Recording, ...]


def check_relative(name: str) -> str:
    """Refuses a path that is absolute or leads upwards.

    Raises:
        Dropped: it does.
    """
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or re.match(r"[A-Za-z]:", name) or ".." in pure.parts or "\0" in name:
        raise Dropped(
            "path outside of the folder", f"{name[:200]!r} is no path inside of the folder that is prepared."
        )
    return str(pure)


def locate(folder: Path, name: str, follow_links: bool = False) -> Path:
    """The file that a corpus names.

    Raises:
        Dropped: the name leads out of the folder (also by a link, unless `follow_links`), or there is no such file.
    """
    path = folder / check_relative(name)
    try:
        if not path.is_file():
            raise Dropped("missing file", f"there is no file {name[:200]}.")
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # a name too long, a link to itself
        raise Dropped("missing file", f"{name[:200]!r} cannot be opened ({error}).") from error
    if not inside and not follow_links:
        raise Dropped(
            "path outside of the folder", f"{name} is a link out of the folder; allow such with --follow_links."
        )
    return path


def with_source(source: str, name: str, separator: str) -> str:
    return name if name.startswith(source + separator) else f"{source}{separator}{name}"


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "clips"


def check_id(name: str) -> str:
    if len(name) > MAX_ID_LENGTH or not name.isprintable() or ".." in name.split("/"):
        raise Dropped(
            "bad name", f"{name[:60]!r} is no usable name of a clip (printable, at most {MAX_ID_LENGTH} letters)."
        )
    return name


def check_text(text: Any) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise Dropped("bad text", f"the text is no string but {text!r}.")
    if not text.strip():
        raise Dropped("empty text", "the text is empty; leave the column out (or null) where there is no transcript.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise Dropped("bad text", f"the text has {len(text)} letters; at most {MAX_TEXT_CHARACTERS} are supported.")
    return " ".join(text.split())


def check_split(split: str) -> str:
    split = SPLIT_NAMES.get(split, split)
    if not re.fullmatch(r"\w+(\.\w+)*", split, re.ASCII):
        raise Dropped("bad split", f"{split!r} is no name of a split (letters, digits and _).")
    return split


def stem_of(name: str) -> str:
    return str(PurePosixPath(name.replace("\\", "/")).with_suffix(""))


def files_by_suffix(folder: Path) -> dict[str, list[str]]:
    """All files below a folder, relative, sorted, by lower-case suffix. Hidden ones are left out."""
    found: dict[str, list[str]] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                relative = (Path(root) / name).relative_to(folder).as_posix()
                found.setdefault(Path(name).suffix.lower(), []).append(relative)
    return found


def with_suffixes(files: Mapping[str, list[str]], suffixes: Iterable[str]) -> list[str]:
    return sorted(name for suffix in suffixes for name in files.get(suffix, []))


def read_transcript(path: Path, limit: int = 1_000_000) -> str:
    if path.stat().st_size > limit:
        raise Dropped("bad text", f"{path.name} is larger than {limit // 1000} kB; it is no transcript of a clip.")
    return path.read_text(encoding="utf-8-sig", errors="replace")


def checked_intervals(intervals: Sequence[Interval], name: str) -> tuple[Interval, ...]:
    try:
        check_intervals(intervals, name.rstrip("s"))
    except ValueError as error:
        raise Dropped("bad times", str(error)) from error
    return tuple(intervals)


def by_stem(names: Iterable[str]) -> dict[str, str]:
    stems: dict[str, str] = {}
    for name in names:
        stems.setdefault(PurePosixPath(name).stem, name)
    return stems

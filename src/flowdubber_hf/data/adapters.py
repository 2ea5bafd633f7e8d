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
"""From the folders of a corpus to one list of recordings.

The package ships no corpus. Each reader's docstring says where the corpus comes from, its licence and the tree that is
expected; names that lead out of the folder, rows that cannot be used and clips without files become recordings with a
`problem`, so that the report names them.
"""

import csv
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..processing.reading.script import MAX_TEXT_CHARACTERS
from ..work.hashing import hash_number, hash_share
from ..work.reading import parse_json
from .phone_times import SILENCES, check_intervals
from .textgrid import Interval


VIDEO_SUFFIXES = (".mp4", ".mpg", ".mpeg", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".wmv", ".flv", ".ts", ".3gp")
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".wma")
MAX_ID_LENGTH = 200
SPLIT_NAMES = {"validation": "val", "valid": "val", "training": "train", "testing": "test"}
DEFAULT_VALIDATION_SHARE = 1 / 30


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


# ---------------------------------------------------------------------------------------------------------------------
# What every reader needs


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


def _with_source(source: str, name: str, separator: str) -> str:
    return name if name.startswith(source + separator) else f"{source}{separator}{name}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.") or "clips"


def _check_id(name: str) -> str:
    if len(name) > MAX_ID_LENGTH or not name.isprintable() or ".." in name.split("/"):
        raise Dropped(
            "bad name", f"{name[:60]!r} is no usable name of a clip (printable, at most {MAX_ID_LENGTH} letters)."
        )
    return name


def _check_text(text: Any) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise Dropped("bad text", f"the text is no string but {text!r}.")
    if not text.strip():
        raise Dropped("empty text", "the text is empty; leave the column out (or null) where there is no transcript.")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise Dropped("bad text", f"the text has {len(text)} letters; at most {MAX_TEXT_CHARACTERS} are supported.")
    return " ".join(text.split())


def _check_split(split: str) -> str:
    split = SPLIT_NAMES.get(split, split)
    if not re.fullmatch(r"\w+(\.\w+)*", split, re.ASCII):
        raise Dropped("bad split", f"{split!r} is no name of a split (letters, digits and _).")
    return split


def _stem(name: str) -> str:
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


def _of(files: Mapping[str, list[str]], suffixes: Iterable[str]) -> list[str]:
    return sorted(name for suffix in suffixes for name in files.get(suffix, []))


def _read_text(path: Path, limit: int = 1_000_000) -> str:
    if path.stat().st_size > limit:
        raise Dropped("bad text", f"{path.name} is larger than {limit // 1000} kB; it is no transcript of a clip.")
    return path.read_text(encoding="utf-8-sig", errors="replace")


# ---------------------------------------------------------------------------------------------------------------------
# A folder with a listing of one's own


def read_metadata(folder: Path, name: str, follow_links: bool = False) -> Corpus:
    """One's own clips: `metadata.jsonl` or `metadata.csv` beside them.

    Columns (only a file is obligatory):

    | column | meaning |
    |---|---|
    | `video`, `audio` or `file_name` | path relative to the folder; with both, the sound is taken from `audio` |
    | `text` | what is said; leave it out, or null, where there is no transcript |
    | `speaker` | who speaks; without it all clips are one speaker's |
    | `split` | `train` (default), `val`, `dev`, `test`, `zero_shot`, ... |
    | `source` | name of the corpus; `--name` or the folder's name by default |
    | `words`, `phones` | lists of [name, start s, end s]; phones in ARPAbet with stress |
    | `textgrid` | path of a TextGrid with the tiers words and phones |
    | `reference` | another clip (its path or id) whose voice is to be used |
    | `mouth_box` | x0, y0, x1, y1 around the lips in pixels, where no face would be found |
    | `id` | name of the clip; the path without its suffix by default |

    Further columns are ignored. In csv, lists are written as JSON.
    """
    recordings = []
    for where, row in _metadata_rows(folder):
        try:
            recordings.append(_metadata_recording(row, name) if isinstance(row, dict) else _no_row(row))
        except Dropped as problem:
            file = _first(row, "video", "file_name", "audio") if isinstance(row, dict) else None
            known = isinstance(file, str) and file.isprintable()
            recordings.append(Recording(f"{where} ({file[:MAX_ID_LENGTH]})" if known else where, problem=problem))
    return Corpus("metadata", "other", "A folder of clips with a listing.", tuple(recordings))


def _no_row(row: Any) -> Recording:
    raise Dropped("bad line", f"the line is no row of columns: {str(row)[:80]}")


def _metadata_rows(folder: Path) -> Iterator[tuple[str, Any]]:
    listing = folder / "metadata.jsonl"
    if listing.is_file():
        with listing.open(encoding="utf-8-sig", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        yield f"{listing.name}:{number}", parse_json(line, "the line")
                    except ValueError as error:
                        yield f"{listing.name}:{number}", str(error)
        return
    listing = folder / "metadata.csv"
    with listing.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        rows = csv.DictReader(lines)
        try:
            for row in rows:
                yield f"{listing.name}:{rows.line_num}", {key: value for key, value in row.items() if key}
        except csv.Error as error:
            yield f"{listing.name}:{rows.line_num}", str(error)


def _first(row: Mapping[str, Any], *names: str) -> Any:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)


def _string(row: Mapping[str, Any], *names: str) -> str | None:
    value = _first(row, *names)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is not None and not isinstance(value, str):
        raise Dropped("bad line", f"{names[0]} must be a string, got {value!r}.")
    return value


def _metadata_recording(row: Mapping[str, Any], name: str) -> Recording:
    video, audio, either = (_string(row, key) for key in ("video", "audio", "file_name"))
    if either is not None:
        if either.lower().endswith(AUDIO_SUFFIXES):
            audio = audio or either
        else:
            video = video or either
    if not video and not audio:
        raise Dropped("bad line", "the line names no file; give a column video, audio or file_name.")
    source = _slug(_string(row, "source") or name)
    textgrid = _string(row, "textgrid")
    for path in filter(None, (video, audio, textgrid)):
        check_relative(path)
    return Recording(
        id=_check_id(_with_source(source, _string(row, "id") or _stem(video or audio), "/")),
        split=_check_split(_string(row, "split") or "train"),
        speaker=_with_source(source, _string(row, "speaker") or source, "-"),
        source=source,
        text=_check_text(row.get("text")),
        video=video,
        audio=audio,
        words=_intervals(row, "words"),
        phones=_intervals(row, "phones"),
        textgrid=textgrid,
        reference=_string(row, "reference"),
        mouth_box=_box(_list(row, "mouth_box")),
    )


def _list(row: Mapping[str, Any], name: str) -> list | None:
    value = _first(row, name)
    if isinstance(value, str):
        try:
            value = parse_json(value, name)
        except ValueError as error:
            raise Dropped("bad line", str(error)) from error
    if value is not None and not isinstance(value, list):
        raise Dropped("bad line", f"{name} must be a list, got {value!r:.80}.")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Dropped("bad times", f"{value!r} is no number.")
    return float(value)


def _intervals(row: Mapping[str, Any], name: str) -> tuple[Interval, ...] | None:
    values = _list(row, name)
    if values is None:
        return None
    intervals = []
    for value in values:
        if isinstance(value, dict):
            value = [value.get(name.rstrip("s")), value.get("start"), value.get("end")]
        if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str):
            raise Dropped("bad times", f"{name} must be a list of [name, start, end], got {value!r:.80}.")
        intervals.append((value[0], _number(value[1]), _number(value[2])))
    return _checked_intervals(intervals, name)


def _checked_intervals(intervals: Sequence[Interval], name: str) -> tuple[Interval, ...]:
    try:
        check_intervals(intervals, name.rstrip("s"))
    except ValueError as error:
        raise Dropped("bad times", str(error)) from error
    return tuple(intervals)


def _box(values: list | None) -> tuple[float, ...] | None:
    if values is None:
        return None
    if len(values) != 4 or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in values):
        raise Dropped("bad line", f"mouth_box must be four numbers x0, y0, x1, y1, got {values}.")
    return tuple(float(value) for value in values)


# ---------------------------------------------------------------------------------------------------------------------
# The benchmarks' lists


@dataclass(frozen=True)
class _Listed:
    name: str  # of the clip, without folder and suffix
    text: str | None = None
    reference: str | None = None


def _clip_name(field: str) -> str:
    return re.sub(r"\.(wav|flac|mp4|mpg)$", "", PurePosixPath(field.strip()).name, flags=re.IGNORECASE)


def _listed(fields: Sequence[str]) -> _Listed:
    """A line of a benchmark list: `name|speaker|{PHONES}|text` (FastSpeech), `path.wav|IPA|speaker number` (StyleTTS),
    `path|text|phones`, `name|text|speaker|reference|its text` (pairs of Setting 2) or `name|text`."""
    text = None
    if len(fields) == 4:
        text = fields[3]
    elif len(fields) in (2, 5) or (len(fields) == 3 and not fields[2].strip().isdigit()):
        text = fields[1]
    return _Listed(_clip_name(fields[0]), text=(text and text.strip()) or None)


def read_lists(folder: Path, files: Mapping[str, list[str]]) -> dict[str, dict[str, _Listed]]:
    """The lists of a benchmark by split.

    Every `.txt` file in the folder itself or in `lists/` or `Data/` whose name holds `train`, `val` or `test`. What the
    benchmarks call validation is what papers report figures on: it becomes `test`, and [`carve_validation`] takes a part
    of `train` for tuning. In lists with `setting2` or `ref` in their name, and in lines of five fields, a further field
    that is a clip's name is the clip whose voice is the reference.
    """
    splits: dict[str, dict[str, _Listed]] = {}
    pairs: list[list[str]] = []
    for relative in files.get(".txt", []):
        path = PurePosixPath(relative)
        name = path.stem.lower()
        split = "train" if "train" in name else "test" if re.search("val|test", name) else None
        is_pairs = re.search(r"set(ting)?_?2|ref", name) is not None
        top = len(path.parts) == 1 or (len(path.parts) == 2 and path.parts[0].lower() in ("lists", "data"))
        if not top or (split is None and not is_pairs):
            continue
        for line in (folder / relative).read_text(encoding="utf-8-sig", errors="replace").splitlines():
            fields = line.split("|")
            if not _clip_name(fields[0]):
                continue
            if is_pairs or len(fields) == 5:
                pairs.append(fields)
            if split is not None and not is_pairs:
                item = _listed(fields)
                splits.setdefault(split, {})[item.name] = item
    names = {name for items in splits.values() for name in items}
    references = {
        _clip_name(fields[0]): next((other for other in map(_clip_name, fields[1:]) if other in names), None)
        for fields in pairs
    }
    return {
        split: {name: replace(item, reference=references.get(name)) for name, item in items.items()}
        for split, items in splits.items()
    }


def _by_stem(names: Iterable[str]) -> dict[str, str]:
    stems: dict[str, str] = {}
    for name in names:
        stems.setdefault(PurePosixPath(name).stem, name)
    return stems


def _transcripts(files: Mapping[str, list[str]]) -> dict[str, str]:
    """Transcript files by the clip's name: `x.lab`, `x.normalized.txt` or `x.txt`, wherever they lie."""
    found = _by_stem(files.get(".txt", []))
    found |= {stem.removesuffix(".normalized"): name for stem, name in found.items() if stem.endswith(".normalized")}
    return found | _by_stem(files.get(".lab", []))


def _benchmark_text(folder: Path, item: _Listed, transcripts: Mapping[str, str]) -> str | None:
    if item.text is not None:
        return _check_text(item.text)
    if item.name in transcripts:
        return _check_text(_read_text(folder / transcripts[item.name]))
    raise Dropped("empty text", f"no list and no {item.name}.lab or .txt says what is said.")


def _require_lists(lists: Mapping[str, Any], folder: Path, layout: str) -> None:
    if not lists:
        raise ValueError(
            f"{folder} has no lists of the {layout} benchmark; put its train and val lists (.txt) into the folder or into "
            "lists/, or describe the clips in metadata.jsonl."
        )


def _benchmark_recordings(
    folder: Path,
    layout: str,
    name: str,
    files: Mapping[str, list[str]],
    speaker_of: Callable[[str], str],
    video_of: Callable[[str], str | None],
    audio_of: Callable[[str], str | None],
) -> tuple[Recording, ...]:
    lists = read_lists(folder, files)
    _require_lists(lists, folder, layout)
    transcripts = _transcripts(files)
    recordings = []
    for split, items in sorted(lists.items()):
        for item in items.values():
            base = Recording(f"{name}/{item.name}", split, f"{name}-{speaker_of(item.name)}", name)
            try:
                video = video_of(item.name)
                if video is None:
                    raise Dropped("missing file", f"there is no video of {item.name} in the folder.")
                text = _benchmark_text(folder, item, transcripts)
                recordings.append(
                    replace(base, text=text, video=video, audio=audio_of(item.name), reference=item.reference)
                )
            except Dropped as problem:
                recordings.append(replace(base, problem=problem))
    return tuple(recordings)


def read_chem(folder: Path, name: str, follow_links: bool = False) -> Corpus:
    """Chem, the chemistry lectures of Lip2Wav cut into sentences by Neural Dubber: one speaker, about 9 hours.

    Where from: the videos are on YouTube, listed by Lip2Wav (github.com/Rudrabha/Lip2Wav, data set "chem"); the cut and the
    transcripts by Neural Dubber (tsinghua-mars-lab.github.io/NeuralDubber). Licence: the lectures are their maker's, nothing
    may be passed on without asking. Benchmark: 6,132 clips to train and 196 to test; slides without a face are left out.

    Expected tree, names as in the lists; files may lie in any folders:

        train.txt, val.txt            the benchmark's lists: name|speaker|{PHONES}|text, or path.wav|IPA|0
        .../VzvinAckmQU-023.mp4       video, 25 fps
        .../VzvinAckmQU-023.wav       sound, where the video has none
        .../VzvinAckmQU-023.lab       (or .txt) transcript, where the lists hold phonemes only
    """
    files = files_by_suffix(folder)
    video, audio = _by_stem(_of(files, VIDEO_SUFFIXES)), _by_stem(_of(files, AUDIO_SUFFIXES))
    recordings = _benchmark_recordings(folder, "Chem", name, files, lambda _: "lecturer", video.get, audio.get)
    return Corpus(
        "chem", "other", "Chem: Lip2Wav's chemistry lectures in the sentence cut of Neural Dubber.", recordings
    )


_V2C_NAME = re.compile(r"(?P<film>[^@/]+)@(?P<character>.+)_(?P<part>\d+)_(?P<number>\d+)_\d+$")


def read_v2c(folder: Path, name: str, follow_links: bool = False) -> Corpus:
    """V2C-Animation: 26 animated films, 153 characters, 10,217 clips.

    Where from: github.com/chenqi008/V2C (the films must be bought, its toolkit cuts them); denoised sound ("denoise2") from
    the sibling projects. Licence: the films are their studios', nothing may be passed on. Benchmark: 6,517 clips to train and
    2,779 to test.

    Expected tree, either of the two:

        train.txt, val.txt                            lists: Film@Character_00_0123_00|speaker|{PHONES}|text or ...wav|IPA|0
        .../Film@Character_00_0123_00.mp4 (.wav, .lab)  videos, sound and transcripts named as in the lists
        .../film_videos/Character/0123.mp4            or the toolkit's own tree (film in any case)
        .../film_speeches/Character/00/Character-00-0123.wav (.normalized.txt)

    Faces of animals and drawings are often not found: those clips are dropped; `mouth_box` in a metadata.jsonl helps.
    """
    files = files_by_suffix(folder)
    videos, sounds = _of(files, VIDEO_SUFFIXES), _of(files, AUDIO_SUFFIXES)
    video, audio = _by_stem(videos), _by_stem(sounds)
    own_videos = {key: path for path in videos if (key := _toolkit_key(path, "_videos"))}
    own_sounds = {key: path for path in sounds if (key := _toolkit_key(path, "_speeches"))}

    def toolkit(clip: str, paths: Mapping[tuple, str]) -> str | None:
        match = _V2C_NAME.fullmatch(clip)
        return match and paths.get((match["film"].lower(), match["character"].lower(), int(match["number"])))

    recordings = _benchmark_recordings(
        folder,
        "V2C-Animation",
        name,
        files,
        lambda clip: clip.rsplit("_", 3)[0],
        lambda clip: video.get(clip) or toolkit(clip, own_videos),
        lambda clip: audio.get(clip) or toolkit(clip, own_sounds),
    )
    return Corpus("v2c", "other", "V2C-Animation: clips of animated films.", recordings)


def _toolkit_key(path: str, ending: str) -> tuple[str, str, int] | None:
    """Film, character and number of a file in the tree that V2C's own toolkit makes."""
    parts = PurePosixPath(path).parts
    for index, part in enumerate(parts[:-2]):
        number = re.search(r"(\d+)$", PurePosixPath(path).stem)
        if part.lower().endswith(ending) and number:
            return part.lower().removesuffix(ending), parts[index + 1].lower(), int(number[1])
    return None


# ---------------------------------------------------------------------------------------------------------------------
# GRID


_GRID_SPEAKER = re.compile(r"s(\d{1,2})(?:[._-]?processed)?$", re.IGNORECASE)
_GRID_WORDS = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {letter: letter for letter in "abcdefghijklmnopqrstuvxyz"},
    {
        "z": "zero",
        **dict(
            zip("123456789", ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"], strict=True)
        ),
    },
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
ALIGN_UNITS_PER_SECOND = 25000  # GRID's .align files count thousandths of 25 fps frames


def grid_sentence(code: str) -> str | None:
    """The sentence that a GRID file's name spells ("bbaf2n": bin blue at f two now), `None` where it spells none."""
    if len(code) != len(_GRID_WORDS):
        return None
    words = [choices.get(letter) for letter, choices in zip(code.lower(), _GRID_WORDS, strict=True)]
    return " ".join(words) if all(words) else None


def read_align(path: Path) -> tuple[Interval, ...]:
    """Words of a GRID `.align` file, without its silences.

    Raises:
        Dropped: it has another form.
    """
    words = []
    for line in _read_text(path).splitlines():
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 3 or not all(re.fullmatch(r"\d+(\.\d+)?", field) for field in fields[:2]):
            raise Dropped("bad times", f"{path.name} is no .align file: {line[:60]!r}.")
        if fields[2].lower() not in SILENCES:
            start, end = (float(field) / ALIGN_UNITS_PER_SECOND for field in fields[:2])
            words.append((fields[2].lower(), start, end))
    if not words:
        raise Dropped("bad times", f"{path.name} holds no word.")
    return _checked_intervals(words, "words")


def read_grid(folder: Path, name: str, follow_links: bool = False) -> Corpus:
    """GRID audio-visual sentence corpus: 33 speakers (s1-s34 without s21) of 1,000 six-word sentences of 3 s.

    Where from: M. Cooke, J. Barker, S. Cunningham, X. Shao (2006), zenodo.org/records/3625687. Licence: CC BY 4.0. In the
    dubbing benchmark: 29,694 clips to train and 3,300 to test.

    Expected tree; folders above the speaker's and between it and the files may have any names:

        s1/bbaf2n.mpg (or .mp4)        from sN.zip or sN.mpg_6000.part1.zip and part2
        alignments/s1/bbaf2n.align     from alignments.zip; also s1/align/bbaf2n.align or align/s1/...
        train.txt, val.txt             optional: the benchmark's lists (s4/s4-bbil2a.wav|IPA|3); all is `train` without

    Without its .align a clip's words are read off its name. The picture of some clips is damaged; they are dropped if no
    face is left.
    """
    files = files_by_suffix(folder)
    aligns = {key: path for path in files.get(".align", []) if (key := _grid_key(path))}
    listed = {_grid_name(clip): split for split, items in read_lists(folder, files).items() for clip in items}
    recordings, seen = [], set()
    for path in _of(files, VIDEO_SUFFIXES):
        key = _grid_key(path)
        if key is None or key in seen:
            continue
        seen.add(key)
        speaker, code = key
        split = listed.get(key) or listed.get((None, code)) if listed else "train"
        if split is None:
            continue  # the benchmark leaves it out
        base = Recording(f"{name}/{speaker}/{code}", split, f"{name}-{speaker}", name, video=path)
        try:
            recordings.append(_grid_recording(folder, base, code, aligns.get(key)))
        except Dropped as problem:
            recordings.append(replace(base, problem=problem))
    if not recordings:
        raise ValueError(f"{folder} holds no clip of GRID (sN/NAME.mpg); see docs/data.md for the expected tree.")
    return Corpus(
        "grid", "cc-by-4.0", "GRID audio-visual sentence corpus (Cooke et al. 2006), CC BY 4.0.", tuple(recordings)
    )


def _grid_recording(folder: Path, base: Recording, code: str, align: str | None) -> Recording:
    if align is not None:
        words = read_align(folder / align)
        return replace(base, text=" ".join(word for word, _, _ in words), words=words)
    text = grid_sentence(code)
    if text is None:
        raise Dropped("empty text", f"{code} has no .align file and its name spells no sentence of GRID.")
    return replace(base, text=text)


def _grid_key(path: str) -> tuple[str, str] | None:
    parts = PurePosixPath(path).parts
    for part in reversed(parts[:-1]):
        match = _GRID_SPEAKER.match(part.split(".")[0])
        if match:
            return f"s{int(match[1])}", PurePosixPath(path).stem.lower()
    return None


def _grid_name(clip: str) -> tuple[str | None, str]:
    """`s4-bbil2a` of a list; the speaker is `None` where the list does not say it."""
    speaker, _, code = clip.rpartition("-")
    match = _GRID_SPEAKER.match(speaker)
    return (f"s{int(match[1])}" if match else None), code.lower()


# ---------------------------------------------------------------------------------------------------------------------
# LRS2 and LRS3


_LRS_FOLDERS = {
    "pretrain": "train",
    "trainval": "train",
    "train": "train",
    "main": "train",
    "val": "val",
    "test": "test",
}


def read_lrs(folder: Path, name: str, follow_links: bool = False) -> Corpus:
    """LRS2-BBC, LRS3-TED and anything of their form: each clip an mp4 with a txt of the same name.

    Where from: robots.ox.ac.uk/~vgg/data/lip_reading. Licence: LRS2 by agreement with the BBC, for academic research; LRS3
    (TED, CC BY-NC-ND 4.0) is no longer offered. Nothing may be passed on.

    Expected tree:

        main/5535415699068794046/00001.mp4 and .txt     the txt begins "Text:  AND THEN ..."
        pretrain/..., trainval/..., test/...            (longer clips with word times: a table WORD START END ASDSCORE)
        train.txt, val.txt, test.txt, pretrain.txt      optional lists of 5535415699068794046/00001

    Speakers are not named: each folder counts as one. Clips longer than 60 s are dropped.
    """
    files = files_by_suffix(folder)
    texts = set(files.get(".txt", []))
    lists = _lrs_lists(folder, files)
    recordings = []
    for path in _of(files, VIDEO_SUFFIXES):
        pure = PurePosixPath(path)
        transcript = str(pure.with_suffix(".txt"))
        person = pure.parent.name or name
        top = next((part.lower() for part in pure.parts[:-1] if part.lower() in _LRS_FOLDERS), None)
        split = lists.get(f"{person}/{pure.stem}") or _LRS_FOLDERS.get(top or "", "train")
        base = Recording(f"{name}/{pure.with_suffix('')}", split, f"{name}-{person}", name, video=path)
        try:
            _check_id(base.id)
            if transcript not in texts:
                raise Dropped("missing file", f"there is no {transcript} beside the video.")
            text, words = _lrs_text(_read_text(folder / transcript))
            recordings.append(replace(base, text=_check_text(text), words=words))
        except Dropped as problem:
            recordings.append(replace(base, problem=problem))
    if not recordings:
        raise ValueError(f"{folder} holds no video with a txt beside it; see docs/data.md for the expected tree.")
    return Corpus("lrs", "other", "Clips of LRS's form: an mp4 and a txt each.", tuple(recordings))


def _lrs_lists(folder: Path, files: Mapping[str, list[str]]) -> dict[str, str]:
    splits = {}
    for stem, split in (
        ("pretrain", "train"),
        ("train", "train"),
        ("trainval", "train"),
        ("val", "val"),
        ("test", "test"),
    ):
        if f"{stem}.txt" in files.get(".txt", []):
            for line in (folder / f"{stem}.txt").read_text(encoding="utf-8", errors="replace").splitlines():
                if line.strip():
                    splits[line.split()[0]] = split
    return splits


def _lrs_text(content: str) -> tuple[str, tuple[Interval, ...] | None]:
    """Text and, where there is a table of them, word times of an LRS transcript."""
    lines = content.splitlines()
    first = lines[0].strip() if lines else ""
    match = re.match(r"Text:\s*(.*)$", first, re.IGNORECASE)
    text = (match[1] if match else first).lower().replace("{ns}", " ")
    rows = [line.split() for line in lines]
    start = next((index for index, row in enumerate(rows) if row[:3] == ["WORD", "START", "END"]), None)
    if start is None:
        return text, None
    words = []
    for row in rows[start + 1 :]:
        if len(row) < 3:
            continue
        try:
            words.append((row[0].lower(), float(row[1]), float(row[2])))
        except ValueError as error:
            raise Dropped("bad times", f"the table of word times has the line {' '.join(row)[:60]!r}.") from error
    return text, _checked_intervals(words, "words")


# ---------------------------------------------------------------------------------------------------------------------

READERS: dict[str, Callable[..., Corpus]] = {
    "metadata": read_metadata,
    "grid": read_grid,
    "chem": read_chem,
    "v2c": read_v2c,
    "lrs": read_lrs,
}


def detect_layout(folder: Path) -> str:
    """Which reader a folder is for.

    Raises:
        ValueError: none of them.
    """
    if (folder / "metadata.jsonl").is_file() or (folder / "metadata.csv").is_file():
        return "metadata"
    files = files_by_suffix(folder)
    videos = _of(files, VIDEO_SUFFIXES)
    coded = [path for path in videos if _grid_key(path) and grid_sentence(PurePosixPath(path).stem)]
    if videos and len(coded) > len(videos) / 2:
        return "grid"
    names = [name for items in read_lists(folder, files).values() for name in items]
    if names and sum(bool(_V2C_NAME.fullmatch(name)) for name in names) > len(names) / 2:
        return "v2c"
    texts = set(files.get(".txt", []))
    if sum(str(PurePosixPath(path).with_suffix(".txt")) in texts for path in videos) > len(videos) / 2:
        return "lrs"
    if names and videos and set(_by_stem(videos)) & set(names):
        return "chem"
    raise ValueError(
        f"the layout of {folder} is not known: no metadata.jsonl or metadata.csv, no sN folders of GRID, no benchmark lists, "
        "no videos with a txt each. Describe the clips in metadata.jsonl (docs/data.md), or name the layout with --corpus."
    )


def read_corpus(
    folder: str | Path,
    layout: str = "auto",
    name: str | None = None,
    textgrids: str | Path | None = None,
    val_share: float = DEFAULT_VALIDATION_SHARE,
    val_by: str = "clip",
    follow_links: bool = False,
) -> Corpus:
    """The recordings of a folder, with a validation part carved from `train` where the corpus has none.

    Args:
        folder: that holds the corpus.
        layout: `auto`, `metadata`, `grid`, `chem`, `v2c` or `lrs`.
        name: of the source, the first part of the clips' ids; the layout's or the folder's name by default.
        textgrids: folder of TextGrids named as the clips (`<path of the clip>.TextGrid` or `<its stem>.TextGrid`).
        val_share, val_by: see [`carve_validation`].
        follow_links: allow links that lead out of the folder.

    Raises:
        ValueError: no such folder, an unknown layout, or no clip in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}.")
    if layout not in ("auto", *READERS):
        raise ValueError(f"unknown corpus {layout!r}; choose from auto, {', '.join(READERS)}.")
    layout = detect_layout(folder) if layout == "auto" else layout
    if layout == "metadata" and not any((folder / f"metadata.{suffix}").is_file() for suffix in ("jsonl", "csv")):
        raise ValueError(f"{folder} has neither metadata.jsonl nor metadata.csv; docs/data.md shows one.")
    source = _slug(name or (layout if layout not in ("metadata", "lrs") else folder.resolve().name))
    corpus = READERS[layout](folder, source, follow_links)
    if not corpus.recordings:
        raise ValueError(f"{folder} holds no clip of the layout {layout}.")
    recordings = _unique(corpus.recordings)
    if textgrids is not None:
        recordings = _with_textgrids(recordings, Path(textgrids))
    recordings = carve_validation(_with_references(recordings), val_share, val_by)
    return replace(corpus, recordings=tuple(recordings))


def _unique(recordings: Iterable[Recording]) -> list[Recording]:
    seen: dict[str, int] = {}
    unique = []
    for recording in recordings:
        seen[recording.id] = seen.get(recording.id, 0) + 1
        if seen[recording.id] > 1:
            problem = Dropped("name given twice", f"another clip is called {recording.id}; give each its own id.")
            recording = replace(recording, id=f"{recording.id} ({seen[recording.id]})", problem=problem)
        unique.append(recording)
    return unique


def _with_references(recordings: Sequence[Recording]) -> list[Recording]:
    """References as ids: a corpus may give the other clip's id, its path or its name."""
    names: dict[str, str] = {}
    for recording in recordings:
        if recording.problem is None:
            file = recording.file_name
            short = PurePosixPath(file).stem
            for key in (short, f"{recording.speaker.rpartition('-')[2]}-{short}", _stem(file), file, recording.id):
                names[key] = recording.id
    return [replace(item, reference=names.get(item.reference) if item.reference else None) for item in recordings]


def _with_textgrids(recordings: Sequence[Recording], textgrids: Path) -> list[Recording]:
    if not textgrids.is_dir():
        raise ValueError(f"--textgrids: there is no folder {textgrids}.")
    stems = {
        _stem(name): name
        for suffix, names in files_by_suffix(textgrids).items()
        if suffix == ".textgrid"
        for name in names
    }
    short = _by_stem(stems.values())
    found = []
    for recording in recordings:
        name = stems.get(_stem(recording.file_name)) or short.get(PurePosixPath(recording.file_name).stem)
        found.append(replace(recording, textgrid=str((textgrids / name).resolve())) if name else recording)
    return found


def carve_validation(recordings: Sequence[Recording], share: float, by: str) -> list[Recording]:
    """Moves a part of `train` to `val`, unless the corpus has a `val` split; the same on every machine.

    Args:
        share: 0 carves nothing.
        by: `clip` takes, of each speaker, the floor(clips * share) ones whose ids have the lowest hashes (or, where that is
            none at all, one or more of all clips together); `speaker` takes all clips of the speakers whose names' hashes are
            below the share, so that validation hears voices that training does not.

    Raises:
        ValueError: a share outside of [0, 1), or another `by`.
    """
    if not 0 <= share < 1 or by not in ("clip", "speaker"):
        raise ValueError(f"val_share must lie in [0, 1) and val_by be clip or speaker, got {share} and {by!r}.")
    train = [item for item in recordings if item.split == "train" and item.problem is None]
    if share == 0 or len(train) < 2 or any(item.split == "val" for item in recordings):
        return list(recordings)
    if by == "speaker":
        held_out = {item.id for item in train if hash_share(item.speaker) < share}
    else:
        held_out = _lowest_hashes(train, share)
    return [replace(item, split="val") if item.id in held_out else item for item in recordings]


def _lowest_hashes(train: Sequence[Recording], share: float) -> set[str]:
    by_speaker: dict[str, list[str]] = {}
    for item in train:
        by_speaker.setdefault(item.speaker, []).append(item.id)
    chosen = {
        clip
        for clips in by_speaker.values()
        for clip in sorted(clips, key=hash_number)[: math.floor(len(clips) * share)]
    }
    if not chosen:
        count = max(1, math.floor(len(train) * share))
        chosen = set(sorted((item.id for item in train), key=hash_number)[:count])
    return chosen

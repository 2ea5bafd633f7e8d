"""The benchmarks of dubbing: their lists, Chem and V2C-Animation."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from .recording import (
    AUDIO_SUFFIXES,
    VIDEO_SUFFIXES,
    Corpus,
    Dropped,
    Recording,
    by_stem,
    check_text,
    files_by_suffix,
    read_transcript,
    with_suffixes,
)


@dataclass(frozen=True)
class Listed:
    name: str  # of the clip, without folder and suffix
    text: str | None = None
    reference: str | None = None


def _clip_name(field: str) -> str:
    return re.sub(r"\.(wav|flac|mp4|mpg)$", "", PurePosixPath(field.strip()).name, flags=re.IGNORECASE)


def _listed(fields: Sequence[str]) -> Listed:
    """A line of a benchmark list: `name|speaker|{PHONES}|text` (FastSpeech), `path.wav|IPA|speaker number` (StyleTTS),
    `path|text|phones`, `name|text|speaker|reference|its text` (pairs of Setting 2) or `name|text`."""
    text = None
    if len(fields) == 4:
        text = fields[3]
    elif len(fields) in (2, 5) or (len(fields) == 3 and not fields[2].strip().isdigit()):
        text = fields[1]
    return Listed(_clip_name(fields[0]), text=(text and text.strip()) or None)


def read_lists(folder: Path, files: Mapping[str, list[str]]) -> dict[str, dict[str, Listed]]:
    """The lists of a benchmark by split.

    Every `.txt` file in the folder itself or in `lists/` or `Data/` whose name holds `train`, `val` or `test`. What the
    benchmarks call validation is what papers report figures on: it becomes `test`, and [`carve_validation`] takes a part
    of `train` for tuning. In lists with `setting2` or `ref` in their name, and in lines of five fields, a further field
    that is a clip's name is the clip whose voice is the reference.
    """
    splits: dict[str, dict[str, Listed]] = {}
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


def _transcripts(files: Mapping[str, list[str]]) -> dict[str, str]:
    """Transcript files by the clip's name: `x.lab`, `x.normalized.txt` or `x.txt`, wherever they lie."""
    found = by_stem(files.get(".txt", []))
    found |= {stem.removesuffix(".normalized"): name for stem, name in found.items() if stem.endswith(".normalized")}
    return found | by_stem(files.get(".lab", []))


def _benchmark_text(folder: Path, item: Listed, transcripts: Mapping[str, str]) -> str | None:
    if item.text is not None:
        return check_text(item.text)
    if item.name in transcripts:
        return check_text(read_transcript(folder / transcripts[item.name]))
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
    video, audio = by_stem(with_suffixes(files, VIDEO_SUFFIXES)), by_stem(with_suffixes(files, AUDIO_SUFFIXES))
    recordings = _benchmark_recordings(folder, "Chem", name, files, lambda _: "lecturer", video.get, audio.get)
    return Corpus(
        "chem", "other", "Chem: Lip2Wav's chemistry lectures in the sentence cut of Neural Dubber.", recordings
    )


V2C_NAME = re.compile(r"(?P<film>[^@/]+)@(?P<character>.+)_(?P<part>\d+)_(?P<number>\d+)_\d+$")


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
    videos, sounds = with_suffixes(files, VIDEO_SUFFIXES), with_suffixes(files, AUDIO_SUFFIXES)
    video, audio = by_stem(videos), by_stem(sounds)
    own_videos = {key: path for path in videos if (key := _toolkit_key(path, "_videos"))}
    own_sounds = {key: path for path in sounds if (key := _toolkit_key(path, "_speeches"))}

    def toolkit(clip: str, paths: Mapping[tuple, str]) -> str | None:
        match = V2C_NAME.fullmatch(clip)
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

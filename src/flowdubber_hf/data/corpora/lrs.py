"""LRS2, LRS3 and folders of their form."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..textgrid import Interval
from .recording import (
    VIDEO_SUFFIXES,
    Corpus,
    Dropped,
    Recording,
    check_id,
    check_text,
    checked_intervals,
    files_by_suffix,
    read_transcript,
    with_suffixes,
)


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
    for path in with_suffixes(files, VIDEO_SUFFIXES):
        pure = PurePosixPath(path)
        transcript = str(pure.with_suffix(".txt"))
        person = pure.parent.name or name
        top = next((part.lower() for part in pure.parts[:-1] if part.lower() in _LRS_FOLDERS), None)
        split = lists.get(f"{person}/{pure.stem}") or _LRS_FOLDERS.get(top or "", "train")
        base = Recording(f"{name}/{pure.with_suffix('')}", split, f"{name}-{person}", name, video=path)
        try:
            check_id(base.id)
            if transcript not in texts:
                raise Dropped("missing file", f"there is no {transcript} beside the video.")
            text, words = _lrs_text(read_transcript(folder / transcript))
            recordings.append(replace(base, text=check_text(text), words=words))
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
    return text, checked_intervals(words, "words")

"""GRID: names that spell sentences, word times of `.align` files, the tree of its speakers."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ..phone_times import SILENCES
from ..textgrid import Interval
from .benchmarks import read_lists
from .recording import (
    VIDEO_SUFFIXES,
    Corpus,
    Dropped,
    Recording,
    checked_intervals,
    files_by_suffix,
    read_transcript,
    with_suffixes,
)


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
    for line in read_transcript(path).splitlines():
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
    return checked_intervals(words, "words")


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
    aligns = {key: path for path in files.get(".align", []) if (key := grid_key(path))}
    listed = {_grid_name(clip): split for split, items in read_lists(folder, files).items() for clip in items}
    recordings, seen = [], set()
    for path in with_suffixes(files, VIDEO_SUFFIXES):
        key = grid_key(path)
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


def grid_key(path: str) -> tuple[str, str] | None:
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

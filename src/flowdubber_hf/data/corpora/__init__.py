"""From the folders of a corpus to one list of recordings.

The package ships no corpus. Each reader's docstring says where the corpus comes from, its licence and the tree that is
expected; names that lead out of the folder, rows that cannot be used and clips without files become recordings with a
`problem`, so that the report names them.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from .benchmarks import V2C_NAME, read_chem, read_lists, read_v2c
from .grid import grid_key, grid_sentence, read_grid
from .lrs import read_lrs
from .metadata import read_metadata
from .recording import (
    VIDEO_SUFFIXES,
    Corpus,
    Dropped,
    Recording,
    by_stem,
    files_by_suffix,
    slug,
    stem_of,
    with_suffixes,
)
from .split import DEFAULT_VALIDATION_SHARE, carve_validation


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
    videos = with_suffixes(files, VIDEO_SUFFIXES)
    coded = [path for path in videos if grid_key(path) and grid_sentence(PurePosixPath(path).stem)]
    if videos and len(coded) > len(videos) / 2:
        return "grid"
    names = [name for items in read_lists(folder, files).values() for name in items]
    if names and sum(bool(V2C_NAME.fullmatch(name)) for name in names) > len(names) / 2:
        return "v2c"
    texts = set(files.get(".txt", []))
    if sum(str(PurePosixPath(path).with_suffix(".txt")) in texts for path in videos) > len(videos) / 2:
        return "lrs"
    if names and videos and set(by_stem(videos)) & set(names):
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
    source = slug(name or (layout if layout not in ("metadata", "lrs") else folder.resolve().name))
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
            for key in (short, f"{recording.speaker.rpartition('-')[2]}-{short}", stem_of(file), file, recording.id):
                names[key] = recording.id
    return [replace(item, reference=names.get(item.reference) if item.reference else None) for item in recordings]


def _with_textgrids(recordings: Sequence[Recording], textgrids: Path) -> list[Recording]:
    if not textgrids.is_dir():
        raise ValueError(f"--textgrids: there is no folder {textgrids}.")
    stems = {
        stem_of(name): name
        for suffix, names in files_by_suffix(textgrids).items()
        if suffix == ".textgrid"
        for name in names
    }
    short = by_stem(stems.values())
    found = []
    for recording in recordings:
        name = stems.get(stem_of(recording.file_name)) or short.get(PurePosixPath(recording.file_name).stem)
        found.append(replace(recording, textgrid=str((textgrids / name).resolve())) if name else recording)
    return found

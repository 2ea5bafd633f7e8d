"""What may go into a repository of the Hub, and what is refused before anything is sent."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..checkpoints.complete import open_tensors
from ..work.reading import parse_json, parse_yaml, read_text
from ..work.wording import listed


CARD_NAME = "README.md"
REPO_TYPES = ("model", "dataset", "space")
_NAMES = re.compile(r"(LICENSE|LICENCE|NOTICE)([.-][\w.-]+)?|CITATION\.cff|\.gitattributes|\.gitignore")
_TEXTS = frozenset([".json", ".txt", ".md", ".jinja"])
_MEDIA = frozenset([".png", ".jpg", ".jpeg", ".webp", ".svg", ".wav", ".flac", ".mp3", ".mp4"])
_SUFFIXES: Mapping[str, frozenset[str]] = {
    "model": _TEXTS | _MEDIA | {".safetensors"},
    "dataset": _TEXTS | _MEDIA | {".parquet", ".jsonl", ".csv", ".tsv"},
    "space": _TEXTS | _MEDIA | {".py", ".toml", ".yaml", ".yml", ".css", ".js", ".html", ".ipynb", ".safetensors"},
}
# Files that are reported but never uploaded.
_LEFT_OUT: Mapping[str, tuple[str, ...]] = {"dataset": ("work",)}
_COMPILED = "__pycache__"
_OTHER_WEIGHTS = frozenset([".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack", ".onnx"])
# One import from the package and nothing else: what plain diffusers needs beside the weights.
_SHIM = re.compile(r"from flowdubber_hf import [A-Za-z]+\n")
_LOCAL_PATH = re.compile(r"(?:file://)?(?:/[^/\s\"']+/[^\s\"']|~[\w-]*/|[A-Za-z]:\\+[^\s\"'])")
_READ_WHOLE = frozenset([".md", ".txt", ".jinja", ".jsonl", ".csv", ".tsv", ".py", ".toml", ".yaml", ".yml"])
# Vocabularies and long records: their text is data, not settings.
NOT_SETTINGS = frozenset(["tokenizer.json", "vocab.json"])
_SHOWN = 5


@dataclass(frozen=True)
class StagedFile:
    """A file to send: its path in the repository, with `/`, and its size in bytes."""

    path: str
    size: int


@dataclass(frozen=True)
class Contents:
    """The checked files of a folder.

    Attributes:
        folder: that was read.
        files: all that will be sent, by path.
        left_out: folders that stay at home.
    """

    folder: Path
    files: tuple[StagedFile, ...]
    left_out: tuple[str, ...] = field(default=())

    @property
    def total(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def table(self) -> str:
        """The files with their sizes, one a line, and their sum."""
        width = len(f"{self.total:,}")
        lines = [f"{file.size:>{width},} bytes  {file.path}" for file in self.files]
        return "\n".join([*lines, f"{self.total:,} bytes  in all, {len(self.files)} files"])


def read_contents(folder: Path, repo_type: str = "model") -> Contents:
    """
    Lists and checks the files of a folder for a repository of the Hub.

    Args:
        folder: what is to be sent, whole.
        repo_type: `"model"`, `"dataset"` or `"space"`.

    Raises:
        ValueError: see [`list_files`]; a path of this machine in one of them; damaged JSON or weights; no card, or one that
            the Hub would refuse.
    """
    paths, left_out = list_files(folder, repo_type)
    own = [f"{place}/" for place in (Path.home(), folder.resolve()) if place != place.parent]
    for name, path in paths.items():
        if path.suffix == ".json" and path.name not in NOT_SETTINGS:
            _check_json(name, path)
        elif path.suffix == ".safetensors":
            _check_metadata(name, path)
        elif path.suffix in _READ_WHOLE:
            _check_text(name, path, own)
    check_card(folder, repo_type)
    return Contents(folder, tuple(StagedFile(name, path.stat().st_size) for name, path in paths.items()), left_out)


def list_files(
    folder: Path, repo_type: str = "model", root: Path | None = None
) -> tuple[dict[str, Path], tuple[str, ...]]:
    """
    The files of a folder by their paths in the repository, and the folders that stay at home.

    Args:
        folder: to be sent.
        repo_type: decides what belongs.
        root: links may lead to files inside it; `folder` by default.

    Raises:
        ValueError: no folder; weights that are not safetensors; a link that leads out; files of a kind that does not belong
            into such a repository.
    """
    if repo_type not in REPO_TYPES:
        raise ValueError(f"a repository of the Hub is one of {', '.join(REPO_TYPES)}, got {repo_type!r}.")
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder} to send.")
    left_out: list[str] = []
    found = _walk(folder, (root or folder).resolve(), _LEFT_OUT.get(repo_type, ()), left_out)
    paths = dict(sorted((path.relative_to(folder).as_posix(), path) for path in found))
    _refuse(
        [name for name in paths if PurePosixPath(name).suffix.lower() in _OTHER_WEIGHTS],
        f"{folder} holds weights that are not safetensors",
        "reading them can run code; convert and remove them",
    )
    _refuse(
        [name for name, path in paths.items() if not _belongs(name, path, repo_type)],
        f"{folder} holds files that do not belong into a {repo_type} repository",
        "move them away",
    )
    return paths, tuple(left_out)


def _walk(folder: Path, root: Path, left_out: tuple[str, ...], skipped: list[str]) -> Iterator[Path]:
    """All files under a folder; links to files are followed where they lead to a place under `root`."""
    waiting = [folder]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            name = path.relative_to(folder).as_posix()
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise ValueError(f"{path} is a link that leads out of {folder}; put the file itself in its place.")
            if path.is_symlink() and path.is_dir():
                raise ValueError(f"{path} is a link to a folder; put the folder itself in its place.")
            if path.is_dir():
                if name in left_out or path.name == _COMPILED:
                    skipped.append(f"{name}/")
                else:
                    waiting.append(path)
            elif stat.S_ISREG(path.stat().st_mode):
                yield path
            else:
                raise ValueError(f"{path} is no file that can be sent.")


def _belongs(name: str, path: Path, repo_type: str) -> bool:
    parts = PurePosixPath(name).parts
    if any(part.startswith(".") for part in parts[:-1]):
        return False
    if _NAMES.fullmatch(parts[-1]):
        return True
    if parts[-1].startswith("."):
        return False
    if path.suffix == ".py" and repo_type == "model":
        return path.stat().st_size < 200 and bool(_SHIM.fullmatch(path.read_text(encoding="utf-8")))
    return path.suffix.lower() in _SUFFIXES[repo_type]


def _refuse(names: list[str], what: str, remedy: str) -> None:
    if names:
        raise ValueError(f"{what} ({listed(names, _SHOWN)}); {remedy}.")


def _check_json(name: str, path: Path) -> None:
    content = parse_json(read_text(path), path)
    for key, value in _strings(content):
        if _LOCAL_PATH.match(value):
            raise _path_found(name, f"{key}: {value!r}")


def _check_metadata(name: str, path: Path) -> None:
    with open_tensors(path) as tensors:
        metadata = tensors.metadata() or {}
    for key, value in metadata.items():
        if _LOCAL_PATH.match(value):
            raise _path_found(name, f"{key}: {value!r}")


def _check_text(name: str, path: Path, own: list[str]) -> None:
    """In prose a path may be an example; only the user's home and the folder itself are surely of this machine."""
    text = read_text(path)
    for place in own:
        if place in text:
            raise _path_found(name, repr(place))


def _path_found(name: str, what: str) -> ValueError:
    return ValueError(
        f"{name} holds a path of this machine ({what}), which tells others about it and helps nobody; remove it."
    )


def _strings(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with the name it stands under; names that are texts themselves too."""
    if isinstance(content, str):
        yield key, content
    elif isinstance(content, Mapping):
        for name, value in content.items():
            yield key, name
            yield from _strings(value, name)
    elif isinstance(content, list):
        for value in content:
            yield from _strings(value, key)


def front_matter(text: str) -> dict[str, Any]:
    """
    The YAML at the head of a card.

    Raises:
        ValueError: there is none, or it is not a mapping.
    """
    lines = text.splitlines()
    ends = [number for number, line in enumerate(lines) if line.rstrip() == "---"]
    if len(ends) < 2 or ends[0] != 0:
        raise ValueError("it has no front matter between two lines ---")
    return parse_yaml("\n".join(lines[1 : ends[1]]), "its front matter")


def check_card(folder: Path, repo_type: str) -> dict[str, Any]:
    """
    The front matter of a folder's card.

    Raises:
        ValueError: no card, or one that the Hub would refuse or could not use.
    """
    card = folder / CARD_NAME
    if not card.is_file():
        raise ValueError(
            f"{folder} has no card ({CARD_NAME}), which says what it is made of, its licence and its limits; write one, or "
            "name one (--card)."
        )
    try:
        front = front_matter(read_text(card))
    except ValueError as error:
        raise ValueError(f"the card {card} cannot be used: {str(error).rstrip('.')}.") from error
    needed = ("sdk", "title") if repo_type == "space" else ("license",)
    missing = [name for name in needed if not front.get(name)]
    if missing:
        raise ValueError(f"the front matter of the card {card} lacks {', '.join(missing)}.")
    return front

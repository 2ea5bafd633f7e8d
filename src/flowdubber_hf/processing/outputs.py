"""Files in and out by their names: what is read is there and may be read; what is written appears whole or not at all.

A name that is a symbolic link stands for the file that it leads to: that one is replaced, and the link stays.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import errno
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..work.faults import why
from ..work.files import create_beside, replacing


def check_file(path: str | Path, what: str = "file", give: str = "give a file") -> Path:
    """A file that can be read.

    Args:
        path: of the file.
        what: the word for it in messages: "file", "video file".
        give: what to do where it is a folder.

    Raises:
        ValueError: there is none, it is a folder or no plain file, or it may not be read.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ValueError(f"{path} is a folder; {give}.")
        if not stat.S_ISREG(mode):
            raise ValueError(f"{path} is no plain file but a device, a pipe or a socket; save it to a file first.")
        path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(f"there is no {what} {path}.") from error
    except OSError as error:
        raise ValueError(f"{_shown(path)} cannot be opened ({why(error)}){_permission(error)}.") from error
    return path


def _shown(path: Path) -> str:
    """A path short enough for a message."""
    text = str(path)
    return text if len(text) <= 200 else f"{text[:120]}...{text[-40:]}"


def _permission(error: OSError) -> str:
    return "; ask its owner for the permission to read it" if error.errno in (errno.EACCES, errno.EPERM) else ""


def check_output(path: str | Path, suffixes: Sequence[str], overwrite: bool = False) -> Path:
    """Says early, before any work is done, whether a result can be written to `path`.

    Raises:
        ValueError: an unknown suffix, a file that exists (without `overwrite`), a folder that is missing or not writable.
    """
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{_shown(path)} must end in {', '.join(suffixes)}; the ending chooses the format.")
    _try_folder(_free_target(path, overwrite))
    return path


def _free_target(path: Path, overwrite: bool) -> Path:
    """The file that is to be written, which is another than `path` where that is a link."""
    try:
        target = path.resolve()
        if not target.parent.is_dir():
            raise ValueError(f"there is no folder {target.parent}; make it first.")
        mode = target.stat().st_mode
    except FileNotFoundError:
        return target
    except (OSError, RuntimeError) as error:  # a name that is too long, links in a circle
        reason = why(error) if isinstance(error, OSError) else "its links lead in a circle"
        raise ValueError(f"nothing can be written to {_shown(path)} ({reason}); choose another name.") from error
    if stat.S_ISDIR(mode):
        raise ValueError(f"{path} is a folder; give a file name.")
    if not stat.S_ISREG(mode):
        raise ValueError(f"{path} is no plain file but a device, a pipe or a socket; choose another name.")
    if not overwrite:
        raise ValueError(f"{path} exists already; choose another name, or overwrite it (--overwrite, overwrite=True).")
    return target


def _try_folder(path: Path) -> None:
    """Raises `ValueError` where no file can be made beside `path`."""
    try:
        create_beside(path).unlink()
    except OSError as error:
        raise ValueError(
            f"nothing can be written to the folder {path.parent} ({why(error)}); choose another."
        ) from error


def _same_file(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))


def check_target(path: Path, name: str, overwrite: bool, sources: Sequence[Path] = ()) -> None:
    """Refuses a file that could not be written at the end, before the work begins.

    Raises:
        ValueError: it exists (without `overwrite`), is a folder or one of `sources`, or its folder cannot be written.
    """
    if path.is_dir():
        raise ValueError(f"{name} {path} is a folder; give the name of a file.")
    if any(_same_file(path, source) for source in sources):
        raise ValueError(f"{name} {path} is one of the inputs; choose another name.")
    if path.exists() and not overwrite:
        raise ValueError(f"{name} {path} exists; give --overwrite to replace it.")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {name} to; make it first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"the folder {path.parent} of {name} cannot be written ({why(error)}).") from error


@contextmanager
def new_file(path: Path, suffixes: Sequence[str], overwrite: bool) -> Iterator[Path]:
    """A new file in the folder of `path` that takes its place when all went well and is removed otherwise.

    Raises:
        ValueError: as [`check_output`], or the disk is full or the folder gone in the end.
    """
    check_output(path, suffixes, overwrite)
    try:
        with replacing(_free_target(path, overwrite)) as temporary:
            yield temporary
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({why(error)}).") from error

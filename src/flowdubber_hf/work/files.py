"""Files and folders that appear whole or not at all.

Temporary names are drawn at random and created exclusively, beside what they become: two processes never share one, and
nobody can lay a link in its way.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


# A folder that is being written or removed has a name that no reader takes for a finished one.
UNFINISHED = ".unfinished-"
# Files that are being written now, so that a run that is ended at once leaves none behind.
_BEGUN: set[Path] = set()
_IDLE = 60.0  # seconds without a change after which nobody writes a temporary file any more
_TEMPORARY = re.compile(r"\.(.*)-[0-9a-f]{16}(\.[^.]*)?", re.DOTALL)
_MAX_STEM = 50  # characters of a name that its temporary one keeps: with four bytes each, a suffix still fits into 255


def create_beside(path: Path) -> Path:
    """An empty file of a random name, with the ending of `path` and in its folder.

    Raises:
        OSError: the folder cannot be written to.
    """
    stem = path.stem[:_MAX_STEM]
    temporary = path.with_name(f".{stem}-{secrets.token_hex(8)}{path.suffix}")
    temporary.open("xb").close()
    return temporary


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A new file that takes the place of `path` when all went well and is removed otherwise; its folder is made where missing.

    Raises:
        OSError: the folder cannot be written to, the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = create_beside(path)
    _BEGUN.add(temporary)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        with suppress(AttributeError):  # PyAV's errors have a name of their own, which cannot be set
            error.filename = error.filename or str(path)  # a full disk's has none
        raise
    finally:
        temporary.unlink(missing_ok=True)
        _BEGUN.discard(temporary)


def remove_begun() -> None:
    """Removes what this process has begun to write: for a process that ends without unwinding."""
    for path in tuple(_BEGUN):
        with suppress(OSError):
            path.unlink(missing_ok=True)


def remove_abandoned(folder: Path, stem: str | None = None) -> None:
    """Removes temporary files in a folder whose writers were killed: those that nobody has written to for a minute.

    Args:
        folder: that may be missing.
        stem (*optional*): only those that were to become files of this name without its ending.
    """
    with suppress(OSError):
        for path in sorted(folder.glob(".*")):
            found = _TEMPORARY.fullmatch(path.name)
            if found is None or stem not in (None, found[1]):
                continue
            with suppress(OSError):
                if path.is_file() and time.time() - path.stat().st_mtime > _IDLE:
                    path.unlink()


def replace_file(path: Path, data: bytes) -> None:
    """Writes a file that is either complete or not there, in a folder that is made where missing."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def replace_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a new folder and puts it in the place of `folder`, which nobody sees half-written."""
    new, old = (folder.with_name(f"{UNFINISHED}{kind}{folder.name}") for kind in ("", "removed-"))
    for path in (new, old):
        shutil.rmtree(path, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        write(new)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)

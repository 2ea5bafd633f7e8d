"""Where the films of visitors are worked on: a folder a visit, of bounded number, size and age."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Timer

from ..work.hashing import hash_json


MAX_VISITS = 8
MAX_BYTES = 4_000_000_000  # of all of them
_NOBODY = "nobody"  # who has no session: programs


class FilmFolders:
    """The work folders of visitors. Plan, mouths and takes of a film stay there, so that doing a cue again makes that cue alone.

    Args:
        seconds: after which a folder that nobody uses is deleted.
        most: folders; the one that was used longest ago goes.
        most_bytes: in all of them.
        now: clock in seconds.
    """

    def __init__(
        self,
        seconds: float,
        most: int = MAX_VISITS,
        most_bytes: int = MAX_BYTES,
        now: Callable[[], float] = time.monotonic,
    ):
        self._seconds, self._most, self._most_bytes, self._now = seconds, most, most_bytes, now
        self._root = TemporaryDirectory(prefix="flowdubber-films-")  # goes with the process
        self._used: dict[str, float] = {}  # name of the folder to the time of its last use, the oldest first
        self._busy: set[str] = set()
        self._lock = Lock()
        self._timer: Timer | None = None

    @contextmanager
    def of(self, visitor: str | None, film: str) -> Iterator[Path]:
        """The folder of a visitor's film, which stays as long as it is used; another film of the visitor takes its place.

        Args:
            visitor: name of the session.
            film: path of what was uploaded.
        """
        name, inner = hash_json([visitor or _NOBODY]), hash_json([film])
        with self._lock:
            self._busy.add(name)
            self._touch(name)
        folder = Path(self._root.name) / name
        try:
            for other in folder.iterdir() if folder.is_dir() else ():
                if other.name != inner:
                    shutil.rmtree(other, ignore_errors=True)
            (folder / inner).mkdir(parents=True, exist_ok=True)
            yield folder / inner
        finally:
            with self._lock:
                self._busy.discard(name)
                self._touch(name)
            self.sweep()

    def forget(self, visitor: str | None) -> None:
        """Deletes a visitor's folder, unless it is in use."""
        name = hash_json([visitor or _NOBODY])
        with self._lock:
            if name in self._used and name not in self._busy:
                self._delete(name)

    def sweep(self) -> None:
        """Deletes what is too old, too many or too large."""
        with self._lock:
            now = self._now()
            idle = [name for name in self._used if name not in self._busy]
            sizes = {name: _size(Path(self._root.name) / name) for name in self._used}
            for name in idle:
                is_old = now - self._used[name] >= self._seconds
                if is_old or len(self._used) > self._most or sum(sizes[one] for one in self._used) > self._most_bytes:
                    self._delete(name)
            self._look_again()

    def __len__(self) -> int:
        return len(self._used)

    def _touch(self, name: str) -> None:
        self._used.pop(name, None)
        self._used[name] = self._now()

    def _delete(self, name: str) -> None:
        shutil.rmtree(Path(self._root.name) / name, ignore_errors=True)
        self._used.pop(name, None)

    def _look_again(self) -> None:
        """As long as there are folders, also when no visitor comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._used:
            self._timer = Timer(self._seconds / 6, self.sweep)
            self._timer.daemon = True
            self._timer.start()


def bring_film(film: str, target: Path) -> Path:
    """The film under a name of ours, as the same file where the disk allows it; its time stays, by which it is known again."""
    if not target.is_file():
        try:
            os.link(film, target)
        except OSError:  # another disk
            shutil.copy2(film, target)
    return target


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())

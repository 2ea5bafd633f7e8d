"""Numbers measured of sound, kept in the work folder: what did not change is not measured again."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..work.files import replace_file


class Kept:
    """Rows of numbers by text that is another one where what they were measured of is another one.

    Args:
        path (*optional*): of the file; one that cannot be read counts as none.
    """

    def __init__(self, path: Path | None = None):
        self._path = path
        self._known: dict[str, np.ndarray] = {}
        self._used: dict[str, np.ndarray] = {}
        self._is_stale = False
        if path is not None and path.is_file():
            try:
                with np.load(path, allow_pickle=False) as held:
                    self._known = {name: np.asarray(held[name], np.float64) for name in held.files}
            except Exception:  # whatever a damaged file brings its reader to: it is measured again
                self._known = {}

    def of(self, key: str, length: int, measure: Callable[[], np.ndarray]) -> np.ndarray:
        """`(length,)` float64, measured where it is not known."""
        name = hashlib.sha256(key.encode()).hexdigest()[:32]
        row = self._known.get(name)
        if row is None or row.shape != (length,):
            row, self._is_stale = np.asarray(measure(), np.float64), True
        self._used[name] = row
        return row

    def save(self) -> None:
        """Writes what was asked for since it was read, or saved; the rest is forgotten."""
        if self._path is not None and (self._is_stale or self._used.keys() != self._known.keys()):
            held = io.BytesIO()
            np.savez(held, **self._used)
            replace_file(self._path, held.getvalue())
        self._known, self._used, self._is_stale = self._used, {}, False

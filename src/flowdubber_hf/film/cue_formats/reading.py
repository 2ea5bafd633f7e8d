"""A cue file of whatever kind, told by what is in it and not by its name."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import re
from collections.abc import Iterator
from pathlib import Path

from ...work.reading import read_bytes
from .encoding import decode_cues
from .native import read_native
from .raw import Mistake, RawCue
from .substation import read_substation
from .timed_text import read_subrip, read_webvtt
from .ttml import read_ttml


MAX_CUE_FILE_BYTES = 16 * 2**20
MAX_CUES = 20_000
_SUBRIP = re.compile(r"^\s*(?:\d+:)?\d+:\d+[.,]?\d*\s*-->", re.MULTILINE)


def read_raw_cues(file: str | Path) -> list[RawCue | Mistake]:
    """All cues of a file in its order, and the lines that cannot be read.

    Raises:
        ValueError: the file cannot be read, is none of these kinds, or holds no cue or too many.
        ImportError: ASS or SSA without the extra `film`.
    """
    text = decode_cues(read_bytes(file, MAX_CUE_FILE_BYTES), file)
    try:
        found: list[RawCue | Mistake] = []
        for one in _reader(text):
            found.append(one)
            if len(found) > MAX_CUES:
                raise ValueError(f"more than {MAX_CUES} cues; divide the film.")
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if not found:
        raise ValueError(f"{file}: no cue is in it.")
    return sorted(found, key=lambda one: one.line)


def _reader(text: str) -> Iterator[RawCue | Mistake]:
    head = text.lstrip("\ufeff \t\n")
    if head.startswith("WEBVTT"):
        return read_webvtt(text.lstrip("\ufeff"))
    if head.startswith("<"):
        return read_ttml(head)
    if head.startswith("{") and not head.startswith("{\\"):
        return read_native(text.lstrip("\ufeff"))
    if re.search(r"^\s*\[(?:script info|events|v4\+? styles)\]", head, re.IGNORECASE | re.MULTILINE):
        return read_substation(
            text.lstrip("\ufeff"), "ass" if re.search(r"v4\+ styles", head, re.IGNORECASE) else "ssa"
        )
    if _SUBRIP.search(text) or "-->" in text:
        return read_subrip(text.lstrip("\ufeff"))
    raise ValueError("line 1: not SRT, VTT, ASS, TTML or JSONL.")

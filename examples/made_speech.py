"""Folders of speech that the scripts make: whose they are, and how a row of their `metadata.jsonl` tells when what is said."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flowdubber_hf.work.files import replace_file
from flowdubber_hf.work.reading import parse_json, read_text


SETTINGS, LISTING = "settings.json", "metadata.jsonl"


def claim_folder(folder: Path, settings: Mapping[str, Any]) -> None:
    """Notes in a new folder what it is made with, and lets the same settings go on with it.

    Raises:
        ValueError: other settings have filled it, or it holds something else.
    """
    kept = folder / SETTINGS
    if not kept.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise ValueError(f"{folder} holds something else; give a new folder.")
        replace_file(kept, json.dumps(settings, indent=1).encode())
    elif parse_json(read_text(kept), kept) != settings:
        raise ValueError(f"{folder} was made with other settings ({kept}); give them again, or a new folder.")


def write_listing(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes the rows, one a line."""
    replace_file(folder / LISTING, "".join(json.dumps(row) + "\n" for row in rows).encode())


def intervals(
    words: Sequence[str], phonemes: Sequence[str], word_index: Sequence[int], times: Iterable[Sequence[float]]
) -> dict[str, list[list[Any]]]:
    """`words` and `phones` of a row, as `flowdubber prepare` reads them.

    Args:
        words: that are said.
        phonemes: with silences between them.
        word_index: of each phoneme, -1 on silences.
        times: of each phoneme, start and end in seconds.
    """
    said = [
        (index, phoneme, round(float(start), 4), round(float(end), 4))
        for index, phoneme, (start, end) in zip(word_index, phonemes, times, strict=True)
        if index >= 0
    ]
    spans = []
    for index, word in enumerate(words):
        inside = [(start, end) for of, _, start, end in said if of == index]
        spans.append([word, inside[0][0], inside[-1][1]])
    return {"words": spans, "phones": [[phoneme, start, end] for _, phoneme, start, end in said]}

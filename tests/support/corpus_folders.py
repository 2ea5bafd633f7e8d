"""Folders of a corpus in a few lines."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path

from flowdubber_hf.data.corpora import read_corpus
from flowdubber_hf.data.corpora.recording import Recording


def touch(folder: Path, *names: str, text: str = "") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def by_id(folder: Path, **options) -> dict[str, Recording]:
    return {item.id: item for item in read_corpus(folder, **{"val_share": 0, **options}).recordings}


def write_metadata(folder: Path, *rows) -> None:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

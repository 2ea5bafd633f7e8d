"""What the measuring scripts share: sections of pages, hashes for what is kept."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from flowdubber_hf.work.files import replace_file


def replace_section(content: str, section: str, text: str) -> str:
    """A Markdown page with `text` between its `<!-- section -->` and `<!-- end section -->`.

    Raises:
        ValueError: the page has no such section.
    """
    start, end = f"<!-- {section} -->\n", f"<!-- end {section} -->"
    if start not in content or end not in content:
        raise ValueError(f"the page has no section between {start.strip()} and {end}.")
    before, _, rest = content.partition(start)
    return before + start + text + end + rest.partition(end)[2]


def insert(path: Path, section: str, text: str) -> None:
    """Puts text into a section of a Markdown file, see [`replace_section`].

    Raises:
        ValueError: the file has no such section.
    """
    try:
        content = replace_section(path.read_text(encoding="utf-8"), section, text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    write_page(path, content)


def write_page(path: Path, content: str) -> None:
    """Writes it whole or not at all."""
    replace_file(path, content.encode())


def save_json(path: Path, content: Any) -> None:
    """Writes it whole or not at all."""
    replace_file(path, json.dumps(content, indent=1).encode())


def update_json(path: Path, **entries: Any) -> None:
    """Replaces entries of a JSON object that is kept in a file, and leaves the others."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    replace_file(path, (json.dumps({**kept, **entries}, indent=1, ensure_ascii=False) + "\n").encode())


def file_hash(paths: Sequence[Path], tensors: Sequence[torch.Tensor] = ()) -> str:
    """Ten hexadecimal digits that change with any of the files or tensors."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    for tensor in tensors:
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:10]

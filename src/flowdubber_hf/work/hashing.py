"""Hashes that are the same on every machine and in every process."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
import json
from pathlib import Path
from typing import Any


def hash_number(text: str) -> int:
    """64 bits of a text's SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def hash_share(text: str) -> float:
    """A text's hash in [0, 1)."""
    return hash_number(text) / 2**64


def hash_json(content: Any) -> str:
    """24 hexadecimal digits of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def hash_file(path: Path) -> str:
    """24 hexadecimal digits of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:24]


def hash_checkpoint(folder: Path) -> str:
    """24 hexadecimal digits of the names and contents of a checkpoint's files, those of its parts included."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".json", ".safetensors", ".txt"))
    return hash_json([[file.relative_to(folder).as_posix(), hash_file(file)] for file in files])


def hash_folder(folder: Path) -> str:
    """16 hexadecimal digits of a model folder: its configuration and weights."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors")):
        digest.update(path.name.encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()[:16]

"""The files of a prepared dataset: parquet with plain columns, so that `datasets.load_dataset` and the Hub read them too.

data/<split>-00000-of-00002.parquet   one row a clip, see [`schema`]
README.md                             dataset card; its front matter names the files of each split
report.json, report.png               what was kept and dropped, and why
settings.json                         how it was made
work/                                 finished work of single clips, for going on after a stop; may be deleted
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..extras import require_extra


if TYPE_CHECKING:
    import pyarrow as pa


DATA_FOLDER = "data"
SPLITS = ("train", "val", "dev", "test", "zero_shot")  # the usual ones, in this order; others follow by name
# Few rows a group: training reads single clips at random, and a group is the least that can be read.
ROWS_PER_GROUP = 16
SHARD_BYTES = 256_000_000


def require_pyarrow() -> Any:
    """The module `pyarrow`.

    Raises:
        ImportError: it is not installed; the message says how.
    """
    return require_extra("train", "pyarrow", "pyarrow.parquet", what="a prepared dataset (parquet files)")


def schema() -> "pa.Schema":
    """Columns of a prepared dataset; times are seconds from the start of the clip."""
    pa = require_pyarrow()
    words = pa.list_(pa.struct([("word", pa.string()), ("start", pa.float64()), ("end", pa.float64())]))
    return pa.schema(
        [
            ("id", pa.string()),
            ("file_name", pa.string()),  # of the recording in the folder that was prepared
            ("split", pa.string()),
            ("speaker", pa.string()),
            ("source", pa.string()),
            ("text", pa.string()),  # null: no transcript
            ("audio", pa.binary()),  # FLAC, 16 kHz mono
            ("num_samples", pa.int64()),
            ("num_frames", pa.int64()),  # 25 a second; 0: no video
            ("mouth", pa.binary()),  # JPEG of all mouth crops, 16 a row, 96 x 96 each; null: no video
            ("phonemes", pa.list_(pa.string())),  # null: no transcript
            ("word_index", pa.list_(pa.int64())),  # of each phoneme into words, -1: silence
            ("words", words),  # as spoken
            ("phoneme_times", pa.list_(pa.list_(pa.float64()))),  # [start, end]
            ("corpus_words", words),  # the corpus' own word times, where it has them
            ("style", pa.list_(pa.float32())),  # 256 numbers of length 1
            ("semantic_tokens", pa.list_(pa.int64())),  # 50 a second; null: no speech tokenizer was given
            ("global_tokens", pa.list_(pa.int64())),
            ("reference", pa.string()),  # id of the clip whose voice is to be used, if the corpus names one
        ]
    )


def shard_lengths(sizes: Sequence[int], shard_bytes: int = SHARD_BYTES) -> list[int]:
    """How many rows each file takes: as many as fit into `shard_bytes`, at least one."""
    lengths: list[int] = []
    room = 0
    for size in sizes:
        if not lengths or size > room:
            lengths.append(0)
            room = shard_bytes
        lengths[-1] += 1
        room -= size
    return lengths


def _groups(rows: Iterator[dict], length: int) -> Iterator[list[dict]]:
    while length > 0:
        group = list(islice(rows, min(ROWS_PER_GROUP, length)))
        if not group:
            raise ValueError(f"{length} rows are missing.")
        length -= len(group)
        yield group


def write_split(folder: Path, split: str, rows: Iterable[Mapping[str, Any]], lengths: Sequence[int]) -> None:
    """Writes `<split>-*.parquet` files of the given numbers of rows into `folder`.

    Raises:
        ValueError: fewer rows than `lengths` says, or values that do not fit the columns.
    """
    pa = require_pyarrow()
    columns = schema()
    rows = iter(rows)
    # Sound and pictures are compressed already; the rest is small.
    compression = {name: "none" if name in ("audio", "mouth") else "zstd" for name in columns.names}
    for number, length in enumerate(lengths):
        path = folder / f"{split}-{number:05d}-of-{len(lengths):05d}.parquet"
        with pa.parquet.ParquetWriter(
            path, columns, compression=compression, use_dictionary=False, write_statistics=False
        ) as writer:
            for group in _groups(rows, length):
                try:
                    table = pa.Table.from_pylist([dict(row) for row in group], schema=columns)
                except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                    raise ValueError(f"a row among {group[0]['id']}... does not fit the columns ({error}).") from error
                writer.write_table(table, row_group_size=ROWS_PER_GROUP)


def split_order(splits: Iterable[str]) -> list[str]:
    """The usual splits first, the others by name."""
    return sorted(set(splits), key=lambda name: (SPLITS.index(name) if name in SPLITS else len(SPLITS), name))


def write_data(output: Path, splits: Mapping[str, tuple[Iterable[Mapping[str, Any]], Sequence[int]]]) -> None:
    """Writes the folder `data` of a dataset whole, in place of one that is there.

    Args:
        splits: by name, the rows and their sizes in bytes.
    """
    token = secrets.token_hex(8)
    fresh, old = (output / f".{DATA_FOLDER}.{token}.{kind}" for kind in ("new", "old"))
    fresh.mkdir(parents=True)
    try:
        for split in split_order(splits):
            rows, sizes = splits[split]
            write_split(fresh, split, rows, shard_lengths(sizes))
        if (output / DATA_FOLDER).exists():
            os.replace(output / DATA_FOLDER, old)
        os.replace(fresh, output / DATA_FOLDER)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def data_files(folder: Path) -> list[Path]:
    """The parquet files of a dataset, usual splits first.

    Raises:
        ValueError: the folder is no prepared dataset.
    """
    files = sorted((folder / DATA_FOLDER).glob("*.parquet"))
    if not files:
        raise ValueError(f"{folder} is no prepared dataset; make one with: flowdubber prepare INPUT {folder}")
    order = {split: number for number, split in enumerate(split_order(_split_of(file) for file in files))}
    return sorted(files, key=lambda file: (order[_split_of(file)], file.name))


def _split_of(file: Path) -> str:
    return file.name.rsplit("-", 3)[0]

"""Reads prepared datasets (see [`dataset`](dataset.py)) for training."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import io
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..work.files import replace_file
from ..work.reading import in_a_line
from .codec import decode_audio, decode_crops
from .dataset import data_files, require_pyarrow, schema


@dataclass(frozen=True)
class Clip:
    """One recording.

    Attributes:
        id: `grid/s1/bbaf2n`, `an4/...`.
        split: `train`, `val` (held out for tuning), `dev` or `test` (figures are reported on it), `zero_shot` (never
            trained on).
        speaker: who speaks; unique over all sources.
        text: what is said, or `None` where there is no transcript.
        source: the corpus, `grid` for example.
        num_samples: at 16 kHz.
        num_frames: video frames at 25 fps, 0 without video.
        words: `(word, start_s, end_s)` of the corpus' own alignment, where it has one.
        file_name: of the recording, relative to the folder that was prepared.
    """

    id: str
    split: str
    speaker: str
    text: str | None
    source: str
    num_samples: int = 0
    num_frames: int = 0
    words: list[tuple[str, float, float]] | None = field(default=None)
    file_name: str = ""


@dataclass(frozen=True)
class AlignedPhonemes:
    """Phonemes of a clip with their times.

    Attributes:
        phonemes: names from [`~processing.text.PHONEMES`].
        word_index: index into `words`, -1 on silences.
        words: the spoken words.
        times: `(P, 2)` float32, start and end in seconds; both are equal where an optional `sp` was not spoken.
    """

    phonemes: list[str]
    word_index: list[int]
    words: list[str]
    times: np.ndarray

    @property
    def ids(self) -> list[int]:
        from ..processing.text import phoneme_ids

        return phoneme_ids(self.phonemes)

    @property
    def optional(self) -> list[bool]:
        from ..processing.text import OPTIONAL_PHONEME

        return [phoneme == OPTIONAL_PHONEME for phoneme in self.phonemes]


#: What a clip may have, and the columns that hold it.
COLUMNS = {
    "audio": ("audio",),
    "crops": ("mouth",),
    "phones": ("phonemes", "word_index", "words", "phoneme_times"),
    "style": ("style",),
    "tokens": ("semantic_tokens", "global_tokens"),
}
_HEAVY = ("audio", "mouth")  # stay on the disk
_ALWAYS = ("id", "split", "speaker", "source", "num_samples", "num_frames")
MAX_LENGTH = 16000 * 3600 * 24  # samples, or frames, of one clip: a day
_ABSENT = {
    "audio": "prepare the dataset again",
    "crops": "its recording has no video",
    "phones": "it has no transcript",
    "style": "prepare the dataset again",
    "tokens": "give the same flowdubber prepare again with --speech_tokenizer",
}


class _Shard:
    """One parquet file whose heavy columns are read a row group at a time. Opened anew in every process."""

    def __init__(self, path: Path):
        self.path = path
        self._file: Any = None
        self._process = 0
        self._starts = np.zeros(1, np.int64)

    def open(self) -> Any:
        if self._file is None or self._process != os.getpid():
            self._file = require_pyarrow().parquet.ParquetFile(self.path, memory_map=True)
            self._process = os.getpid()
            groups = self._file.metadata
            lengths = [groups.row_group(index).num_rows for index in range(groups.num_row_groups)]
            self._starts = np.cumsum([0, *lengths])
        return self._file

    def table(self, names: Sequence[str]) -> Any:
        """The small columns, each of the type that a prepared dataset has.

        Raises:
            ValueError: the file is damaged, lacks a column, or a clip's names or lengths.
        """
        pa = require_pyarrow()
        with readable(f"{self.path}"):
            table = self.open().read(columns=list(names), use_threads=False).select(list(names))
            table = table.cast(pa.schema([schema().field(name) for name in names]))
            for name in _ALWAYS:
                if table[name].null_count:
                    raise ValueError(f"a clip has no {name}")
            for name in ("num_samples", "num_frames"):
                lengths = table[name].to_numpy()
                if len(lengths) and not 0 <= lengths.min() <= lengths.max() < MAX_LENGTH:
                    raise ValueError(f"{name} is negative or too large")
        return table

    def cell(self, column: str, row: int) -> bytes:
        with readable(f"{self.path}: {column}"):
            file = self.open()
            group = int(np.searchsorted(self._starts, row, side="right")) - 1
            table = file.read_row_group(group, columns=[column], use_threads=False)
            value = table.column(0)[row - int(self._starts[group])].as_py()
            if not isinstance(value, bytes):
                raise ValueError("there are no bytes")
        return value


@contextmanager
def readable(place: str) -> Iterator[None]:
    """Whatever a damaged file brings pyarrow and our own reading to, as one sentence."""
    try:
        yield
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"{place} cannot be read ({in_a_line(error)}); prepare the dataset again.") from error


class FeatureStore:
    """Reads prepared datasets, the folders that `flowdubber prepare` wrote, as one.

    What is small is held in memory; sound and mouth crops are read from the disk when they are asked for. Can be sent to
    other processes, which open the files themselves.

    Args:
        folders: one folder, or several whose clips have different ids.

    Raises:
        ValueError: a folder is no prepared dataset, or two clips have the same id.
        ImportError: pyarrow is not installed.
    """

    def __init__(self, folders: str | Path | Sequence[str | Path]):
        single = isinstance(folders, (str, Path))
        self.folders = [Path(folder) for folder in ([folders] if single else folders)]
        pa = require_pyarrow()
        self._shards = [_Shard(path) for folder in self.folders for path in data_files(folder)]
        names = [name for name in schema().names if name not in _HEAVY]
        tables = []
        self._places: list[tuple[int, int]] = []  # shard and row in it, of each row of the table
        absent: dict[str, list[np.ndarray]] = {name: [] for name in _HEAVY}
        for number, shard in enumerate(self._shards):
            tables.append(shard.table(names))
            self._places += [(number, row) for row in range(tables[-1].num_rows)]
            absent["audio"].append(np.zeros(tables[-1].num_rows, bool))
            absent["mouth"].append(tables[-1]["num_frames"].to_numpy() == 0)
        self._table = pa.concat_tables(tables).combine_chunks()
        missing = {name: np.concatenate(parts) for name, parts in absent.items()}
        for name in names:
            missing[name] = self._table[name].is_null().to_numpy()
        self._has = {
            kind: ~np.logical_or.reduce([missing[name] for name in columns]) for kind, columns in COLUMNS.items()
        }
        with readable(", ".join(map(str, self.folders))):
            self._clips = {row["id"]: _clip(row) for row in self._table.select(_CLIP_COLUMNS).to_pylist()}
        if len(self._clips) != len(self._places):
            ids = self._table["id"].to_pylist()
            twice = Counter(ids).most_common(1)[0][0]
            raise ValueError(
                f"the clip {twice} is in the datasets twice; give each folder once, or prepare with another --name."
            )
        self._rows = {clip_id: row for row, clip_id in enumerate(self._clips)}

    def __getstate__(self) -> dict:
        return {"folders": self.folders}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["folders"])

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, clip_id: str) -> Clip:
        return self._clips[clip_id]

    def __contains__(self, clip_id: str) -> bool:
        return clip_id in self._clips

    @property
    def root(self) -> Path:
        """The first folder."""
        return self.folders[0]

    def has(self, kind: str, clip_id: str) -> bool:
        """Whether the clip has `audio`, `phones`, `crops`, `style` or `tokens`.

        Raises:
            ValueError: another kind.
        """
        self._known(kind)
        return bool(self._has[kind][self._rows[clip_id]])

    @staticmethod
    def _known(kind: str) -> None:
        if kind not in COLUMNS:
            raise ValueError(f"unknown kind {kind!r}; choose from {', '.join(COLUMNS)}.")

    def clips(
        self,
        split: str | Sequence[str] | None = None,
        source: str | Sequence[str] | None = None,
        needs: Sequence[str] = ("audio",),
    ) -> list[Clip]:
        """Clips of the given splits and sources (all where `None`) that have what is named in `needs`.

        Args:
            needs: any of `audio`, `phones`, `crops`, `style`, `tokens`.

        Raises:
            ValueError: another name in `needs`.
        """
        for kind in needs:
            self._known(kind)
        splits = {split} if isinstance(split, str) else split
        sources = {source} if isinstance(source, str) else source
        return [
            clip
            for clip in self._clips.values()
            if (splits is None or clip.split in splits)
            and (sources is None or clip.source in sources)
            and all(self.has(kind, clip.id) for kind in needs)
        ]

    def audio(self, clip_id: str) -> np.ndarray:
        """`(num_samples,)` float32 in [-1, 1], 16 kHz."""
        data = self._cell("audio", "audio", clip_id)
        with readable(f"{clip_id}: its sound"):
            return decode_audio(data, self._clips[clip_id].num_samples)

    def crops(self, clip_id: str) -> np.ndarray:
        """`(num_frames, 96, 96)` uint8 grey mouth crops at 25 fps."""
        data = self._cell("crops", "mouth", clip_id)
        with readable(f"{clip_id}: its mouth crops"):
            return decode_crops(data, self._clips[clip_id].num_frames)

    def phones(self, clip_id: str) -> AlignedPhonemes:
        """The clip's phonemes with times."""
        row = self._row("phones", clip_id)
        with readable(f"{clip_id}: its phonemes"):
            times = np.asarray(row["phoneme_times"], dtype=np.float32).reshape(-1, 2)
            words = [word["word"] for word in row["words"]]
            return AlignedPhonemes(row["phonemes"], row["word_index"], words, times)

    def style(self, clip_id: str) -> np.ndarray:
        """`(256,)` float32 of length 1."""
        row = self._row("style", clip_id)
        with readable(f"{clip_id}: its voice"):
            return np.asarray(row["style"], dtype=np.float32)

    def tokens(self, clip_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Semantic tokens `(L,)`, 50 a second, and global tokens `(32,)`, int64."""
        row = self._row("tokens", clip_id)
        with readable(f"{clip_id}: its speech tokens"):
            return tuple(np.asarray(row[name], dtype=np.int64) for name in COLUMNS["tokens"])

    def reference(self, clip_id: str) -> str | None:
        """Id of the clip that the corpus names as this one's voice."""
        return self._table["reference"][self._rows[clip_id]].as_py()

    def _check(self, kind: str, clip_id: str) -> int:
        if clip_id not in self._rows:
            raise ValueError(f"there is no clip {clip_id} in {', '.join(map(str, self.folders))}.")
        if not self.has(kind, clip_id):
            raise ValueError(f"{clip_id} has no {kind}: {_ABSENT[kind]}.")
        return self._rows[clip_id]

    def _row(self, kind: str, clip_id: str) -> dict[str, Any]:
        row = self._check(kind, clip_id)
        return {name: self._table[name][row].as_py() for name in COLUMNS[kind]}

    def _cell(self, kind: str, column: str, clip_id: str) -> bytes:
        shard, row = self._places[self._check(kind, clip_id)]
        return self._shards[shard].cell(column, row)


_CLIP_COLUMNS = ["id", "split", "speaker", "text", "source", "num_samples", "num_frames", "corpus_words", "file_name"]


def _clip(row: dict[str, Any]) -> Clip:
    words = row.pop("corpus_words")
    return Clip(**row, words=words and [(word["word"], word["start"], word["end"]) for word in words])


def save_array(path: Path, array: np.ndarray) -> None:
    """Writes a `.npy` file that is either complete or not there."""
    data = io.BytesIO()
    np.save(data, array, allow_pickle=False)
    replace_file(path, data.getvalue())


def save_text(path: Path, text: str) -> None:
    """Writes a text file that is either complete or not there."""
    replace_file(path, text.encode())

# Copyright 2026 The FlowDubber-HF team. All rights reserved.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""The folder of prepared training features: how it is made from raw recordings and how it is read.

Layout, one line of `manifest.jsonl` a clip (see [`Clip`]):

    manifest.jsonl
    audio/<id>.npy      int16, 16 kHz mono; with video: cut or padded to num_frames * 640 samples
    crops/<id>.npy      uint8 (num_frames, 96, 96), grey mouth crops at 25 fps
    phones/<id>.json    phonemes of the text with the seconds at which they were spoken

Every file is written through a temporary name, so a file that exists is complete and a stopped run can be resumed.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from tqdm.auto import tqdm

from ..processing.audio import SAMPLES_PER_VIDEO_FRAME, SAMPLING_RATE, VIDEO_FRAME_RATE, load_audio
from .codec import decode_audio, decode_crops
from .dataset import data_files, require_pyarrow, schema


MANIFEST_NAME = "manifest.jsonl"
STAGES = ("audio", "phones", "crops")

# Clips held out of GRID's train split for tuning, by speaker; the rest of the choice is a hash of the id.
GRID_VALIDATION_CLIPS = {"s1": 28, "s4": 4}
SPEECH_VALIDATION_SHARE = 0.02
PCM16_SCALE = 32767.0


@dataclass(frozen=True)
class Clip:
    """One recording of the manifest.

    Attributes:
        id: `grid/s1/bbaf2n`, `an4/...`; also the stem of its feature files.
        split: `train`, `val` (held out for tuning), `dev` (figures are reported on it), `zero_shot` (never trained on).
        speaker: who speaks; unique over all sources.
        text: what is said, or `None` where there is no transcript.
        source: `grid`, `librispeech`, `an4` or `speechocean762`.
        num_samples: at 16 kHz.
        num_frames: video frames at 25 fps, 0 without video.
        words: `(word, start_s, end_s)` of the corpus' own alignment, where it has one.
        file_name: of the recording, relative to the data folder.
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


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _read_lines(path: Path) -> Iterator[dict]:
    if not path.is_file():
        raise ValueError(f"there is no file {path}; give the folder that holds it.")
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}, line {number} is not JSON: {error}.") from error


def _grid_clips(data: Path) -> list[Clip]:
    rows = [
        (f"grid/{row['file_name'].removesuffix('.mp4')}", row) for row in _read_lines(data / "grid/metadata.jsonl")
    ]
    held_out: set[str] = set()
    for speaker, count in GRID_VALIDATION_CLIPS.items():
        of_speaker = [name for name, row in rows if row["speaker"] == speaker and row["split"] == "train"]
        held_out.update(sorted(of_speaker, key=_hash)[:count])
    return [
        Clip(
            id=name,
            split="val" if name in held_out else row["split"],
            speaker=f"grid-{row['speaker']}",
            text=row["text"],
            source="grid",
            words=[tuple(word) for word in row["words"]],
            file_name=f"grid/{row['file_name']}",
        )
        for name, row in rows
    ]


def _speech_clips(data: Path) -> list[Clip]:
    return [
        Clip(
            id=str(Path(row["file_name"]).with_suffix("")),
            split="val" if _hash(row["speaker"]) / 2**64 < SPEECH_VALIDATION_SHARE else "train",
            speaker=row["speaker"],
            text=row["text"],
            source=Path(row["file_name"]).parts[0],
            file_name=f"speech/{row['file_name']}",
        )
        for row in _read_lines(data / "speech/metadata.jsonl")
    ]


def read_sources(data: str | Path) -> list[Clip]:
    """The clips of a raw data folder (`grid/metadata.jsonl`, `speech/metadata.jsonl`), lengths not yet known.

    Splits are those given, with a validation part taken from train by a hash of the clip's (GRID) or the speaker's
    (speech) name, so that it is the same on every machine.

    Raises:
        ValueError: neither metadata file is there, or one is not JSON lines.
    """
    data = Path(data)
    readers = {"grid": _grid_clips, "speech": _speech_clips}
    present = [reader for name, reader in readers.items() if (data / name / "metadata.jsonl").is_file()]
    if not present:
        raise ValueError(f"{data} holds neither grid/metadata.jsonl nor speech/metadata.jsonl; give the data folder.")
    return [clip for reader in present for clip in reader(data)]


#: What a clip may have, and the columns that hold it.
COLUMNS = {
    "audio": ("audio",),
    "crops": ("mouth",),
    "phones": ("phonemes", "word_index", "words", "phoneme_times"),
    "style": ("style",),
    "tokens": ("semantic_tokens", "global_tokens"),
}
_HEAVY = ("audio", "mouth")  # stay on the disk
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

    def cell(self, column: str, row: int) -> Any:
        file = self.open()
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        table = file.read_row_group(group, columns=[column], use_threads=False)
        return table.column(0)[row - int(self._starts[group])].as_py()


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

    def __new__(cls, folders=None):
        if isinstance(folders, (str, Path)) and (Path(folders) / MANIFEST_NAME).is_file():
            return FileStore(folders)
        return super().__new__(cls)

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
            tables.append(shard.open().read(columns=names, use_threads=False))
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
        self._clips = {row["id"]: _clip(row) for row in self._table.select(_CLIP_COLUMNS).to_pylist()}
        if len(self._clips) != len(self._places):
            ids = self._table["id"].to_pylist()
            twice = next(name for name in self._clips if ids.count(name) > 1)
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
        return decode_audio(self._cell("audio", "audio", clip_id))

    def crops(self, clip_id: str) -> np.ndarray:
        """`(num_frames, 96, 96)` uint8 grey mouth crops at 25 fps."""
        return decode_crops(self._cell("crops", "mouth", clip_id), self._clips[clip_id].num_frames)

    def phones(self, clip_id: str) -> AlignedPhonemes:
        """The clip's phonemes with times."""
        row = self._row("phones", clip_id)
        times = np.asarray(row["phoneme_times"], dtype=np.float32).reshape(-1, 2)
        words = [word["word"] for word in row["words"]]
        return AlignedPhonemes(row["phonemes"], row["word_index"], words, times)

    def style(self, clip_id: str) -> np.ndarray:
        """`(256,)` float32 of length 1."""
        return np.asarray(self._row("style", clip_id)["style"], dtype=np.float32)

    def tokens(self, clip_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Semantic tokens `(L,)`, 50 a second, and global tokens `(32,)`, int64."""
        row = self._row("tokens", clip_id)
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


class FileStore:
    """Reads a folder of feature files (`manifest.jsonl`).

    Args:
        root: the folder that `examples/prepare_features.py` wrote.

    Raises:
        ValueError: no manifest there.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        manifest = self.root / MANIFEST_NAME
        if not manifest.is_file():
            raise ValueError(f"there is no {manifest}; run examples/prepare_features.py first.")
        self._clips = {row["id"]: Clip(**row) for row in _read_lines(manifest)}

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, clip_id: str) -> Clip:
        return self._clips[clip_id]

    def path(self, kind: str, clip_id: str) -> Path:
        return feature_path(self.root, kind, clip_id)

    def clips(
        self,
        split: str | Sequence[str] | None = None,
        source: str | Sequence[str] | None = None,
        needs: Sequence[str] = ("audio",),
    ) -> list[Clip]:
        """Clips of the given splits and sources (all where `None`) whose features named in `needs` are there.

        Args:
            needs: any of `audio`, `phones`, `crops`.
        """
        splits = {split} if isinstance(split, str) else split
        sources = {source} if isinstance(source, str) else source
        return [
            clip
            for clip in self._clips.values()
            if (splits is None or clip.split in splits)
            and (sources is None or clip.source in sources)
            and all(self.path(kind, clip.id).is_file() for kind in needs)
        ]

    def audio(self, clip_id: str) -> np.ndarray:
        """`(num_samples,)` float32 in [-1, 1], 16 kHz."""
        return self._load("audio", clip_id).astype(np.float32) / PCM16_SCALE

    def crops(self, clip_id: str) -> np.ndarray:
        """`(num_frames, 96, 96)` uint8 grey mouth crops at 25 fps."""
        return self._load("crops", clip_id)

    def phones(self, clip_id: str) -> AlignedPhonemes:
        """The clip's phonemes with times."""
        path = self._existing("phones", clip_id)
        row = json.loads(path.read_text(encoding="utf-8"))
        row["times"] = np.asarray(row["times"], dtype=np.float32).reshape(-1, 2)
        return AlignedPhonemes(**row)

    def _existing(self, kind: str, clip_id: str) -> Path:
        path = self.path(kind, clip_id)
        if not path.is_file():
            raise ValueError(
                f"{clip_id} has no {kind} in {self.root}; run examples/prepare_features.py --stages {kind}."
            )
        return path

    def _load(self, kind: str, clip_id: str) -> np.ndarray:
        return np.load(self._existing(kind, clip_id), allow_pickle=False)

    def has(self, kind: str, clip_id: str) -> bool:
        return self.path(kind, clip_id).is_file()

    def style(self, clip_id: str) -> np.ndarray:
        """`(256,)` float32."""
        return self._load("style", clip_id).astype(np.float32)

    def tokens(self, clip_id: str) -> tuple[np.ndarray, np.ndarray]:
        """Semantic tokens `(L,)` and global tokens `(32,)`, int64."""
        row = json.loads((self.root / "tokens" / f"{clip_id}.json").read_text(encoding="utf-8"))
        return tuple(np.asarray(row[name], dtype=np.int64) for name in ("semantic_tokens", "global_tokens"))


def feature_path(root: Path, kind: str, clip_id: str) -> Path:
    """Where the feature `kind` (`audio`, `phones`, `crops`) of a clip lies."""
    return Path(root) / kind / f"{clip_id}{'.json' if kind in ('phones', 'tokens') else '.npy'}"


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save_array(path: Path, array: np.ndarray) -> None:
    """Writes a `.npy` file that is either complete or not there."""
    _replace(path, lambda temporary: np.save(temporary, array, allow_pickle=False))


def save_text(path: Path, text: str) -> None:
    """Writes a text file that is either complete or not there."""
    _replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_manifest(root: Path, clips: Iterable[Clip]) -> None:
    """Writes `manifest.jsonl` of a feature folder."""
    save_text(Path(root) / MANIFEST_NAME, "".join(json.dumps(asdict(clip)) + "\n" for clip in clips))


def count_video_frames(path: str | Path) -> int:
    """Frames of the first video stream that decode, counted at 25 fps; 0 where the file has no video.

    Raises:
        ValueError: the file cannot be opened.
    """
    frames = 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                return 0
            stream = container.streams.video[0]
            rate = float(stream.average_rate or VIDEO_FRAME_RATE)
            for packet in container.demux(stream):
                try:
                    frames += len(packet.decode())
                except av.FFmpegError:
                    continue  # a damaged slice loses a frame, not the clip
    except (av.FFmpegError, OSError) as error:
        raise ValueError(f"{path} cannot be read as a video ({error}).") from error
    return round(frames * VIDEO_FRAME_RATE / rate)


def prepare_audio(data: Path, root: Path, clip: Clip) -> str | None:
    """Writes the clip's sound as 16-bit 16 kHz mono; with video it lasts exactly as long as the frames."""
    source = Path(data) / clip.file_name
    sound = load_audio(source)
    frames = count_video_frames(source) if source.suffix == ".mp4" else 0
    if frames:
        samples = frames * SAMPLES_PER_VIDEO_FRAME
        sound = np.pad(sound[:samples], (0, max(0, samples - len(sound))))
    pcm = np.clip(np.rint(sound * PCM16_SCALE), -32768, 32767).astype(np.int16)
    save_array(feature_path(root, "audio", clip.id), pcm)
    return None


def prepare_phones(data: Path, root: Path, clip: Clip) -> str | None:
    """Aligns the clip's text to its prepared sound and writes the phonemes with their times."""
    from .forced_alignment import align_text

    store_path = feature_path(root, "audio", clip.id)
    if not store_path.is_file():
        raise ValueError("no prepared sound; run the stage audio first.")
    sound = np.load(store_path, allow_pickle=False).astype(np.float32) / PCM16_SCALE
    phonemization, times = align_text(sound, clip.text)
    row = {
        "phonemes": phonemization.phonemes,
        "word_index": phonemization.word_index,
        "words": phonemization.words,
        "times": [[round(start, 4), round(end, 4)] for start, end in times],
    }
    save_text(feature_path(root, "phones", clip.id), json.dumps(row))
    return None


_LIP_EXTRACTORS: list = []


def prepare_crops(data: Path, root: Path, clip: Clip) -> str | None:
    """Tracks the mouth of a clip and writes its grey crops."""
    from ..processing.lips import FlowDubberLipFeatureExtractor

    if not _LIP_EXTRACTORS:
        _LIP_EXTRACTORS.append(FlowDubberLipFeatureExtractor())  # one detector a worker process
    features = _LIP_EXTRACTORS[0](str(Path(data) / clip.file_name))
    crops = np.asarray(features["crops"])
    frames = clip.num_frames or len(crops)
    if abs(len(crops) - frames) > 1:
        raise ValueError(f"{len(crops)} crops for {frames} video frames.")
    if len(crops) != frames:  # half a frame of rounding at the end
        crops = crops[np.minimum(np.arange(frames), len(crops) - 1)]
    save_array(feature_path(root, "crops", clip.id), crops.astype(np.uint8))
    lost = int((~np.asarray(features["found"])).sum())
    return f"mouth interpolated in {lost} of {frames} frames" if lost else None


PREPARE = {"audio": prepare_audio, "phones": prepare_phones, "crops": prepare_crops}


@dataclass
class StageReport:
    """What a stage did: clips written, clips that were there before, clips it dropped and remarks, by id."""

    stage: str
    written: int = 0
    present: int = 0
    dropped: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)


def _has_stage(clip: Clip, stage: str) -> bool:
    if stage == "phones":
        return bool(clip.text)
    return stage == "audio" or clip.file_name.endswith(".mp4")


def _run_one(stage: str, data: Path, root: Path, clip: Clip) -> tuple[str, str | None, str | None]:
    try:
        return clip.id, PREPARE[stage](data, root, clip), None
    except ValueError as error:
        return clip.id, None, str(error)


def run_stage(
    stage: str, data: str | Path, root: str | Path, clips: Sequence[Clip], num_workers: int = 1, progress: bool = True
) -> StageReport:
    """Runs one stage over the clips that need it and lack it.

    Args:
        stage: `audio`, `phones` or `crops`.
        clips: in the order in which they are to be done.
        num_workers: processes; 1 works in this one.

    Raises:
        ValueError: unknown stage.
    """
    if stage not in PREPARE:
        raise ValueError(f"unknown stage {stage!r}; choose from {', '.join(STAGES)}.")
    data, root = Path(data), Path(root)
    wanted = [clip for clip in clips if _has_stage(clip, stage)]
    missing = [clip for clip in wanted if not feature_path(root, stage, clip.id).is_file()]
    report = StageReport(stage, present=len(wanted) - len(missing))
    with tqdm(total=len(missing), desc=stage, disable=not progress, mininterval=1.0) as bar:
        for clip_id, remark, reason in _results(stage, data, root, missing, num_workers):
            bar.update()
            if reason is not None:
                report.dropped[clip_id] = reason
                continue
            report.written += 1
            if remark is not None:
                report.remarks[clip_id] = remark
    return report


def _results(
    stage: str, data: Path, root: Path, clips: Sequence[Clip], num_workers: int
) -> Iterator[tuple[str, str | None, str | None]]:
    if num_workers <= 1:
        yield from (_run_one(stage, data, root, clip) for clip in clips)
        return
    with ProcessPoolExecutor(num_workers) as pool:
        futures = [pool.submit(_run_one, stage, data, root, clip) for clip in clips]
        for future in as_completed(futures):
            yield future.result()


def measured(data: str | Path, root: str | Path, clips: Iterable[Clip]) -> list[Clip]:
    """The clips whose prepared sound is there, with `num_samples` and `num_frames` filled in from it."""
    found = []
    for clip in clips:
        path = feature_path(Path(root), "audio", clip.id)
        if not path.is_file():
            continue
        samples = int(np.load(path, mmap_mode="r", allow_pickle=False).shape[0])
        frames = samples // SAMPLES_PER_VIDEO_FRAME if clip.file_name.endswith(".mp4") else 0
        found.append(Clip(**{**asdict(clip), "num_samples": samples, "num_frames": frames}))
    return found


def seconds(clips: Iterable[Clip]) -> float:
    """Total length of the clips' sound."""
    return sum(clip.num_samples for clip in clips) / SAMPLING_RATE

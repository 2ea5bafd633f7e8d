"""What is damaged and who reads it: every reader of files that others made."""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from flowdubber_hf import cli
from flowdubber_hf.batch.listing import read_jobs
from flowdubber_hf.batch.plan import row_of
from flowdubber_hf.cli.config import apply_config
from flowdubber_hf.data.clip_work import _known
from flowdubber_hf.data.corpora import read_corpus
from flowdubber_hf.data.features import COLUMNS, FeatureStore
from flowdubber_hf.data.phone_times import textgrid_times
from flowdubber_hf.evaluation.comparison import compare
from flowdubber_hf.evaluation.work import clip_record, read_maps
from flowdubber_hf.hub.contents import check_card
from flowdubber_hf.models.parts import load_part
from flowdubber_hf.pipelines.flowdubber.loading import check_folder, check_weight_files
from flowdubber_hf.processing.audio import load_audio
from flowdubber_hf.processing.video import iter_frames, probe_video, write_wav
from flowdubber_hf.training.arguments import TrainingArguments, parse_arguments
from flowdubber_hf.training.checkpoints import read_progress
from flowdubber_hf.training.resumable import Resumable
from flowdubber_hf.training.semantic_features import SemanticCache
from flowdubber_hf.work.reading import read_array
from flowdubber_hf.work.records import Piece
from fuzz import mutations
from support.finished_evaluations import write_finished
from support.prepared_dataset import write_prepared
from support.tiny_models import tiny_aligner, tiny_components, tiny_style_encoder, tiny_vector_field, tiny_vocoder
from support.video_files import noise_frames, write_clip


Damage = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True)
class Target:
    """A reader and its files.

    Attributes:
        make: writes files that can be read into a folder.
        files: patterns of those that are damaged, and how.
        read: reads them; gets the generator for options that may differ.
        places: words of which an error's message has one, so that people know where to look.
        share: of all cases.
    """

    make: Callable[[Path], Any]
    files: dict[str, Damage]
    read: Callable[[Path, random.Random], Any]
    places: tuple[str, ...]
    share: int = 4
    made: dict[str, bytes] = field(default_factory=dict)

    def choose(self, folder: Path, draw: random.Random) -> tuple[Path, bytes, Damage]:
        """A file, what it holds, and how it is to be damaged."""
        pattern = draw.choice(sorted(self.files))
        found = sorted(path for path in folder.rglob(pattern) if path.is_file())
        file = draw.choice(found)
        return file, file.read_bytes(), self.files[pattern]

    def tidy(self, folder: Path) -> None:
        """Removes what a reader may have left."""
        shutil.rmtree(folder / "left", ignore_errors=True)


TARGETS: dict[str, Target] = {}


# ---------------------------------------------------------------------------------------------------------------------
# Listings and options


def _listing(folder: Path) -> None:
    row = {"video": "a.mp4", "script": "bin blue", "reference": "v.wav", "output": "x/b.mp4", "reference_text": "x"}
    rows = [{**row, "mouth_box": [1, 2, 30, 40], "steps": 10, "guidance_scale": 2.0, "temperature": 1.0, "seed": 3}]
    rows += [{"video": "c.mov", "script": "now", "reference": "w.wav", "best_of": 2}]
    (folder / "jobs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "jobs.csv").write_text(
        'video,script,reference,steps,mouth_box\na.mp4,"bin, blue",v.wav,10,"1,2,30,40"\n'
    )


TARGETS["jsonl"] = Target(
    _listing,
    {"*.jsonl": mutations.damage_lines},
    lambda folder, _: read_jobs(folder / "jobs.jsonl", folder / "out", {}),
    ("jobs.jsonl",),
    8,
)
TARGETS["csv"] = Target(
    _listing,
    {"*.csv": mutations.damage_bytes},
    lambda folder, _: read_jobs(folder / "jobs.csv", folder / "out", {}),
    ("jobs.csv",),
    8,
)


def _toml(folder: Path) -> None:
    (folder / "options.toml").write_text(
        '[dub]\nsteps = 20\nguidance-scale = 1.5\nquiet = true\nmouth-box = "1,2,30,40"\nseed = 3\n'
        '[evaluate]\nmetrics = ["length", "wer"]\n[prepare]\nname = "x"\n'
    )


def _apply(folder: Path, _: random.Random) -> None:
    argv = [
        "dub",
        "--video",
        "a",
        "--script",
        "x",
        "--reference",
        "b",
        "--output",
        "c.mp4",
        "--config",
        str(folder / "options.toml"),
    ]
    apply_config(_PARSER, argv)


_PARSER = cli.build_parser()
TARGETS["toml"] = Target(_toml, {"*.toml": mutations.damage_bytes}, _apply, ("options.toml",), 6)


def _options(folder: Path) -> None:
    values = {
        "dataset": ["a", "b"],
        "output_dir": "x",
        "max_steps": 10,
        "learning_rate": 1e-3,
        "use_ema": False,
        "report_to": [],
    }
    (folder / "options.json").write_text(json.dumps(values))
    (folder / "options.yaml").write_text(
        "dataset: [a, b]\noutput_dir: x\nmax_steps: 10\nlearning_rate: 1.0e-3\nuse_ema: false\n"
    )


def _training(suffix: str) -> Callable[[Path, random.Random], Any]:
    def read(folder: Path, _: random.Random) -> None:
        with suppress(SystemExit):  # argparse's own answer where an obligatory option is gone
            parse_arguments(TrainingArguments, [str(folder / f"options.{suffix}")])

    return read


_OPTION_PLACES = ("options.", "--")
TARGETS["training-json"] = Target(_options, {"*.json": mutations.damage_json}, _training("json"), _OPTION_PLACES)
TARGETS["training-yaml"] = Target(_options, {"*.yaml": mutations.damage_bytes}, _training("yaml"), _OPTION_PLACES)


# ---------------------------------------------------------------------------------------------------------------------
# Corpora


def _textgrid(folder: Path) -> None:
    tier = "\n".join(
        f'        intervals [{n}]:\n            xmin = {n - 1}\n            xmax = {n}\n            text = "w{n}"'
        for n in (1, 2)
    )
    (folder / "a.TextGrid").write_text(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 2\ntiers? <exists>\nsize = 1\nitem []:\n'
        f'    item [1]:\n        class = "IntervalTier"\n        name = "words"\n        xmin = 0\n        xmax = 2\n'
        f"        intervals: size = 2\n{tier}\n"
    )


TARGETS["textgrid"] = Target(
    _textgrid,
    {"*.TextGrid": mutations.damage_bytes},
    lambda folder, _: textgrid_times(folder / "a.TextGrid"),
    ("a.TextGrid",),
    8,
)


def _metadata(folder: Path) -> None:
    for name in ("json", "csv"):
        (folder / name).mkdir()
        (folder / name / "a.mp4").touch()
    row = {"video": "a.mp4", "text": "bin blue", "speaker": "x", "words": [["bin", 0.0, 0.5], ["blue", 0.5, 1.0]],
           "phones": [["B", 0.0, 0.2]], "mouth_box": [1, 2, 3, 4], "split": "train", "reference": "a"}  # fmt: skip
    (folder / "json" / "metadata.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({"file_name": "a.mp4"}) + "\n")
    (folder / "csv" / "metadata.csv").write_text('video,text,words\na.mp4,bin,"[[""bin"", 0, 1]]"\n')


TARGETS["metadata-jsonl"] = Target(
    _metadata, {"*.jsonl": mutations.damage_lines}, lambda folder, _: read_corpus(folder / "json"), ("json",), 6
)
TARGETS["metadata-csv"] = Target(
    _metadata, {"*.csv": mutations.damage_bytes}, lambda folder, _: read_corpus(folder / "csv"), ("csv",)
)


def _dataset(folder: Path) -> None:
    phones = {"phonemes": ["sil", "B", "IH1", "N"], "word_index": [-1, 0, 0, 0], "words": ["bin"],
              "times": [[0, 0.1], [0.1, 0.2], [0.2, 0.3], [0.3, 0.4]]}  # fmt: skip
    style, tokens = np.full(256, 1 / 16), ([1, 2, 3], list(range(32)))
    crops = np.zeros((10, 96, 96), np.uint8)
    clips = [
        {"id": f"grid/a/{n}", "text": "bin", "crops": crops, "phones": phones, "style": style, "tokens": tokens}
        for n in (1, 2)
    ]
    write_prepared(folder / "set", clips)


def _read_dataset(folder: Path, _: random.Random) -> None:
    store = FeatureStore(folder / "set")
    for clip in store.clips(needs=()):
        for kind in COLUMNS:
            if store.has(kind, clip.id):
                getattr(store, kind)(clip.id)


def damage_rows(data: bytes, draw: random.Random) -> bytes:
    """A parquet file with other values, columns or types, or other bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if draw.random() < 0.5:
        return mutations.damage_bytes(data, draw)
    table = pq.read_table(pa.BufferReader(data))
    name = draw.choice(table.column_names)
    rows = table.column(name).to_pylist()
    kind = draw.randrange(4)
    if kind == 0:
        table = table.drop_columns([name])
    else:
        row = draw.randrange(len(rows))
        rows[row] = draw.choice(
            (
                None,
                [],
                "",
                0,
                -1,
                2**40,
                "x" * 100,
                b"\0" * 50,
                b"",
                [1.0] * 3,
                [[0.0]],
                [None],
                [{"word": None, "start": 0, "end": 0}],
            )
        )
        if isinstance(rows[row], bytes) and kind == 1 and isinstance(table.column(name)[row].as_py(), bytes):
            rows[row] = mutations.damage_bytes(table.column(name)[row].as_py(), draw)
        try:
            column = pa.array(rows, type=table.schema.field(name).type if kind == 2 else None)
        except (pa.ArrowException, TypeError, ValueError):
            column = pa.nulls(len(rows))
        table = table.set_column(table.column_names.index(name), name, column)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


TARGETS["parquet"] = Target(_dataset, {"*.parquet": damage_rows}, _read_dataset, ("set", "grid/a"), 4)


# ---------------------------------------------------------------------------------------------------------------------
# Models


def _part(name: str, make: Callable[[], Any], share: int = 2) -> None:
    TARGETS[f"part-{name}"] = Target(
        lambda folder: make().save_pretrained(folder / name),
        {"config.json": mutations.damage_json, "*.safetensors": mutations.damage_safetensors},
        lambda folder, _: load_part(name, folder / name),
        (name, "config.json"),
        share,
    )


for _name, _make in (
    ("style_encoder", tiny_style_encoder),
    ("aligner", tiny_aligner),
    ("vector_field", tiny_vector_field),
    ("vocoder", tiny_vocoder),
):
    _part(_name, _make)
for _name in ("speech_tokenizer", "semantic_model", "tokenizer"):
    _part(_name, lambda name=_name: tiny_components()[name], 1)
TARGETS["part-tokenizer"].files.clear()
TARGETS["part-tokenizer"].files["*.json"] = mutations.damage_json


def _index(folder: Path) -> None:
    tiny_aligner().save_pretrained(folder / "model" / "aligner", max_shard_size="100KB")
    (folder / "model" / "model_index.json").write_text(
        json.dumps({"_class_name": "FlowDubberPipeline", "aligner": ["flowdubber_hf", "FlowDubberAlignerModel"]})
    )


def _read_index(folder: Path, _: random.Random) -> None:
    check_folder(folder / "model", ["aligner"], ["vocoder"])
    check_weight_files(folder / "model", ["aligner"])


TARGETS["index"] = Target(
    _index,
    {"model_index.json": mutations.damage_json, "*.index.json": mutations.damage_json},
    _read_index,
    ("model",),
    3,
)


# ---------------------------------------------------------------------------------------------------------------------
# Runs


def _resumable() -> Resumable:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    schedule.step()
    return Resumable(model, optimizer, schedule)


def _checkpoint(folder: Path) -> None:
    place = folder / "checkpoint-2"
    place.mkdir()
    state = {"step": 2, "best": 0.5, "seconds": {"data": 0.1, "model": 0.2}, "window": {"sums": {"loss": 1.0}, "counts": {"loss": 2}},
             "record": {"loss": 1.0}, "arguments": {"seed": 0}, "log_position": 10, "format": 2, "processes": 1}  # fmt: skip
    (place / "progress.json").write_text(json.dumps({**state, **_resumable().save(place)}))


def _resume(folder: Path, _: random.Random) -> None:
    _resumable().load(folder / "checkpoint-2", read_progress(folder / "checkpoint-2"))


TARGETS["checkpoint"] = Target(
    _checkpoint,
    {"progress.json": mutations.damage_json, "*.safetensors": mutations.damage_safetensors},
    _resume,
    ("checkpoint-2",),
    8,
)

_CLIP = SimpleNamespace(name="clip")


def _records(folder: Path) -> None:
    voice = {"ge2e": [0.5, 0.7], "own_reference": [False, True]}
    words = {"wer_grammar_errors": [1, 0], "wer_grammar_words": [6, 6], "lse_offset": [1.0, -1.0]}
    write_finished(folder / "done", voice | words)
    (folder / "work").mkdir()
    record = {
        "sound_key": "x",
        "problem": None,
        "details": {"timings": {"total": 1.0}, "words": ["a"]},
        "scores": {"wer": {"key": "k", "values": {"wer": 1.0}, "problems": {}}},
    }
    (folder / "work" / "clip.json").write_text(json.dumps(record))
    np.savez_compressed(folder / "work" / "clip.npz", path=np.arange(4), alignment=np.ones((2, 2)))
    (folder / "batch.json").write_text(
        json.dumps({"key": "k", "row": {"seed": 1}, "digest": "d", "begun": True, "problem": None})
    )
    media = {"num_samples": 5, "num_frames": 0, "sound_seconds": 1.0, "found": None, "bytes": 3, "remarks": []}
    (folder / "media.json").write_text(json.dumps(media))


def _read_records(folder: Path, _: random.Random) -> None:
    job = SimpleNamespace(output=folder / "none.mp4", video=folder / "none")
    piece = Piece("k", folder / "batch.json", job.output)
    task = SimpleNamespace(piece=piece, job=job, line=1)
    piece.is_done, piece.is_own, row_of(task)
    _known("media", folder / "media.json")
    clip_record(folder, _CLIP), read_maps(folder, _CLIP)
    compare([folder / "done", folder / "done"]).text  # noqa: B018


TARGETS["records"] = Target(
    _records,
    {"*.json": mutations.damage_json, "*.jsonl": mutations.damage_lines, "*.npz": mutations.damage_bytes},
    _read_records,
    ("summary.json",),
    8,
)


def _arrays(folder: Path) -> None:
    cache = SemanticCache(folder / "cache", {"model": "x", "hidden_size": 8})
    cache.write("a", 0, np.ones((3, 8)))
    np.save(folder / "lips.npy", np.ones((2, 3, 4), np.float16))


def _read_arrays(folder: Path, draw: random.Random) -> None:
    SemanticCache(folder / "cache").get("a")
    read_array(folder / "lips.npy", 3, mapped=draw.random() < 0.5)


TARGETS["arrays"] = Target(
    _arrays,
    {"*.npy": mutations.damage_bytes, "settings.json": mutations.damage_json},
    _read_arrays,
    ("cache", "lips.npy"),
    4,
)


def _card(folder: Path) -> None:
    (folder / "README.md").write_text("---\nlicense: apache-2.0\ntags:\n- x\ndate: 2020-01-01\n---\n# Card\n")


TARGETS["card"] = Target(
    _card, {"README.md": mutations.damage_bytes}, lambda folder, _: check_card(folder, "model"), ("README.md",)
)


# ---------------------------------------------------------------------------------------------------------------------
# Media


def _media(folder: Path) -> None:
    frames = noise_frames(8)
    sound = (0.2 * np.sin(np.arange(5120) * 0.2)).astype(np.float32)
    for name in ("a.mp4", "a.mkv", "a.avi"):
        write_clip(folder / name, frames, sound=sound)
    write_wav(folder / "a.wav", sound)


def _read_media(folder: Path, _: random.Random) -> None:
    """All files, until one is refused; the others are whole."""
    for file in sorted(folder.glob("a.*")):
        if file.suffix != ".wav":
            probe_video(file)
            for _frame in iter_frames(file):
                pass
        load_audio(file)


TARGETS["media"] = Target(_media, {"a.*": mutations.damage_bytes}, _read_media, ("a.",), 3)

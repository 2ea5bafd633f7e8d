"""Measures training: samples a second, the model's share of a step, peak memory and parameters, for the sizes `tiny` and `base`.

```bash
python examples/benchmark_training.py --preset tiny
python examples/benchmark_training.py --preset base --steps 1 --warm_up 1 --batch_size 2    # one real step on a CPU
python examples/benchmark_training.py --preset base --batch_size 32 --dataloader_num_workers 8    # on a GPU
```

Each stage runs through its own script (`train_aligner.py`, `train_dubber.py`, ...) in a process of its own, so that the memory
is its own, with random weights, and is stopped after `--warm_up` and `--steps` optimiser steps; the figures are those of its
`log.jsonl`. It runs where the script would: on the GPU if there is one, otherwise on the CPU. What counts as the model's is
a step but the time that it waits for data.

The clips are made here: 3 s each at 25 frames a second, a tone with noise as sound, random mouths, sentences of GRID's form,
random tokens. `--dataset` takes a prepared one instead, with whose lengths the figures change. `base` has the paper's sizes;
its language model is as large as Qwen2.5-0.5B (its vocabulary is filled with unused tokens, nothing is fetched).

Finished stages are kept under `--output` and not measured again; delete a file there to repeat it. `training.md` holds the
tables; `--docs .` writes them into docs/benchmarks.md. Needs `pip install ".[train]"`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from flowdubber_hf.data.codec import encode_audio, encode_crops, to_pcm16
from flowdubber_hf.data.dataset import schema, write_data
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.demo import speech_timeline
from flowdubber_hf.models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from flowdubber_hf.models.semantic import FlowDubberSemanticForConditionalGeneration, semantic_config
from flowdubber_hf.models.semantic.tokenization_semantic import END_OF_TEXT_TOKEN, PAD_TOKEN
from flowdubber_hf.models.speech_tokenizer import (
    SPEECH_TOKENIZER_PRESETS,
    FlowDubberSpeechTokenizer,
    FlowDubberSpeechTokenizerConfig,
)
from flowdubber_hf.models.style import FlowDubberStyleEncoder, FlowDubberStyleEncoderConfig
from flowdubber_hf.models.vector_field import FlowDubberVectorField
from flowdubber_hf.models.vocoder import FlowDubberVocoder, FlowDubberVocoderConfig
from flowdubber_hf.processing.audio import SAMPLES_PER_VIDEO_FRAME, SAMPLING_RATE, VIDEO_FRAME_RATE
from flowdubber_hf.training.presets import ALIGNER_PRESETS, VECTOR_FIELD_PRESETS, VOCODER_PRESETS
from flowdubber_hf.training.semantic_features import SemanticCache
from flowdubber_hf.work.machine import describe_machine
from pages import insert, save_json


PRESETS = ("tiny", "base")
SCRIPTS = {
    "aligner": "train_aligner.py",
    "dubber": "train_dubber.py",
    "vocoder": "train_vocoder.py",
    "speech_tokenizer": "train_speech_tokenizer.py",
    "semantic_lm": "train_semantic_lm.py",
}
TRAINED = {  # parts whose weights a stage has in memory
    "aligner": ("aligner",),
    "dubber": ("aligner", "vector_field"),
    "vocoder": ("vocoder",),
    "speech_tokenizer": ("speech_tokenizer",),
    "semantic_lm": ("semantic_model",),
}
BATCH_SIZES = {"aligner": 16, "dubber": 16, "vocoder": 8, "speech_tokenizer": 8, "semantic_lm": 8}

CLIP_FRAMES = 75
NUM_SPEAKERS, CLIPS_PER_SPEAKER = 12, 2
SENTENCES = (
    "bin blue at f two now",
    "lay green by k nine please",
    "place red in m six soon",
    "set white with z one again",
)
SMALLEST_CODEBOOK = 512  # of the semantic tokens, `tiny`
NEVER = 10**9


# ----------------------------------------------------------------------------------------------------------------------
# What the stages are given
# ----------------------------------------------------------------------------------------------------------------------


def make_row(number: int, split: str) -> dict[str, Any]:
    """A clip of a prepared dataset, see [`~data.dataset.schema`]; the same for the same number."""
    random = np.random.default_rng(number)
    text = SENTENCES[number % len(SENTENCES)]
    timeline = speech_timeline(text)
    timeline[-1]["end"] = max(timeline[-1]["end"], CLIP_FRAMES / VIDEO_FRAME_RATE)
    frames = round(timeline[-1]["end"] * VIDEO_FRAME_RATE)
    samples = frames * SAMPLES_PER_VIDEO_FRAME
    pitch = random.uniform(90, 220)
    sound = 0.3 * np.sin(2 * np.pi * pitch * np.arange(samples) / SAMPLING_RATE) + random.normal(0, 0.03, samples)
    words = text.split()
    owners = [words.index(part["word"]) if part["word"] else -1 for part in timeline]
    style = random.normal(size=256)
    return dict.fromkeys(schema().names) | {
        "id": f"made/{number:03d}",
        "file_name": f"made/{number:03d}.mp4",
        "split": split,
        "speaker": f"speaker{number % NUM_SPEAKERS}",
        "source": "made",
        "text": text,
        "audio": encode_audio(to_pcm16(sound)),
        "num_samples": samples,
        "num_frames": frames,
        "mouth": encode_crops(random.integers(0, 256, (frames, 96, 96), dtype=np.uint8)),
        "phonemes": [part["phoneme"] for part in timeline],
        "word_index": owners,
        "words": [
            {
                "word": word,
                "start": min(part["start"] for part, owner in zip(timeline, owners, strict=True) if owner == index),
                "end": max(part["end"] for part, owner in zip(timeline, owners, strict=True) if owner == index),
            }
            for index, word in enumerate(words)
        ],
        "phoneme_times": [[part["start"], part["end"]] for part in timeline],
        "style": (style / np.linalg.norm(style)).astype(np.float32),
        "semantic_tokens": random.integers(SMALLEST_CODEBOOK, size=frames * 2).tolist(),
        "global_tokens": random.integers(4096, size=32).tolist(),
    }


def make_dataset(folder: Path) -> Path:
    """A prepared dataset of made clips, written where it is not there yet."""
    if not folder.is_dir():
        rows = {
            "train": [make_row(number, "train") for number in range(NUM_SPEAKERS * CLIPS_PER_SPEAKER)],
            "val": [make_row(1000 + number, "val") for number in range(2)],
        }
        write_data(folder, {split: (part, [len(row["mouth"]) for row in part]) for split, part in rows.items()})
    return folder


def make_states(dataset: Path, folder: Path, width: int) -> Path:
    """Random states `(tokens, width)` of a language model for the made clips, as the dubber reads them."""
    cache = SemanticCache(folder, {"model": "none", "hidden_size": width})
    store = FeatureStore(dataset)
    for clip in store.clips(needs=("tokens",)):
        length = len(store.tokens(clip.id)[0])
        if clip.id not in cache:
            cache.write(clip.id, 0, np.random.default_rng(length).normal(size=(length, width)))
    return folder


def make_text_tokenizer(folder: Path, size: int) -> Path:
    """A tokenizer of as many text tokens as Qwen2.5's, letters and unused ones: only its size matters here."""
    if not folder.is_dir():
        letters = ["[UNK]", PAD_TOKEN, END_OF_TEXT_TOKEN, *"abcdefghijklmnopqrstuvwxyz' "]
        vocabulary = {token: index for index, token in enumerate(letters)}
        vocabulary |= {f"unused{index}": index for index in range(len(letters), size)}
        letter = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        letter.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=letter, unk_token="[UNK]", pad_token=PAD_TOKEN, eos_token=END_OF_TEXT_TOKEN
        )
        tokenizer.save_pretrained(folder)
    return folder


def make_part(name: str, preset: str) -> torch.nn.Module:
    """An untrained part of the pipeline in a size."""
    if name == "aligner":
        return FlowDubberAlignerModel(FlowDubberAlignerConfig(**ALIGNER_PRESETS[preset]))
    if name == "vector_field":
        return FlowDubberVectorField(**VECTOR_FIELD_PRESETS[preset])
    if name == "vocoder":
        return FlowDubberVocoder(FlowDubberVocoderConfig(**VOCODER_PRESETS[preset]))
    if name == "speech_tokenizer":
        return FlowDubberSpeechTokenizer(FlowDubberSpeechTokenizerConfig(**SPEECH_TOKENIZER_PRESETS[preset]))
    if name == "semantic_model":
        return FlowDubberSemanticForConditionalGeneration(semantic_config(preset))
    return FlowDubberStyleEncoder(FlowDubberStyleEncoderConfig())


def count_parameters(preset: str) -> dict[str, int]:
    """Weights of each part of the pipeline; tied ones count once."""
    parts = ("aligner", "vector_field", "vocoder", "style_encoder", "speech_tokenizer", "semantic_model")
    with torch.device("meta"):  # shapes without memory
        return {name: sum(weight.numel() for weight in make_part(name, preset).parameters()) for name in parts}


# ----------------------------------------------------------------------------------------------------------------------
# Measuring
# ----------------------------------------------------------------------------------------------------------------------


def stage_options(stage: str, preset: str, dataset: Path, work: Path, made: bool) -> list[str]:
    """What a stage's script is given beside the options of every stage."""
    if stage == "vocoder":
        return []  # one size
    options = ["--preset", preset]
    if stage == "semantic_lm" and preset == "base":
        size = semantic_config("base").text_vocab_size
        options += ["--text_tokenizer", str(make_text_tokenizer(work / "text_tokenizer", size))]
    if stage == "dubber":
        aligner = work / f"aligner-{preset}"
        if not aligner.is_dir():
            make_part("aligner", preset).save_pretrained(aligner)
        options += ["--aligner", str(aligner), "--base_pipeline", "none", "--lip_views", "0"]
        if made:
            width = FlowDubberAlignerConfig(**ALIGNER_PRESETS[preset]).semantic_hidden_size
            options += ["--semantic_features", str(make_states(dataset, work / f"states-{preset}", width))]
    return options


def read_steps(log: Path) -> list[dict[str, Any]]:
    """The finished steps of a run, from its log; a line that is being written is left out."""
    if not log.is_file():
        return []
    lines = log.read_text(encoding="utf-8").split("\n")[:-1]
    return [record for record in map(json.loads, lines) if "samples_per_second" in record]


def cpu_seconds(process: int) -> float | None:
    """Processor time that a process has taken so far, which others on the machine do not change; Linux only."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_until(command: Sequence[str], log: Path, steps: int, timeout: float) -> list[dict[str, Any]]:
    """Runs a training script until `log` has `steps` steps, stops it and returns them, each with the `cpu_seconds` that the
    process had taken in all when the step was seen.

    Raises:
        RuntimeError: it ended before, or took longer than `timeout` seconds.
    """
    output = log.parent.with_suffix(".output")
    started = time.monotonic()
    taken: list[float | None] = []
    with output.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        try:
            while len(found := read_steps(log)) < steps:
                taken += [cpu_seconds(process.pid)] * (len(found) - len(taken))
                if process.poll() is not None and len(read_steps(log)) < steps:
                    tail = output.read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise RuntimeError(f"{command[1]} ended with {process.returncode} before its steps:\n{tail}")
                if time.monotonic() - started > timeout:
                    raise RuntimeError(f"{command[1]} took longer than {timeout:.0f} s; give it more by --timeout.")
                time.sleep(0.02)
            taken += [cpu_seconds(process.pid)] * (len(found) - len(taken))
        finally:
            process.kill()
            process.wait()
    return [step | {"cpu_seconds": spent} for step, spent in zip(found[:steps], taken, strict=False)]


def stage_command(args: argparse.Namespace, stage: str, run: Path) -> list[str]:
    """The command line of a stage's script that trains in the folder `run` and never ends by itself."""
    work = args.output / "work"
    dataset = args.dataset or make_dataset(work / "dataset")
    common = {
        "dataset": dataset,
        "output_dir": run,
        "batch_size": batch_size(args, stage),
        "max_steps": NEVER,
        "logging_steps": 1,
        "validation_steps": NEVER,
        "save_steps": NEVER,
        "mixed_precision": args.mixed_precision,
        "dataloader_num_workers": args.dataloader_num_workers,
        "threads": args.threads,
    }
    options = [str(text) for name, value in common.items() for text in (f"--{name}", value)]
    options += stage_options(stage, args.preset, dataset, work, made=args.dataset is None)
    return [sys.executable, str(Path(__file__).with_name(SCRIPTS[stage])), *options]


def batch_size(args: argparse.Namespace, stage: str) -> int:
    return args.batch_size or BATCH_SIZES[stage]


def measure(args: argparse.Namespace, stage: str) -> dict[str, Any]:
    """Figures of a stage, or what an earlier run kept."""
    kept = args.output / f"{args.preset}-{stage}.json"
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    run = args.output / "work" / f"{args.preset}-{stage}-{os.getpid()}"
    command = stage_command(args, stage, run)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    steps = run_until(command, run / "log.jsonl", args.warm_up + args.steps, args.timeout)
    shutil.rmtree(run)
    result = summarize(steps, args.warm_up, batch_size(args, stage))
    result |= {"preset": args.preset, "stage": stage, "load_before": load, "machine": describe_device()}
    save_json(kept, result)
    return result


def summarize(steps: Sequence[Mapping[str, Any]], warm_up: int, rows: int) -> dict[str, Any]:
    """Figures of the steps after those to warm up; processor time only where there are such."""
    before, steps = steps[:warm_up], steps[warm_up:]
    spent = [step.get("cpu_seconds") for step in (*before[-1:], steps[-1])]
    cpu = (spent[1] - spent[0]) / len(steps) if len(spent) == 2 and None not in spent else None
    model, data = (fmean(step[name] for step in steps) for name in ("model_seconds", "data_seconds"))
    return {
        "steps": len(steps),
        "batch_size": rows,
        "seconds_per_step": model + data,
        "cpu_seconds_per_step": cpu,
        "samples_per_second": rows / (model + data),
        "model_share": model / (model + data),
        "peak_memory_gb": steps[-1]["peak_memory_gb"],
        "loss": steps[-1]["loss"],
    }


def describe_device() -> dict[str, Any]:
    found = describe_machine()
    return found | {"device": found["graphics"] or f"{found['processor']}, {found['cores']} cores"}


# ----------------------------------------------------------------------------------------------------------------------
# The report
# ----------------------------------------------------------------------------------------------------------------------


def millions(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count < 1e8 else f"{count / 1e6:.0f} M"


def speed_table(results: Sequence[Mapping[str, Any]], parameters: Mapping[str, Mapping[str, int]]) -> list[str]:
    lines = [
        "| stage | size | parameters | batch | s a step | processor s a step | samples a second | model's share "
        "| peak memory | steps |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in results:
        cpu = row.get("cpu_seconds_per_step")
        count = sum(parameters[row["preset"]][part] for part in TRAINED[row["stage"]])
        lines.append(
            f"| {row['stage']} | {row['preset']} | {millions(count)} | {row['batch_size']} "
            f"| {row['seconds_per_step']:.2f} | {'-' if cpu is None else f'{cpu:.2f}'} "
            f"| {row['samples_per_second']:.2f} | {100 * row['model_share']:.0f} % "
            f"| {row['peak_memory_gb']:.2f} GB | {row['steps']} |"
        )
    return lines


def parameters_table(parameters: Mapping[str, Mapping[str, int]]) -> list[str]:
    names = list(next(iter(parameters.values())))
    rows = [
        f"| {name} | {' | '.join(millions(parameters[preset][name]) for preset in parameters)} |" for name in names
    ]
    total = " | ".join(millions(sum(counts.values())) for counts in parameters.values())
    return [f"| part | {' | '.join(parameters)} |", "|---" * (1 + len(parameters)) + "|", *rows, f"| all | {total} |"]


def report(results: Sequence[Mapping[str, Any]], parameters: Mapping[str, Mapping[str, int]]) -> str:
    """Both tables as Markdown."""
    places = dict.fromkeys(f"{row['machine']['device']}, torch {row['machine']['torch']}" for row in results)
    loads = [row["load_before"] for row in results if row.get("load_before") is not None]
    busy = f"; load average before a stage {min(loads):.0f} to {max(loads):.0f}" if loads else ""
    lines = ["; ".join(places) + busy + ".", "", *speed_table(results, parameters), ""]
    return "\n".join([*lines, *parameters_table(parameters)]) + "\n"


def kept_results(output: Path) -> list[dict[str, Any]]:
    """All stages that this and earlier runs measured, in the order of the table."""
    paths = [output / f"{preset}-{stage}.json" for preset in PRESETS for stage in SCRIPTS]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--preset", choices=PRESETS, default="tiny")
    parser.add_argument("--stages", nargs="*", choices=tuple(SCRIPTS), default=list(SCRIPTS), metavar="STAGE")
    parser.add_argument("--dataset", type=Path, help="prepared dataset in place of made clips")
    parser.add_argument("--batch_size", type=int, help="clips a step; 8 or 16 by stage where not given")
    parser.add_argument("--steps", type=int, default=10, help="optimiser steps that are measured")
    parser.add_argument("--warm_up", type=int, default=3, help="optimiser steps before them")
    parser.add_argument("--mixed_precision", default="auto", choices=("auto", "no", "bf16", "fp16"))
    parser.add_argument("--dataloader_num_workers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="torch threads on a CPU; 0 leaves torch's choice")
    parser.add_argument("--timeout", type=float, default=3600.0, help="seconds for one stage")
    parser.add_argument("--output", type=Path, default=Path("outputs/benchmark_training"))
    parser.add_argument("--docs", type=Path, help="repository whose docs/benchmarks.md takes the tables")
    args = parser.parse_args(arguments)
    if args.steps < 1 or args.warm_up < 0:
        parser.error("--steps must be at least 1 and --warm_up not negative.")
    return args


def main(arguments: Sequence[str] | None = None) -> None:
    args = parse_arguments(arguments)
    args.output = args.output.absolute()
    args.output.mkdir(parents=True, exist_ok=True)
    for stage in args.stages:
        result = measure(args, stage)
        print(f"{args.preset} {stage}: {result['seconds_per_step']:.2f} s a step, {result['peak_memory_gb']:.2f} GB")
    text = report(kept_results(args.output), {preset: count_parameters(preset) for preset in PRESETS})
    (args.output / "training.md").write_text(text, encoding="utf-8")
    if args.docs is not None:
        insert(args.docs / "docs" / "benchmarks.md", "figures training", text)
    print(text)


if __name__ == "__main__":
    try:
        main()
    except (ValueError, RuntimeError, ImportError) as error:
        sys.stderr.write(f"benchmark_training.py: {error}\n")
        raise SystemExit(2) from None

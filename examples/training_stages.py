"""All stages of training as the benchmarks run them: their scripts, made clips to train on, and figures of their steps.

The clips are 3 s long at 25 frames a second: a tone with noise as sound, random mouths, sentences of GRID's form, random tokens. [`MadeClips`] holds
them in memory, where nothing that reads or writes files of media or datasets is installed; `benchmark_training.py` writes them as a prepared dataset.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from flowdubber_hf.data.codec import encode_audio, encode_crops, to_pcm16
from flowdubber_hf.data.dataset import schema, write_data
from flowdubber_hf.data.features import COLUMNS, Clip, FeatureStore
from flowdubber_hf.demo.timeline import DURATIONS, demo_segments, of_phoneme, reference_segments
from flowdubber_hf.models.aligner import FlowDubberAlignerConfig
from flowdubber_hf.models.semantic import semantic_config
from flowdubber_hf.models.semantic.tokenization_semantic import END_OF_TEXT_TOKEN, PAD_TOKEN
from flowdubber_hf.models.syncnet import FlowDubberSyncNet, FlowDubberSyncNetConfig
from flowdubber_hf.processing.audio import SAMPLES_PER_VIDEO_FRAME, SAMPLING_RATE, VIDEO_FRAME_RATE
from flowdubber_hf.processing.text import Phonemization, assemble
from flowdubber_hf.training.presets import ALIGNER_PRESETS
from flowdubber_hf.training.semantic_features import SemanticCache
from flowdubber_hf.training.untrained import untrained_models


CLIP_FRAMES = 75
NUM_SPEAKERS, CLIPS_PER_SPEAKER = 12, 2
NUM_HELD_OUT = 2
# Of the demo's own words, whose sounds are known without a lexicon.
SENTENCES = (
    "place blue at f two now",
    "set red by nine again",
    "place red at nine now",
    "set blue by f two again",
)
SILENCE_SECONDS = 0.3  # before the first word
DURATION_LAYERS = 4
SMALLEST_CODEBOOK = 512  # of the semantic tokens, `tiny`


@dataclass(frozen=True)
class Stage:
    """How a stage is run.

    Attributes:
        script: in this folder.
        trained: parts whose weights it has in memory.
        batch_size: clips a step.
        options: of its script.
        sized: whether it makes its model by `--preset`.
        parts: untrained ones that it is given, as the option of that name.
        states: codes of the states of a language model that it is given, as `extract_semantic_features.py` names them.
    """

    script: str
    trained: tuple[str, ...]
    batch_size: int
    options: tuple[str, ...] = ()
    sized: bool = True
    parts: tuple[str, ...] = ()
    states: str | None = None


def dubber_stage(*options: str, parts: tuple[str, ...] = ("aligner",)) -> Stage:
    options = ("--base_pipeline", "none", "--lip_views", "0", *options)
    return Stage("train_dubber", ("aligner", "vector_field"), 16, options, parts=parts, states="sampled")


STAGES = {
    "syncnet": Stage("train_syncnet", ("syncnet",), 16, sized=False),
    "aligner": Stage("train_aligner", ("aligner",), 16),
    "durations": Stage("train_durations", ("aligner",), 64, sized=False, parts=("aligner",)),
    "durations_of_speech": Stage(
        "train_durations", ("aligner",), 64, sized=False, parts=("aligner",), states="spoken"
    ),
    "dubber": dubber_stage(),
    "dubber_voice": dubber_stage("--voice_encoder", "true", "--voice_tokens", "32"),
    "dubber_few_steps": dubber_stage("--distill_steps", "8", parts=("aligner", "vector_field")),
    "vocoder": Stage("train_vocoder", ("vocoder",), 8),
    "speech_tokenizer": Stage("train_speech_tokenizer", ("speech_tokenizer",), 8),
    "semantic_lm": Stage("train_semantic_lm", ("semantic_model",), 8),
    "semantic_spelling": Stage(
        "train_semantic_lm", ("semantic_model",), 8, ("--codes", "spelling", "--without_transcript", "1")
    ),
}


# ----------------------------------------------------------------------------------------------------------------------
# Made clips
# ----------------------------------------------------------------------------------------------------------------------


def pronunciations() -> dict[str, tuple[str, ...]]:
    """Phonemes of the words that the demo says."""
    said: dict[str, tuple[str, ...]] = {}
    for part in [*demo_segments(), *reference_segments()]:
        if part.word is not None:
            said[part.word] = (*said.get(part.word, ()), part.phoneme)
    return said


def phoneme_times(spoken: Phonemization) -> list[list[float]]:
    """Start and end of each phoneme in seconds: of its mean length, after a silence, words without pauses between them."""
    lengths = [of_phoneme(DURATIONS, name) if word >= 0 else 0.0
               for name, word in zip(spoken.phonemes, spoken.word_index, strict=True)]  # fmt: skip
    lengths[0] = SILENCE_SECONDS
    ends = [*np.cumsum(lengths[:-1]).round(3).tolist(), CLIP_FRAMES / VIDEO_FRAME_RATE]
    return [list(span) for span in pairwise([0.0, *ends])]


def make_clip(number: int, split: str) -> dict[str, Any]:
    """A clip as [`~data.dataset.schema`] names its columns, but with sound as int16 and mouths as uint8; the same for the same
    number."""
    random = np.random.default_rng(number)
    text, sounds = SENTENCES[number % len(SENTENCES)], pronunciations()
    spoken = assemble(text.split(), [sounds[word] for word in text.split()])
    times = phoneme_times(spoken)
    samples = CLIP_FRAMES * SAMPLES_PER_VIDEO_FRAME
    pitch = random.uniform(90, 220)
    sound = 0.3 * np.sin(2 * np.pi * pitch * np.arange(samples) / SAMPLING_RATE) + random.normal(0, 0.03, samples)
    spans = [[time for time, owner in zip(times, spoken.word_index, strict=True) if owner == index]
             for index in range(len(spoken.words))]  # fmt: skip
    style = random.normal(size=256)
    return {
        "id": f"made/{number:03d}",
        "file_name": f"made/{number:03d}.mp4",
        "split": split,
        "speaker": f"speaker{number % NUM_SPEAKERS}",
        "source": "made",
        "text": text,
        "audio": to_pcm16(sound),
        "num_samples": samples,
        "num_frames": CLIP_FRAMES,
        "mouth": random.integers(0, 256, (CLIP_FRAMES, 96, 96), dtype=np.uint8),
        "phonemes": spoken.phonemes,
        "word_index": spoken.word_index,
        "words": [
            {"word": word, "start": span[0][0], "end": span[-1][1]}
            for word, span in zip(spoken.words, spans, strict=True)
        ],
        "phoneme_times": times,
        "style": (style / np.linalg.norm(style)).astype(np.float32),
        "semantic_tokens": random.integers(SMALLEST_CODEBOOK, size=CLIP_FRAMES * 2).tolist(),
        "global_tokens": random.integers(4096, size=32).tolist(),
    }


def make_clips() -> list[dict[str, Any]]:
    """All clips, to train on and held out."""
    training = [make_clip(number, "train") for number in range(NUM_SPEAKERS * CLIPS_PER_SPEAKER)]
    return training + [make_clip(1000 + number, "val") for number in range(NUM_HELD_OUT)]


def make_dataset(folder: Path) -> Path:
    """A prepared dataset of made clips, written where it is not there yet."""
    if not folder.is_dir():
        splits: dict[str, list[dict[str, Any]]] = {}
        for clip in make_clips():
            coded = {"audio": encode_audio(clip["audio"]), "mouth": encode_crops(clip["mouth"])}
            splits.setdefault(clip["split"], []).append(dict.fromkeys(schema().names) | clip | coded)
        write_data(folder, {split: (rows, [row["num_frames"] for row in rows]) for split, rows in splits.items()})
    return folder


class MadeClips(FeatureStore):
    """Made clips in memory, in the place of a dataset that was read.

    Args:
        clips: of [`make_clip`].
    """

    def __init__(self, clips: Sequence[dict[str, Any]]):
        self.folders = [Path("made")]
        self._made = [dict(clip) for clip in clips]
        self._rows = {clip["id"]: row for row, clip in enumerate(self._made)}
        self._clips = {
            clip["id"]: Clip(**{name: clip[name] for name in ("id", "split", "speaker", "text", "source")},
                             num_samples=clip["num_samples"], num_frames=clip["num_frames"])
            for clip in self._made
        }  # fmt: skip
        self._has = {kind: np.ones(len(self._made), bool) for kind in COLUMNS}

    def __getstate__(self) -> dict[str, Any]:
        return {"clips": self._made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["clips"])

    def _row(self, kind: str, clip_id: str) -> dict[str, Any]:
        clip = self._made[self._check(kind, clip_id)]
        return {name: clip[name] for name in COLUMNS[kind]}

    def audio(self, clip_id: str) -> np.ndarray:
        return self._row("audio", clip_id)["audio"].astype(np.float32) / 32768

    def crops(self, clip_id: str) -> np.ndarray:
        return self._row("crops", clip_id)["mouth"]

    def reference(self, clip_id: str) -> str | None:
        return None


# ----------------------------------------------------------------------------------------------------------------------
# What the stages are given
# ----------------------------------------------------------------------------------------------------------------------


def make_states(store: FeatureStore, folder: Path, width: int, codes: str = "sampled") -> Path:
    """Random states `(tokens, width)` of a language model for the made clips, as dubber and durations read them."""
    cache = SemanticCache(folder, {"model": "none", "hidden_size": width, "codes": codes})
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


def make_part(name: str, preset: str) -> Any:
    """An untrained part in a size, an aligner with a predictor of durations as `train_durations.py` gives it one."""
    if name == "syncnet":
        return FlowDubberSyncNet(FlowDubberSyncNetConfig())
    others = {"style_encoder", "aligner", "vector_field", "vocoder", "speech_tokenizer", "semantic_model"} - {name}
    return untrained_models(preset, without=others, aligner={"num_duration_layers": DURATION_LAYERS})[name]


def save_part(name: str, preset: str, folder: Path) -> Path:
    """An untrained part on the disk, written where it is not there yet."""
    if not folder.is_dir():
        torch.manual_seed(0)
        part = make_part(name, preset)
        for weight in part.parameters():
            if (
                not weight.any()
            ):  # a new vector field's last layer, which would leave few steps nothing to learn from it
                torch.nn.init.normal_(weight, 0.0, 0.05)
        part.save_pretrained(folder)
    return folder


def count_parameters(preset: str) -> dict[str, int]:
    """Weights of each part of the pipeline, and of the lip-sync judge; tied ones count once."""
    with torch.device("meta"):  # shapes without memory
        parts = untrained_models(preset) | {"syncnet": make_part("syncnet", preset)}
    return {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}


def stage_options(name: str, preset: str, work: Path, store: FeatureStore | None) -> list[str]:
    """What a stage's script is given beside the options of every stage.

    Args:
        work: folder of what is made for it.
        store: the clips, if they are made ones, so that a dubber has states of a language model too.
    """
    stage = STAGES[name]
    options = [*stage.options, *(["--preset", preset] if stage.sized else [])]
    for part in stage.parts:
        options += [f"--{part}", str(save_part(part, preset, work / f"{part}-{preset}"))]
    if stage.trained == ("semantic_model",) and preset == "base":
        size = semantic_config("base").text_vocab_size
        options += ["--text_tokenizer", str(make_text_tokenizer(work / "text_tokenizer", size))]
    if stage.states and store is not None:
        width = FlowDubberAlignerConfig(**ALIGNER_PRESETS[preset]).semantic_hidden_size
        options += [
            "--semantic_features",
            str(make_states(store, work / f"{stage.states}-{preset}", width, stage.states)),
        ]
    return options


# ----------------------------------------------------------------------------------------------------------------------
# Running
# ----------------------------------------------------------------------------------------------------------------------


def train_here(
    name: str,
    preset: str,
    work: Path,
    store: FeatureStore,
    steps: int,
    batch_size: int,
    mixed_precision: str,
    workers: int = 0,
    options: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """Trains a stage by its script's `main`, in this process, from random weights to its end, and returns its steps.

    Args:
        work: folder of what is made for it and of what it makes, `work/<preset>-<name>`, which must not be there.
        mixed_precision, batch_size: as the script's options.
        workers: processes that prepare batches.
        options: more of the script's.
    """
    output = work / f"{preset}-{name}"
    common = {
        "dataset": "made",
        "output_dir": output,
        "batch_size": batch_size,
        "max_steps": steps,
        "warmup_steps": 1,
        "logging_steps": 1,
        "validation_steps": steps,
        "save_steps": steps,
        "mixed_precision": mixed_precision,
        "dataloader_num_workers": workers,
    }
    given = [str(text) for option, value in common.items() for text in (f"--{option}", value)]
    script = import_module(STAGES[name].script)
    script.main([*given, *stage_options(name, preset, work, store), *options], store)
    return read_steps(output / "log.jsonl")


def read_steps(log: Path) -> list[dict[str, Any]]:
    """The finished steps of a run, from its log; a line that is being written is left out."""
    if not log.is_file():
        return []
    lines = log.read_text(encoding="utf-8").split("\n")[:-1]
    return [record for record in map(json.loads, lines) if "samples_per_second" in record]


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

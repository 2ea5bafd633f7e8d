"""`flowdubber finetune`: from a dozen clips of a speaker to a model that dubs that speaker, in one call that goes on after any stop.

Every stage keeps its own work: the prepared clips, the dubs before and after, the language model's states, the checkpoints of the
training. A folder of a fine-tuning run is recognised by its file `finetune.json`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.corpora import read_corpus
from ..data.corpora.recording import Recording
from ..data.features import FeatureStore
from ..data.prepare import PrepareSettings, prepare
from ..dubbing.loading import model_folder
from ..evaluation.settings import EvaluateSettings
from ..libraries import quiet_libraries
from ..sampling import DEFAULT_GUIDANCE_SCALE
from ..work.files import replace_file, replace_folder
from ..work.hashing import hash_checkpoint
from ..work.reading import read_json
from ..work.workers import free_cores, use_free_cores
from .before_after import MAX_HEARD, Heard, hear, measures
from .dubber_run import DubberArguments, train_dubber
from .export import PIPELINE_FOLDER
from .loop import MODEL_FOLDER, make_accelerator
from .semantic_data import check_codes, codes_needed, read_spoken_clips
from .semantic_features import SemanticCache, cache_settings, cache_spoken_clips, codes_known
from .semantic_model import load_model


STAMP_NAME = "finetune.json"
MIN_CLIPS = 4
_HELD_OUT = 0.2  # of the clips, and at most MAX_HEARD of them
_STATES_PER_CLIP = 2
_SAVE_MINUTES = 0.25


@dataclass(frozen=True)
class FinetuneSettings:
    """What is asked for; the command's options have the same names.

    Attributes:
        clips: folder of clips with their scripts in any layout that [`~data.prepare.prepare`] knows, or its metadata file.
        output: folder of everything that is made; the model in it is `model`.
        model: to start from: bundled name, folder or Hub id.
        corpus: layout of `clips`.
        steps: of the training.
        minutes: of the training, if that ends it sooner.
        learning_rate, batch_size: of the training.
        voice_only: leave what finds the timing as it is.
        seed: of everything drawn.
        quiet: no progress bars of the single stages.
    """

    clips: Path
    output: Path
    model: str = "flowdubber-grid-tiny"
    corpus: str = "auto"
    steps: int = 300
    minutes: float | None = None
    learning_rate: float = 2e-4
    batch_size: int = 16
    voice_only: bool = False
    seed: int = 0
    quiet: bool = False


@dataclass(frozen=True)
class Finetuned:
    """What came of it.

    Attributes:
        model: folder that `flowdubber dub --model` takes.
        trained, held_out: numbers of clips.
        before, after: the held-out clips as the model dubbed them before and dubs them now.
        steps: of the training.
        seconds: in all, of this call.
    """

    model: Path
    trained: int
    held_out: int
    before: Heard
    after: Heard
    steps: int
    seconds: float


def check_settings(settings: FinetuneSettings) -> None:
    """Raises `ValueError` for numbers out of their range."""
    if settings.steps < 1 or settings.batch_size < 1:
        raise ValueError("--steps and --batch-size must be at least 1.")
    if settings.minutes is not None and not settings.minutes > 0:
        raise ValueError(f"--minutes must be above 0, got {settings.minutes}.")
    if not 0 < settings.learning_rate < 1:
        raise ValueError(f"--learning-rate must lie between 0 and 1, got {settings.learning_rate}.")
    if settings.seed < 0:
        raise ValueError(f"--seed must not be negative, got {settings.seed}.")


def finetune(settings: FinetuneSettings, say: Callable[[str], None] = lambda text: None) -> Finetuned:
    """Does what is not done yet.

    Args:
        settings: what is asked for.
        say: is called with each stage as it begins.

    Raises:
        ValueError: too few clips, clips that cannot be used, a folder of something else, or one of other settings.
        ImportError: a library of the extra `train` is missing.
        FloatingPointError: the training went astray; its last checkpoint is kept.
        KeyboardInterrupt: all finished work, and the training's last checkpoint, is kept.
    """
    start = time.monotonic()
    check_settings(settings)
    use_free_cores()
    quiet_libraries()
    base = model_folder(settings.model)
    work = _Work(settings, base)
    work.claim()
    stages = iter(work.stage_names())

    def begin() -> str:
        name = next(stages)
        say(name)
        return name

    begin()
    prepare(work.preparation())
    begin()
    before = work.hear("before", settings.model)
    states = None
    if work.has_language_model:
        begin()
        states = work.sample_states()
    summary = work.train(begin(), states)
    begin()
    after = work.hear("after", str(work.model))
    held_out = len(work.held_out)
    return Finetuned(
        work.model,
        len(FeatureStore([work.data]).clips("train")),
        held_out,
        before,
        after,
        summary["steps"],
        time.monotonic() - start,
    )


class _Work:
    """The stages on one folder."""

    def __init__(self, settings: FinetuneSettings, base: Path):
        self.settings, self.base = settings, base
        self.clips, self.corpus = _clips_folder(settings)
        self.data, self.training = settings.output / "data", settings.output / "training"
        self.model = settings.output / MODEL_FOLDER
        self.has_language_model = (base / "semantic_model").is_dir()
        usable = [one for one in self._recordings(0.0) if one.problem is None and one.video and one.text]
        train = sum(one.split == "train" for one in usable)
        if train < MIN_CLIPS:
            raise ValueError(
                f"{self.clips} has {train} clips with a picture and a script to train on; give at least {MIN_CLIPS}, better a "
                "dozen."
            )
        self.val_share = min(_HELD_OUT, MAX_HEARD / train)
        recordings = self._recordings(self.val_share)
        self.held_out = [one for one in recordings if one.split == "val" and one.video and one.text]
        self.others = [one for one in recordings if one.split == "train" and one.problem is None]

    def _recordings(self, val_share: float) -> Sequence[Recording]:
        return read_corpus(self.clips, self.corpus, val_share=val_share).recordings

    def stage_names(self) -> list[str]:
        """One line each, with its number."""
        names = ["preparing the clips", "dubbing held-out clips with the model as it is"]
        names += ["sampling the language model"] if self.has_language_model else []
        names += ["training", "dubbing held-out clips with the new model"]
        return [f"stage {number} of {len(names)}: {name}" for number, name in enumerate(names, 1)]

    def claim(self) -> None:
        """Marks the folder as this run's.

        Raises:
            ValueError: it holds something else, or was begun with other settings.
        """
        output, stamp = self.settings.output, self.settings.output / STAMP_NAME
        if output.exists() and not output.is_dir():
            raise ValueError(f"--output {output} is a file; give a folder.")
        if output.is_dir() and any(output.iterdir()) and not stamp.is_file():
            raise ValueError(f"--output {output} is not empty and no fine-tuning; choose another folder.")
        now = {
            "clips": str(self.clips.resolve()),
            "corpus": self.corpus,
            "model": hash_checkpoint(self.base),
            **{name: getattr(self.settings, name) for name in ("learning_rate", "batch_size", "voice_only", "seed")},
        }
        before = read_json(stamp) if stamp.is_file() else now
        changed = [name for name in now if before.get(name) != now[name]]
        if changed:
            raise ValueError(f"--output {output} was begun with another {', '.join(changed)}; choose another folder.")
        output.mkdir(parents=True, exist_ok=True)
        replace_file(stamp, (json.dumps(now, indent=1) + "\n").encode())

    def preparation(self) -> PrepareSettings:
        """Tokens and voices are those of the model's own parts, so that what is learned fits it."""
        tokenizer = str(self.base / "speech_tokenizer") if self.has_language_model else "none"
        return PrepareSettings(
            self.clips,
            self.data,
            corpus=self.corpus,
            num_proc=free_cores(),
            speech_tokenizer=tokenizer,
            style_encoder=str(self.base / "style_encoder"),
            val_share=self.val_share,
            quiet=self.settings.quiet,
        )

    def hear(self, when: str, model: str) -> Heard:
        """Held-out clips by a model, each in the voice of a clip that is trained on."""
        folder = self.settings.output / when
        pairing = self.settings.output / "references.jsonl"
        replace_file(pairing, "".join(f"{json.dumps(pair)}\n" for pair in self._pairs()).encode())
        settings = EvaluateSettings(
            data=self.clips,
            output=folder,
            split="val",
            corpus=self.corpus,
            val_share=self.val_share,
            pairing=pairing,
            model=model,
            metrics=measures([one.text for one in self.held_out]),
            guidance_scale=DEFAULT_GUIDANCE_SCALE if self.has_language_model else 1.0,
            limit=MAX_HEARD,
            seed=self.settings.seed,
            device="auto",
            name=when,
            overwrite=True,
            quiet=self.settings.quiet,
        )
        return hear(settings, folder.with_suffix(".mp4"))

    def _pairs(self) -> Iterator[dict[str, str]]:
        for one in self.held_out:
            own = [other for other in self.others if other.speaker == one.speaker] or self.others
            yield {"clip": one.id, "reference": own[0].id}

    def sample_states(self) -> Path:
        """What the frozen language model knows of each clip."""
        folder, store = self.settings.output / "states", FeatureStore([self.data])
        model, tokenizer = load_model(self.base)
        codes = codes_known(model)
        clips = read_spoken_clips(store, store.clips(["train", "val"], None, codes_needed(codes)), codes)
        check_codes(clips, model.config)
        cache = SemanticCache(folder, cache_settings(model, tokenizer))
        cache_spoken_clips(model, tokenizer, cache, clips, _STATES_PER_CLIP, progress=not self.settings.quiet)
        return folder

    def train(self, name: str, states: Path | None) -> dict[str, Any]:
        """Trains aligner and vector field, and puts the whole model into its place.

        The weights are those of the last step: so the held-out clips chose nothing, and tell of clips that nobody saw.
        """
        settings = self.settings
        arguments = DubberArguments(
            dataset=[str(self.data)],
            output_dir=str(self.training),
            init_from=settings.model,
            base_pipeline=settings.model,
            semantic_features=None if states is None else str(states),
            resume_from_checkpoint="latest",
            max_steps=settings.steps,
            max_minutes=settings.minutes or 0.0,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
            warmup_steps=min(20, settings.steps // 5),
            save_steps=50,
            save_minutes=_SAVE_MINUTES,
            validation_steps=50,
            logging_steps=10,
            publish="last",
            freeze_alignment=settings.voice_only,
            skip_bad_clips=True,
            seed=settings.seed,
        )
        summary = train_dubber(arguments, make_accelerator(arguments, find_unused_parameters=True), name)
        made = self.training / PIPELINE_FOLDER
        replace_folder(self.model, lambda folder: shutil.copytree(made, folder, dirs_exist_ok=True))
        shutil.rmtree(made)
        return summary


def _clips_folder(settings: FinetuneSettings) -> tuple[Path, str]:
    """The folder of the clips, and its layout."""
    clips = settings.clips
    if not clips.is_file():
        return clips, settings.corpus
    if clips.name not in ("metadata.jsonl", "metadata.csv"):
        raise ValueError(f"{clips} is a file; give the folder of the clips, or its metadata.jsonl or metadata.csv.")
    return clips.parent, "metadata"

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
"""Trains the speech tokenizer and writes the tokens of all clips.

    accelerate launch examples/train_speech_tokenizer.py --features features --output_dir outputs/speech_tokenizer
    python examples/train_speech_tokenizer.py --features features --output_dir outputs/speech_tokenizer --extract_tokens

On one GPU add `--mixed_precision bf16` to `accelerate launch`; nothing else changes. Needs the features of
`prepare_features.py` (`audio`; `phones` make the tokens phonetic). A stopped run goes on with `--resume`; a trained model is
trained further with `--init FOLDER`. Once a language model is trained on the semantic tokens, improve the
voice and the decoders with `--init FOLDER --freeze_semantic --speaker_weight 1`, which leaves those tokens as they are.
`output_dir` gets the model itself, `training/` (checkpoint, heads) and `log.jsonl`.
"""

import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader, Subset
from transformers import HfArgumentParser

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.speech_tokenizer import (
    SPEECH_TOKENIZER_PRESETS,
    FlowDubberSpeechTokenizer,
    FlowDubberSpeechTokenizerConfig,
)
from flowdubber_hf.training.speech_tokenizer_data import SegmentSettings, SpeechTokenizerBatches
from flowdubber_hf.training.speech_tokenizer_losses import SpeechTokenizerLossWeights, SpeechTokenizerObjective
from flowdubber_hf.training.speech_tokenizer_tokens import evaluate_tokenizer, extract_tokens


@dataclass
class Options:
    """What is trained, on what and for how long."""

    features: str = field(metadata={"help": "feature folder of prepare_features.py"})
    output_dir: str = field(metadata={"help": "gets the model, training/ and log.jsonl"})
    preset: str = field(default="tiny", metadata={"help": "tiny or base, where there is no --init"})
    init: str | None = field(default=None, metadata={"help": "folder of a trained model to train further"})
    freeze_semantic: bool = field(
        default=False, metadata={"help": "train the voice and the decoders only; semantic tokens stay what they are"}
    )
    resume: bool = field(default=False, metadata={"help": "go on from the checkpoint in output_dir"})
    max_train_steps: int = field(default=20000, metadata={"help": "optimiser steps"})
    max_minutes: float | None = field(
        default=None, metadata={"help": "stop after this time, with the schedule fitted"}
    )
    voices: int = field(default=8, metadata={"help": "voices in a batch, two segments each"})
    seconds: float = field(default=2.0, metadata={"help": "length of a segment"})
    learning_rate: float = field(default=1e-3, metadata={"help": "peak, after which it falls as a cosine"})
    warmup_steps: int = field(default=50, metadata={"help": "steps of linear rise"})
    weight_decay: float = field(default=0.01, metadata={"help": "of AdamW"})
    max_grad_norm: float = field(default=2.0, metadata={"help": "gradient clipping"})
    phoneme_weight: float = field(default=0.5, metadata={"help": "of the frame-wise phoneme loss"})
    speaker_weight: float = field(default=0.1, metadata={"help": "of the speaker loss"})
    waveform_weight: float = field(default=0.1, metadata={"help": "of the generated sound's spectral loss"})
    waveform_every: int = field(default=1, metadata={"help": "steps between uses of the wave generator"})
    waveform_tokens: int = field(default=25, metadata={"help": "length of its crop, 50 a second"})
    log_every: int = field(default=20, metadata={"help": "steps between lines of the log"})
    save_every: int = field(default=500, metadata={"help": "steps between validation and checkpoint"})
    num_workers: int = field(default=0, metadata={"help": "processes that read data"})
    seed: int = field(default=0, metadata={"help": "of weights and batches"})
    extract_tokens: bool = field(default=False, metadata={"help": "write tokens of all clips with the trained model"})


@dataclass
class Progress:
    """Where a run stands; part of the checkpoint."""

    step: int = 0
    seconds: float = 0.0
    best: float = math.inf

    def state_dict(self) -> dict[str, float]:
        return {"step": self.step, "seconds": self.seconds, "best": self.best}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.step, self.seconds, self.best = int(state["step"]), state["seconds"], state["best"]

    def share(self, options: Options) -> float:
        """How much of the steps or of the time, whichever is further, is behind."""
        timed = self.seconds / (60 * options.max_minutes) if options.max_minutes else 0.0
        return max(self.step / options.max_train_steps, timed)


def learning_rate(options: Options, progress: Progress) -> float:
    """Linear warm-up, then a cosine to 1 % over the steps or the time."""
    warmup = min(1.0, (progress.step + 1) / max(1, options.warmup_steps))
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress.share(options))))
    return options.learning_rate * warmup * max(0.01, cosine)


def build_model(options: Options) -> FlowDubberSpeechTokenizer:
    if options.init is not None:
        return FlowDubberSpeechTokenizer.from_pretrained(options.init, dtype=torch.float32)
    if options.preset not in SPEECH_TOKENIZER_PRESETS:
        raise ValueError(f"unknown preset {options.preset!r}; choose from {', '.join(SPEECH_TOKENIZER_PRESETS)}.")
    return FlowDubberSpeechTokenizer(FlowDubberSpeechTokenizerConfig(**SPEECH_TOKENIZER_PRESETS[options.preset]))


def load_heads(objective: SpeechTokenizerObjective, folder: Path) -> None:
    """The heads of an earlier run on the same speakers, where it left them."""
    path = folder / "training" / "heads.safetensors"
    if path.is_file():
        own = objective.state_dict()
        heads = {name: tensor for name, tensor in load_file(path).items() if own[name].shape == tensor.shape}
        objective.load_state_dict(heads, strict=False)


def freeze_semantic(objective: SpeechTokenizerObjective) -> None:
    """Fixes what decides the semantic tokens; call again after each `train()`, since a codebook learns by itself there."""
    for part in (objective.tokenizer.encoder, objective.tokenizer.quantizer):
        part.requires_grad_(False)
        part.eval()


def crop_of_step(options: Options, token_rate: int, step: int) -> tuple[int, int]:
    """Which tokens the wave generator makes in this step; none in most, since it is slow."""
    if options.waveform_weight == 0 or step % options.waveform_every:
        return 0, 0
    tokens = round(options.seconds * token_rate)
    length = min(options.waveform_tokens, tokens)
    return (step * 7) % (tokens - length + 1), length


class Log:
    """JSON lines in `output_dir/log.jsonl`, and on the screen."""

    def __init__(self, path: Path, active: bool):
        self.path, self.active = path, active

    def __call__(self, **row: float | int | str) -> None:
        if self.active:
            line = json.dumps(
                {key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()}
            )
            print(line, flush=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def save(accelerator: Accelerator, objective: SpeechTokenizerObjective, output_dir: Path, better: bool) -> None:
    """The checkpoint to resume from and, where it is the best so far, the model itself with its training heads."""
    accelerator.save_state(str(output_dir / "training" / "checkpoint"))
    if better and accelerator.is_main_process:
        objective = accelerator.unwrap_model(objective)
        objective.tokenizer.save_pretrained(output_dir)
        heads = {name: tensor for name, tensor in objective.state_dict().items() if not name.startswith("tokenizer.")}
        save_file(heads, output_dir / "training" / "heads.safetensors")


def train(options: Options) -> None:
    accelerator = Accelerator()
    set_seed(options.seed)
    output_dir = Path(options.output_dir)
    (output_dir / "training").mkdir(parents=True, exist_ok=True)
    log = Log(output_dir / "log.jsonl", accelerator.is_main_process)

    store = FeatureStore(options.features)
    clips, held_out = store.clips(split="train"), store.clips(split="val")
    tokenizer = build_model(options)
    settings = SegmentSettings(voices=options.voices, seconds=options.seconds)
    total = options.max_train_steps * accelerator.num_processes
    batches = SpeechTokenizerBatches(store, tokenizer.config, clips, settings, options.seed, total)
    weights = SpeechTokenizerLossWeights(options.phoneme_weight, options.speaker_weight, options.waveform_weight)
    objective = SpeechTokenizerObjective(tokenizer, len(batches.speakers), weights)
    if options.init is not None:
        load_heads(objective, Path(options.init))
    if options.freeze_semantic:
        freeze_semantic(objective)
    parameters = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=options.weight_decay
    )
    progress = Progress()
    objective, optimizer = accelerator.prepare(objective, optimizer)
    accelerator.register_for_checkpointing(progress)
    if options.resume:
        accelerator.load_state(str(output_dir / "training" / "checkpoint"))
    mine = range(
        progress.step * accelerator.num_processes + accelerator.process_index, total, accelerator.num_processes
    )
    loader = DataLoader(Subset(batches, mine), batch_size=None, num_workers=options.num_workers)
    log(event="start", clips=len(clips), parameters=sum(parameter.numel() for parameter in tokenizer.parameters()))

    objective.train()
    started = time.monotonic() - progress.seconds
    for batch in loader:
        if options.freeze_semantic:
            freeze_semantic(accelerator.unwrap_model(objective))
        rate = learning_rate(options, progress)
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = {name: tensor.to(accelerator.device, non_blocking=True) for name, tensor in batch.items()}
        with accelerator.autocast():
            losses = objective(batch, crop_of_step(options, tokenizer.config.token_rate, progress.step))
        accelerator.backward(losses["loss"])
        accelerator.clip_grad_norm_(parameters, options.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        progress.seconds = time.monotonic() - started
        if progress.step % options.log_every == 0:
            row = {name: float(value.detach()) for name, value in losses.items()}
            if not math.isfinite(row["loss"]):
                raise ValueError(f"the loss is {row['loss']} in step {progress.step}; lower the learning rate.")
            log(step=progress.step, minutes=progress.seconds / 60, lr=rate, **row)
        done = progress.share(options) >= 1
        if done or progress.step % options.save_every == 0:
            validate(accelerator, objective, store, held_out, output_dir, progress, log)
        if done:
            break
    accelerator.end_training()


def validate(accelerator, objective, store, held_out, output_dir, progress, log) -> None:
    """Figures on the held-out clips; keeps the model with the best sum of feature and phoneme error."""
    better = False
    if accelerator.is_main_process:
        figures = evaluate_tokenizer(accelerator.unwrap_model(objective), store, held_out)
        score = figures["features"] + (1 - figures["accuracy_speech"])
        better = score < progress.best
        progress.best = min(score, progress.best)
        log(event="validation", step=progress.step, minutes=progress.seconds / 60, score=score, **figures)
    accelerator.wait_for_everyone()
    save(accelerator, objective, output_dir, better)


def report(options: Options) -> None:
    """Writes the tokens of every clip, and prints the figures on the held-out ones."""
    output_dir = Path(options.output_dir)
    store = FeatureStore(options.features)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = FlowDubberSpeechTokenizer.from_pretrained(output_dir, dtype=torch.float32).to(device)
    clips = store.clips()
    print(json.dumps({"tokens_written": extract_tokens(tokenizer, store, clips)}))
    heads = load_file(output_dir / "training" / "heads.safetensors")
    objective = SpeechTokenizerObjective(tokenizer, len(heads["speaker_head.weight"]), SpeechTokenizerLossWeights())
    objective.load_state_dict(heads, strict=False)
    print(json.dumps(evaluate_tokenizer(objective.to(device), store, store.clips(split="val")), indent=1))


def main() -> None:
    (options,) = HfArgumentParser(Options).parse_args_into_dataclasses()
    try:
        report(options) if options.extract_tokens else train(options)
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()

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
"""Trains the vocoder on prepared features.

    python examples/train_vocoder.py --features features --output_dir outputs/vocoder --max_train_steps 6000

A stopped run goes on where it was when the same command is given again. `--init_from` starts from saved weights, such as
the bundled ones. Any Accelerate launcher works; `--mixed_precision bf16` is right for GPUs and for CPUs with AMX. The
output folder gets `log.jsonl`, `state/` (to resume) and `best/` and `final/`, which `FlowDubberVocoder.from_pretrained`
loads.
"""

import json
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import set_seed
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Subset
from transformers import HfArgumentParser

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.vocoder import FlowDubberVocoder, FlowDubberVocoderConfig
from flowdubber_hf.training.vocoder_data import VocoderDataset, load_pitch_tracks
from flowdubber_hf.training.vocoder_step import VocoderTrainingStep, validate


LOG_EVERY = 25  # steps


@dataclass
class Arguments:
    """What to train on, how long and where to."""

    features: Path = field(metadata={"help": "folder written by prepare_features.py"})
    output_dir: Path = field(metadata={"help": "folder for the log, the state and the models"})
    init_from: Path | None = field(default=None, metadata={"help": "saved vocoder to start from"})
    max_train_steps: int = field(default=6000, metadata={"help": "optimiser steps in all"})
    max_train_minutes: float = field(default=math.inf, metadata={"help": "wall time in all, if that ends earlier"})
    batch_size: int = field(default=8, metadata={"help": "cuts a step and process"})
    num_frames: int = field(default=128, metadata={"help": "mel frames a cut"})
    learning_rate: float = 1e-3
    final_learning_rate: float = 2e-5
    warmup_steps: int = 100
    max_grad_norm: float = 2.0
    ema_decay: float = 0.998
    grid_share: float = field(default=0.5, metadata={"help": "share of cuts from GRID"})
    soften_from: float = field(default=0.5, metadata={"help": "part of the steps after which mels are softened"})
    windows_per_step: int = field(default=3, metadata={"help": "resolutions of the loss, drawn anew each step"})
    predicted_pitch_share: float = field(default=0.25, metadata={"help": "cuts that sound at the network's own F0"})
    validate_every: int = 250
    validation_clips: int = 16
    seed: int = 0
    mixed_precision: str = field(default="no", metadata={"help": "no or bf16"})
    num_workers: int = field(default=0, metadata={"help": "processes that load data"})
    cpu: bool = False


def learning_rate(args: Arguments, step: int, done: float) -> float:
    """Linear warm-up, then a cosine from `learning_rate` to `final_learning_rate` as `done` goes from 0 to 1."""
    falling = 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    rate = args.final_learning_rate + (args.learning_rate - args.final_learning_rate) * falling
    return rate * min(1.0, (step + 1) / args.warmup_steps)


class JsonLog:
    """Appends one JSON object a line."""

    def __init__(self, path: Path):
        self.path = path

    def write(self, **values) -> None:
        line = {name: round(value, 6) if isinstance(value, float) else value for name, value in values.items()}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def make_datasets(
    args: Arguments, store: FeatureStore, config: FlowDubberVocoderConfig
) -> tuple[VocoderDataset, VocoderDataset]:
    """Training cuts and fixed validation cuts."""
    splits = {split: store.clips(split) for split in ("train", "val")}
    cache = args.output_dir / "pitch_tracks.safetensors"
    tracks = load_pitch_tracks(
        store, splits["train"] + splits["val"], cache, float(config.pitch_min), float(config.pitch_max)
    )
    length = args.max_train_steps * args.batch_size * PartialState().num_processes
    train = VocoderDataset(store, splits["train"], tracks, args.num_frames, length, args.grid_share, seed=args.seed)
    held_out = VocoderDataset(
        store,
        splits["val"] or splits["train"],
        tracks,
        args.num_frames,
        args.validation_clips,
        args.grid_share,
        seed=1,
    )
    return train, held_out


def train(args: Arguments) -> None:
    """The whole run.

    Raises:
        ValueError: no features, or no clips in them.
    """
    accelerator = Accelerator(mixed_precision=args.mixed_precision, cpu=args.cpu)
    set_seed(args.seed)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log, state = JsonLog(args.output_dir / "log.jsonl"), args.output_dir / "state"
    progress = state / "progress.json"

    store = FeatureStore(args.features)
    vocoder = FlowDubberVocoder.from_pretrained(args.init_from) if args.init_from else None
    vocoder = vocoder or FlowDubberVocoder(FlowDubberVocoderConfig())
    with accelerator.main_process_first():  # the others find the F0 tracks in the cache
        train_data, val_data = make_datasets(args, store, vocoder.config)
    val_loader = DataLoader(val_data, args.batch_size)
    model = VocoderTrainingStep(vocoder)
    optimizer = torch.optim.AdamW(model.parameters(), args.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    model, optimizer = accelerator.prepare(model, optimizer)
    average = AveragedModel(vocoder, multi_avg_fn=get_ema_multi_avg_fn(args.ema_decay))
    accelerator.register_for_checkpointing(average)

    step, best, spent = 0, math.inf, 0.0
    if progress.is_file():
        accelerator.load_state(str(state))
        step, best, spent = (json.loads(progress.read_text())[name] for name in ("step", "best", "seconds"))
    generator = torch.Generator().manual_seed(args.seed + step + 1_000_000 * accelerator.process_index)
    # Items are random by their number, so they need no shuffling, and a resumed run goes on with those not yet seen.
    seen = step * args.batch_size * accelerator.num_processes
    rest = Subset(train_data, range(seen, len(train_data)))
    started = time.monotonic() - spent
    for batch in accelerator.prepare(DataLoader(rest, args.batch_size, num_workers=args.num_workers)):
        model.train()
        seconds = time.monotonic() - started
        done = max(step / args.max_train_steps, seconds / 60 / args.max_train_minutes)
        rate = learning_rate(args, step, done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses = model(batch, generator, args.predicted_pitch_share, done >= args.soften_from, args.windows_per_step)
        accelerator.backward(losses["loss"])
        norm = accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        average.update_parameters(vocoder)
        step += 1
        last = step >= args.max_train_steps or done >= 1
        if step % LOG_EVERY == 0 and accelerator.is_main_process:
            values = {name: float(losses[name].detach()) for name in ("loss", "energy", "pitch")}
            log.write(step=step, seconds=seconds, rate=rate, norm=float(norm), **values)
        if step % args.validate_every == 0 or last:
            values = validate(average.module, val_loader)
            if accelerator.is_main_process:
                log.write(step=step, seconds=seconds, **values)
                if values["val_energy"] < best:
                    average.module.save_pretrained(args.output_dir / "best")
            best = min(best, values["val_energy"])
            accelerator.save_state(str(state))
            if accelerator.is_main_process:
                progress.write_text(json.dumps({"step": step, "best": best, "seconds": seconds}))
        if last:
            break
    if accelerator.is_main_process:
        average.module.save_pretrained(args.output_dir / "final")


def main() -> None:
    """Command line."""
    (args,) = HfArgumentParser(Arguments, description=__doc__).parse_args_into_dataclasses()
    try:
        train(args)
    except ValueError as error:
        print(f"train_vocoder.py: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()

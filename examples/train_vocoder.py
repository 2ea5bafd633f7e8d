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
from flowdubber_hf.processing.audio import log_mel
from flowdubber_hf.training.vocoder_data import VocoderDataset, load_pitch_tracks, soften_mel
from flowdubber_hf.training.vocoder_losses import WINDOWS, VocoderLossWeights, energy_distance, pitch_loss


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


def random_sources(
    model: FlowDubberVocoder, pitch: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two draws of the sources: other noise, other pulse positions."""
    draws = []
    for _ in range(2):
        phase = torch.rand(len(pitch), 1, generator=generator).to(pitch.device)
        draws.append(model.make_sources(pitch, generator=generator, initial_phase=phase))
    return draws[0], draws[1]


def compute_loss(
    model: FlowDubberVocoder,
    batch: dict[str, torch.Tensor],
    generator: torch.Generator,
    weights: VocoderLossWeights,
    predicted_pitch_share: float = 0.0,
    soften: bool = False,
    windows_per_step: int = len(WINDOWS),
) -> dict[str, torch.Tensor]:
    """The losses of a batch of [`VocoderDataset`]; `generator` is on the CPU."""
    spectrogram = log_mel(batch["waveform"]).transpose(1, 2)
    if soften:
        spectrogram = soften_mel(spectrogram, generator)
    predicted = model.predict_pitch(spectrogram)
    own = torch.rand(len(spectrogram), 1, generator=generator) < predicted_pitch_share
    pitch = torch.where(own.to(spectrogram.device), predicted.pitch.detach(), batch["pitch"])
    filters = model.predict_filters(spectrogram)
    first, second = (model.synthesize(filters, sources) for sources in random_sources(model, pitch, generator))
    grid = model.pitch_grid.float()
    windows = [WINDOWS[index] for index in torch.randperm(len(WINDOWS), generator=generator)[:windows_per_step]]
    losses = {
        "energy": energy_distance(batch["waveform"], first, second, weights, windows),
        "pitch": pitch_loss(
            predicted.pitch_logits, predicted.voicing_logits, batch["pitch"], batch["voiced"], grid, weights
        ),
    }
    losses["loss"] = losses["energy"] + losses["pitch"]
    return losses


@torch.no_grad()
def validate(model: FlowDubberVocoder, loader: DataLoader, device: torch.device, weights: VocoderLossWeights) -> dict:
    """Mean losses, F0 error and voicing errors over fixed cuts with the network's own F0, always the same noise."""
    generator = torch.Generator().manual_seed(0)
    model.eval()
    sums: dict[str, float] = {}
    for batch in loader:
        batch = {name: value.to(device) for name, value in batch.items()}
        values = compute_loss(model, batch, generator, weights, predicted_pitch_share=1.0)
        predicted = model.predict_pitch(log_mel(batch["waveform"]).transpose(1, 2))
        cents = 1200 * torch.log2(predicted.pitch / batch["pitch"]).abs()
        values["pitch_off_by_50_cents"] = (cents > 50)[batch["voiced"]].float().mean()
        values["voicing_wrong"] = ((predicted.voicing_logits > 0) != batch["voiced"]).float().mean()
        for name, value in values.items():
            sums[f"val_{name}"] = sums.get(f"val_{name}", 0.0) + float(value) / len(loader)
    return sums


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
    """The whole run."""
    accelerator = Accelerator(mixed_precision=args.mixed_precision, cpu=args.cpu)
    set_seed(args.seed)
    args.output_dir.mkdir(parents=True, exist_ok=True)
    log, state = JsonLog(args.output_dir / "log.jsonl"), args.output_dir / "state"
    weights = VocoderLossWeights()

    model = (
        FlowDubberVocoder.from_pretrained(args.init_from)
        if args.init_from
        else FlowDubberVocoder(FlowDubberVocoderConfig())
    ).float()
    train_data, val_data = make_datasets(args, FeatureStore(args.features), model.config)
    val_loader = DataLoader(val_data, args.batch_size)
    optimizer = torch.optim.AdamW(model.parameters(), args.learning_rate, betas=(0.9, 0.98), weight_decay=0.0)
    model, optimizer = accelerator.prepare(model, optimizer)
    plain = accelerator.unwrap_model(model)
    average = AveragedModel(plain, multi_avg_fn=get_ema_multi_avg_fn(args.ema_decay))
    accelerator.register_for_checkpointing(average)

    step, best, spent = 0, math.inf, 0.0
    progress = state / "progress.json"
    if progress.is_file():
        accelerator.load_state(state)
        step, best, spent = (json.loads(progress.read_text())[name] for name in ("step", "best", "seconds"))
    generator = torch.Generator().manual_seed(args.seed + step + 1000 * accelerator.process_index)
    started = time.monotonic() - spent
    # Items are random by their number, so they need no shuffling, and a resumed run goes on with those not yet seen.
    seen = step * args.batch_size * accelerator.num_processes
    rest = Subset(train_data, range(seen, len(train_data)))
    train_loader = accelerator.prepare(DataLoader(rest, args.batch_size, num_workers=args.num_workers))
    for batch in train_loader:
        plain.train()
        seconds = time.monotonic() - started
        done = max(step / args.max_train_steps, seconds / 60 / args.max_train_minutes)
        rate = learning_rate(args, step, done)
        for group in optimizer.param_groups:
            group["lr"] = rate
        with accelerator.autocast():
            losses = compute_loss(
                plain,
                batch,
                generator,
                weights,
                args.predicted_pitch_share,
                soften=done >= args.soften_from,
                windows_per_step=args.windows_per_step,
            )
        accelerator.backward(losses["loss"])
        norm = accelerator.clip_grad_norm_(model.parameters(), args.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        average.update_parameters(plain)
        step += 1
        if step % 25 == 0 and accelerator.is_main_process:
            values = {name: float(value.detach()) for name, value in losses.items()}
            log.write(step=step, seconds=seconds, rate=rate, norm=float(norm), **values)
        last = step >= args.max_train_steps or done >= 1
        if (step % args.validate_every == 0 or last) and accelerator.is_main_process:
            values = validate(average.module, val_loader, accelerator.device, weights)
            log.write(step=step, seconds=seconds, **values)
            if values["val_energy"] < best:
                best = values["val_energy"]
                average.module.save_pretrained(args.output_dir / "best")
            accelerator.save_state(str(state))
            progress.write_text(json.dumps({"step": step, "best": best, "seconds": seconds}))
        if last:
            break
    if accelerator.is_main_process:
        average.module.save_pretrained(args.output_dir / "final")


if __name__ == "__main__":
    train(HfArgumentParser(Arguments).parse_args_into_dataclasses()[0])

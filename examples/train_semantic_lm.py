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
"""Trains the semantic language model: script, voice and reference speech in, 50 Hz semantic tokens out.

    accelerate launch examples/train_semantic_lm.py --features features --output_dir outputs/semantic

On one GPU add `--mixed_precision bf16` to `accelerate launch`; nothing else changes. Needs the features of
`prepare_features.py` (`phones`) and the codes of the trained speech tokenizer in `features/tokens`. A stopped run goes on
with `--resume true`; a trained model is trained further with `--init FOLDER`. All options may stand in one JSON file
instead: `train_semantic_lm.py options.json`.

Most of the learning needs no speech tokenizer: `--codes phones` trains a first stage on forced alignments, from which
`--init FOLDER --init_codes phones` starts the second, which then needs a few hundred steps.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from transformers import AutoTokenizer, HfArgumentParser, PreTrainedTokenizerBase

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.semantic import (
    FlowDubberSemanticForConditionalGeneration,
    build_tokenizer,
    check_tokenizer,
    semantic_config,
)
from flowdubber_hf.models.semantic.configuration_semantic import SEMANTIC_TOKEN_RATE
from flowdubber_hf.training.semantic_data import SemanticBatches, SequenceSettings, SpokenClip, read_spoken_clips
from flowdubber_hf.training.semantic_phones import phone_codes, transfer_phone_embeddings
from flowdubber_hf.training.semantic_training import budgeted_rate, evaluate_semantics, semantic_loss


@dataclass
class Options:
    """What is trained, on what and for how long."""

    features: str = field(metadata={"help": "feature folder with phones/ and tokens/"})
    output_dir: str = field(metadata={"help": "gets model/, tokenizer/, checkpoint/ and log.jsonl"})
    init: str | None = field(
        default=None, metadata={"help": "an earlier output_dir, or a whole pipeline, to train further"}
    )
    codes: str = field(
        default="tokens", metadata={"help": "tokens of the speech tokenizer, or phones for a first stage"}
    )
    init_codes: str = field(default="tokens", metadata={"help": "phones where --init was trained with --codes phones"})
    preset: str = field(default="tiny", metadata={"help": "tiny or base, where there is no --init"})
    text_tokenizer: str | None = field(
        default=None, metadata={"help": "for base: folder or id of Qwen2.5's tokenizer"}
    )
    text_config: str | None = field(default=None, metadata={"help": "JSON of Qwen2 settings to change in the preset"})
    sources: list[str] = field(default_factory=lambda: ["grid", "an4", "speechocean762"])
    source_shares: list[float] = field(default_factory=lambda: [0.6, 0.2, 0.2])
    own_reference: float = field(default=0.2, metadata={"help": "probability that the reference is the clip itself"})
    without_transcript: float = field(default=0.3, metadata={"help": "probability of the prompt with the voice only"})
    token_noise: float = field(default=0.1, metadata={"help": "share of semantic input tokens replaced at random"})
    reference_weight: float = field(default=0.7, metadata={"help": "weight of the loss on the reference's own tokens"})
    whole_vocabulary_every: int = field(
        default=16, metadata={"help": "steps between losses over the whole vocabulary"}
    )
    attention_dropout: float = 0.1
    batch_size: int = field(default=8, metadata={"help": "sequences a process"})
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_steps: int = 50
    max_train_steps: int = 1000
    max_minutes: float | None = field(
        default=None, metadata={"help": "end (and decay the rate) by then at the latest"}
    )
    gradient_clip: float = 1.0
    gradient_checkpointing: bool = False
    eval_steps: int = 250
    checkpoint_steps: int = 250
    log_steps: int = 10
    resume: bool = field(default=False, metadata={"help": "go on from output_dir/checkpoint"})
    seed: int = 0


def load_model(options: Options, store: FeatureStore, clips: list[SpokenClip]):
    """The model and tokenizer to start from; the clips' texts give the merges of a new tiny vocabulary."""
    if options.init:
        tokenizer = AutoTokenizer.from_pretrained(Path(options.init, "tokenizer"))
        folders = [folder for name in ("model", "semantic_model") if (folder := Path(options.init, name)).is_dir()]
        if not folders:
            raise ValueError(
                f"{options.init} holds neither model/ nor semantic_model/; give a trained model to --init."
            )
        model = FlowDubberSemanticForConditionalGeneration.from_pretrained(folders[0])
        check_tokenizer(tokenizer, model.config)
        if options.init_codes != options.codes:
            pairs = [
                (
                    item.semantic_tokens,
                    phone_codes(store.phones(item.clip.id), len(item.semantic_tokens), SEMANTIC_TOKEN_RATE),
                )
                for item in clips
            ]
            transfer_phone_embeddings(model, pairs)
    else:
        base = AutoTokenizer.from_pretrained(options.text_tokenizer) if options.text_tokenizer else None
        known = Path(options.output_dir, "tokenizer")
        if options.resume and known.is_dir():  # the vocabulary that the checkpoint was trained with
            tokenizer = AutoTokenizer.from_pretrained(known)
        else:
            tokenizer = build_tokenizer(options.preset, [item.text for item in clips], base)
        overrides = json.loads(options.text_config) if options.text_config else {}
        model = FlowDubberSemanticForConditionalGeneration(semantic_config(options.preset, text_config=overrides))
    for layer in model.model.layers:  # dropout belongs to this run, not to the model that is saved
        layer.self_attn.attention_dropout = options.attention_dropout
    return model, tokenizer


def make_optimizer(model: torch.nn.Module, options: Options) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.98))


class Run:
    """The run's folder: log, checkpoint, results."""

    def __init__(self, accelerator: Accelerator, options: Options):
        self.accelerator, self.folder = accelerator, Path(options.output_dir)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.progress = {"step": 0, "seconds": 0.0}
        self.checkpoint = self.folder / "checkpoint"
        if options.resume:
            if not (self.checkpoint / "progress.json").is_file():
                raise ValueError(f"there is no checkpoint in {self.folder}; start without --resume.")
            self.progress = json.loads((self.checkpoint / "progress.json").read_text())
            accelerator.load_state(str(self.checkpoint))
        self.started = time.monotonic() - self.progress["seconds"]

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def log(self, **values) -> None:
        if self.accelerator.is_main_process:
            line = json.dumps(values)
            print(line, flush=True)
            with (self.folder / "log.jsonl").open("a") as log:
                log.write(line + "\n")

    def save_checkpoint(self, step: int) -> None:
        self.accelerator.save_state(str(self.checkpoint))
        if self.accelerator.is_main_process:
            (self.checkpoint / "progress.json").write_text(json.dumps({"step": step, "seconds": self.seconds}))

    def save_tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if self.accelerator.is_main_process:
            tokenizer.save_pretrained(self.folder / "tokenizer")

    def save_model(self, model: torch.nn.Module) -> None:
        if self.accelerator.is_main_process:
            self.accelerator.unwrap_model(model).save_pretrained(self.folder / "model")


def main(arguments: list[str] | None = None) -> None:
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = HfArgumentParser(Options, description=__doc__)
    if len(arguments) == 1 and arguments[0].endswith(".json"):
        (options,) = parser.parse_json_file(arguments[0])
    else:
        (options,) = parser.parse_args_into_dataclasses(arguments)
    accelerator = Accelerator()
    set_seed(options.seed)
    store = FeatureStore(options.features)
    clips = read_spoken_clips(store, "train", options.sources, codes=options.codes)
    held_out = read_spoken_clips(store, "val", [options.sources[0]], codes=options.codes)
    model, tokenizer = load_model(options, store, clips)
    settings = SequenceSettings(
        source_weights=dict(zip(options.sources, options.source_shares, strict=True)),
        own_reference=options.own_reference,
        without_transcript=options.without_transcript,
        token_noise=options.token_noise,
    )
    batches = SemanticBatches(clips, tokenizer, model.config, options.batch_size, settings, options.seed)
    if options.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    model, optimizer = accelerator.prepare(model, make_optimizer(model, options))
    run = Run(accelerator, options)
    run.save_tokenizer(tokenizer)
    run.log(options=asdict(options), train_clips=len(clips), parameters=sum(p.numel() for p in model.parameters()))

    model.train()
    sums = {"loss": 0.0, "target_loss": 0.0, "count": 0}
    step, share = run.progress["step"], 0.0
    while step < options.max_train_steps and share < 1:
        share = run.seconds / (60 * options.max_minutes) if options.max_minutes else 0.0
        rate = options.learning_rate * budgeted_rate(step, options.max_train_steps, options.warmup_steps, share)
        for group in optimizer.param_groups:
            group["lr"] = rate
        number = step * accelerator.num_processes + accelerator.process_index
        batch = {name: value.to(accelerator.device) for name, value in batches[number].items()}
        loss, target_loss = semantic_loss(
            model, batch, options.reference_weight, whole_vocabulary=step % options.whole_vocabulary_every == 0
        )
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), options.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        sums = {
            "loss": sums["loss"] + float(loss.detach()),
            "target_loss": sums["target_loss"] + float(target_loss.detach()),
            "count": sums["count"] + 1,
        }
        last = step == options.max_train_steps or share >= 1
        if step % options.log_steps == 0 or last:
            means = {name: round(sums[name] / sums["count"], 4) for name in ("loss", "target_loss")}
            run.log(step=step, **means, learning_rate=rate, seconds=round(run.seconds, 1))
            sums = {"loss": 0.0, "target_loss": 0.0, "count": 0}
        if step % options.eval_steps == 0 or last:
            figures = evaluate_semantics(accelerator.unwrap_model(model), tokenizer, held_out, clips)
            run.log(step=step, **{name: round(value, 4) for name, value in figures.items()})
        if step % options.checkpoint_steps == 0 or last:
            run.save_checkpoint(step)
    run.save_model(model)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)

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
"""Stage 1 of the dubber: lips and phonemes learn to find each other (dual contrastive aligning alone).

    python examples/train_aligner.py --features features --output_dir runs/aligner

Runs unchanged on a CPU, a GPU or several (`accelerate launch`); go on after a stop with the same command.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from transformers import HfArgumentParser

from flowdubber_hf.data.dubbing import DubbingClips, collate
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from flowdubber_hf.training.dubber import alignment_error, alignment_losses
from flowdubber_hf.training.loop import LoopArguments, make_accelerator, train
from flowdubber_hf.training.presets import ALIGNER_PRESETS


@dataclass
class AlignerArguments(LoopArguments):
    """Options of this stage."""

    preset: str = field(default="tiny", metadata={"help": "sizes: tiny or base"})
    init_from: str | None = field(default=None, metadata={"help": "aligner folder to start from"})
    exclude_speakers: list[str] = field(default_factory=list, metadata={"help": "speakers to leave out, e.g. grid-s4"})


def main() -> None:
    (arguments,) = HfArgumentParser(AlignerArguments).parse_args_into_dataclasses()
    torch.manual_seed(arguments.seed)
    accelerator = make_accelerator(arguments)
    store = FeatureStore(arguments.features)
    needs = ("audio", "phones", "crops")
    chosen = [c for c in store.clips("train", "grid", needs) if c.speaker not in arguments.exclude_speakers]
    training, held_out = DubbingClips(store, chosen), DubbingClips(store, store.clips("val", "grid", needs))
    accelerator.print(f"{len(training)} clips to train on, {len(held_out)} held out")
    if arguments.init_from:
        model = FlowDubberAlignerModel.from_pretrained(arguments.init_from, dtype=torch.float32)
    else:
        model = FlowDubberAlignerModel(FlowDubberAlignerConfig(**ALIGNER_PRESETS[arguments.preset]))
    share = arguments.batch_size // accelerator.num_processes

    def make_batch(step: int) -> dict[str, torch.Tensor]:
        generator = np.random.default_rng((arguments.seed, step))
        chosen = generator.choice(len(training), arguments.batch_size, replace=len(training) < arguments.batch_size)
        mine = chosen[accelerator.process_index * share :][:share]
        return collate([training.alignment_example(int(i), np.random.default_rng((step, int(i)))) for i in mine])

    validation = [
        collate([held_out.alignment_example(i, None) for i in range(first, min(first + 8, len(held_out)))])
        for first in range(0, len(held_out), 8)
    ]
    train(
        accelerator,
        model,
        arguments,
        make_batch,
        alignment_losses,
        lambda model: alignment_error(model, validation),
        lambda model, record: model.save_pretrained(Path(arguments.output_dir) / "aligner"),
    )


if __name__ == "__main__":
    main()

"""Trains the lip-sync judge that LSE-C and LSE-D need: mouth crops and sound of prepared clips, in sync or not.

    accelerate launch examples/train_syncnet.py examples/recipes/tiny/syncnet.yaml --dataset data/grid --output_dir runs/syncnet

Options stand behind the script or in a YAML or JSON file before them. `--resume_from_checkpoint latest` goes on after a
stop. `output_dir` gets `model/` (the last), `best/` (the lowest `val_confusion`), checkpoints and `log.jsonl`. A judge must
not have heard what it judges: train it on the split `train` alone, as here, and see what it can tell apart with
`evaluate_syncnet.py`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from accelerate import Accelerator

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.parts import load_part
from flowdubber_hf.models.syncnet import FlowDubberSyncNet, FlowDubberSyncNetConfig
from flowdubber_hf.training.arguments import TrainingArguments, parse_arguments, run_script
from flowdubber_hf.training.clip_choice import clips_of
from flowdubber_hf.training.loop import make_accelerator, train
from flowdubber_hf.training.syncnet_stage import SyncNetSettings, SyncNetStage


@dataclass
class SyncNetArguments(TrainingArguments):
    """What to train on, how long and where to."""

    init_from: str | None = field(
        default=None, metadata={"help": "judge to start from: a bundled name, a folder or a Hub id"}
    )
    num_frames: int = field(default=50, metadata={"help": "video frames a cut, 25 a second"})
    num_swapped: int = field(default=2, metadata={"help": "other clips' sounds that a cut is compared with"})
    speaker_balance: float = field(default=0.5, metadata={"help": "1 draws clips alike, 0 speakers"})
    augmentation: float = field(default=1.0, metadata={"help": "strength of random changes, 0 for none"})
    max_steps: int = 2000
    learning_rate: float = 2e-3
    min_learning_rate: float = 2e-5


def load_model(arguments: SyncNetArguments) -> FlowDubberSyncNet:
    """The judge to start from."""
    if arguments.init_from:
        return load_part("syncnet", arguments.init_from, training=True)
    return FlowDubberSyncNet(FlowDubberSyncNetConfig())


def make_stage(arguments: SyncNetArguments, accelerator: Accelerator, store: FeatureStore) -> SyncNetStage:
    """What is trained on what."""
    settings = SyncNetSettings(
        num_frames=arguments.num_frames,
        num_swapped=arguments.num_swapped,
        speaker_balance=arguments.speaker_balance,
        augmentation=arguments.augmentation,
    )
    return SyncNetStage(
        load_model(arguments),
        store,
        *clips_of(store, arguments, accelerator, ("audio", "crops")),
        settings,
        arguments.batch_size,
        arguments.seed,
    )


def main(given: Sequence[str] | None = None, store: FeatureStore | None = None) -> dict[str, Any]:
    """Trains as a command line says, `sys.argv`'s where not given, on `--dataset` where no `store` is given; the run in figures."""
    arguments = parse_arguments(SyncNetArguments, given, description=__doc__)
    accelerator = make_accelerator(arguments)
    store = FeatureStore(arguments.dataset) if store is None else store
    return train(make_stage(arguments, accelerator, store), arguments, accelerator)


if __name__ == "__main__":
    run_script(main)

"""Stage 1 of the dubber: lips and phonemes learn to find each other (dual contrastive aligning alone).

    python examples/train_aligner.py --dataset data/grid --output_dir runs/aligner

Leaves the aligner of the last step in `output_dir/model/aligner` and the one with the best phoneme starts on the
held-out clips in `output_dir/best/aligner`. The same command runs on a CPU, a GPU or several (`accelerate launch`); add
`--resume_from_checkpoint latest` to go on after a stop. A YAML or JSON file of options may come first.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flowdubber_hf.data.dubbing import DubbingClips
from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from flowdubber_hf.models.parts import load_part
from flowdubber_hf.processing.text import ACCENTS
from flowdubber_hf.training.arguments import TrainingArguments, choose_from, parse_arguments, run_script
from flowdubber_hf.training.clip_choice import clips_of, parse_shares
from flowdubber_hf.training.dubber_stage import VIDEO_NEEDS, AlignerStage, set_dropout, share_by_source
from flowdubber_hf.training.loop import make_accelerator, train
from flowdubber_hf.training.presets import ALIGNER_PRESETS


@dataclass
class AlignerArguments(TrainingArguments):
    """Options of this stage."""

    preset: str = field(default="tiny", metadata={"help": "sizes of a new aligner: tiny or base"})
    semantic_hidden_size: int | None = field(
        default=None, metadata={"help": "width of the language model's states; the preset's where not given"}
    )
    phoneme_accent: str | None = field(
        default=None, metadata={"help": "us or gb, whose name of the letter z; the preset's where not given"}
    )
    init_from: str | None = field(
        default=None, metadata={"help": "aligner to start from: its folder or Hub id, or a pipeline that has one"}
    )
    lip_reader: str | None = field(
        default=None,
        metadata={
            "help": "folder of `flowdubber convert lipreader`, the lip encoder's stem and trunk; they stay frozen"
        },
    )
    train_lip_reader: bool = field(default=False, metadata={"help": "train on what --lip_reader gives, too"})
    sources: list[str] = field(default_factory=list, metadata={"help": "sources of the dataset; all if none is named"})
    source_shares: list[float] = field(default_factory=list, metadata={"help": "how often each source, all alike"})
    balance_speakers: bool = field(
        default=False, metadata={"help": "speakers by the root of their number of clips: a face with few is seen more"}
    )
    style_swap: float = field(
        default=0.5, metadata={"help": "how often the style vector is that of another clip of the speaker"}
    )
    style_drop: float = field(default=0.0, metadata={"help": "how often the style vector is replaced by zeros"})
    dropout: float | None = field(default=None, metadata={"help": "use this dropout everywhere, not the configured"})

    def __post_init__(self):
        super().__post_init__()
        choose_from("--preset", self.preset, tuple(ALIGNER_PRESETS))
        if self.phoneme_accent is not None:
            choose_from("--phoneme_accent", self.phoneme_accent, ACCENTS)
        if self.train_lip_reader and not self.lip_reader:
            raise ValueError("--train_lip_reader says what to do with --lip_reader; name one.")


def make_aligner(arguments: AlignerArguments) -> FlowDubberAlignerModel:
    """The aligner to start from."""
    reader = None
    if arguments.lip_reader:
        reader = load_part("lip_reader", arguments.lip_reader)
    if arguments.init_from:
        aligner = load_part("aligner", arguments.init_from, training=True)
    else:
        sizes = dict(ALIGNER_PRESETS[arguments.preset])
        changed = {name: getattr(arguments, name) for name in ("semantic_hidden_size", "phoneme_accent")}
        sizes |= {name: value for name, value in changed.items() if value is not None}
        if reader is not None:
            sizes |= FlowDubberAlignerConfig.lip_reader_settings(reader.config)
        aligner = FlowDubberAlignerModel(FlowDubberAlignerConfig(**sizes))
    if reader is not None:
        aligner.take_lip_reader(reader)
        if not arguments.train_lip_reader:
            for name, _ in reader.trunk.named_parameters():
                aligner.lip_encoder.get_parameter(name).requires_grad_(False)
    if arguments.dropout is not None:
        set_dropout(aligner, arguments.dropout)
    return aligner


def main(given: Sequence[str] | None = None, store: FeatureStore | None = None) -> dict[str, Any]:
    """Trains as a command line says, `sys.argv`'s where not given, on `--dataset` where no `store` is given; the run in figures."""
    arguments = parse_arguments(AlignerArguments, given, description=__doc__)
    accelerator = make_accelerator(arguments, find_unused_parameters=True)
    store = FeatureStore(arguments.dataset) if store is None else store
    training, held_out = clips_of(store, arguments, accelerator, VIDEO_NEEDS)
    accelerator.print(f"{len(training)} clips to train on, {len(held_out)} held out")
    stage = AlignerStage(
        make_aligner(arguments),
        [
            (DubbingClips(store, part.clips, arguments.style_swap, arguments.style_drop), part.share)
            for part in share_by_source(
                training,
                parse_shares(arguments.sources, arguments.source_shares),
                balance_speakers=arguments.balance_speakers,
            )
        ],
        DubbingClips(store, held_out),
        arguments.batch_size,
        arguments.seed,
    )
    return train(stage, arguments, accelerator)


if __name__ == "__main__":
    run_script(main)

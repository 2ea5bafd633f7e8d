"""Trains the aligner's predictor of natural durations: script and voice to the length of each phoneme and pause.

    python examples/train_durations.py --dataset prepared/grid prepared/speech --aligner outputs/aligner/best/aligner --output_dir outputs/durations

Any transcribed speech serves, with or without video. Nothing else of the aligner is changed: `output_dir/best/aligner` is the
aligner that was given, with a trained predictor. `--teacher` adds durations that another speech model gave, without sound.

`--semantic_features STATES` trains the other source of durations instead, on an aligner that has a predictor: a tie of the phonemes
to the language model's states (`extract_semantic_features.py --codes spoken` writes them). The aligner that is written has
`duration_source` `semantics`; `evaluate_durations.py` compares the two.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.aligner import FlowDubberAlignerConfig, FlowDubberAlignerModel
from flowdubber_hf.models.parts import load_part
from flowdubber_hf.training.arguments import TrainingArguments, parse_arguments, run_script
from flowdubber_hf.training.clip_choice import clips_of, parse_shares, source_shares
from flowdubber_hf.training.duration_stage import DurationStage, TimedScript, read_teacher, timed_script
from flowdubber_hf.training.loop import make_accelerator, train
from flowdubber_hf.training.semantic_duration_stage import SemanticTieStage
from flowdubber_hf.training.semantic_features import SemanticCache


@dataclass
class DurationArguments(TrainingArguments):
    """Options of this stage."""

    aligner: str = field(default="", metadata={"help": "aligner to give a predictor: folder or Hub id, or a pipeline"})
    layers: int = field(default=4, metadata={"help": "convolutions of a new predictor"})
    hidden_size: int = field(default=128, metadata={"help": "width of a new predictor"})
    teacher: str | None = field(
        default=None, metadata={"help": "JSON lines with phonemes, pauses, seconds and style of another speech model"}
    )
    semantic_features: str | None = field(
        default=None, metadata={"help": "states of extract_semantic_features.py --codes spoken: durations from them"}
    )
    sources: list[str] = field(default_factory=list, metadata={"help": "sources to train on; all if none is named"})
    source_shares: list[float] = field(default_factory=list, metadata={"help": "how often each source, all alike"})
    max_steps: int = 1500
    batch_size: int = 64
    learning_rate: float = 2e-3
    min_learning_rate: float = 2e-5

    def __post_init__(self):
        super().__post_init__()
        if not self.aligner:
            raise ValueError("--aligner names the aligner that gets the predictor.")
        if self.layers < 1 or self.hidden_size < 1:
            raise ValueError("--layers and --hidden_size must be at least 1.")
        if self.semantic_features and self.teacher:
            raise ValueError("--teacher has no sound and so no states; leave it or --semantic_features out.")


def with_predictor(aligner: FlowDubberAlignerModel, layers: int, hidden_size: int) -> FlowDubberAlignerModel:
    """The aligner as it is if it has a predictor of durations, else the same with a new one."""
    if aligner.duration_predictor is not None:
        return aligner
    settings = {**aligner.config.to_dict(), "num_duration_layers": layers, "duration_hidden_size": hidden_size}
    made = FlowDubberAlignerModel(FlowDubberAlignerConfig.from_dict(settings))
    made.load_state_dict({**made.state_dict(), **aligner.state_dict()})
    return made


def with_tie(aligner: FlowDubberAlignerModel, semantic_hidden_size: int) -> FlowDubberAlignerModel:
    """The aligner with its durations from the language model's speech, by a new tie if it has none.

    Raises:
        ValueError: it has no predictor, or is of another language model.
    """
    if aligner.duration_predictor is None:
        raise ValueError("this aligner has no predictor of durations; train one first, without --semantic_features.")
    if aligner.config.semantic_hidden_size != semantic_hidden_size:
        raise ValueError(
            f"the states are {semantic_hidden_size} wide and the aligner takes {aligner.config.semantic_hidden_size}."
        )
    if aligner.semantic_tie is not None:
        return aligner
    made = FlowDubberAlignerModel(
        FlowDubberAlignerConfig.from_dict({**aligner.config.to_dict(), "duration_source": "semantics"})
    )
    made.load_state_dict({**made.state_dict(), **aligner.state_dict()})
    return made


def make_stage(
    arguments: DurationArguments,
    aligner: FlowDubberAlignerModel,
    groups: list[tuple[list[TimedScript], float]],
    held_out: list[TimedScript],
) -> DurationStage | SemanticTieStage:
    if not arguments.semantic_features:
        aligner = with_predictor(aligner, arguments.layers, arguments.hidden_size)
        return DurationStage(aligner, groups, held_out, arguments.batch_size, arguments.seed)
    states = SemanticCache(arguments.semantic_features)
    aligner = with_tie(aligner, states.hidden_size)
    return SemanticTieStage(aligner, groups, held_out, states, arguments.batch_size, arguments.seed)


def main(given: Sequence[str] | None = None, store: FeatureStore | None = None) -> dict[str, Any]:
    """Trains as a command line says, `sys.argv`'s where not given, on `--dataset` where no `store` is given; the run in figures."""
    arguments = parse_arguments(DurationArguments, given, description=__doc__)
    accelerator = make_accelerator(arguments)
    store = FeatureStore(arguments.dataset) if store is None else store
    training, held_out = clips_of(store, arguments, accelerator, ("audio", "phones", "style"))
    groups: dict[str, list[TimedScript]] = {}
    for clip in training:
        groups.setdefault(clip.source, []).append(timed_script(store, clip))
    if arguments.teacher:
        groups["teacher"] = read_teacher(arguments.teacher)
    shares = source_shares(groups, parse_shares(arguments.sources, arguments.source_shares))
    aligner = load_part("aligner", arguments.aligner, training=True)
    shared = [(groups[source], share) for source, share in shares.items()]
    scripts = [timed_script(store, clip) for clip in held_out]
    return train(make_stage(arguments, aligner, shared, scripts), arguments, accelerator)


if __name__ == "__main__":
    run_script(main)

"""Samples speech tokens for the clips of a dataset and keeps the language model's hidden states for the dubber.

    accelerate launch examples/extract_semantic_features.py --dataset prepared --model outputs/semantic/best --cache states

`--model` is what `train_semantic_lm.py` wrote or a whole pipeline: a folder, a bundled name or a Hub id. The cache gets `<id>.<sample>.npy` (float16,
speech tokens x hidden size) and `settings.json`, which names the weights; states of another model are refused. Files that
exist are kept, so the command can be stopped and given again, with more clips or samples too. One process or several make
the same files. A model that spells (`answer` of its configuration) draws nothing and has a state for each phoneme of the script:
give `--samples 1`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import HfArgumentParser

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.training.arguments import run_script
from flowdubber_hf.training.semantic_data import check_codes, codes_needed, read_spoken_clips
from flowdubber_hf.training.semantic_features import SemanticCache, cache_settings, cache_spoken_clips, codes_known
from flowdubber_hf.training.semantic_model import load_model


@dataclass
class Arguments:
    """What to sample and where to keep it."""

    dataset: list[str] = field(metadata={"help": "one or more folders written by `flowdubber prepare`"})
    model: str = field(metadata={"help": "folder of the trained language model, or of a pipeline"})
    cache: str = field(metadata={"help": "folder that gets the states"})
    splits: list[str] = field(default_factory=lambda: ["train", "val"], metadata={"help": "splits of the dataset"})
    sources: list[str] = field(default_factory=list, metadata={"help": "sources of the dataset; all if none is named"})
    samples: int = field(default=2, metadata={"help": "samples of each clip to train on; 1 of the others"})
    own_reference: float = field(default=0.5, metadata={"help": "probability of the clip itself as reference"})
    without_transcript: float = field(default=0.5, metadata={"help": "probability of the voice-only prompt"})
    max_new_tokens: int = field(default=400, metadata={"help": "longest speech, 50 tokens a second"})
    codes: str = field(
        default="sampled",
        metadata={"help": "sampled, as at test; or spoken: the clip's own, which no dub can know (an upper bound)"},
    )
    batch_size: int = field(default=64, metadata={"help": "clips that are sampled at once"})

    def __post_init__(self):
        if min(self.samples, self.max_new_tokens, self.batch_size) < 1:
            raise ValueError("--samples, --max_new_tokens and --batch_size must be at least 1.")
        if not (0 <= self.own_reference <= 1 and 0 <= self.without_transcript <= 1):
            raise ValueError("--own_reference and --without_transcript are probabilities and must lie in 0 .. 1.")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = HfArgumentParser(Arguments, description=__doc__, allow_abbrev=False)
    (args,) = parser.parse_args_into_dataclasses(arguments)
    state, store = PartialState(), FeatureStore(args.dataset)
    model, tokenizer = load_model(args.model)
    codes = codes_known(model)
    spoken = read_spoken_clips(store, store.clips(args.splits, args.sources or None, codes_needed(codes)), codes)
    check_codes(spoken, model.config)
    settings = cache_settings(
        model, tokenizer, args.own_reference, args.without_transcript, args.max_new_tokens, args.codes
    )
    with state.main_process_first():  # it writes the settings, the others compare with them
        cache = SemanticCache(args.cache, settings)
    model = model.to(state.device)
    written = cache_spoken_clips(
        model,
        tokenizer,
        cache,
        spoken,
        args.samples,
        batch_size=args.batch_size,
        process=state.process_index,
        num_processes=state.num_processes,
        progress=state.is_main_process,
    )
    state.print(f"{sum(gather_object([written]))} files written for {len(spoken)} clips")
    state.destroy_process_group()


if __name__ == "__main__":
    run_script(main)

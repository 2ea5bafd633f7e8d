"""Trains the semantic language model: script, voice and reference speech in, 50 Hz semantic tokens out.

    accelerate launch examples/train_semantic_lm.py --dataset prepared --output_dir outputs/semantic

Options stand behind the script or in a YAML or JSON file before them. The dataset needs phoneme times and the tokens of the
trained speech tokenizer (`flowdubber prepare --speech_tokenizer FOLDER`). `--resume_from_checkpoint latest` goes on after a
stop.

`--init_from` takes an earlier run, a whole pipeline, or a plain Qwen2 by folder or Hub id (`Qwen/Qwen2.5-0.5B`), which keeps
its weights and gets the speech tokens of `--preset` behind its own. `--lora_rank 16` trains low-rank matrices only; the saved
model has them in its weights, and `adapter/` has them alone. Without `--init_from` most of the learning needs no speech
tokenizer: `--codes spelling` teaches it to read (each phoneme once, with `--without_transcript 1`), `--codes phones`, if wanted,
how long phonemes last; speech tokens come last. What `--codes spelling` writes can also stay what it is: a model whose states are of the
script's phonemes (`answer` of its configuration), for the voices of `flowdubber prepare --speech_tokenizer`. Each starts from the stage before by `--init_from FOLDER --init_codes phones`.

`output_dir` gets `model/` (the last) and `best/` (the lowest `val_perplexity`), both with the tokenizer, checkpoints and
`log.jsonl`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.semantic import FlowDubberSemanticForConditionalGeneration
from flowdubber_hf.models.semantic.configuration_semantic import SEMANTIC_TOKEN_RATE, TEXT_PRESETS
from flowdubber_hf.training.arguments import TrainingArguments, choose_from, parse_arguments, run_script
from flowdubber_hf.training.clip_choice import clips_of, parse_shares
from flowdubber_hf.training.loop import make_accelerator, train
from flowdubber_hf.training.semantic_adapters import TARGET_MODULES, Adapter
from flowdubber_hf.training.semantic_data import (
    CODES,
    SequenceSettings,
    SpokenClip,
    codes_needed,
    read_spoken_clips,
)
from flowdubber_hf.training.semantic_model import fresh_model, load_model
from flowdubber_hf.training.semantic_phones import phone_codes, transfer_phone_embeddings
from flowdubber_hf.training.semantic_stage import SemanticStage
from flowdubber_hf.training.semantic_training import validation_choice


@dataclass
class SemanticArguments(TrainingArguments):
    """What is trained, on what and for how long."""

    init_from: str | None = field(
        default=None, metadata={"help": "earlier run, pipeline, or a plain Qwen2 by folder or Hub id"}
    )
    codes: str = field(
        default="tokens", metadata={"help": "tokens of the speech tokenizer, or spelling and phones for first stages"}
    )
    init_codes: str = field(
        default="tokens", metadata={"help": "phones where --init_from was trained on phones or spelling"}
    )
    preset: str = field(default="tiny", metadata={"help": "tiny or base: sizes, or a plain Qwen2's speech tokens"})
    text_tokenizer: str | None = field(
        default=None, metadata={"help": "for a fresh base: folder or Hub id of Qwen2.5's tokenizer"}
    )
    text_config: str | None = field(default=None, metadata={"help": "JSON of Qwen2 settings to change in the preset"})
    sources: list[str] = field(default_factory=list, metadata={"help": "sources of the dataset; all if none is named"})
    source_shares: list[float] = field(default_factory=list, metadata={"help": "how often each source, all alike"})
    own_reference: float = field(default=0.2, metadata={"help": "probability that the reference is the clip itself"})
    without_transcript: float = field(default=0.3, metadata={"help": "probability of the prompt with the voice only"})
    token_noise: float = field(default=0.1, metadata={"help": "share of semantic input tokens replaced at random"})
    reference_weight: float = field(default=0.7, metadata={"help": "weight of the loss on the reference's own tokens"})
    whole_vocabulary_every: int = field(
        default=16, metadata={"help": "steps between losses over the whole vocabulary"}
    )
    attention_dropout: float = field(default=0.1, metadata={"help": "of this run; the model keeps its own"})
    lora_rank: int = field(
        default=0, metadata={"help": "train matrices of this rank beside the weights; 0: the weights"}
    )
    lora_alpha: float = field(default=16.0, metadata={"help": "their product counts this divided by the rank"})
    lora_dropout: float = field(default=0.0, metadata={"help": "of what they read"})
    lora_target_modules: list[str] = field(
        default_factory=lambda: list(TARGET_MODULES), metadata={"help": "layers that get them"}
    )
    validation_clips: int = field(default=32, metadata={"help": "held-out clips, those with video first"})
    max_steps: int = 1000
    batch_size: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_steps: int = 50
    use_ema: bool = field(default=False, metadata={"help": "publish the exponential moving average of the weights"})
    save_steps: int = 250
    validation_steps: int = 250
    logging_steps: int = 10

    def __post_init__(self):
        super().__post_init__()
        choose_from("--codes", self.codes, CODES)
        choose_from("--init_codes", self.init_codes, CODES[:2])
        choose_from("--preset", self.preset, tuple(TEXT_PRESETS))
        if self.init_codes == "phones" and not self.init_from:
            raise ValueError("--init_codes says what --init_from was trained on; give --init_from.")
        if self.codes != "tokens" and self.init_from and self.init_codes == "tokens":
            raise ValueError(f"a model of speech tokens cannot be trained on {self.codes}; give --init_codes phones.")
        if self.init_from and (self.text_tokenizer or self.text_config):
            raise ValueError(
                "--text_tokenizer and --text_config are for fresh models; leave them out with --init_from."
            )
        if self.validation_clips < 1 or not 0 <= self.attention_dropout < 1 or self.reference_weight < 0:
            raise ValueError(
                "--validation_clips must be at least 1, --attention_dropout in [0, 1) and --reference_weight not negative."
            )
        make_adapter(self)
        if self.text_config:
            try:
                json.loads(self.text_config)
            except json.JSONDecodeError as error:
                raise ValueError(f"--text_config is not JSON: {error}.") from error


def starting_point(
    arguments: SemanticArguments, accelerator: Accelerator, store: FeatureStore, clips: list[SpokenClip]
) -> tuple[FlowDubberSemanticForConditionalGeneration, PreTrainedTokenizerBase]:
    """The model and its tokenizer; a fresh tiny vocabulary stays what it was when the run began."""
    if arguments.init_from:
        model, tokenizer = load_model(arguments.init_from, arguments.preset, arguments.seed)
        if arguments.init_codes == "phones" and arguments.codes == "tokens":
            pairs = (
                (
                    item.semantic_tokens,
                    phone_codes(store.phones(item.clip.id), len(item.semantic_tokens), SEMANTIC_TOKEN_RATE),
                )
                for item in clips
            )
            transfer_phone_embeddings(model, pairs)
        return model, tokenizer
    text_config = json.loads(arguments.text_config) if arguments.text_config else None
    texts = [item.text for item in clips]
    model, tokenizer = fresh_model(arguments.preset, texts, arguments.text_tokenizer, text_config)
    folder = Path(arguments.output_dir) / "tokenizer"
    with accelerator.main_process_first():
        if folder.is_dir():
            tokenizer = AutoTokenizer.from_pretrained(folder)
        else:
            tokenizer.save_pretrained(folder)
    return model, tokenizer


def make_adapter(arguments: SemanticArguments) -> Adapter | None:
    """The low-rank matrices, where they are asked for."""
    if not arguments.lora_rank:
        return None
    modules = tuple(arguments.lora_target_modules)
    try:
        return Adapter(arguments.lora_rank, arguments.lora_alpha, arguments.lora_dropout, modules)
    except ImportError as error:
        raise ValueError(str(error)) from error


def make_stage(arguments: SemanticArguments, accelerator: Accelerator, store: FeatureStore) -> SemanticStage:
    """What is trained on what."""
    training, held_out = clips_of(store, arguments, accelerator, codes_needed(arguments.codes))
    clips = read_spoken_clips(store, training, arguments.codes)
    validation = validation_choice(read_spoken_clips(store, held_out, arguments.codes), arguments.validation_clips)
    model, tokenizer = starting_point(arguments, accelerator, store, clips)
    model.config.answer = "spelling" if arguments.codes == "spelling" else "speech"
    settings = SequenceSettings(
        sources=parse_shares(arguments.sources, arguments.source_shares),
        own_reference=arguments.own_reference,
        without_transcript=arguments.without_transcript,
        token_noise=arguments.token_noise,
    )
    return SemanticStage(
        model,
        tokenizer,
        clips,
        validation,
        arguments.batch_size,
        settings,
        arguments.seed,
        arguments.reference_weight,
        arguments.whole_vocabulary_every,
        arguments.attention_dropout,
        make_adapter(arguments),
    )


def main(given: Sequence[str] | None = None, store: FeatureStore | None = None) -> dict[str, Any]:
    """Trains as a command line says, `sys.argv`'s where not given, on `--dataset` where no `store` is given; the run in figures."""
    arguments = parse_arguments(SemanticArguments, given, description=__doc__)
    accelerator = make_accelerator(arguments)
    store = FeatureStore(arguments.dataset) if store is None else store
    return train(make_stage(arguments, accelerator, store), arguments, accelerator)


if __name__ == "__main__":
    run_script(main)

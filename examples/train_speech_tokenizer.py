"""Trains the speech tokenizer: sound in, 50 Hz semantic tokens and 32 tokens of the voice out, and back.

    accelerate launch examples/train_speech_tokenizer.py --dataset prepared --output_dir outputs/speech_tokenizer

Options stand behind the script or in a YAML or JSON file before them. Phoneme times in the dataset make the tokens
phonetic. `--resume_from_checkpoint latest` goes on after a stop; `--init_from` trains a model further, with its phoneme and
speaker heads where they fit. Once a language model is trained on the semantic tokens, improve the voice and the decoders
with `--init_from FOLDER --freeze_semantic --speaker_weight 1`, which leaves those tokens as they are.

`output_dir` gets `model/` (the last), `best/` (the lowest `val_score`), checkpoints and `log.jsonl`. The tokens of a dataset
are written by `flowdubber prepare --speech_tokenizer FOLDER`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from accelerate import Accelerator

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.parts import load_part
from flowdubber_hf.models.speech_tokenizer import (
    SPEECH_TOKENIZER_PRESETS,
    FlowDubberSpeechTokenizer,
    FlowDubberSpeechTokenizerConfig,
)
from flowdubber_hf.training.arguments import TrainingArguments, choose_from, parse_arguments, run_script
from flowdubber_hf.training.clip_choice import clips_of, parse_shares
from flowdubber_hf.training.loop import make_accelerator, train
from flowdubber_hf.training.speech_tokenizer_data import SegmentSettings
from flowdubber_hf.training.speech_tokenizer_losses import SpeechTokenizerLossWeights
from flowdubber_hf.training.speech_tokenizer_stage import SpeechTokenizerStage


@dataclass
class SpeechTokenizerArguments(TrainingArguments):
    """What is trained, on what and for how long. A row of a batch is a voice, of which two segments are heard."""

    preset: str = field(default="tiny", metadata={"help": "sizes: tiny or base, where there is no --init_from"})
    init_from: str | None = field(default=None, metadata={"help": "model to train further: its folder or Hub id"})
    freeze_semantic: bool = field(
        default=False, metadata={"help": "train the voice and the decoders only; semantic tokens stay what they are"}
    )
    seconds: float = field(default=2.0, metadata={"help": "length of a segment"})
    sources: list[str] = field(default_factory=list, metadata={"help": "sources of the dataset; all if none is named"})
    source_shares: list[float] = field(default_factory=list, metadata={"help": "how often each source, all alike"})
    phoneme_weight: float = field(default=0.5, metadata={"help": "of the frame-wise phoneme loss"})
    speaker_weight: float = field(default=0.1, metadata={"help": "of the speaker loss"})
    waveform_weight: float = field(default=0.1, metadata={"help": "of the generated sound's spectral loss"})
    waveform_tokens: int = field(default=25, metadata={"help": "length of the generated crop, 50 a second"})
    melody_weight: float = field(
        default=0.0, metadata={"help": "of voicing, F0 and loudness read from the tokens, so that these carry melody"}
    )
    max_steps: int = 20000
    batch_size: int = 8
    min_learning_rate: float = 1e-5
    warmup_steps: int = 50
    max_grad_norm: float = 2.0
    use_ema: bool = field(default=False, metadata={"help": "average the weights; codes that move make that blurry"})
    save_steps: int = 500
    validation_steps: int = 500

    def __post_init__(self):
        super().__post_init__()
        choose_from("--preset", self.preset, tuple(SPEECH_TOKENIZER_PRESETS))
        if self.freeze_semantic and not self.init_from:
            raise ValueError("--freeze_semantic needs --init_from: untrained tokens are not worth keeping.")
        for name in ("phoneme_weight", "speaker_weight", "waveform_weight", "melody_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"--{name} must not be negative, got {getattr(self, name)}.")


def load_tokenizer(arguments: SpeechTokenizerArguments) -> FlowDubberSpeechTokenizer:
    """The model to start from."""
    if arguments.init_from:
        return load_part("speech_tokenizer", arguments.init_from, training=True)
    return FlowDubberSpeechTokenizer(FlowDubberSpeechTokenizerConfig(**SPEECH_TOKENIZER_PRESETS[arguments.preset]))


def make_stage(
    arguments: SpeechTokenizerArguments, accelerator: Accelerator, store: FeatureStore
) -> SpeechTokenizerStage:
    """What is trained on what."""
    return SpeechTokenizerStage(
        load_tokenizer(arguments),
        store,
        *clips_of(store, arguments, accelerator),
        SegmentSettings(
            arguments.seconds, parse_shares(arguments.sources, arguments.source_shares), arguments.melody_weight > 0
        ),
        SpeechTokenizerLossWeights(
            arguments.phoneme_weight, arguments.speaker_weight, arguments.waveform_weight, arguments.melody_weight
        ),
        arguments.batch_size,
        arguments.seed,
        arguments.freeze_semantic,
        arguments.waveform_tokens,
        heads_from=arguments.init_from,
    )


def main(given: Sequence[str] | None = None, store: FeatureStore | None = None) -> dict[str, Any]:
    """Trains as a command line says, `sys.argv`'s where not given, on `--dataset` where no `store` is given; the run in figures."""
    arguments = parse_arguments(SpeechTokenizerArguments, given, description=__doc__)
    accelerator = make_accelerator(arguments)
    store = FeatureStore(arguments.dataset) if store is None else store
    return train(make_stage(arguments, accelerator, store), arguments, accelerator)


if __name__ == "__main__":
    run_script(main)

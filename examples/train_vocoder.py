"""Trains the vocoder: mel spectrogram in, 16 kHz sound out.

    accelerate launch examples/train_vocoder.py --dataset prepared --output_dir outputs/vocoder --max_steps 6000

Options stand behind the script or in a YAML or JSON file before them (`train_vocoder.py vocoder.yaml --seed 1`).
`--init_from` starts from saved weights, such as the bundled ones; `--resume_from_checkpoint latest` goes on after a stop.
`--adversarial_weight 0.1` trains an adversary beside it. Take `model/` then: what fools it need not have the lowest distance.
`output_dir` gets `model/` (the last), `best/` (the lowest `val_energy`), checkpoints, `log.jsonl` and the F0 tracks of the
dataset, `pitch_tracks.safetensors`, which another run may be given with `--pitch_tracks`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from flowdubber_hf.data.features import FeatureStore
from flowdubber_hf.models.parts import load_part
from flowdubber_hf.models.vocoder import FlowDubberVocoder, FlowDubberVocoderConfig
from flowdubber_hf.training.arguments import TrainingArguments, choose_from, parse_arguments, run_script
from flowdubber_hf.training.clip_choice import clips_of
from flowdubber_hf.training.loop import make_accelerator, train
from flowdubber_hf.training.presets import VOCODER_PRESETS
from flowdubber_hf.training.vocoder_stage import VocoderSettings, VocoderStage


@dataclass
class VocoderArguments(TrainingArguments):
    """What to train on, how long and where to."""

    preset: str = field(default="tiny", metadata={"help": "sizes of a new vocoder: tiny or base"})
    init_from: str | None = field(
        default=None, metadata={"help": "vocoder to start from: its folder or Hub id, or a pipeline that has one"}
    )
    num_frames: int = field(default=128, metadata={"help": "mel frames a cut, 100 a second"})
    video_share: float = field(default=0.5, metadata={"help": "share of cuts from clips with video"})
    soften_from: float = field(default=0.5, metadata={"help": "part of the steps after which mels are softened"})
    windows_per_step: int = field(default=3, metadata={"help": "resolutions of the loss, drawn anew each step"})
    predicted_pitch_share: float = field(default=0.25, metadata={"help": "cuts that sound at the network's own F0"})
    adversarial_weight: float = field(
        default=0.0, metadata={"help": "weight of fooling an adversary that learns beside the vocoder; 0: none"}
    )
    adversarial_from: float = field(
        default=0.1, metadata={"help": "part of the steps after which the vocoder hears the adversary"}
    )
    validation_cuts: int = field(default=16, metadata={"help": "fixed cuts of held-out clips"})
    pitch_tracks: str | None = field(default=None, metadata={"help": "file that keeps the F0 tracks"})
    max_steps: int = 6000
    batch_size: int = 8
    min_learning_rate: float = 2e-5
    weight_decay: float = 0.0
    max_grad_norm: float = 2.0

    def __post_init__(self):
        super().__post_init__()
        choose_from("--preset", self.preset, tuple(VOCODER_PRESETS))
        for name in ("soften_from", "adversarial_from"):
            part = getattr(self, name)
            if not 0 <= part <= 1:
                raise ValueError(f"--{name} is a part of the steps and must lie in 0 .. 1, got {part}.")


def load_vocoder(arguments: VocoderArguments) -> FlowDubberVocoder:
    """The vocoder to start from."""
    if arguments.init_from:
        return load_part("vocoder", arguments.init_from, training=True)
    return FlowDubberVocoder(FlowDubberVocoderConfig(**VOCODER_PRESETS[arguments.preset]))


def make_stage(arguments: VocoderArguments, accelerator: Accelerator, store: FeatureStore) -> VocoderStage:
    """What is trained on what."""
    settings = VocoderSettings(
        num_frames=arguments.num_frames,
        video_share=arguments.video_share,
        soften_from=round(arguments.soften_from * arguments.max_steps),
        windows_per_step=arguments.windows_per_step,
        predicted_pitch_share=arguments.predicted_pitch_share,
        validation_cuts=arguments.validation_cuts,
        adversarial_weight=arguments.adversarial_weight,
        adversarial_from=round(arguments.adversarial_from * arguments.max_steps),
    )
    return VocoderStage(
        load_vocoder(arguments),
        store,
        *clips_of(store, arguments, accelerator),
        settings,
        arguments.batch_size,
        arguments.pitch_tracks or Path(arguments.output_dir) / "pitch_tracks.safetensors",
        arguments.seed,
    )


def main(given: Sequence[str] | None = None, store: FeatureStore | None = None) -> dict[str, Any]:
    """Trains as a command line says, `sys.argv`'s where not given, on `--dataset` where no `store` is given; the run in figures."""
    arguments = parse_arguments(VocoderArguments, given, description=__doc__)
    accelerator = make_accelerator(arguments)
    store = FeatureStore(arguments.dataset) if store is None else store
    return train(make_stage(arguments, accelerator, store), arguments, accelerator)


if __name__ == "__main__":
    run_script(main)

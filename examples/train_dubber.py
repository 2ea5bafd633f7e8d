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
"""Stage 2 of the dubber: aligner, mel prior and flow jointly, on top of the lips of stage 1 and the cached states of the
frozen language model.

    python examples/train_dubber.py --features features --aligner runs/aligner/aligner --output_dir runs/dubber

The lip encoder stays as stage 1 left it, so its features are computed once, in several augmented views. Clips of sound
alone (transcribed speech without video) join with a learned vector in place of the lips: they teach other voices. Runs
unchanged on a CPU, a GPU or several (`accelerate launch`); go on after a stop with the same command. To go on from a
finished pipeline folder: `--aligner FOLDER/aligner --vector_field FOLDER/vector_field`.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import HfArgumentParser

from flowdubber_hf.data.augmentation import augment_crops, normalize_crops
from flowdubber_hf.data.dubbing import DubbingClips, collate
from flowdubber_hf.data.features import FeatureStore, save_array
from flowdubber_hf.models.aligner import FlowDubberAlignerModel
from flowdubber_hf.models.layers import RotarySelfAttention
from flowdubber_hf.models.vector_field import FlowDubberVectorField
from flowdubber_hf.processing.audio import MEL_SETTINGS, VIDEO_FRAME_RATE
from flowdubber_hf.training.dubber import FlowDubberTrainingModel, LossWeights, dubber_losses
from flowdubber_hf.training.loop import LoopArguments, make_accelerator, train
from flowdubber_hf.training.presets import VECTOR_FIELD_PRESETS


@dataclass
class DubberArguments(LoopArguments):
    """Options of this stage."""

    aligner: str = field(default="", metadata={"help": "aligner folder of stage 1, or of a pipeline to go on from"})
    vector_field: str | None = field(default=None, metadata={"help": "vector field folder to go on from"})
    preset: str = field(default="tiny", metadata={"help": "sizes of a new vector field: tiny or base"})
    segment_frames: int = field(default=40, metadata={"help": "video frames that prior and flow see a clip"})
    speech_share: float = field(default=0.25, metadata={"help": "share of steps on sound without video"})
    max_speech_seconds: float = field(default=6.0, metadata={"help": "longest clip of sound without video"})
    knowledge_drop: float = field(default=0.15, metadata={"help": "how often the language model's part is dropped"})
    dropout: float | None = field(
        default=None, metadata={"help": "use this dropout everywhere, not the configured ones"}
    )
    lip_views: int = field(default=4, metadata={"help": "augmented views of each clip's lips, beside the plain one"})
    exclude_speakers: list[str] = field(default_factory=list, metadata={"help": "speakers to leave out, e.g. grid-s4"})


@torch.no_grad()
def lip_views(
    aligner: FlowDubberAlignerModel, clips: DubbingClips, views: int, folder: Path, device: torch.device
) -> list[np.ndarray]:
    """Lip features `(1 + views, F, hidden_size)` of every clip, the plain view first; kept in `folder`."""
    aligner.eval()
    found = []
    for index, clip in enumerate(tqdm(clips.clips, desc="lip features", leave=False)):
        path = folder / f"{clip.id}.npy"
        if not path.is_file():
            crops = clips.store.crops(clip.id)
            generator = np.random.default_rng(index)
            values = [normalize_crops(crops)] + [augment_crops(crops, generator) for _ in range(views)]
            features = aligner.lip_encoder(torch.stack(values).to(device), None)
            save_array(path, features.half().cpu().numpy())
        found.append(np.load(path, allow_pickle=False))
    return found


def set_dropout(model: torch.nn.Module, probability: float) -> None:
    """Sets every dropout of `model` for this run; the configuration keeps its own."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = probability
        elif isinstance(module, RotarySelfAttention):
            module.dropout = probability


def mel_statistics(clips: DubbingClips) -> tuple[float, float]:
    """Mean and standard deviation of the natural-log mel over up to 200 clips."""
    mels = [clips.mel(clip, clip.num_frames) for clip in clips.clips[:: max(1, len(clips) // 200)]]
    values = torch.cat(mels, dim=1)
    return round(float(values.mean()), 4), round(float(values.std()), 4)


def main() -> None:
    (arguments,) = HfArgumentParser(DubberArguments).parse_args_into_dataclasses()
    torch.manual_seed(arguments.seed)
    accelerator = make_accelerator(arguments)
    store, output = FeatureStore(arguments.features), Path(arguments.output_dir)
    video_needs, sound_needs = ("audio", "phones", "crops", "style"), ("audio", "phones", "style")
    chosen = [c for c in store.clips("train", "grid", video_needs) if c.speaker not in arguments.exclude_speakers]
    training, held_out = DubbingClips(store, chosen), DubbingClips(store, store.clips("val", "grid", video_needs))
    most = arguments.max_speech_seconds * 16000
    speech = DubbingClips(
        store,
        [c for c in store.clips("train", ("an4", "speechocean762"), sound_needs) if 16000 <= c.num_samples <= most],
    )
    accelerator.print(f"{len(training)} clips with video, {len(speech)} of sound, {len(held_out)} held out")

    aligner = FlowDubberAlignerModel.from_pretrained(arguments.aligner, dtype=torch.float32).to(accelerator.device)
    if arguments.vector_field:
        vector_field = FlowDubberVectorField.from_pretrained(arguments.vector_field, torch_dtype=torch.float32)
    else:
        mean, std = mel_statistics(training)
        vector_field = FlowDubberVectorField(
            **VECTOR_FIELD_PRESETS[arguments.preset], mel_mean=mean, mel_std=std, mel_settings=MEL_SETTINGS
        )
    aligner.lip_encoder.requires_grad_(False)
    if arguments.dropout is not None:
        set_dropout(aligner, arguments.dropout)
        set_dropout(vector_field, arguments.dropout)
    with accelerator.main_process_first():
        lips = lip_views(aligner, training, arguments.lip_views, output / "lips", accelerator.device)
        held_out_lips = lip_views(aligner, held_out, 0, output / "lips", accelerator.device)
    model = FlowDubberTrainingModel(aligner, vector_field)
    weights, share = LossWeights(), arguments.batch_size // accelerator.num_processes

    def make_batch(step: int) -> dict[str, torch.Tensor]:
        generator = np.random.default_rng((arguments.seed, step))
        clips = speech if len(speech) and generator.random() < arguments.speech_share else training
        chosen = generator.choice(len(clips), arguments.batch_size, replace=len(clips) < arguments.batch_size)
        examples = []
        for index in chosen[accelerator.process_index * share :][:share]:
            own = np.random.default_rng((arguments.seed, step, int(index)))
            view = None
            if clips is training:
                view = torch.from_numpy(lips[index][own.integers(len(lips[index]))].astype(np.float32))
            examples.append(clips.dubbing_example(int(index), own, view))
        batch = collate(examples)
        batch["use_found_path"] = torch.from_numpy(generator.random(share) < 0.5)
        drop = torch.from_numpy(generator.random(share) < arguments.knowledge_drop)
        batch["knowledge_drop"] = drop | ~batch["has_semantic"] if "has_semantic" in batch else drop
        return batch

    def validation_batches() -> list[dict[str, torch.Tensor]]:
        batches = []
        for first in range(0, len(held_out), 8):
            rows = range(first, min(first + 8, len(held_out)))
            views = [torch.from_numpy(held_out_lips[row][0].astype(np.float32)) for row in rows]
            batch = collate([held_out.dubbing_example(row, None, view) for row, view in zip(rows, views, strict=True)])
            batch["use_found_path"] = torch.ones(len(rows), dtype=torch.bool)
            batches.append(batch)
        return batches

    validation = validation_batches()

    def validate(model: FlowDubberTrainingModel) -> dict[str, float]:
        """Losses on the held-out clips, whole, with and without the language model's part; noise is fixed."""
        figures: dict[str, float] = {}
        with torch.random.fork_rng():
            for name, dropped in (("", False), ("_null", True)):
                torch.manual_seed(0)
                for batch in validation:
                    rows = len(batch["input_ids"])
                    batch = {key: value.to(accelerator.device) for key, value in batch.items()}
                    batch["knowledge_drop"] = torch.full((rows,), dropped, device=accelerator.device)
                    losses = dubber_losses(model.aligner, model.vector_field, batch, weights, 10 * VIDEO_FRAME_RATE)
                    for key in ("flow", "prior"):
                        figures[f"val_{key}{name}"] = figures.get(f"val_{key}{name}", 0.0) + float(losses[key]) * rows
        return {key: round(value / len(held_out), 5) for key, value in figures.items()}

    def save(model: FlowDubberTrainingModel, record: dict) -> None:
        model.aligner.save_pretrained(output / "aligner")
        model.vector_field.save_pretrained(output / "vector_field")

    def losses(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return model(batch, weights, arguments.segment_frames)

    train(accelerator, model, arguments, make_batch, losses, validate, save)


if __name__ == "__main__":
    main()

"""The two stages of the dubber on the shared loop: lips and phonemes first, then aligner, mel prior and flow jointly."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from ..data.augmentation import augment_crops, normalize_crops
from ..data.dubbing import DubbingClips, DubbingExample, KnownStates, collate
from ..data.features import Clip, FeatureStore, save_array
from ..models.aligner import FlowDubberAlignerModel
from ..models.aligner.modeling_aligner import FlowDubberAlignerEncoding
from ..models.aligner.semantic_knowledge import own_word_share
from ..models.layers import RotarySelfAttention
from ..processing.audio import MEL_FRAMES_PER_VIDEO_FRAME, NUM_MELS, SAMPLES_PER_VIDEO_FRAME
from ..work.reading import read_array
from .batching import BatchPlan, ClipGroup, row_generator
from .clip_choice import source_shares
from .dubber import (
    FlowDubberAligningModel,
    FlowDubberTrainingModel,
    alignment_error,
    choose_segment,
    dubber_losses,
    spoken_frames,
)
from .samples import Samples, alignment_samples, dubbing_samples
from .vector_field_adapter import LORA_FOLDER, VectorFieldAdapter


VIDEO_NEEDS = ("audio", "phones", "crops", "style")
SOUND_NEEDS = ("audio", "phones", "style")
SAMPLED_CLIPS = 3
_FOLLOWERS = (0.4, 0.15)  # how often at least one, two sentences of the speaker follow the first
_VALIDATION_BATCH = 8
_VALIDATION_SEED = 1


def hash_of(name: str) -> int:
    """A number from a name, the same on every machine."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _searched(
    aligner: FlowDubberAlignerModel, batch: dict[str, torch.Tensor], **lips: torch.Tensor
) -> FlowDubberAlignerEncoding:
    """The encoding with the path as at inference."""
    return aligner.encode(
        batch["input_ids"],
        batch["attention_mask"],
        batch["optional_mask"],
        lip_mask=batch["lip_mask"],
        style=batch["style"],
        **lips,
    )


def _frames(clip: Clip) -> int:
    return clip.num_frames or clip.num_samples // SAMPLES_PER_VIDEO_FRAME


def _batches_of(count: int) -> list[range]:
    return [range(first, min(first + _VALIDATION_BATCH, count)) for first in range(0, count, _VALIDATION_BATCH)]


@dataclass(frozen=True)
class SharedClips:
    """Clips of one source, all with video or all without, and their share of the steps."""

    clips: list[Clip]
    share: float


def share_by_source(
    clips: Sequence[Clip],
    shares: Mapping[str, float] | None = None,
    speech_share: float | None = None,
    balance_speakers: bool = False,
) -> list[SharedClips]:
    """
    Divides clips by source and kind; a step takes clips of one part alone.

    Args:
        shares: of each source (see [`~training.sources.source_shares`]), those that are not named are left out; without
            it every clip comes equally often.
        speech_share: without `shares`, the share of steps on sound without video.
        balance_speakers: each speaker is a part, and those of a source share by the root of their number of clips, so that a
            face with few clips is not lost beside one with many.

    Raises:
        ValueError: no clip of the named sources, or none at all.
    """
    parts: dict[tuple[str, bool, str], list[Clip]] = {}
    for clip in clips:
        parts.setdefault((clip.source, clip.num_frames > 0, clip.speaker if balance_speakers else ""), []).append(clip)
    if not parts:
        raise ValueError("there are no clips to train on.")
    if shares is not None:
        shares = source_shares({source for source, _, _ in parts}, shares)

    def weight(part: list[Clip]) -> float:
        return len(part) ** 0.5 if balance_speakers else len(part)

    def share(source: str, video: bool, speaker: str) -> float:
        fellows = [
            weight(part)
            for (other, kind, _), part in parts.items()
            if (other == source if shares is not None else kind == video or speech_share is None)
        ]
        whole = 1.0
        if shares is not None:
            whole = shares.get(source, 0.0)
        elif speech_share is not None:
            whole = 1 - speech_share if video else speech_share
        return whole * weight(parts[source, video, speaker]) / sum(fellows)

    found = [SharedClips(part, share(*key)) for key, part in sorted(parts.items())]
    return [part for part in found if part.share > 0]


def _plan(groups: Sequence[tuple[DubbingClips, float]], batch_size: int, seed: int) -> BatchPlan:
    lengths = [ClipGroup([_frames(clip) for clip in clips.clips], share) for clips, share in groups]
    return BatchPlan(lengths, batch_size, seed)


class AlignerStage:
    """Stage 1: lips and phonemes learn to find each other, by the dual contrastive loss alone.

    Args:
        aligner: to train.
        groups: clips with video, each group with its share of the steps.
        held_out: clips with video.
        batch_size: rows of a step's global batch.
        seed: of everything drawn.
    """

    best = "val_start_error_ms"

    def __init__(
        self,
        aligner: FlowDubberAlignerModel,
        groups: Sequence[tuple[DubbingClips, float]],
        held_out: DubbingClips,
        batch_size: int,
        seed: int,
    ):
        self.model = FlowDubberAligningModel(aligner)
        self.groups, self.held_out, self.seed = [clips for clips, _ in groups], held_out, seed
        self.plan = _plan(groups, batch_size, seed)

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Augmented clips; see [`~data.dubbing.DubbingClips.alignment_example`].

        All parts of a step have the length of its longest clip: the lip encoder's batch norms count padding too, so that
        otherwise their statistics would depend on how the rows are divided.
        """
        group, chosen = self.plan(step)
        clips = self.groups[group]

        def draws(row: int) -> np.random.Generator:
            return row_generator(self.seed, step, row)

        # All rows of a step have as many sentences, so that little of it is padding.
        drawn = row_generator(self.seed, step, len(chosen)).random()
        followers = sum(drawn < share for share in _FOLLOWERS)
        lengths = [len(clips.draw_script(int(one), draws(row), followers).owners) for row, one in enumerate(chosen)]
        return collate(
            [clips.alignment_example(int(chosen[row]), draws(row), followers) for row in rows], max(lengths)
        )

    def names(self, step: int) -> list[str]:
        """Clips of a step."""
        group, chosen = self.plan(step)
        return [self.groups[group].clips[index].id for index in chosen]

    def validate(self, model: FlowDubberAligningModel) -> dict[str, float]:
        """`val_start_error_ms`, `val_even_error_ms` and `val_contrastive` of the held-out clips."""
        batches = (
            collate([self.held_out.alignment_example(index, None) for index in part])
            for part in _batches_of(len(self.held_out))
        )
        return {f"val_{name}": value for name, value in alignment_error(model.aligner, batches).items()}

    def samples(self, model: FlowDubberAligningModel) -> Samples:
        """Alignment maps of the first held-out clips."""
        indices = range(min(SAMPLED_CLIPS, len(self.held_out)))
        batch = collate([self.held_out.alignment_example(index, None) for index in indices])
        batch = {name: value.to(model.aligner.device) for name, value in batch.items()}
        encoding = _searched(model.aligner, batch, lip_values=batch["lips"])
        return alignment_samples(encoding, batch, [self.held_out.clips[index].id for index in indices])

    def save(self, model: FlowDubberAligningModel, folder: Path) -> None:
        """Writes `aligner/`."""
        model.aligner.save_pretrained(folder / "aligner")


class LipFeatures:
    """What a frozen lip encoder says of clips, computed once in several augmented views and kept on the disk.

    The folder's name holds a hash of the encoder's weights, so that another encoder's features are never read.

    Args:
        aligner: its lip encoder is used.
        store: the dataset.
        folder: of all caches; a folder for this encoder is made in it.
        views: augmented views of each clip beside the plain one.
        seed: of the augmentation.
    """

    def __init__(
        self, aligner: FlowDubberAlignerModel, store: FeatureStore, folder: Path, views: int = 4, seed: int = 0
    ):
        self.store, self.views, self.seed = store, views, seed
        digest = hashlib.sha256()
        for name, value in sorted(aligner.lip_encoder.state_dict().items()):
            digest.update(name.encode() + value.detach().float().cpu().numpy().tobytes())
        self.folder = Path(folder) / f"{digest.hexdigest()[:12]}-{views}-{seed}"

    def path(self, clip_id: str) -> Path:
        """Where a clip's features lie."""
        return self.folder / f"{clip_id}.npy"

    @torch.no_grad()
    def prepare(self, aligner: FlowDubberAlignerModel, clips: Sequence[Clip], accelerator: Accelerator) -> None:
        """Writes the features that are missing, divided over the processes; returns when all are there."""
        encoder = aligner.lip_encoder.to(accelerator.device).eval()
        missing = [clip for clip in clips if not self.path(clip.id).is_file()]
        mine = missing[accelerator.process_index :: accelerator.num_processes]
        accelerator.wait_for_everyone()  # all have made the same list
        for clip in tqdm(
            mine, desc="lip features", unit="clip", disable=not accelerator.is_local_main_process, leave=False
        ):
            crops = self.store.crops(clip.id)
            generator = np.random.default_rng((hash_of(clip.id), self.seed))
            # One view at a time: a long clip's crops are large.
            values = [normalize_crops(crops)] + [augment_crops(crops, generator) for _ in range(self.views)]
            features = torch.cat([encoder(value[None].to(accelerator.device), None) for value in values])
            save_array(self.path(clip.id), features.half().cpu().numpy())
        accelerator.wait_for_everyone()

    def get(self, clip_id: str, generator: np.random.Generator | None) -> torch.Tensor:
        """`(F, hidden_size)` float32: a random view, or the plain one without a generator."""
        views = read_array(self.path(clip_id), 3, mapped=True)
        view = 0 if generator is None else generator.integers(len(views))
        return torch.from_numpy(views[view].astype(np.float32))


class DubberStage:
    """Stage 2: aligner, mel prior and flow jointly, the lip encoder frozen. A step takes clips with video or clips of sound
    alone, which teach other voices and other words.

    Args:
        model: aligner and vector field.
        groups: clips to train on, all of a group with video or all without, each group with its share of the steps.
        held_out: clips with video.
        lips: features of all clips with video, prepared.
        batch_size: rows of a step's global batch.
        seed: of everything drawn.
        segment_frames: video frames of a clip that prior and flow see.
        knowledge_drop: how often the language model's part is dropped, so that guidance finds a trained null; .1 to .2 is usual.
        true_path_share: how often the path is the true one and not the searched one.
        phoneme_drop: how often the phonemes are dropped behind the path, where the knowledge is not.
        taught: a clip's id to states of its true sound (see [`~training.knowledge.ClipKnowledge.taught`]), on which the share of the
            attention on the own word is validated; not without.
        vocoder: makes the sounds of [`DubberStage.samples`]; none are made without it.
        adapter: attached to the vector field, whose weights it leaves as they are.
    """

    best = "val_loss"

    def __init__(
        self,
        model: FlowDubberTrainingModel,
        groups: Sequence[tuple[DubbingClips, float]],
        held_out: DubbingClips,
        lips: LipFeatures,
        batch_size: int,
        seed: int,
        segment_frames: int = 40,
        knowledge_drop: float = 0.15,
        true_path_share: float = 0.5,
        vocoder: torch.nn.Module | None = None,
        adapter: VectorFieldAdapter | None = None,
        phoneme_drop: float = 0.0,
        taught: Callable[[str], KnownStates | None] | None = None,
    ):
        self.vocoder, self.adapter = vocoder, adapter
        self.phoneme_drop, self.taught = phoneme_drop, taught
        self.model, self.held_out, self.lips, self.seed = model, held_out, lips, seed
        self.groups = [clips for clips, _ in groups]
        self.segment_frames, self.knowledge_drop, self.true_path_share = (
            segment_frames,
            knowledge_drop,
            true_path_share,
        )
        self.hears = model.vector_field.voice_encoder is not None
        self.plan = _plan(groups, batch_size, seed)

    def batch(self, step: int, rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """Clips with everything that [`~training.dubber.dubber_losses`] wants drawn."""
        group, chosen = self.plan(step)
        clips = self.groups[group]
        examples, draws = [], []
        for row in rows:
            generator = row_generator(self.seed, step, row)
            index = int(chosen[row])
            lips = self.lips.get(clips.clips[index].id, generator) if clips.clips[index].num_frames else None
            examples.append(clips.dubbing_example(index, generator, lips, self.hears))
            draws.append(self._draw(examples[-1], generator))
        return _with_draws(collate(examples), draws)

    def _draw(self, example: DubbingExample, generator: np.random.Generator) -> dict[str, Any]:
        spoken = spoken_frames(example.phonemes, example.frame_phonemes)
        return {
            "use_found_path": generator.random() >= self.true_path_share,
            "knowledge_drop": generator.random() < self.knowledge_drop,
            "phoneme_drop": self.phoneme_drop > 0 and generator.random() < self.phoneme_drop,
            "segment_start": choose_segment(spoken, self.segment_frames, generator),
            "flow_time": np.float32(generator.random()),
            "noise": _noise(self.segment_frames, generator),
        }

    def names(self, step: int) -> list[str]:
        """Clips of a step."""
        group, chosen = self.plan(step)
        return [self.groups[group].clips[index].id for index in chosen]

    def validate(self, model: FlowDubberTrainingModel) -> dict[str, float]:
        """Losses of the held-out clips, whole and on the searched path, with the language model's part and (`_null`)
        without; the noise is always the same. `val_loss` is flow and prior; `val_own_word` (and `_even`) the share of
        [`validate_own_word`]."""
        figures: dict[str, float] = {}
        device = next(model.parameters()).device
        for part in self.validation_parts():
            batch = {name: value.to(device) for name, value in self.validation_batch(part).items()}
            for suffix, names in (("", ("flow", "prior", "contrastive", "ctc")), ("_null", ("flow", "prior"))):
                drop = batch["knowledge_drop"] | bool(suffix)
                losses = dubber_losses(
                    model.aligner, model.vector_field, {**batch, "knowledge_drop": drop}, model.weights
                )
                for name in names:
                    value = float(losses[name]) * len(part) / len(self.held_out)
                    figures[f"val_{name}{suffix}"] = figures.get(f"val_{name}{suffix}", 0.0) + value
        own_word = {} if model.aligner.semantic_path is None else self.validate_own_word(model.aligner)
        return {"val_loss": figures["val_flow"] + figures["val_prior"], **figures, **own_word}

    def validate_own_word(self, aligner: FlowDubberAlignerModel) -> dict[str, float]:
        """How much of the attention lies on the own word in states of the held-out clips' true sound, whose times are known, and how
        much would if it were spread evenly."""
        sums = np.zeros(3)
        for index, clip in enumerate(self.held_out.clips):
            states = None if self.taught is None else self.taught(clip.id)
            if states is None:
                continue
            example = self.held_out.dubbing_example(index, None, self.lips.get(clip.id, None))
            batch = collate([replace(example, semantic=states)])
            batch = {name: value.to(aligner.device) for name, value in batch.items()}
            encoding = _searched(aligner, batch, lip_features=batch["lips"])
            heard = batch["semantic_mask"]
            known = aligner.know(encoding, batch["semantic_features"], heard)
            shares = own_word_share(
                known.similarity,
                batch["owners"],
                batch["input_ids"],
                batch["attention_mask"],
                heard,
                aligner.config.alignment_temperature,
            )
            sums += [1, *map(float, shares)]
        names = ("val_own_word", "val_own_word_even")
        return dict(zip(names, (sums[1:] / sums[0]).tolist(), strict=True)) if sums[0] else {}

    def validation_parts(self) -> list[range]:
        """Places of the held-out clips that are validated together."""
        return _batches_of(len(self.held_out))

    def validation_batch(self, part: Sequence[int]) -> dict[str, torch.Tensor]:
        """Held-out clips whole, with draws that depend on nothing but the clip's place."""
        examples, draws = [], []
        for index in part:
            lips = self.lips.get(self.held_out.clips[index].id, None)
            examples.append(self.held_out.dubbing_example(index, None, lips, self.hears))
            generator = row_generator(_VALIDATION_SEED, 0, index)
            draws.append(
                {
                    "use_found_path": True,
                    "knowledge_drop": False,
                    "phoneme_drop": False,
                    "segment_start": 0,
                    "flow_time": np.float32(generator.random()),
                    "noise": _noise(len(examples[-1].frame_phonemes), generator),
                }
            )
        return _with_draws(collate(examples), draws)

    def samples(self, model: FlowDubberTrainingModel) -> Samples:
        """Dubs of the first held-out clips, with mels and alignment maps."""
        indices = range(min(SAMPLED_CLIPS, len(self.held_out)))
        device = model.aligner.device
        batch = {name: value.to(device) for name, value in self.validation_batch(indices).items()}
        encoding = _searched(model.aligner, batch, lip_features=batch["lips"])
        vocoder = None if self.vocoder is None else self.vocoder.to(device)
        names = [self.held_out.clips[index].id for index in indices]
        return dubbing_samples(model.aligner, model.vector_field, vocoder, encoding, batch, names)

    def save(self, model: FlowDubberTrainingModel, folder: Path) -> None:
        """Writes `aligner/` and `vector_field/`; an adapter is added to the weights of that, and lies alone in `lora/`."""
        model.aligner.save_pretrained(folder / "aligner")
        vector_field = model.vector_field if self.adapter is None else self.adapter.merged()
        vector_field.save_pretrained(folder / "vector_field")
        if self.adapter is not None:
            self.adapter.save(folder / LORA_FOLDER)


def _noise(frames: int, generator: np.random.Generator) -> np.ndarray:
    return generator.standard_normal((frames * MEL_FRAMES_PER_VIDEO_FRAME, NUM_MELS), dtype=np.float32)


def _with_draws(batch: dict[str, torch.Tensor], draws: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Adds what was drawn for each row; knowledge that a row does not have counts as dropped."""
    for name in ("use_found_path", "knowledge_drop", "phoneme_drop", "segment_start", "flow_time"):
        batch[name] = torch.as_tensor(np.array([draw[name] for draw in draws]))
    noise = [torch.from_numpy(draw["noise"]) for draw in draws]
    batch["noise"] = torch.nn.utils.rnn.pad_sequence(noise, batch_first=True).transpose(1, 2).contiguous()
    without = ~batch["has_semantic"] if "has_semantic" in batch else torch.ones(len(draws), dtype=torch.bool)
    batch["knowledge_drop"] = batch["knowledge_drop"] | without
    return batch


def set_dropout(model: torch.nn.Module, probability: float) -> None:
    """Sets every dropout of `model` for this run; the configuration keeps its own."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = probability
        elif isinstance(module, RotarySelfAttention):
            module.dropout = probability


def mel_statistics(clips: DubbingClips, count: int = 200) -> tuple[float, float]:
    """Mean and standard deviation of the natural-log mel over up to `count` clips."""
    chosen = clips.clips[:: -(-len(clips) // count)]
    values = torch.cat([clips.mel(clip, _frames(clip)) for clip in chosen], dim=1)
    return round(float(values.mean()), 4), round(float(values.std()), 4)

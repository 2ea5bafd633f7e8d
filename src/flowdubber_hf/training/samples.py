"""Sounds and pictures of fixed validation clips, for the output folder of a run and for its trackers.

A stage makes [`Samples`] with [`dubbing_samples`], [`vocoder_samples`] or [`tokenizer_samples`] (the same clips and the same
noise at every step, so that two steps compare); the loop writes them and hands them on.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from ..data.features import Clip, FeatureStore
from ..drawing.speech import alignment_picture, mel_picture
from ..extras import require_extra
from ..models.aligner import FlowDubberAlignerEncoding, FlowDubberAlignerModel
from ..models.speech_tokenizer import FlowDubberSpeechTokenizer
from ..models.vector_field import FlowDubberVectorField
from ..models.vector_field.sampling import sample_mels
from ..processing.audio import SAMPLING_RATE, log_mel
from ..processing.text import PHONEMES
from ..processing.video import write_wav
from ..sampling import DEFAULT_STEPS
from ..work.files import replace_folder
from .dubber import voices_of


SAMPLED_CLIPS, SAMPLED_SECONDS = 4, 5


@dataclass
class Samples:
    """What a model makes of fixed clips.

    Attributes:
        sounds: by name, `(samples,)` float32 at 16 kHz in [-1, 1].
        pictures: by name, `(height, width, 3)` uint8 RGB.
    """

    sounds: dict[str, np.ndarray] = field(default_factory=dict)
    pictures: dict[str, np.ndarray] = field(default_factory=dict)

    def update(self, other: "Samples") -> None:
        """Adds those of `other`; equal names are replaced."""
        self.sounds.update(other.sounds)
        self.pictures.update(other.pictures)

    def write(self, folder: str | Path) -> None:
        """Fills `folder` with a `.wav` a sound and a `.png` a picture, whole or not at all; what was in it goes."""
        replace_folder(Path(folder), self._write_into)

    def _write_into(self, folder: Path) -> None:
        image = _require("PIL.Image") if self.pictures else None
        for name, sound in self.sounds.items():
            write_wav(folder / f"{file_name(name)}.wav", sound)
        for name, picture in self.pictures.items():
            image.fromarray(picture).save(folder / f"{file_name(name)}.png")

    def log(self, accelerator: Accelerator, step: int) -> None:
        """Hands sounds and pictures to the trackers that run (tensorboard, wandb, trackio), on the main process."""
        if not accelerator.is_main_process:
            return
        writers: dict[str, Callable] = {
            "tensorboard": self._to_tensorboard,
            "wandb": self._to_wandb,
            "trackio": self._to_trackio,
        }
        for tracker in accelerator.trackers:
            if tracker.name in writers:
                writers[tracker.name](tracker, step)

    def _to_tensorboard(self, tracker: Any, step: int) -> None:
        for name, sound in self.sounds.items():
            tracker.writer.add_audio(f"samples/{name}", torch.from_numpy(sound[None]), step, SAMPLING_RATE)
        for name, picture in self.pictures.items():
            tracker.writer.add_image(f"samples/{name}", picture, step, dataformats="HWC")
        tracker.writer.flush()

    def _to_wandb(self, tracker: Any, step: int) -> None:
        self._log_media(_require("wandb"), tracker, step)

    def _to_trackio(self, tracker: Any, step: int) -> None:
        self._log_media(_require("trackio"), tracker, step)

    def _log_media(self, package: Any, tracker: Any, step: int) -> None:
        """Sounds go as files, which both packages copy: arrays would need soundfile (wandb) or be made louder (trackio)."""
        with tempfile.TemporaryDirectory() as folder:
            media: dict[str, Any] = {}
            for name, sound in self.sounds.items():
                path = write_wav(Path(folder) / f"{file_name(name)}.wav", sound)
                media[f"samples/{name}"] = package.Audio(str(path), caption=name)
            for name, picture in self.pictures.items():
                media[f"samples/{name}"] = package.Image(picture, caption=name)
            tracker.log(media, step=step)


def file_name(name: str) -> str:
    """A sample's name as a file's, without an ending: letters, digits, `-` and `_` stay."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)


def _require(module: str) -> Any:
    return require_extra("train", module, what="making samples of a training run", otherwise="set --sample_steps 0")


# ----------------------------------------------------------------------------------------------------------------------
# What the models make of the clips
# ----------------------------------------------------------------------------------------------------------------------


def _vocode(vocoder: torch.nn.Module, mel: torch.Tensor) -> np.ndarray:
    """`(80, frames)` natural-log mel to `(frames * 160,)` float32."""
    parameter = next(vocoder.parameters())
    return vocoder(mel.T[None].to(parameter.device, parameter.dtype))[0].float().cpu().clamp(-1, 1).numpy()


@torch.no_grad()
def dubbing_samples(
    aligner: FlowDubberAlignerModel,
    vector_field: FlowDubberVectorField,
    vocoder: torch.nn.Module | None,
    encoding: FlowDubberAlignerEncoding,
    batch: dict[str, torch.Tensor],
    names: Sequence[str],
    num_inference_steps: int = DEFAULT_STEPS,
    seed: int = 0,
) -> Samples:
    """
    Dubs of validation clips: mel beside the truth and the prior, the alignment map with the true path, and the sound.

    Args:
        aligner, vector_field: in evaluation mode.
        vocoder: makes the sounds; `None` for pictures alone.
        encoding: of the batch by `aligner.encode`, without a given path, so that the path is the searched one.
        batch: of the clips, on the models' device: `input_ids`, `attention_mask` `(B, P)`, `lip_mask` `(B, F)`, `path`
            `(B, P, 4F)`, `style` `(B, style_size)`, `mel` `(B, 80, 4F)` natural-log, `mel_mask` `(B, 4F)`; optionally
            `semantic_features` and `semantic_mask`.
        names: of the clips, by row.
        num_inference_steps: of the solver.
        seed: of the noise.

    Returns:
        [`Samples`] named `<clip>/dub`, `<clip>/true` (sounds), `<clip>/mel`, `<clip>/alignment` (pictures). The true sound
        has gone through the vocoder too, so that only the mel differs.

    Raises:
        ImportError: matplotlib is missing.
    """
    mel_mask, style = batch["mel_mask"].bool(), voices_of(vector_field, batch)
    fused = aligner.fuse(encoding, batch.get("semantic_features"), batch.get("semantic_mask")).fused
    prior = vector_field.prior(fused, style, mel_mask)
    mels = sample_mels(vector_field, prior, style, mel_mask, num_inference_steps, seed)
    priors = vector_field.denormalize(prior.float())
    samples = Samples()
    for row, name in enumerate(names):
        frames = int(mel_mask[row].sum())
        true, dub, mean = (mel[row, :, :frames].float().cpu() for mel in (batch["mel"], mels, priors))
        shown = {"true": true.numpy(), "prior": mean.numpy(), "dub": dub.numpy()}
        samples.pictures[f"{name}/mel"] = mel_picture(shown, name)
        if encoding.alignment is not None:
            samples.pictures[f"{name}/alignment"] = _alignment_of(encoding, batch, row, name)
        if vocoder is not None:
            samples.sounds[f"{name}/dub"] = _vocode(vocoder, dub)
            samples.sounds[f"{name}/true"] = _vocode(vocoder, true)
    return samples


def _alignment_of(
    encoding: FlowDubberAlignerEncoding, batch: dict[str, torch.Tensor], row: int, name: str
) -> np.ndarray:
    phonemes, frames = int(batch["attention_mask"][row].sum()), int(batch["lip_mask"][row].sum())
    paths = {}
    for title, path in (("true", batch["path"][row]), ("found", encoding.path[row])):
        per_frame = path.shape[-1] // batch["lip_mask"].shape[1]  # 25 or 100 columns a second
        paths[title] = path[:phonemes, : frames * per_frame].float().cpu().numpy()
    return alignment_picture(
        encoding.alignment[row, :phonemes, :frames].float().exp().cpu().numpy(),
        paths,
        [PHONEMES[index] for index in batch["input_ids"][row, :phonemes].tolist()],
        name,
    )


def alignment_samples(
    encoding: FlowDubberAlignerEncoding, batch: dict[str, torch.Tensor], names: Sequence[str]
) -> Samples:
    """The alignment maps alone, `<clip>/alignment`; arguments as for [`dubbing_samples`], without `mel`."""
    return Samples(
        pictures={f"{name}/alignment": _alignment_of(encoding, batch, row, name) for row, name in enumerate(names)}
    )


def reconstruction_samples(
    sounds: dict[str, np.ndarray], make: Callable[[torch.Tensor], torch.Tensor], title: str
) -> Samples:
    """
    True sounds beside what a model makes of them, with both mels.

    Args:
        sounds: by name of the clip, `(samples,)` at 16 kHz.
        make: `(1, samples)` on the CPU to `(1, about as many samples)`.
        title: what the made ones are called.

    Returns:
        [`Samples`] named `<clip>/true`, `<clip>/<title>` (sounds) and `<clip>/mel` (pictures).

    Raises:
        ImportError: matplotlib is missing.
    """
    samples = Samples()
    for name, sound in sounds.items():
        true = torch.from_numpy(np.asarray(sound, dtype=np.float32))
        with torch.no_grad():
            made = make(true[None])[0].float().cpu().clamp(-1, 1)
        samples.sounds |= {f"{name}/true": true.numpy(), f"{name}/{title}": made.numpy()}
        samples.pictures[f"{name}/mel"] = mel_picture(
            {"true": log_mel(true).numpy(), title: log_mel(made).numpy()}, name
        )
    return samples


def vocoder_samples(vocoder: torch.nn.Module, sounds: dict[str, np.ndarray]) -> Samples:
    """True sounds through log-mel and vocoder, see [`reconstruction_samples`]; the made ones are called `vocoder`."""
    parameter = next(vocoder.parameters())

    def make(sound: torch.Tensor) -> torch.Tensor:
        return vocoder(log_mel(sound).transpose(1, 2).to(parameter.device, parameter.dtype))

    return reconstruction_samples(sounds, make, "vocoder")


def tokenizer_samples(tokenizer: FlowDubberSpeechTokenizer, sounds: dict[str, np.ndarray]) -> Samples:
    """True sounds through their tokens, see [`reconstruction_samples`]; the made ones are called `decoded`."""

    def make(sound: torch.Tensor) -> torch.Tensor:
        tokens = tokenizer.encode(sound.to(tokenizer.device))
        return tokenizer.decode(tokens.semantic_tokens, tokens.global_tokens)

    return reconstruction_samples(sounds, make, "decoded")


def sampled_sounds(store: FeatureStore, clips: Sequence[Clip]) -> dict[str, np.ndarray]:
    """The first seconds of a few clips, evenly chosen, by name: the same ones at every step."""
    chosen = clips[:: max(1, -(-len(clips) // SAMPLED_CLIPS))]
    return {clip.id: store.audio(clip.id)[: SAMPLED_SECONDS * SAMPLING_RATE] for clip in chosen}


def check_samples(stage: Any) -> None:
    """What `--sample_steps` needs, looked at before training begins.

    Raises:
        ValueError: the stage has nothing to show, or matplotlib is missing.
    """
    if not hasattr(stage, "samples"):
        raise ValueError("--sample_steps: this stage makes no samples; leave the option out.")
    try:
        _require("matplotlib")
    except ImportError as error:
        raise ValueError(f"--sample_steps: {error}") from error

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
"""Sounds and pictures of fixed validation clips, for the output folder of a run and for its trackers.

A stage makes [`Samples`] with [`dubbing_samples`], [`vocoder_samples`] or [`tokenizer_samples`] (the same clips and the same
noise at every step, so that two steps compare); the loop writes them and hands them on.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import FlowMatchEulerDiscreteScheduler

from ..data.features import Clip, FeatureStore
from ..extras import require_extra
from ..models.aligner import FlowDubberAlignerEncoding, FlowDubberAlignerModel
from ..models.speech_tokenizer import FlowDubberSpeechTokenizer
from ..models.vector_field import FlowDubberVectorField
from ..processing.audio import MEL_FRAME_RATE, SAMPLING_RATE, VIDEO_FRAME_RATE, log_mel
from ..processing.text import PHONEMES
from ..processing.video import write_wav
from ..schedulers import flow_sigmas, flow_time, scheduler_output, set_flow_timesteps
from ..work.files import replace_folder


if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLED_CLIPS, SAMPLED_SECONDS = 4, 5
_DPI = 100


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
# Pictures
# ----------------------------------------------------------------------------------------------------------------------


def _new_figure(width: float, height: float) -> "Figure":
    """Without pyplot: no state, no window, safe in any process."""
    return _require("matplotlib.figure").Figure(figsize=(width, height), dpi=_DPI, layout="constrained")


def _render(figure: "Figure") -> np.ndarray:
    canvas = _require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def mel_picture(mels: dict[str, np.ndarray], title: str) -> np.ndarray:
    """Log-mels above each other on one colour scale, which is the first one's.

    Args:
        mels: title to `(80, frames)` natural-log mel, 100 frames a second; the first is the truth.
        title: of the picture.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ImportError: matplotlib is missing.
    """
    first = next(iter(mels.values()))
    longest = max(mel.shape[1] for mel in mels.values()) / MEL_FRAME_RATE
    figure = _new_figure(max(6.0, 2.0 + 2.2 * longest), 0.6 + 1.9 * len(mels))
    axes = figure.subplots(len(mels), 1, sharex=True, squeeze=False)[:, 0]
    for place, (name, mel) in zip(axes, mels.items(), strict=True):
        drawn = place.imshow(
            mel,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=float(first.min()),
            vmax=float(first.max()),
            extent=(0, mel.shape[1] / MEL_FRAME_RATE, 0, mel.shape[0]),
            interpolation="nearest",
        )
        place.set_title(name, fontsize=9, loc="left")
        place.set_ylabel("mel channel", fontsize=8)
        place.tick_params(labelsize=8)
    axes[-1].set_xlabel("seconds", fontsize=8)
    bar = figure.colorbar(drawn, ax=list(axes), pad=0.01, aspect=40)
    bar.set_label("natural log", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(title, fontsize=10)
    return _render(figure)


def alignment_picture(
    probabilities: np.ndarray,
    paths: dict[str, np.ndarray],
    phonemes: Sequence[str],
    title: str,
) -> np.ndarray:
    """The alignment map with paths over it.

    Args:
        probabilities (`np.ndarray` of shape `(P, F)`): of each phoneme in each 25 fps frame, 0 to 1.
        paths: title to `(P, n)` 0/1 over the same time at any rate; the first is the truth.
        phonemes: P names.
        title: of the picture.

    Returns:
        `(height, width, 3)` uint8 RGB.

    Raises:
        ImportError: matplotlib is missing.
    """
    count, frames = probabilities.shape
    seconds = frames / VIDEO_FRAME_RATE
    figure = _new_figure(max(6.0, 1.6 + 2.4 * seconds), 1.2 + 0.17 * count)
    place = figure.subplots()
    drawn = place.imshow(
        probabilities,
        aspect="auto",
        cmap="Greys",
        vmin=0.0,
        vmax=1.0,
        extent=(0, seconds, count - 0.5, -0.5),
        interpolation="nearest",
    )
    styles = ({"color": "tab:orange", "linewidth": 2.4}, {"color": "tab:blue", "linewidth": 1.4})
    for index, (name, path) in enumerate(paths.items()):
        owner = path.argmax(axis=0)
        edges = np.linspace(0, seconds, len(owner) + 1)
        place.stairs(owner, edges, baseline=None, label=name, **styles[min(index, 1)])
    place.set_yticks(range(count), phonemes, fontsize=7)
    place.set_xlabel("seconds", fontsize=8)
    place.tick_params(axis="x", labelsize=8)
    place.legend(fontsize=8, loc="upper right")
    bar = figure.colorbar(drawn, pad=0.01, aspect=40)
    bar.set_label("probability", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    place.set_title(title, fontsize=10)
    return _render(figure)


# ----------------------------------------------------------------------------------------------------------------------
# What the models make of the clips
# ----------------------------------------------------------------------------------------------------------------------


def _vocode(vocoder: torch.nn.Module, mel: torch.Tensor) -> np.ndarray:
    """`(80, frames)` natural-log mel to `(frames * 160,)` float32."""
    parameter = next(vocoder.parameters())
    return vocoder(mel.T[None].to(parameter.device, parameter.dtype))[0].float().cpu().clamp(-1, 1).numpy()


@torch.no_grad()
def sample_mels(
    vector_field: FlowDubberVectorField,
    prior: torch.Tensor,
    style: torch.Tensor,
    mel_mask: torch.Tensor,
    num_inference_steps: int = 10,
    seed: int = 0,
) -> torch.Tensor:
    """Solves the flow without guidance by Euler's method from noise that depends on the seed and the row alone.

    Args:
        vector_field: the model.
        prior (`torch.Tensor` of shape `(B, 80, T)`): mu, normalised.
        style (`torch.Tensor` of shape `(B, style_size)`).
        mel_mask (`torch.Tensor` of shape `(B, T)`): True on real frames.
        num_inference_steps: of the solver.
        seed: of the noise; row k draws from `seed + k`.

    Returns:
        `(B, 80, T)` natural-log mel, float32.
    """
    noise = torch.zeros(prior.shape)
    for row, frames in enumerate(mel_mask.sum(1).tolist()):
        generator = torch.Generator().manual_seed(seed + row)
        noise[row, :, :frames] = torch.randn(prior.shape[1], frames, generator=generator)
    latents = (noise * vector_field.config.sampling_temperature).to(prior.device)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True)
    for timestep in set_flow_timesteps(scheduler, flow_sigmas(num_inference_steps), prior.device):
        time = flow_time(scheduler, timestep).expand(len(latents))
        velocity = vector_field(latents.to(prior.dtype), time, prior, style.to(prior.dtype), mel_mask).sample.float()
        latents = scheduler.step(scheduler_output(scheduler, velocity), timestep, latents, return_dict=False)[0]
    return vector_field.denormalize(latents)


@torch.no_grad()
def dubbing_samples(
    aligner: FlowDubberAlignerModel,
    vector_field: FlowDubberVectorField,
    vocoder: torch.nn.Module | None,
    encoding: FlowDubberAlignerEncoding,
    batch: dict[str, torch.Tensor],
    names: Sequence[str],
    num_inference_steps: int = 10,
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
    mel_mask, style = batch["mel_mask"].bool(), batch["style"]
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

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
"""The sounds that are measured: dubs, the best of several takes, and the ceilings (truth, vocoded truth, true times)."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, SchedulerMixin

from ..libraries import quiet_libraries
from ..processing.audio import MEL_FRAME_RATE, MEL_FRAMES_PER_VIDEO_FRAME, log_mel
from ..processing.text import lexicon_of, phonemize
from ..processing.video import probe_video
from ..schedulers import FlowMatchMidpointDiscreteScheduler, flow_sigmas
from .clips import Clip
from .settings import EvaluateSettings
from .takes import choose_sound


if TYPE_CHECKING:
    from ..pipelines.flowdubber import FlowDubberPipeline


@dataclass
class Made:
    """A sound and what is known of its making.

    Attributes:
        sound: `(samples,)` float32 at 16 kHz.
        words: `(word, start, end)` in seconds that the dub was timed by, `None` for other sounds.
        phonemes: rows of `maps["alignment"]`.
        maps: `alignment` `(P, F)` float32 and `path` `(P, 4F)` bool of a dub.
        warnings: of the pipeline.
        seed: of the take that was kept.
        timings: seconds of each stage; differ from run to run.
        takes: similarity and wrong words of each take, where there were several.
    """

    sound: np.ndarray
    words: list[tuple[str, float, float]] | None = None
    phonemes: list[str] = field(default_factory=list)
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seed: int | None = None
    timings: dict[str, float] = field(default_factory=dict)
    takes: list[dict[str, float | int | None]] = field(default_factory=list)


def _scheduler(solver: str) -> SchedulerMixin:
    """A solver of the flow on the method's own grid (no shift)."""
    if solver == "euler":
        return FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True)
    if solver == "heun":
        return FlowMatchHeunDiscreteScheduler(shift=1.0)
    return FlowMatchMidpointDiscreteScheduler()


def load_pipeline(settings: EvaluateSettings) -> "FlowDubberPipeline":
    """The model on its device with the solver that was asked for.

    Raises:
        ValueError: no such model or device.
    """
    from ..pipelines.flowdubber import FlowDubberPipeline
    from ..pipelines.flowdubber.loading import choose_device

    quiet_libraries()
    pipe = FlowDubberPipeline.from_pretrained(settings.model).to(choose_device(settings.device))
    pipe.set_progress_bar_config(disable=True)
    if settings.solver is not None:
        pipe.scheduler = _scheduler(settings.solver)
    return pipe


def call_arguments(settings: EvaluateSettings) -> dict[str, Any]:
    """Arguments of the pipeline's call that are the same for all clips."""
    arguments: dict[str, Any] = {
        "num_inference_steps": settings.steps,
        "guidance_scale": settings.guidance_scale,
        "temperature": settings.temperature,
    }
    if settings.sway is not None:
        arguments["sigmas"] = flow_sigmas(settings.steps, settings.sway)
    if settings.lexicon is not None:
        arguments["lexicon"] = lexicon_of(settings.lexicon)
    if settings.without:
        arguments["without"] = list(settings.without)
    return arguments


class SoundMaker:
    """Makes the sound of a clip as the settings say; the model is loaded with the first sound that needs it."""

    def __init__(self, settings: EvaluateSettings):
        self.settings = settings

    @cached_property
    def pipe(self) -> "FlowDubberPipeline":
        return load_pipeline(self.settings)

    def __call__(self, clip: Clip) -> Made:
        """Raises `ValueError` where no sound can be made of the clip."""
        if self.settings.sound == "truth":
            return Made(clip.load_truth())
        if self.settings.sound == "vocoded":
            return Made(self.vocode(clip.load_truth()))
        timing = self.true_frames(clip) if self.settings.sound == "true_times" else None
        if self.settings.best_of == 1:
            return self.dub(clip, self.settings.seed, timing)
        return self.best_take(clip, timing)

    @torch.no_grad()
    def vocode(self, sound: np.ndarray) -> np.ndarray:
        """`(samples,)` through log-mel and vocoder; the same length."""
        mel = log_mel(torch.from_numpy(sound)).T[None].to(self.pipe.vocoder.device, self.pipe.vocoder.dtype)
        made = self.pipe.vocoder(mel).float().cpu().reshape(-1).clamp(-1, 1).numpy()[: len(sound)]
        return np.pad(made, (0, len(sound) - len(made)))

    def true_frames(self, clip: Clip) -> np.ndarray:
        """Mel frames of each phoneme `(P,)` by forced alignment of the truth."""
        from ..data.dubbing import phoneme_frames
        from ..data.forced_alignment import align

        phonemes = phonemize(clip.text, self.pipe.aligner.config.phoneme_accent, lexicon_of(self.settings.lexicon))
        times = np.array(align(clip.load_truth(), phonemes))
        num_frames = probe_video(clip.video).num_frames * MEL_FRAMES_PER_VIDEO_FRAME
        return phoneme_frames(times, np.array(phonemes.optional), num_frames, MEL_FRAME_RATE)

    def dub(self, clip: Clip, seed: int, timing: np.ndarray | None = None) -> Made:
        """One take."""
        arguments = call_arguments(self.settings)
        if timing is not None:
            arguments["phoneme_frames"] = timing
        if self.settings.reference_text and clip.reference.text:
            arguments["reference_text"] = clip.reference.text
        dub = self.pipe(
            script=clip.text,
            video=clip.video,
            reference_audio=clip.reference.path,
            mouth_box=clip.mouth_box,
            generator=torch.Generator("cpu").manual_seed(seed),
            **arguments,
        )
        maps = {"path": dub.paths[0]}
        if dub.alignments is not None and dub.alignments[0] is not None:  # a long clip has none
            maps["alignment"] = dub.alignments[0]
        return Made(
            sound=np.asarray(dub.audios[0], dtype=np.float32),
            words=dub.words[0],
            phonemes=dub.phonemes[0],
            maps=maps,
            warnings=list(dub.warnings[0]),
            seed=seed,
            timings=dict(dub.timings),
        )

    def best_take(self, clip: Clip, timing: np.ndarray | None) -> Made:
        """The take of seeds `seed` to `seed + best_of - 1` that [`~evaluation.takes.choose_sound`] keeps."""
        from ..processing.audio import load_audio

        made = [self.dub(clip, self.settings.seed + number, timing) for number in range(self.settings.best_of)]
        reference = load_audio(clip.reference.path)
        chosen, takes = choose_sound([take.sound for take in made], reference, clip.text)
        takes = [{"seed": take.seed, **found} for take, found in zip(made, takes, strict=True)]
        timings = {name: sum(take.timings.get(name, 0.0) for take in made) for name in made[0].timings}
        return replace(made[chosen], takes=takes, timings=timings)


def model_folder(name: str) -> Path:
    """The files of a checkpoint, fetched from the Hub where the name is of neither a folder nor a bundled one.

    Raises:
        ValueError: there is no such checkpoint.
    """
    from ..checkpoints.complete import read_index
    from ..pipelines.flowdubber import FlowDubberPipeline

    folder = Path(FlowDubberPipeline.download(name))
    read_index(folder)
    return folder

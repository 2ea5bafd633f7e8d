"""The sounds that are measured: dubs, the best of several takes, and the ceilings (truth, vocoded truth, true times)."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler, SchedulerMixin

from ..dubbing import loading
from ..dubbing.takes import best_take
from ..processing.audio import MEL_FRAME_RATE, MEL_FRAMES_PER_VIDEO_FRAME, log_mel
from ..processing.text import lexicon_of, phonemize
from ..processing.video import probe_video
from ..schedulers import FlowMatchMidpointDiscreteScheduler, flow_sigmas
from .clips import EvaluationClip
from .settings import EvaluateSettings


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
    pipe = loading.load_pipeline(settings.model, settings.device)
    pipe.set_progress_bar_config(disable=True)
    if settings.solver is not None:
        pipe.scheduler = _scheduler(settings.solver)
    return pipe


def call_arguments(settings: EvaluateSettings) -> dict[str, Any]:
    """How every clip is sampled, beside the number of steps."""
    arguments: dict[str, Any] = {
        "guidance_scale": settings.guidance_scale,
        "style_guidance_scale": settings.style_guidance_scale,
        "colour_match": settings.colour_match,
        "temperature": settings.temperature,
    }
    if settings.sway is not None:
        arguments["sigmas"] = flow_sigmas(settings.steps, settings.sway)
    return arguments


class SoundMaker:
    """Makes the sound of a clip as the settings say; the model is loaded with the first sound that needs it."""

    def __init__(self, settings: EvaluateSettings):
        self.settings = settings

    @cached_property
    def pipe(self) -> "FlowDubberPipeline":
        return load_pipeline(self.settings)

    def __call__(self, clip: EvaluationClip) -> Made:
        """Raises `ValueError` where no sound can be made of the clip."""
        if self.settings.sound == "truth":
            return Made(clip.load_truth())
        if self.settings.sound == "vocoded":
            return Made(self.vocode(clip.load_truth()))
        timing = self.true_frames(clip) if self.settings.sound == "true_times" else None
        return self.dub(clip, timing)

    @torch.no_grad()
    def vocode(self, sound: np.ndarray) -> np.ndarray:
        """`(samples,)` through log-mel and vocoder; the same length."""
        mel = log_mel(torch.from_numpy(sound)).T[None].to(self.pipe.vocoder.device, self.pipe.vocoder.dtype)
        made = self.pipe.vocoder(mel).float().cpu().reshape(-1).clamp(-1, 1).numpy()[: len(sound)]
        return np.pad(made, (0, len(sound) - len(made)))

    def true_frames(self, clip: EvaluationClip) -> np.ndarray:
        """Mel frames of each phoneme `(P,)` by forced alignment of the truth."""
        from ..data.dubbing import phoneme_frames
        from ..data.forced_alignment import align

        phonemes = phonemize(clip.text, self.pipe.aligner.config.phoneme_accent, lexicon_of(self.settings.lexicon))
        times = np.array(align(clip.load_truth(), phonemes))
        num_frames = probe_video(clip.video).num_frames * MEL_FRAMES_PER_VIDEO_FRAME
        return phoneme_frames(times, np.array(phonemes.optional), num_frames, MEL_FRAME_RATE)

    def dub(self, clip: EvaluationClip, timing: np.ndarray | None = None) -> Made:
        """The take of the settings' seed, or the best of several from that seed on, see [`~dubbing.takes.best_take`]."""
        settings, options = self.settings, call_arguments(self.settings)
        ready = self.pipe.prepare(
            clip.text,
            clip.video,
            clip.reference.path,
            reference_text=clip.reference.text if settings.reference_text and clip.reference.text else None,
            mouth_box=clip.mouth_box,
            lexicon=lexicon_of(settings.lexicon),
            phoneme_frames=timing,
            without=settings.without,
        )
        seeds = range(settings.seed, settings.seed + settings.best_of)
        chosen = best_take(self.pipe, ready, seeds, settings.steps, **options)
        dub = chosen.dub
        maps = {"path": dub.paths[0]}
        if dub.alignments is not None and dub.alignments[0] is not None:  # a long clip has none
            maps["alignment"] = dub.alignments[0]
        return Made(
            sound=np.asarray(dub.audios[0], dtype=np.float32),
            words=dub.words[0],
            phonemes=dub.phonemes[0],
            maps=maps,
            warnings=list(dub.warnings[0]),
            seed=chosen.seed,
            timings=dict(dub.timings),
            takes=[{name: value for name, value in take.items() if name != "kept"} for take in chosen.takes],
        )

"""From a visitor's request to the dubbed clip, its files, its figures' data and a report."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..dubbing.takes import best_take
from ..pipelines.flowdubber import FlowDubberPipeline
from ..pipelines.flowdubber.pipeline_output import FlowDubberPipelineOutput
from ..processing.audio import SAMPLING_RATE, load_audio
from ..processing.lips import NoFaceError
from ..processing.subtitles import srt
from ..processing.video import plays_in_browsers, transcode_video
from ..work.files import replace_file
from .limits import (
    MAX_CLIP_SECONDS,
    NO_FACE,
    Checked,
    Problems,
    Request,
    check_request,
    for_visitors,
    is_hurried,
)
from .progress import CHECKING, DONE, STAGES, WRITING, Clock, DubProgress, OneThread, Report


SHOWN_SIDE = 1280  # of clips that have to be encoded anew


@dataclass
class Dub:
    """A finished dub.

    Attributes:
        video: path of the dubbed clip.
        original: path of the clip as browsers play it.
        sound_file, subtitles: paths of the sound alone (wav) and of what is said (srt).
        sound: `(samples,)` float32 at 16 kHz.
        own_sound: of the clip, the same; `None` where it has none.
        words: (word, start, end) in seconds.
        phoneme_frames: how many mel frames each phoneme lasts.
        mouths: `(frames, 96, 96)` uint8, 25 a second.
        duration: of the clip in seconds.
        seconds: spent in each stage, by the name that visitors read.
        seed: of the take that was kept.
        takes: `seed`, `kept`, `similarity` and `wrong_words` of each take, where there are several.
        warnings: what the visitor should know about the clip, the voice and the script.
    """

    video: Path
    original: Path
    sound_file: Path
    subtitles: Path
    sound: np.ndarray
    own_sound: np.ndarray | None
    words: list[tuple[str, float, float]]
    phoneme_frames: list[int]
    mouths: np.ndarray
    duration: float
    seconds: dict[str, float]
    seed: int
    takes: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def report(self) -> dict[str, Any]:
        """What can be said of it in JSON."""
        return {
            "duration": round(self.duration, 4),
            "words": [{"word": word, "start": round(a, 3), "end": round(b, 3)} for word, a, b in self.words],
            "seed": self.seed,
            "takes": self.takes,
            "warnings": self.warnings,
            "seconds": {name: round(spent, 3) for name, spent in self.seconds.items()},
        }


@dataclass
class Takes:
    """What the models made: everything in it can be pickled, as ZeroGPU hands it from one process to another."""

    dub: FlowDubberPipelineOutput
    seed: int
    chosen_from: list[dict[str, Any]]
    seconds: dict[str, float]


class Dubber:
    """A pipeline as the page uses it.

    Args:
        pipe: the pipeline.
        max_takes: most takes of which the best may be asked for.
        on_device (*optional*): decorates the function that runs the models, as `spaces.GPU` does; the card is lent to visitors
            only.
        max_seconds: longest clip.
    """

    def __init__(
        self,
        pipe: FlowDubberPipeline,
        max_takes: int = 1,
        on_device: Callable[[Callable], Callable] | None = None,
        max_seconds: float = MAX_CLIP_SECONDS,
    ):
        self.pipe = pipe
        self.max_takes = max_takes
        self.max_seconds = max_seconds
        self.is_lent = on_device is not None
        self._try_takes = self.try_takes if on_device is None else on_device(self.try_takes)
        self.in_one_thread = OneThread()

    @property
    def temperature(self) -> float:
        """The model's own."""
        return self.pipe.vector_field.config.sampling_temperature

    @property
    def accent(self) -> str:
        """Of the model's phonemes, `us` or `gb`."""
        return self.pipe.aligner.config.phoneme_accent

    @property
    def can_guide(self) -> bool:
        """Whether there is a language model, whose knowledge guidance sharpens."""
        return self.pipe.semantic_model is not None

    def check(self, request: Request) -> Checked:
        """All that can be said against a request without the models.

        Raises:
            Problems: what is wrong, by field.
        """
        return check_request(request, self.accent, self.max_takes, self.max_seconds)

    def dub(self, request: Request, folder: Path, report: Report) -> Dub:
        """Dubs a clip; dubs asked for at the same time are made one after the other, in one thread.

        Args:
            request: what the visitor asks for.
            folder: of this request alone; what is written goes there.
            report: is called with the progress.

        Raises:
            Problems: what is wrong with the request, by field.
        """
        return self.in_one_thread(self._dub, request, folder, report)

    def _dub(self, request: Request, folder: Path, report: Report) -> Dub:
        clock = Clock()
        report(0.0, desc=CHECKING)
        with clock.stage(CHECKING):
            checked = self.check(request)
            clip = playable(Path(request.clip), folder)
        made = self._try_takes(request, clip, checked.voice, report)
        if isinstance(made, dict):
            raise Problems(made)
        report(DONE, desc=WRITING)
        with clock.stage(WRITING):
            video = self.pipe.save_video(made.dub, folder / "dubbed.mp4")
            sound_file = self.pipe.save_video(made.dub, folder / "dubbed.wav")
            own_sound = _own_sound(clip)
        words = made.dub.words[0]
        subtitles = folder / "dubbed.srt"
        replace_file(subtitles, srt(words).encode())
        warnings = [for_visitors(warning) for warning in made.dub.warnings[0]]
        if request.phoneme_frames is None and is_hurried(checked.phonemes, checked.info):
            warnings.append("The script is long for this clip, so the speech is hurried.")
        return Dub(
            video=video,
            original=clip,
            sound_file=sound_file,
            subtitles=subtitles,
            sound=made.dub.audios[0],
            own_sound=own_sound,
            words=words,
            phoneme_frames=made.dub.phoneme_frames[0].tolist(),
            mouths=made.dub.mouths[0],
            duration=made.dub.durations[0],
            seconds={CHECKING: clock.seconds[CHECKING], **made.seconds, WRITING: clock.seconds[WRITING]},
            seed=made.seed,
            takes=made.chosen_from,
            warnings=warnings,
        )

    def try_takes(self, request: Request, clip: Path, voice: np.ndarray, report: Report) -> Takes | dict[str, str]:
        """As `make_takes`, but what is wrong is returned, by field: ZeroGPU loses what an exception says."""
        try:
            return self.make_takes(request, clip, voice, report)
        except NoFaceError:
            return {"clip": NO_FACE}
        except ValueError as error:
            return {"settings": for_visitors(error, str(clip), "The clip")}

    def make_takes(self, request: Request, clip: Path, voice: np.ndarray, report: Report) -> Takes:
        """Runs the models and keeps the best take.

        Args:
            request: checked.
            clip: path of the clip.
            voice: `(samples,)` float32 at 16 kHz.
            report: is called with the progress.
        """
        steps, takes, seed = int(request.steps), int(request.takes), int(request.seed)
        told = DubProgress(report, takes, steps)
        ready = self.pipe.prepare(
            request.script,
            clip,
            voice,
            reference_sampling_rate=SAMPLING_RATE,
            phoneme_frames=request.phoneme_frames,
            callback_on_stage=told.stage,
        )
        chosen = best_take(
            self.pipe,
            ready,
            range(seed, seed + takes),
            steps,
            told.begin,
            guidance_scale=request.guidance_scale if self.can_guide else 1.0,
            temperature=request.temperature,
        )
        seconds = {text: chosen.dub.timings.get(name, 0.0) for name, (text, _) in STAGES.items()}
        return Takes(chosen.dub, chosen.seed, chosen.takes, seconds)


def write_report(dub: Dub, request: Request, path: Path) -> Path:
    """Writes what was asked for and what was made as JSON; the visitor's files are not named."""
    names = ("script", "own_sound", "steps", "guidance_scale", "temperature")
    asked = {name: getattr(request, name) for name in names}
    asked["moved_words"] = request.phoneme_frames is not None
    replace_file(path, json.dumps({**asked, **dub.report()}, indent=2, ensure_ascii=False).encode())
    return path


def playable(clip: Path, folder: Path) -> Path:
    """The clip itself if every browser plays it, otherwise a copy in `folder` that they do."""
    if plays_in_browsers(clip):
        return clip
    own = folder / "shown"  # apart from what else is written: a clip may have any name
    own.mkdir()
    return transcode_video(clip, own / f"{clip.stem}.mp4", max_side=SHOWN_SIDE)


def _own_sound(clip: Path) -> np.ndarray | None:
    try:
        return load_audio(clip)
    except ValueError:  # none, or none that decodes
        return None

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
"""From a visitor's request to the dubbed clip, its figures' data and a report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import torch

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.evaluation.takes import choose_sound
from flowdubber_hf.pipelines.flowdubber import FlowDubberPipelineOutput
from flowdubber_hf.processing.audio import SAMPLING_RATE, load_audio, pad_sounds
from flowdubber_hf.processing.lips import NoFaceError
from flowdubber_hf.processing.video import plays_in_browsers, transcode_video
from limits import NO_FACE, Problems, Request, check_request, for_visitors, is_hurried


SHOWN_SIDE = 1280  # of clips that have to be encoded anew

#: What each stage of the pipeline is to a visitor, and which share of the work is done when it begins.
STAGES = {
    "phonemes": ("Reading the script", 0.05),
    "reference": ("Listening to the voice", 0.07),
    "lips": ("Reading the lips", 0.10),
    "semantics": ("Planning the speech", 0.40),
    "alignment": ("Placing the words", 0.60),
    "flow": ("Painting the spectrogram", 0.65),
    "vocoder": ("Making the sound", 0.92),
}
CHECKING, WRITING = "Checking what you gave", "Writing the clip"


class Report(Protocol):
    """How progress is told: `gr.Progress`."""

    def __call__(self, progress: float, desc: str) -> Any: ...


@dataclass
class Dub:
    """A finished dub.

    Attributes:
        video: path of the dubbed clip.
        original: path of the clip as browsers play it.
        sound: `(samples,)` float32 at 16 kHz.
        own_sound: of the clip, the same; `None` where it has none.
        words: (word, start, end) in seconds.
        mouths: `(frames, 96, 96)` uint8, 25 a second.
        duration: of the clip in seconds.
        seconds: spent in each stage, by the name that visitors read.
        seed: of the take that was kept.
        takes: `seed`, `kept`, `similarity` and `wrong_words` of each take, where there are several.
        warnings: what the visitor should know about the clip.
    """

    video: Path
    original: Path
    sound: np.ndarray
    own_sound: np.ndarray | None
    words: list[tuple[str, float, float]]
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
    """A pipeline as the Space uses it.

    Args:
        pipe: the pipeline.
        max_takes: most takes of which the best may be asked for.
        on_device (*optional*): decorates the function that runs the models, as `spaces.GPU` does.
    """

    def __init__(
        self,
        pipe: FlowDubberPipeline,
        max_takes: int = 1,
        on_device: Callable[[Callable], Callable] = lambda function: function,
    ):
        self.pipe = pipe
        self.max_takes = max_takes
        self._try_takes = on_device(self.try_takes)

    @property
    def temperature(self) -> float:
        """The model's own."""
        return self.pipe.vector_field.config.sampling_temperature

    @property
    def can_guide(self) -> bool:
        """Whether there is a language model, whose knowledge guidance sharpens."""
        return self.pipe.semantic_model is not None

    def dub(self, request: Request, folder: Path, report: Report) -> Dub:
        """Dubs a clip.

        Args:
            request: what the visitor asks for.
            folder: of this request alone; what is written goes there.
            report: is told of progress.

        Raises:
            Problems: what is wrong with the request, by field.
        """
        clock = _Clock()
        report(0.0, desc=CHECKING)
        with clock.stage(CHECKING):
            checked = check_request(request, self.pipe.aligner.config.phoneme_accent, self.max_takes)
            clip = playable(Path(request.clip), folder)
        made = self._try_takes(request, clip, checked.voice, report)
        if isinstance(made, dict):
            raise Problems(made)
        report(0.96, desc=WRITING)
        with clock.stage(WRITING):
            video = self.pipe.save_video(made.dub, folder / "dubbed.mp4")
            own_sound = _own_sound(clip)
        warnings = [for_visitors(warning) for warning in made.dub.warnings[0]]
        if is_hurried(checked.phonemes, checked.info):
            warnings.append("The script is long for this clip, so the speech is hurried.")
        return Dub(
            video=video,
            original=clip,
            sound=made.dub.audios[0],
            own_sound=own_sound,
            words=made.dub.words[0],
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
        """Runs the models once for each take and keeps the best.

        Args:
            request: checked.
            clip: path of the clip.
            voice: `(samples,)` float32 at 16 kHz.
            report: is told of progress.
        """
        count = int(request.takes)
        seeds = [int(request.seed) + number for number in range(count)]
        dubs = []
        for number, seed in enumerate(seeds):
            told = _Progress(report, number, count, request.steps)
            dubs.append(
                self.pipe(
                    script=request.script,
                    video=clip,
                    reference_audio=voice,
                    reference_sampling_rate=SAMPLING_RATE,
                    num_inference_steps=int(request.steps),
                    guidance_scale=request.guidance_scale if self.can_guide else 1.0,
                    temperature=request.temperature,
                    generator=torch.Generator("cpu").manual_seed(seed),
                    callback_on_stage=told.stage,
                    callback_on_step_end=told.step,
                )
            )
        seconds = {STAGES[name][0]: sum(dub.timings.get(name, 0.0) for dub in dubs) for name in STAGES}
        if count == 1:
            return Takes(dubs[0], seeds[0], [], seconds)
        sounds = [dub.audios[0] for dub in dubs]
        chosen, about = choose_sound(sounds, voice, request.script, similarity=self._similarity)
        kept = [{"seed": seed, "kept": number == chosen} for number, seed in enumerate(seeds)]
        return Takes(
            dubs[chosen], seeds[chosen], [{**one, **other} for one, other in zip(kept, about, strict=True)], seconds
        )

    @torch.no_grad()
    def _similarity(self, sound: np.ndarray, reference: np.ndarray) -> float:
        """Cosine of the style vectors of two `(samples,)` sounds at 16 kHz by the pipeline's own GE2E encoder."""
        encoder = self.pipe.style_encoder
        values, mask = (tensor.to(encoder.device) for tensor in pad_sounds([sound, reference]))
        style = encoder(values.to(encoder.dtype), attention_mask=mask).style.float()
        return float(torch.nn.functional.cosine_similarity(style[0], style[1], dim=0))


class _Progress:
    """Tells of the stages of a take and of the steps of its flow, never backwards."""

    def __init__(self, report: Report, number: int, count: int, steps: int):
        self.report, self.number, self.count, self.steps = report, number, count, steps
        self.done = 0.0

    def stage(self, _: Any, name: str) -> None:
        text, share = STAGES[name]
        self._tell(share, text)

    def step(self, _: Any, index: int, timestep: torch.Tensor, tensors: dict) -> dict:
        (text, start), (_, end) = STAGES["flow"], STAGES["vocoder"]
        self._tell(start + (end - start) * min(1.0, (index + 1) / self.steps), text)
        return tensors

    def _tell(self, share: float, text: str) -> None:
        self.done = max(self.done, share)
        take = f"Take {self.number + 1} of {self.count}: {text[0].lower()}{text[1:]}" if self.count > 1 else text
        self.report((self.number + self.done) / self.count * 0.95, desc=take)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = perf_counter()
        yield
        self.seconds[name] = perf_counter() - start


def playable(clip: Path, folder: Path) -> Path:
    """The clip itself if every browser plays it, otherwise a copy in `folder` that they do."""
    if plays_in_browsers(clip):
        return clip
    return transcode_video(clip, folder / f"{clip.stem}.mp4", max_side=SHOWN_SIDE)


def _own_sound(clip: Path) -> np.ndarray | None:
    try:
        return load_audio(clip)
    except ValueError:  # none, or none that decodes
        return None

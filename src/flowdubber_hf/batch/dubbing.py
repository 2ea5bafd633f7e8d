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
"""A job done: the dub, or the best of several takes, written and described."""

import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch

from ..libraries import quiet_libraries
from ..pipelines.flowdubber import FlowDubberPipeline, FlowDubberPipelineOutput
from ..pipelines.flowdubber.loading import choose_device
from ..processing.audio import load_audio
from ..processing.text import lexicon_of
from .jobs import DubJob


@dataclass(frozen=True)
class Dubbed:
    """What was made of a job.

    Attributes:
        dub: of the take that was kept.
        takes: `seed`, `kept`, `similarity` and `wrong_words` of each take, where there were several.
        seconds: wall-clock time, writing included.
    """

    dub: FlowDubberPipelineOutput
    takes: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def load_pipeline(model: str, device: str) -> FlowDubberPipeline:
    """The model on its device, without the libraries' own bars and remarks.

    Args:
        model: bundled name, folder or Hub id.
        device: a name that torch knows, or `auto`.

    Raises:
        ValueError: no such model or device.
    """
    quiet_libraries()
    device = choose_device(device)
    return FlowDubberPipeline.from_pretrained(model).to(device)


def do_job(pipe: FlowDubberPipeline, job: DubJob, overwrite: bool = False) -> Dubbed:
    """Makes the dub and writes it.

    Raises:
        ValueError: the clip cannot be dubbed (no face, ...), or the file cannot be written.
    """
    start = time.perf_counter()
    dub, takes = _best_take(pipe, job)
    pipe.save_video(dub, job.output, overwrite=overwrite, transcode=job.transcode, turn=job.turn)
    return Dubbed(dub, takes, time.perf_counter() - start)


def _best_take(pipe: FlowDubberPipeline, job: DubJob) -> tuple[FlowDubberPipelineOutput, list[dict[str, Any]]]:
    """The dub, or the best of several from one seed after the other, and what each take was like."""
    seeds = range(job.seed, job.seed + job.best_of)
    clip = pipe.prepare_clip(job.video, mouth_box=job.mouth_box, turn=job.turn, timing=job.timing)
    voice = pipe.prepare_voice(job.reference)
    dubs = [
        pipe(
            script=job.script,
            video=clip,
            reference_audio=voice,
            reference_text=job.reference_text,
            lexicon=lexicon_of(job.lexicon),
            num_inference_steps=job.steps,
            guidance_scale=job.guidance_scale,
            temperature=job.temperature,
            timing=job.timing,
            generator=torch.Generator("cpu").manual_seed(seed),
        )
        for seed in seeds
    ]
    read = {"lips": clip.seconds, "reference": voice.seconds, "total": clip.seconds + voice.seconds}
    timings = {stage: sum(dub.timings[stage] for dub in dubs) + read.get(stage, 0.0) for stage in dubs[0].timings}
    if len(dubs) == 1:
        return replace(dubs[0], timings=timings), []

    from ..evaluation.takes import choose_sound  # brings the judges of voice and words

    chosen, takes = choose_sound([dub.audios[0] for dub in dubs], load_audio(job.reference), job.script)
    rows = zip(seeds, takes, strict=True)
    return replace(dubs[chosen], timings=timings), [
        {"seed": seed, "kept": seed == seeds[chosen], **take} for seed, take in rows
    ]


def describe(job: DubJob, done: Dubbed, model: str, device: str) -> dict[str, Any]:
    """What a program may want to know of a dub, of types that JSON has."""
    dub = done.dub
    settings = {name: value for name, value in asdict(job).items() if name not in ("video", "reference", "output")}
    settings |= {"lexicon": None if job.lexicon is None else str(job.lexicon), "model": model, "device": device}
    return {
        "video": str(job.video),
        "reference": str(job.reference),
        "output": str(job.output),
        "duration": dub.durations[0],
        "sampling_rate": dub.sampling_rate,
        "samples": len(dub.audios[0]),
        "words": [{"word": word, "start": start, "end": end} for word, start, end in dub.words[0]],
        "settings": settings,
        "warnings": dub.warnings[0],
        "takes": done.takes,
        "seconds": {"dubbing": done.seconds, "stages": dub.timings},
        "real_time_factor": done.seconds / dub.durations[0],
    }

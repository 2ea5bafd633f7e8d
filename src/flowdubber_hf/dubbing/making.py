"""A job done: the dub, or the best of several takes, written and described."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from ..pipelines.flowdubber import FlowDubberPipeline, FlowDubberPipelineOutput
from ..processing.text import lexicon_of
from .jobs import DubJob
from .takes import Progress, best_take


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


def do_job(pipe: FlowDubberPipeline, job: DubJob, overwrite: bool = False, progress: Progress | None = None) -> Dubbed:
    """Makes the dub and writes it; `progress` tells the callbacks of each pass.

    Raises:
        ValueError: the clip cannot be dubbed (no face, ...), or the file cannot be written.
    """
    start = time.perf_counter()
    ready = pipe.prepare(
        job.script,
        job.video,
        job.reference,
        reference_text=job.reference_text,
        mouth_box=job.mouth_box,
        turn=job.turn,
        lexicon=lexicon_of(job.lexicon),
        timing=job.timing,
    )
    options = {
        name: getattr(job, name) for name in ("guidance_scale", "style_guidance_scale", "colour_match", "temperature")
    }
    chosen = best_take(pipe, ready, range(job.seed, job.seed + job.best_of), job.steps, progress, **options)
    pipe.save_video(
        chosen.dub, job.output, overwrite=overwrite, transcode=job.transcode, turn=job.turn, keep_sound=job.keep_sound
    )
    return Dubbed(chosen.dub, chosen.takes, time.perf_counter() - start)


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

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
"""`flowdubber dub`: dub a clip."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..version import __version__
from .common import DEFAULT_MODEL, check_target, load_pipeline, write_text


if TYPE_CHECKING:
    from ..pipelines.flowdubber import FlowDubberPipeline, FlowDubberPipelineOutput


OUTPUT_SUFFIXES = (".wav", ".mp4", ".mov", ".mkv")


def add_dub(commands: Any) -> None:
    dub = commands.add_parser("dub", help="dub a clip", description="Dubs a clip of a speaker.")
    dub.add_argument("--video", required=True, type=Path, help="the clip; its own sound is not used")
    dub.add_argument("--script", required=True, help="the words to be spoken")
    dub.add_argument(
        "--reference", required=True, type=Path, help="at least 1 s of the voice (wav, flac, mp3, a video...)"
    )
    dub.add_argument(
        "--output", required=True, type=Path, help="the dubbed clip (.mp4, .mov, .mkv), or .wav for sound only"
    )
    dub.add_argument("--reference-text", help="what is said in the reference, if known")
    dub.add_argument("--steps", type=int, default=10, help="steps of the flow (default 10)")
    dub.add_argument("--guidance-scale", type=float, default=1.4, help="1 is none and costs half (default 1.4)")
    dub.add_argument("--temperature", type=float, help="of the initial noise (default: the model's own)")
    dub.add_argument("--seed", type=int, default=0, help="the same seed gives the same sound (default 0)")
    dub.add_argument(
        "--best-of",
        type=int,
        default=1,
        metavar="N",
        help="make N takes, from N seeds, and keep the best by voice, then words (needs the extra eval)",
    )
    dub.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    dub.add_argument(
        "--model", default=DEFAULT_MODEL, help=f"bundled name, folder or Hub id (default {DEFAULT_MODEL})"
    )
    dub.add_argument(
        "--mouth-box",
        type=_mouth_box,
        metavar="X0,Y0,X1,Y1",
        help="a box around the lips, corner to corner, in pixels of the upright picture",
    )
    dub.add_argument(
        "--json", type=Path, metavar="REPORT", help="write times, words, settings and warnings to this file"
    )
    dub.add_argument("--overwrite", action="store_true", help="replace files that exist")
    dub.add_argument("--quiet", action="store_true", help="no progress bar, no last line")
    dub.set_defaults(run=_dub)


def _mouth_box(text: str) -> tuple[float, float, float, float]:
    try:
        x0, y0, x1, y1 = (float(value) for value in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"give four numbers x0,y0,x1,y1 in pixels, got {text!r}") from None
    return x0, y0, x1, y1


def _check_dub(arguments: argparse.Namespace) -> None:
    """Everything that can be refused without the models or the media."""
    for path, option in ((arguments.video, "--video"), (arguments.reference, "--reference")):
        if not path.is_file():
            raise ValueError(f"{option}: there is no file {path}.")
    if not arguments.script.strip():
        raise ValueError("--script is empty; give the words to be spoken.")
    if arguments.output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise ValueError(f"--output must end in one of {', '.join(OUTPUT_SUFFIXES)}, got {arguments.output.name!r}.")
    sources = (arguments.video, arguments.reference)
    check_target(arguments.output, "--output", arguments.overwrite, sources)
    if arguments.json is not None:
        check_target(arguments.json, "--json", arguments.overwrite, sources)
        if arguments.json.resolve() == arguments.output.resolve():
            raise ValueError("--json and --output are the same file; choose two names.")
    if not 0 <= arguments.seed < 2**63:
        raise ValueError(f"--seed must lie between 0 and 2^63 - 1, got {arguments.seed}.")
    if arguments.best_of != 1:
        from ..evaluation.takes import require_selection

        require_selection(arguments.best_of)


def _check_content(arguments: argparse.Namespace) -> None:
    """What only a look into the script and the reference tells; still far cheaper than loading the models."""
    from ..processing.audio import check_reference, load_audio
    from ..processing.text import phonemize

    phonemize(arguments.script)  # says what it cannot speak
    check_reference(load_audio(arguments.reference), f"the reference {arguments.reference}")


def _dub(arguments: argparse.Namespace) -> None:
    _check_dub(arguments)
    start = time.perf_counter()
    _check_content(arguments)
    pipe = load_pipeline(arguments)
    loaded = time.perf_counter()

    dub, takes = _best_take(pipe, arguments)
    for warning in dub.warnings[0]:
        print(f"flowdubber: warning: {warning}", file=sys.stderr)
    pipe.save_video(dub, arguments.output, overwrite=arguments.overwrite)
    seconds = time.perf_counter() - loaded
    if arguments.json is not None:
        report = _report(arguments, dub, takes, seconds, loading=loaded - start)
        write_text(arguments.json, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    if not arguments.quiet:
        duration = dub.durations[0]
        print(f"dubbed {duration:.2f} s in {seconds:.1f} s (real-time factor {seconds / duration:.2f})")


def _best_take(
    pipe: "FlowDubberPipeline", arguments: argparse.Namespace
) -> tuple["FlowDubberPipelineOutput", list[dict[str, Any]]]:
    """The dub, or the best of several from one seed after the other, and what each take was like."""
    import torch

    dubs = [
        pipe(
            script=arguments.script,
            video=arguments.video,
            reference_audio=arguments.reference,
            reference_text=arguments.reference_text,
            mouth_box=arguments.mouth_box,
            num_inference_steps=arguments.steps,
            guidance_scale=arguments.guidance_scale,
            temperature=arguments.temperature,
            generator=torch.Generator("cpu").manual_seed((arguments.seed + number) % 2**63),
        )
        for number in range(arguments.best_of)
    ]
    if len(dubs) == 1:
        return dubs[0], []

    from ..evaluation.takes import choose_sound
    from ..processing.audio import load_audio

    chosen, takes = choose_sound([dub.audios[0] for dub in dubs], load_audio(arguments.reference), arguments.script)
    seeds = range(arguments.seed, arguments.seed + len(dubs))
    kept = [{"seed": seed % 2**63, "kept": seed - arguments.seed == chosen} for seed in seeds]
    return dubs[chosen], [{**about, **take} for about, take in zip(kept, takes, strict=True)]


def _report(
    arguments: argparse.Namespace,
    dub: "FlowDubberPipelineOutput",
    takes: list[dict[str, Any]],
    seconds: float,
    loading: float,
) -> dict[str, Any]:
    settings = (
        "script",
        "reference_text",
        "steps",
        "guidance_scale",
        "temperature",
        "seed",
        "device",
        "model",
        "mouth_box",
        "best_of",
    )
    return {
        "flowdubber": __version__,
        "video": str(arguments.video),
        "reference": str(arguments.reference),
        "output": str(arguments.output),
        "duration": dub.durations[0],
        "sampling_rate": dub.sampling_rate,
        "samples": len(dub.audios[0]),
        "words": [{"word": word, "start": start, "end": end} for word, start, end in dub.words[0]],
        "settings": {name: getattr(arguments, name) for name in settings},
        "warnings": dub.warnings[0],
        "takes": takes,
        "seconds": {"loading": loading, "dubbing": seconds, "stages": dub.timings},
        "real_time_factor": seconds / dub.durations[0],
    }

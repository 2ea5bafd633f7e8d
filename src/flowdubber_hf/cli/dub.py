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
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..extras import pip_line
from .common import DEFAULT_MODEL, Result, add_command, add_running_options, check_target, load_pipeline


if TYPE_CHECKING:
    from ..pipelines.flowdubber import FlowDubberPipeline, FlowDubberPipelineOutput


OUTPUT_SUFFIXES = (".wav", ".mp4", ".mov", ".mkv")


def add_dub(commands: Any) -> None:
    dub = add_command(
        commands,
        "dub",
        usage="flowdubber dub --video CLIP --script TEXT --reference VOICE\n"
        "                      --output FILE [options]",
        summary="dub a clip",
        description="Dubs a clip of a speaker: speech that says the script in the voice of the reference, in time with the lips, "
        "exactly as long as the clip. The clip's own picture is copied, its own sound is not used.",
        examples=[
            (
                "A dubbed video",
                'flowdubber dub --video clip.mp4 --script "bin blue at f two now" --reference voice.wav --output dubbed.mp4',
            ),
            (
                "Sound only, another take, and a report with the time of every word",
                'flowdubber dub --video clip.mp4 --script "bin blue at f two now" --reference voice.wav --seed 7 '
                "--output dubbed.wav --json report.json",
            ),
            (
                "The best of five takes on a graphics card, by voice, then words",
                'flowdubber dub --video clip.mp4 --script "bin blue at f two now" --reference voice.wav --best-of 5 '
                "--device cuda --output dubbed.mp4",
            ),
        ],
        notes="The words are English. --best-of needs the extra:\n"
        f"    {pip_line('eval', ['resemblyzer'])}\n\nMore: docs/cli.md.",
    )
    given = dub.add_argument_group("input").add_argument
    given("--video", required=True, type=Path, metavar="CLIP", help="the clip of the speaker, up to 60 s")
    given("--script", required=True, metavar="TEXT", help="the words to be spoken")
    given(
        "--reference",
        required=True,
        type=Path,
        metavar="VOICE",
        help="at least 1 s of the voice (wav, flac, mp3, a video...)",
    )
    given("--reference-text", metavar="TEXT", help="what is said in the reference, if known")
    given(
        "--mouth-box",
        type=_mouth_box,
        metavar="X0,Y0,X1,Y1",
        help="a box around the lips, corner to corner, in pixels of the upright picture",
    )
    output = dub.add_argument_group("output").add_argument
    output(
        "--output",
        required=True,
        type=Path,
        metavar="FILE",
        help="the dubbed clip (.mp4, .mov, .mkv), or .wav for sound only",
    )
    output("--overwrite", action="store_true", help="replace files that exist")
    sampling = dub.add_argument_group("model and sampling").add_argument
    sampling("--model", default=DEFAULT_MODEL, help="bundled name, folder or Hub id (default %(default)s)")
    sampling("--steps", type=int, default=10, metavar="N", help="steps of the flow (default %(default)s)")
    sampling(
        "--guidance-scale", type=float, default=1.4, metavar="W", help="1 is none and costs half (default %(default)s)"
    )
    sampling("--temperature", type=float, metavar="T", help="of the initial noise (default: the model's own)")
    sampling("--seed", type=int, default=0, help="the same seed gives the same sound (default %(default)s)")
    sampling(
        "--best-of",
        type=int,
        default=1,
        metavar="N",
        help="make N takes, from N seeds, and keep the best by voice, then words",
    )
    running = add_running_options(dub, quiet="no progress bar, no last line").add_argument
    running("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
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


def _dub(arguments: argparse.Namespace) -> Result:
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
    if not arguments.quiet:
        duration = dub.durations[0]
        print(f"dubbed {duration:.2f} s in {seconds:.1f} s (real-time factor {seconds / duration:.2f})")
    return Result(_report(arguments, dub, takes, seconds, loading=loaded - start))


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

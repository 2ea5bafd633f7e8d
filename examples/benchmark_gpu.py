"""What a card makes of dubbing: real-time factor and memory by precision and batch, and how far the mel is from the processor's.

    python examples/benchmark_gpu.py
    python examples/benchmark_gpu.py --presets base --dtypes float16 --batches 16 --compile
    python examples/benchmark_gpu.py --device cpu --dtypes float32 --batches 1

The bundled model, and one of the paper's sizes with random weights, which cost what trained ones do (but for the language model,
which then writes as much as it may). The drawn demo clip of 3 s is dubbed from pictures and recording to sound, a batch of the same
script and clip, after one call that does not count. The distance is that of the normalised mel without the language model, whose
draws a rounding can turn, from the one that the processor computes in float32 with the same noise. Needs torch, transformers,
diffusers and this package, nothing from elsewhere.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import torch

from benchmark_base import machine, peak_memory, untrained_pipeline
from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.demo import DEMO_SCRIPT, demo_frames, demo_reference
from flowdubber_hf.libraries import quiet_libraries
from flowdubber_hf.pipelines.flowdubber.loading import choose_device
from flowdubber_hf.processing.audio import SAMPLING_RATE, VIDEO_FRAME_RATE


MODELS = {
    "bundled": lambda: FlowDubberPipeline.from_pretrained("flowdubber-grid-tiny"),
    "base": lambda: untrained_pipeline("base"),
}
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Figure:
    """One row.

    Attributes:
        preset, dtype: of the models.
        batch: clips in a call.
        seconds: median of a call by the clock.
        factor: seconds a second of sound.
        memory: most bytes in use, of the card or of the process.
        distance: mean and greatest difference of the mel from the processor's in float32.
    """

    preset: str
    dtype: str
    batch: int
    seconds: float
    factor: float
    memory: int
    distance: tuple[float, float]


def call(pipe: FlowDubberPipeline, batch: int, **changed) -> list:
    """Dubs the drawn clip so many times at once; the noise of each row is that of its number."""
    return pipe(
        script=[DEMO_SCRIPT] * batch,
        video=demo_frames(),
        fps=VIDEO_FRAME_RATE,
        reference_audio=demo_reference(),
        reference_sampling_rate=SAMPLING_RATE,
        generator=[torch.Generator("cpu").manual_seed(row) for row in range(batch)],
        **{"guidance_scale": 1.0 if pipe.semantic_model is None else 1.4, **changed},
    ).audios


def plain_mel(pipe: FlowDubberPipeline) -> torch.Tensor:
    """The normalised mel `(80, T)` of one clip without the language model, on the processor."""
    missing = [] if pipe.semantic_model is None else ["semantics"]
    mel = call(pipe, 1, without=missing, guidance_scale=1.0, output_type="latent")[0]
    return mel.float().cpu()


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(
    pipe: FlowDubberPipeline, preset: str, dtype: str, batch: int, repeats: int, expected: torch.Tensor
) -> Figure:
    """Times `repeats` calls of a pipeline that is on its device in its precision."""
    device = pipe.device
    difference = (plain_mel(pipe) - expected).abs()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    spent, sounds = [], []
    for _ in range(repeats + 1):
        wait(device)
        start = time.perf_counter()
        sounds = call(pipe, batch)
        wait(device)
        spent.append(time.perf_counter() - start)
    seconds = median(spent[1:])
    sound_seconds = sum(len(sound) for sound in sounds) / SAMPLING_RATE
    distance = float(difference.mean()), float(difference.max())
    return Figure(preset, dtype, batch, seconds, seconds / sound_seconds, peak_memory(device), distance)


def run(arguments: argparse.Namespace) -> list[Figure]:
    """All combinations that are asked for; each row is printed as it is there."""
    device = torch.device(choose_device(arguments.device))
    print(f"{machine(device)}, torch {torch.__version__}\n")
    print(
        "| model | precision | batch | seconds a call | real-time factor | memory | mel from the processor's: mean, greatest |"
    )
    print("|---|---|---|---|---|---|---|")
    figures = []
    for preset in arguments.presets:
        pipe = MODELS[preset]()
        pipe.set_progress_bar_config(disable=True)
        expected = plain_mel(pipe)
        for dtype in arguments.dtypes:
            # Anew from the file or the seed, for weights that were rounded once stay rounded.
            pipe = MODELS[preset]().to(device=device, dtype=getattr(torch, dtype))
            pipe.set_progress_bar_config(disable=True)
            if arguments.compile:
                pipe.vector_field.compile()
                pipe.vocoder.compile()
            for batch in arguments.batches:
                figure = measure(pipe, preset, dtype, batch, arguments.repeats, expected)
                figures.append(figure)
                print(row(figure), flush=True)
    return figures


def row(figure: Figure) -> str:
    """In Markdown."""
    mean, greatest = figure.distance
    return (
        f"| {figure.preset} | {figure.dtype} | {figure.batch} | {figure.seconds:.3f} | {figure.factor:.3f} "
        f"| {figure.memory / 2**20:,.0f} MiB | {mean:.1e}, {greatest:.1e} |"
    )


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, mps, cpu or auto")
    parser.add_argument("--presets", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16], help="clips in a call")
    parser.add_argument("--repeats", type=int, default=5, help="calls that count")
    parser.add_argument("--compile", action="store_true", help="torch.compile for vector field and vocoder")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args(given)
    if arguments.repeats < 1 or min(arguments.batches) < 1:
        parser.error("--repeats and --batches must be at least 1.")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    quiet_libraries()
    try:
        figures = run(arguments)
    except ValueError as error:
        sys.exit(f"benchmark_gpu.py: {error}")
    if arguments.json:
        rows = [asdict(figure) for figure in figures]
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

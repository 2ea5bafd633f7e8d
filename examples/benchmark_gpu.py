"""What a card makes of dubbing and training: speed and memory by precision and batch, and how far the mel is from the processor's.

    python examples/benchmark_gpu.py
    python examples/benchmark_gpu.py --presets base --dtypes float16 --batches 16 --compile
    python examples/benchmark_gpu.py --no_graphs --dtypes bfloat16
    python examples/benchmark_gpu.py --training
    python examples/benchmark_gpu.py --training --presets base --stages dubber semantic_lm --batch_size 32 --workers 8
    python examples/benchmark_gpu.py --device cpu --dtypes float32 --batches 1

The bundled model, and one of the paper's sizes with random weights, which cost what trained ones do (but for the language model,
which then writes as much as it may). A clip of 3 s is dubbed, a batch of the same script and clip, after one call that does not count: from
mouth pictures, phonemes and the sound of a voice to sound, all that the models do. Faces and words are found before, by the processor alone. The
distance is that of the normalised mel without the language model, whose draws a rounding can turn, from the one that the processor computes in
float32 with the same noise.

`--training` trains every stage in place of dubbing, by its own script in bf16, from random weights on made clips, and tells samples a second,
the model's share of the time (the rest waits for data: give `--workers`), and the most memory of the card.

Needs torch, transformers, diffusers and accelerate with this package's source, nothing else that is installed or fetched.
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch

import bare_machine  # noqa: F401  first: what comes next may name packages that are missing
from benchmark_base import machine, peak_memory, untrained_pipeline
from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.demo.mouth import mouth_track
from flowdubber_hf.demo.timeline import DEMO_SCRIPT, demo_segments
from flowdubber_hf.demo.voice import demo_reference
from flowdubber_hf.libraries import quiet_libraries
from flowdubber_hf.pipelines.flowdubber.loading import choose_device
from flowdubber_hf.pipelines.flowdubber.prepared import PreparedDub
from flowdubber_hf.processing.audio import SAMPLING_RATE
from flowdubber_hf.processing.text import assemble
from training_stages import STAGES, MadeClips, make_clips, pronunciations, summarize, train_here


MODELS = {
    "bundled": lambda: FlowDubberPipeline.from_pretrained("flowdubber-grid-tiny"),
    "base": lambda: untrained_pipeline("base"),
}
DTYPES = ("float32", "bfloat16", "float16")
TRAINING_PRESETS = {"bundled": "tiny", "base": "base"}
PRECISIONS = ("bf16", "fp16", "no")


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
        graphs: whether the language model's step was recorded.
        compiled: whether vector field and vocoder were.
    """

    preset: str
    dtype: str
    batch: int
    seconds: float
    factor: float
    memory: int
    distance: tuple[float, float]
    graphs: bool
    compiled: bool


def drawn_mouths() -> np.ndarray:
    """`(75, 96, 96)` uint8: the mouth of the demo's speaker as a dark opening, 25 pictures a second."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    opening, width = mouth_track(demo_segments())[:, :2, None, None].swapaxes(0, 1)
    inside = (x / (0.2 + 0.5 * width)) ** 2 + (y / (0.05 + 0.5 * opening)) ** 2 < 1
    return np.where(inside, 40, 160).astype(np.uint8)


def call(pipe: FlowDubberPipeline, batch: int, without: Sequence[str] = (), **changed) -> list:
    """Dubs the drawn clip so many times at once; the noise of each row is that of its number."""
    words, sounds = DEMO_SCRIPT.split(), pronunciations()
    ready = PreparedDub(
        scripts=(DEMO_SCRIPT,) * batch,
        phonemizations=(assemble(words, [sounds[word] for word in words]),) * batch,
        clips=(pipe.prepare_mouths(drawn_mouths()),) * batch,
        voices=(pipe.prepare_voice(demo_reference(), SAMPLING_RATE),) * batch,
        reference_texts=(None,) * batch,
        without=tuple(without),
    )
    return pipe(
        ready,
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


def opened(preset: str, dtype: str, arguments: argparse.Namespace, device: torch.device) -> FlowDubberPipeline:
    """A pipeline on its device, in its precision. Anew from the file or the seed, for weights that were rounded once stay rounded."""
    pipe = MODELS[preset]().to(device=device, dtype=getattr(torch, dtype))
    pipe.set_progress_bar_config(disable=True)
    if pipe.semantic_model is not None:
        pipe.semantic_model.use_cuda_graphs = not arguments.no_graphs
    if arguments.compile:
        compile_parts(pipe)
    return pipe


def compile_parts(pipe: FlowDubberPipeline, **options) -> None:
    """Lets torch compile what is called most often, at its first call for each shape; options as those of `torch.compile`."""
    pipe.vector_field.compile(**options)
    pipe.vocoder.compile(**options)


def measure(
    pipe: FlowDubberPipeline,
    preset: str,
    dtype: str,
    batch: int,
    arguments: argparse.Namespace,
    expected: torch.Tensor,
) -> Figure:
    """Times calls of a pipeline that is [`opened`]."""
    device = pipe.device
    difference = (plain_mel(pipe) - expected).abs()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    spent, sounds = [], []
    for _ in range(arguments.repeats + 1):
        wait(device)
        start = time.perf_counter()
        sounds = call(pipe, batch)
        wait(device)
        spent.append(time.perf_counter() - start)
    seconds = median(spent[1:])
    sound_seconds = sum(len(sound) for sound in sounds) / SAMPLING_RATE
    distance = float(difference.mean()), float(difference.max())
    graphs = device.type == "cuda" and pipe.semantic_model is not None and not arguments.no_graphs
    memory, factor = peak_memory(device), seconds / sound_seconds
    return Figure(preset, dtype, batch, seconds, factor, memory, distance, graphs, arguments.compile)


def run(arguments: argparse.Namespace) -> list[Figure]:
    """All combinations that are asked for; each row is printed as it is there."""
    device = torch.device(choose_device(arguments.device))
    recorded = device.type == "cuda" and not arguments.no_graphs
    print(
        f"{machine(device)}, torch {torch.__version__}; language model's step {'' if recorded else 'not '}recorded, vector field and "
        f"vocoder {'' if arguments.compile else 'not '}compiled\n"
    )
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
            pipe = opened(preset, dtype, arguments, device)
            for batch in arguments.batches:
                figure = measure(pipe, preset, dtype, batch, arguments, expected)
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


@dataclass(frozen=True)
class TrainingFigure:
    """One row of `--training`.

    Attributes:
        stage, preset, precision: what was trained, of which size and how.
        batch: clips a step.
        samples: a second.
        share: of the time that is the model's; the rest waits for data.
        memory: most bytes of the card in this stage, or of the process so far.
        losses: of each step, those to warm up included.
    """

    stage: str
    preset: str
    precision: str
    batch: int
    samples: float
    share: float
    memory: float
    losses: list[float]


def training_device(name: str) -> torch.device:
    """Where Accelerate will train.

    Raises:
        ValueError: it takes the first card that it sees, not another one, and no device of another kind.
    """
    device = torch.device(choose_device(name))
    if device.type not in ("cuda", "cpu") or device.index:
        raise ValueError(f"--training runs on cuda or cpu, not on {device}; choose a card by CUDA_VISIBLE_DEVICES.")
    if device.type == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "1"
    return device


def train_stage(
    stage: str, preset: str, arguments: argparse.Namespace, work: Path, options: Sequence[str] = ()
) -> TrainingFigure:
    """Trains a stage for `--warm_up` and `--steps` steps, from its script's `main` to what that leaves in `work`."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    batch, precision = arguments.batch_size or STAGES[stage].batch_size, arguments.mixed_precision
    given = arguments.warm_up + arguments.steps, batch, precision, arguments.workers, options
    with redirect_stdout(sys.stderr):  # the table alone is this script's output
        steps = train_here(stage, preset, work, MadeClips(make_clips()), *given)
    found, losses = summarize(steps, arguments.warm_up, batch), [step["loss"] for step in steps]
    memory = found["peak_memory_gb"] * 1e9
    return TrainingFigure(
        stage, preset, precision, batch, found["samples_per_second"], found["model_share"], memory, losses
    )


def run_training(arguments: argparse.Namespace) -> list[TrainingFigure]:
    """All stages that are asked for; each row is printed as it is there."""
    device = training_device(arguments.device)
    print(f"{machine(device)}, torch {torch.__version__}; {arguments.mixed_precision}\n")
    print("| stage | size | batch | samples a second | model's share | memory | loss: first, last |")
    print("|---|---|---|---|---|---|---|")
    figures = []
    for preset in arguments.presets:
        for stage in arguments.stages:
            with TemporaryDirectory() as work:
                figures.append(train_stage(stage, TRAINING_PRESETS[preset], arguments, Path(work)))
            print(training_row(figures[-1]), flush=True)
    return figures


def training_row(figure: TrainingFigure) -> str:
    """In Markdown."""
    return (
        f"| {figure.stage} | {figure.preset} | {figure.batch} | {figure.samples:.2f} | {100 * figure.share:.0f} % "
        f"| {figure.memory / 2**20:,.0f} MiB | {figure.losses[0]:.3g}, {figure.losses[-1]:.3g} |"
    )


def parse_arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, mps, cpu or auto")
    parser.add_argument("--presets", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, default=list(DTYPES))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16], help="clips in a call")
    parser.add_argument("--repeats", type=int, default=5, help="calls that count")
    parser.add_argument("--no_graphs", action="store_true", help="no CUDA graph of the language model's step")
    parser.add_argument("--compile", action="store_true", help="torch.compile for vector field and vocoder")
    parser.add_argument("--training", action="store_true", help="train each stage in place of dubbing")
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES), help="of --training")
    parser.add_argument("--mixed_precision", choices=PRECISIONS, default=PRECISIONS[0], help="of --training")
    parser.add_argument("--batch_size", type=int, help="clips a step of --training; 8 to 64 by stage where not given")
    parser.add_argument("--steps", type=int, default=10, help="of --training that count")
    parser.add_argument("--warm_up", type=int, default=3, help="steps before them")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare the batches of --training")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args(given)
    sizes = [] if arguments.batch_size is None else [arguments.batch_size]
    if min(arguments.repeats, arguments.steps, *arguments.batches, *sizes) < 1:
        parser.error("--repeats, --batches, --batch_size and --steps must be at least 1.")
    if min(arguments.warm_up, arguments.workers) < 0:
        parser.error("--warm_up and --workers must not be negative.")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    quiet_libraries()
    try:
        figures = run_training(arguments) if arguments.training else run(arguments)
    except ValueError as error:
        sys.exit(f"benchmark_gpu.py: {error}")
    if arguments.json:
        rows = [asdict(figure) for figure in figures]
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""What a machine needs to dub with models of the paper's sizes: memory and time of every part, with random weights.

    python examples/benchmark_base.py --threads 2
    python examples/benchmark_base.py --device cuda --dtype float16 --repeats 3
    python examples/benchmark_base.py --model some/model --video clip.mp4 --script "what is said" --reference voice.wav

On a processor the time of a part is the process' own processor time, which other work on the machine hardly touches; on a card
it is what the clock says. Random weights cost what trained ones do, but for the language model: untrained, it does not end by itself and writes speech as
long as the clip, the most it may. The drawn demo clip (3 s) is dubbed where no other is named.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import os
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path

import torch

from flowdubber_hf import FlowDubberPipeline
from flowdubber_hf.demo import DEMO_SCRIPT, demo_frames, demo_reference
from flowdubber_hf.libraries import quiet_libraries
from flowdubber_hf.pipelines.flowdubber.loading import choose_device
from flowdubber_hf.pipelines.flowdubber.parts import build_pipeline
from flowdubber_hf.processing.audio import SAMPLING_RATE, VIDEO_FRAME_RATE, load_audio
from flowdubber_hf.training.untrained import PRESETS, byte_tokenizer, untrained_family, untrained_models
from flowdubber_hf.work.machine import processor_name


# What the pipeline calls of each part.
CALLS = {
    "style_encoder": ("forward",),
    "speech_tokenizer": ("encode",),
    "semantic_model": ("generate_semantics",),
    "aligner": ("encode", "fuse"),
    "vector_field": ("prior", "forward"),
    "vocoder": ("forward",),
}


LANGUAGE_PARTS = ("speech_tokenizer", "semantic_model")


def untrained_pipeline(preset: str, family: bool = False, language: bool = True) -> FlowDubberPipeline:
    """A pipeline at a preset's sizes with random weights, with the family's own lips and vocoder if so wanted, with or without the
    language model."""
    torch.manual_seed(0)
    models = untrained_models(preset, () if language else LANGUAGE_PARTS) | (untrained_family() if family else {})
    tokenizer = {"tokenizer": byte_tokenizer(models["semantic_model"].config)} if language else {}
    return build_pipeline(models | tokenizer)


def peak_memory(device: torch.device) -> int:
    """Bytes: of the card since the program began, or of the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


class PartTimer:
    """Seconds that each part of a pipeline takes, by wrapping what the pipeline calls of it."""

    def __init__(self, pipe: FlowDubberPipeline):
        self.device = pipe.device
        self.clock = time.perf_counter if pipe.device.type == "cuda" else time.process_time
        self.seconds: dict[str, float] = defaultdict(float)
        for name, methods in CALLS.items():
            part = getattr(pipe, name, None)
            for method in methods if part is not None else ():
                setattr(part, method, self._timed(name, getattr(part, method)))

    def _timed(self, name, method):
        def call(*args, **kwargs):
            self._wait()
            start = self.clock()
            result = method(*args, **kwargs)
            self._wait()
            self.seconds[name] += self.clock() - start
            return result

        return call

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def machine(device: torch.device) -> str:
    """Processor or card, threads, and how busy the machine is with other work."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor_name()}, {torch.get_num_threads()} of {os.cpu_count()} threads"


def measure(pipe: FlowDubberPipeline, inputs: dict, repeats: int) -> dict:
    """Dubs `repeats` times after a first time that is not counted; seconds of a dub, whole and by part, medians."""
    timer, runs = PartTimer(pipe), []
    for repeat in range(repeats + 1):
        timer.seconds.clear()
        clock, start = time.perf_counter(), timer.clock()
        dub = pipe(**inputs, generator=torch.Generator("cpu").manual_seed(0))
        whole = timer.clock() - start
        if repeat or not repeats:
            runs.append({**timer.seconds, "whole": whole, "clock": time.perf_counter() - clock})
    medians = {name: float(torch.tensor([run[name] for run in runs]).median()) for name in runs[0]}
    return {"seconds": medians, "duration": dub.durations[0], "samples": len(dub.audios[0])}


def table(pipe: FlowDubberPipeline, found: dict) -> list[str]:
    """The figures by part in Markdown."""
    kind = "seconds" if pipe.device.type == "cuda" else "processor seconds"
    rows = [f"| part | weights | memory of the weights | {kind} a dub |", "|---|---|---|---|"]
    total, memory = 0, 0
    for name in CALLS:
        part = getattr(pipe, name, None)
        if part is None:
            continue
        weights = sum(weight.numel() for weight in part.parameters())
        size = sum(weight.numel() * weight.element_size() for weight in part.parameters())
        total, memory = total + weights, memory + size
        seconds = found["seconds"].get(name, 0.0)
        rows.append(f"| {name} | {weights / 1e6:.1f} M | {size / 2**20:,.0f} MiB | {seconds:.2f} |")
    whole = found["seconds"]["whole"]
    rows.append(f"| whole | {total / 1e6:,.1f} M | {memory / 2**20:,.0f} MiB | {whole:.2f} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=PRESETS, default="base", help="sizes of the random models")
    parser.add_argument(
        "--family", action="store_true", help="base with the lips and the HiFi-GAN that public weights are of"
    )
    parser.add_argument("--no_language_model", action="store_true", help="without it, and so without guidance")
    parser.add_argument("--model", help="a real model (bundled name, folder, Hub id) in place of random ones")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps or auto")
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    parser.add_argument("--threads", type=int, help="of the processor")
    parser.add_argument("--steps", type=int, default=10, help="of the flow")
    parser.add_argument("--guidance_scale", type=float, default=1.4)
    parser.add_argument("--repeats", type=int, default=1, help="dubs that are measured, after one that is not")
    parser.add_argument("--video", type=Path, help="clip to dub, with --script and --reference; the demo's by default")
    parser.add_argument("--script")
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    named = [arguments.video, arguments.script, arguments.reference]
    if any(named) and not all(named):
        parser.error("--video, --script and --reference go together.")
    if arguments.family and (arguments.model or arguments.preset != "base"):
        parser.error("--family is for --preset base.")
    if arguments.repeats < 0 or arguments.steps < 1:
        parser.error("--repeats must not be negative and --steps at least 1.")
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    quiet_libraries()
    try:
        run(arguments)
    except ValueError as error:
        parser.error(str(error))


def run(arguments: argparse.Namespace) -> None:
    device, load = torch.device(choose_device(arguments.device)), os.getloadavg()[0]
    start = time.perf_counter()
    if arguments.model:
        pipe = FlowDubberPipeline.from_pretrained(arguments.model)
    else:
        pipe = untrained_pipeline(arguments.preset, arguments.family, not arguments.no_language_model)
    pipe.to(device=device, dtype=getattr(torch, arguments.dtype))
    pipe.set_progress_bar_config(disable=True)
    loading = time.perf_counter() - start
    inputs = {
        "script": arguments.script or DEMO_SCRIPT,
        "video": str(arguments.video) if arguments.video else demo_frames(),
        "fps": None if arguments.video else VIDEO_FRAME_RATE,
        "reference_audio": load_audio(arguments.reference) if arguments.reference else demo_reference(),
        "reference_sampling_rate": SAMPLING_RATE,
        "num_inference_steps": arguments.steps,
        "guidance_scale": 1.0 if pipe.semantic_model is None else arguments.guidance_scale,
    }
    found = measure(pipe, inputs, arguments.repeats)
    found |= {"machine": machine(device), "load_before": round(load, 1), "loading_seconds": round(loading, 1)}
    found |= {"peak_memory_bytes": peak_memory(device), "dtype": arguments.dtype}
    rows = table(pipe, found)
    print("\n".join(rows))
    factor = found["seconds"]["whole"] / found["duration"]
    clock = found["seconds"]["clock"]
    print(
        f"\n{found['machine']}; {arguments.dtype}, {arguments.steps} steps; a clip of {found['duration']:.1f} s, real-time factor "
        f"{factor:.1f}, by the clock {clock / found['duration']:.1f}; peak memory {found['peak_memory_bytes'] / 2**30:.1f} GiB; load of the machine before: {load:.1f}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

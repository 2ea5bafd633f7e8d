"""Solve the flow in another way: Euler, Heun or midpoint, on a uniform or a sway grid.

    flowdubber demo demo
    python examples/swap_scheduler.py --video demo/demo.mp4 --script "place blue at f two now" \\
        --reference demo/demo_reference.wav

The flow is an ordinary differential equation from noise to a mel spectrogram. A scheduler of diffusers is its solver; the grid of
times on which it is solved is the argument `sigmas`. This script starts from the same noise each time and prints how far each solver,
at about the same cost, is from a fine solution. What it means for the sound of the bundled model stands in docs/benchmarks.md.

How to read the table. `steps` are the points of the grid, `evaluations` how often the vector field is asked, which is what takes
the time: Euler asks once a step, Heun and midpoint twice (Heun only once in its last step), so 5 of their steps cost as much as 10
of Euler's. `difference` is the root mean square over the normalised mel (whose standard deviation is 1) from Euler with very
many steps: the solver's error alone, not the sound's. Midpoint asks at the step's start and again in its middle, and goes the
whole step by the second answer: its error falls with the square of the step where Euler's falls with the step, so it gains
where steps are
small. On the demo clip its 5 steps are 0.015 from 100 Euler steps, Heun's 5 are 0.055, Euler's 10 are 0.084. A sway grid puts more of the steps near the noise, where the flow bends most.

To keep a solver, save the pipeline (`pipe.save_pretrained(folder)`), or give it each time:
`FlowDubberPipeline.from_pretrained(name, scheduler=FlowMatchMidpointDiscreteScheduler())`.
"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import time
from collections.abc import Sequence

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler

from flowdubber_hf import FlowDubberPipeline, FlowMatchMidpointDiscreteScheduler, flow_sigmas


# Name to scheduler, steps, and sway of the grid: 0 is uniform, -1 spends most steps near the noise.
SOLVERS = {
    "Euler": (FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True), 10, 0.0),
    "Euler, sway grid": (FlowMatchEulerDiscreteScheduler(shift=1.0, invert_sigmas=True), 10, -1.0),
    "Heun": (FlowMatchHeunDiscreteScheduler(shift=1.0), 5, 0.0),
    "midpoint": (FlowMatchMidpointDiscreteScheduler(), 5, 0.0),
    "midpoint, sway grid": (FlowMatchMidpointDiscreteScheduler(), 5, -1.0),
}


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Compare solvers of the flow.")
    parser.add_argument("--video", required=True, help="the clip of the speaker")
    parser.add_argument("--script", required=True, help="the words to be spoken")
    parser.add_argument("--reference", required=True, help="at least 1 s of the voice")
    parser.add_argument("--model", default="flowdubber-grid-tiny", help="bundled name, folder or Hub id")
    parser.add_argument("--guidance_scale", type=float, default=1.4, help="1 is none and costs half")
    parser.add_argument("--fine_steps", type=int, default=200, help="Euler steps of the solution to compare with")
    args = parser.parse_args(argv)

    pipe = FlowDubberPipeline.from_pretrained(args.model)
    pipe.set_progress_bar_config(disable=True)

    def solve(steps: int, sway: float) -> torch.Tensor:
        """The normalised mel, `(1, 80, frames)`."""
        return pipe(
            script=args.script,
            video=args.video,
            reference_audio=args.reference,
            sigmas=flow_sigmas(steps, sway),
            guidance_scale=args.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(0),
            output_type="latent",
        ).audios

    fine = solve(args.fine_steps, 0.0)
    # seconds hold the whole call, lips and language model too; evaluations are what the solver costs
    print(f"{'solver':<20} steps  evaluations  seconds  difference from {args.fine_steps} Euler steps")
    for name, (scheduler, steps, sway) in SOLVERS.items():
        pipe.scheduler = scheduler
        start = time.perf_counter()
        mel = solve(steps, sway)
        seconds = time.perf_counter() - start
        difference = (mel - fine).square().mean().sqrt().item()
        print(f"{name:<20} {steps:>5}  {pipe.num_timesteps:>11}  {seconds:>7.2f}  {difference:.4f}")


if __name__ == "__main__":
    main()

"""`flowdubber demo`: make a small input to try."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import shlex
from pathlib import Path
from typing import Any

from .common import Result, add_command, add_running_options


def add_demo(commands: Any) -> None:
    demo = add_command(
        commands,
        "demo",
        summary="make a small clip and a voice to try",
        description="Writes a short silent clip of a drawn head that talks, a synthetic voice as the reference, and the times of "
        "the phonemes that its mouth makes; then prints the command that dubs it. It shows nobody's face and uses nobody's voice.",
        examples=[
            ("Write the files into a new folder", "flowdubber demo demo"),
            (
                "Replace those of an earlier run, and say where they are as JSON",
                "flowdubber demo demo --overwrite --json -",
            ),
        ],
        report={
            "video": "the clip",
            "script": "what its mouth says",
            "reference": "the voice",
            "reference_text": "what is said there",
            "timeline": "file of (phoneme, word, start, end)",
            "next": "the command that dubs it, as a list of words",
        },
    )
    output = demo.add_argument_group("output")
    output.add_argument("folder", type=Path, metavar="FOLDER", help="where to write it; created if missing")
    output.add_argument("--overwrite", action="store_true", help="replace an existing demo")
    add_running_options(demo, quiet="do not print what to do next")
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> Result:
    from ..demo import make_demo

    files = make_demo(arguments.folder, overwrite=arguments.overwrite)
    command = ["flowdubber", "dub", "--video", str(files.video), "--script", files.script]
    command += ["--reference", str(files.reference), "--output", "dubbed.mp4"]
    if not arguments.quiet:
        print(f"wrote {files.video}, {files.reference} and {files.timeline}; now dub it:")
        print(shlex.join(command))
    return Result(
        {
            "video": str(files.video),
            "script": files.script,
            "reference": str(files.reference),
            "reference_text": files.reference_script,
            "timeline": str(files.timeline),
            "next": command,
        }
    )

"""`flowdubber assemble`: parts of their own as one model."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import shlex
from pathlib import Path
from typing import Any

from ..libraries import quiet_libraries
from .common import Result, add_command, add_running_options, check_output_folder


# Part to what it does; an option each.
PARTS = {
    "style_encoder": "voice to style vector",
    "vocoder": "mel to sound",
    "aligner": "lips, phonemes and the language model's knowledge",
    "vector_field": "mel prior and flow",
    "speech_tokenizer": "voice to tokens of the language model",
    "semantic_model": "speech language model",
    "tokenizer": "script to tokens of the language model",
}


def add_assemble(commands: Any) -> None:
    assemble = add_command(
        commands,
        "assemble",
        usage="flowdubber assemble OUT [--base MODEL] [--vocoder FOLDER] [...]",
        summary="put trained and converted parts together as a model",
        description="Puts a model folder together: from the parts that you name, and from --base for the others. Settings are compared, and parts that "
        "disagree about the sampling rate, the mel spectrogram, widths or vocabularies are refused by name.",
        examples=[
            (
                "The bundled model with another vocoder",
                "flowdubber assemble my-model --base flowdubber-grid-tiny --vocoder parts/vocoder",
            ),
            (
                "Trained parts alone, without the language model",
                "flowdubber assemble my-model --style-encoder parts/style_encoder --vocoder parts/vocoder --aligner "
                "runs/dubber/best/aligner --vector-field runs/dubber/best/vector_field --dtype float32",
            ),
        ],
        report={
            "output": "folder that was written",
            "base": "model that gave the other parts",
            "parts": "name to folder",
            "dtype": "of the weights",
        },
        notes="The language model's three (speech tokenizer, semantic model, tokenizer) come together or not at all. "
        "flowdubber doctor OUT checks the result; parts from public weights: flowdubber convert.",
    )
    parts = assemble.add_argument_group("parts")
    parts.add_argument(
        "--base", metavar="MODEL", help="model that gives the parts you do not name: bundled name, folder or Hub id"
    )
    for name, what in PARTS.items():
        parts.add_argument(f"--{name.replace('_', '-')}", type=Path, metavar="FOLDER", help=what)
    output = assemble.add_argument_group("output")
    output.add_argument("output", metavar="OUT", type=Path, help="folder to write")
    output.add_argument("--card", type=Path, metavar="FILE", help="README.md to put beside the parts")
    output.add_argument(
        "--dtype",
        choices=("float16", "float32"),
        default="float16",
        help="of the written weights; loading widens them again (default %(default)s)",
    )
    output.add_argument("--overwrite", action="store_true", help="replace OUT if it exists")
    add_running_options(assemble, quiet="do not list the files")
    assemble.set_defaults(run=_assemble)


def _assemble(arguments: argparse.Namespace) -> Result:
    folders = {name: getattr(arguments, name) for name in PARTS}
    folders = {name: folder for name, folder in folders.items() if folder is not None}
    if not folders:
        raise ValueError("no part is named; give at least one, such as --vocoder FOLDER.")
    check_output_folder(arguments.output, arguments.overwrite)
    card = None
    if arguments.card is not None:
        from ..work.reading import read_text

        card = read_text(arguments.card)

    from ..pipelines.flowdubber.parts import build_pipeline
    from ..training.export import folder_sizes, write_pipeline

    quiet_libraries()
    pipeline = build_pipeline(folders, arguments.base)
    write_pipeline(pipeline, arguments.output, card, arguments.dtype)
    if not arguments.quiet:
        print(folder_sizes(arguments.output))
        print(f"to check it: {shlex.join(['flowdubber', 'doctor', str(arguments.output)])}")
    named = {name: str(folder) for name, folder in folders.items()}
    return Result({"output": str(arguments.output), "base": arguments.base, "parts": named, "dtype": arguments.dtype})

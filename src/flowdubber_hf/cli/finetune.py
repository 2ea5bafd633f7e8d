"""`flowdubber finetune`: a model that dubs a speaker, from a dozen of the speaker's clips."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..extras import pip_line
from .common import DEFAULT_MODEL, Result, add_command, add_running_options, tell


if TYPE_CHECKING:
    from ..training.finetune import Finetuned


def add_finetune(commands: Any) -> None:
    finetune = add_command(
        commands,
        "finetune",
        usage="flowdubber finetune CLIPS --output FOLDER [options]",
        summary="teach a model your speaker, from a dozen clips",
        description="Trains a model on clips of your speaker with their scripts: a dozen are enough for a face and a voice that the "
        "model does not know. A few clips are held out, dubbed before and after, and measured. It can be "
        "stopped at any moment; give the same command again to continue.",
        examples=[
            (
                "Clips listed in my_clips/metadata.jsonl or .csv, with file_name and text",
                "flowdubber finetune my_clips --output outputs/mine",
            ),
            (
                "At most ten minutes of training, the timing left as it is",
                "flowdubber finetune my_clips --output outputs/voice --minutes 10 --voice-only",
            ),
        ],
        report={
            "model": "folder that flowdubber dub --model takes",
            "clips": "that were trained on",
            "held_out": "clips that were not",
            "steps": "of the training",
            "before": "figures of held-out clips, by the model to start from",
            "after": "the same by the new model",
            "listen": "two videos of a held-out clip, before and after",
            "next": "a command that dubs with the new model, as a list of words",
            "seconds": "in all",
        },
        notes=f"Needs an extra, installed in the folder of the repository:\n    {pip_line('train')}\n\n"
        "Train on persons who agreed to it. More: docs/training.md, docs/data.md.",
    )
    given = finetune.add_argument_group("input and output").add_argument
    given("clips", type=Path, metavar="CLIPS", help="folder with clips and metadata.jsonl or .csv, or a corpus")
    given(
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="where everything goes; the model goes into FOLDER/model",
    )
    corpora = ("auto", "metadata", "grid", "chem", "v2c", "lrs")
    given("--corpus", default="auto", choices=corpora, help="layout of CLIPS (default %(default)s)")
    training = finetune.add_argument_group("training").add_argument
    training(
        "--model", default=DEFAULT_MODEL, help="to start from: bundled name, folder or Hub id (default %(default)s)"
    )
    training("--steps", type=int, default=300, metavar="N", help="of training (default %(default)s)")
    training(
        "--minutes", type=float, metavar="M", help="end after these minutes of training, unless the steps end sooner"
    )
    training("--learning-rate", type=float, default=2e-4, metavar="R", help="at its peak (default %(default)s)")
    training("--batch-size", type=int, default=16, metavar="N", help="clips a step (default %(default)s)")
    training("--voice-only", action="store_true", help="learn only the voice; leave the timing as it is")
    training("--seed", type=int, default=0, help="of everything drawn (default %(default)s)")
    add_running_options(finetune, quiet="no word of the stages, no last lines")
    finetune.set_defaults(run=_finetune)


def _finetune(arguments: argparse.Namespace) -> Result:
    from ..training.finetune import FinetuneSettings, finetune

    settings = FinetuneSettings(**{name: getattr(arguments, name) for name in FinetuneSettings.__dataclass_fields__})
    try:
        done = finetune(settings, (lambda text: None) if arguments.quiet else tell)
    except FloatingPointError as error:
        raise ValueError(f"{error} Try a smaller --learning-rate in another --output.") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; what is done is kept, the same command goes on from there.") from None
    first = done.after.clips[0]
    command = ["flowdubber", "dub", "--model", str(done.model), "--video", str(first.video), "--script", first.text]
    command += ["--reference", str(first.reference.path), "--output", "dubbed.mp4"]
    if not arguments.quiet:
        print("\n".join(_summary(done)))
        print(f"to hear: {done.before.video} and {done.after.video}; more in {done.after.sounds}\nto dub with it:")
        print(shlex.join(command))
    return Result(
        {
            "model": str(done.model),
            "clips": done.trained,
            "held_out": done.held_out,
            "steps": done.steps,
            "before": done.before.figures,
            "after": done.after.figures,
            "listen": [str(done.before.video), str(done.after.video)],
            "next": command,
            "seconds": done.seconds,
        }
    )


def _summary(done: "Finetuned") -> list[str]:
    lines = [
        f"{done.steps} steps on {done.trained} clips, {done.seconds / 60:.1f} min in all; the model is in {done.model}",
        f"{f'{len(done.after.clips)} held-out clips':26}{'before':>10}{'after':>10}",
    ]
    for title, before in done.before.figures.items():
        values = (before, done.after.figures[title])
        cells = [
            "-" if value is None else f"{value:.0f}" if title.endswith(("ms", "%")) else f"{value:.3f}"
            for value in values
        ]
        lines.append(f"{title:26}{cells[0]:>10}{cells[1]:>10}")
    return lines

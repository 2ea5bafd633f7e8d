"""`flowdubber evaluate`: dub clips and measure them, or measure the sounds of any system."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evaluation.settings import SETTINGS, SOLVERS, SOUNDS, EvaluateSettings, check_settings
from ..extras import pip_line
from ..sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS, PARTS
from .common import DEFAULT_MODEL, Result, add_command, add_running_options


if TYPE_CHECKING:
    from ..evaluation.run import Evaluation


def add_evaluate(commands: Any) -> None:
    evaluate = add_command(
        commands,
        "evaluate",
        usage="flowdubber evaluate --data FOLDER --output FOLDER [options]\n"
        "       flowdubber evaluate --compare FOLDER [FOLDER ...]",
        summary="dub clips and measure them, or measure the sounds of any system",
        description="Dubs the clips of a corpus and measures the dubs, or measures existing sounds (--outputs). Give the "
        "same command again after a stop: finished clips are kept.",
        examples=[
            (
                "Dub your own clips of the split dev in their speakers' voices, and measure",
                "flowdubber evaluate --data my_clips --output outputs/scores",
            ),
            (
                "Score what another system made, in files named by clip",
                "flowdubber evaluate --data my_clips --split test --setting 1 --outputs theirs --output outputs/theirs",
            ),
            (
                "Lengths and word starts only, of ten clips, without the lips",
                "flowdubber evaluate --data my_clips --limit 10 --metrics length word-sync --without lips --output outputs/even",
            ),
            (
                "Four graphics cards (on a CPU: --num-proc)",
                "accelerate launch --num_processes 4 -m flowdubber_hf evaluate --data my_clips --output outputs/scores "
                "--device auto",
            ),
            (
                "One table of finished evaluations, and what may be chance",
                "flowdubber evaluate --compare outputs/scores outputs/theirs",
            ),
        ],
        report={
            "output": "folder of the results",
            "files": "written there",
            "seconds": "in all",
            "summary": "content of summary.json",
            "compared": "with --compare: the folders",
            "table": "with --compare: the table, Markdown",
            "pairs": "with --compare: each other folder against the first on the clips of both, by figure; or problem, why it cannot be paired",
        },
        notes=f"Needs an extra, installed in the folder of the repository:\n    {pip_line('eval', ['resemblyzer'])}\n\n"
        "More: docs/evaluation.md, docs/metrics.md.",
    )
    _add_clips(evaluate.add_argument_group("clips and voices"))
    _add_measures(evaluate.add_argument_group("what is measured"))
    _add_sampling(evaluate.add_argument_group("how clips are dubbed"))
    output = evaluate.add_argument_group("output").add_argument
    output("--output", type=Path, metavar="FOLDER", help="where the results go")
    output("--picture", nargs="+", default=(), metavar="CLIP", dest="pictures", help="draw these clips into CLIP.png")
    output("--name", help="of the row in the tables (default: the model or the folder)")
    output("--overwrite", action="store_true", help="replace an evaluation with other settings in --output")
    output(
        "--compare",
        type=Path,
        nargs="+",
        metavar="FOLDER",
        help="only print finished evaluations in one table, and what each differs by from the first, clip by clip",
    )
    running = add_running_options(evaluate).add_argument
    running("--num-proc", type=int, default=1, metavar="N", help="processes (default %(default)s)")
    running("--device", default="cpu", help="cpu (default), cuda, cuda:1, mps or auto")
    evaluate.set_defaults(run=_evaluate)


def _add_clips(group: Any) -> None:
    add = group.add_argument
    corpora = ("auto", "metadata", "grid", "chem", "v2c", "lrs")
    add("--data", type=Path, metavar="FOLDER", help="metadata.jsonl or .csv with clips, or GRID, Chem, V2C, LRS")
    add("--corpus", default="auto", choices=corpora, help="layout of --data (default %(default)s)")
    add("--split", default="dev", help="which clips (default %(default)s)")
    add(
        "--val-share",
        type=float,
        metavar="SHARE",
        help="of train that is val where --data has none, as given to flowdubber prepare (default 1/30)",
    )
    add("--limit", type=int, metavar="N", help="only the first N clips")
    add(
        "--setting",
        type=int,
        default=2,
        choices=SETTINGS,
        help="reference voice: 1 the clip's own sound, 2 another clip of the speaker (default), 3 another speaker",
    )
    add("--voices", type=Path, metavar="FOLDER", help="setting 3: speakers of this corpus (default: of --data)")
    add("--voices-split", metavar="SPLIT", help="setting 3: only speakers' recordings of this split")
    add("--pairing", type=Path, metavar="FILE", help='lines {"clip": ..., "reference": ...} in place of the rule')


def _add_measures(group: Any) -> None:
    add = group.add_argument
    add(
        "--outputs",
        type=Path,
        metavar="FOLDER",
        help="score these sounds or videos, named by clip; no model is used",
    )
    add("--sound", default="dub", choices=SOUNDS, help="the dub (default), or a ceiling")
    add(
        "--metrics",
        nargs="+",
        default=("default",),
        metavar="METRIC",
        help="default (all that work offline here) and any of lse word-sync word-sync-given sync-kl duration length wer "
        "wer-grammar wer-open wavlm ge2e utmos dnsmos mcd f0 energy; NAME=WEIGHTS for other weights",
    )
    add("--speed", action="store_true", help="measure cold and warm speed and peak memory too")


def _add_sampling(group: Any) -> None:
    add = group.add_argument
    add("--model", help=f"bundled name, folder or Hub id (default {DEFAULT_MODEL})")
    add("--steps", type=int, default=DEFAULT_STEPS, metavar="N", help="steps of the flow (default %(default)s)")
    add(
        "--guidance-scale",
        type=float,
        default=DEFAULT_GUIDANCE_SCALE,
        metavar="W",
        help="1 is none (default %(default)s)",
    )
    add(
        "--style-guidance-scale",
        type=float,
        metavar="W",
        help="how much the voice is stressed, 1 is not at all (default: the model's own)",
    )
    add(
        "--colour-match",
        type=float,
        metavar="S",
        help="how much of the reference's colour the dub takes on, 0 to 1 (default: the model's own)",
    )
    add("--temperature", type=float, metavar="T", help="of the initial noise (default: the model's own)")
    add("--solver", choices=SOLVERS, help="of the flow (default: the model's own)")
    add(
        "--sway",
        type=float,
        metavar="S",
        help="coefficient of the grid, 0 is uniform (default: the model's own)",
    )
    add("--without", nargs="+", default=(), choices=PARTS, help="leave parts of the method out")
    add(
        "--lexicon",
        type=Path,
        metavar="FILE",
        help="your own pronunciations, lines of a word and its phonemes (see flowdubber say)",
    )
    add("--reference-text", action="store_true", help="give the model the transcripts of the references")
    add("--seed", type=int, default=0, help="of every clip (default %(default)s)")
    add(
        "--best-of",
        type=int,
        default=1,
        metavar="N",
        help="keep the best of N takes of each clip, by voice, then words",
    )


def _evaluate(arguments: argparse.Namespace) -> Result:
    settings = _evaluate_settings(arguments)
    if settings is None:
        from ..evaluation.comparison import compare

        found = compare(arguments.compare)
        print(found.text)
        compared = [str(folder) for folder in arguments.compare]
        return Result({"compared": compared, "table": found.table, "pairs": list(found.pairs)})
    check_settings(settings)

    from ..evaluation.run import plan_evaluation, run_evaluation, world

    plan = plan_evaluation(settings)
    first = world()[0] == 0
    if plan.left_out and first:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in plan.left_out.items())
        print(f"flowdubber: left out of the default metrics: {reasons}", file=sys.stderr)
    try:
        done = run_evaluation(plan)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; finished clips are kept, the same command goes on with the rest.") from None
    if done.summary is None:
        return Result(None)
    for name, problem in list(done.summary["without_sound"].items())[:10]:
        print(f"flowdubber: warning: no sound of {name}: {problem}", file=sys.stderr)
    if not settings.quiet:
        _print_outcome(settings, done)
    return Result(
        {
            "output": str(settings.output),
            "files": [file.name for file in done.written],
            "seconds": done.seconds,
            "summary": done.summary,
        }
    )


def _print_outcome(settings: EvaluateSettings, done: "Evaluation") -> None:
    from ..evaluation.run import TABLE_NAME

    print((settings.output / TABLE_NAME).read_text(encoding="utf-8"))
    missing = len(done.summary["without_sound"])
    clips = done.summary["clips"]
    counts = f"{clips - missing} of {clips} clips" if missing else f"{clips} clips"
    files = ", ".join(file.name for file in done.written)
    print(f"scored {counts} in {done.seconds:.0f} s; wrote {files} to {settings.output}")


def _evaluate_settings(arguments: argparse.Namespace) -> EvaluateSettings | None:
    """Settings of an evaluation, `None` where finished ones are compared.

    Raises:
        ValueError: options that are missing or exclude each other.
    """
    if arguments.compare:
        if arguments.data or arguments.output:
            raise ValueError("--compare prints what other runs have measured; leave --data and --output out.")
        return None
    if arguments.data is None or arguments.output is None:
        raise ValueError("give --data, the corpus, and --output, the folder of the results.")
    if arguments.model and (arguments.outputs or arguments.sound == "truth"):
        raise ValueError("--model has nothing to do with --outputs or --sound truth; leave it out.")
    chosen = {name: getattr(arguments, name) for name in EvaluateSettings.__dataclass_fields__}
    chosen["model"] = arguments.model or DEFAULT_MODEL
    return EvaluateSettings(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()}
    )

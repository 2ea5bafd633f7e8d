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
"""The command `flowdubber`: dub a clip, prepare training data, evaluate, or make the demonstration's input.

Bad input ends with one line on standard error and the exit code 2; Ctrl-C with 130. Files appear whole or not at all.
The heavy libraries are imported only when a dub begins, so that `--help` and bad arguments answer at once.
"""

import argparse
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .evaluation.settings import PARTS, SETTINGS, SOLVERS, SOUNDS, EvaluateSettings, check_settings
from .version import __version__


if TYPE_CHECKING:
    from .pipelines.flowdubber import FlowDubberPipeline, FlowDubberPipelineOutput


DEFAULT_MODEL = "flowdubber-grid-tiny"
OUTPUT_SUFFIXES = (".wav", ".mp4", ".mov", ".mkv")
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Bad options are reported as every other bad input is."""

    def error(self, message: str) -> NoReturn:
        print(f"flowdubber: error: {message} (try flowdubber --help)", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT)


def _mouth_box(text: str) -> tuple[float, float, float, float]:
    try:
        x0, y0, x1, y1 = (float(value) for value in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"give four numbers x0,y0,x1,y1 in pixels, got {text!r}") from None
    return x0, y0, x1, y1


def build_parser() -> argparse.ArgumentParser:
    """The command line, without any heavy import."""
    parser = _Parser(
        prog="flowdubber", description="Dubs a clip of a speaker: lips give the timing, a script the words."
    )
    parser.add_argument("--version", action="version", version=f"flowdubber {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

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

    _add_prepare(commands)
    _add_evaluate(commands)

    demo = commands.add_parser("demo", help="make a small input to try", description="Writes a rendered talking head.")
    demo.add_argument("folder", type=Path, help="where to write it")
    demo.add_argument("--overwrite", action="store_true", help="replace a demo that is there")
    demo.set_defaults(run=_demo)
    return parser


def _add_prepare(commands: Any) -> None:
    prepare = commands.add_parser(
        "prepare",
        help="make a training dataset of recordings",
        description="Makes a training dataset of a folder of clips and transcripts: sound, mouth crops, phoneme times, voices, "
        "speech tokens. Give the same command again after a stop: finished clips are kept. See docs/data.md.",
        epilog="Needs the extra: pip install 'flowdubber-hf[train]'",
    )
    prepare.add_argument("input", type=Path, metavar="INPUT", help="folder with metadata.jsonl or .csv, or a corpus")
    prepare.add_argument("output", type=Path, metavar="OUTPUT", help="folder of the dataset, made where missing")

    def option(name: str, **settings: Any) -> None:
        names = dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"])
        prepare.add_argument(*names, dest=name, **settings)

    option(
        "corpus", default="auto", choices=("auto", "metadata", "grid", "chem", "v2c", "lrs"), help="layout of INPUT"
    )
    option("name", help="of the source, first part of the clips' names (default: the corpus, or INPUT's name)")
    option("license", metavar="ID", help="of the recordings, for the card: cc-by-4.0, ... (default: the corpus' own)")
    option("num_proc", type=int, help="processes (default: as many as there are cores)")
    option("speech_tokenizer", default="bundled", metavar="FOLDER", help="for the tokens; or bundled (default), none")
    option("style_encoder", default="bundled", metavar="FOLDER", help="for the voices; bundled by default")
    option(
        "times",
        default="forced",
        choices=("forced", "given"),
        help="where the corpus has word times: only compare them with the forced alignment's (default), or keep them",
    )
    option("textgrids", type=Path, metavar="FOLDER", help="TextGrids with words and phones, named as the clips")
    option("val_share", type=float, help="of train that becomes val where INPUT has none (default 1/30, 0: none)")
    option(
        "val_by", default="clip", choices=("clip", "speaker"), help="val holds other clips (default), or other voices"
    )
    option("min_face_share", type=float, help="drop clips with a face in fewer of their frames (default 0.5)")
    option("min_alignment_score", type=float, help="drop clips whose text fits worse (default -40; 0 is the best)")
    option(
        "max_word_difference", type=float, help="drop clips whose given word times are further off (default 0.25 s)"
    )
    option("max_length_difference", type=float, help="drop clips whose sound and picture differ more (default 0.5 s)")
    option("device", default="cpu", help="for voices and tokens: cpu (default), cuda, ...")
    option("follow_links", action="store_true", help="read links that lead out of INPUT too")
    option("limit", type=int, help="only the first clips, to try it out")
    prepare.add_argument("--quiet", action="store_true", help="no progress bar, no last lines")
    prepare.set_defaults(run=_prepare)


def _add_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser(
        "evaluate",
        help="dub clips and measure them, or measure the sounds of any system",
        description="Dubs the clips of a corpus and measures the dubs, or measures sounds that are there (--outputs). Give the "
        "same command again after a stop: finished clips are kept. See docs/evaluation.md.",
        epilog="Needs the extra: pip install 'flowdubber-hf[eval]' && pip install --no-deps resemblyzer. Several processes: "
        "--num-proc, or accelerate launch -m flowdubber_hf evaluate ...",
    )
    add = evaluate.add_argument
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="corpus: metadata.jsonl or .csv with clips, or GRID, Chem, V2C, LRS",
    )
    add("--output", type=Path, metavar="FOLDER", help="where the results go")
    add("--split", default="dev", help="which clips (default dev)")
    add(
        "--corpus", default="auto", choices=("auto", "metadata", "grid", "chem", "v2c", "lrs"), help="layout of --data"
    )
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
    add("--model", help=f"bundled name, folder or Hub id (default {DEFAULT_MODEL})")
    add("--outputs", type=Path, metavar="FOLDER", help="score these sounds or videos, named by clip; no model is used")
    add("--sound", default="dub", choices=SOUNDS, help="what is measured: the dub (default), or a ceiling")
    add(
        "--metrics",
        nargs="+",
        default=("default",),
        metavar="METRIC",
        help="default (all that work offline here) and any of lse word-sync word-sync-given sync-kl duration length wer "
        "wer-grammar wer-open wavlm ge2e utmos dnsmos mcd f0 energy; NAME=WEIGHTS for other weights",
    )
    add("--steps", type=int, default=10, help="steps of the flow (default 10)")
    add("--guidance-scale", type=float, default=1.4, help="1 is none (default 1.4)")
    add("--temperature", type=float, help="of the initial noise (default: the model's own)")
    add("--solver", choices=SOLVERS, help="of the flow (default: the model's own)")
    add("--sway", type=float, help="coefficient of the grid, 0 is uniform (default: the model's own)")
    add("--without", nargs="+", default=(), choices=PARTS, help="leave parts of the method out: semantics lips style")
    add("--reference-text", action="store_true", help="give the model the transcripts of the references")
    add("--seed", type=int, default=0, help="of every clip (default 0)")
    add(
        "--best-of",
        type=int,
        default=1,
        metavar="N",
        help="keep the best of N takes of each clip, by voice, then words",
    )
    add("--limit", type=int, help="only the first clips")
    add("--picture", nargs="+", default=(), metavar="CLIP", dest="pictures", help="draw these clips: CLIP.png")
    add("--num-proc", type=int, default=1, help="processes (default 1)")
    add("--device", default="cpu", help="cpu (default), cuda, cuda:1, mps or auto")
    add("--speed", action="store_true", help="measure cold and warm speed and peak memory too")
    add("--name", help="of the row in the tables (default: the model or the folder)")
    add("--overwrite", action="store_true", help="replace an evaluation with other settings in --output")
    add("--compare", type=Path, nargs="+", metavar="FOLDER", help="only print one table of finished evaluations")
    add("--quiet", action="store_true", help="no progress bar, no last lines")
    evaluate.set_defaults(run=_evaluate)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code (0, 2 for bad input, 130 for Ctrl-C)."""
    try:
        arguments = build_parser().parse_args(argv)
        arguments.run(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    except KeyboardInterrupt as stop:
        print(f"flowdubber: {stop or 'interrupted.'}", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (ValueError, OSError, ImportError) as error:
        print(f"flowdubber: error: {' '.join(str(error).split())}", file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def check_target(path: Path, name: str, overwrite: bool, sources: Sequence[Path] = ()) -> None:
    """Refuses a file that could not be written at the end, before the work begins.

    Raises:
        ValueError: it exists (without `overwrite`), is a folder or one of `sources`, or its folder cannot be written.
    """
    if path.is_dir():
        raise ValueError(f"{name} {path} is a folder; give the name of a file.")
    if any(_same_file(path, source) for source in sources):
        raise ValueError(f"{name} {path} is one of the inputs; choose another name.")
    if path.exists() and not overwrite:
        raise ValueError(f"{name} {path} exists; give --overwrite to replace it.")
    if not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {name} to; make it first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ValueError(f"the folder {path.parent} of {name} cannot be written ({error.strerror}).") from error


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
        from .evaluation.takes import require_selection

        require_selection(arguments.best_of)


def available_cores() -> int:
    """Processor cores this process may use: its affinity, and a container's quota if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        cores = min(cores, max(1, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no container, or "max": no quota
        pass
    return cores


def _load_pipeline(arguments: argparse.Namespace) -> "FlowDubberPipeline":
    import torch
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(available_cores())

    from .pipelines.flowdubber import FlowDubberPipeline
    from .pipelines.flowdubber.loading import choose_device

    device = choose_device(arguments.device)
    pipe = FlowDubberPipeline.from_pretrained(arguments.model).to(device)
    pipe.set_progress_bar_config(disable=arguments.quiet, desc="dubbing", unit="step")
    return pipe


def _check_content(arguments: argparse.Namespace) -> None:
    """What only a look into the script and the reference tells; still far cheaper than loading the models."""
    from .processing.audio import check_reference, load_audio
    from .processing.text import phonemize

    phonemize(arguments.script)  # says what it cannot speak
    check_reference(load_audio(arguments.reference), f"the reference {arguments.reference}")


def _dub(arguments: argparse.Namespace) -> None:
    _check_dub(arguments)
    start = time.perf_counter()
    _check_content(arguments)
    pipe = _load_pipeline(arguments)
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

    from .evaluation.takes import choose_sound
    from .processing.audio import load_audio

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


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all, replacing one that exists."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _prepare(arguments: argparse.Namespace) -> None:
    from .data.prepare import PrepareSettings, prepare
    from .data.report import summary

    chosen = {name: value for name, value in vars(arguments).items() if value is not None}
    known = {name: chosen[name] for name in PrepareSettings.__dataclass_fields__ if name in chosen}
    settings = PrepareSettings(**{"num_proc": available_cores(), **known})
    try:
        done = prepare(settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; finished clips are kept, the same command goes on from them.") from None
    if arguments.quiet:
        return
    print("\n".join(summary(done.report)))
    work = sum(done.work_seconds.values())
    parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in done.work_seconds.items())
    print(f"{done.seconds:.0f} s; {work:.0f} s of processor time on clips{f' ({parts})' if parts else ''}")
    print(
        f"{'wrote' if done.written else 'up to date:'} {settings.output} (why clips were dropped: report.json, report.png)"
    )
    name = settings.output.resolve().name
    command = [
        "hf",
        "upload",
        f"USER/{name}",
        str(settings.output),
        ".",
        "--repo-type",
        "dataset",
        "--exclude",
        "work/*",
    ]
    print(f"to publish it, if its licence allows: {shlex.join(command)}")


def _evaluate(arguments: argparse.Namespace) -> None:
    settings = _evaluate_settings(arguments)
    if settings is None:
        from .evaluation.run import compare

        print(compare(arguments.compare))
        return
    check_settings(settings)

    from .evaluation.run import TABLE_NAME, plan_evaluation, run_evaluation, world

    plan = plan_evaluation(settings)
    first = world()[0] == 0
    if plan.left_out and first:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in plan.left_out.items())
        print(f"flowdubber: left out of the default metrics: {reasons}", file=sys.stderr)
    try:
        done = run_evaluation(plan)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; finished clips are kept, the same command goes on from them.") from None
    if done.summary is None:
        return
    for name, problem in list(done.summary["without_sound"].items())[:10]:
        print(f"flowdubber: warning: no sound of {name}: {problem}", file=sys.stderr)
    if settings.quiet:
        return
    print((settings.output / TABLE_NAME).read_text(encoding="utf-8"))
    missing = len(done.summary["without_sound"])
    clips = done.summary["clips"]
    counts = f"{clips - missing} of {clips} clips" if missing else f"{clips} clips"
    print(
        f"scored {counts} in {done.seconds:.0f} s; wrote {', '.join(file.name for file in done.written)} to {settings.output}"
    )


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


def _demo(arguments: argparse.Namespace) -> None:
    from .processing.demo import make_demo

    files = make_demo(arguments.folder, overwrite=arguments.overwrite)
    print(f"wrote {files.video}, {files.reference} and {files.timeline}; now dub it:")
    parts = (
        "--video",
        files.video,
        "--script",
        files.script,
        "--reference",
        files.reference,
        "--output",
        "dubbed.mp4",
    )
    print(shlex.join(["flowdubber", "dub", *map(str, parts)]))


if __name__ == "__main__":
    sys.exit(main())

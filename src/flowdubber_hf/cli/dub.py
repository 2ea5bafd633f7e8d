"""`flowdubber dub`: dub a clip, or those of a listing."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..dubbing.jobs import (
    OUTPUT_SUFFIXES,
    BadJobs,
    DubJob,
    Problem,
    check_content,
    check_files_and_text,
    check_inside,
    check_model,
    check_sampling,
    check_takes,
    copy_warnings,
    parse_mouth_box,
    script_warnings,
)
from ..extras import pip_line
from ..lean import lean_imports
from ..processing.outputs import check_target
from ..sampling import TIMINGS
from .common import (
    DEFAULT_MODEL,
    EXIT_DONE,
    EXIT_FAILED,
    Result,
    add_command,
    add_running_options,
    tell,
)
from .help import UsageError


_ONE_CLIP = ("video", "script", "reference", "output")


def add_dub(commands: Any) -> None:
    dub = add_command(
        commands,
        "dub",
        usage="flowdubber dub --video CLIP --script TEXT --reference VOICE\n"
        "                      --output FILE [options]\n"
        "       flowdubber dub --batch LISTING --output FOLDER [options]",
        summary="dub a clip, or many",
        description="Dubs a clip of a speaker: speech that says the script in the voice of the reference, in time with the lips, "
        "exactly as long as the clip. The clip's own picture is copied, its own sound is not used.\n\n"
        "With --batch it dubs the clips of a listing, one on each line. The whole listing is checked before a model is loaded, and a "
        "clip that fails does not stop the others. Give the same command again to continue after a stop, or to dub only the lines "
        "that have changed.",
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
            (
                "Subtitles of what was spoken beside it",
                'flowdubber dub --video clip.mp4 --script "bin blue at f two now" --reference voice.wav --output dubbed.mp4 '
                "--srt dubbed.srt",
            ),
            ("Check a listing, and do nothing else", "flowdubber dub --batch jobs.jsonl --output dubs --dry-run"),
            (
                "Many clips in four processes, one voice for all lines that name none",
                "flowdubber dub --batch jobs.jsonl --reference voice.wav --output dubs --num-proc 4",
            ),
            (
                "Without loading a model: by the server that `flowdubber serve` started",
                'flowdubber dub --server http://127.0.0.1:7871 --video clip.mp4 --script "bin blue at f two now" '
                "--reference voice.wav --output dubbed.mp4",
            ),
            (
                "Many clips on two graphics cards",
                "accelerate launch --num_processes 2 -m flowdubber_hf dub --batch jobs.jsonl --output dubs",
            ),
        ],
        report={
            "video": "the clip",
            "reference": "the voice",
            "output": "what was written; with --batch, the folder",
            "srt": "the subtitles that were written, null without --srt",
            "duration": "seconds of the clip",
            "sampling_rate": "Hz",
            "samples": "of the dub",
            "words": "word, start and end in seconds of each word",
            "settings": "script, reference_text, lexicon, mouth_box, steps, guidance_scale, style_guidance_scale, colour_match, temperature, "
            "seed, best_of, turn, timing, transcode, keep_sound, model, device",
            "warnings": "what you should know: lost faces, damaged files, words that are guessed or not said",
            "takes": "with --best-of: seed, similarity, wrong_words and kept of each",
            "seconds": "loading (with --server, waiting for it), dubbing and stages (seconds of each); with --batch, in all",
            "real_time_factor": "seconds of dubbing a second of the clip",
            "clips": "with --batch: how many",
            "dubbed": "with --batch: how many now",
            "kept": "with --batch: how many were done already",
            "failed": "with --batch: how many failed",
            "results": "with --batch: line, video, output and problem of each clip, and the fields above of each dub",
            "dry_run": "with --dry-run: true",
        },
        notes="A listing has lines of JSON, or rows of CSV below a header:\n"
        '    {"video": "a.mp4", "script": "bin blue at f two now", "reference": "b.wav"}\n\n'
        "Paths are relative to the listing; more fields: output, reference_text, lexicon, mouth_box, steps, guidance_scale, "
        "style_guidance_scale, colour_match, temperature, seed, best_of, turn, timing, transcode, keep_sound. Options given here are for lines without them.\n\n"
        f"The words are English.\n\n--best-of needs an extra, installed in the folder of the repository:\n    {pip_line('eval')}\n\n"
        "More: docs/cli.md.",
    )
    given = dub.add_argument_group("input").add_argument
    given("--video", type=Path, metavar="CLIP", help="the clip of the speaker, up to 10 minutes")
    given("--script", metavar="TEXT", help="the words to be spoken")
    given("--reference", type=Path, metavar="VOICE", help="at least 1 s of the voice (wav, flac, mp3, a video...)")
    given("--reference-text", metavar="TEXT", help="what is said in the reference, if known")
    given(
        "--lexicon",
        type=Path,
        metavar="FILE",
        help="your own pronunciations, lines of a word and its phonemes (see flowdubber say)",
    )
    given(
        "--mouth-box",
        type=_mouth_box,
        metavar="X0,Y0,X1,Y1",
        help="a box around the lips, corner to corner, in pixels of the upright picture",
    )
    given(
        "--timing",
        choices=TIMINGS,
        default=DubJob.timing,
        help="where the words' times come from: the lips, or cue for a clip that does not show the speaker: from its start, "
        "at a natural tempo (default %(default)s)",
    )
    given(
        "--turn",
        type=int,
        choices=(0, 90, 180, 270),
        metavar="DEGREES",
        help="the picture lies on its side: turn it counter-clockwise by 90, 180 or 270 (default: look for a face)",
    )
    given("--batch", type=Path, metavar="LISTING", help="many clips, listed in a .jsonl or .csv file")
    output = dub.add_argument_group("output").add_argument
    output(
        "--output",
        type=Path,
        metavar="FILE",
        help="the dubbed clip (.mp4, .mov, .mkv), or .wav for sound only; with --batch, the folder of the dubs",
    )
    output(
        "--format",
        choices=[suffix.removeprefix(".") for suffix in OUTPUT_SUFFIXES],
        help="with --batch: of dubs that the listing does not name (default mp4)",
    )
    output(
        "--transcode",
        action="store_true",
        help="encode pictures again as H.264 if the output cannot hold them as they are",
    )
    output("--keep-sound", action="store_true", help="keep the clip's own sound as the second track")
    output("--srt", type=Path, metavar="FILE", help="also write subtitles of what was spoken, with its times")
    output("--overwrite", action="store_true", help="replace files that exist")
    sampling = dub.add_argument_group("model and sampling").add_argument
    sampling(
        "--model", help=f"bundled name, folder or Hub id (default {DEFAULT_MODEL}; with --server, the one it has)"
    )
    sampling("--steps", type=int, default=DubJob.steps, metavar="N", help="steps of the flow (default %(default)s)")
    sampling(
        "--guidance-scale",
        type=float,
        default=DubJob.guidance_scale,
        metavar="W",
        help="1 is none and costs half (default %(default)s)",
    )
    sampling(
        "--style-guidance-scale",
        type=float,
        metavar="W",
        help="how much the voice is stressed, 1 is not at all (default: the model's own)",
    )
    sampling(
        "--colour-match",
        type=float,
        metavar="S",
        help="how much of the reference's colour the dub takes on, 0 to 1 (default: the model's own)",
    )
    sampling("--temperature", type=float, metavar="T", help="of the initial noise (default: the model's own)")
    sampling("--seed", type=int, default=DubJob.seed, help="the same seed gives the same sound (default %(default)s)")
    sampling(
        "--best-of",
        type=int,
        default=DubJob.best_of,
        metavar="N",
        help="make N takes, from N seeds, and keep the best by voice, then words",
    )
    running = add_running_options(
        dub, quiet="no word of what is being done, no progress bar, no last line"
    ).add_argument
    running(
        "--server",
        metavar="URL",
        help="let a running flowdubber serve dub the clip, with the model that it has loaded",
    )
    running("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    running("--num-proc", type=int, default=1, metavar="N", help="processes, with --batch (default %(default)s)")
    running("--dry-run", action="store_true", help="only check the input; load and write nothing")
    dub.set_defaults(run=_dub)


def _mouth_box(text: str) -> tuple[float, float, float, float]:
    try:
        return parse_mouth_box(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _dub(arguments: argparse.Namespace) -> Result:
    if arguments.server is not None:
        return _dub_there(arguments)
    if arguments.model is None:
        arguments.model = DEFAULT_MODEL
    return _dub_here(arguments) if arguments.batch is None else _dub_many(arguments)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


# ---------------------------------------------------------------------------------------------------------------------
# One clip


def _dub_here(arguments: argparse.Namespace) -> Result:
    from ..checkpoints.sources import local_checkpoint
    from ..dubbing.loading import model_facts

    job = _job(arguments)
    say = (lambda text: None) if arguments.quiet else tell
    start = time.perf_counter()
    _refuse(_problems(arguments, job))
    check_takes([job])
    facts = model_facts(local_checkpoint(arguments.model))
    _refuse(check_model(job, facts))
    if not arguments.dry_run:
        say(f"looking into {job.video} and {job.reference}")
    _refuse(check_inside(job, facts) if arguments.dry_run else check_content(job, facts))
    if arguments.dry_run:
        return _checked(arguments, [*script_warnings(job, facts), *copy_warnings(job)])

    say(f"loading {arguments.model}")
    with lean_imports() if arguments.own_process else nullcontext():
        from ..dubbing.loading import load_pipeline
        from ..dubbing.making import describe, do_job
        from ..work.workers import use_free_cores

        use_free_cores()
        pipe = load_pipeline(arguments.model, arguments.device)
    pipe.set_progress_bar_config(disable=arguments.quiet, desc="dubbing", unit="step")
    loading = time.perf_counter() - start
    say(f"loaded in {loading:.1f} s; reading the lips, then dubbing")
    done = do_job(pipe, job, arguments.overwrite)
    return _dubbed(arguments, describe(job, done, arguments.model, arguments.device), done.dub.warnings[0], loading)


def _dub_there(arguments: argparse.Namespace) -> Result:
    """As [`_dub_here`], by a server that has the model loaded already."""
    from ..server.client import ask
    from ..server.protocol import Request, port_of

    if arguments.batch is not None:
        raise ValueError("--batch loads its model once for the whole listing; leave --server out.")
    if arguments.device != "auto":
        raise ValueError("--device is chosen when the server starts; leave it out, or leave --server out.")
    port_of(arguments.server)
    job = _job(arguments)
    say = (lambda text: None) if arguments.quiet else tell
    start = time.perf_counter()
    _refuse(_problems(arguments, job))
    told: set[str] = set()

    def on_event(event: dict[str, Any]) -> None:
        ahead = event.get("ahead")
        text = f"waiting behind {ahead} other dubs" if ahead else "the server is dubbing"
        if text not in told:
            told.add(text)
            say(text)

    try:
        request = Request(job, arguments.overwrite, arguments.dry_run)
        answer = ask(arguments.server, request, arguments.model, on_event)
    except BadJobs as error:
        raise BadJobs(error.problems, _by_option) from None
    if arguments.dry_run:
        return _checked(arguments, answer["warnings"])
    loading = time.perf_counter() - start - answer["report"]["seconds"]["dubbing"]
    return _dubbed(arguments, answer["report"], answer["warnings"], loading)


def _checked(arguments: argparse.Namespace, warnings: Iterable[str]) -> Result:
    """The end of a dry run that found nothing wrong."""
    _warn(warnings)
    if not arguments.quiet:
        print(f"{arguments.video} can be dubbed; nothing was loaded or written.")
    return Result({"dry_run": True})


def _dubbed(arguments: argparse.Namespace, report: dict[str, Any], warnings: Iterable[str], loading: float) -> Result:
    """The end of a dub, once the output is written; `loading` are the seconds before it."""
    _warn(warnings)
    report["seconds"] = {"loading": loading, **report["seconds"]}
    report["srt"] = _write_subtitles(arguments.srt, report["words"])
    if not arguments.quiet:
        print(_last_line(report))
    return Result(report)


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"flowdubber: warning: {warning}", file=sys.stderr)


def _last_line(report: dict[str, Any]) -> str:
    seconds = report["seconds"]
    written = " and ".join(filter(None, (report["output"], report["srt"])))
    return (
        f"wrote {written}: dubbed {report['duration']:.2f} s in {seconds['dubbing']:.1f} s "
        f"(real-time factor {report['real_time_factor']:.2f}), after {seconds['loading']:.1f} s of loading"
    )


def _write_subtitles(file: Path | None, words: list[dict[str, Any]]) -> str | None:
    """The name of the file, where one was asked for."""
    if file is None:
        return None
    from ..processing.subtitles import srt
    from ..work.files import replace_file

    replace_file(file, srt([(word["word"], word["start"], word["end"]) for word in words]).encode())
    return str(file)


def _job(arguments: argparse.Namespace) -> DubJob:
    """What is to be done, not yet checked.

    Raises:
        ValueError: something is missing.
    """
    missing = [_option(name) for name in _ONE_CLIP if getattr(arguments, name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} missing (try flowdubber dub --help)")
    if arguments.format is not None and arguments.output.suffix.lower() != f".{arguments.format}":
        raise ValueError(f"--output {arguments.output.name} does not end in .{arguments.format}; leave --format out.")
    return DubJob(**{field.name: getattr(arguments, field.name) for field in fields(DubJob)})


def _problems(arguments: argparse.Namespace, job: DubJob) -> Iterator[Problem]:
    """All that can be said at once, without a heavy import."""
    found = list(check_files_and_text(job))
    yield from found
    wrong = {problem.field for problem in found}
    inputs = tuple(file for file in (job.video, job.reference, job.lexicon, arguments.config) if file is not None)
    if "output" not in wrong:
        yield from _target_problem(job.output, "output", arguments.overwrite, inputs)
    if arguments.srt is not None:
        yield from _target_problem(arguments.srt, "srt", arguments.overwrite, (*inputs, job.output))
    yield from check_sampling(job)
    if arguments.model is not None:
        yield from _model_problem(arguments.model)


def _target_problem(path: Path, field: str, overwrite: bool, sources: tuple[Path, ...]) -> Iterator[Problem]:
    try:
        check_target(path, _option(field), overwrite, sources)
    except ValueError as error:
        yield Problem(str(error).removeprefix(f"{_option(field)} "), field)


def _model_problem(model: str) -> Iterator[Problem]:
    """Whether there is such a checkpoint here; what lies on the Hub is seen when it is fetched."""
    from ..checkpoints.complete import read_index
    from ..checkpoints.sources import local_checkpoint

    try:
        folder = local_checkpoint(model)
        if folder is not None:
            read_index(folder)
    except ValueError as error:
        yield Problem(str(error), "model")


def _refuse(problems: Iterator[Problem]) -> None:
    """Raises one error that names all problems, each by its option."""
    found = list(problems)
    if found:
        raise BadJobs(found, _by_option)


def _by_option(problem: Problem) -> str:
    return f"{_option(problem.field)}: {problem.message}" if problem.field else problem.message


# ---------------------------------------------------------------------------------------------------------------------
# Many clips


def _dub_many(arguments: argparse.Namespace) -> Result:
    if arguments.video is not None:
        raise ValueError("the clips of --batch stand in the listing; leave --video out.")
    if arguments.srt is not None:
        raise ValueError("--srt is for one clip; with --batch the times of all words are in dubs.jsonl, leave it out.")
    if arguments.output is None:
        raise UsageError("--output missing, the folder of the dubs (try flowdubber dub --help)")

    from ..batch.plan import RESULTS_NAME, BatchSettings, plan_batch

    names = [field.name for field in fields(DubJob) if field.name not in ("video", "output")]
    settings = BatchSettings(
        listing=arguments.batch,
        output=arguments.output,
        given={name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None},
        suffix=f".{arguments.format or 'mp4'}",
        model=arguments.model,
        device=arguments.device,
        num_proc=arguments.num_proc,
        overwrite=arguments.overwrite,
        quiet=arguments.quiet,
    )
    plan = plan_batch(settings)
    clips, due = len(plan.tasks), len(plan.due)
    if arguments.dry_run:
        for task in plan.tasks:
            for warning in (*script_warnings(task.job, plan.facts), *copy_warnings(task.job)):
                print(f"flowdubber: warning: {settings.listing} line {task.line}: {warning}", file=sys.stderr)
        if not arguments.quiet:
            print(f"{clips} clips can be dubbed, {clips - due} of them are done; nothing was loaded or written.")
        return Result({"dry_run": True, "clips": clips, "kept": clips - due})
    from ..batch.run import run_batch

    try:
        batch = run_batch(plan)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; finished clips are kept, the same command goes on with the rest.") from None
    if not batch.rows:
        return Result(None)
    failed, due_lines = batch.failed, {task.line for task in plan.due}
    for row in batch.rows:
        for warning in row.get("warnings", ()) if row["line"] in due_lines else ():
            print(f"flowdubber: warning: {settings.listing} line {row['line']}: {warning}", file=sys.stderr)
    for row in failed:
        print(f"flowdubber: error: {settings.listing} line {row['line']}: {row['problem']}", file=sys.stderr)
    if not arguments.quiet:
        parts = [f"dubbed {batch.dubbed} clips in {batch.seconds:.0f} s"]
        parts += [f"kept {batch.kept} that were done"] if batch.kept else []
        parts += [f"{len(failed)} failed"] if failed else []
        print(f"{', '.join(parts)}; wrote them and {RESULTS_NAME} to {settings.output}")
    return Result(
        {
            "output": str(settings.output),
            "clips": clips,
            "dubbed": batch.dubbed,
            "kept": batch.kept,
            "failed": len(failed),
            "seconds": batch.seconds,
            "results": list(batch.rows),
        },
        EXIT_FAILED if failed else EXIT_DONE,
        f"{len(failed)} of {clips} clips failed." if failed else None,
    )

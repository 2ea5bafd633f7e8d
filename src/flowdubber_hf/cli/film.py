"""`flowdubber film`: a film, a cue sheet and a table of voices in, the dubbed film out."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..extras import pip_line
from ..lean import lean_imports
from ..sampling import DEFAULT_GUIDANCE_SCALE, DEFAULT_STEPS
from .common import DEFAULT_MODEL, EXIT_DONE, EXIT_FAILED, Result, add_command, add_running_options


if TYPE_CHECKING:
    from ..film.plan import FilmPlan
    from ..film.run import DubbedFilm

TIMINGS, SPEAKERS = ("auto", "lips", "activity", "cue"), ("named", "carry")
CODECS = ("aac", "ac3", "eac3", "opus", "flac", "pcm_s24le")
EXPORTS = ("subtitleedit", "opendub", "otio")


def add_film(commands: Any) -> None:
    film = add_command(
        commands,
        "film",
        usage="flowdubber film FILM --cues FILE --voices FILE --output FILE [options]",
        summary="dub a whole film by its subtitles",
        description="Dubs a film of any length by its subtitles, each speaker in a voice of your table. Faces are found in every shot, "
        "and lines follow the lips of who says them; lines of nobody who is seen follow their cue. The picture and all other tracks stay "
        "as they are. Give the same command again after a stop: it goes on, and what is done is not made again.",
        examples=[
            (
                "Dub a film; voices.toml has a table for each speaker",
                "flowdubber film film.mkv --cues film.srt --voices voices.toml --output dubbed.mkv",
            ),
            (
                "Check everything, load no model",
                "flowdubber film film.mkv --cues film.srt --voices voices.toml --output dubbed.mkv --dry-run",
            ),
            (
                "Make another take of cue 12, and the best of five of every cue with a flag",
                "flowdubber film film.mkv --cues film.srt --voices voices.toml --output dubbed.mkv --redo 12 --redo flagged --best-of 5",
            ),
            (
                "Keep music and effects of your own, bring the sound to -23 LUFS",
                "flowdubber film film.mkv --cues film.ass --voices voices.toml --output dubbed.mkv --background me.wav --loudness ebu",
            ),
        ],
        report={
            "film": "that was dubbed",
            "output": "file, or null where none was written",
            "work": "folder of plan, takes, stems",
            "model": "that dubbed",
            "duration": "of the film in microseconds",
            "shots": "how many",
            "cues": "a row a cue: what docs/film.md lists",
            "skipped": "cues that are no speech, and why",
            "totals": "counts over all cues",
            "voices": "with the lines of consent",
            "problems": "what is wrong or doubtful in cues and voices",
            "sound": "loudness before and after, true peak, seconds without a bed",
            "stems": "files by name",
            "subtitles": "file, or null",
            "warnings": "what of the film is missing or different in the output",
            "seconds": "by stage",
            "version": "of this package",
        },
        notes=f"ASS and SSA need an extra, installed in the folder of the repository:\n    {pip_line('film')}\n\nMore: docs/film.md.",
    )
    given = film.add_argument_group("input and output").add_argument
    given("film", type=Path, metavar="FILM", help="the film")
    given(
        "--cues",
        type=Path,
        required=True,
        metavar="FILE",
        help="who says what when: SRT, VTT, ASS, SSA, TTML or lines of JSON",
    )
    given("--voices", type=Path, required=True, metavar="FILE", help="table of voices, TOML")
    given("--output", type=Path, required=True, metavar="FILE", help="the dubbed film: .mkv, .mp4 or .mov")
    given("--work", type=Path, metavar="FOLDER", help="plan, takes, stems (default OUTPUT.film)")
    given(
        "--overwrite", action="store_true", help="replace an output that no earlier run of the same work folder wrote"
    )

    who = film.add_argument_group("who speaks, and when").add_argument
    who("--rttm", type=Path, metavar="FILE", help="of a diarizer, for cues that name no speaker")
    who(
        "--speakers",
        choices=SPEAKERS,
        default="named",
        help="carry: a cue without a name is the last speaker's (default %(default)s)",
    )
    who("--split-dashes", action="store_true", help="two lines with dashes in a cue are two speakers")
    who("--cue-rate", metavar="RATE", help="divide the times of the cues by it: 25/23.976")
    who("--timing", choices=TIMINGS, default="auto", help="of cues that say none (default %(default)s)")
    who("--shots", default="auto", metavar="auto|none|FILE", help="cuts: found, none, or a number or time a line")
    who("--faces", type=Path, metavar="FILE", help="faces of your own, lines of JSON")
    who(
        "--borrow",
        type=float,
        default=0.0,
        metavar="S",
        help="seconds of following silence that a cue with too many words may take",
    )
    who(
        "--max-phonemes-per-second",
        type=float,
        default=20.0,
        metavar="N",
        help="faster cues are flagged (default %(default)g)",
    )

    sound = film.add_argument_group("sound and tracks").add_argument
    sound(
        "--background",
        default="gaps",
        metavar="KIND",
        help="gaps (default), duck, duck=-18, none, separate, or a file of music and effects",
    )
    sound("--separator", metavar="CMD", help="of separate: a command with {input} and {output}")
    sound("--loudness", default="film", metavar="KIND", help="film (default), ebu, none, or LUFS")
    sound("--stems", action="store_true", help="write a wav file a speaker, of the background and of their sum")
    sound("--subtitles", type=Path, metavar="FILE", help="write what is spoken as .srt, .vtt or .ass")
    sound("--embed-subtitles", action="store_true", help="put them into the film too")
    sound("--audio-codec", choices=CODECS, default="aac", help="of the dub (default %(default)s)")
    sound("--layout", choices=("mono", "stereo", "film"), default="stereo", help="its channels (default %(default)s)")
    sound("--language", default="eng", metavar="CODE", help="of the dub, three letters (default %(default)s)")
    sound("--no-original-sound", action="store_true", help="leave the film's own sound out")
    sound("--transcode", action="store_true", help="encode pictures anew that the output cannot hold")

    takes = film.add_argument_group("takes").add_argument
    takes("--model", default=DEFAULT_MODEL, help="bundled name, folder or Hub id (default %(default)s)")
    takes("--steps", type=int, default=DEFAULT_STEPS, metavar="N", help="of the solver (default %(default)s)")
    takes("--guidance-scale", type=float, default=DEFAULT_GUIDANCE_SCALE, metavar="W", help="(default %(default)s)")
    takes("--temperature", type=float, metavar="T", help="of the noise (default: the model's own)")
    takes("--seed", type=int, default=0, metavar="N", help="(default %(default)s)")
    takes("--best-of", type=int, default=1, metavar="N", help="make N takes of each cue, keep the best")
    takes("--only", metavar="CUES", help="make takes of these alone: 12,40-52")
    takes(
        "--redo", action="append", default=[], metavar="CUES", help="make another take of these: 12,40-52 or flagged"
    )
    takes("--accept", action="append", default=[], metavar="CUE=SEED", help="use the take of this seed from now on")

    results = film.add_argument_group("results").add_argument
    results(
        "--stop-after",
        choices=("plan", "dub"),
        help="plan: find faces and speakers; dub: make the takes too, write no film",
    )
    results(
        "--report", type=Path, action="append", default=[], metavar="FILE", help="of every cue: .html, .csv or .json"
    )
    results("--export", nargs=2, metavar=("KIND", "FOLDER"), help=f"for another editor: {', '.join(EXPORTS)}")
    running = add_running_options(film, quiet="no progress bars, no last lines").add_argument
    running("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    running("--num-proc", type=int, default=1, metavar="N", help="processes (default %(default)s)")
    running("--dry-run", action="store_true", help="only check film, cues and voices; load and write nothing")
    film.set_defaults(run=_film)


def _film(arguments: argparse.Namespace) -> Result:
    from ..film.check import check_film
    from ..film.own_files import check_outputs
    from ..film.problems import raise_errors

    settings = _settings(arguments)
    _check_reports(arguments, settings.work_folder)
    if arguments.dry_run:
        checked = check_film(settings)
        _warn(problem for problem in checked.problems if not problem.is_error)
        raise_errors(checked.problems)
        _check_tracks(arguments)
        check_outputs(settings.work_folder, settings.output, arguments.subtitles, arguments.overwrite)
        spoken = sum(not cue.skip for cue in checked.cues)
        if not arguments.quiet:
            print(f"{spoken} of {len(checked.cues)} cues are to be dubbed; nothing was loaded or written.")
        return Result({"dry_run": True, "cues": spoken})
    return _dub_film(arguments, settings)


def _dub_film(arguments: argparse.Namespace, settings: Any) -> Result:
    with lean_imports() if arguments.own_process else nullcontext():
        from ..film.exporting import export_film
        from ..film.own_files import begin_own, check_outputs, note_own
        from ..film.progress import Bars
        from ..film.report import REPORT_NAME, film_report, write_report
        from ..film.run import run_film
        from ..film.separation import SeparationFailed
        from ..libraries import quiet_libraries
        from ..work.workers import world

    quiet_libraries()  # the judge that tells who speaks is loaded long before the model
    run = _run_settings(arguments)
    _check_tracks(arguments)
    if arguments.stop_after is None:
        check_outputs(settings.work_folder, settings.output, arguments.subtitles, arguments.overwrite)
    first = world()[0] == 0
    with Bars(disable=arguments.quiet or not first) as bars:
        plan = _plan(arguments, settings, bars)
        if first:
            _warn(plan.problems)
        if arguments.stop_after == "plan":
            if not first:
                return Result(None)
            if not arguments.quiet:
                print(_planned(plan))
            return Result(
                {"work": str(plan.settings.work_folder), "film": str(plan.source.path), "cues": plan.as_json()["cues"]}
            )
        try:
            done = run_film(
                plan,
                run,
                only=None if arguments.only is None else arguments.only.split(","),
                redo=[name for names in arguments.redo for name in names.split(",")],
                accept=dict(map(_accepted, arguments.accept)),
                stop_after=arguments.stop_after,
                on_progress=bars,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "stopped; takes that are done are kept, the same command goes on from them."
            ) from None
        except SeparationFailed as error:
            message = f"{error} All takes are kept; the same command goes on from them."
            print(f"flowdubber: error: {message}", file=sys.stderr)
            return Result({"work": str(plan.settings.work_folder), "output": None}, EXIT_FAILED, message)
    if not first:
        return Result(None)
    report = film_report(done)
    begin_own(plan.settings.work_folder, arguments.report)
    for path in (plan.settings.work_folder / REPORT_NAME, *arguments.report):
        write_report(path, report, done.plan)
    note_own(plan.settings.work_folder, arguments.report)
    if arguments.export is not None:
        export_film(done, arguments.export[0], Path(arguments.export[1]), arguments.overwrite)
    _say(arguments, done, report)
    failed = len(done.failed)
    problem = f"{failed} of {len(done.cues)} cues have no take." if failed else None
    return Result(report, EXIT_FAILED if failed else EXIT_DONE, problem)


class _LazyScore:
    """Loads the aligner when a film without sound shows several faces."""

    def __init__(self, model: str):
        self._model = model
        self._score: Any = None

    def __call__(self, text: str, crops: Any, seen: Any) -> float:
        if self._score is None:
            from ..film.script_score import ScriptScore

            self._score = ScriptScore(self._model)
        return self._score(text, crops, seen)


def _plan(arguments: argparse.Namespace, settings: Any, bars: Any) -> "FilmPlan":
    """By the first process; the others then find all that it found in the work folder."""
    from ..film.plan import plan_film
    from ..work.workers import join_world, world

    score = _LazyScore(settings.model)
    rank, processes = world()
    if processes == 1:
        return plan_film(settings, score, bars)
    from ..pipelines.flowdubber.loading import choose_device

    wait_for_everyone = join_world(processes, choose_device(arguments.device))
    if rank != 0:
        wait_for_everyone()
    plan = plan_film(settings, score, bars)
    if rank == 0:
        wait_for_everyone()
    return plan


def _settings(arguments: argparse.Namespace) -> Any:
    from ..film.settings import FilmSettings, read_rate

    names = (
        "film",
        "cues",
        "voices",
        "output",
        "work",
        "rttm",
        "speakers",
        "split_dashes",
        "timing",
        "shots",
        "faces",
        "borrow",
    )
    given = {name: getattr(arguments, name) for name in (*names, "max_phonemes_per_second", "model")}
    rate = None if arguments.cue_rate is None else read_rate(arguments.cue_rate)
    return FilmSettings(**given, cue_rate=rate)


def _run_settings(arguments: argparse.Namespace) -> Any:
    from ..film.run_settings import RunSettings

    names = (
        "seed",
        "best_of",
        "steps",
        "guidance_scale",
        "temperature",
        "device",
        "num_proc",
        "background",
        "separator",
    )
    given = {
        name: getattr(arguments, name)
        for name in (*names, "loudness", "stems", "subtitles", "embed_subtitles", "overwrite")
    }
    return RunSettings(**given, tracks=_tracks(arguments))


def _tracks(arguments: argparse.Namespace) -> Any:
    from ..film.streams import OutputTracks

    return OutputTracks(
        codec=arguments.audio_codec,
        layout=arguments.layout,
        language=arguments.language,
        keep_sound=not arguments.no_original_sound,
        transcode=arguments.transcode,
    )


def _check_tracks(arguments: argparse.Namespace) -> None:
    """Before faces are looked for, which takes long."""
    from ..film.streams import check_film_output

    for warning in check_film_output(arguments.film, arguments.output, _tracks(arguments)):
        print(f"flowdubber: warning: {warning}", file=sys.stderr)


def _check_reports(arguments: argparse.Namespace, work: Path) -> None:
    from ..film.own_files import is_own

    for path in arguments.report:
        if path.suffix.lower() not in (".html", ".csv", ".json"):
            raise ValueError(f"--report {path.name} must end in .html, .csv or .json.")
        if path.exists() and not arguments.overwrite and not is_own(work, path):
            raise ValueError(f"--report {path} exists; choose another name, or give --overwrite.")
    if arguments.export is not None and arguments.export[0] not in EXPORTS:
        raise ValueError(f"--export takes {', '.join(EXPORTS)} and a folder, got {arguments.export[0]!r}.")


def _accepted(text: str) -> tuple[str, int]:
    cue, _, seed = text.partition("=")
    if not cue or not seed.isdecimal():
        raise ValueError(f"--accept takes CUE=SEED, such as 12=3, got {text!r:.40}.")
    return cue, int(seed)


def _warn(problems: Any) -> None:
    for problem in problems:
        print(f"flowdubber: warning: {problem}", file=sys.stderr)


def _planned(plan: "FilmPlan") -> str:
    spoken = [cue for cue in plan.cues if cue.parts]
    kinds = [f"{sum(cue.timing == name for cue in spoken)} by {name}" for name in ("lips", "activity", "cue")]
    unsure = sum(cue.unsure for cue in spoken)
    return f"{len(spoken)} cues: {', '.join(kinds)}; {unsure} unsure who speaks; the plan is in {plan.settings.work_folder}"


def _say(arguments: argparse.Namespace, done: "DubbedFilm", report: dict[str, Any]) -> None:
    for cue in done.failed:
        print(f"flowdubber: error: {cue.plan.cue.problem(cue.problem)}", file=sys.stderr)
    if arguments.quiet:
        return
    made = sum(cue.made for cue in done.cues)
    totals, seconds = report["totals"], sum((done.seconds or {}).values())
    line = f"{totals['dubbed']} of {totals['cues']} cues have a take, {made} made now in {seconds:.0f} s, {totals['flagged']} with a flag"
    written = "no film was written" if done.output is None else f"wrote {done.output.path}"
    print(f"{line}; {written}")

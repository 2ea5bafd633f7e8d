"""`flowdubber prepare`: make a training dataset of recordings."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import shlex
from pathlib import Path
from typing import Any

from ..extras import pip_line
from .common import Result, add_command, add_running_options


def add_prepare(commands: Any) -> None:
    prepare = add_command(
        commands,
        "prepare",
        usage="flowdubber prepare INPUT OUTPUT [options]",
        summary="make a training dataset of recordings",
        description="Makes a training dataset of a folder of clips and transcripts: sound, mouth crops, phoneme times, voices, "
        "speech tokens. Give the same command again after a stop: finished clips are kept.",
        examples=[
            (
                "Your own clips, listed in my_clips/metadata.jsonl or .csv",
                "flowdubber prepare my_clips outputs/data/my_clips",
            ),
            (
                "GRID with its own word times, only the first hundred clips, to try it out",
                "flowdubber prepare grid outputs/data/grid --corpus grid --times given --limit 100",
            ),
            (
                "Two processes, word and phone times of the Montreal Forced Aligner",
                "flowdubber prepare my_clips outputs/data/my_clips --textgrids aligned --num-proc 2",
            ),
            (
                "The lines of a film whose speakers are seen, by its own subtitles",
                "flowdubber prepare film.mkv outputs/data/film --corpus film --cues film.srt",
            ),
        ],
        report={
            "output": "folder of the dataset",
            "written": "false if it was up to date already",
            "dataset": "content of report.json",
            "seconds": "in all",
            "processor_seconds": "of work on clips, by part",
        },
        notes=f"Needs an extra, installed in the folder of the repository:\n    {pip_line('train')}\n\nMore: docs/data.md.",
    )

    def option(group: Any, name: str, **settings: Any) -> None:
        names = dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"])
        group.add_argument(*names, dest=name, **settings)

    folders = prepare.add_argument_group("input and output")
    folders.add_argument(
        "input", type=Path, metavar="INPUT", help="folder with metadata.jsonl or .csv, a corpus, or a film"
    )
    folders.add_argument("output", type=Path, metavar="OUTPUT", help="folder of the dataset, created if missing")
    corpora = ("auto", "metadata", "grid", "chem", "v2c", "lrs", "film")
    option(folders, "corpus", default="auto", choices=corpora, help="layout of INPUT (default %(default)s)")
    option(
        folders, "name", help="of the source, first part of the clips' names (default: the corpus, or INPUT's name)"
    )
    option(
        folders,
        "license",
        metavar="ID",
        help="of the recordings, for the card: cc-by-4.0, ... (default: the corpus' own)",
    )
    option(
        folders, "textgrids", type=Path, metavar="FOLDER", help="TextGrids with words and phones, named as the clips"
    )
    option(folders, "follow_links", action="store_true", help="read links that lead out of INPUT too")
    option(folders, "limit", type=int, metavar="N", help="only the first N clips, to try it out")

    film = prepare.add_argument_group(
        "a film", "With --corpus film. Its clips are written beside OUTPUT, into OUTPUT.clips."
    )
    option(
        film, "cues", type=Path, metavar="FILE", help="subtitles of what is said: SRT, VTT, ASS, TTML or lines of JSON"
    )
    option(film, "rttm", type=Path, metavar="FILE", help="speakers of cues that name none, by a diarizer")

    content = prepare.add_argument_group("what is made of a clip")
    option(
        content,
        "times",
        default="forced",
        choices=("forced", "given"),
        help="where the corpus has word times: only compare them with the forced alignment's (forced, the default), or keep "
        "them (given)",
    )
    option(
        content,
        "lexicon",
        type=Path,
        metavar="FILE",
        help="your own pronunciations, lines of a word and its phonemes (see flowdubber say)",
    )
    option(
        content,
        "speech_tokenizer",
        default="bundled",
        metavar="FOLDER",
        help="makes the tokens; or bundled (default), or none",
    )
    option(content, "style_encoder", default="bundled", metavar="FOLDER", help="makes the voices (default bundled)")

    kept = prepare.add_argument_group("which clips stay")
    option(
        kept,
        "val_share",
        type=float,
        metavar="SHARE",
        help="share of train that becomes val if INPUT has none (default 1/30, 0: none)",
    )
    option(
        kept,
        "val_by",
        default="clip",
        choices=("clip", "speaker"),
        help="val holds other clips (default), or other voices",
    )
    option(
        kept,
        "min_face_share",
        type=float,
        metavar="SHARE",
        help="drop clips with a face in fewer of their frames (default 0.5)",
    )
    option(
        kept,
        "min_alignment_score",
        type=float,
        metavar="SCORE",
        help="drop clips whose text fits worse (default -40; 0 is the best)",
    )
    option(
        kept,
        "max_word_difference",
        type=float,
        metavar="SECONDS",
        help="drop clips whose given word times are further off (default 0.25)",
    )
    option(
        kept,
        "max_length_difference",
        type=float,
        metavar="SECONDS",
        help="drop clips whose sound and picture differ more (default 0.5)",
    )

    running = add_running_options(prepare)
    option(running, "num_proc", type=int, metavar="N", help="processes (default: as many as there are cores)")
    option(running, "device", default="cpu", help="for voices and tokens: cpu (default), cuda, ...")
    prepare.set_defaults(run=_prepare)


def _prepare(arguments: argparse.Namespace) -> Result:
    from ..data.prepare import PrepareSettings, prepare
    from ..data.report import summary
    from ..work.workers import available_cores

    chosen = {name: value for name, value in vars(arguments).items() if value is not None}
    if arguments.corpus == "film":
        chosen |= _film_clips(arguments)
    elif arguments.cues is not None or arguments.rttm is not None:
        raise ValueError("--cues and --rttm belong to --corpus film.")
    known = {name: chosen[name] for name in PrepareSettings.__dataclass_fields__ if name in chosen}
    settings = PrepareSettings(**{"num_proc": available_cores(), **known})
    try:
        done = prepare(settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; finished clips are kept, the same command goes on with the rest.") from None
    if not arguments.quiet:
        print("\n".join(summary(done.report)))
        work = sum(done.work_seconds.values())
        parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in done.work_seconds.items())
        print(f"{done.seconds:.0f} s; {work:.0f} s of processor time on clips{f' ({parts})' if parts else ''}")
        begin = "wrote" if done.written else "up to date:"
        print(f"{begin} {settings.output} (why clips were dropped: report.json, report.png)")
        name = settings.output.resolve().name
        command = ["flowdubber", "push", str(settings.output), "--repo", f"USER/{name}", "--repo-type", "dataset"]
        print(f"to publish it, if its licence allows: {shlex.join(command)}")
    return Result(
        {
            "output": str(settings.output),
            "written": bool(done.written),
            "dataset": done.report,
            "seconds": done.seconds,
            "processor_seconds": done.work_seconds,
        }
    )


def _film_clips(arguments: argparse.Namespace) -> dict[str, Any]:
    """Writes the clips of a film; what `prepare` is told instead of the film."""
    from ..data.corpora import slug
    from ..film.plan import plan_film
    from ..film.progress import Bars
    from ..film.settings import FilmSettings
    from ..film.training_clips import write_training_clips
    from ..libraries import quiet_libraries

    if arguments.cues is None:
        raise ValueError("--corpus film needs --cues, the subtitles of what is said in it.")
    quiet_libraries()
    folder = arguments.output.with_name(f"{arguments.output.name}.clips")
    settings = FilmSettings(
        film=arguments.input,
        cues=arguments.cues,
        voices=None,
        output=folder / "film.mkv",
        work=folder / "work",
        rttm=arguments.rttm,
    )
    with Bars(disable=arguments.quiet) as bars:
        plan = plan_film(settings, progress=bars)
        rows, left_out = write_training_clips(plan, folder, lambda share: bars("clips", share))
    if not arguments.quiet:
        print(f"{len(rows)} clips of {arguments.input} in {folder}")
        for number, reason in left_out.items():
            print(f"cue {number} is left out: {reason}")
    return {"input": folder, "corpus": "metadata", "name": arguments.name or slug(arguments.input.stem)}

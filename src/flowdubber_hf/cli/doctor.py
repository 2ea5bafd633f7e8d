"""`flowdubber doctor`: is a model whole, and does it work?"""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..libraries import quiet_libraries
from .common import (
    EXIT_DONE,
    EXIT_FAILED,
    Result,
    add_command,
    add_running_options,
    check_output_folder,
)


def add_doctor(commands: Any) -> None:
    doctor = add_command(
        commands,
        "doctor",
        summary="check a model or a part: files, settings, a trial of each part",
        description="Loads a model, or single parts of one, compares every setting with the others, looks for damaged files and "
        "values that are not finite, and tries each part out: tokenises a voice and makes it again, vocodes its mel, lets the "
        "language model speak, reads the lips of the drawn demo head and dubs it. Prints what is right (ok), what cannot work (wrong) and "
        "hints for those who train it (note: no damage). The exit code is 0 if nothing is wrong and 1 otherwise. It does not say "
        "how good the speech is; flowdubber evaluate does.",
        examples=[
            ("The bundled model", "flowdubber doctor flowdubber-grid-tiny"),
            ("A converted part, with a real voice, and its sounds to listen to",
             "flowdubber doctor parts/vocoder --voice voice.wav --sounds listen"),
            ("Where the time of a dub goes on this machine", "flowdubber doctor flowdubber-grid-tiny --no-trials --profile"),
            ("A model of the Hub, for a program", "flowdubber doctor someone/some-model --json - --quiet"),
        ],
        report={
            "model": "as given",
            "healthy": "whether nothing is wrong",
            "counts": "findings by level: ok, note, wrong",
            "findings": "part, level, message and values of each",
            "profile": "with --profile: stage, seconds and processor_seconds of each, the last of them total",
        },
    )  # fmt: skip
    given = doctor.add_argument_group("input")
    given.add_argument(
        "model", metavar="MODEL", help="bundled name, folder or Hub id; or the folder of a part, or of parts"
    )
    given.add_argument(
        "--voice", type=Path, metavar="FILE", help="a recording to try it with (default: the demo's voice)"
    )
    given.add_argument("--no-trials", action="store_true", help="look at files, weights and settings only")
    given.add_argument(
        "--profile",
        action="store_true",
        help="measure what each stage of a dub costs on this machine: medians of five dubs of the drawn clip",
    )
    output = doctor.add_argument_group("output")
    output.add_argument(
        "--sounds", type=Path, metavar="FOLDER", help="write the sounds that the trials made here, as wav"
    )
    output.add_argument("--overwrite", action="store_true", help="also write into a folder that is not empty")
    running = add_running_options(doctor, quiet="print only what is not ok")
    running.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps or auto (default)")
    doctor.set_defaults(run=_doctor)


def _doctor(arguments: argparse.Namespace) -> Result:
    from ..diagnosis import Finding, examine
    from ..diagnosis.findings import LEVELS, OK
    from ..diagnosis.profile import profile_lines
    from ..pipelines.flowdubber.loading import choose_device
    from ..processing.audio import SAMPLING_RATE, load_audio
    from ..processing.references import check_reference
    from ..processing.video import write_wav

    quiet_libraries()
    if arguments.sounds is not None and arguments.no_trials:
        raise ValueError("--sounds needs the trials that --no-trials leaves out.")
    if arguments.sounds is not None:
        check_output_folder(arguments.sounds, arguments.overwrite)
    voice = None
    if arguments.voice is not None:
        voice = load_audio(arguments.voice)
        check_reference(voice, f"--voice {arguments.voice}")

    def tell(finding: Finding) -> None:
        if not arguments.quiet or finding.level != OK:
            print(finding.line(), flush=True)

    checkup = examine(
        arguments.model, choose_device(arguments.device), voice, not arguments.no_trials, tell, arguments.profile
    )
    if arguments.sounds is not None:
        arguments.sounds.mkdir(parents=True, exist_ok=True)
        for name, sound in checkup.sounds.items():
            write_wav(arguments.sounds / f"{name}.wav", sound.numpy(), SAMPLING_RATE, overwrite=arguments.overwrite)
    counts = {level: sum(finding.level == level for finding in checkup.findings) for level in LEVELS}
    if checkup.costs and not arguments.quiet:
        print("\n".join(profile_lines(checkup.costs, checkup.duration)))
    if not arguments.quiet:
        print(f"{counts['ok']} ok, {counts['note']} to know, {counts['wrong']} wrong")
        if counts["note"] and not counts["wrong"]:
            print("nothing is damaged: notes say what the model does not do well yet, for those who train it")
    findings = [
        {"part": one.part, "level": one.level, "message": one.text, "values": dict(one.values)}
        for one in checkup.findings
    ]
    report = {"model": arguments.model, "healthy": checkup.healthy, "counts": counts, "findings": findings}
    if arguments.profile:
        report["profile"] = [asdict(cost) for cost in checkup.costs]
    return Result(
        report,
        exit_code=EXIT_DONE if checkup.healthy else EXIT_FAILED,
        problem=None if checkup.healthy else f"{counts['wrong']} things are wrong with {arguments.model}",
    )

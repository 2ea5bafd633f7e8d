"""Dubs a film whose truth is known and measures everything that a film must keep; the table goes into docs/benchmarks.md.

    python examples/benchmark_film.py --output outputs/film --data ../shared/data/grid --docs .
    python examples/benchmark_film.py --output outputs/short --data ../shared/data/grid --num-cues 16 --gap 1 --kills 5

The film is that of make_test_film.py: 60 cues and 12 minutes, or fewer. The command `flowdubber film` runs as a user runs it, so that its
seconds, processor seconds and memory are those of the whole. Steps: `dub` (all that is measured of one film), `mute` (the speakers
without the film's sound), `processes` (two processes, and two of `accelerate launch`), `kills` (`kill -9` at random moments, and the same
command again), `redo` (one cue again, and back). What a step found is kept in `OUTPUT/figures.json`; a step that is not asked for
stands in the table as it was found before. (`pip install pyloudnorm` for a second opinion on loudness.)
"""
# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

import make_test_film
from film_figures import (
    Dubbed,
    alone_starts,
    both,
    cuts_f1,
    film_starts,
    lip_rows,
    measure_sound,
    slope,
    speakers_right,
)
from flowdubber_hf.dubbing.loading import load_pipeline
from flowdubber_hf.processing.media import create_media, open_media
from flowdubber_hf.work.hashing import hash_file
from pages import insert, update_json


SECTION = "figures whole_film"
FIGURES = "figures.json"
_COMMAND = (sys.executable, "-m", "flowdubber_hf", "film")


# ---------------------------------------------------------------------------------------------------------------------
# Runs


@dataclass(frozen=True)
class Ran:
    """A command that came to its end.

    Attributes:
        wall, processor: seconds; the latter of all its processes.
        memory: most bytes that one process held.
    """

    wall: float
    processor: float
    memory: int


def call(command: Sequence[str], log: Path) -> Ran:
    """Runs a command to its end.

    Raises:
        RuntimeError: it failed; with the last lines of what it said.
    """
    begun = time.monotonic()
    with log.open("wb") as said:
        started = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n" + log.read_text(errors="replace")[-2000:])
    return Ran(time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


@dataclass(frozen=True)
class Bench:
    """Where a film and what was made of it lie.

    Attributes:
        root: folder of everything.
        options: of the command line.
    """

    root: Path
    options: argparse.Namespace

    @property
    def folder(self) -> Path:
        return self.root / "film"

    def kept(self) -> dict[str, Any]:
        """What was found so far."""
        return json.loads((self.root / FIGURES).read_text(encoding="utf-8"))

    def dubbed(self, name: str = "dubbed") -> Dubbed:
        return Dubbed(self.folder, self.root / f"{name}.mkv", self.root / f"{name}.work")

    def command(self, name: str, *more: str, film: Path | None = None) -> list[str]:
        """`flowdubber film` into `NAME.mkv`."""
        made = self.dubbed(name)
        files = ["--cues", self.folder / "film.vtt", "--voices", self.folder / "voices.toml"]
        files += ["--output", made.output, "--work", made.work]
        given = [*_COMMAND, str(film or made.film), *map(str, files), "--quiet", "--device", "cpu"]
        return [*given, "--model", self.options.model, *more]

    def run(self, name: str, *more: str, film: Path | None = None) -> Ran:
        return call(self.command(name, *more, film=film), self.root / f"{name}.log")

    def forget(self, name: str) -> Dubbed:
        """Removes what an earlier run of this name wrote."""
        made = self.dubbed(name)
        shutil.rmtree(made.work, ignore_errors=True)
        made.output.unlink(missing_ok=True)
        return made

    def with_plan(self, name: str) -> Dubbed:
        """A new work folder that has the faces of the first run's: no step looks for them again."""
        made, first = self.forget(name), self.dubbed()
        made.work.mkdir()
        shutil.copytree(first.work / "shots", made.work / "shots")
        shutil.copyfile(first.work / "shots.json", made.work / "shots.json")
        return made


def make_film(bench: Bench) -> None:
    """The film, once."""
    given = bench.options
    asked = ["--output", str(bench.folder), "--num-cues", str(given.num_cues), "--gap", str(given.gap)]
    asked += ["--scale", str(given.scale), *(["--data", str(given.data)] if given.data else [])]
    if not (bench.folder / "truth.json").is_file():
        make_test_film.main(asked)


# ---------------------------------------------------------------------------------------------------------------------
# Steps


def measure_dub(bench: Bench) -> dict[str, Any]:
    """One run from nothing, and all that is measured of its film."""
    made = bench.forget("dubbed")
    ran = bench.run("dubbed", "--stems")
    plan = json.loads((made.work / "plan.json").read_text(encoding="utf-8"))
    speech = sum(row["words"][-1][2] - row["words"][0][1] for row in made.truth["cues"] if row["words"])
    found = {
        "date": str(date.today()),
        "film_seconds": made.truth["frames"] / 25,
        "speech_seconds": speech,
        "cues": len(made.rows),
        "failed": made.report["totals"]["failed"],
        "wall": ran.wall,
        "processor": ran.processor,
        "memory": ran.memory,
        "seconds": made.report["seconds"],
        "cuts_f1": cuts_f1(plan, made.truth),
        "cuts": len(made.truth["cuts"]),
        "speakers": speakers_right(plan, made.truth),
        "digest": hash_file(made.output),
        "takes": takes_of(made),
    }
    found |= measure_sound(made, bench.root / "track.wav")
    return found | ({"starts": measure_starts(made, bench.options.model)} if lip_rows(made) else {})


def measure_starts(made: Dubbed, model: str) -> dict[str, Any]:
    pipe = load_pipeline(model, "cpu")
    pipe.set_progress_bar_config(disable=True)
    film, alone = both(film_starts(made), list(alone_starts(made, pipe)))
    rise, error = slope(*film)
    return {
        "words": len(film[0]),
        "film_ms": 1e3 * float(np.abs(film[0]).mean()),
        "alone_ms": 1e3 * float(np.abs(alone[0]).mean()),
        "slope": rise,
        "slope_error": error,
    }


def takes_of(made: Dubbed) -> dict[str, str]:
    """Hash of every take that there is, by its name."""
    return {str(file.relative_to(made.work)): hash_file(file) for file in sorted(made.work.glob("takes/*/*.wav"))}


def measure_mute(bench: Bench) -> dict[str, Any]:
    """The same film without its sound, planned."""
    mute = bench.root / "mute.mkv"
    without_sound(bench.folder / "film.mkv", mute)
    made = bench.forget("mute_plan")
    bench.run("mute_plan", "--stop-after", "plan", film=mute)
    plan = json.loads((made.work / "plan.json").read_text(encoding="utf-8"))
    return {"speakers_mute": speakers_right(plan, made.truth)}


def without_sound(film: Path, target: Path) -> None:
    with open_media(film) as source, create_media(target) as copy:
        pictures = source.streams.video[0]
        stream = copy.add_stream_from_template(pictures)
        for packet in source.demux(pictures):
            if packet.size:
                packet.stream = stream
                copy.mux(packet)


def measure_processes(bench: Bench) -> dict[str, Any]:
    """Whether two processes, and two of `accelerate launch`, come to the bytes of one."""
    first = bench.dubbed()
    digest, takes = hash_file(first.output), takes_of(first)
    found = {}
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    for name, command in (
        ("two", bench.command("two", "--num-proc", "2")),
        ("launched", [*launch, *bench.command("launched")[1:]]),
    ):
        made = bench.with_plan(name)
        ran = call(command, bench.root / f"{name}.log")
        same = hash_file(made.output) == digest and takes_of(made).items() <= takes.items()
        found[name] = {"same": same, "wall": ran.wall, "processor": ran.processor}
    return {"processes": found}


def measure_kills(bench: Bench) -> dict[str, Any]:
    """Kills a run at random moments and begins it again, until so many kills have met it; a run that ends first is compared, and begun anew."""
    first, chance = bench.dubbed(), random.Random(bench.options.seed)
    digest, takes = hash_file(first.output), takes_of(first)
    longest = max(5.0, bench.options.kill_within or 0.6 * bench.kept()["wall"])
    kills, ends, same = 0, 0, True
    made = bench.forget("killed")
    stages: dict[str, int] = {}
    while kills < bench.options.kills:
        if killed_after(bench.command("killed"), chance.uniform(0.5, longest), bench.root / "killed.log"):
            kills += 1
            stage = stage_of(made)
            stages[stage] = stages.get(stage, 0) + 1
            continue
        ends += 1
        same &= hash_file(made.output) == digest and takes_of(made).items() <= takes.items()
        made = bench.forget("killed")
    bench.run("killed")
    same &= hash_file(made.output) == digest and takes_of(made).items() <= takes.items()
    left = [str(file) for file in (*made.work.rglob(".*"), *made.output.parent.glob(".*"))]
    return {"kills": {"count": kills, "ends": ends + 1, "same": same, "stages": stages, "left": left}}


def killed_after(command: Sequence[str], seconds: float, log: Path) -> bool:
    """Whether a command was still running when it was killed.

    Raises:
        RuntimeError: it failed by itself.
    """
    with log.open("wb") as said:
        started = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    try:
        code = started.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        return True
    if code:
        raise RuntimeError(f"{' '.join(command)} failed:\n" + log.read_text(errors="replace")[-2000:])
    return False


def stage_of(made: Dubbed) -> str:
    """How far a run has come, by what it left."""
    if not (made.work / "plan.json").is_file():
        return "planning"
    if not (made.work / "sound").is_dir():
        return "dubbing"
    return "assembling"


def measure_redo(bench: Bench) -> dict[str, Any]:
    """One cue again, and the take before it taken back."""
    first = bench.dubbed()
    rows = first.report["cues"]
    number = str(rows[len(rows) // 2]["number"])
    before, digest = takes_of(first), hash_file(first.output)
    ran = bench.run("dubbed", "--redo", number)
    after = takes_of(first)
    kept = before.items() <= after.items() and len(after) == len(before) + 1
    bench.run("dubbed", "--accept", f"{number}=0")
    back = hash_file(first.output) == digest
    return {"redo": {"wall": ran.wall, "processor": ran.processor, "kept": kept, "back": back}}


STEPS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "dub": measure_dub,
    "mute": measure_mute,
    "processes": measure_processes,
    "kills": measure_kills,
    "redo": measure_redo,
}


# ---------------------------------------------------------------------------------------------------------------------
# The table


def figure_rows(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """What is measured, its figure, what it should be, and whether it is."""
    rows = [("cuts found, F1", f"{found['cuts_f1']:.3f} of {found['cuts']} cuts", ">= 0.99", found["cuts_f1"] >= 0.99)]
    for name, title, least in (
        ("speakers", "speaker right, with the film's sound", 0.95),
        ("speakers_mute", "speaker right, without it", 0.85),
    ):
        if name in found:
            right = sum(one for _, one in found[name])
            share = right / len(found[name])
            rows.append(
                (
                    title,
                    f"{100 * share:.1f} % ({right} of {len(found[name])})",
                    f">= {100 * least:.0f} %",
                    share >= least,
                )
            )
    rows += _time_rows(found)
    before, after = found["loudness"]
    leak = found["leakage"]
    rows += [
        ("off-screen cues wholly inside their windows", f"{sum(found['inside'])} of {len(found['inside'])}", "all", all(found["inside"])),
        ("samples outside of windows that differ from the film's sound", str(found["changed_outside"]), "0", not found["changed_outside"]),
        ("the actor under the dub, worst cue", "none" if leak is None else f"{leak:.0f} dB", "<= -40 dB", leak is None or leak <= -40),
        ("loudness after less before", f"{after - before:+.2f} LU", "within 0.2", abs(after - before) <= 0.2),
        ("true peak of the decoded track", f"{found['true_peak']:.2f} dBTP", "<= -1", found["true_peak"] <= -1),
        ("length error of stems and mix", f"{found['length_error']} samples", "0", not found["length_error"]),
    ]  # fmt: skip
    rows += _run_rows(found)
    return rows


def _time_rows(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    rows = []
    if "starts" in found:
        one = found["starts"]
        more = one["film_ms"] - one["alone_ms"]
        rows += [
            ("word starts against the truth, in the film and the same clips alone", f"{one['film_ms']:.1f} and {one['alone_ms']:.1f} ms ({one['words']} words)", "+2 ms at most", more <= 2),
            ("slope of the word starts over ten minutes", f"{one['slope']:+.1f} ± {one['slope_error']:.1f} ms", "no more than its error", abs(one["slope"]) <= 2 * one["slope_error"]),
        ]  # fmt: skip
    lag, rise = found["lag_samples"], found["lag_slope"]
    rows.append(("takes out of their places in the decoded track, worst", f"{lag} samples", "0", lag == 0))
    rows.append(("slope of their places over ten minutes", f"{rise:+.3f} ms", "< 1 ms", abs(rise) < 1))
    return rows


def _run_rows(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    rows = []
    if "redo" in found:
        one = found["redo"]
        rows += [
            ("`--redo` of a cue", f"{one['wall']:.0f} s, {one['processor']:.0f} processor seconds", "<= 8 s", one["wall"] <= 8),
            ("every other take's bytes after it; the film's after `--accept`", _same(one["kept"] and one["back"]), "the same", one["kept"] and one["back"]),
        ]  # fmt: skip
    if "kills" in found:
        one = found["kills"]
        where = ", ".join(f"{count} {stage}" for stage, count in one["stages"].items())
        rows.append(
            (
                f"{one['count']} times `kill -9` ({where}): the film's bytes",
                _same(one["same"]),
                "the same",
                one["same"],
            )
        )
    for name, title in (("two", "two processes"), ("launched", "`accelerate launch` with two")):
        if name in found.get("processes", {}):
            one = found["processes"][name]
            rows.append((f"{title}: the film's bytes", _same(one["same"]), "the same", one["same"]))
    wall, processor = (found[name] / found["film_seconds"] for name in ("wall", "processor"))
    share = found["speech_seconds"] / found["film_seconds"]
    rows += [
        ("most memory of the process", f"{found['memory'] / 1e9:.2f} GB", "<= 1.2 GB", found["memory"] <= 1.2e9),
        (f"time from film to film over the film's length (speech: {100 * share:.0f} % of it)", f"{wall:.2f}; processor {processor:.2f}", "<= 0.6", wall <= 0.6),
    ]  # fmt: skip
    return rows


def _same(is_same: bool) -> str:
    return "the same" if is_same else "others"


def table(found: dict[str, Any], about: str) -> str:
    """The figures for docs/benchmarks.md; what misses its mark is bold."""
    minutes = found["film_seconds"] / 60
    lines = [
        f"{about}: {minutes:.1f} minutes, {found['cues']} cues dubbed, {found['failed']} failed, {found['date']}.",
        "",
    ]
    lines += ["| | measured | wanted |", "|---|---|---|"]
    for title, figure, wanted, met in figure_rows(found):
        lines.append(f"| {title} | {figure if met else f'**{figure}**'} | {wanted} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder of everything that is made")
    parser.add_argument("--data", type=Path, help="folder of GRID's clips; without it the drawn head speaks")
    parser.add_argument("--num-cues", type=int, default=60, help="of the film (default: 60)")
    parser.add_argument(
        "--gap", type=float, default=7.3, help="mean seconds between its cues (default: 7.3, 12 minutes in all)"
    )
    parser.add_argument("--scale", type=float, default=2.0, help="of 360 x 288 pixels (default: 2)")
    parser.add_argument("--model", default="flowdubber-grid-tiny")
    parser.add_argument("--kills", type=int, default=20, help="how often a run is killed (default: 20)")
    parser.add_argument("--kill-within", type=float, help="seconds after which at most (default: 0.6 of a whole run)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--steps", nargs="+", choices=tuple(STEPS), default=list(STEPS), help="(default: all)")
    parser.add_argument("--docs", type=Path, help="folder of the repository whose docs/benchmarks.md gets the table")
    options = parser.parse_args(argv)
    bench = Bench(options.output.absolute(), options)
    bench.root.mkdir(parents=True, exist_ok=True)
    make_film(bench)
    for name in STEPS:
        if name in options.steps:
            print(f"== {name}", flush=True)
            update_json(bench.root / FIGURES, **STEPS[name](bench))
    cast = "People of GRID's clips" if options.data else "The drawn head"
    text = table(bench.kept(), cast)
    print(text)
    if options.docs is not None:
        insert(options.docs / "docs" / "benchmarks.md", SECTION, text)


if __name__ == "__main__":
    main()
